"""Nearest neighbour, linear model and naive Bayes: predictions against scikit-learn's, fold by fold."""

import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from metalearn.metafeatures.landmark_learners import linear, naive_bayes, nearest_neighbor
from metalearn.metafeatures.landmark_lessons import Lesson, Sample
from metalearn.metafeatures.table import Deadline, UnmeasuredError


def lesson_of(X, y, *, n_classes=0, one_in=1, seed=0):
    """Return a lesson with five random folds, and one training row in so many."""
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rng = np.random.default_rng(seed)
    folds = rng.permutation(len(y)) % 5
    order = np.argsort(folds, kind="stable")
    whole = Sample(X[order], y[order].astype(float), folds[order], n_classes)
    return Lesson(whole if one_in == 1 else whole.take(np.arange(0, len(y), one_in)), whole)


def blobs(n, d, n_classes):
    rng = np.random.default_rng([n, d, n_classes])
    y = rng.integers(n_classes, size=n)
    return rng.normal(size=(n, d)) + rng.normal(size=(n_classes, d))[y], y


def collinear():
    X, y = blobs(200, 3, 3)
    return np.c_[X, X[:, 0] - 2 * X[:, 1], X[:, :1], X @ [1, 2, 3]], y


CLASSIFICATIONS = {
    "iris": (load_iris(return_X_y=True), 3),
    "wine": (load_wine(return_X_y=True), 3),
    "cancer": (load_breast_cancer(return_X_y=True), 2),
    "collinear": (collinear(), 3),
    "wide": (blobs(60, 150, 2), 2),
    "many classes": (blobs(400, 8, 30), 30),
}


@pytest.mark.parametrize("one_in", [1, 4])
@pytest.mark.parametrize("name", CLASSIFICATIONS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (nearest_neighbor, KNeighborsClassifier(1, algorithm="brute")),
        (linear, LinearDiscriminantAnalysis()),
        (naive_bayes, GaussianNB()),
    ],
)
def test_classifiers(name, ours, theirs, one_in):
    (X, y), n_classes = CLASSIFICATIONS[name]
    lesson = lesson_of(X, y, n_classes=n_classes, one_in=one_in)
    predicted = ours(lesson)
    for learned, _, asked in lesson.rounds():
        theirs.fit(lesson.train.X[learned], lesson.train.y[learned])
        assert predicted[asked].tolist() == theirs.predict(lesson.test.X[asked]).tolist()


@pytest.mark.parametrize("one_in", [1, 4])
@pytest.mark.parametrize(("ours", "theirs"), [(nearest_neighbor, KNeighborsRegressor(1)), (linear, Ridge())])
def test_regressors(ours, theirs, one_in):
    for X, y in (load_diabetes(return_X_y=True), (blobs(50, 80, 2)[0], np.random.default_rng(0).normal(size=50))):
        lesson = lesson_of(X, y, one_in=one_in)
        predicted = ours(lesson)
        for learned, _, asked in lesson.rounds():
            theirs.fit(lesson.train.X[learned], lesson.train.y[learned])
            assert predicted[asked] == pytest.approx(theirs.predict(lesson.test.X[asked]), rel=1e-9)


def test_equally_near_rows_vote():
    train = Sample(np.array([[1.0, 0], [0, 1], [-1, 0], [5, 5]]), np.array([0.0, 1, 1, 0]), np.ones(4, dtype=int), 2)
    test = Sample(np.array([[0.0, 0], [4, 4]]), np.zeros(2), np.zeros(2, dtype=int), 2)
    assert nearest_neighbor(Lesson(train, test)).tolist() == [1, 0]
    numbers = Lesson(Sample(train.X, train.y, train.folds, 0), Sample(test.X, test.y, test.folds, 0))
    assert nearest_neighbor(numbers) == pytest.approx([2 / 3, 0])


def test_what_is_constant_within_the_classes_does_not_break_a_learner():
    X, y = blobs(90, 2, 3)
    lesson = lesson_of(np.c_[X, y], y, n_classes=3)
    assert naive_bayes(lesson).tolist() == lesson.test.y.tolist()
    without = lesson_of(X, y, n_classes=3)
    assert linear(lesson).tolist() == linear(without).tolist()  # a direction without spread is left out, as there


def test_a_class_that_was_not_learned_is_never_predicted():
    X, y = blobs(40, 3, 2)
    y[np.argmax(X[:, 0])] = 2
    lesson = lesson_of(X, y, n_classes=3)
    fold = lesson.test.folds[lesson.test.y == 2][0]
    for learner in (nearest_neighbor, linear, naive_bayes):
        assert 2 not in learner(lesson)[lesson.test.folds == fold]


def test_naive_bayes_is_no_regressor():
    with pytest.raises(UnmeasuredError, match="not_applicable"):
        naive_bayes(lesson_of(*load_diabetes(return_X_y=True)))


@pytest.mark.parametrize("learner", [nearest_neighbor, linear, naive_bayes])
def test_the_deadline_is_kept(learner):
    lesson = lesson_of(*blobs(50, 2, 2), n_classes=2)
    late = Lesson(lesson.train, lesson.test, Deadline(time.perf_counter() - 1))
    with pytest.raises(UnmeasuredError, match="timeout"):
        learner(late)
