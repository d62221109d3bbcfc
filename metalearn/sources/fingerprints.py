"""The fingerprint of a table: the same for the same content under other names, row orders and file formats."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

# So many numbers are hashed at a time: pandas' overhead is shared by many columns, and a processor's cache holds them.
_HASHED_CELLS = 200_000

if TYPE_CHECKING:
    Column = pd.Series[Any]


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
        return _float_hashes(np.where(column.isna(), np.nan, microseconds.to_numpy()))
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        used = np.flatnonzero(np.bincount(codes + 1, minlength=len(column.cat.categories) + 1)[1:])
        hashes = np.empty(len(column.cat.categories) + 1, dtype=np.uint64)  # the last is for what is missing: -1
        hashes[[*used, -1]] = _text_hashes([*map(str, column.cat.categories[used]), None])
        return np.asarray(hashes[codes])
    numbers = as_numbers(column)
    if numbers is not None:
        return _float_hashes(numbers.to_numpy(dtype=np.float64))
    return _text_hashes([None if missing else str(v) for v, missing in zip(column, column.isna(), strict=True)])


def _text_hashes(texts: Sequence[str | None]) -> NDArray[np.uint64]:
    numbers = parsed([text for text in texts if text is not None])
    if numbers is not None:
        values = np.full(len(texts), np.nan)
        values[[text is not None for text in texts]] = numbers
        return _float_hashes(values)
    folded = ["" if text is None else encodable(text.strip().casefold()) for text in texts]
    return pd.util.hash_array(np.array(folded, dtype=object), categorize=False)


def _float_hashes(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    one_nan = np.where(np.isnan(values), np.nan, values)  # NaN has many bit patterns
    return pd.util.hash_array(one_nan + 0.0)  # and so has zero: -0.0 + 0.0 is 0.0


def parsed(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Return texts as numbers (n,), None unless all of them are.

    >>> parsed(["1", "2.5"]), parsed(["1", "two"])
    (array([1. , 2.5]), None)
    """
    try:
        return np.array([float(text) for text in texts], dtype=np.float64)
    except ValueError:
        return None


def encodable(text: str) -> str:
    """Return a text with a question mark for what Unicode has no encoding for (halves of surrogate pairs).

    >>> encodable("caf\\u00e9 \\ud800") == "caf\\u00e9 ?"
    True
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def as_numbers(column: "Column") -> "Column | None":
    """Return a column as float64, None unless all its values are numbers."""
    try:
        return column.astype("float64")
    except (ValueError, TypeError, OverflowError):
        return None
