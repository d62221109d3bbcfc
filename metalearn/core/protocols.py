"""The contracts between the layers, as Protocols: what a method must offer, never what it must inherit."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import NO_CONSTRAINTS, Configuration, Constraints, Dataset, Recommendation, Task, Trial


@runtime_checkable
class FittedRecommender(Protocol):
    """What ``meta_fit`` returns: it has seen past tasks, and recommends for a new one, deterministically."""

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

        ``history`` holds the trials already made on the new task, whose configurations are not repeated.
        ``candidates`` limits the choice to these configurations.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write everything that ``load`` needs into ``folder``, without pickles."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        ...


@runtime_checkable
class Recommender(Protocol):
    """A method's specification: its hyperparameters, and nothing learned.

    ``stochastic`` tells a bench to run the method with several seeds.
    """

    stochastic: ClassVar[bool]

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> FittedRecommender:
        """Learn from past tasks. All randomness is drawn here."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A fitted recommender that chooses between others says which one it takes, and why."""

    def explain(self, task: Task) -> tuple[str, str]:
        """Return the registry name of the method used for ``task`` and the reason, one sentence."""
        ...


@runtime_checkable
class MetaFeatureExtractor(Protocol):
    """Describes a dataset by numbers whose names are known beforehand."""

    names: tuple[str, ...]

    def extract(
        self, dataset: Dataset, *, budget: float | None, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
        """Return values (F,), seconds (F,) and status (F,); a NaN always has a status that says why."""
        ...
