"""Parzen densities: against scipy's truncated Gaussians and Optuna's mixtures, and against their own draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import truncnorm

from metalearn.core.encoded_space import EncodedColumn, Encoding
from metalearn.errors import InputError
from metalearn.surrogates.parzen import Parzen

NUMBER = EncodedColumn("x", "numeric")
COUNT = EncodedColumn("n", "numeric", n_values=5)
KIND = EncodedColumn("kind", "categorical", ("a", "b", "c"), n_values=3)
CHILD = EncodedColumn("child", "numeric", parent="kind")


def parzen(*columns, **options):
    return Parzen(Encoding(columns), **options)


def density_of(*args, **kwargs):
    return np.exp(args[0].log_density(np.array(args[1], dtype=float)))


def test_a_number_is_a_mixture_of_truncated_gaussians_and_the_uniform_prior():
    density = parzen(NUMBER, narrowest=0.0, clip=0.0).fit(np.array([[0.1], [0.3], [0.6]]))
    x = np.linspace(0, 1, 11)
    expected = np.ones(11)
    for center, width in ((0.1, 0.2), (0.3, 0.3), (0.6, 0.3)):
        expected += truncnorm(-center / width, (1 - center) / width, center, width).pdf(x)
    np.testing.assert_allclose(density_of(density, x[:, None]), expected / 4, rtol=1e-12)


def test_a_product_kernel_keeps_the_columns_of_an_observation_together():
    density = parzen(NUMBER, NUMBER, narrowest=0.05, rule="fixed").fit(np.array([[0.1, 0.1], [0.9, 0.9]]))
    together, apart = density_of(density, [[0.1, 0.1], [0.1, 0.9]])
    assert together > 3 * apart


def test_whole_numbers_and_choices_have_the_probabilities_of_their_values():
    X = np.array([[0.25, 0.0], [0.5, 0.0], [0.25, 1.0]])
    density = parzen(COUNT, KIND, smoothing=1.0, narrowest=0.1, clip=0.0, rule="fixed").fit(X)
    grid = np.array([[n, k] for n in np.linspace(0, 1, 5) for k in (0.0, 0.5, 1.0)])
    probabilities = density_of(density, grid)
    assert probabilities.sum() == pytest.approx(1)
    width = 0.2 * 3 ** (-1 / 6)
    shares = [np.where(np.arange(3) / 2 == own, 1 - 3 / 7 + 1 / 7, 1 / 7) for own in (0, 0, 1)]
    expected = np.full(15, 1 / 15)
    for (center, _), share in zip(X, shares, strict=True):
        gaussian = truncnorm((-0.125 - center) / width, (1.125 - center) / width, center, width)
        edges = np.linspace(-0.125, 1.125, 6)
        expected += np.outer(np.diff(gaussian.cdf(edges)), share).ravel()
    np.testing.assert_allclose(probabilities, expected / 4, rtol=1e-9)


def test_agrees_with_optunas_mixture():
    pytest.importorskip("optuna")
    from optuna.samplers._tpe.probability_distributions import (
        _BatchedCategoricalDistributions,
        _BatchedTruncNormDistributions,
        _MixtureOfProductDistribution,
    )

    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(8), rng.integers(3, size=8) / 2])
    density = parzen(NUMBER, KIND).fit(X)
    one_hot = np.rint(X[:, 1] * 2)[:, None] == np.arange(3)
    theirs = _MixtureOfProductDistribution(
        weights=density.weights[:-1] / density.weights[:-1].sum(),
        distributions=[
            _BatchedTruncNormDistributions(X[:, 0], density.widths[:-1, 0], 0.0, 1.0),
            _BatchedCategoricalDistributions((one_hot + 1 / 9) / (1 + 3 / 9)),
        ],
    )
    points = np.column_stack([rng.random(20), rng.integers(3, size=20) / 2])
    ours = np.exp(density.log_density(points)) - density.weights[-1] / 3
    log_theirs = theirs.log_pdf(points * [1, 2])
    np.testing.assert_allclose(ours / (1 - density.weights[-1]), np.exp(log_theirs), rtol=1e-6)


def test_an_inactive_observation_says_nothing_about_a_number():
    X = np.array([[0.0, np.nan], [0.0, np.nan], [1.0, 0.2]])
    density = parzen(KIND, CHILD).fit(X)
    alone = parzen(KIND).fit(X[:, :1])
    inactive = [[0.0, np.nan], [0.5, np.nan], [1.0, np.nan]]
    np.testing.assert_allclose(density_of(density, inactive), density_of(alone, np.array(inactive)[:, :1]))
    x = (np.arange(2000) + 0.5) / 2000
    for kind in (0.0, 1.0):  # over what is active in a branch, the density has the branch's probability
        branch = density_of(density, np.column_stack([np.full(2000, kind), x])).mean()
        assert branch == pytest.approx(density_of(alone, [[kind]])[0], rel=1e-5)
    near, far = density_of(density, [[1.0, 0.2], [1.0, 0.9]])
    assert near > 1.5 * far


def test_nothing_observed_is_the_uniform_prior():
    density = parzen(NUMBER, COUNT, KIND).fit(np.empty((0, 3)))
    np.testing.assert_allclose(density_of(density, [[0.3, 0.25, 0.5], [0.9, 1.0, 0.0]]), 1 / 15)


def test_a_constant_counts_for_nothing():
    density = parzen(NUMBER, EncodedColumn("one", "numeric", n_values=1)).fit(np.array([[0.2, 1.0], [0.4, 1.0]]))
    alone = parzen(NUMBER, narrowest=0.03).fit(np.array([[0.2], [0.4]]))
    np.testing.assert_allclose(density_of(density, [[0.3, 1.0]]), density_of(alone, [[0.3]]))


def test_a_number_with_many_values_is_as_good_as_continuous():
    X = np.array([[0.2], [0.4], [0.9]])
    many, continuous = parzen(EncodedColumn("n", "numeric", n_values=1000)).fit(X), parzen(NUMBER).fit(X)
    np.testing.assert_array_equal(many.log_density(X), continuous.log_density(X))


def test_draws_follow_the_density():
    rng = np.random.default_rng(0)
    X = np.array([[0.1, 0.0, 0.0], [0.15, 0.25, 0.0], [0.7, 0.25, 1.0]])
    density = parzen(NUMBER, COUNT, KIND, rule="fixed").fit(X, np.array([3.0, 1.0, 1.0]))
    draws = density.sample(20_000, rng)
    draws[:, 1] = np.rint(draws[:, 1] * 4) / 4
    assert draws.min() >= 0
    assert draws.max() <= 1
    cells = np.column_stack([np.floor(draws[:, 0] * 4), draws[:, 1] * 4, draws[:, 2] * 2]).astype(int)
    observed = np.zeros((4, 5, 3))
    np.add.at(observed, tuple(cells.T), 1 / len(draws))
    x = (np.arange(400) + 0.5) / 400
    grid = np.array([[a, n, k] for a in x for n in np.arange(5) / 4 for k in np.arange(3) / 2])
    expected = density_of(density, grid).reshape(4, 100, 5, 3).mean(axis=1) / 4
    assert np.abs(observed - expected).max() < 0.01
    for other_axes in ((1, 2), (0, 2), (0, 1)):
        assert np.abs(observed.sum(axis=other_axes) - expected.sum(axis=other_axes)).max() < 0.015


def test_weights_pull_the_density():
    X = np.array([[0.2], [0.8]])
    left, right = density_of(parzen(NUMBER, rule="fixed", clip=0.0).fit(X, np.array([9.0, 1.0])), [[0.2], [0.8]])
    assert left > 3 * right
    equal = density_of(parzen(NUMBER).fit(X), [[0.5]])
    np.testing.assert_allclose(density_of(parzen(NUMBER).fit(X, np.zeros(2)), [[0.5]]), equal)


@pytest.mark.parametrize("rule", ["neighbors", "scott", "fixed"])
def test_no_kernel_is_narrower_than_asked_for(rule):
    same = np.full((6, 1), 0.4)
    assert parzen(NUMBER, rule=rule, narrowest=0.07, clip=0.0).fit(same).widths.min() >= 0.07
    assert parzen(NUMBER, rule=rule, narrowest=0.0, clip=1.0).fit(same).widths.min() >= 1 / 7
    assert np.isfinite(parzen(NUMBER, rule=rule, narrowest=0.0, clip=0.0).fit(same).log_density(same)).all()


@pytest.mark.parametrize("seed", [0, 5])  # where the interquartile range is the smaller spread, and where it is not
def test_scotts_rule(seed):
    x = np.random.default_rng(seed).normal(0.5, 0.1, 40)
    widths = parzen(NUMBER, rule="scott", narrowest=0.0, clip=0.0).fit(x[:, None]).widths[:-1, 0]
    spread = min(x.std(ddof=1), np.subtract(*np.percentile(x, [75, 25])) / 1.34)
    np.testing.assert_allclose(widths, 1.059 * spread * 40**-0.2)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.integers(0, 2)), max_size=6), st.integers(0, 2**32))
def test_probabilities_add_up_whatever_was_observed(rows, seed):
    X = np.array([[x, n / 4, k / 2] for x, n, k in rows]).reshape(-1, 3)
    density = parzen(NUMBER, COUNT, KIND).fit(X)
    x = (np.arange(100) + 0.5) / 100
    grid = np.array([[a, n, k] for a in x for n in np.arange(5) / 4 for k in np.arange(3) / 2])
    assert density_of(density, grid).sum() / 100 == pytest.approx(1, rel=2e-3)
    draws = [density.sample(5, np.random.default_rng(seed)) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    order = np.random.default_rng(seed).permutation(len(X))
    one, other = (parzen(NUMBER, COUNT, KIND, rule="fixed").fit(rows).log_density(grid) for rows in (X, X[order]))
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("options", [{"clip": -1.0}, {"prior": -1.0}, {"rule": "best"}])
def test_refuses_what_makes_no_density(options):
    with pytest.raises(InputError):
        parzen(NUMBER, **options)
