"""Output warping: Yeo and Johnson's function as in scipy, its inverse, its likelihood, and moments in losses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metalearn.core.encoded_space import Floats
from metalearn.surrogates.output_warping import POWERS, OutputWarping


def skewed(n: int = 200, seed: int = 0) -> Floats:
    return np.exp(np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize("power", POWERS)
def test_forward_is_the_function_of_yeo_and_johnson(power: float) -> None:
    loss = np.linspace(-3, 4, 15)
    assert OutputWarping(power=power).forward(loss) == pytest.approx(stats.yeojohnson(loss, power))


@pytest.mark.parametrize("power", POWERS)
def test_the_slope_is_the_derivative(power: float) -> None:
    warping = OutputWarping(0.3, 2.0, power, 0.1, 0.7)
    loss, h = np.linspace(-3, 4, 14), 1e-6
    numeric = (warping.forward(loss + h) - warping.forward(loss - h)) / (2 * h)
    assert np.exp(warping.log_slope(loss)) == pytest.approx(numeric, rel=1e-4)


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40),
    st.floats(1e-3, 1e3),
    st.floats(-1e3, 1e3),
)
def test_known_losses_come_back_in_their_order(losses: list[float], scale: float, shift: float) -> None:
    loss = np.round(np.array(losses), 3) * scale + shift
    warping = OutputWarping.fit(loss)
    warped = warping.forward(loss)
    assert np.isfinite(warped).all()
    assert warping.inverse(warped) == pytest.approx(loss, rel=1e-6, abs=1e-6 * (scale + abs(shift)))
    assert (np.diff(warped[np.argsort(loss)]) >= 0).all()


def test_warped_losses_are_standardised_whatever_their_unit() -> None:
    loss = skewed()
    warped = OutputWarping.fit(loss).forward(loss)
    assert (warped.mean(), warped.std()) == pytest.approx((0, 1))
    scaled = 5 - 3 + 1000 * loss
    assert OutputWarping.fit(scaled).forward(scaled) == pytest.approx(warped)


def test_the_power_is_the_most_likely_one() -> None:
    loss = skewed(60)
    fitted = OutputWarping.fit(loss)
    standard = (loss - fitted.center) / fitted.scale
    assert fitted.power == max(POWERS, key=lambda power: float(stats.yeojohnson_llf(power, standard)))


def test_planted_powers_are_found() -> None:
    normal = np.random.default_rng(1).normal(size=500)
    assert OutputWarping.fit(normal).power >= 0.75
    assert OutputWarping.fit(np.exp(2 * normal)).power <= 0
    assert OutputWarping.fit(np.exp(2 * normal), (1.0,)).power == 1


@pytest.mark.parametrize("power", [-0.5, 0.0, 0.5, 1.0])
def test_moments_are_those_of_draws(power: float) -> None:
    loss = skewed()
    warping = OutputWarping.fit(loss, (power,))
    mean, std = warping.moments(np.array([-0.5, 0.4]), np.array([0.1, 0.5]))
    draws = np.random.default_rng(3).normal([-0.5, 0.4], [0.1, 0.5], size=(100_000, 2))
    losses = warping.inverse(draws)
    assert mean == pytest.approx(losses.mean(axis=0), rel=0.01)
    assert std == pytest.approx(losses.std(axis=0), rel=0.02)


def test_bounded_powers_predict_no_infinite_losses() -> None:
    loss = np.array([0.10, 0.11, 0.12, 0.13, 0.2, 50.0, 80.0])
    warping = OutputWarping.fit(loss)
    assert warping.power < 0
    far = warping.inverse(np.array([-50.0, 3.0, 50.0, 1e6]))
    assert np.isfinite(far).all()
    assert far[2] == far[3] == pytest.approx(loss.max())
    assert np.isfinite(warping.moments(np.array([0.0, 5.0]), np.array([3.0, 3.0]))).all()


@pytest.mark.parametrize("loss", [np.array([0.3]), np.full(5, 0.3), np.array([0.3] * 9 + [0.7])])
def test_ties_are_no_trouble(loss: Floats) -> None:
    warping = OutputWarping.fit(loss)
    assert warping.inverse(warping.forward(loss)) == pytest.approx(loss)
    assert np.abs(warping.forward(loss)).max() < 10
