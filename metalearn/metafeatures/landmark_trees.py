"""Landmarkers that look at one column: nodes of a decision tree, and the nearest neighbour in the best column.

Bensusan and Giraud-Carrier, "Discovering task neighbourhoods through landmark learning performances" (PKDD 2000). All
columns are searched at once for all splits, in an order that is sorted once for all folds. Splits and predictions are
those of scikit-learn's ``DecisionTreeClassifier(max_depth=1)`` and its regressor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.landmark_lessons import Lesson, Sample
from metalearn.metafeatures.table import Floats, Integers


@dataclass(frozen=True)
class Splits:
    """The best split of each column in each fold.

    ``gain`` (folds, d) is the sum over both sides of (sum of votes)^2 / rows: the larger, the purer by the Gini index,
    or the smaller the squared error. ``predicted`` (n, d) is what each column's split predicts for the test rows.
    """

    gain: Floats
    predicted: Floats


def decision_stump(lesson: Lesson) -> Floats:
    """Split once, where that is best: a decision tree of depth 1.

    >>> X, y = np.array([[1.0], [2.0], [8.0], [9.0]]), np.array([0.0, 0.0, 1.0, 1.0])
    >>> sample = Sample(X[[0, 2, 1, 3]], y[[0, 2, 1, 3]], np.array([0, 0, 1, 1]), 2)
    >>> decision_stump(Lesson(sample, sample))
    array([0., 1., 0., 1.])
    """
    return _of_column(lesson, lesson.shared(splits).gain.argmax(axis=1))


def worst_node(lesson: Lesson) -> Floats:
    """Split once, on the column whose best split gains least."""
    return _of_column(lesson, lesson.shared(splits).gain.argmin(axis=1))


def random_node(lesson: Lesson) -> Floats:
    """Split once, on each of the columns: predictions (n, d), of which a random node is a random column."""
    return lesson.shared(splits).predicted


def elite_nearest_neighbor(lesson: Lesson) -> Floats:
    """Predict what the nearest row has in the column of the best split alone; rows of the nearest value vote."""
    test, predicted = lesson.test, np.empty(len(lesson.test.y))
    best = lesson.shared(splits).gain.argmax(axis=1)
    for (learned, _, asked), column in zip(lesson.rounds(), best, strict=True):
        x, votes = lesson.train.X[learned, column], lesson.train.votes[learned]
        order = np.argsort(x)
        starts = np.flatnonzero(np.diff(x[order], prepend=-np.inf))
        values, n_voters = x[order[starts]], np.diff(starts, append=len(x))
        wanted = test.X[asked, column]
        above = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
        below = np.maximum(above - 1, 0)
        nearest = np.where(wanted - values[below] <= values[above] - wanted, below, above)
        predicted[asked] = test.decide(np.add.reduceat(votes[order], starts)[nearest], n_voters[nearest])
    return predicted


def splits(lesson: Lesson) -> Splits:
    """Return the best split of each column, in each fold; to share."""
    train, test = lesson.train, lesson.test
    sorting = _Sorting.of(train)
    gain, predicted = np.empty((lesson.n_folds, train.X.shape[1])), np.empty(test.X.shape)
    for fold, (learned, _, asked) in enumerate(lesson.rounds()):
        gain[fold], threshold = _best(sorting, learned, *_sums_of_squares(train, sorting, learned))
        X, votes = train.X[learned], train.votes[learned]
        low = np.asarray(threshold >= X, dtype=np.float64)
        n_low, votes_low = low.sum(axis=0), low.T @ votes
        below = test.decide(votes_low, n_low)
        above = test.decide(votes.sum(axis=0) - votes_low, len(votes) - n_low)
        predicted[asked] = np.where(test.X[asked] <= threshold, below, above)
    return Splits(gain, predicted)


@dataclass(frozen=True, eq=False)
class _Sorting:
    """Each column's order of the rows (d, n): ``rows`` by value, ``values``, and whether the next value is the same.

    In a classification also ``by_class``, the same rows by class first, and ``places``, where in ``rows`` those are.
    """

    rows: Integers
    values: Floats
    tied: NDArray[np.bool_]
    by_class: Integers
    places: Integers

    @classmethod
    def of(cls, train: Sample) -> "_Sorting":
        columns = np.ascontiguousarray(train.X.T)
        start = np.arange(len(columns))[:, None] * columns.shape[1]
        rows = np.argsort(columns, axis=1)
        values = columns.ravel()[rows + start]
        tied = np.zeros(rows.shape, dtype=bool)
        tied[:, :-1] = values[:, 1:] <= values[:, :-1]
        if not train.n_classes:
            return cls(rows, values, tied, rows, rows)
        places = start + np.argsort(train.y.astype(np.int16)[rows], axis=1, kind="stable")  # which sorts by radix
        return cls(rows, values, tied, rows.ravel()[places], places)


def _sums_of_squares(train: Sample, sorting: _Sorting, learned: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the squared votes, summed over the classes, of each column's first 1, 2, ... rows and of the others.

    The i-th vote for a class adds i^2 - (i - 1)^2 = 2 i - 1 to the former, so no class needs sums of its own.
    """
    if not train.n_classes:
        first = np.cumsum(np.where(learned, train.y, 0.0)[sorting.rows], axis=1)
        return first**2, (first[:, -1:] - first) ** 2
    classes = train.y.astype(np.int64)
    sizes = np.bincount(classes[learned], minlength=train.n_classes)
    gained = np.zeros(sorting.rows.size, dtype=np.int64)
    odd = np.concatenate([np.arange(1, 2 * size, 2) for size in sizes])
    gained[sorting.places[learned[sorting.by_class]]] = np.tile(odd, len(sorting.rows))
    first = np.cumsum(gained.reshape(sorting.rows.shape), axis=1)
    # (N - i)^2 is i^2 + N^2 - 2 N i.
    others = np.cumsum(np.where(learned, -2 * sizes[classes], 0)[sorting.rows], axis=1)
    others += first
    others += sizes @ sizes
    return first, others


def _best(sorting: _Sorting, learned: NDArray[np.bool_], first: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return the gains and the thresholds (d,) of the best splits; an infinite threshold where none gains."""
    used = learned[sorting.rows]
    n_first = np.cumsum(used, axis=1, dtype=np.int64)
    n = int(n_first[0, -1])
    # Where one side is empty, this is what is had without a split.
    gains = first / np.maximum(n_first, 1) + others / np.maximum(n - n_first, 1)
    gains[sorting.tied] = -np.inf
    at, column = gains.argmax(axis=1), np.arange(len(gains))
    n_below = n_first[column, at]
    places = np.flatnonzero(used).reshape(-1, n)
    below, above = (sorting.values.ravel()[places[column, np.clip(i, 0, n - 1)]] for i in (n_below - 1, n_below))
    middle = (below + above) / 2
    threshold = np.where(middle < above, middle, below)  # between neighbouring floats there is none
    return gains[column, at], np.where((n_below > 0) & (n_below < n), threshold, np.inf)


def _of_column(lesson: Lesson, column: Integers) -> Floats:
    predicted = lesson.shared(splits).predicted
    return predicted[np.arange(len(predicted)), column[lesson.test.folds]]
