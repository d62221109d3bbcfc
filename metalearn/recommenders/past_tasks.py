"""What recommenders keep of past tasks, as matrices."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset, meta_feature_matrix
from metalearn.core.records import Configuration, Task
from metalearn.core.transforms import log_losses, normalized_regret, ranks
from metalearn.recommenders.novelty import Novelty
from metalearn.recommenders.runtime import RuntimeModel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


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
    def evaluated(self) -> Mask:
        """(C,): whether some past task has evaluated the configuration, even if it failed there."""
        return np.asarray(np.isfinite(self.ranks).any(axis=0))

    @cached_property
    def regrets(self) -> Floats:
        """(T, C): normalized regrets in [0, 1], NaN where not evaluated."""
        return normalized_regret(self.losses, self.failed, bounded=self.meta_dataset.metric.bounded)

    @cached_property
    def known_regrets(self) -> Floats:
        """(T, C): the same, 1 where not evaluated: what a task has not seen is taken to be of no help there."""
        return np.asfortranarray(np.nan_to_num(self.regrets, nan=1.0))  # whole columns are looked at

    @cached_property
    def costs(self) -> Floats:
        """(T, C): seconds, NaN where unknown."""
        return self.meta_dataset.cost_matrix()

    @cached_property
    def runtimes(self) -> RuntimeModel:
        """What tells how long configurations take on a new task."""
        return RuntimeModel.fit(self.costs, [task.meta_features for task in self.meta_dataset.tasks])

    @cached_property
    def novelty(self) -> Novelty:
        """What tells how unlike the past tasks a new one is."""
        families = np.unique([task.family for task in self.meta_dataset.tasks], return_inverse=True)[1]
        return Novelty.fit(self.meta_dataset.meta_features, families)

    def meta_features_of(self, task: Task) -> Floats:
        """Return the meta-features (F,) of a task under the names that the past tasks have, NaN where unknown."""
        own = meta_feature_matrix([task], self.meta_dataset.feature_names)[0]
        return np.where(np.isfinite(own), own, np.nan)

    def knows(self, task: Task) -> bool:
        """Whether the task shares a meta-feature with some past task."""
        shared = np.isfinite(self.meta_dataset.meta_features) & np.isfinite(self.meta_features_of(task))
        return bool(shared.any())
