"""Running trials: what is assumed of them, and how far local penalisation keeps others away."""

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, Float
from scipy.special import erfc

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.batches import lies, penalized, steepest

LINE = EncodedSpace(ConfigurationSpace(space=[Float("x", (0, 1))]))
PENDING = np.array([[0.2], [0.6]])


def predict(X):
    return 3 * X[:, 0], np.full(len(X), 0.1)


def test_the_believer_takes_the_prediction_and_the_liar_the_best():
    loss = np.array([0.7, 0.4])
    np.testing.assert_allclose(lies("kriging_believer", lambda X: 3 * X[:, 0], loss, PENDING), [0.6, 1.8])
    np.testing.assert_allclose(lies("constant_liar", lambda X: 3 * X[:, 0], loss, PENDING), [0.4, 0.4])


def test_the_steepest_slope_is_that_of_a_straight_line():
    X = np.random.default_rng(0).random((30, 1))
    assert steepest(X, 3 * X[:, 0], LINE) == pytest.approx(3)
    assert steepest(X, np.zeros(30), LINE) == 0
    assert steepest(X[[0, 0]], np.array([1.0, 1.0]), LINE) == 0


def test_penalties_are_those_of_the_paper():
    # Section 4.2: the product over pending points of erfc(-z) / 2, z = (L |x - x_j| - (m_j - M)) / sqrt(2 s_j^2).
    X = np.linspace(0, 1, 8)[:, None]
    score = penalized(lambda X: np.zeros(len(X)), predict, 0.1, PENDING, LINE, np.random.default_rng(0))
    z = (3 * np.abs(X - PENDING.T) - (3 * PENDING.T - 0.1)) / np.sqrt(2 * 0.1**2)
    np.testing.assert_allclose(np.exp(score(X)), np.prod(erfc(-z) / 2, axis=1), rtol=1e-6, atol=1e-12)


def test_the_penalty_multiplies_the_acquisition_function():
    X = np.linspace(0, 1, 5)[:, None]
    plain, raised = (
        penalized(lambda X, c=c: np.full(len(X), c), predict, 0.0, PENDING, LINE, np.random.default_rng(0))(X)
        for c in (0.0, 2.0)
    )
    np.testing.assert_allclose(raised - plain, 2.0)
