"""What another optimizer's trials were about.

Its history says which hyperparameters gave which number. What the number measures, on which task and of which
algorithm, only the user knows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from metalearn.core import rows
from metalearn.core.algorithms import canonical_algorithm
from metalearn.core.ids import dataset_of_task, named_id
from metalearn.core.records import Configuration, TaskType
from metalearn.errors import ConfigurationError, InputError, did_you_mean
from metalearn.sources.measures import Measure

_OF_EITHER_TYPE = frozenset({"predict_seconds", "peak_memory"})


@dataclass(frozen=True)
class Subject:
    """What was optimized: a history's trials measured ``metric`` of ``algorithm`` on ``task``.

    ``task`` and ``dataset`` are ids, or OpenML's numbers; the dataset is the task's by default. ``metric`` may be
    called ``1-<name>`` or ``neg_<name>``. The algorithm is given, or is the value of the hyperparameter
    ``algorithm_column``; a hyperparameter called ``<algorithm>:<name>`` loses the prefix, as in a search space.
    ``ignore`` names what is no hyperparameter. ``resource`` is what a step spends, ``full`` how much of it a full
    evaluation spends; each optimizer's source has its own defaults. ``source`` is the optimizer and its study by
    default.

    Raises:
        InputError: when not exactly one of algorithm and algorithm_column is given, or the metric does not fit the
            task type, or ``full`` is not positive.
        UnknownNameError: for a metric that metalearn does not know.

    >>> subject = Subject("59", "error_rate", algorithm="RF")
    >>> subject.task_id, subject.measure.metric.name, str(subject.configuration({"max_depth": 3.0}))
    ('openml-task-59', 'accuracy', 'random_forest(max_depth=3)')
    """

    task: str
    metric: str
    algorithm: str | None = None
    algorithm_column: str | None = None
    dataset: str | None = None
    task_type: TaskType | None = None
    space: str = "sklearn"
    resource: str | None = None
    full: float | None = None
    ignore: tuple[str, ...] = ()
    source: str | None = None

    def __post_init__(self) -> None:
        if bool(self.algorithm) == bool(self.algorithm_column):
            raise InputError("Give the algorithm, or the name of the hyperparameter that holds it, but not both.")
        if not (self.task.strip() and (self.dataset is None or self.dataset.strip())):
            raise InputError("A task and a dataset need an id that is not empty.")
        if self.full is not None and not 0 < self.full < np.inf:
            raise InputError(f"A full evaluation spends a positive amount of the resource; got {self.full:g}.")
        metric = self.measure.metric
        if metric.name not in _OF_EITHER_TYPE and self.type != rows.task_type(metric):
            raise InputError(f"{metric.name} is no metric of {self.type}; name another, or the right task type.")

    @cached_property
    def measure(self) -> Measure:
        """What the optimizer's numbers mean."""
        return Measure.of(self.metric)

    @property
    def type(self) -> TaskType:
        """The task's type, told from the metric where it is not given."""
        return self.task_type or rows.task_type(self.measure.metric)

    @property
    def task_id(self) -> str:
        """The task's id."""
        return named_id(self.task, "openml-task")

    @property
    def dataset_id(self) -> str:
        """The dataset's id; a task whose dataset nothing tells has one of its own."""
        return named_id(self.dataset or dataset_of_task(self.task_id), "openml")

    def check_direction(self, history: str, *, minimized: bool) -> None:
        """Check that an optimizer went the way that the metric says.

        Raises:
            InputError: when it did not.
        """
        if minimized != self.measure.minimized:
            way, name = ("minimized" if minimized else "maximized"), self.measure.metric.name
            instead = f"1-{name} or neg_{name}" if self.metric == name else name
            raise InputError(
                f"{history} is {way}, which makes {self.metric} worse; name what it is, such as {instead}."
            )

    def check_names(self, history: str, known: Iterable[str]) -> None:
        """Check that the hyperparameters named here are among those of a history that has any.

        Raises:
            InputError: when one is not; names the nearest.
        """
        names = sorted(set(known))
        for name in filter(None, [self.algorithm_column, *self.ignore]):
            if names:
                require_name(names, name, f"{history} has no hyperparameter")

    def configuration(self, given: Mapping[str, Any]) -> Configuration | str:
        """Return the configuration that a trial's hyperparameters are, or what is wrong with them."""
        values = {name: value for name, value in given.items() if name not in self.ignore}
        called = self.algorithm or values.pop(str(self.algorithm_column), None)
        if called is None:
            return f"{self.algorithm_column}, which names the algorithm, is missing"
        algorithm = canonical_algorithm(str(called))
        own = {k.removeprefix(f"{called}:").removeprefix(f"{algorithm}:"): v for k, v in values.items()}
        if len(own) < len(values):
            return f"two hyperparameters have one name without the prefix {called}:"
        try:
            return Configuration(self.space, algorithm, own)
        except ConfigurationError as error:
            return str(error)


def require_name(names: Iterable[str], wanted: str, complaint: str) -> None:
    """Check that a name is among those that are there.

    Raises:
        InputError: when it is not; the complaint, and the nearest.
    """
    known = sorted(names)
    if wanted not in known:
        hint = did_you_mean(wanted, known)
        raise InputError(f"{complaint} {wanted!r}; {hint}it has {', '.join(known) or 'none'}.")
