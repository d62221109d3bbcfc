"""Long tables of evaluations, one a row: CSV, Parquet or ARFF.

Such are the runs of "Hyperparameter Importance Across Datasets" (van Rijn and Hutter, KDD 2018,
https://github.com/janvanrijn/openml-pimp): a column for the task, one for the measure, one for each hyperparameter.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from metalearn.core import rows
from metalearn.core.algorithms import canonical_algorithm
from metalearn.core.ids import dataset_of_task, named_id, whole_number
from metalearn.core.records import Batch, Configuration
from metalearn.core.rows import Check, Integers, Mask, Objects
from metalearn.errors import ConfigurationError
from metalearn.sources.chunks import read_chunks, require_columns
from metalearn.sources.measures import Measure
from metalearn.sources.run_columns import JSON_COLUMN, Columns, find_columns

_ROWS_PER_BATCH = 50_000
_INACTIVE = object()


def read_runs(
    path: Path,
    *,
    metric: str,
    algorithm: str | None = None,
    task_column: str = "task_id",
    value_column: str | None = None,
    tasks: Path | None = None,
    ignore: Sequence[str] = (),
    space: str = "sklearn",
    source: str | None = None,
) -> Iterator[Batch]:
    """Return the N evaluations of a long table, 50,000 a batch.

    The columns are: ``task_column`` (a number is an OpenML task, or a dataset where the column is called
    ``dataset_id`` or ``did``; other text is the task's own id); the measure (``value_column``, else the one named as
    ``metric``, ``value`` or ``y``); ``algorithm``, unless one is given for all rows; and, as may be,
    ``cost_seconds``, ``fold``, ``seed``, ``fidelity``, ``resource_value``, ``status``, ``run_id``, ``dataset_id``.
    Hyperparameters stand in one column of JSON objects called ``hyperparameters``; without it every column is one that
    is none of these, no metric's name and not in ``ignore``. There ``None``, ``True`` and numbers are decoded from
    text, and an empty cell means that the hyperparameter is inactive.

    ``metric`` may also be called ``1-<name>`` or ``neg_<name>``. ``tasks`` is a CSV file of ``task_id``,
    ``dataset_id`` and ``name``. A task whose dataset nothing tells counts as a dataset of its own, with the task's id.
    What cannot be parsed is quarantined. ``source`` is the file's name by default; the cursor counts rows.

    Raises:
        InputError: when a file cannot be read or lacks a column; names the nearest.
        UnknownNameError: for a metric that metalearn does not know.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "runs.csv")
    ...     _ = path.write_text("task_id,kernel,gamma,accuracy\\n3,rbf,0.5,0.9\\n3,linear,,0.8\\n")
    ...     batch = next(read_runs(path, algorithm="svc", metric="accuracy"))
    >>> batch.tables["configurations"]["hyperparameters"].to_pylist()
    ['{"gamma":0.5,"kernel":"rbf"}', '{"kernel":"linear"}']
    """
    measure = Measure.of(metric)
    find = partial(
        find_columns,
        path=path,
        metric=metric,
        task=task_column,
        value=value_column,
        algorithm_given=algorithm is not None,
        ignore=ignore,
    )
    chunk = partial(
        _Chunk,
        measure=measure,
        algorithm=algorithm,
        space=space,
        source=source or path.name,
        datasets=_read_datasets(tasks) if tasks else {},
    )
    return _batches(path, find, chunk)


def _batches(
    path: Path, find: Callable[[pd.DataFrame], Columns], chunk: "Callable[[pd.DataFrame, Columns], _Chunk]"
) -> Iterator[Batch]:
    done = 0
    for frame in read_chunks(path, _ROWS_PER_BATCH):
        done += len(frame)
        yield chunk(frame, find(frame)).batch(f"row {done}")


def _read_datasets(path: Path) -> dict[str, tuple[str, str | None]]:
    """Return the dataset id and name of each task."""
    known: dict[str, tuple[str, str | None]] = {}
    for frame in read_chunks(path, _ROWS_PER_BATCH):
        require_columns(frame, path, "task_id", "dataset_id")
        known_rows = frame.dropna(subset=["task_id", "dataset_id"])
        names = known_rows["name"] if "name" in frame else [None] * len(known_rows)
        for task, dataset, name in zip(known_rows["task_id"], known_rows["dataset_id"], names, strict=True):
            known[named_id(task, "openml-task")] = named_id(dataset, "openml"), None if pd.isna(name) else str(name)
    return known


def _text(cell: object) -> str:
    number = whole_number(cell)
    return str(cell if number is None else number)


def _distinct(cells: "pd.Series[Any]") -> tuple[list[Any], Integers]:
    """Return distinct cells and which one each row (n,) has; a missing cell has number len(distinct)."""
    codes, distinct = pd.factorize(cells)
    return list(distinct), np.where(codes < 0, len(distinct), codes)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some rows (n) of a long table."""

    frame: pd.DataFrame
    columns: Columns
    measure: Measure
    algorithm: str | None
    space: str
    source: str
    datasets: Mapping[str, tuple[str, str | None]]

    def batch(self, cursor: str) -> Batch:
        tasks, task = self._tasks()
        configurations, configuration = self._configurations()
        measures, checks = self._measures()
        ids, unreadable = rows.configuration_column(configurations, configuration)
        missing = np.array([id_ == "" for id_ in tasks])[task]
        n = len(self.frame)
        reasons = rows.first_reason(n, (missing, f"{self.columns.task} is missing"), unreadable, *checks)
        columns = {
            "task_id": rows.taken(tasks, task),
            "configuration_id": ids,
            "metric": rows.repeated(self.measure.metric.name, n),
            "source": rows.repeated(self.source, n),
            **measures,
        }
        evaluations, refused = rows.accepted(pa.table(columns), reasons)
        raw = [json.dumps(self.frame.iloc[i].to_dict(), default=str) for i in refused]
        tables = {
            **self._task_tables(tasks, task),
            **rows.configuration_tables(configurations, self.source),
            "evaluations": evaluations,
            "quarantine": rows.quarantine_table(self.source, raw, reasons[refused]),
        }
        return Batch(self.source, tables, cursor=cursor, seen=n)

    def _tasks(self) -> tuple[list[str], Integers]:
        """Return the distinct task ids, an empty one for "missing" last, and which one each row (n,) has."""
        distinct, index = _distinct(self.frame[self.columns.task])
        return [*(named_id(cell, self.columns.task_prefix) for cell in distinct), ""], index

    def _task_tables(self, tasks: list[str], index: Integers) -> dict[str, pa.Table]:
        codes, first_rows = np.unique(index, return_index=True)
        found = [
            (tasks[i], *self._dataset(tasks[i], row)) for i, row in zip(codes, first_rows, strict=True) if tasks[i]
        ]
        shared = {"type": rows.task_type(self.measure.metric), "source": self.source}
        return {
            "datasets": rows.dataset_table({"id": d, "name": name, "source": self.source} for _, d, name in found),
            "tasks": rows.task_table({"id": t, "dataset_id": d, **shared} for t, d, _ in found),
        }

    def _dataset(self, task: str, row: int) -> tuple[str, str | None]:
        """Return the id and, where known, the name of a task's dataset."""
        cell = self.frame[self.columns.dataset].iloc[row] if self.columns.dataset else None
        if not pd.isna(cell):
            return named_id(cell, "openml"), None
        return self.datasets.get(task, (dataset_of_task(task), None))

    def _configurations(self) -> tuple[list[Configuration | str], Integers]:
        """Return the distinct configurations, or what is wrong with one, and which one each row (n,) has."""
        names = [*self.columns.hyperparameters, *filter(None, [self.columns.algorithm])]
        coded = [_distinct(self.frame[name]) for name in names]
        values = [[*map(rows.decode, distinct), _INACTIVE] for distinct, _ in coded]
        codes = np.array([index for _, index in coded], dtype=np.int64).reshape(len(names), len(self.frame))
        distinct, index = np.unique(codes, axis=1, return_inverse=True)
        made = [
            self._configuration({n: v[i] for n, v, i in zip(names, values, row, strict=True) if v[i] is not _INACTIVE})
            for row in distinct.T
        ]
        return made, index.reshape(-1)

    def _configuration(self, values: dict[str, Any]) -> Configuration | str:
        algorithm = self.algorithm or values.pop("algorithm", None)
        if algorithm is None:
            return "the algorithm is missing"
        hyperparameters = values.get(JSON_COLUMN, {}) if self.columns.hyperparameters == (JSON_COLUMN,) else values
        if not isinstance(hyperparameters, dict):
            return "the hyperparameters are no JSON object"
        try:
            return Configuration(self.space, canonical_algorithm(str(algorithm)), hyperparameters)
        except ConfigurationError as error:
            return str(error)

    def _measures(self) -> tuple[dict[str, pa.Array], list[Check]]:
        """Return the columns (n,) that say what was measured and how, and their checks."""
        status, measured = self._status()
        value, unreadable = rows.numbers(self.frame[self.columns.value].to_numpy())
        value = np.where(measured, self.measure.values(value), np.nan)
        columns = {"value": rows.nullable(value), "status": pa.array(status, pa.string())}
        checks: list[Check] = [
            rows.status_check(status),
            (measured & unreadable, f"{self.columns.value} is no number"),
            *((measured & failed, reason) for failed, reason in rows.value_checks(self.measure.metric, value)),
        ]
        for name in (name for name in rows.NUMBER_COLUMNS if name in self.frame):
            columns[name], check = rows.number_column(name, self.frame[name].to_numpy())
            checks.append(check)
        if self.columns.run:
            distinct, index = _distinct(self.frame[self.columns.run])
            columns["source_run_id"] = rows.taken([*map(_text, distinct), ""], index)
        return columns, checks

    def _status(self) -> tuple[Objects, Mask]:
        """Return the status of each row (n,), ok where nothing else is said, and whether it has a value."""
        if "status" not in self.frame:
            return np.full(len(self.frame), "ok", dtype=object), np.ones(len(self.frame), dtype=bool)
        distinct, index = _distinct(self.frame["status"])
        status = np.array([*map(str, distinct), "ok"], dtype=object)[index]
        return status, np.isin(status, rows.MEASURED)
