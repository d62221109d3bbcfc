"""Neighbours by unlearned distance: the best configurations of the nearest past tasks, or their average ranks.

``NeighborList`` is the warm start of auto-sklearn: Feurer, Springenberg & Hutter, "Initializing Bayesian
hyperparameter optimization via meta-learning", AAAI 2015. ``NeighborRank`` averages the neighbours' rankings, the
nearer ones with more weight: Brazdil, Soares & Pinto da Costa, "Ranking learning algorithms", Machine Learning 2003.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried


@dataclass(frozen=True)
class NeighborList:
    """Recommend what was best on the nearest past task, then on the next one, and so on, none twice.

    Distance is L1 over meta-features scaled to [0, 1], medians for unknown ones. After the last past task, and for a
    task without meta-features, configurations follow by the average rank of all past tasks.

    >>> from metalearn.core.records import Configuration
    >>> a, b = Configuration("s", "a"), Configuration("s", "b")
    >>> small, large = ({"n_rows": n} for n in (10.0, 1000.0))
    >>> tasks = [Task("1", "openml-1", "classification", meta_features=small),
    ...          Task("2", "openml-2", "classification", meta_features=large)]
    >>> past = MetaDataset.from_matrix([[0.1, 0.2], [0.2, 0.1]], tasks, [a, b], feature_names=["n_rows"])
    >>> fitted = NeighborList().meta_fit(past, rng=np.random.default_rng(0))
    >>> answer = fitted.recommend(Task("new", "new", "classification", meta_features={"n_rows": 900.0}), k=2)
    >>> [r.configuration.algorithm for r in answer]
    ['b', 'a']
    """

    stochastic: ClassVar[bool] = False

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedNeighborList":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedNeighborList(PastTasks(meta_dataset))


@dataclass(frozen=True)
class NeighborRank:
    """Rank by the mean over the ``n_neighbors`` nearest past tasks of the rank, with weights 1 / (1 + distance).

    The distance is that of ``NeighborList``. Where a neighbour has not evaluated a configuration, its average rank
    over all past tasks stands in; a task without meta-features gets these for all configurations.

    Raises:
        InputError: when ``n_neighbors`` is below 1.

    >>> from metalearn.core.records import Configuration
    >>> a, b = Configuration("s", "a"), Configuration("s", "b")
    >>> tasks = [Task(str(n), f"openml-{n}", "classification", meta_features={"n_rows": n}) for n in (10, 20, 900)]
    >>> past = MetaDataset.from_matrix([[0.1, 0.2], [0.1, 0.2], [0.2, 0.1]], tasks, [a, b], feature_names=["n_rows"])
    >>> fitted = NeighborRank(n_neighbors=1).meta_fit(past, rng=np.random.default_rng(0))
    >>> new = Task("new", "new", "classification", meta_features={"n_rows": 1000})
    >>> fitted.recommend(new, k=1)[0].configuration.algorithm
    'b'
    """

    stochastic: ClassVar[bool] = False
    n_neighbors: int = 10

    def __post_init__(self) -> None:
        if self.n_neighbors < 1:
            raise InputError(f"n_neighbors must be at least 1; got {self.n_neighbors}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedNeighborRank":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedNeighborRank(PastTasks(meta_dataset), self.n_neighbors)


@dataclass(frozen=True, eq=False)
class FittedNeighborList(Ordering):
    """The past tasks, put in order anew for each task."""

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return the C configurations: the best of each neighbour, the nearest first, then by average rank."""
        # What was tried keeps its place, so that asking one at a time gives the list that asking once gives.
        pool = eligible.copy()
        pool[tried.indices] = True
        nearest, _ = neighbors(self.past, task)
        listed = [*best_of_each(self.past.losses[nearest], pool), *_by_average_rank(self.past)]
        return np.array(list(dict.fromkeys(int(i) for i in listed)), dtype=np.int64)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return weights (T,) of the past tasks, summing to 1, and their distances (T,), NaN where there is none."""
        near = neighbor_weights(self.past, task, len(self.past.meta_dataset.tasks))
        return super().weights(task, tried) if near is None else near


@dataclass(frozen=True, eq=False)
class FittedNeighborRank(Ordering):
    """The neighbours' ranks, averaged anew for each task."""

    n_neighbors: int

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return the C configurations by weighted average rank."""
        near = neighbor_weights(self.past, task, self.n_neighbors)
        if near is None:
            return _by_average_rank(self.past)
        ranks, weights = self.past.ranks[near[0] > 0], near[0][near[0] > 0]
        completed = np.where(np.isnan(ranks), average_rank(self.past.ranks), ranks)
        return np.argsort(np.round(weights @ completed, TIE_DIGITS), kind="stable")

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return weights (T,) of the past tasks, summing to 1, and their distances (T,), NaN where there is none."""
        near = neighbor_weights(self.past, task, self.n_neighbors)
        return super().weights(task, tried) if near is None else near


def neighbors(past: PastTasks, task: Task) -> tuple[Integers, Floats]:
    """Return the n past tasks with meta-features and evaluations, the nearest first, and their distances (n,).

    n is 0 for a task that shares no meta-feature with any of them.
    """
    own = past.meta_features_of(task)
    described = np.isfinite(past.meta_dataset.meta_features)
    usable = np.flatnonzero(described.any(axis=1) & ~np.isnan(past.ranks).all(axis=1))
    if not (described[usable] & np.isfinite(own)).any():
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    distances = scaled_distances(own, past.meta_dataset.meta_features[usable])
    order = np.argsort(distances, kind="stable")
    return usable[order], distances[order]


def neighbor_weights(past: PastTasks, task: Task, n_neighbors: int) -> tuple[Floats, Floats] | None:
    """Return weights (T,), 1 / (1 + distance) over the neighbours' sum, and distances (T,), NaN where there is none.

    None for a task that shares no meta-feature with the past.
    """
    nearest, known = neighbors(past, task)
    if not len(nearest):
        return None
    weights, distances = np.zeros(len(past.ranks)), np.full(len(past.ranks), np.nan)
    weights[nearest[:n_neighbors]] = 1 / (1 + known[:n_neighbors])
    distances[nearest] = known
    return weights / weights.sum(), distances


def scaled_distances(x: Floats, others: Floats) -> Floats:
    """Return the L1 distances (T,) of meta-features x (F,) to others (T, F), scaled to [0, 1] over all T + 1 tasks.

    What is not finite counts as the median of the T + 1; a meta-feature that nobody knows counts for nothing.

    >>> scaled_distances(np.array([3.0, np.nan]), np.array([[1.0, 10.0], [5.0, 20.0], [2.0, 40.0]]))
    array([0.83333333, 0.5       , 0.91666667])
    """
    rows = np.vstack([x, others])
    rows = np.where(np.isfinite(rows), rows, np.nan)
    rows = rows[:, ~np.isnan(rows).all(axis=0)]
    rows = np.where(np.isnan(rows), np.nanmedian(rows, axis=0), rows)
    low, high = rows.min(axis=0), rows.max(axis=0)
    scaled = (rows - low) / np.where(high > low, high - low, 1.0)
    return np.asarray(np.abs(scaled[1:] - scaled[0]).sum(axis=1))


def best_of_each(losses: Floats, pool: Mask) -> Integers:
    """Return the index of the smallest loss in the ``pool`` (C,) for each row of losses (n, C) that has one.

    >>> best_of_each(np.array([[0.2, 0.1, 0.1], [np.nan, np.nan, 0.3]]), np.array([True, True, False]))
    array([1])
    """
    allowed = np.where(pool & np.isfinite(losses), np.round(losses, TIE_DIGITS), np.inf)
    usable = np.isfinite(allowed).any(axis=1)
    return np.argmin(allowed[usable], axis=1) if usable.any() else np.zeros(0, dtype=np.int64)


def _by_average_rank(past: PastTasks) -> Integers:
    return np.argsort(average_rank(past.ranks), kind="stable")
