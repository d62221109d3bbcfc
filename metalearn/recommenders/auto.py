"""Auto: the default, which takes the best method that the data at hand allow."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.learners.defaults import default_configurations
from metalearn.recommenders.knn import FittedNearestTasks, NearestTasks
from metalearn.recommenders.portfolio import FittedPortfolio
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering, PastTasks, Tried


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
class FittedAuto(Ordering):
    """The fitted methods, one of which answers for each task."""

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

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return the order of the method that ``explain`` names."""
        return self._chosen(task).order(task, eligible, tried, k)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return the weights of the method that ``explain`` names."""
        return self._chosen(task).weights(task, tried)

    def beyond(self, task: Task) -> tuple[Configuration, ...]:
        """Return the learners' defaults where there is no past to learn from."""
        return () if len(self.past.meta_dataset) else default_configurations(task.type)

    def _chosen(self, task: Task) -> Ordering:
        return self.knn if self.knn.knows(task) else self.portfolio
