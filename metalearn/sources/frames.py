"""A table in memory as a dataset: what kind each column is, what is missing, which task the target makes."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
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
# So many numbers are hashed at a time: pandas' overhead is shared by many columns, and a processor's cache holds them.
_HASHED_CELLS = 200_000
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?")

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
    (``?``, ``NA``, an empty cell, ...) are missing. Rows without a target are dropped, doubled column names numbered.

    Without ``task_type`` a target of numbers makes a regression, unless they are whole and take at most 20 values
    and at most n / 5 (but two always suffice); any other target makes a classification.

    A table that is only to be described (``lenient``) may have any number of rows from one on, a target with one
    value, features without any, and no target (None): ``y`` is all NaN then.

    Raises:
        InputError: when there is no target or no such column, the target has one value, fewer than 10 rows have a
            target, there are no features, all their values are missing, a regression target is not numeric, or the
            task type is another one.

    >>> table = pd.DataFrame({"a": range(12), "b": ["x", "?", "z"] * 4, "y": [0, 1] * 6})
    >>> dataset = make_dataset(table, "y")
    >>> dataset.kinds, list(dataset.X["b"].cat.categories), dataset.n_classes
    (('numeric', 'nominal'), ['x', 'z'], 2)
    >>> make_dataset(table[::-1].rename(columns={"a": "c"}), "y").fingerprint == dataset.fingerprint
    True
    """
    table = frame.set_axis(unique_names(frame.columns), axis=1)
    if target is None and not lenient:
        raise InputError(f"Name the target column of {name}; its columns are {listed(table.columns)}.")
    for column in (*([] if target is None else [target]), *nominal):
        _require_column(column, table, name)
    y, rows = _target(table, target, task_type, name, nominal=target in nominal, lenient=lenient)
    features = table if target is None else table.drop(columns=target)
    features = (features if rows.all() else features.loc[rows]).reset_index(drop=True)
    X, kinds = _features(features, frozenset(nominal))
    _require_features(X, name, lenient=lenient)
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
    rows = np.sort(_row_hashes(_column_hashes(X, y), len(y), X.shape[1] + 1))
    return hashlib.sha256(rows.astype("<u8").tobytes()).hexdigest()


def _row_hashes(columns: Iterable[NDArray[np.uint64]], n: int, n_columns: int) -> NDArray[np.uint64]:
    """Combine the hashes of columns into those of rows (n,), as ``pandas.util.hash_pandas_object`` does."""
    rows, factor = np.full(n, 0x345678, dtype=np.uint64), np.uint64(1_000_003)
    for i, column in enumerate(columns):
        rows ^= column
        rows *= factor
        factor += np.uint64(82_520 + 2 * (n_columns - i))
    return rows + np.uint64(97_531)


def _column_hashes(X: pd.DataFrame, y: "Column") -> Iterator[NDArray[np.uint64]]:
    """Yield the hashes (n,) of each feature's hashes, and of the target's."""
    width = max(1, _HASHED_CELLS // max(len(y), 1))
    for block in (X.iloc[:, start : start + width] for start in range(0, X.shape[1], width)):
        if (block.dtypes == np.float64).all():
            values = block.to_numpy()
            yield from pd.util.hash_array(_float_hashes(values.ravel(order="F"))).reshape(values.T.shape)
        else:
            yield from (pd.util.hash_array(_hashes(block.iloc[:, i])) for i in range(block.shape[1]))
    yield pd.util.hash_array(_hashes(y))


def _hashes(column: "Column") -> NDArray[np.uint64]:
    """Return the 64-bit hashes (n,) of a column's values in a form that every file format can hold."""
    if types.is_datetime64_any_dtype(column.dtype):
        microseconds = column.astype("datetime64[us]").astype("int64").astype("float64")
        return _float_hashes(microseconds.where(column.notna()).to_numpy())
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories().cat
        distinct = pd.Series([*map(str, used.categories), None], dtype="str")  # the last is for what is missing: -1
        return np.asarray(_hashes(distinct)[used.codes.to_numpy()])
    numbers = _as_numbers(column)
    if numbers is not None:
        return _float_hashes(numbers.to_numpy(dtype=np.float64))
    texts = ["" if missing else str(v).strip().casefold() for v, missing in zip(column, column.isna(), strict=True)]
    return pd.util.hash_array(np.array(texts, dtype=object))


def _float_hashes(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    one_nan = np.where(np.isnan(values), np.nan, values)  # NaN has many bit patterns
    return pd.util.hash_array(one_nan + 0.0)  # and so has zero: -0.0 + 0.0 is 0.0


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
    return y.cat.remove_unused_categories() if kind == "nominal" else _categories(y)


def _require_column(column: str, table: pd.DataFrame, name: str) -> None:
    if column not in table:
        hint = did_you_mean(column, list(table.columns)) or f"its columns are {listed(table.columns)}."
        raise InputError(f"There is no column {column!r} in {name}; {hint.strip()}")


def _require_rows(n: int, name: str, least: int, which: str) -> None:
    if n < least:
        raise InputError(f"{name} has {n} rows{which}, and at least {least} are needed; give more data.")


def _require_features(X: pd.DataFrame, name: str, *, lenient: bool) -> None:
    if X.shape[1] == 0:
        raise InputError(f"{name} has no column besides the target; give features to learn from.")
    if not lenient and X.isna().all(axis=None):
        raise InputError(f"All feature values of {name} are missing; give columns that hold values.")


def listed(names: Iterable[str], limit: int = 20) -> str:
    """Return names for a sentence, at most ``limit`` of them.

    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    known = list(names)
    shown = ", ".join(map(repr, known[:limit]))
    return f"{shown} and {len(known) - limit} more" if len(known) > limit else shown
