"""What methods share that weigh past tasks by a forest on meta-features (``task_forest``)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from metalearn.core.records import Task
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Ordering
from metalearn.recommenders.task_forest import TaskForest
from metalearn.recommenders.tried import Tried


@dataclass(frozen=True, eq=False)
class ForestOrdering(Ordering):
    """Past tasks, weighted by how often they share a leaf with the new one; subclasses say what is made of them.

    The forest is None where no past task has meta-features; it is saved as Parquet, beside this method's own fields.
    """

    forest: TaskForest | None
    _apart: ClassVar[tuple[str, ...]] = ("past", "forest")

    @cached_property
    def described(self) -> Integers:
        """The indices of the past tasks that have meta-features, which the forest was grown on."""
        return np.flatnonzero(self.past.meta_dataset.described)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return the forest's weights (T,) of the past tasks, and distances (T,): 1 - the forest's proximity."""
        own = self.past.meta_features_of(task)
        if self.forest is None or not self.past.knows(task):
            return super().weights(task, tried)
        if own.tobytes() not in self._remembered:
            self._remembered.clear()  # one task after the other, each with many questions
            self._remembered[own.tobytes()] = self._of_all(self.forest.weights(own), 1 - self.forest.proximity(own))
        return self._remembered[own.tobytes()]

    def drivers(self, task: Task) -> Floats:
        """Return the shares (F,) of the meta-features in telling which past tasks the new one is like, or 0."""
        if self.forest is None or not self.past.knows(task):
            return np.zeros(len(self.past.meta_dataset.feature_names))
        return self.forest.drivers(self.past.meta_features_of(task))

    def save_learned(self, folder: Path) -> None:
        """Write the forest and this method's own fields into ``folder``, which exists."""
        if self.forest is not None:
            self.forest.save(folder)
        super().save_learned(folder)

    @classmethod
    def load_learned(cls, folder: Path, past: PastTasks) -> Self:
        """Read what ``save_learned`` wrote of these past tasks."""
        described = past.meta_dataset.described
        forest = TaskForest.load(folder, past.meta_dataset.meta_features[described]) if described.any() else None
        return cls(past, forest, **cls._own_fields(folder))

    def _of_all(self, weights: Floats, distances: Floats) -> tuple[Floats, Floats]:
        """Return weights, 0, and distances, NaN for the tasks without meta-features (T,)."""
        n = len(self.past.meta_dataset.tasks)
        found = np.zeros(n), np.full(n, np.nan)
        found[0][self.described], found[1][self.described] = weights, distances
        return found

    @cached_property
    def _remembered(self) -> dict[bytes, tuple[Floats, Floats]]:
        return {}


def grow(past: PastTasks, outputs: Floats, n_trees: int, rng: np.random.Generator) -> TaskForest | None:
    """Return a forest from the meta-features of the past tasks to their outputs (T, q), None where there is nothing.

    Each tree is grown on a part of the families (``task_forest``).
    """
    described = past.meta_dataset.described
    if not described.any():
        return None
    names = np.array([task.family for task in past.meta_dataset.tasks])[described]
    families = np.unique(names, return_inverse=True)[1]
    features = past.meta_dataset.meta_features[described]
    return TaskForest.grow(features, outputs[described], families, n_trees, rng)
