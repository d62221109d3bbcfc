"""A pandas data frame of evaluations, as a user has it, as a batch for the knowledge base."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from metalearn.core import rows
from metalearn.core.algorithms import canonical_algorithm
from metalearn.core.ids import named_id, whole_number
from metalearn.core.records import Batch, Configuration, TaskType
from metalearn.core.rows import Check, Integers, Mask, Objects
from metalearn.errors import ConfigurationError, InputError, did_you_mean
from metalearn.store.known_names import Known
from metalearn.store.queries import EVALUATION_KEY

REQUIRED = ("task_id", "algorithm", "metric", "value")
OPTIONAL = ("hyperparameters", "dataset_id", "split", "resource", *rows.NUMBER_COLUMNS, "status", "run_id")
_SPLITS = ("train", "validation", "test")
_CONTRADICTS = "another row says otherwise of the same evaluation; tell them apart by fold, seed or run_id"


def evaluation_batch(
    frame: pd.DataFrame, known: Known, *, source: str, space: str = "sklearn", task_type: TaskType | None = None
) -> Batch:
    """Return the rows (N,) of a data frame as a batch; see ``KnowledgeBase.add_evaluations``.

    Raises:
        InputError: when the frame lacks a column or has one that is unknown, or a task cannot be told.
        UnknownNameError: for a metric that the knowledge base does not know.

    >>> frame = pd.DataFrame({"task_id": ["mine"], "algorithm": ["svc"], "metric": ["error_rate"], "value": [0.25]})
    >>> batch = evaluation_batch(frame, Known({}, {}), source="notebook")
    >>> batch.tables["evaluations"].select(["metric", "value"]).to_pylist()
    [{'metric': 'accuracy', 'value': 0.75}]
    """
    if not source:
        raise InputError("Say where the evaluations come from: source is a name of your own, such as 'thesis'.")
    _require_columns(frame)
    return _Frame(frame.reset_index(drop=True), known, source, space, task_type).batch()


def _require_columns(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"Evaluations come as a pandas data frame; got {type(frame).__name__}.")
    given, known = [str(name) for name in frame.columns], (*REQUIRED, *OPTIONAL)
    for name in REQUIRED:
        if name not in given:
            hint = did_you_mean(name, [other for other in given if other not in known])
            raise InputError(f"The data frame has no column {name!r}; {hint}it has {', '.join(given)}.")
    for name in given:
        if name not in known:
            hint = did_you_mean(name, OPTIONAL)
            advice = "what belongs to a configuration goes into 'hyperparameters' as a dict or JSON"
            raise InputError(f"The column {name!r} of the data frame means nothing; {hint}{advice}.")
    if len(set(given)) < len(given):
        raise InputError(f"The data frame has columns of the same name: {', '.join(given)}; keep one of each.")


@dataclass(frozen=True, eq=False)
class _Coded:
    """The distinct cells of a column, and which one each row (n,) has: number len(distinct) where it is missing."""

    distinct: list[Any]
    index: Integers

    @property
    def missing(self) -> Mask:
        return np.asarray(self.index == len(self.distinct))


@dataclass(frozen=True, eq=False)
class _Frame:
    """A data frame of evaluations (n rows)."""

    frame: pd.DataFrame
    known: Known
    source: str
    space: str
    task_type: TaskType | None

    def batch(self) -> Batch:
        columns, checks = self._identity()
        measures, more_checks = self._measures()
        table = pa.table(columns | measures)
        reasons = rows.first_reason(len(self.frame), *checks, *more_checks)
        reasons[_contradicting(table, np.flatnonzero(reasons == ""))] = _CONTRADICTS
        evaluations, refused = rows.accepted(table, reasons)
        fine = np.flatnonzero(reasons == "")
        made, index = self._configurations
        used = (made[i] for i in np.unique(index[fine]))
        raw = [json.dumps(self.frame.iloc[i].to_dict(), default=str) for i in refused]
        tables = {
            **self._task_tables(fine),
            **rows.configuration_tables(used, self.source),
            "evaluations": evaluations,
            "quarantine": rows.quarantine_table(self.source, raw, reasons[refused]),
        }
        return Batch(self.source, tables, seen=len(self.frame))

    def _coded(self, name: str) -> _Coded:
        try:
            codes, distinct = pd.factorize(self.frame[name])
        except TypeError:
            raise InputError(f"The column {name!r} holds lists or objects; give text or numbers.") from None
        return _Coded(list(distinct), np.where(codes < 0, len(distinct), codes))

    @cached_property
    def _tasks(self) -> _Coded:
        """The ids of the tasks."""
        coded = self._coded("task_id")
        return _Coded([self.known.task(cell) for cell in coded.distinct], coded.index)

    @cached_property
    def _metrics(self) -> _Coded:
        """The metrics, each with whether 1 - its value is given."""
        coded = self._coded("metric")
        return _Coded([self.known.metric(cell) for cell in coded.distinct], coded.index)

    @cached_property
    def _configurations(self) -> tuple[list[Configuration | str], Integers]:
        """Return the distinct configurations, or what is wrong with one, and which one each row (n,) has."""
        n = len(self.frame)
        algorithms = self._coded("algorithm")
        cells = self.frame.get("hyperparameters", pd.Series([{}] * n, dtype=object))
        texts = pd.Series([_json(cell) for cell in cells], dtype=object)
        coded, told = pd.factorize(texts)
        pairs, index = np.unique(np.stack([algorithms.index, coded]), axis=1, return_inverse=True)
        names = [*(str(cell).strip() for cell in algorithms.distinct), ""]
        return [self._configuration(names[a], told[h]) for a, h in pairs.T], index.reshape(-1)

    def _configuration(self, algorithm: str, hyperparameters: str) -> Configuration | str:
        if not algorithm:
            return "algorithm is missing"
        try:
            values = json.loads(hyperparameters)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            return "hyperparameters are neither a dict nor a JSON object; give {} for none"
        try:
            return Configuration(self.space, canonical_algorithm(algorithm), values)
        except ConfigurationError as error:
            return str(error)

    def _identity(self) -> tuple[dict[str, pa.Array], list[Check]]:
        """Return the columns (n,) that say what was evaluated, and their checks."""
        tasks, metrics = self._tasks, self._metrics
        ids, unreadable = rows.configuration_column(*self._configurations)
        columns = {
            "task_id": rows.taken([*tasks.distinct, ""], tasks.index),
            "configuration_id": ids,
            "metric": rows.taken([*(metric.name for metric, _ in metrics.distinct), ""], metrics.index),
            "source": rows.repeated(self.source, len(self.frame)),
        }
        missing: list[Check] = [(tasks.missing, "task_id is missing"), (metrics.missing, "metric is missing")]
        return columns, [*missing, unreadable]

    def _measures(self) -> tuple[dict[str, pa.Array], list[Check]]:
        """Return the columns (n,) that say what was measured and how, and their checks."""
        status = self._texts("status", "ok")
        measured = np.isin(status, rows.MEASURED)
        value, unreadable = rows.numbers(self.frame["value"].to_numpy())
        complement = np.array([*(c for _, c in self._metrics.distinct), False])[self._metrics.index]
        value = np.where(measured, np.where(complement, 1 - value, value), np.nan)
        split = self._texts("split", "validation")
        columns = {"value": rows.nullable(value), "status": pa.array(status), "split": pa.array(split)}
        checks: list[Check] = [
            rows.status_check(status),
            (~np.isin(split, _SPLITS), f"the split is none of {', '.join(_SPLITS)}"),
            (measured & unreadable, "value is no number"),
        ]
        for i, (metric, _) in enumerate(self._metrics.distinct):
            concerned = measured & (self._metrics.index == i)
            checks += [(concerned & failed, reason) for failed, reason in rows.value_checks(metric, value)]
        for name in sorted(rows.NUMBER_COLUMNS.keys() & set(self.frame.columns)):
            columns[name], check = rows.number_column(name, self.frame[name].to_numpy())
            checks.append(check)
        columns["resource"] = pa.array(self._texts("resource", "rows"))
        columns["source_run_id"] = pa.array(self._texts("run_id", ""))
        return columns, checks

    def _texts(self, name: str, default: str) -> Objects:
        """Return a column (n,) as text, with the default where it is missing."""
        if name not in self.frame:
            return np.full(len(self.frame), default, dtype=object)
        coded = self._coded(name)
        return np.array([*map(_text, coded.distinct), default], dtype=object)[coded.index]

    def _task_tables(self, fine: Integers) -> dict[str, pa.Table]:
        """Return the tables of those tasks of some rows that the knowledge base does not hold yet."""
        datasets = {task: self.known.dataset(task, told) for task, told in self._told_datasets().items()}
        new = dict(self._new_tasks(fine))
        return {
            "datasets": rows.dataset_table({"id": datasets[task], "source": self.source} for task in new),
            "tasks": rows.task_table(
                {"id": task, "dataset_id": datasets[task], "type": type_, "source": self.source}
                for task, type_ in new.items()
            ),
        }

    def _told_datasets(self) -> dict[str, set[str]]:
        """Return what the column dataset_id says of each task."""
        told: dict[str, set[str]] = {task: set() for task in self._tasks.distinct}
        if "dataset_id" in self.frame:
            pairs = (
                pd.DataFrame({"task": self._tasks.index, "dataset": self.frame["dataset_id"]})
                .drop_duplicates()
                .dropna()
            )
            for i, cell in zip(pairs["task"], pairs["dataset"], strict=True):
                if i < len(self._tasks.distinct):
                    told[self._tasks.distinct[i]].add(named_id(cell, "openml"))
        return told

    def _new_tasks(self, fine: Integers) -> Iterator[tuple[str, TaskType]]:
        """Yield the unknown tasks of some rows with their types: the one given, or that of their first metric."""
        index, first = np.unique(self._tasks.index[fine], return_index=True)
        for task, row in zip(index, fine[first], strict=True):
            if self._tasks.distinct[task] not in self.known.tasks:
                metric, _ = self._metrics.distinct[self._metrics.index[row]]
                yield self._tasks.distinct[task], self.task_type or rows.task_type(metric)


def _json(cell: Any) -> str:
    """Return a cell of hyperparameters as JSON with sorted keys; text stays as it is."""
    if isinstance(cell, str):
        return cell
    try:
        return json.dumps(cell, sort_keys=True, default=lambda value: value.item())
    except (TypeError, AttributeError, ValueError):
        return str(cell)


def _text(cell: object) -> str:
    number = whole_number(cell)
    return str(cell).strip() if number is None else str(number)


def _contradicting(table: pa.Table, fine: Integers) -> Integers:
    """Return those of some rows that have the key of an earlier one, and say otherwise."""
    columns = {
        name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    key = [name for name in EVALUATION_KEY if name in columns]
    frame = pa.table(columns).take(pa.array(fine)).to_pandas()
    told = frame.drop(columns=key)
    group = frame.groupby(key, sort=False).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    earlier = told.iloc[first[group]].reset_index(drop=True)
    same = (told == earlier) | (told.isna() & earlier.isna())
    return np.asarray(fine[~same.all(axis=1).to_numpy()])
