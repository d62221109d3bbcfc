"""Landmarkers: how well cheap learners do on the dataset, how they compare, and what more rows are worth to them.

Pfahringer, Bensusan and Giraud-Carrier, "Meta-learning by landmarking various learning algorithms" (ICML 2000);
Bensusan and Giraud-Carrier, "Discovering task neighbourhoods through landmark learning performances" (PKDD 2000);
Fuernkranz and Petrak, "An evaluation of landmarking variants" (IDDM 2001) for ranks and subsamples. The score is that
of each fold in a cross-validation with ten folds, stratified in the order of the rows (as in pymfe), or for a
regression random: accuracy, and balanced accuracy; R2. There are fewer folds when no class has ten rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metalearn.metafeatures.landmark_learners import linear, naive_bayes, nearest_neighbor
from metalearn.metafeatures.landmark_lessons import MAX_COLUMNS, MAX_ROWS, Lesson, lesson, sparse_lesson
from metalearn.metafeatures.landmark_trees import decision_stump, elite_nearest_neighbor, random_node, worst_node
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Table

_BENSUSAN, _FUERNKRANZ = "Bensusan and Giraud-Carrier 2000", "Fuernkranz and Petrak 2001"
_SAMPLE = f"at most {MAX_ROWS} rows and {MAX_COLUMNS} columns, standardised"
_RANGE = "[0, 1]; [-1, 1] for a regression"

Learner = Callable[[Lesson], Floats]
LEARNERS: dict[str, tuple[Learner, str, str]] = {
    "decision_stump": (decision_stump, "a decision tree of depth 1", "Pfahringer et al. 2000"),
    "random_node": (random_node, "a decision tree of depth 1 on a random column, its expectation", _BENSUSAN),
    "worst_node": (worst_node, "a decision tree of depth 1 on the column whose best split gains least", _BENSUSAN),
    "nearest_neighbor": (
        nearest_neighbor,
        "the nearest row; rows that are equally near vote",
        "Pfahringer et al. 2000",
    ),
    "elite_nearest_neighbor": (
        elite_nearest_neighbor,
        "the nearest row in the column of the best split; rows that are equally near vote",
        _BENSUSAN,
    ),
    "naive_bayes": (naive_bayes, "Gaussian naive Bayes; classification only", "Pfahringer et al. 2000"),
    "linear": (linear, "a linear discriminant, or for a regression a ridge with penalty 1", "Pfahringer et al. 2000"),
}


@dataclass(frozen=True)
class Scores:
    """The scores of one learner in each fold (folds,): accuracy or R2, and balanced accuracy or NaN."""

    plain: Floats
    balanced: Floats

    @cached_property
    def mean(self) -> float:
        """Mean of the scores of the folds.

        Raises:
            UnmeasuredError: when the target is constant in every fold.
        """
        known = self.plain[np.isfinite(self.plain)]
        require(len(known) > 0, "constant")
        return float(known.mean())


@dataclass(frozen=True)
class Landmark:
    """A node: the scores of a learner in a kind of lesson.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> y = pd.Series(["u", "v"] * 10, dtype="category")
    >>> X = pd.DataFrame({"a": [1.0, 7.0] * 10})
    >>> Landmark(decision_stump, lesson)(Table.of(Dataset(X, y, "tiny", ("numeric",), ""))).plain
    array([1., 1., 1., 1., 1., 1., 1., 1., 1., 1.])
    """

    learner: Learner
    lesson: Callable[[Table], Lesson]

    def __call__(self, table: Table) -> Scores:
        """Return the scores.

        Raises:
            UnmeasuredError: when there is nothing to learn, or not for this learner.
        """
        taught = table.shared(self.lesson)
        predicted = self.learner(taught).reshape(len(taught.test.y), -1)
        return _accuracies(taught, predicted) if taught.test.n_classes else _r2(taught, predicted)


def _accuracies(taught: Lesson, predicted: Floats) -> Scores:
    """Return accuracy, and the mean over the classes in a fold of the share that is right; of columns the mean."""
    test, shape = taught.test, (taught.n_folds, taught.test.n_classes)
    right = np.asarray(predicted == test.y[:, None], dtype=np.float64).mean(axis=1)
    cells = test.folds * test.n_classes + test.y.astype(np.int64)
    n_right, n = (np.bincount(cells, weights, shape[0] * shape[1]).reshape(shape) for weights in (right, None))
    recalls = np.where(n > 0, n_right / np.maximum(n, 1), 0.0)
    return Scores(n_right.sum(axis=1) / n.sum(axis=1), recalls.sum(axis=1) / np.count_nonzero(n, axis=1))


def _r2(taught: Lesson, predicted: Floats) -> Scores:
    """Return R2, clipped to [-1, 1]; NaN for a fold whose target is constant."""
    y, bounds = taught.test.y, taught.test.bounds(taught.n_folds)
    starts = bounds[:-1]
    means = np.add.reduceat(y, starts) / np.diff(bounds)
    total = np.add.reduceat((y - means[taught.test.folds]) ** 2, starts)
    squared = np.add.reduceat((y[:, None] - predicted) ** 2, starts)
    varies = np.maximum.reduceat(y, starts) > np.minimum.reduceat(y, starts)
    r2 = np.clip(1 - squared / np.where(varies, total, np.nan)[:, None], -1.0, 1.0).mean(axis=1)
    return Scores(r2, np.full(len(r2), np.nan))


def _ranks(table: Table) -> dict[str, float]:
    """Return the ranks of the learners' mean scores, 1 for the lowest, and of equals the mean rank; a node."""
    names = [name for name in LEARNERS if name != "naive_bayes" or table.classes is not None]
    means = np.array([table.shared(_FULL[name]).mean for name in names])
    lower, equal = (np.count_nonzero(means[:, None] > means, axis=1), np.count_nonzero(means[:, None] == means, axis=1))
    return dict(zip(names, (lower + (equal + 1) / 2).tolist(), strict=True))


_FULL = {name: Landmark(learner, lesson) for name, (learner, _, _) in LEARNERS.items()}
_SPARSE = {name: Landmark(learner, sparse_lesson) for name, (learner, _, _) in LEARNERS.items()}


def _balanced(name: str) -> Callable[[Table], Floats]:
    def measure(table: Table) -> Floats:
        require(table.classes is not None, "not_applicable")
        return table.shared(_FULL[name]).balanced

    return measure


def _rank(name: str) -> Callable[[Table], float]:
    def measure(table: Table) -> float:
        ranks = table.shared(_ranks)
        require(name in ranks, "not_applicable")
        return ranks[name]

    return measure


def _measure(
    name: str, compute: Callable[[Table], float | Floats], formula: str, low_high: str, source: str, over: str = ""
) -> Measure:
    return Measure(name, compute, formula, low_high, "", source, over, needs_target=True, cost="sample")


def _measures(name: str) -> tuple[Measure, ...]:
    _, learner, source = LEARNERS[name]
    full = f"landmark_{name}"
    score = f"10-fold cross-validated accuracy (R2 in [-1, 1] for a regression) on {_SAMPLE}"
    tenth = "a random tenth of the rows to learn from and the same ones to predict, for 50 rows or more"
    return (
        _measure(full, lambda t: t.shared(_FULL[name]).plain, f"{score} of: {learner}", _RANGE, source, "folds"),
        _measure(
            f"{full}_balanced",
            _balanced(name),
            f"10-fold cross-validated balanced accuracy on {_SAMPLE} of: {learner}",
            "[0, 1]",
            source,
            "folds",
        ),
        _measure(
            f"{full}_rank",
            _rank(name),
            f"rank of {full}_mean among the landmarkers, 1 for the lowest; the mean rank of equals",
            "1 to 7",
            _FUERNKRANZ,
        ),
        _measure(
            f"{full}_subsample",
            lambda t: t.shared(_SPARSE[name]).mean,
            f"{full}_mean with {tenth}",
            _RANGE,
            _FUERNKRANZ,
        ),
        _measure(
            f"{full}_gain",
            lambda t: t.shared(_FULL[name]).mean - t.shared(_SPARSE[name]).mean,
            f"{full}_mean - {full}_subsample",
            "[-1, 1]; [-2, 2] for a regression",
            _FUERNKRANZ,
        ),
    )


LANDMARKERS = Group("landmarkers", tuple(measure for name in LEARNERS for measure in _measures(name)))
