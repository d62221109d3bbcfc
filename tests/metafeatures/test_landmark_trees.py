"""Nodes and the elite nearest neighbour: predictions against scikit-learn's, fold by fold."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from metalearn.metafeatures.landmark_lessons import Lesson, Sample
from metalearn.metafeatures.landmark_trees import (
    decision_stump,
    elite_nearest_neighbor,
    random_node,
    splits,
    worst_node,
)


def made(n, d, n_classes, *, seed=0, integers=False):
    """Return a lesson whose classes, or numbers, depend on the first columns."""
    rng = np.random.default_rng([seed, n, d, n_classes])
    X = rng.normal(size=(n, d))
    y = X[:, 0] + 0.5 * X[:, -1] ** 2 + rng.normal(size=n)
    if n_classes:
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1])).astype(float)
    if integers:
        X = np.round(2 * X)
    sample = Sample(X, y, np.sort(rng.permutation(n) % 5), n_classes)
    return Lesson(sample, sample)


def tree(lesson):
    return (DecisionTreeClassifier if lesson.test.n_classes else DecisionTreeRegressor)(max_depth=1, random_state=0)


LESSONS = [
    made(200, 6, 2),
    made(300, 4, 3),
    made(400, 5, 25),
    made(150, 5, 0),
    made(200, 3, 3, integers=True),
    made(200, 3, 0, integers=True),
    made(60, 1, 2),
]


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_columns_split_is_scikit_learns(lesson):
    found = splits(lesson)
    for learned, _, asked in lesson.rounds():
        X, y = lesson.train.X[learned].astype(np.float32), lesson.train.y[learned]
        for column in range(X.shape[1]):
            one = tree(lesson).fit(X[:, [column]], y)
            expected = one.predict(lesson.test.X[asked][:, [column]])
            assert found.predicted[asked, column] == pytest.approx(expected)


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_stump_and_the_gain_are_scikit_learns(lesson):
    found, stump = splits(lesson), decision_stump(lesson)
    for fold, (learned, _, asked) in enumerate(lesson.rounds()):
        X, y = lesson.train.X[learned], lesson.train.y[learned]
        whole = tree(lesson).fit(X, y)
        assert stump[asked] == pytest.approx(whole.predict(lesson.test.X[asked]))
        # Both sides' impurity is sum of votes^2 less our gain, whatever the votes are.
        impurities = whole.tree_.impurity[1:] @ whole.tree_.n_node_samples[1:]
        total = len(y) if lesson.test.n_classes else y @ y
        assert found.gain[fold].max() == pytest.approx(total - impurities)


def test_worst_and_random_node():
    lesson = made(400, 3, 2)
    lesson.train.X[:, 1] = np.random.default_rng(9).permutation(lesson.train.X[:, 1])
    found = splits(lesson)
    assert (
        worst_node(lesson).tolist()
        == found.predicted[np.arange(400), found.gain.argmin(axis=1)[lesson.test.folds]].tolist()
    )
    assert np.mean(worst_node(lesson) == lesson.test.y) < np.mean(decision_stump(lesson) == lesson.test.y) - 0.1
    assert random_node(lesson).shape == (400, 3)


def test_a_column_without_a_split_predicts_the_most_frequent_class():
    X = np.zeros((30, 2))
    X[0, 0] = 1.0  # seen by all folds but its own
    y = np.r_[0, np.zeros(10), np.ones(19)]
    sample = Sample(X, y, np.repeat(np.arange(3), 10), 2)
    found = splits(Lesson(sample, sample))
    assert found.predicted[:10].tolist() == [[1.0, 1.0]] * 10
    assert found.gain[0].tolist() == [(1 + 19**2) / 20] * 2
    assert set(found.predicted[10:, 1]) == {0.0}  # of ten each, and of eleven and nine


@pytest.mark.parametrize("lesson", LESSONS[:4])
def test_elite_nearest_neighbor_is_that_of_the_best_column(lesson):
    best, predicted = splits(lesson).gain.argmax(axis=1), elite_nearest_neighbor(lesson)
    for fold, (learned, _, asked) in enumerate(lesson.rounds()):
        one = (KNeighborsClassifier if lesson.test.n_classes else KNeighborsRegressor)(1)
        one.fit(lesson.train.X[learned][:, [best[fold]]], lesson.train.y[learned])
        assert predicted[asked].tolist() == one.predict(lesson.test.X[asked][:, [best[fold]]]).tolist()


def test_rows_of_the_nearest_value_vote():
    train = Sample(
        np.array([[0.0], [0], [0], [5], [5], [5]]), np.array([0.0, 1, 1, 0, 0, 1]), np.zeros(6, dtype=int) + 1, 2
    )
    test = Sample(np.array([[-1.0], [2], [3], [9]]), np.zeros(4), np.zeros(4, dtype=int), 2)
    assert elite_nearest_neighbor(Lesson(train, test)).tolist() == [1, 1, 0, 0]
    numbers = Sample(train.X, train.y, train.folds, 0), Sample(test.X, test.y, test.folds, 0)
    assert elite_nearest_neighbor(Lesson(*numbers)) == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1 / 3])
