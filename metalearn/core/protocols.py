"""The contracts between the layers, as Protocols: what a method must offer, never what it must inherit."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import NO_CONSTRAINTS, Configuration, Constraints, Dataset, Recommendation, Task, Trial

Floats = NDArray[np.float64]


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
class TellsDrivers(Protocol):
    """A fitted recommender that knows which meta-features it goes by."""

    def drivers(self, task: Task) -> Floats:
        """Return the shares (F,) of the meta-features in telling which past tasks ``task`` is like."""
        ...


@runtime_checkable
class Predictor(Protocol):
    """A fitted surrogate: what it believes of the noise-free loss at encoded configurations."""

    @property
    def noise_std(self) -> float:
        """The standard deviation of the noise, in units of the loss."""
        ...

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) at X (m, d)."""
        ...

    def sample(self, X: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Return n joint draws (n, m) at X (m, d)."""
        ...


@runtime_checkable
class Surrogate(Protocol):
    """A model of losses over a search space, fitted to one task; it may know past tasks already."""

    def fit(self, X: Floats, loss: Floats, *, rng: np.random.Generator) -> Predictor:
        """Fit losses (n,) at encoded configurations X (n, d); n may be 0 for one that was meta-fitted."""
        ...


@runtime_checkable
class Optimizer(Protocol):
    """Asks for trials and is told what became of them: the one kind of object here that has a state."""

    def ask(self, n: int = 1) -> tuple[Trial, ...]:
        """Return n pending trials; the queue of warm starts comes first."""
        ...

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take in finished trials, matched by (configuration id, fidelity, seed); unasked ones too."""
        ...

    def enqueue(self, configurations: Sequence[Configuration]) -> None:
        """Put configurations at the end of the queue."""
        ...


@runtime_checkable
class MetaFeatureExtractor(Protocol):
    """Describes a dataset by numbers whose names are known beforehand."""

    names: tuple[str, ...]

    def extract(
        self, dataset: Dataset, *, budget: float | None, rng: np.random.Generator
    ) -> tuple[Floats, Floats, tuple[str, ...]]:
        """Return values (F,), seconds (F,) and status (F,); a NaN always has a status that says why."""
        ...


class Ingested(Protocol):
    """What a knowledge base holds of one source already, so that a source asks only for what is new."""

    def cursors(self) -> Mapping[str, str]:
        """Return the cursors of the source's partitions, by partition."""
        ...

    def tasks(self) -> Collection[str]:
        """Return the ids of the tasks that the source has described."""
        ...

    def runs(self, task_id: str) -> Collection[str]:
        """Return the source's ids of the runs on a task that are stored."""
        ...

    def flows(self, ids: Sequence[int]) -> Mapping[int, tuple[str, str, str, str]]:
        """Return name, class name, version and dependencies of those of the flows that are stored, by id."""
        ...

    def setups(self, ids: Sequence[int]) -> Mapping[int, str]:
        """Return the hyperparameters, as JSON of the source's texts, of those of the setups that are stored, by id."""
        ...

    def quarantined(self) -> Sequence[tuple[str, str]]:
        """Return raw text and reason of the source's rows in quarantine."""
        ...
