"""What trials reported while they ran, as Ray Tune and Syne Tune keep it."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core import rows
from metalearn.core.records import Status
from metalearn.core.rows import Floats, Mask
from metalearn.errors import InputError
from metalearn.sources.chunks import require_columns
from metalearn.sources.histories import Entry, Measured, Refused
from metalearn.sources.subjects import Subject

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Reports:
    """A trial's reports: steps, values and seconds since its start, each of shape (n,).

    A step or a time that nobody knows is NaN, a value that was not given None. ``status`` is ok where the trial ended,
    crashed, or pending while it runs; ``others`` are entries that go along.
    """

    run: str
    hyperparameters: Mapping[str, Any]
    steps: Sequence[float]
    values: Sequence[Any]
    seconds: Sequence[float]
    status: Status = "ok"
    message: str = ""
    others: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class ReportColumns:
    """Which columns of a table of reports hold what; hyperparameters are those whose names have the prefix."""

    trial: str
    value: str
    step: str
    seconds: str
    prefix: str


def reported(subject: Subject, history: str, trials: Iterable[Reports]) -> Iterator[list[Entry]]:
    """Yield what trials reported: all of it where the full resource is known, else the last report of each.

    A crash adds a failed full evaluation, so that what is missing there has its reason.

    Raises:
        InputError: when it is not known what a full evaluation is, and trials ended at different steps.

    >>> trial = Reports("0", {"C": 1}, steps=[1, 2], values=[0.25, 0.5], seconds=[1.0, 2.0])
    >>> [entry.value for entry in next(reported(Subject("59", "accuracy", algorithm="svc", full=2), "mine", [trial]))]
    [0.25, 0.5]
    """
    if subject.full is not None:
        for trial in trials:
            yield _all_reports(trial, subject.full)
        return
    found = list(map(_last_report, trials))
    steps = {
        entry.step for entries in found for entry in entries if isinstance(entry, Measured) and entry.step is not None
    }
    ends = sorted(filter(math.isfinite, steps))
    if len(ends) > 1:
        first, last = ends[0], ends[-1]
        raise InputError(
            f"The trials of {history} ended at steps {first:g} to {last:g}; say which is a full evaluation."
        )
    for entries in found:
        yield [entry._replace(step=None) if isinstance(entry, Measured) else entry for entry in entries]


def steps_from_one(steps: Sequence[float]) -> list[float]:
    """Return how much of the resource each of a trial's steps spent.

    A step of 0 would have spent nothing: a trial that has one counts from 0, and step s ends the (s + 1)-th.

    >>> steps_from_one([0, 1, 2]), steps_from_one([10, 20])
    ([1, 2, 3], [10, 20])
    """
    return [step + 1 for step in steps] if 0 in steps else list(steps)


def table_reports(
    frame: "pd.DataFrame", path: Path, subject: Subject, columns: ReportColumns, failed: Mask | None = None
) -> Iterator[Reports]:
    """Yield the trials of a table (n,) of reports in the order in which they appear; ``failed`` (n,) marks crashes.

    Where the full resource is not known, the table need not have steps.

    Raises:
        InputError: when a column or a hyperparameter is lacking; names the nearest.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"id": [0, 1], "y": [0.5, 0.25], "x_C": [1, 2]})
    >>> columns = ReportColumns("id", "y", step="step", seconds="time", prefix="x_")
    >>> subject = Subject("59", "accuracy", algorithm="svc")
    >>> trials = table_reports(frame, Path("t.csv"), subject, columns)
    >>> [(trial.run, trial.hyperparameters, trial.values) for trial in trials]
    [('0', {'C': 1}, [0.5]), ('1', {'C': 2}, [0.25])]
    """
    needed = [columns.step] if subject.full is not None else []
    require_columns(frame, path, columns.trial, columns.value, *needed)
    names = [str(name) for name in frame.columns if str(name).startswith(columns.prefix)]
    subject.check_names(str(path), (name.removeprefix(columns.prefix) for name in names))
    values = frame[columns.value].astype(object).where(frame[columns.value].notna(), None).to_numpy()
    step, seconds = _numbers(frame, columns.step), _numbers(frame, columns.seconds)
    crashed = np.zeros(len(frame), dtype=bool) if failed is None else failed
    codes, runs = frame[columns.trial].factorize()
    unnamed = [_refused(frame.iloc[i]) for i in np.flatnonzero(codes < 0)]
    if unnamed:
        yield Reports("", {}, (), (), (), others=tuple(unnamed))
    order = np.argsort(codes, kind="stable")[len(unnamed) :]
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []
    given = _hyperparameters(frame.iloc[[part[0] for part in parts]], names, columns.prefix)
    for run, part, hyperparameters in zip(runs, parts, given, strict=True):
        status: Status = "crashed" if crashed[part].any() else "ok"
        told = (step[part].tolist(), values[part].tolist(), seconds[part].tolist())
        yield Reports(str(run), hyperparameters, *told, status)


def _refused(row: "pd.Series[Any]") -> Refused:
    return Refused(json.dumps(row.to_dict(), default=str), "the trial's id is missing")


def _hyperparameters(frame: "pd.DataFrame", names: Sequence[str], prefix: str) -> list[dict[str, Any]]:
    """Return what each row (n,) has in some columns; text is decoded, and an empty cell means inactive."""
    found: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    for name in names:
        codes, distinct = frame[name].factorize()
        values = list(map(rows.decode, distinct))
        for row, code in zip(found, codes.tolist(), strict=True):
            if code >= 0:
                row[name.removeprefix(prefix)] = values[code]
    return found


def _numbers(frame: "pd.DataFrame", name: str) -> Floats:
    """Return a column of numbers (n,), NaN where it has none."""
    return rows.numbers(frame[name].to_numpy())[0] if name in frame else np.full(len(frame), np.nan)


def _all_reports(trial: Reports, full: float) -> list[Entry]:
    steps = steps_from_one(trial.steps)
    given = zip(trial.values, steps, trial.seconds, strict=True)
    entries = [Measured(trial.run, trial.hyperparameters, v, step=s, cost_seconds=c) for v, s, c in given]
    crashed = trial.status == "crashed" and full not in steps
    if crashed or not (entries or trial.others):
        entries.append(_outcome(trial))
    return [*trial.others, *entries]


def _last_report(trial: Reports) -> list[Entry]:
    left_out = _outcome(trial)._replace(status="pending")
    entries = [left_out] * len(trial.values)
    if trial.status == "crashed" or not (entries or trial.others):
        entries.append(_outcome(trial))
    elif trial.status == "ok" and entries:
        seconds = trial.seconds[-1]
        entries[-1] = left_out._replace(value=trial.values[-1], status="ok", step=trial.steps[-1], cost_seconds=seconds)
    return [*trial.others, *entries]


def _outcome(trial: Reports) -> Measured:
    """Return how a trial ended where no number tells."""
    status: Status = "crashed" if trial.status == "crashed" else "pending"
    seconds = trial.seconds[-1] if len(trial.seconds) else np.nan
    return Measured(trial.run, trial.hyperparameters, status=status, cost_seconds=seconds, message=trial.message)
