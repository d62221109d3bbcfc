"""What the histories of other optimizers share: the numbers that trials gave, and the batches made of them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from metalearn.core import rows
from metalearn.core.records import Batch, Status
from metalearn.core.rows import Check, Floats, Objects
from metalearn.sources.subjects import Subject

_ROWS_PER_BATCH = 20_000
_TEXT = pa.string()


class Measured(NamedTuple):
    """A number that a trial gave, or that it gave none.

    ``run`` is the trial's number or id; ``value`` is as the optimizer has it, and means something with status ok and
    pruned; ``step`` is how much of the resource was spent, None for a full evaluation. Status ``pending`` is for what
    says nothing, or nothing yet: it is skipped.
    """

    run: str
    hyperparameters: Mapping[str, Any]
    value: Any = None
    status: Status = "ok"
    step: float | None = None
    seed: int = -1
    cost_seconds: float = np.nan
    message: str = ""


class Refused(NamedTuple):
    """What cannot be read as a trial, and why."""

    raw: str
    reason: str


Entry = Measured | Refused


def batches(subject: Subject, source: str, trials: Iterable[Sequence[Entry]]) -> Iterator[Batch]:
    """Yield trials as batches of about 20,000 evaluations; the partition is the task, the cursor counts trials.

    A number that is not finite is a crash, as SMAC and Optuna have it. What is missing, no number, out of the metric's
    bounds, or beyond the full resource is quarantined. Where a trial measured twice at one step and seed, as one that
    was restarted does, the last number counts and the others are skipped. ``source`` is the name to store under
    unless the subject has its own.

    >>> subject = Subject("59", "error_rate", algorithm="svc", full=9)
    >>> (batch,) = batches(subject, "mine", [[Measured("0", {"C": 1}, 0.25, step=3)]])
    >>> batch.tables["evaluations"].select(["value", "fidelity", "source_run_id"]).to_pylist()
    [{'value': 0.75, 'fidelity': 0.3333333333333333, 'source_run_id': '0'}]
    """
    block: list[Entry] = []
    done = 0
    for trial in trials:
        block += trial
        done += 1
        if len(block) >= _ROWS_PER_BATCH:
            yield _Block(subject, subject.source or source, block).batch(f"trial {done}")
            block = []
    if block:
        yield _Block(subject, subject.source or source, block).batch(f"trial {done}")


class _Block:
    """Some entries: what was measured, the last of each (trial, step, seed) only, in columns of shape (n,)."""

    def __init__(self, subject: Subject, source: str, entries: Sequence[Entry]) -> None:
        self.subject, self.source, self.seen = subject, source, len(entries)
        self.refused = [entry for entry in entries if isinstance(entry, Refused)]
        finished = [entry for entry in entries if isinstance(entry, Measured) and entry.status != "pending"]
        last = {(m.run, subject.full if m.step is None else m.step, m.seed): m for m in finished}
        self.measured = list(last.values())
        self.skipped = self.seen - len(self.refused) - len(self.measured)
        given = {m.run: m.hyperparameters for m in self.measured}
        found = {run: subject.configuration(hyperparameters) for run, hyperparameters in given.items()}
        self.configurations = list(found.values())
        position = {run: i for i, run in enumerate(found)}
        self.configuration = np.array([position[m.run] for m in self.measured], dtype=np.int64)

    def batch(self, cursor: str) -> Batch:
        columns, messages, checks = self._columns()
        reasons = rows.first_reason(len(self.measured), *checks)
        evaluations, refused = rows.accepted(pa.table(columns), reasons)
        raw = [*(entry.raw for entry in self.refused), *(_raw(self.measured[i]) for i in refused)]
        why = [*(entry.reason for entry in self.refused), *reasons[refused]]
        tables = {
            **self._task_tables(),
            **rows.configuration_tables(self.configurations, self.source),
            "evaluations": evaluations,
            "failures": _failures(evaluations, messages[reasons == ""]),
            "quarantine": rows.quarantine_table(self.source, raw, why),
        }
        return Batch(self.source, tables, self.subject.task_id, cursor, self.seen, self.skipped)

    def _task_tables(self) -> dict[str, pa.Table]:
        subject = self.subject
        task = {"id": subject.task_id, "dataset_id": subject.dataset_id, "type": subject.type, "source": self.source}
        dataset = {"id": subject.dataset_id, "source": self.source}
        return {"datasets": rows.dataset_table([dataset]), "tasks": rows.task_table([task])}

    def _columns(self) -> tuple[dict[str, pa.Array], Objects, list[Check]]:
        """Return the columns of the evaluations, what is said of those that failed, and the checks."""
        status, numbers, checks = self._numbers()
        step, fidelity = self._steps()
        ids, unreadable = rows.configuration_column(self.configurations, self.configuration)
        n = len(self.measured)
        columns = {
            "task_id": rows.repeated(self.subject.task_id, n),
            "configuration_id": ids,
            "metric": rows.repeated(self.subject.measure.metric.name, n),
            "resource": rows.repeated(self.subject.resource or "steps", n),
            "fidelity": pa.array(fidelity),
            "resource_value": rows.nullable(step),
            "seed": pa.array([m.seed for m in self.measured], pa.int64()),
            "value": rows.nullable(numbers),
            "cost_seconds": rows.durations(np.array([m.cost_seconds for m in self.measured], dtype=np.float64)),
            "status": pa.array(status, _TEXT),
            "source": rows.repeated(self.source, n),
            "source_run_id": pa.array([m.run for m in self.measured], _TEXT),
        }
        diverged = status != [m.status for m in self.measured]
        messages = [f"the value is {m.value}" if d else m.message for m, d in zip(self.measured, diverged, strict=True)]
        beyond = ~((fidelity > 0) & (fidelity <= 1))
        checks.append((beyond, f"the step lies outside (0, {self.subject.full:g}]" if self.subject.full else ""))
        return columns, np.array(messages, dtype=object), [unreadable, *checks]

    def _numbers(self) -> tuple[Objects, Floats, list[Check]]:
        """Return status and metric value (n,), NaN with a failure, and the checks of the values."""
        given = [m.value for m in self.measured]
        status = np.array([m.status for m in self.measured], dtype=object)
        asked = np.isin(status, rows.MEASURED)
        missing = asked & np.array([value is None for value in given], dtype=bool)
        numbers, unreadable = rows.numbers(given)
        measured = asked & ~missing & ~unreadable & np.isfinite(numbers)
        status[asked & ~missing & ~unreadable & ~measured] = "crashed"
        values = np.where(measured, self.subject.measure.values(numbers), np.nan)
        checks: list[Check] = [(missing, "the value is missing"), (asked & unreadable, "the value is no number")]
        checks += [
            (measured & failed, reason) for failed, reason in rows.value_checks(self.subject.measure.metric, values)
        ]
        return status, values, checks

    def _steps(self) -> tuple[Floats, Floats]:
        """Return how much of the resource was spent (n,), NaN where nobody knows, and the fidelity (n,)."""
        full = np.nan if self.subject.full is None else self.subject.full
        step = np.array([full if m.step is None else m.step for m in self.measured], dtype=np.float64)
        return step, np.ones(len(step)) if self.subject.full is None else step / full


def _failures(evaluations: pa.Table, messages: Objects) -> pa.Table:
    """Return the first lines of messages (n,) as rows of ``failures``, for the evaluations that have one."""
    said = np.array([rows.first_line(message) for message in messages], dtype=object)
    table = evaluations.select(["task_id", "configuration_id", "status"]).append_column(
        "message", pa.array(said, _TEXT)
    )
    return table.filter(pa.array(said != ""))


def _raw(measured: Measured) -> str:
    return json.dumps(measured._asdict(), default=str)
