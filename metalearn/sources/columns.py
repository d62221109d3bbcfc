"""A raw column in the dtype of its kind: numbers, dates, categories or free text, with what is missing."""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from metalearn.core.records import Kind
from metalearn.sources.fingerprints import as_numbers, encodable, parsed

MISSING_MARKERS = ("", "?", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "null", "NULL", "#N/A", "<NA>")
# The largest number of float32, in which trees and lightgbm compute: a fit refuses what is beyond it.
LARGEST_LEARNED = float(np.finfo(np.float32).max)
LARGEST_FINITE = float(np.finfo(np.float64).max)
# Free text: mostly distinct values of several words.
_MIN_WORDS = 3
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?")
_SPACES = re.compile(r"\s+", re.ASCII)

if TYPE_CHECKING:
    Column = pd.Series[Any]


class Converted(NamedTuple):
    """A column (n,) in the dtype of its kind, and whether some of its numbers were too large and are missing now."""

    values: "Column"
    kind: Kind
    limited: bool = False


def convert(column: "Column", *, nominal: bool, largest: float = LARGEST_LEARNED) -> Converted:
    """Return a raw column in the dtype of its kind: float64, categories of strings, datetime64 or str.

    Numbers beyond the ``largest`` are missing.

    >>> convert(pd.Series(["1.5", "?", "1e300"]), nominal=False).values.tolist()
    [1.5, nan, nan]
    """
    values, kind = _convert(column, nominal=nominal)
    if kind != "numeric":
        return Converted(values, kind)
    large = beyond(values.to_numpy(), largest)
    return Converted(values.mask(large), kind, bool(large.any()))


def beyond(values: NDArray[np.float64], largest: float) -> NDArray[np.bool_]:
    """Return which values are larger than the ``largest``, or smaller than its negative.

    >>> beyond(np.array([1e38, -1e39, np.inf, np.nan]), LARGEST_LEARNED).tolist()
    [False, True, True, False]
    """
    return (values > largest) | (values < -largest)


def _convert(column: "Column", *, nominal: bool) -> "tuple[Column, Kind]":
    nominal = nominal or types.is_bool_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype)
    if nominal:
        return categories(column), "nominal"
    if types.is_datetime64_any_dtype(column.dtype):
        return _naive(column), "date"
    if types.is_timedelta64_dtype(column.dtype):
        column = column.dt.total_seconds()
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        return _numbers(column), "numeric"
    return _convert_text(column)


def _convert_text(column: "Column") -> "tuple[Column, Kind]":
    # Most columns of most files parse as they are, and are spared the slower cleaning.
    as_they_are = as_numbers(column) if isinstance(column.dtype, pd.StringDtype) else None
    if as_they_are is not None:
        return as_they_are, "numeric"
    codes, distinct = _distinct_texts(column)
    numbers = parsed(distinct)
    if numbers is not None:
        return _like(column, np.append(numbers, np.nan)[codes]), "numeric"
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


def categories(column: "Column") -> "Column":
    """Return a column as categories of strings; 1.0 and 1 are one."""
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
        numbers = _numbers(values).where(np.isfinite)
        labels = {v: str(int(v)) if v.is_integer() else repr(v) for v in numbers.dropna().unique().tolist()}
        values = numbers.map(labels)
    return _category(column, *_distinct_texts(values))


def _numbers(column: "Column") -> "Column":
    return _like(column, column.to_numpy(dtype=np.float64, na_value=np.nan))


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
