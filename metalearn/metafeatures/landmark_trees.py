"""Landmarkers that look at one column: nodes of a decision tree, and the nearest neighbour in the best column.

Bensusan and Giraud-Carrier, "Discovering task neighbourhoods through landmark learning performances" (PKDD 2000). All
columns are searched at once for all splits, in an order that is sorted once for all folds. Splits and predictions are
those of scikit-learn's ``DecisionTreeClassifier(max_depth=1)`` and its regressor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.landmark_lessons import Lesson, Sample
from metalearn.metafeatures.table import Floats, Integers, blocks


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
    learned = train.folds != np.arange(lesson.n_folds)[:, None]
    n, votes = np.count_nonzero(learned, axis=1)[:, None], (learned @ train.votes)[:, None]
    gain, predicted = np.empty((lesson.n_folds, train.X.shape[1])), np.empty(test.X.shape)
    for block in blocks(learned.size, train.X.shape[1]):
        lesson.deadline.check()
        columns = np.ascontiguousarray(train.X[:, block].T)
        threshold = _thresholds(train, columns, learned)
        low = np.asarray((columns <= threshold[:, :, None]) & learned[:, None], dtype=np.float64)
        n_low, votes_low = low.sum(axis=2), low @ train.votes
        n_high, votes_high = n - n_low, votes - votes_low
        squares, other_squares = (np.square(side).sum(axis=2) for side in (votes_low, votes_high))
        gain[:, block] = squares / np.maximum(n_low, 1) + other_squares / np.maximum(n_high, 1)
        # Where a fold's rows are all on one side, so are those that are asked for.
        is_low = (test.X[:, block] <= threshold[test.folds]) & (n_low > 0)[test.folds] | (n_high == 0)[test.folds]
        below, above = test.decide(votes_low, n_low), test.decide(votes_high, n_high)
        predicted[:, block] = np.where(is_low, below[test.folds], above[test.folds])
    return Splits(gain, predicted)


def _thresholds(train: Sample, columns: Floats, learned: NDArray[np.bool_]) -> Floats:
    """Return where to split each column (folds, d).

    ``columns`` (d, n) are those of the training rows; ``learned`` (folds, n) tells which rows a fold learns from.
    """
    lowest, highest = columns.min(axis=1), columns.max(axis=1)
    thresholds = np.tile(_between(lowest, highest), (len(learned), 1))
    searched = ((columns > lowest[:, None]) & (columns < highest[:, None])).any(axis=1)
    if searched.any():
        thresholds[:, searched] = _searched(train, columns[searched], learned)
    return thresholds


def _searched(train: Sample, columns: Floats, learned: NDArray[np.bool_]) -> Floats:
    """Return the thresholds (folds, d) of most gain, for columns of more than two values; infinite where none gains."""
    order = np.argsort(columns, axis=1)
    values = np.take_along_axis(columns, order, axis=1)
    n_first = np.cumsum(learned[:, order], axis=2, dtype=np.int32)
    n = n_first[:, :, -1:]
    first, others = _sums_of_squares(train, order, learned)
    # Where one side is empty, this is what is had without a split.
    gains = first / np.maximum(n_first, 1) + others / np.maximum(n - n_first, 1)
    gains[:, :, :-1][:, values[:, 1:] <= values[:, :-1]] = -np.inf
    at = gains.argmax(axis=2)[:, :, None]
    n_below = np.take_along_axis(n_first, at, axis=2)
    column = np.arange(len(columns))[:, None]
    below, above = values[column, at], values[column, (n_first > n_below).argmax(axis=2)[:, :, None]]
    return np.where((n_below > 0) & (n_below < n), _between(below, above), np.inf)[:, :, 0]


def _between(below: Floats, above: Floats) -> Floats:
    middle = (below + above) / 2
    return np.where(middle < above, middle, below)  # neighbouring floats have none between them


def _sums_of_squares(
    train: Sample, order: Integers, learned: NDArray[np.bool_]
) -> tuple[NDArray[np.number], NDArray[np.number]]:
    """Return the squared votes, summed over the classes, of each column's first 1, 2, ... rows and of the others.

    The i-th vote for a class adds i^2 - (i - 1)^2 = 2 i - 1 to the former, so no class needs sums of its own.
    """
    if not train.n_classes:
        first = np.cumsum(np.where(learned, train.y, 0.0)[:, order], axis=2)
        return first**2, (first[:, :, -1:] - first) ** 2
    classes = train.y.astype(np.int16)
    sizes = (learned @ train.votes).astype(np.int32)
    by_class = np.argsort(classes[order], axis=1, kind="stable")  # which sorts by radix
    rows = np.take_along_axis(order, by_class, axis=1)
    used = learned[:, rows]
    before = (np.cumsum(sizes, axis=1) - sizes)[:, np.sort(classes)]
    odd = (2 * (np.cumsum(used, axis=2, dtype=np.int32) - before[:, None]) - 1) * used
    gained = np.empty_like(odd)
    gained[:, np.arange(len(order))[:, None], by_class] = odd
    first = np.cumsum(gained, axis=2, dtype=np.int32)
    # (N - i)^2 is i^2 + N^2 - 2 N i.
    lost = np.where(learned, -2 * sizes[:, classes], 0)
    others = np.cumsum(lost[:, order], axis=2, dtype=np.int32)
    others += first
    others += (sizes**2).sum(axis=1, dtype=np.int32)[:, None, None]
    return first, others


def _of_column(lesson: Lesson, column: Integers) -> Floats:
    predicted = lesson.shared(splits).predicted
    return predicted[np.arange(len(predicted)), column[lesson.test.folds]]
