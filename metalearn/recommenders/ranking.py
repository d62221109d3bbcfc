"""What the recommenders share: a fitted one orders configurations, and this turns an order into recommendations."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metalearn.core.persistence import load_meta_dataset, save_meta_dataset
from metalearn.core.records import NO_CONSTRAINTS, Configuration, Constraints, Evidence, Recommendation, Task, Trial
from metalearn.core.transforms import weighted_sums
from metalearn.errors import InputError
from metalearn.recommenders.lists import affordable
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.runtime import SHORTEST
from metalearn.recommenders.tried import Tried

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_OWN_FIELDS = "recommender.json"
# How many past tasks are shown as evidence for a recommendation.
N_EVIDENCE = 3


@dataclass(frozen=True, eq=False)
class Ordering(ABC):
    """A fitted recommender that orders the configurations it knows; subclasses say how.

    ``weights`` gives the past tasks whose losses predict those of the new one.
    """

    past: PastTasks
    # Fields that are saved otherwise than as JSON.
    _apart: ClassVar[tuple[str, ...]] = ("past",)

    @abstractmethod
    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return at least min(k, number eligible) indices of configurations, the best first.

        ``eligible`` (C,) marks those that may be returned.
        """

    def order_by_price(self, task: Task, eligible: Mask, tried: Tried, k: int, price: Floats) -> Integers:  # noqa: ARG002
        """Return the order when time is short: by what is gained a second, ``price`` (C,), for methods that can tell.

        Here it is the order as ever.
        """
        return self.order(task, eligible, tried, k)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return weights (T,) of the past tasks, summing to 1, and their distances (T,), NaN where there is none."""
        n = len(self.past.meta_dataset.tasks)
        return np.full(n, 1 / max(n, 1)), np.full(n, np.nan)

    def predicted(self, task: Task, tried: Tried, weights: Floats, indices: Integers) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return mean and standard deviation (n,) of the losses at ``indices`` (n,), here those of the past tasks.

        ``weights`` (T,) are what ``weights`` gives.
        """
        losses = self.past.losses[:, indices]
        mean = _weighted(losses, weights)
        return mean, np.sqrt(_weighted((losses - mean) ** 2, weights))

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

        Raises:
            InputError: when k is negative.
        """
        if k < 0:
            raise InputError(f"k must be 0 or more; got {k}.")
        return self.at_hand(candidates, history)._recommended(task, k, history, candidates, constraints)

    def at_hand(self, candidates: Sequence[Configuration] | None, history: Sequence[Trial]) -> "Ordering":  # noqa: ARG002
        """Return the ordering of what is asked for: this one, unless it is made for each pool of configurations."""
        return self

    def _recommended(
        self,
        task: Task,
        k: int,
        history: Sequence[Trial],
        candidates: Sequence[Configuration] | None,
        constraints: Constraints,
    ) -> tuple[Recommendation, ...]:
        tried = Tried.of(history, self.past.meta_dataset.position)
        weights, distances = self.weights(task, tried)
        seconds = self.past.runtimes.seconds(task.meta_features, tried.indices, tried.seconds)
        tried_ids = {t.configuration.id for t in history}
        eligible = self._eligible(candidates, constraints, seconds, tried_ids)
        best = self._best(task, eligible, tried, k, seconds, constraints)
        mean, std = self.predicted(task, tried, weights, np.array(best, dtype=np.int64))
        if not (self.past.meta_dataset.metric.scale_free or np.isfinite(tried.losses).any()):
            mean = std = np.full(len(best), np.nan)  # past tasks do not tell the scale of the new one
        known = tuple(
            Recommendation(
                self.past.configurations[i],
                _or_none(mean[place]),
                _or_none(std[place]),
                _or_none(seconds[i]),
                self._evidence(i, weights, distances),
            )
            for place, i in enumerate(best)
        )
        unknown = self.beyond(task) if candidates is None else sorted(candidates, key=lambda c: c.id)
        return known + self._untested(unknown, constraints, tried_ids)[: k - len(known)]

    def save(self, folder: Path) -> None:
        """Write the past tasks and what was learned from them into ``folder``."""
        save_meta_dataset(self.past.meta_dataset, folder)
        self.save_learned(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        return cls.load_learned(folder, PastTasks(load_meta_dataset(folder)))

    def save_learned(self, folder: Path) -> None:
        """Write what was learned into ``folder``, which exists: here this method's own fields."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in self._apart}
        (folder / _OWN_FIELDS).write_text(json.dumps(own), encoding="utf-8")

    @classmethod
    def load_learned(cls, folder: Path, past: PastTasks) -> Self:
        """Read what ``save_learned`` wrote of these past tasks."""
        return cls(past, **cls._own_fields(folder))

    @classmethod
    def _own_fields(cls, folder: Path) -> dict[str, Any]:
        own: dict[str, Any] = json.loads((folder / _OWN_FIELDS).read_text(encoding="utf-8"))
        return own

    def _eligible(
        self, candidates: Sequence[Configuration] | None, constraints: Constraints, seconds: Floats, tried: set[str]
    ) -> Mask:
        position = self.past.meta_dataset.position
        eligible = np.full(len(position), candidates is None)
        eligible[[position[c.id] for c in candidates or () if c.id in position]] = True
        eligible[[position[id_] for id_ in tried if id_ in position]] = False
        if constraints.restrict:
            eligible &= np.array([constraints.allows(c) for c in self.past.configurations], dtype=bool)
        return eligible & ~(seconds > constraints.most_seconds)

    def _best(
        self, task: Task, eligible: Mask, tried: Tried, k: int, seconds: Floats, constraints: Constraints
    ) -> list[int]:
        """Return the first k of the order; within a limit on all seconds, those that gain most a second and fit."""
        total = constraints.total_seconds
        if total is None:
            return [int(i) for i in self.order(task, eligible, tried, k) if eligible[i]][:k]
        eligible = eligible & ~(seconds > total)
        known = seconds[np.isfinite(seconds)]
        typical = float(np.median(known)) if len(known) else 1.0
        price = np.maximum(np.nan_to_num(seconds, nan=typical), SHORTEST)
        asked, most = k, int(eligible.sum())
        while True:
            order = self.order_by_price(task, eligible, tried, asked, price)
            ordered = [int(i) for i in order if eligible[i]][:asked]
            fitting = [ordered[place] for place in affordable(np.nan_to_num(seconds[ordered]).tolist(), total)]
            if len(fitting) >= k or asked >= most:
                return fitting[:k]
            asked *= 4  # the order costs by its length, and a shorter one is the beginning of a longer one

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
        known = np.flatnonzero((weights > 0) & ~np.isnan(rank))
        weights = np.round(weights, 12)  # the last digits of sums decide nothing
        least = np.partition(weights[known], -N_EVIDENCE)[-N_EVIDENCE] if len(known) > N_EVIDENCE else 0.0
        heavy = known[weights[known] >= least]
        shown = heavy[np.lexsort((heavy, rank[heavy], -weights[heavy]))[:N_EVIDENCE]]
        tasks = self.past.meta_dataset.tasks
        counts = np.sum(~np.isnan(self.past.ranks[shown]), axis=1)
        return tuple(
            Evidence(
                kind="past task",
                task_id=tasks[t].id,
                distance=_or_none(distances[t]),
                rank=round(float(rank[t] * n + 0.5), 1),  # ties share halves
                loss=_or_none(self.past.losses[t, configuration]),
            )
            for t, n in zip(shown, counts, strict=True)
        )


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean (n,) over tasks of values (T, n), ignoring NaN; NaN where no task has a value."""
    known = np.isfinite(values)
    total = weighted_sums(weights, known.astype(np.float64))
    sums = weighted_sums(weights, np.where(known, values, 0.0))
    return np.where(total > 0, sums / np.where(total > 0, total, 1.0), np.nan)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
