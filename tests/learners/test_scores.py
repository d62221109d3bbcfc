"""Scores agree with scikit-learn's, and hold where its warn or fail."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metalearn.learners.scores import accuracy, balanced_accuracy, log_loss, mae, r2, rmse, roc_auc

_rows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)
_seeds = st.integers(0, 999)
_numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
_pairs = arrays(np.float64, st.tuples(st.integers(2, 30), st.just(2)), elements=_numbers)


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


def _probabilities(rng: np.random.Generator, n: int, k: int, digits: int) -> np.ndarray:
    """Probabilities in coarse steps, so that many are tied."""
    steps = np.round(rng.dirichlet(np.ones(k), n), digits) + 10.0**-digits
    return np.asarray(steps / steps.sum(axis=1, keepdims=True))


@given(_seeds, st.integers(4, 60), st.integers(1, 3))
def test_roc_auc_of_two_classes_agrees_with_scikit_learn(seed: int, n: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    y, positive = np.arange(n) % 2, np.round(rng.random(n), digits)
    rng.shuffle(y)
    # 1 - p of decimals may differ in the last bit where the decimals are tied: in binary fractions it is exact.
    positive = np.round(positive * 1024) / 1024
    found = roc_auc(y, np.column_stack([1 - positive, positive]))
    assert found == pytest.approx(sklearn.metrics.roc_auc_score(y, positive), abs=1e-12)


@given(_seeds, st.integers(3, 6), st.integers(1, 3))
def test_roc_auc_of_many_classes_is_scikit_learns_one_against_the_rest(seed: int, k: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, 50)])
    p = _probabilities(rng, len(y), k, digits)
    expected = sklearn.metrics.roc_auc_score(y, p, multi_class="ovr", average="macro")
    assert roc_auc(y, p) == pytest.approx(expected, abs=1e-12)


def test_roc_auc_leaves_out_a_class_that_is_absent() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.choice([0, 2, 3], 40), _probabilities(rng, 40, 5, 2)
    alone = [sklearn.metrics.roc_auc_score(y == label, p[:, label]) for label in (0, 2, 3)]
    assert roc_auc(y, p) == pytest.approx(np.mean(alone), abs=1e-12)


def test_roc_auc_where_all_is_tied_is_that_of_a_coin_and_with_one_class_undefined() -> None:
    assert roc_auc(np.array([0, 1, 2, 0]), np.full((4, 3), 1 / 3)) == 0.5
    assert np.isnan(roc_auc(np.array([1, 1]), np.array([[0.5, 0.5], [0.1, 0.9]])))


@given(_pairs)
def test_numbers_agree_with_scikit_learn(pairs: np.ndarray) -> None:
    y, predicted = pairs.T
    np.testing.assert_allclose(rmse(y, predicted), sklearn.metrics.root_mean_squared_error(y, predicted), atol=1e-12)
    np.testing.assert_allclose(mae(y, predicted), sklearn.metrics.mean_absolute_error(y, predicted), atol=1e-12)
    assume(len(set(y)) > 1)
    np.testing.assert_allclose(r2(y, predicted), sklearn.metrics.r2_score(y, predicted), rtol=1e-6)


def test_r2_of_a_constant_target_is_undefined() -> None:
    assert np.isnan(r2(np.full(5, 0.1), np.arange(5.0)))
    assert np.isnan(r2(np.array([2.0]), np.array([2.0])))
