"""Acquisition functions against high-precision arithmetic, Monte Carlo and their own limits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from metalearn.core.encoded_space import EncodedColumn, Encoding
from metalearn.core.improvement import expected_improvement
from metalearn.optimizers.acquisition import (
    ACQUISITIONS,
    log_expected_improvement,
    log_h,
    log_probability_of_improvement,
    lower_confidence_bound,
    per_second,
    thompson,
)
from metalearn.surrogates.random_forest import RandomForest


def exact_log_h(z):
    with mpmath.workdps(80):
        z = mpmath.mpf(z)
        density = mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi)
        return float(mpmath.log(density + z * mpmath.erfc(-z / mpmath.sqrt(2)) / 2))


@pytest.mark.parametrize(
    "z", [30.0, 3.0, 0.0, -0.5, -0.999, -1.0, -1.001, -3.0, -40.0, -1e3, -8e3, -8.1919e3, -8.1921e3, -1e5, -1e7]
)
def test_log_h_is_exact_in_all_its_ranges(z):
    assert log_h(np.array([z]))[0] == pytest.approx(exact_log_h(z), rel=1e-14, abs=1e-15)


@given(st.floats(-1e6, 50), st.floats(1e-6, 1.0))
def test_log_h_increases(z, step):
    low, high = log_h(np.array([z, z + step]))
    assert low <= high
    assert np.isfinite(low)


def test_the_logarithm_of_expected_improvement_is_that():
    mean, std = np.meshgrid(np.linspace(-2, 2, 9), [0.2, 1.0, 3.0])
    plain = expected_improvement(mean, std, 0.5)
    np.testing.assert_allclose(log_expected_improvement(mean, std, 0.5), np.log(plain), rtol=1e-9, atol=1e-9)


def test_the_logarithm_tells_apart_what_expected_improvement_cannot():
    mean, std = np.array([50.0, 60.0, 70.0]), np.ones(3)
    assert (expected_improvement(mean, std, 0.0) == 0).all()
    assert (np.diff(log_expected_improvement(mean, std, 0.0)) < 0).all()


def test_probability_of_improvement_is_a_normal_probability():
    mean, std = np.array([0.0, 1.0, -4.0]), np.array([1.0, 2.0, 0.5])
    np.testing.assert_allclose(log_probability_of_improvement(mean, std, 0.3), norm.logcdf(0.3, mean, std), rtol=1e-12)


def test_the_confidence_bound_is_the_quantile_it_names():
    bound = 0.0 - lower_confidence_bound(np.array([2.0]), np.array([0.5]), 0.0)
    assert norm.cdf(bound[0], 2.0, 0.5) == pytest.approx(0.025, abs=1e-4)


@pytest.mark.parametrize("name", ACQUISITIONS)
@given(mean=st.floats(-5, 5), std=st.floats(0.1, 3), best=st.floats(-5, 5))
def test_a_smaller_mean_promises_more(name, mean, std, best):
    low, high = ACQUISITIONS[name](np.array([mean + 0.5, mean]), np.array([std, std]), best)
    assert low <= high
    if name != "ei":
        assert low < high or high > -1e-6  # a logarithm of a probability ends at 0


@pytest.mark.parametrize("name", [name for name in ACQUISITIONS if name != "log_pi"])
@given(mean=st.floats(-5, 5), std=st.floats(0.1, 3))
def test_more_uncertainty_promises_more(name, mean, std):
    low, high = ACQUISITIONS[name](np.array([mean, mean]), np.array([std, 2 * std]), 0.0)
    assert low <= high + 1e-12


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_certainty_leaves_an_order_and_no_nan(name):
    scores = ACQUISITIONS[name](np.array([0.0, 0.4, 0.9]), np.zeros(3), 0.5)
    assert not np.isnan(scores).any()
    assert scores[0] >= scores[1] >= scores[2]
    assert scores[0] > scores[2]
    if name == "ei":
        np.testing.assert_allclose(scores, [0.5, 0.1, 0.0])
    if name == "log_ei":
        np.testing.assert_allclose(scores[:2], np.log([0.5, 0.1]))


def test_seconds_count_as_much_as_improvement():
    # Half the improvement in a quarter of the time is twice as much a second.
    rates = per_second(np.log([1.0, 0.5]), np.log([40.0, 10.0]))
    assert rates[1] - rates[0] == pytest.approx(np.log(2))


def test_thompson_samples_choose_as_often_as_they_are_best():
    class Two:
        noise_std = 0.0

        def predict(self, X):
            raise NotImplementedError

        def sample(self, X, n, rng):
            return rng.normal([0.0, 0.5], 1.0, size=(n, 2))

    rng = np.random.default_rng(0)
    chosen = [thompson(Two(), np.zeros((2, 1)), rng).argmax() for _ in range(2000)]
    assert np.mean(chosen) == pytest.approx(norm.cdf(-0.5 / np.sqrt(2)), abs=0.035)


def test_thompson_draws_jointly_and_repeats_with_the_generator():
    encoding = Encoding((EncodedColumn("x", "numeric"),))
    X = np.linspace(0, 1, 20)[:, None]
    predictor = RandomForest(encoding).fit(X, X[:, 0] ** 2, rng=np.random.default_rng(0))
    first, again = (thompson(predictor, X, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
