"""Hyperboost: planted steps, calibrated and distance-aware deviations, joint draws."""

import numpy as np
import pytest
from scipy.special import ndtri

from metalearn.core.encoded_space import EncodedColumn, Encoding
from metalearn.errors import InputError
from metalearn.surrogates.quantile_boosting import QuantileBoosting

KIND = EncodedColumn("kind", "categorical", ("a", "b"), n_values=2)
CHILD = EncodedColumn("x", "numeric", parent="kind")
MIXED = Encoding((KIND, CHILD, EncodedColumn("z", "numeric")))


def planted(n, seed, noise=0.2):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(2, size=n), rng.random((n, 2))]).astype(float)
    loss = np.where(X[:, 0] == 1, 4 * X[:, 1], 1.0) + (X[:, 2] > 0.5) + noise * rng.normal(size=n)
    X[X[:, 0] == 0, 1] = np.nan
    return X, loss


@pytest.fixture(scope="module")
def fitted():
    X, loss = planted(100, 0)
    return QuantileBoosting(MIXED).fit(X, loss, rng=np.random.default_rng(0))


def test_learns_a_conditional_function_and_knows_how_well(fitted):
    X, loss = planted(400, 1)
    mean, std = fitted.predict(X)
    assert np.sqrt(np.mean((loss - mean) ** 2)) < 0.4 * loss.std()
    z = np.abs(loss - mean) / std
    for level in (0.8, 0.95):  # errors have heavier tails than a Gaussian, so that half of them lie closer
        assert -0.05 < np.mean(z < -ndtri((1 - level) / 2)) - level < 0.18


def test_is_less_sure_far_from_what_it_has_seen():
    x = np.linspace(0, 0.5, 40)[:, None]
    model = QuantileBoosting(Encoding((EncodedColumn("x", "numeric"),)))
    predictor = model.fit(x, np.sin(12 * x[:, 0]), rng=np.random.default_rng(0))
    _, std = predictor.predict(np.array([[0.45], [0.6], [0.8], [1.0]]))
    assert predictor.reach > 0
    assert (np.diff(std[1:]) > 0).all()
    mean, _ = predictor.predict(np.array([[0.6], [1.0]]))
    assert mean[0] == mean[1]


def test_draws_have_the_mean_the_deviation_and_go_together_where_leaves_do(fitted):
    X, _ = planted(5, 2)
    X = np.vstack([X, X[:1]])
    draws = fitted.sample(X, 4_000, np.random.default_rng(0))
    mean, std = fitted.predict(X)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.1 * std.max())
    np.testing.assert_allclose(draws.std(axis=0), std, rtol=0.08)
    np.testing.assert_allclose(draws[:, 0], draws[:, -1])
    correlations = np.corrcoef(draws.T)
    assert correlations.min() > -0.1
    assert correlations[0, 1:-1].min() < 0.9


def test_moves_and_scales_with_the_losses(fitted):
    X, loss = planted(100, 0)
    moved = QuantileBoosting(MIXED).fit(X, 1000 + 50 * loss, rng=np.random.default_rng(0))
    (mean, std), (moved_mean, moved_std) = fitted.predict(X), moved.predict(X)
    np.testing.assert_allclose(moved_mean, 1000 + 50 * mean, rtol=1e-3)
    np.testing.assert_allclose(moved_std, 50 * std, rtol=0.05)


def test_refuses_wrong_parameters():
    for options in ({"n_trees": 0}, {"n_leaves": 1}, {"min_leaf": 0}, {"learning_rate": 0.0}, {"n_folds": 1}):
        with pytest.raises(InputError):
            QuantileBoosting(MIXED, **options)
