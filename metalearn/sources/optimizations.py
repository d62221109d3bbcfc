"""Our own optimizations: the journals that ``metalearn.optimizers.minimize`` writes (``core.journal``)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from metalearn.core.ids import named_id, task_of_dataset
from metalearn.core.journal import Event, FinishedTrial, read_journal
from metalearn.core.records import Batch, Configuration, TaskType
from metalearn.errors import InputError
from metalearn.sources.histories import Measured, batches
from metalearn.sources.measures import Measure
from metalearn.sources.subjects import Subject

_CONFIGURATION = "configuration"


def read_optimization(
    path: str | Path,
    *,
    task: str | None = None,
    metric: str | None = None,
    dataset: str | None = None,
    task_type: TaskType | None = None,
    resource: str = "fidelity",
    full: float = 1.0,
    source: str | None = None,
) -> Iterator[Batch]:
    """Return the trials of a journal, about 20,000 a batch, with the configurations' own ids.

    ``metric`` says what the loss is: one that is minimised, such as ``error_rate`` or ``neg_roc_auc``, is the loss
    itself; under one that is maximised the loss is 1 - metric, as everywhere here (its negative where nothing bounds
    it). A journal of ``metalearn optimize`` names the metric and the dataset, whose task is the default. ``resource``
    is what fidelities are shares of, and ``full`` how much of it fidelity 1 is. ``task`` and ``dataset`` are ids, or
    OpenML's numbers. Trials that have not ended are skipped; what was known beforehand comes from elsewhere, and is
    left out. The run id is the trial's number.

    Raises:
        InputError: when the file is no journal, or the metric does not fit the task type, or is not the journal's, or
            neither the journal nor the caller names it, or a task.
        UnknownNameError: for a metric that metalearn does not know.

    >>> import tempfile
    >>> from metalearn.core.journal import Asked, Header, to_line
    >>> from metalearn.core.records import Trial
    >>> trial = Trial(Configuration("svm-1", "svm-1", {"C": 1}))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Path(folder, "svm.jsonl")
    ...     lines = to_line(Header("svm-1", "", "RandomSearch()", 0)), to_line(Asked(0, trial))
    ...     _ = journal.write_text("".join(lines))
    ...     (batch,) = read_optimization(journal, task="59", metric="accuracy")
    >>> batch.source, batch.seen, batch.skipped
    ('metalearn:svm', 1, 1)
    """
    contents = read_journal(path)
    subject = _Optimized(
        _task(dataset or contents.header.dataset, path) if task is None else task,
        _metric(contents.header.metric, metric, path),
        algorithm_column=_CONFIGURATION,
        dataset=dataset,
        task_type=task_type,
        resource=resource,
        full=full,
        source=source,
    )
    events: tuple[Event, ...] = (*contents.finished, *contents.pending)
    yield from batches(subject, f"metalearn:{Path(path).stem}", ([_measured(event, full)] for event in events))


@dataclass(frozen=True)
class _Optimized(Subject):
    """What a journal of ours is about: its losses mean what losses mean here, and its configurations are whole."""

    @cached_property
    def measure(self) -> Measure:
        given = Measure.of(self.metric)
        if given.minimized:
            return given
        return Measure.turned(given.metric) if given.metric.direction == "maximize" else Measure(given.metric)

    def configuration(self, given: Mapping[str, Any]) -> Configuration | str:
        found: Configuration = given[_CONFIGURATION]
        return found


def _task(dataset: str | None, path: str | Path) -> str:
    """Return the task of the dataset that is known."""
    if dataset is None:
        raise InputError(f"{path} does not say on which dataset it was; name the task.")
    return task_of_dataset(named_id(dataset, "openml"))


def _metric(named: str | None, given: str | None, path: str | Path) -> str:
    """Return what the losses of a journal are of: what it names itself, and else what is given."""
    if named is None and given is None:
        raise InputError(f"{path} does not say what its losses are of; name the metric.")
    if named is not None and given is not None and Measure.of(given).metric != Measure.of(named).metric:
        raise InputError(f"The losses in {path} are of {named}, not of {given}; leave the metric out.")
    return named or str(given)


def _measured(event: Event, full: float) -> Measured:
    trial = event.trial
    return Measured(
        str(event.number),
        {_CONFIGURATION: trial.configuration},
        trial.loss,
        trial.status,
        step=trial.fidelity * full,
        seed=trial.seed,
        cost_seconds=np.nan if trial.cost_seconds is None else trial.cost_seconds,
        message=event.message if isinstance(event, FinishedTrial) else "",
    )
