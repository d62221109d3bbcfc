"""What the recommenders share: a fitted one orders configurations, and this turns an order into recommendations."""

import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset, meta_feature_matrix
from metalearn.core.persistence import load_meta_dataset, save_meta_dataset
from metalearn.core.records import NO_CONSTRAINTS, Configuration, Constraints, Evidence, Recommendation, Task, Trial
from metalearn.core.transforms import log_losses, normalized_regret, ranks

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_OWN_FIELDS = "recommender.json"
# How many past tasks are shown as evidence for a recommendation.
N_EVIDENCE = 3


@dataclass(frozen=True, eq=False)
class PastTasks:
    """What a recommender keeps of a MetaDataset: losses, ranks, regrets and costs as matrices (T, C)."""

    meta_dataset: MetaDataset

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """The C known configurations, in the order of their ids."""
        return self.meta_dataset.configurations

    @cached_property
    def failed(self) -> Mask:
        """(T, C): whether the configuration failed there."""
        return self.meta_dataset.failure_matrix()

    @cached_property
    def losses(self) -> Floats:
        """(T, C): mean losses, NaN where not evaluated or failed."""
        return self.meta_dataset.performance_matrix()

    @cached_property
    def log_losses(self) -> Floats:
        """(T, C): logarithms of the losses, NaN where not evaluated; a failure is as bad as the task's worst."""
        logs = log_losses(self.losses, bounded=self.meta_dataset.metric.bounded)
        worst = np.fmax.reduce(logs, axis=1, keepdims=True, initial=-np.inf)
        return np.where(self.failed, np.where(np.isfinite(worst), worst, np.nan), logs)

    @cached_property
    def ranks(self) -> Floats:
        """(T, C): ranks in (0, 1), NaN where not evaluated."""
        return ranks(self.losses, self.failed)

    @cached_property
    def regrets(self) -> Floats:
        """(T, C): normalized regrets in [0, 1], NaN where not evaluated."""
        return normalized_regret(self.losses, self.failed, bounded=self.meta_dataset.metric.bounded)

    @cached_property
    def known_regrets(self) -> Floats:
        """(T, C): the same, 1 where not evaluated: what a task has not seen is taken to be of no help there."""
        return np.nan_to_num(self.regrets, nan=1.0)

    @cached_property
    def costs(self) -> Floats:
        """(T, C): seconds, NaN where unknown."""
        return self.meta_dataset.cost_matrix()

    def meta_features_of(self, task: Task) -> Floats:
        """Return the meta-features (F,) of a task under the names that the past tasks have, NaN where unknown."""
        own = meta_feature_matrix([task], self.meta_dataset.feature_names)[0]
        return np.where(np.isfinite(own), own, np.nan)

    def knows(self, task: Task) -> bool:
        """Whether the task shares a meta-feature with some past task."""
        shared = np.isfinite(self.meta_dataset.meta_features) & np.isfinite(self.meta_features_of(task))
        return bool(shared.any())


class Tried(NamedTuple):
    """What was already evaluated on the new task: indices of n configurations, in the order in which they came first.

    ``losses`` (n,) are the means at full fidelity, infinite where every trial failed and NaN where none is finished.
    """

    indices: Integers
    losses: Floats

    @classmethod
    def of(cls, history: Sequence[Trial], position: Mapping[str, int]) -> "Tried":
        """Sum up the trials of the configurations that have a ``position``.

        >>> a, b = Configuration("s", "a"), Configuration("s", "b")
        >>> trials = [Trial(b, loss=0.3, status="ok"), Trial(a, status="crashed"), Trial(b, loss=0.1, status="ok")]
        >>> Tried.of(trials, {a.id: 0, b.id: 1})
        Tried(indices=array([1, 0]), losses=array([0.2, inf]))
        """
        losses: defaultdict[int, list[float]] = defaultdict(list)
        for trial in history:
            if trial.configuration.id in position:
                known = losses[position[trial.configuration.id]]
                if trial.status not in ("pending", "pruned") and trial.fidelity >= 1:
                    known.append(np.inf if trial.loss is None else trial.loss)
        means = [float(np.mean([v for v in values if v < np.inf] or values or [np.nan])) for values in losses.values()]
        return cls(np.array(list(losses), dtype=np.int64), np.array(means))


NOTHING_TRIED = Tried(np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Ordering(ABC):
    """A fitted recommender that orders the configurations it knows; subclasses say how.

    ``weights`` gives the past tasks whose losses and costs predict those of the new one.
    """

    past: PastTasks

    @abstractmethod
    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return at least min(k, number eligible) indices of configurations, the best first.

        ``eligible`` (C,) marks those that may be returned.
        """

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return weights (T,) of the past tasks, summing to 1, and their distances (T,), NaN where there is none."""
        n = len(self.past.meta_dataset.tasks)
        return np.full(n, 1 / max(n, 1)), np.full(n, np.nan)

    def predicted(self, task: Task, tried: Tried, weights: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return mean and standard deviation (C,) of the losses on the new task, here those of the past tasks.

        ``weights`` (T,) are what ``weights`` gives.
        """
        mean = _weighted(self.past.losses, weights)
        return mean, np.sqrt(np.maximum(_weighted(self.past.losses**2, weights) - mean**2, 0.0))

    def beyond(self, task: Task) -> tuple[Configuration, ...]:  # noqa: ARG002
        """Return configurations to go on with after those that past tasks have evaluated; none, unless overridden."""
        return ()

    def recommend(
        self,
        task: Task,
        k: int,
        *,
        history: Sequence[Trial] = (),
        candidates: Sequence[Configuration] | None = None,
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> tuple[Recommendation, ...]:
        """Return min(k, eligible) distinct configurations, the first to be tried first.

        See ``core.protocols.FittedRecommender``. Candidates that no past task has evaluated come last, by id.
        """
        tried = Tried.of(history, self.past.meta_dataset.position)
        weights, distances = self.weights(task, tried)
        seconds = _weighted(self.past.costs, weights)
        tried_ids = {t.configuration.id for t in history}
        eligible = self._eligible(candidates, constraints, seconds, tried_ids)
        best = [int(i) for i in self.order(task, eligible, tried, k) if eligible[i]][:k]
        mean, std = self.predicted(task, tried, weights)
        known = tuple(
            Recommendation(
                self.past.configurations[i],
                _or_none(mean[i]),
                _or_none(std[i]),
                _or_none(seconds[i]),
                self._evidence(i, weights, distances),
            )
            for i in best
        )
        unknown = self.beyond(task) if candidates is None else sorted(candidates, key=lambda c: c.id)
        return known + self._untested(unknown, constraints, tried_ids)[: k - len(known)]

    def save(self, folder: Path) -> None:
        """Write the past tasks and this method's own fields into ``folder``."""
        save_meta_dataset(self.past.meta_dataset, folder)
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "past"}
        (folder / _OWN_FIELDS).write_text(json.dumps(own), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        own = json.loads((folder / _OWN_FIELDS).read_text(encoding="utf-8"))
        return cls(PastTasks(load_meta_dataset(folder)), **own)

    def _eligible(
        self, candidates: Sequence[Configuration] | None, constraints: Constraints, seconds: Floats, tried: set[str]
    ) -> Mask:
        wanted = None if candidates is None else {c.id for c in candidates}
        allowed = [
            c.id not in tried and (wanted is None or c.id in wanted) and constraints.allows(c)
            for c in self.past.configurations
        ]
        limit = np.inf if constraints.seconds is None else constraints.seconds
        return np.array(allowed, dtype=bool) & ~(seconds > limit)

    def _untested(
        self, candidates: Sequence[Configuration], constraints: Constraints, tried: set[str]
    ) -> tuple[Recommendation, ...]:
        """Return what may be recommended of candidates that no past task has evaluated."""
        position = self.past.meta_dataset.position
        allowed = [c for c in candidates if c.id not in position and c.id not in tried and constraints.allows(c)]
        return tuple(Recommendation(c, evidence=(Evidence("no past task"),)) for c in dict.fromkeys(allowed))

    def _evidence(self, configuration: int, weights: Floats, distances: Floats) -> tuple[Evidence, ...]:
        """Return how the configuration did on the past tasks of most weight; without weights, where it did best."""
        rank = self.past.ranks[:, configuration]
        importance = np.where(np.isnan(rank) | (weights <= 0), -np.inf, weights)
        shown = np.lexsort((np.arange(len(rank)), rank, -importance))[:N_EVIDENCE]
        tasks = self.past.meta_dataset.tasks
        counts = np.sum(~np.isnan(self.past.ranks[shown]), axis=1)
        return tuple(
            Evidence(
                kind="past task",
                task_id=tasks[t].id,
                distance=_or_none(distances[t]),
                rank=float(rank[t] * n + 0.5),
                loss=_or_none(self.past.losses[t, configuration]),
            )
            for t, n in zip(shown, counts, strict=True)
            if np.isfinite(importance[t])
        )


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean (C,) over tasks of values (T, C), ignoring NaN; NaN where no task has a value."""
    known = np.isfinite(values)
    total = weights @ known
    return np.where(total > 0, weights @ np.where(known, values, 0.0) / np.where(total > 0, total, 1.0), np.nan)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
