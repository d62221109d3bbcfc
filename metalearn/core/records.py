"""The records that travel through metalearn: frozen, hashable, picklable, and checked where they are made."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from metalearn.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Kind = Literal["numeric", "nominal", "date", "text"]
TaskType = Literal["classification", "regression"]
Value = str | int | float | bool | None | list[Any]
Status = Literal["pending", "ok", "pruned", "crashed", "timeout", "memout", "invalid"]
STATUSES: tuple[Status, ...] = get_args(Status)


def canonical_value(value: Any) -> Value:
    """Return a hyperparameter's value as a plain Python scalar; a float of integral value becomes an int.

    Raises:
        ConfigurationError: for a value that is no scalar, list or None, or that is not finite.

    >>> canonical_value(1.0), canonical_value("rbf"), canonical_value((50, 50))
    (1, 'rbf', [50, 50])
    """
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [canonical_value(v) for v in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigurationError(f"A hyperparameter cannot be {value}; use None for 'not set'.")
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, str | int):
        return value
    raise ConfigurationError(f"A hyperparameter cannot be of type {type(value).__name__}: {value!r}.")


@dataclass(frozen=True)
class Configuration:
    """An algorithm with values for its active hyperparameters, in a versioned search space.

    Two configurations are equal when their ids are. The id is the first 32 hex digits of SHA-256 over the three
    fields as JSON with sorted keys, so that the same run has the same id from every source.

    Raises:
        ConfigurationError: when a value is no Python scalar, list or None.

    >>> svc = Configuration("sklearn", "svc", {"kernel": "rbf", "C": 1.0})
    >>> dict(svc.hyperparameters)
    {'C': 1, 'kernel': 'rbf'}
    >>> svc.id
    'aca8f0f51a3c5196cd4d8a2e0fe5cf47'
    >>> svc == Configuration("sklearn", "svc", {"C": 1, "kernel": "rbf"})
    True
    """

    space: str
    algorithm: str
    hyperparameters: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = {str(name): canonical_value(v) for name, v in sorted(self.hyperparameters.items())}
        object.__setattr__(self, "hyperparameters", MappingProxyType(values))

    @cached_property
    def hyperparameters_json(self) -> str:
        """The hyperparameters as canonical JSON: sorted keys, no spaces."""
        return json.dumps(dict(self.hyperparameters), sort_keys=True, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """32 hex digits."""
        # Concatenated rather than dumped as one object: the same text, and half the time on millions of rows.
        algorithm, space = json.dumps(self.algorithm), json.dumps(self.space)
        text = f'{{"algorithm":{algorithm},"hyperparameters":{self.hyperparameters_json},"space":{space}}}'
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return Configuration, (self.space, self.algorithm, dict(self.hyperparameters))

    def __str__(self) -> str:
        return f"{self.algorithm}({', '.join(f'{k}={v!r}' for k, v in self.hyperparameters.items())})"


@dataclass(frozen=True)
class Task:
    """A dataset with a target, a task type and an estimation procedure.

    ``family`` names the datasets that must not be on the other side of a split; by default the dataset itself.
    ``meta_features`` maps names to values, NaN where one could not be computed; empty when none are known.

    >>> Task("openml-task-59", "openml-61", "classification").family
    'openml-61'
    """

    id: str
    dataset_id: str
    type: TaskType
    procedure: str = ""
    family: str = ""
    meta_features: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "family", self.family or self.dataset_id)
        object.__setattr__(self, "meta_features", MappingProxyType(dict(self.meta_features)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Task, (self.id, self.dataset_id, self.type, self.procedure, self.family, dict(self.meta_features))


@dataclass(frozen=True)
class Trial:
    """An evaluation inside a running optimization, or one that a user already made.

    ``loss`` is minimised and given only with status ``ok`` or ``pruned``; ``fidelity`` lies in (0, 1].

    >>> Trial(Configuration("sklearn", "gaussian_nb"), loss=0.2, status="ok").loss
    0.2
    """

    configuration: Configuration
    fidelity: float = 1.0
    seed: int = 0
    loss: float | None = None
    cost_seconds: float | None = None
    status: Status = "pending"

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InputError(f"A trial's status is one of {', '.join(STATUSES)}; got {self.status!r}.")
        if not 0 < self.fidelity <= 1:
            raise InputError(f"A trial's fidelity lies in (0, 1]; got {self.fidelity}.")
        if (self.loss is not None) != (self.status in ("ok", "pruned")):
            raise InputError(f"A trial has a loss exactly when it is ok or pruned; got {self.loss} with {self.status}.")

    def ended(self, loss: float) -> "Trial":
        """Return the trial with the loss that it ended with; one that is not finite is a crash."""
        ok = math.isfinite(loss)
        return replace(self, loss=loss if ok else None, status="ok" if ok else "crashed")


@dataclass(frozen=True)
class Evidence:
    """Why a configuration is recommended: how it did on one past task.

    ``rank`` is its average rank there (1 = best), ``distance`` the distance of that task from the new one.
    """

    kind: str
    task_id: str | None = None
    distance: float | None = None
    rank: float | None = None
    loss: float | None = None


@dataclass(frozen=True)
class Recommendation:
    """A configuration with what is expected of it on the new task, and the evidence."""

    configuration: Configuration
    loss: float | None = None
    std: float | None = None
    cost_seconds: float | None = None
    evidence: tuple[Evidence, ...] = ()


class Space(Protocol):
    """What constraints need of a search space, ``core.spaces.SearchSpace``."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms that it has."""
        ...

    def validate(self, configuration: Configuration) -> None:
        """Raise ConfigurationError for what is no valid configuration of it."""
        ...


@dataclass(frozen=True)
class Constraints:
    """What recommended configurations must satisfy.

    ``algorithms`` keeps only these, ``exclude`` drops these algorithms or configurations (by id). ``seconds`` drops
    what is predicted to take longer, and of a list ``total_seconds`` drops, one after the other, what would bring it
    beyond that in all; a configuration without a prediction stays. ``space`` keeps what is valid in a search space,
    or, given as a name, what comes from it.

    Raises:
        InputError: when seconds are negative or no number.

    >>> small = Configuration("sklearn", "svc", {"C": 1})
    >>> Constraints(exclude=("lda",)).allows(small), Constraints(space="mine-1").allows(small)
    (True, False)
    """

    algorithms: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    seconds: float | None = None
    total_seconds: float | None = None
    space: Space | str | None = None

    def __post_init__(self) -> None:
        for limit in (self.seconds, self.total_seconds):
            if limit is not None and not limit >= 0:
                raise InputError(f"A limit in seconds is 0 or more; got {limit}.")

    @property
    def most_seconds(self) -> float:
        """What a configuration may be predicted to take, infinite where there is no limit."""
        return min((limit for limit in (self.seconds, self.total_seconds) if limit is not None), default=float("inf"))

    @property
    def restrict(self) -> bool:
        """Whether there are configurations that may not be used, but for the time that they take."""
        return self.algorithms is not None or bool(self.exclude) or self.space is not None

    def allows(self, configuration: Configuration) -> bool:
        """Whether the configuration may be used, but for the time that it takes."""
        wanted = self.algorithms is None or configuration.algorithm in self.algorithms
        unwanted = configuration.algorithm in self.exclude or configuration.id in self.exclude
        return wanted and not unwanted and self._in_space(configuration)

    def _in_space(self, configuration: Configuration) -> bool:
        if self.space is None or isinstance(self.space, str):
            return self.space in (None, configuration.space)
        try:
            self.space.validate(configuration)
        except ConfigurationError:
            return False
        return configuration.algorithm in self.space.algorithms


NO_CONSTRAINTS = Constraints()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A raw table: features ``X`` of shape (n, p), target ``y`` of shape (n,), and the kind of each column.

    Columns are float64 (numeric), category (nominal), datetime64 (date) or object/str (text).
    ``fingerprint`` (64 hex digits) is the same for the same content under other names, row orders or file formats.
    ``order`` names the column that orders the rows, if any does; ``notes`` say what was mended in the table.
    """

    X: "pd.DataFrame"
    y: "pd.Series[Any]"
    name: str
    kinds: tuple[Kind, ...]
    fingerprint: str
    order: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of a dataset that comes from a raw file."""
        return f"data-{self.fingerprint[:16]}"

    @property
    def task_type(self) -> TaskType:
        """Classification when the target is nominal."""
        return "classification" if self.y.dtype == "category" else "regression"

    @property
    def n_classes(self) -> int | None:
        """The number of classes of a nominal target."""
        return int(self.y.nunique()) if self.task_type == "classification" else None


@dataclass(frozen=True, eq=False)
class Batch:
    """A piece of what a source yields: rows for the knowledge base's tables, and how far the source is then.

    ``tables`` maps a table's name to an Arrow table with (some of) its columns, by name; ``released`` names rows that
    leave ``quarantine`` before the others come in. ``cursor`` is what the source needs to go on after this batch; it is
    stored in the transaction that stores the rows. ``seen`` counts the raw rows that the batch was made of, ``skipped``
    those that concern nothing the knowledge base holds, so that a report can add up.
    """

    source: str
    tables: "Mapping[str, pa.Table]"
    partition: str = ""
    cursor: str = ""
    seen: int = 0
    skipped: int = 0
