"""DNGO: the linear regression against scikit-learn's, and what the network makes of planted functions."""

import sys

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import multivariate_normal
from sklearn.linear_model import BayesianRidge, Ridge

from metalearn.core.encoded_space import EncodedColumn, Encoding
from metalearn.errors import InputError, MissingDependencyError
from metalearn.surrogates.neural_linear import Line, NeuralLinear

KIND = EncodedColumn("kind", "categorical", ("a", "b"), n_values=2)
CHILD = EncodedColumn("x", "numeric", parent="kind")
MIXED = Encoding((KIND, CHILD, EncodedColumn("z", "numeric")))


def regression(n, h, noise, seed=0):
    rng = np.random.default_rng(seed)
    features, weights = rng.normal(size=(n, h)), rng.normal(size=h)
    return features, features @ weights + noise * rng.normal(size=n)


def test_the_posterior_is_that_of_ridge_regression():
    features, y = regression(30, 5, 0.3)
    line = Line.fit(features, y, (0.7, 0.09))
    np.testing.assert_allclose(line.mean, Ridge(alpha=0.7, fit_intercept=False).fit(features, y).coef_)
    covariance = 0.09 * np.linalg.inv(features.T @ features + 0.7 * np.eye(5))
    np.testing.assert_allclose(line.root @ line.root.T, covariance)


@pytest.mark.parametrize(("n", "h"), [(40, 6), (8, 20)])
def test_the_precisions_have_the_largest_evidence(n, h):
    features, y = regression(n, h, 0.4)
    line = Line.fit(features, y)

    def evidence(ratio, noise):
        return multivariate_normal(np.zeros(n), noise * (np.eye(n) + features @ features.T / ratio)).logpdf(y)

    best = evidence(line.ratio, line.noise)
    for a in (0.7, 1.0, 1.4):
        for b in (0.7, 1.0, 1.4):
            assert evidence(line.ratio * a, line.noise * b) <= best + 0.02


def test_the_precisions_are_those_of_scikit_learn():
    features, y = regression(200, 6, 0.4)
    theirs = BayesianRidge(fit_intercept=False, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-9).fit(features, y)
    line = Line.fit(features, y)
    assert line.noise == pytest.approx(1 / theirs.alpha_, rel=0.02)
    assert line.ratio == pytest.approx(theirs.lambda_ / theirs.alpha_, rel=0.2)
    mean, std = line.predict(features[:5])
    their_mean, their_std = theirs.predict(features[:5], return_std=True)
    np.testing.assert_allclose(mean, their_mean, rtol=0.01, atol=0.01)
    np.testing.assert_allclose(np.sqrt(std**2 + line.noise), their_std, rtol=0.02)


def planted(n, seed):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(2, size=n), rng.random((n, 2))]).astype(float)
    loss = np.where(X[:, 0] == 1, np.sin(5 * X[:, 1]), 2.0) + X[:, 2] ** 2
    X[X[:, 0] == 0, 1] = np.nan
    return X, 10 + 0.1 * loss


@pytest.fixture(scope="module")
def fitted():
    pytest.importorskip("torch")
    X, loss = planted(80, 0)
    return NeuralLinear(MIXED, n_steps=150).fit(X, loss, rng=np.random.default_rng(0))


def test_learns_a_conditional_function_and_knows_how_well(fitted):
    X, loss = planted(300, 1)
    mean, std = fitted.predict(X)
    assert np.sqrt(np.mean((loss - mean) ** 2)) < 0.25 * loss.std()
    z = np.abs(loss - mean) / np.hypot(std, fitted.noise_std)
    for level in (0.8, 0.95):  # errors have heavier tails than a Gaussian, so that half of them lie closer
        assert abs(np.mean(z < -ndtri((1 - level) / 2)) - level) < 0.2


def test_draws_have_the_mean_the_deviation_and_the_correlations(fitted):
    X, _ = planted(6, 2)
    draws = fitted.sample(X, 20_000, np.random.default_rng(0))
    mean, std = fitted.predict(X)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.05 * std.max())
    np.testing.assert_allclose(draws.std(axis=0), std, rtol=0.05)
    twice = fitted.sample(np.repeat(X[:1], 2, axis=0), 3, np.random.default_rng(0))
    np.testing.assert_allclose(twice[:, 0], twice[:, 1])


def test_conditioned_on_the_same_rows_it_is_the_same(fitted):
    X, loss = planted(80, 0)
    again = fitted.conditioned(X, loss)
    for one, other in zip(fitted.predict(X), again.predict(X), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    more = fitted.conditioned(np.vstack([X, X[:1], X[:1]]), np.append(loss, [9.0, 9.0]))
    assert more.predict(X[:1])[0] < fitted.predict(X[:1])[0]
    assert more.predict(X[:1])[1] < fitted.predict(X[:1])[1]


@pytest.mark.parametrize("n", [9, 10, 30])
def test_is_never_certain_however_equal_losses_are(n):
    encoding = Encoding((EncodedColumn("x", "numeric"),))
    X = np.linspace(0, 1, n)[:, None]
    predictor = NeuralLinear(encoding, n_steps=20).fit(X, np.full(n, 0.3), rng=np.random.default_rng(0))
    mean, std = predictor.predict(X)
    np.testing.assert_allclose(mean, 0.3, atol=1e-6)
    assert (std > 0).all()


def test_refuses_wrong_parameters():
    for options in ({"n_layers": 0}, {"n_folds": 1}, {"learning_rate": 0.0}, {"weight_decay": -1.0}):
        with pytest.raises(InputError):
            NeuralLinear(MIXED, **options)


def test_without_torch_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    X, loss = planted(5, 0)
    with pytest.raises(MissingDependencyError, match="pip install torch safetensors"):
        NeuralLinear(MIXED).fit(X, loss, rng=np.random.default_rng(0))
