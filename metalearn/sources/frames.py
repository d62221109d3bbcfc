"""A table in memory as a dataset: what kind each column is, what is missing, which task the target makes."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from metalearn.core.records import Dataset, Kind, TaskType
from metalearn.errors import InputError, did_you_mean

MISSING_MARKERS = ("", "?", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "null", "NULL", "#N/A", "<NA>")
MIN_ROWS = 10
# A target of whole numbers is a class label when it takes few values, each on average in at least 5 rows.
_MAX_NUMERIC_CLASSES = 20
_MIN_ROWS_PER_CLASS = 5
# Free text: mostly distinct values of several words.
_MIN_WORDS = 3
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?")

if TYPE_CHECKING:
    Column = pd.Series[Any]


def make_dataset(
    frame: pd.DataFrame,
    target: str,
    *,
    name: str = "data",
    task_type: TaskType | None = None,
    nominal: Sequence[str] = (),
) -> Dataset:
    """Turn a table into a dataset with features of shape (n, p) and a target of shape (n,).

    Numbers become float64, infinite ones missing. Booleans, categories, text and the columns named in ``nominal``
    become categories of strings, unless all their values parse as numbers, as ISO dates (datetime64), or they are
    free text (str): mostly distinct values of three words or more on average. Text is stripped; the usual markers
    (``?``, ``NA``, an empty cell, ...) are missing. Rows without a target are dropped, doubled column names numbered.

    Without ``task_type`` a target of numbers makes a regression, unless they are whole and take at most 20 values
    and at most n / 5 (but two always suffice); any other target makes a classification.

    Raises:
        InputError: when a named column does not exist, the target has one value, fewer than 10 rows have a target,
            there are no features, all their values are missing, a regression target is not numeric, or the task type
            is another one.

    >>> table = pd.DataFrame({"a": range(12), "b": ["x", "?", "z"] * 4, "y": [0, 1] * 6})
    >>> dataset = make_dataset(table, "y")
    >>> dataset.kinds, list(dataset.X["b"].cat.categories), dataset.n_classes
    (('numeric', 'nominal'), ['x', 'z'], 2)
    >>> make_dataset(table[::-1].rename(columns={"a": "c"}), "y").fingerprint == dataset.fingerprint
    True
    """
    table = frame.set_axis(unique_names(frame.columns), axis=1)
    for column in (target, *nominal):
        _require_column(column, table, name)
    y, kind = _convert(table[target], nominal=target in nominal)
    rows = y.notna().to_numpy()
    _require_rows(int(rows.sum()), name)
    y = y[rows].reset_index(drop=True)
    y = _as_target(y, kind, task_type or _task_type(y, kind), name)
    features = table.loc[rows].drop(columns=target).reset_index(drop=True)
    converted = {column: _convert(features[column], nominal=column in nominal) for column in features}
    X = pd.DataFrame({column: values for column, (values, _) in converted.items()}, index=features.index)
    _require_features(X, name)
    kinds = tuple(kind for _, kind in converted.values())
    return Dataset(X, y, name, kinds, fingerprint(X, y))


def unique_names(names: Iterable[Any]) -> list[str]:
    """Return the names as stripped text, a name given again with a number behind it.

    >>> unique_names(["a", " a ", "a.1", 3])
    ['a', 'a.1', 'a.1.1', '3']
    """
    unique: dict[str, None] = {}
    for name in (str(name).strip() for name in names):
        count, candidate = 0, name
        while candidate in unique:
            count += 1
            candidate = f"{name}.{count}"
        unique[candidate] = None
    return list(unique)


def fingerprint(X: pd.DataFrame, y: "Column") -> str:
    """Return 64 hex digits that depend on the content alone: SHA-256 over the sorted 64-bit hashes of the rows.

    Names, row order, the letter case of text, and whether numbers stand as numbers or as text make no difference.

    >>> a = pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]})
    >>> b = pd.DataFrame({"c": ["?", "1"], "d": ["Y", "X"]}).replace("?", None)
    >>> fingerprint(a, pd.Series([0, 1])) == fingerprint(b, pd.Series(["1", "0"]))
    True
    """
    columns = [*(X[column] for column in X), y]
    cells = pd.DataFrame({i: _hashes(column) for i, column in enumerate(columns)})
    rows = np.sort(pd.util.hash_pandas_object(cells, index=False).to_numpy())
    return hashlib.sha256(rows.astype("<u8").tobytes()).hexdigest()


def _hashes(column: "Column") -> NDArray[np.uint64]:
    """Return the 64-bit hashes (n,) of a column's values in a form that every file format can hold."""
    if types.is_datetime64_any_dtype(column.dtype):
        microseconds = column.astype("datetime64[us]").astype("int64").astype("float64")
        return _float_hashes(microseconds.where(column.notna()))
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories().cat
        distinct = pd.Series([*map(str, used.categories), None], dtype="str")  # the last is for what is missing: -1
        return np.asarray(_hashes(distinct)[used.codes.to_numpy()])
    numbers = _as_numbers(column)
    if numbers is not None:
        return _float_hashes(numbers)
    texts = ["" if missing else str(v).strip().casefold() for v, missing in zip(column, column.isna(), strict=True)]
    return pd.util.hash_array(np.array(texts, dtype=object))


def _float_hashes(numbers: "Column") -> NDArray[np.uint64]:
    values = numbers.to_numpy(dtype=np.float64)
    one_nan = np.where(np.isnan(values), np.nan, values)  # NaN has many bit patterns
    return pd.util.hash_array(one_nan + 0.0)  # and so has zero: -0.0 + 0.0 is 0.0


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
    numbers = _as_numbers(column) if isinstance(column.dtype, pd.StringDtype) else None
    if numbers is None:
        column = _text(column)
        numbers = _as_numbers(column)
    if numbers is not None:
        return _finite(numbers), "numeric"
    dates = _as_dates(column)
    if dates is not None:
        return dates, "date"
    return (column, "text") if _is_free_text(column) else (column.astype("category"), "nominal")


def _text(column: "Column") -> "Column":
    text = column.astype("str").str.strip()
    return text.mask(text.isin(MISSING_MARKERS) | column.isna())  # pandas 2 writes None out


def _categories(column: "Column") -> "Column":
    values = column.astype(object).infer_objects()
    if types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype):
        # 1.0 and 1 are one class, and read as people write it.
        numbers = _finite(values)
        labels = {v: str(int(v)) if v.is_integer() else repr(v) for v in numbers.dropna().unique().tolist()}
        values = numbers.map(labels)
    return _text(values).astype("category")


def _finite(column: "Column") -> "Column":
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(values), values, np.nan), column.index, name=column.name)


def _as_numbers(column: "Column") -> "Column | None":
    try:
        return column.astype("float64")
    except (ValueError, TypeError):
        return None


def _as_dates(text: "Column") -> "Column | None":
    known = text.dropna()
    if not _ISO_DATE.fullmatch(known.iloc[0]) or not known.str.fullmatch(_ISO_DATE).all():
        return None
    dates = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    return _naive(dates) if dates.notna().sum() == len(known) else None


def _naive(dates: "Column") -> "Column":
    return dates.dt.tz_convert("UTC").dt.tz_localize(None) if dates.dt.tz is not None else dates


def _is_free_text(text: "Column") -> bool:
    known = text.dropna()
    if known.empty or known.nunique() <= len(known) / 2:
        return False
    return bool(known.str.count(r"\s+").mean() >= _MIN_WORDS - 1)


def _task_type(y: "Column", kind: Kind) -> TaskType:
    if kind != "numeric":
        return "classification"
    n_values = y.nunique()
    few = n_values <= max(2, min(_MAX_NUMERIC_CLASSES, len(y) / _MIN_ROWS_PER_CLASS))
    return "classification" if few and bool(np.all(y.to_numpy() % 1 == 0)) else "regression"


def _as_target(y: "Column", kind: Kind, task_type: TaskType, name: str) -> "Column":
    if task_type not in ("classification", "regression"):
        raise InputError(f"A task type is classification or regression; got {task_type!r}.")
    if task_type == "regression" and kind != "numeric":
        raise InputError(f"The target {y.name!r} of {name} is not numeric; choose classification or another target.")
    if y.nunique() < 2:
        raise InputError(f"The target {y.name!r} of {name} has one value only ({y.iloc[0]}); choose another target.")
    if task_type == "regression":
        return y
    return y.cat.remove_unused_categories() if kind == "nominal" else _categories(y)


def _require_column(column: str, table: pd.DataFrame, name: str) -> None:
    if column not in table:
        hint = did_you_mean(column, list(table.columns)) or f"its columns are {listed(table.columns)}."
        raise InputError(f"There is no column {column!r} in {name}; {hint.strip()}")


def _require_rows(n: int, name: str) -> None:
    if n < MIN_ROWS:
        raise InputError(f"{name} has {n} rows with a target, and at least {MIN_ROWS} are needed; give more data.")


def _require_features(X: pd.DataFrame, name: str) -> None:
    if X.shape[1] == 0:
        raise InputError(f"{name} has no column besides the target; give features to learn from.")
    if X.isna().all(axis=None):
        raise InputError(f"All feature values of {name} are missing; give columns that hold values.")


def listed(names: Iterable[str], limit: int = 20) -> str:
    """Return names for a sentence, at most ``limit`` of them.

    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    known = list(names)
    shown = ", ".join(map(repr, known[:limit]))
    return f"{shown} and {len(known) - limit} more" if len(known) > limit else shown
