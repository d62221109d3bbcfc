"""Scores agree with scikit-learn's, and hold where its warn."""

import numpy as np
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from metalearn.learners.scores import accuracy, balanced_accuracy, log_loss

_rows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@given(_rows)
def test_classes_agree_with_scikit_learn(rows: list[tuple[int, int]]) -> None:
    y, predicted = np.array(rows).T
    assert accuracy(y, predicted) == np.float64(sklearn.metrics.accuracy_score(y, predicted))
    present = np.unique(y)
    recalls = sklearn.metrics.recall_score(y, predicted, labels=present, average=None, zero_division=0)
    np.testing.assert_allclose(balanced_accuracy(y, predicted), recalls.mean())


def test_log_loss_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50)
    np.testing.assert_allclose(log_loss(y, p), sklearn.metrics.log_loss(y, p, labels=[0, 1, 2]))


def test_a_sure_and_wrong_prediction_costs_a_bounded_amount() -> None:
    np.testing.assert_allclose(log_loss(np.array([0]), np.array([[0.0, 1.0]])), -np.log(1e-15))
