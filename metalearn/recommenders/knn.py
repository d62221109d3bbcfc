"""Nearest tasks: what was best on the past tasks that look most like the new one.

Brazdil, Soares & Pinto da Costa, "Ranking learning algorithms", Machine Learning 2003; as a warm start: Feurer,
Springenberg & Hutter, "Initializing Bayesian hyperparameter optimization via meta-learning", AAAI 2015. The
neighbours' lists are merged by weighted reciprocal rank: Cormack, Clarke & Buettcher, "Reciprocal rank fusion
outperforms Condorcet and individual rank learning methods", SIGIR 2009.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset, meta_feature_matrix
from metalearn.core.records import Task
from metalearn.core.transforms import RobustScaler, manhattan
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering, PastTasks


@dataclass(frozen=True)
class NearestTasks:
    """Merge the best configurations of the nearest past tasks by weighted reciprocal rank.

    Distance is the mean absolute difference of robustly scaled meta-features; a neighbour at distance d weighs
    1 / (d + the distance of the nearest). A task without meta-features gets the average rank of all past tasks.

    >>> from metalearn.core.records import Configuration
    >>> a, b = Configuration("s", "a"), Configuration("s", "b")
    >>> small, large = ({"n_rows": n} for n in (10.0, 1000.0))
    >>> tasks = [Task("1", "openml-1", "classification", meta_features=small),
    ...          Task("2", "openml-2", "classification", meta_features=large)]
    >>> past = MetaDataset.from_matrix([[0.1, 0.2], [0.2, 0.1]], tasks, [a, b], feature_names=["n_rows"])
    >>> fitted = NearestTasks(n_neighbors=1).meta_fit(past, rng=np.random.default_rng(0))
    >>> fitted.recommend(Task("new", "new", "classification", meta_features=large), k=1)[0].configuration.algorithm
    'b'
    """

    stochastic: ClassVar[bool] = False
    n_neighbors: int = 20

    def __post_init__(self) -> None:
        if self.n_neighbors < 1:
            raise InputError(f"n_neighbors must be at least 1; got {self.n_neighbors}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedNearestTasks":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedNearestTasks(PastTasks(meta_dataset), self.n_neighbors)


@dataclass(frozen=True, eq=False)
class FittedNearestTasks(Ordering):
    """The neighbours' rankings, merged anew for each task."""

    n_neighbors: int

    @cached_property
    def scaler(self) -> RobustScaler:
        """Centre and scale of the past tasks' meta-features."""
        return RobustScaler.fit(self.past.meta_dataset.meta_features)

    def knows(self, task: Task) -> bool:
        """Whether the task shares a meta-feature with some past task."""
        described = np.isfinite(self.past.meta_dataset.meta_features)
        return bool((described & np.isfinite(self._meta_features(task))).any())

    def order(self, task: Task, eligible: Mask, tried: Integers, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations by the neighbours' weighted reciprocal ranks."""
        if not self.knows(task):
            return np.argsort(average_rank(self.past.ranks), kind="stable")
        weights, _ = self.weights(task)
        return np.argsort(-reciprocal_rank(self.past.ranks, weights), kind="stable")

    def weights(self, task: Task) -> tuple[Floats, Floats]:
        """Return weights (T,) that are positive for the neighbours and sum to 1, and distances (T,)."""
        if not self.knows(task):
            return super().weights(task)
        distances = self._distances(task)
        nearest = np.argsort(distances, kind="stable")[: self.n_neighbors]
        nearest = nearest[np.isfinite(distances[nearest])]
        weights: Floats = np.zeros(len(distances))
        weights[nearest] = 1 / (distances[nearest] + max(distances[nearest[0]], 1e-6))
        return weights / weights.sum(), np.where(np.isfinite(distances), distances, np.nan)

    def _meta_features(self, task: Task) -> Floats:
        return np.asarray(meta_feature_matrix([task], self.past.meta_dataset.feature_names)[0])

    def _distances(self, task: Task) -> Floats:
        """Return distances (T,) over the meta-features known of the new task; infinite to a task without any."""
        own = self._meta_features(task)
        known = np.isfinite(own)
        past = self.past.meta_dataset.meta_features
        distances = manhattan(self.scaler.transform(own)[known], self.scaler.transform(past)[:, known])
        return np.asarray(np.where(np.isfinite(past).any(axis=1), distances, np.inf))


def reciprocal_rank(ranks: Floats, weights: Floats) -> Floats:
    """Return the weighted sum (C,) over tasks of 1 / (1 + rank), for ranks (T, C) in (0, 1) of C configurations.

    It counts how often a configuration is among a neighbour's very best, where the mean rank would prefer one that is
    nowhere bad; on OBOE's matrix that halves the regret of ten recommendations. What a neighbour has not evaluated
    gets nothing from it.

    >>> reciprocal_rank(np.array([[0.25, 0.75], [np.nan, 0.25]]), np.array([0.5, 0.5]))
    array([0.25      , 0.41666667])
    """
    reciprocal = np.where(np.isnan(ranks), 0.0, 1 / (1.5 + ranks * ranks.shape[1]))
    return np.asarray(np.round(weights @ reciprocal, 12))
