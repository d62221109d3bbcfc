"""Auto: the default, which takes the best method that the data at hand allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task, Trial
from metalearn.learners.defaults import default_configurations
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.performance_regression import FittedPerformanceRegression, PerformanceRegression
from metalearn.recommenders.portfolio import FittedPortfolio
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.task_mixture import FittedTaskMixture, TaskMixture
from metalearn.recommenders.tried import Tried

# From fewer families nothing is learned about which tasks are alike.
MIN_FAMILIES = 15
# Where fewer tasks share the configuration of a typical evaluation, only its hyperparameters can tell.
MIN_SHARED = 5


@dataclass(frozen=True)
class Auto:
    """The best method that the past tasks allow.

    From nothing it recommends the learners' defaults; from fewer than 15 families a ``portfolio``; where past tasks
    have hardly a configuration in common, by ``performance_regression``; else by ``task_mixture``. A task without
    meta-features is taken to be like all past tasks, until something was tried.

    >>> nothing = MetaDataset.from_matrix([], [], [])
    >>> fitted = Auto().meta_fit(nothing, rng=np.random.default_rng(0))
    >>> fitted.explain(Task("new", "new", "classification"))[0]
    'defaults'
    """

    stochastic: ClassVar[bool] = TaskMixture.stochastic

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedAuto":
        """Fit the method that the past tasks allow."""
        chosen = method_for(meta_dataset)
        if chosen is FittedPortfolio:
            past = PastTasks(meta_dataset)
            return FittedAuto(past, FittedPortfolio(past))
        method = TaskMixture() if chosen is FittedTaskMixture else PerformanceRegression()
        fitted = method.meta_fit(meta_dataset, rng=rng)
        return FittedAuto(fitted.past, fitted)


def method_for(meta_dataset: MetaDataset) -> type[Ordering]:
    """Return the kind of method that past tasks allow."""
    if n_families(meta_dataset) < MIN_FAMILIES:
        return FittedPortfolio
    return FittedTaskMixture if n_shared(meta_dataset) >= MIN_SHARED else FittedPerformanceRegression


@dataclass(frozen=True, eq=False)
class FittedAuto(Ordering):
    """The past tasks, and the method that was fitted to them."""

    chosen: Ordering

    def explain(self, task: Task) -> tuple[str, str]:
        """Return the method used for the task, and why."""
        past = self.past.meta_dataset
        if not len(past):
            return (
                "defaults",
                f"the knowledge base holds no {task.type} evaluations, so these are the learners' defaults",
            )
        if isinstance(self.chosen, FittedPortfolio):
            known = f"the knowledge base holds {n_families(past)} families of {task.type} tasks"
            return "portfolio", f"{known}; fewer than {MIN_FAMILIES} do not tell which tasks are alike"
        name = "task_mixture" if isinstance(self.chosen, FittedTaskMixture) else "performance_regression"
        if self.past.knows(task):
            alike = f"the new task and {len(past.tasks)} past tasks have meta-features in common"
        else:
            alike = "the new task and the past tasks have no meta-features in common, so all count alike"
        if name == "performance_regression":
            alike += "; past tasks hardly share a configuration, so losses are predicted from hyperparameters"
        return name, alike

    def at_hand(self, candidates: Sequence[Configuration] | None, history: Sequence[Trial]) -> Ordering:
        """Return what answers: the performance regression itself, whose pool is not that of the past tasks."""
        by_regression = isinstance(self.chosen, FittedPerformanceRegression)
        return self.chosen.at_hand(candidates, history) if by_regression else self

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return the order of the method that ``explain`` names."""
        return self.chosen.order(task, eligible, tried, k)

    def order_by_price(self, task: Task, eligible: Mask, tried: Tried, k: int, price: Floats) -> Integers:
        """Return the order of the method that ``explain`` names, by what is gained for the price."""
        return self.chosen.order_by_price(task, eligible, tried, k, price)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return the weights of the method that ``explain`` names."""
        return self.chosen.weights(task, tried)

    def predicted(self, task: Task, tried: Tried, weights: Floats, indices: Integers) -> tuple[Floats, Floats]:
        """Return the predictions of the method that ``explain`` names."""
        return self.chosen.predicted(task, tried, weights, indices)

    def beyond(self, task: Task) -> tuple[Configuration, ...]:
        """Return the learners' defaults where there is no past to learn from."""
        return () if len(self.past.meta_dataset) else default_configurations(task.type)

    def drivers(self, task: Task) -> Floats:
        """Return the shares (F,) of the meta-features in telling which past tasks the new one is like; else 0."""
        if isinstance(self.chosen, FittedTaskMixture):
            return self.chosen.drivers(task)
        return np.zeros(len(self.past.meta_dataset.feature_names))

    def save_learned(self, folder: Path) -> None:
        """Write what the method learned that was fitted."""
        self.chosen.save_learned(folder)

    @classmethod
    def load_learned(cls, folder: Path, past: PastTasks) -> Self:
        """Read what ``save_learned`` wrote of these past tasks."""
        return cls(past, method_for(past.meta_dataset).load_learned(folder, past))


def n_families(meta_dataset: MetaDataset) -> int:
    """Return of how many families tasks are known."""
    return len({task.family for task in meta_dataset.tasks})


def n_shared(meta_dataset: MetaDataset) -> float:
    """Return on how many tasks the configuration of a typical evaluation was evaluated: their mean.

    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> losses = [[0.1, 0.2, np.nan], [0.1, np.nan, np.nan], [0.1, np.nan, 0.3]]
    >>> n_shared(MetaDataset.from_matrix(losses, ["openml-1", "openml-2", "openml-3"], [a, b, c]))
    2.2
    """
    cells = np.unique(np.stack([meta_dataset.task_index, meta_dataset.configuration_index], axis=1), axis=0)
    counts = np.bincount(cells[:, 1])
    return float(np.sum(counts**2) / max(counts.sum(), 1))
