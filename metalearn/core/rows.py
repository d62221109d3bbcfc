"""Rows on their way into a knowledge base: cells turned into values, refusals with their reason, the tables built.

A column with few distinct values is dictionary-encoded: the values once, and a number per row.
"""

import ast
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metalearn.core.metrics import METRICS, Metric
from metalearn.core.records import STATUSES, Configuration, TaskType

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Objects = NDArray[np.object_]
# Where rows fail, and the reason: one for all, or one for each row (n,).
Check = tuple[Mask, str | Objects]

_MISSING = frozenset({"", "?", "na", "nan", "<na>", "none", "null"})
_WORDS = {"None": None, "True": True, "False": False}
_TEXT = pa.string()
_MESSAGE_LENGTH = 200
_DATASETS = pa.schema(
    {"id": _TEXT, "name": _TEXT, "version": pa.int32(), "n_rows": pa.int64(), "n_columns": pa.int64(), "source": _TEXT}
)
_METRICS = pa.schema(
    {"name": _TEXT, "direction": _TEXT, "low": pa.float64(), "high": pa.float64(), "preference": pa.int32()}
)
_TASKS = pa.schema(dict.fromkeys(("id", "dataset_id", "type", "target", "procedure", "source"), _TEXT))
# Statuses with which an evaluation has a value.
MEASURED = ("ok", "pruned")
_FINISHED = tuple(status for status in STATUSES if status != "pending")
_REGRESSION_METRICS = frozenset({"r2", "rmse", "mae"})


def _whole(values: Floats) -> Mask:
    return np.asarray((np.abs(values) < 2.0**63) & (np.floor(values) == values))  # what 64 bits hold


def _fraction(values: Floats) -> Mask:
    return np.asarray((values > 0) & (values <= 1))


def _anything(values: Floats) -> Mask:
    return np.ones(len(values), dtype=bool)


# Columns of numbers that evaluations may have: what stands for an empty cell, and which values are legal.
NUMBER_COLUMNS: dict[str, tuple[float, Callable[[Floats], Mask]]] = {
    "cost_seconds": (np.nan, _anything),
    "fidelity": (1.0, _fraction),
    "resource_value": (np.nan, _anything),
    "fold": (-1, _whole),
    "seed": (-1, _whole),
}


def numbers(cells: Iterable[Any]) -> tuple[Floats, Mask]:
    """Return cells as floats (n,), NaN where missing, and where a cell is neither missing nor a number (n,).

    >>> numbers(["0.5", "", "nan", "abc"])
    (array([0.5, nan, nan, nan]), array([False, False, False,  True]))
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iufb":
        return cells.astype(np.float64), np.zeros(len(cells), dtype=bool)
    given = list(cells)
    try:
        values = np.array([*map(float, given)], dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array([_number(cell) for cell in given], dtype=np.float64)
    unreadable = np.isnan(values)
    for i in np.flatnonzero(unreadable):
        unreadable[i] = str(given[i]).strip().lower() not in _MISSING
    return values, unreadable


def decode(cell: object) -> object:
    """Return the Python value that a hyperparameter's cell stands for; text that is no literal stays text.

    >>> [decode(text) for text in ("None", "true", "1e-3", "(1, 2)", "rbf", "{'C': None}")]
    [None, True, 0.001, (1, 2), 'rbf', {'C': None}]
    """
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if text in _WORDS:
        return _WORDS[text]
    for parse in (json.loads, float, _literal):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, TypeError, RecursionError):
            continue
        if not isinstance(value, float) or math.isfinite(value):
            return value
    return cell


def task_type(metric: Metric) -> TaskType:
    """Return the type of the tasks on which a metric is measured."""
    return "regression" if metric.name in _REGRESSION_METRICS else "classification"


def first_reason(n: int, *checks: Check) -> Objects:
    """Return for n rows the reason of the first check that a row fails, empty where it passes all.

    >>> first_reason(3, (np.array([True, False, False]), "early"), (np.array([True, True, False]), "late"))
    array(['early', 'late', ''], dtype=object)
    """
    reasons = np.full(n, "", dtype=object)
    for failed, reason in reversed(checks):
        reasons[failed] = reason if isinstance(reason, str) else reason[failed]
    return reasons


def accepted(table: pa.Table, reasons: Objects) -> tuple[pa.Table, Integers]:
    """Return the rows of a table (n,) that have no reason to be refused, and the positions of the others.

    >>> table, refused = accepted(pa.table({"value": [0.5, 7.0]}), np.array(["", "too large"]))
    >>> table["value"].to_pylist(), refused
    ([0.5], array([1]))
    """
    fine = reasons == ""
    return table.filter(pa.array(fine)), np.flatnonzero(~fine)


def value_checks(metric: Metric, values: Floats) -> list[Check]:
    """Return the checks of raw metric values (n,) for ``first_reason``: finite, and within the metric's bounds."""
    finite = np.isfinite(values)
    outside = finite & ~np.asarray(metric.holds(values))
    return [
        (~finite, f"the value of {metric.name} is missing or not finite"),
        (outside, f"the value of {metric.name} lies outside [{metric.low:g}, {metric.high:g}]"),
    ]


def status_check(status: Objects) -> Check:
    """Return the check of statuses (n,) for ``first_reason``: those of an evaluation that has ended."""
    return np.asarray(~np.isin(status, _FINISHED)), f"the status is none of {', '.join(_FINISHED)}"


def nullable(values: Floats) -> pa.Array:
    """Return floats as an Arrow array with NULL where one is not finite."""
    return pa.array(values, mask=~np.isfinite(values))


def durations(seconds: Floats) -> pa.Array:
    """Return seconds as an Arrow array, NULL where unknown or negative."""
    return nullable(np.where(seconds >= 0, seconds, np.nan))


def taken(values: Sequence[str], index: Integers) -> pa.DictionaryArray:
    """Return ``values[index]`` as a dictionary-encoded column; ``values`` need not be distinct."""
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(values, _TEXT))


def number_column(name: str, cells: Iterable[Any]) -> tuple[pa.Array, Check]:
    """Return one of ``NUMBER_COLUMNS`` (n,) with its empty cells filled in, and the check of what it held.

    >>> column, (wrong, reason) = number_column("fold", ["1", "", "x"])
    >>> column.to_pylist(), wrong, reason
    ([1, -1, -1], array([False, False,  True]), 'fold is no whole number')
    """
    empty, legal = NUMBER_COLUMNS[name]
    values, unreadable = numbers(cells)
    values = np.where(np.isnan(values), empty, values)
    wrong = unreadable | ~legal(values)
    if isinstance(empty, int):
        return pa.array(np.where(wrong, empty, values).astype(np.int64)), (wrong, f"{name} is no whole number")
    return durations(values), (wrong, f"{name} is no number, or out of range")


def repeated(value: str, n: int) -> pa.DictionaryArray:
    """Return a dictionary-encoded column that holds one value n times."""
    return taken([value], np.zeros(n, dtype=np.int64))


def configuration_column(configurations: Sequence[Configuration | str], index: Integers) -> tuple[pa.Array, Check]:
    """Return the ids of ``configurations[index]`` (n,), and the check of those that are text: what is wrong with them.

    >>> column, (wrong, reason) = configuration_column([Configuration("s", "svc"), "no algorithm"], np.array([1, 0]))
    >>> wrong, reason
    (array([ True, False]), array(['no algorithm', ''], dtype=object))
    """
    reasons = np.array([c if isinstance(c, str) else "" for c in configurations], dtype=object)[index]
    ids = ["" if isinstance(c, str) else c.id for c in configurations]
    return taken(ids, index), (np.asarray(reasons != ""), reasons)


def configuration_tables(configurations: Iterable[Configuration | str], origin: str) -> dict[str, pa.Table]:
    """Return the tables ``configurations`` and ``spaces`` for the distinct configurations; texts are none."""
    distinct = [c for c in dict.fromkeys(configurations) if not isinstance(c, str)]
    spaces = pa.array(sorted({c.space for c in distinct}), _TEXT)
    return {"configurations": configuration_table((c, origin) for c in distinct), "spaces": pa.table({"name": spaces})}


def configuration_table(configurations: Iterable[tuple[Configuration, str]]) -> pa.Table:
    """Return the table ``configurations`` for configurations, each with its origin."""
    given = list(configurations)
    columns = {
        "id": [c.id for c, _ in given],
        "space": [c.space for c, _ in given],
        "algorithm": [c.algorithm for c, _ in given],
        "hyperparameters": [c.hyperparameters_json for c, _ in given],
        "origin": [origin for _, origin in given],
    }
    return pa.table(columns, schema=pa.schema(dict.fromkeys(columns, _TEXT)))


def first_line(message: str) -> str:
    """Return what the table ``failures`` keeps of a message: its first line, at most 200 characters of it.

    >>> first_line("ValueError: no\\nTraceback ...")
    'ValueError: no'
    """
    return message.partition("\n")[0][:_MESSAGE_LENGTH]


def metric_table(metrics: Iterable[Metric]) -> pa.Table:
    """Return the table ``metrics`` for those among metrics that a source brings itself; none is preferred to ours.

    >>> metric_table([METRICS["accuracy"], Metric("sat:time", "minimize", 0.0, math.inf)]).to_pylist()
    [{'name': 'sat:time', 'direction': 'minimize', 'low': 0.0, 'high': inf, 'preference': 10}]
    """
    own = [vars(metric) | {"preference": len(METRICS)} for metric in metrics if metric.name not in METRICS]
    return pa.Table.from_pylist(own, schema=_METRICS)


def quarantine_table(source: str, raw: Sequence[str], reasons: Iterable[str]) -> pa.Table:
    """Return the table ``quarantine``: what was read, and why it was refused."""
    return pa.table(
        {"source": repeated(source, len(raw)), "raw": pa.array(raw, _TEXT), "reason": list(reasons)},
        schema=pa.schema({"source": pa.dictionary(pa.int32(), _TEXT), "raw": _TEXT, "reason": _TEXT}),
    )


def meta_feature_table(
    tasks: Sequence[str], names: Sequence[str], values: Floats, *, extractor: str, version: str
) -> pa.Table:
    """Return the table ``meta_features`` for values (T, F); what is not finite is NULL and says so.

    >>> table = meta_feature_table(["a", "b"], ["x"], np.array([[1.0], [np.inf]]), extractor="mine", version="1")
    >>> table["status"].to_pylist()
    ['ok', 'not finite']
    """
    task, name = np.divmod(np.arange(values.size), len(names))
    flat = values.reshape(-1)
    return pa.table(
        {
            "task_id": taken(tasks, task),
            "extractor": repeated(extractor, len(flat)),
            "extractor_version": repeated(version, len(flat)),
            "name": taken(names, name),
            "value": nullable(flat),
            "status": taken(["ok", "not finite"], (~np.isfinite(flat)).astype(np.int64)),
        }
    )


def dataset_table(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return the table ``datasets`` with the distinct ones among records, which need ``id`` and ``source``."""
    return _record_table(records, _DATASETS)


def task_table(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return the table ``tasks`` with the distinct ones among records, which may lack ``target`` and ``procedure``.

    >>> record = {"id": "t", "dataset_id": "d", "type": "regression", "source": "here"}
    >>> task_table([record, record]).select(["id", "procedure"]).to_pylist()
    [{'id': 't', 'procedure': ''}]
    """
    return _record_table(({"procedure": "", **record} for record in records), _TASKS)


def _record_table(records: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    distinct = dict.fromkeys(tuple(record.items()) for record in records)
    return pa.Table.from_pylist([dict(items) for items in distinct], schema=schema)


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (ValueError, TypeError):
        return math.nan


def _literal(text: str) -> object:
    if not text.startswith(("(", "[", "{")):
        raise ValueError
    return ast.literal_eval(text)
