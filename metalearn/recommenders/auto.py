"""Auto: the default, which takes the best method that the data at hand allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.persistence import load_meta_dataset, save_meta_dataset
from metalearn.core.records import NO_CONSTRAINTS, Configuration, Constraints, Evidence, Recommendation, Task, Trial
from metalearn.learners.defaults import default_configurations
from metalearn.recommenders.knn import FittedNearestTasks, NearestTasks
from metalearn.recommenders.portfolio import FittedPortfolio
from metalearn.recommenders.ranking import PastTasks


@dataclass(frozen=True)
class Auto:
    """``knn`` where the new task and past tasks share meta-features, else ``portfolio``, else the learners' defaults.

    >>> nothing = MetaDataset.from_matrix([], [], [])
    >>> fitted = Auto().meta_fit(nothing, rng=np.random.default_rng(0))
    >>> fitted.explain(Task("new", "new", "classification"))[0]
    'defaults'
    """

    stochastic: ClassVar[bool] = False

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedAuto":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedAuto(PastTasks(meta_dataset))


@dataclass(frozen=True, eq=False)
class FittedAuto:
    """The fitted methods, one of which answers for each task."""

    past: PastTasks

    @cached_property
    def knn(self) -> FittedNearestTasks:
        """For tasks with meta-features."""
        return FittedNearestTasks(self.past, NearestTasks().n_neighbors)

    @cached_property
    def portfolio(self) -> FittedPortfolio:
        """For tasks without."""
        return FittedPortfolio(self.past)

    def explain(self, task: Task) -> tuple[str, str]:
        """Return the method used for the task, and why."""
        past = self.past.meta_dataset
        if not len(past):
            return (
                "defaults",
                f"the knowledge base holds no {task.type} evaluations, so these are the learners' defaults",
            )
        if self.knn.knows(task):
            return "knn", f"the new task and {len(past.tasks)} past tasks have meta-features in common"
        return "portfolio", "the new task and the past tasks have no meta-features in common"

    def recommend(
        self,
        task: Task,
        k: int,
        *,
        history: Sequence[Trial] = (),
        candidates: Sequence[Configuration] | None = None,
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> tuple[Recommendation, ...]:
        """Return min(k, eligible) distinct configurations of the method that ``explain`` names."""
        method, _ = self.explain(task)
        if method != "defaults":
            chosen = self.knn if method == "knn" else self.portfolio
            return chosen.recommend(task, k, history=history, candidates=candidates, constraints=constraints)
        known = default_configurations(task.type) if candidates is None else tuple(candidates)
        tried = {t.configuration for t in history}
        allowed = dict.fromkeys(c for c in known if c not in tried and constraints.allows(c))
        return tuple(Recommendation(c, evidence=(Evidence("default"),)) for c in list(allowed)[:k])

    def save(self, folder: Path) -> None:
        """Write the past tasks into ``folder``; all else follows from them."""
        save_meta_dataset(self.past.meta_dataset, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        return cls(PastTasks(load_meta_dataset(folder)))
