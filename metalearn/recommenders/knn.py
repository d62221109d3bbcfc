"""Nearest tasks: what was best on the past tasks that look most like the new one.

Brazdil, Soares & Pinto da Costa, "Ranking learning algorithms", Machine Learning 2003; as a warm start: Feurer,
Springenberg & Hutter, "Initializing Bayesian hyperparameter optimization via meta-learning", AAAI 2015. The
neighbours' rankings are merged as search results are diversified: Agrawal et al., "Diversifying search results",
WSDM 2009 (IA-Select). Each neighbour has two wishes, one for what is good enough, one for the very best: they are
satisfied with chances of 1 - the normalized regret, and of the reciprocal rank (Cormack, Clarke & Buettcher, SIGIR
2009).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.relevance import feature_weights
from metalearn.core.transforms import RobustScaler, manhattan
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.covering import diversified, reciprocal_ranks
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried


@dataclass(frozen=True)
class NearestTasks:
    """Recommend what satisfies most likely the past tasks that are near, one configuration after the other.

    Distance is the weighted mean absolute difference of scaled meta-features over those that both tasks know, the
    weights being learned from past tasks (``core.relevance``). A task at distance d weighs exp(-2 (d / D)^2), where D
    is the distance of the ``n_neighbors``-th nearest: the new task is like that one with this probability, up to a
    constant. A task without meta-features gets the average rank of all past tasks.

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
    n_neighbors: int = 5

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

    @cached_property
    def scaled(self) -> Floats:
        """The past tasks' scaled meta-features (T, F), NaN where unknown."""
        return self.scaler.transform(self.past.meta_dataset.meta_features)

    @cached_property
    def relevance(self) -> Floats:
        """The weights (F,) of the meta-features in a distance; they sum to 1, or are 0 where none varies."""
        return feature_weights(self.scaled, self.past.ranks)

    @cached_property
    def satisfaction(self) -> Floats:
        """The chances (2, T, C) that a task is satisfied with a configuration, in both of its wishes."""
        return np.stack([1 - self.past.known_regrets, reciprocal_ranks(self.past.ranks)])

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return the k configurations that most likely satisfy the neighbours, in the order of their choice."""
        if not self.past.knows(task):
            return np.argsort(average_rank(self.past.ranks), kind="stable")
        weights, _ = self.weights(task, tried)
        near = weights > 0
        chances = np.concatenate(self.satisfaction[:, near])
        return diversified(chances, np.tile(weights[near], 2), eligible, tried.indices, k)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return weights (T,) of the past tasks, summing to 1, and their distances (T,), NaN where there is none."""
        if not self.past.knows(task):
            return super().weights(task, tried)
        distances = self._distances(task)
        comparable = np.isfinite(distances)
        nearest = np.sort(distances[comparable])[: self.n_neighbors]
        weights = np.exp(-2 * np.square(distances / max(nearest[-1], 1e-9)))
        return weights / weights.sum(), np.where(comparable, distances, np.nan)

    def _distances(self, task: Task) -> Floats:
        """Return distances (T,); infinite to a task without any meta-feature in common."""
        own = self.scaler.transform(self.past.meta_features_of(task))
        learned = manhattan(own, self.scaled, self.relevance)
        # Nothing of weight in common with anyone: then whatever is known has to do.
        return learned if np.isfinite(learned).any() else manhattan(own, self.scaled, np.ones(len(own)))
