"""A table in memory as a dataset: what kind each column is, what is missing, which task the target makes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from metalearn.core.records import Dataset, Kind, TaskType
from metalearn.errors import InputError, did_you_mean
from metalearn.sources.fingerprints import as_numbers, encodable, fingerprint, parsed

MISSING_MARKERS = ("", "?", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "null", "NULL", "#N/A", "<NA>")
MIN_ROWS = 10
# A target of whole numbers is a class label when it takes few values, each on average in at least 5 rows.
_MAX_NUMERIC_CLASSES = 20
_MIN_ROWS_PER_CLASS = 5
# Free text: mostly distinct values of several words.
_MIN_WORDS = 3
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?")
_SPACES = re.compile(r"\s+", re.ASCII)

if TYPE_CHECKING:
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

    Numbers become float64, infinite ones missing. Booleans, categories, text and the columns named in ``nominal``
    become categories of strings, unless all their values parse as numbers, as ISO dates (datetime64), or they are
    free text (str): mostly distinct values of three words or more on average. Text is stripped; the usual markers
    (``?``, ``NA``, an empty cell, ...) are missing. Rows without a target are dropped, doubled column names numbered,
    which the dataset's ``notes`` say.

    Without ``task_type`` a target of numbers makes a regression, unless they are whole and take at most 20 values
    and at most n / 5 (but two always suffice); any other target makes a classification.

    A table that is only to be described (``lenient``) may have any number of rows from one on, a target with one
    value, features without any, and no target (None): ``y`` is all NaN then.

    Raises:
        InputError: when there is no target or no such column, the target has one value, or classes most of which have
            one row, fewer than 10 rows have a target, there are no features, all their values are missing, a regression
            target is not numeric, or the task type is another one.

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
    y, rows = _target(table, target, task_type, name, nominal=target in nominal, lenient=lenient)
    features = table if target is None else table.drop(columns=target)
    features = (features if rows.all() else features.loc[rows]).reset_index(drop=True)
    X, kinds = _features(features, frozenset(nominal))
    _require_features(X, name, lenient=lenient)
    dropped = () if rows.all() else (f"rows without a target are left out: {np.sum(~rows)}",)
    notes = renamed(frame.columns, table.columns) + dropped
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


def _features(table: pd.DataFrame, nominal: frozenset[str]) -> tuple[pd.DataFrame, tuple[Kind, ...]]:
    """Return the columns in the dtypes of their kinds, and the kinds; plain numbers are converted all at once."""
    plain = np.array(
        [isinstance(t, np.dtype) and t.kind in "iuf" and n not in nominal for n, t in table.dtypes.items()], dtype=bool
    )
    values = np.array(table.iloc[:, np.flatnonzero(plain)].to_numpy(dtype=np.float64), order="F")
    values[np.isinf(values)] = np.nan
    numbers = pd.DataFrame(values, table.index, table.columns[plain], copy=False)
    others = {name: _convert(table[name], nominal=name in nominal) for name in table.columns[~plain]}
    kinds: list[Kind] = ["numeric" if name not in others else others[name][1] for name in table.columns]
    if not others:
        return numbers, tuple(kinds)
    converted = pd.DataFrame({name: column for name, (column, _) in others.items()}, index=table.index)
    order = np.argsort(np.argsort(~plain, kind="stable"))
    return pd.concat([numbers, converted], axis=1).iloc[:, order], tuple(kinds)


def _convert(column: "Column", *, nominal: bool) -> "tuple[Column, Kind]":
    """Return a raw column in the dtype of its kind, and the kind."""
    nominal = nominal or types.is_bool_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype)
    if nominal:
        return _categories(column), "nominal"
    if types.is_datetime64_any_dtype(column.dtype):
        return _naive(column), "date"
    if types.is_timedelta64_dtype(column.dtype):
        column = column.dt.total_seconds()
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        return _finite(column), "numeric"
    return _convert_text(column)


def _convert_text(column: "Column") -> "tuple[Column, Kind]":
    # Most columns of most files parse as they are, and are spared the slower cleaning.
    as_they_are = as_numbers(column) if isinstance(column.dtype, pd.StringDtype) else None
    if as_they_are is not None:
        return _finite(as_they_are), "numeric"
    codes, distinct = _distinct_texts(column)
    numbers = parsed(distinct)
    if numbers is not None:
        return _finite(_like(column, np.append(numbers, np.nan)[codes])), "numeric"
    dates = _as_dates(distinct)
    if dates is not None:
        return _like(column, dates.append(pd.DatetimeIndex([None]))[codes]), "date"
    if _is_free_text(codes, distinct):
        return _like(column, np.array([*distinct, None], dtype=object)[codes]).astype("str"), "text"
    return _category(column, codes, distinct), "nominal"


def _distinct_texts(column: "Column") -> tuple[NDArray[np.int64], list[str]]:
    """Return the distinct stripped texts in order, and which of them each row (n,) has; -1 for what is missing."""
    raw_codes, raw = pd.factorize(_texts(column))
    texts = [text.strip() for text in raw]
    distinct = sorted(set(texts).difference(MISSING_MARKERS))
    position = {text: i for i, text in enumerate(distinct)}
    codes = np.array([*(position.get(text, -1) for text in texts), -1])[raw_codes]
    return np.where(column.isna(), -1, codes), distinct  # pandas 2 writes None out


def _texts(column: "Column") -> "Column":
    try:
        return column if isinstance(column.dtype, pd.StringDtype) else column.astype("str")
    except Exception:  # a dtype of someone else's, or text that no encoding can hold
        return pd.Series([encodable(str(value)) for value in column], column.index, dtype="str")


def _like(column: "Column", values: Any) -> "Column":
    return pd.Series(values, column.index, name=column.name)


def _category(column: "Column", codes: NDArray[np.int64], distinct: list[str]) -> "Column":
    return _like(column, pd.Categorical.from_codes(codes, pd.Index(distinct, dtype="str")))


def _categories(column: "Column") -> "Column":
    dtype = column.dtype
    if not isinstance(dtype, pd.CategoricalDtype) and (types.is_object_dtype(dtype) or not isinstance(dtype, np.dtype)):
        return _labelled(column)
    each = column.astype("category").cat.remove_unused_categories().cat
    labels = _labelled(pd.Series(each.categories)).cat  # of a few values, not of all rows
    codes = np.append(labels.codes.to_numpy(), -1)[each.codes.to_numpy()]
    return _category(column, codes, list(labels.categories))


def _labelled(column: "Column") -> "Column":
    values = column.astype(object).infer_objects()
    if types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype):
        # 1.0 and 1 are one class, and read as people write it.
        numbers = _finite(values)
        labels = {v: str(int(v)) if v.is_integer() else repr(v) for v in numbers.dropna().unique().tolist()}
        values = numbers.map(labels)
    return _category(column, *_distinct_texts(values))


def _finite(column: "Column") -> "Column":
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(values), values, np.nan), column.index, name=column.name)


def _as_dates(texts: list[str]) -> pd.DatetimeIndex | None:
    if not all(map(_ISO_DATE.fullmatch, texts)):
        return None
    dates = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    return None if dates.hasnans else dates.tz_localize(None)


def _naive(dates: "Column") -> "Column":
    if isinstance(dates.dtype, pd.ArrowDtype):  # its days have no time zone, not even none
        dates = pd.to_datetime(dates.astype(object), utc=True)
    return dates.dt.tz_convert("UTC").dt.tz_localize(None) if dates.dt.tz is not None else dates


def _is_free_text(codes: NDArray[np.int64], distinct: list[str]) -> bool:
    rows = np.bincount(codes[codes >= 0])
    if len(distinct) <= rows.sum() / 2:
        return False
    gaps = np.array([len(_SPACES.findall(text)) for text in distinct])
    return bool(rows @ gaps / rows.sum() >= _MIN_WORDS - 1)


def _task_type(y: "Column", kind: Kind) -> TaskType:
    if kind != "numeric":
        return "classification"
    n_values = y.nunique()
    few = n_values <= max(2, min(_MAX_NUMERIC_CLASSES, len(y) / _MIN_ROWS_PER_CLASS))
    return "classification" if few and bool(np.all(y.to_numpy() % 1 == 0)) else "regression"


def _target(
    table: pd.DataFrame, target: str | None, task_type: TaskType | None, name: str, *, nominal: bool, lenient: bool
) -> "tuple[Column, NDArray[np.bool_]]":
    """Return the target of the rows that have one, and which these are (n,); without a target all rows."""
    if target is None:
        everything = np.ones(len(table), dtype=bool)
        _require_rows(len(table), name, 1, "")
        return pd.Series(np.full(len(table), np.nan)), everything
    y, kind = _convert(table[target], nominal=nominal)
    rows = y.notna().to_numpy()
    _require_rows(int(rows.sum()), name, 1 if lenient else MIN_ROWS, " with a target")
    y = y[rows].reset_index(drop=True)
    return _as_target(y, kind, task_type or _task_type(y, kind), name, lenient=lenient), rows


def _as_target(y: "Column", kind: Kind, task_type: TaskType, name: str, *, lenient: bool) -> "Column":
    if task_type not in ("classification", "regression"):
        raise InputError(f"A task type is classification or regression; got {task_type!r}.")
    if task_type == "regression" and kind != "numeric":
        raise InputError(f"The target {y.name!r} of {name} is not numeric; choose classification or another target.")
    if y.nunique() < 2 and not lenient:
        raise InputError(f"The target {y.name!r} of {name} has one value only ({y.iloc[0]}); choose another target.")
    if task_type == "regression":
        return y
    labels = y.cat.remove_unused_categories() if kind == "nominal" else _categories(y)
    if not lenient:
        _require_repeated_classes(labels, name, numeric=kind == "numeric")
    return labels


def _require_repeated_classes(labels: "Column", name: str, *, numeric: bool) -> None:
    counts = labels.value_counts()
    if 2 * (counts == 1).sum() > len(labels):
        said = f"The target {labels.name!r} of {name} has {len(counts)} classes for {len(labels)} rows"
        raise InputError(f"{said}; choose another{', or --task-type regression' if numeric else ' target'}.")


def _require_column(column: str, table: pd.DataFrame, name: str) -> None:
    if column not in table:
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
