"""Syne Tune experiments: ``results.csv.zip``, a row for each report, with ``metadata.json`` beside it.

Salinas et al., "Syne Tune: A Library for Large Scale Hyperparameter Tuning and Reproducible Research", AutoML 2022
(https://github.com/syne-tune/syne-tune). The tuner's pickled state is never opened.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metalearn.core.records import Batch
from metalearn.core.rows import first_line
from metalearn.errors import InputError
from metalearn.sources.histories import batches
from metalearn.sources.reports import ReportColumns, reported, table_reports
from metalearn.sources.subjects import Subject

if TYPE_CHECKING:
    import pandas as pd

_FILES = ("results.csv.zip", "results.csv")
_FAILED = "Failed"


def read_syne_tune(
    path: Path, *, subject: Subject, value_column: str | None = None, step_column: str | None = None
) -> Iterator[Batch]:
    """Return what the trials of an experiment reported, about 20,000 reports a batch.

    ``path`` is the experiment's folder, or its ``results.csv`` or ``results.csv.zip``. ``value_column`` is what the
    trials reported the number as, and ``step_column`` counts the resource, which has its name by default. What is not
    given comes from ``metadata.json`` where it is there: the one metric of the experiment, the scheduler's
    ``time_attr``, and its ``max_t`` as the full resource. Without it they are the metric's name, ``st_worker_iter``
    (which counts from 0), and not known.

    Where the full resource is known, every report is read, as an evaluation at fidelity step / full; else the last of
    each trial, as a full evaluation, and all must have ended at the same step. A trial that has a report of status
    ``Failed`` adds a crashed full evaluation; one that failed before its first report, or after the last that Syne Tune
    saw, leaves no trace in the table. An empty cell of a hyperparameter means that it is inactive. The table is read
    as a whole, as the tuner that wrote it had it.

    Raises:
        InputError: for a file that cannot be read or lacks a column (names the nearest), an experiment that went the
            other way than the metric, or trials that ended at different steps where nothing says what is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "results.csv")
    ...     _ = path.write_text("trial_id,epoch,acc,config_lr\\n0,1,0.5,0.1\\n0,2,0.75,0.1\\n")
    ...     subject = Subject("59", "accuracy", algorithm="mlp", full=2)
    ...     (batch,) = read_syne_tune(path, subject=subject, value_column="acc", step_column="epoch")
    >>> batch.tables["evaluations"].select(["fidelity", "value"]).to_pylist()
    [{'fidelity': 0.5, 'value': 0.5}, {'fidelity': 1.0, 'value': 0.75}]
    """
    file = next((path / name for name in _FILES if (path / name).exists()), path / _FILES[0]) if path.is_dir() else path
    told = _metadata(file.with_name("metadata.json"))
    value, minimized = _metric(told, value_column, subject.metric)
    if minimized is not None:
        subject.check_direction(f"{value!r} of {path}", minimized=minimized)
    scheduler = told.get("scheduler_kwargs")
    scheduler = scheduler if isinstance(scheduler, dict) else {}
    step = step_column or scheduler.get("time_attr") or scheduler.get("resource_attr") or "st_worker_iter"
    largest = scheduler.get("max_t") if step_column in (None, scheduler.get("time_attr")) else None
    full = subject.full or (largest if isinstance(largest, int | float) else None)
    subject = replace(subject, resource=subject.resource or step, full=full)
    frame = _read(file)
    failed = (frame["st_status"] == _FAILED).to_numpy(dtype=bool) if "st_status" in frame else None
    columns = ReportColumns("trial_id", value, step, "st_worker_time", "config_")
    trials = table_reports(frame, file, subject, columns, failed)
    yield from batches(subject, f"syne:{file.resolve().parent.name}", reported(subject, str(file), trials))


def _metric(told: Mapping[str, Any], given: str | None, metric: str) -> tuple[str, bool | None]:
    """Return the column that holds the number, and whether the experiment minimized it, None where nothing tells."""
    names = told.get("metric_names")
    names = names if isinstance(names, list) else []
    value = given or (str(names[0]) if len(names) == 1 else metric)
    modes = told.get("metric_mode")
    mode = modes[names.index(value)] if isinstance(modes, list) and value in names[: len(modes)] else modes
    return value, mode == "min" if value in names and mode in ("min", "max") else None


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=["", "nan", "NaN"])
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty; the experiment may not have reported anything yet.") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:  # ParserError is a ValueError
        reason = first_line(str(error).strip())
        raise InputError(f"{path} cannot be read ({reason}); give an experiment's folder or results.csv.") from error


def _metadata(path: Path) -> dict[str, Any]:
    """Return what the experiment says of itself, empty where it says nothing."""
    with suppress(OSError, ValueError):
        told = json.loads(path.read_text(encoding="utf-8"))
        return told if isinstance(told, dict) else {}
    return {}
