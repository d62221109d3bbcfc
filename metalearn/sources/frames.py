"""A table in memory as a dataset: what kind each column is, what is missing, which task the target makes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from metalearn.core.records import Dataset, Kind, TaskType
from metalearn.errors import InputError, did_you_mean
from metalearn.sources.columns import LARGEST_FINITE, LARGEST_LEARNED, Converted, beyond, categories, convert
from metalearn.sources.fingerprints import encodable, fingerprint

MIN_ROWS = 10
# A target of whole numbers is a class label when it takes few values, each on average in at least 5 rows.
_MAX_NUMERIC_CLASSES = 20
_MIN_ROWS_PER_CLASS = 5

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = pd.Series[Any]


def make_dataset(
    frame: pd.DataFrame,
    target: str | None,
    *,
    name: str = "data",
    task_type: TaskType | None = None,
    nominal: Sequence[str] = (),
    lenient: bool = False,
) -> Dataset:
    """Turn a table into a dataset with features of shape (n, p) and a target of shape (n,).

    Numbers become float64, missing where infinite or too large for learners. Booleans, categories, text and the
    columns named in ``nominal`` become categories of strings, unless all their values parse as numbers, as ISO dates
    (datetime64), or they are free text (str): mostly distinct values of three words or more on average. Text is
    stripped; the usual markers (``?``, ``NA``, an empty cell, ...) are missing. Rows without a target are dropped,
    doubled column names numbered; the dataset's ``notes`` say so, and which columns had numbers that were too large.

    Without ``task_type`` a target of numbers makes a regression, unless they are whole and take at most 20 values
    and at most n / 5 (but two always suffice); any other target makes a classification.

    A table that is only to be described (``lenient``) may have any number of rows from one on, a target with one
    value or of dates, features without any, any finite number, and no target (None): ``y`` is all NaN then.

    Raises:
        InputError: when there is no target or no such column, the target has one value, or classes most of which have
            one row, or is of dates, fewer than 10 rows have a target, there are no features, all their values are
            missing, a regression target is not numeric, or the task type is another one.

    >>> table = pd.DataFrame({"a": range(12), "b": ["x", "?", "z"] * 4, "y": [0, 1] * 6})
    >>> dataset = make_dataset(table, "y")
    >>> dataset.kinds, list(dataset.X["b"].cat.categories), dataset.n_classes
    (('numeric', 'nominal'), ['x', 'z'], 2)
    >>> make_dataset(table[::-1].rename(columns={"a": "c"}), "y").fingerprint == dataset.fingerprint
    True
    """
    table = frame.set_axis(unique_names(frame.columns), axis=1)
    if target is None and not lenient:
        raise InputError(f"Name the target column of {name}; its columns are {quoted_names(table.columns)}.")
    for column in (*([] if target is None else [target]), *nominal):
        _require_column(column, table, name)
    largest = LARGEST_FINITE if lenient else LARGEST_LEARNED
    found = None if target is None else convert(table[target], nominal=target in nominal, largest=largest)
    y, rows = _target(found, len(table), task_type, name, lenient=lenient)
    features = table if target is None else table.drop(columns=target)
    features = (features if rows.all() else features.loc[rows]).reset_index(drop=True)
    X, kinds, limited = _features(features, frozenset(nominal), largest)
    _require_features(X, name, lenient=lenient)
    dropped = () if rows.all() else (f"rows without a target are left out: {np.sum(~rows)}",)
    limited += [str(target)] if found is not None and found.limited else []
    large = (f"numbers that are infinite or too large for learners are missing in {quoted_names(limited)}",)
    notes = renamed(frame.columns, table.columns) + (large if limited else ()) + dropped
    return Dataset(X, y, name, kinds, fingerprint(X, y), notes=notes)


def unique_names(names: Iterable[Any]) -> list[str]:
    """Return the names as stripped text, a name given again with a number behind it.

    >>> unique_names(["a", " a ", "a.1", 3])
    ['a', 'a.1', 'a.1.1', '3']
    """
    unique: dict[str, None] = {}
    repeats: Counter[str] = Counter()
    for name in (encodable(str(name)).strip() for name in names):
        candidate = name
        while candidate in unique:
            repeats[name] += 1  # goes on where it was: lower numbers are taken
            candidate = f"{name}.{repeats[name]}"
        unique[candidate] = None
    return list(unique)


def renamed(given: Iterable[Any], names: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence on the columns that ``unique_names`` gave other names, none where there are none.

    >>> renamed(["a", " b", "a"], unique_names(["a", " b", "a"]))
    ("columns whose name was taken already are called 'a.1'",)
    """
    others = [new for old, new in zip(given, names, strict=True) if encodable(str(old)).strip() != new]
    return (f"columns whose name was taken already are called {quoted_names(others)}",) if others else ()


def _features(
    table: pd.DataFrame, nominal: frozenset[str], largest: float
) -> tuple[pd.DataFrame, tuple[Kind, ...], list[str]]:
    """Return the columns in the dtypes of their kinds, the kinds, and which columns had numbers that were too large.

    Plain numbers are converted all at once.
    """
    plain = np.array(
        [isinstance(t, np.dtype) and t.kind in "iuf" and n not in nominal for n, t in table.dtypes.items()], dtype=bool
    )
    values = np.array(table.iloc[:, np.flatnonzero(plain)].to_numpy(dtype=np.float64), order="F")
    large = beyond(values, largest)
    values[large] = np.nan
    numbers = pd.DataFrame(values, table.index, table.columns[plain], copy=False)
    others = {name: convert(table[name], nominal=name in nominal, largest=largest) for name in table.columns[~plain]}
    kinds: list[Kind] = ["numeric" if name not in others else others[name].kind for name in table.columns]
    limited = [*table.columns[plain][np.any(large, axis=0)], *(name for name in others if others[name].limited)]
    if not others:
        return numbers, tuple(kinds), limited
    converted = pd.DataFrame({name: column.values for name, column in others.items()}, index=table.index)
    order = np.argsort(np.argsort(~plain, kind="stable"))
    return pd.concat([numbers, converted], axis=1).iloc[:, order], tuple(kinds), limited


def _task_type(y: "Column", kind: Kind) -> TaskType:
    if kind != "numeric":
        return "classification"
    n_values = y.nunique()
    few = n_values <= max(2, min(_MAX_NUMERIC_CLASSES, len(y) / _MIN_ROWS_PER_CLASS))
    return "classification" if few and bool(np.all(y.to_numpy() % 1 == 0)) else "regression"


def _target(
    found: Converted | None, n: int, task_type: TaskType | None, name: str, *, lenient: bool
) -> "tuple[Column, NDArray[np.bool_]]":
    """Return the target of the rows that have one, and which these of all n are; without a target all rows."""
    if found is None:
        _require_rows(n, name, 1, "")
        return pd.Series(np.full(n, np.nan)), np.ones(n, dtype=bool)
    y, kind, _ = found
    rows = y.notna().to_numpy()
    _require_rows(int(rows.sum()), name, 1 if lenient else MIN_ROWS, " with a target")
    y = y[rows].reset_index(drop=True)
    return _as_target(y, kind, task_type or _task_type(y, kind), name, lenient=lenient), rows


def _as_target(y: "Column", kind: Kind, task_type: TaskType, name: str, *, lenient: bool) -> "Column":
    if task_type not in ("classification", "regression"):
        raise InputError(f"A task type is classification or regression; got {task_type!r}.")
    if kind == "date" and not lenient:
        raise InputError(f"The target {y.name!r} of {name} holds dates, which cannot be a target; choose another.")
    if task_type == "regression" and kind != "numeric":
        raise InputError(f"The target {y.name!r} of {name} is not numeric; choose classification or another target.")
    if y.nunique() < 2 and not lenient:
        raise InputError(f"The target {y.name!r} of {name} has one value only ({y.iloc[0]}); choose another target.")
    if task_type == "regression":
        return y
    labels = y.cat.remove_unused_categories() if kind == "nominal" else categories(y)
    if not lenient:
        _require_repeated_classes(labels, name, numeric=kind == "numeric")
    return labels


def _require_repeated_classes(labels: "Column", name: str, *, numeric: bool) -> None:
    counts = labels.value_counts()
    if 2 * (counts == 1).sum() > len(labels):
        said = f"The target {labels.name!r} of {name} has {len(counts)} classes for {len(labels)} rows"
        raise InputError(f"{said}; choose another{', or --task-type regression' if numeric else ' target'}.")


def _require_column(column: str, table: pd.DataFrame, name: str) -> None:
    if column not in list(table.columns):  # it may be anything, as a number
        hint = did_you_mean(column, list(table.columns)) or f"its columns are {quoted_names(table.columns)}."
        raise InputError(f"There is no column {column!r} in {name}; {hint.strip()}")


def _require_rows(n: int, name: str, least: int, which: str) -> None:
    if n < least:
        raise InputError(f"{name} has {n} rows{which}, and at least {least} are needed; give more data.")


def _require_features(X: pd.DataFrame, name: str, *, lenient: bool) -> None:
    if X.shape[1] == 0:
        raise InputError(f"{name} has no column besides the target; give features to learn from.")
    if not lenient and X.isna().all(axis=None):
        raise InputError(f"All feature values of {name} are missing; give columns that hold values.")


def quoted_names(names: Iterable[str], limit: int = 20) -> str:
    """Return names for a sentence, at most ``limit`` of them.

    >>> quoted_names(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    known = list(names)
    shown = ", ".join(map(repr, known[:limit]))
    return f"{shown} and {len(known) - limit} more" if len(known) > limit else shown
