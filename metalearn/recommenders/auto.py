"""Auto: the default, which takes the best method that the data at hand allow."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.persistence import load_meta_dataset
from metalearn.core.records import Configuration, Task
from metalearn.learners.defaults import default_configurations
from metalearn.recommenders.portfolio import FittedPortfolio
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering, PastTasks, Tried
from metalearn.recommenders.task_mixture import FittedTaskMixture, TaskMixture

# From fewer families nothing is learned about which tasks are alike.
MIN_FAMILIES = 15


@dataclass(frozen=True)
class Auto:
    """``task_mixture`` where 15 families or more are known, else ``portfolio``, from nothing the learners' defaults.

    >>> nothing = MetaDataset.from_matrix([], [], [])
    >>> fitted = Auto().meta_fit(nothing, rng=np.random.default_rng(0))
    >>> fitted.explain(Task("new", "new", "classification"))[0]
    'defaults'
    """

    stochastic: ClassVar[bool] = TaskMixture.stochastic

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedAuto":
        """Fit the method that the number of families allows."""
        if n_families(meta_dataset) < MIN_FAMILIES:
            return FittedAuto(PastTasks(meta_dataset), None)
        mixture = TaskMixture().meta_fit(meta_dataset, rng=rng)
        return FittedAuto(mixture.past, mixture)


@dataclass(frozen=True, eq=False)
class FittedAuto(Ordering):
    """The past tasks, and the mixture of them where they are enough."""

    mixture: FittedTaskMixture | None

    def explain(self, task: Task) -> tuple[str, str]:
        """Return the method used for the task, and why."""
        past = self.past.meta_dataset
        if not len(past):
            return (
                "defaults",
                f"the knowledge base holds no {task.type} evaluations, so these are the learners' defaults",
            )
        if self.mixture is None:
            known = f"the knowledge base holds {n_families(past)} families of {task.type} tasks"
            return "portfolio", f"{known}; fewer than {MIN_FAMILIES} do not tell which tasks are alike"
        if self.past.knows(task):
            return "task_mixture", f"the new task and {len(past.tasks)} past tasks have meta-features in common"
        return "task_mixture", "the new task and the past tasks have no meta-features in common, so all count alike"

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return the order of the method that ``explain`` names."""
        return self._chosen.order(task, eligible, tried, k)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return the weights of the method that ``explain`` names."""
        return self._chosen.weights(task, tried)

    def predicted(self, task: Task, tried: Tried, weights: Floats) -> tuple[Floats, Floats]:
        """Return the predictions of the method that ``explain`` names."""
        return self._chosen.predicted(task, tried, weights)

    def beyond(self, task: Task) -> tuple[Configuration, ...]:
        """Return the learners' defaults where there is no past to learn from."""
        return () if len(self.past.meta_dataset) else default_configurations(task.type)

    def save(self, folder: Path) -> None:
        """Write the method that was fitted into ``folder``."""
        self._chosen.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        past = PastTasks(load_meta_dataset(folder))
        few = n_families(past.meta_dataset) < MIN_FAMILIES
        return cls(past, None if few else FittedTaskMixture.of_files(folder, past))

    @cached_property
    def _chosen(self) -> Ordering:
        return self.mixture or FittedPortfolio(self.past)


def n_families(meta_dataset: MetaDataset) -> int:
    """Return of how many families tasks are known."""
    return len({task.family for task in meta_dataset.tasks})
