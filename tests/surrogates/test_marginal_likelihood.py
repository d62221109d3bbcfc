"""The density of hyperparameters: as scipy's distributions give it, with the right gradient; planted ones are found."""

import numpy as np
import pytest
from scipy import stats
from sklearn.gaussian_process.kernels import Matern

from metalearn.core.encoded_space import EncodedColumn, Encoding, Floats
from metalearn.surrogates import marginal_likelihood as module
from metalearn.surrogates.kernels import Embedding
from metalearn.surrogates.marginal_likelihood import LEVEL, Hyperparameters, LogPosterior, most_likely


def standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())


def mixed(n: int, seed: int) -> tuple[LogPosterior, int]:
    columns = (
        EncodedColumn("x", "numeric"),
        EncodedColumn("c", "categorical", ("a", "b", "c")),
        EncodedColumn("child", "numeric", parent="c"),
    )
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.uniform(size=n), rng.integers(3, size=n) / 2, rng.uniform(size=n)])
    X[X[:, 1] == 0, 2] = np.nan
    embedding = Embedding(Encoding(columns))
    return LogPosterior(embedding.points(X), embedding.owners, standardised(rng.normal(size=n)), 3), 3


@pytest.mark.parametrize("seed", range(4))
def test_gradient_is_that_of_finite_differences(seed: int) -> None:
    density, d = mixed(25, seed)
    logs = np.random.default_rng(seed).normal(size=d + 2)
    steps = 1e-5 * np.eye(d + 2)
    numeric = [(density(logs + step)[0] - density(logs - step)[0]) / 2e-5 for step in steps]
    assert density(logs)[1] == pytest.approx(np.array(numeric), rel=1e-5, abs=1e-5)


def test_density_is_that_of_its_distributions() -> None:
    rng = np.random.default_rng(0)
    Z, y = rng.uniform(size=(12, 2)), standardised(rng.normal(size=12))
    density = LogPosterior(Z, np.arange(2), y, 2)

    def expected(logs: Floats) -> float:
        lengths, (signal, noise) = np.exp(logs[:2]), np.exp(logs[2:])
        covariance = signal * Matern(lengths, nu=2.5)(Z) + LEVEL + (noise + module.LEAST_NOISE) * np.eye(12)
        prior = stats.norm(np.log(module.LENGTH), module.LENGTH_SD).logpdf(logs[:2]).sum()
        prior += stats.norm(np.log(module.SIGNAL), module.SIGNAL_SD).logpdf(logs[2])
        prior += stats.gamma(module.NOISE_SHAPE, scale=1 / module.NOISE_RATE).logpdf(noise)
        return float(prior + stats.multivariate_normal(np.zeros(12), covariance).logpdf(y))

    one, other = rng.normal(size=(2, 4))
    assert density(one)[0] - density(other)[0] == pytest.approx(expected(one) - expected(other))


def test_the_search_ends_at_a_maximum() -> None:
    rng = np.random.default_rng(1)
    Z = rng.uniform(size=(60, 3))
    y = standardised(np.sin(6 * Z[:, 0]) + Z[:, 1] + 0.1 * rng.normal(size=60))
    found = most_likely(Z, np.arange(3), y, 3)
    density = LogPosterior(Z, np.arange(3), y, 3)
    logs = np.log([*found.lengths, found.signal, found.noise - module.LEAST_NOISE])
    best, gradient = density(logs)
    assert np.abs(gradient).max() < 0.3
    assert all(density(logs + step)[0] < best for step in 0.3 * np.vstack([np.eye(5), -np.eye(5)]))
    assert found.lengths[0] < found.lengths[1] < found.lengths[2]


@pytest.mark.parametrize("std", [0.0, 0.5, 1.0])
def test_planted_noise_is_found(std: float) -> None:
    rng = np.random.default_rng(2)
    Z = rng.uniform(size=(120, 2))
    clean = standardised(np.sin(5 * Z[:, 0]) + np.cos(3 * Z[:, 1]))
    noise = most_likely(Z, np.arange(2), clean + std * rng.normal(size=120), 2).noise
    assert noise < 1e-4 if std == 0 else noise == pytest.approx(std**2, rel=0.3)


def test_points_are_measured_in_length_scales() -> None:
    theta = Hyperparameters.of_logs(np.log([2.0, 4.0, 1.0, 0.5]))
    assert theta.scaled(np.ones((1, 3)), np.array([0, 1, 1])) == pytest.approx(np.array([[0.5, 0.25, 0.25]]))
    assert (theta.signal, theta.noise) == pytest.approx((1.0, 0.5 + module.LEAST_NOISE))
