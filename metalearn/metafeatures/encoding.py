"""Tables of mixed columns as points, and the distances between their rows.

A numeric column is a coordinate, with the mean for what is missing. A nominal column becomes indicators of its most
frequent symbols and one of all others, weighted so that two rows that differ in it are at distance 1 in it: the
heterogeneous Euclidean-overlap metric of Wilson and Martinez, "Improved heterogeneous distance functions" (JAIR 1997).
A missing symbol is a symbol.
"""

from collections.abc import Iterator

import numpy as np

from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Codes, Floats, Table, blocks, counts

# Symbols with an indicator of their own; the rest of a long tail share one.
MAX_SYMBOLS = 10
# Up to so many coordinates, distances from differences are fast, and exact for near rows; beyond, products are faster.
_MAX_DIFFERENCES = 64
# Squared distances that are this small beside the squared norms are rounded zeros.
_ZERO = 1e-13


def n_columns(table: Table) -> int:
    """Return how many columns are encoded: the numeric and nominal ones with a value.

    Raises:
        UnmeasuredError: when there is none.
    """
    used: int = table.numeric.shape[1] + table.nominal.shape[1]
    require(used > 0, "not_applicable")
    return used


def unit(table: Table) -> float:
    """Return the power of two in whose units no square of a coordinate overflows; a node.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X, y = pd.DataFrame({"a": [2.0, -300.0]}), pd.Series([1.5, 2.5])
    >>> unit(Table.of(Dataset(X, y, "tiny", ("numeric",), "")))
    512.0
    """
    largest = 1.0 if table.nominal.shape[1] else 0.0
    for block in blocks(*table.numeric.shape):
        largest = max(largest, float(np.fmax.reduce(np.abs(table.numeric[:, block]), axis=None, initial=0.0)))
    return float(2.0 ** min(np.frexp(largest)[1], 1023)) if largest > 0 else 1.0


def coordinates(table: Table) -> Iterator[Floats]:
    """Yield the coordinates of the rows in ``unit`` units, some at a time (b, m): numbers as they are.

    Raises:
        UnmeasuredError: without numeric and nominal columns.
    """
    n_columns(table)
    scale = table.shared(unit)
    for block in blocks(*table.numeric.shape):
        table.deadline.check()
        yield filled(table.numeric[:, block].T / scale)
    for indicators in _indicators(table):
        yield indicators / scale


def unit_coordinates(table: Table) -> Iterator[Floats]:
    """Yield the coordinates of the rows, some at a time (b, m): numbers from 0 (the smallest) to 1 (the largest).

    Raises:
        UnmeasuredError: without numeric and nominal columns.
    """
    n_columns(table)
    for block in blocks(*table.numeric.shape):
        table.deadline.check()
        halves = table.numeric[:, block].T / 2  # of which the differences do not overflow
        low, high = np.fmin.reduce(halves, axis=1), np.fmax.reduce(halves, axis=1)
        width = np.where(high > low, high - low, 1.0)
        yield filled((halves - low[:, None]) / width[:, None])
    yield from _indicators(table)


def unit_distances(table: Table) -> Floats:
    """Return the distances of all pairs of rows (m (m - 1) / 2,), in SciPy's order, with numbers in [0, 1]; a node.

    Raises:
        UnmeasuredError: without numeric and nominal columns, or with a single row.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X = pd.DataFrame({"a": [3.0, 4.0, 5.0], "b": pd.Categorical(["x", "x", "y"])})
    >>> table = Table.of(Dataset(X, pd.Series([1.0, 2.0, 3.0]), "tiny", ("numeric", "nominal"), ""))
    >>> unit_distances(table).round(3)
    array([0.5  , 1.414, 1.118])
    """
    return pair_distances(table, unit_coordinates(table))


def pair_distances(table: Table, points: Iterator[Floats]) -> Floats:
    """Return the distances of all pairs of points (m (m - 1) / 2,), in SciPy's order, from their coordinates (b, m).

    Raises:
        UnmeasuredError: for a table without numeric and nominal columns, or with a single row.
    """
    from scipy.spatial.distance import pdist, squareform

    n_columns(table)
    require(table.n_used > 1, "too_few_rows")
    n_symbols = np.minimum(table.nominal.max(axis=0, initial=0) + 2, MAX_SYMBOLS + 1)
    if table.numeric.shape[1] + n_symbols.sum() <= _MAX_DIFFERENCES:
        return np.asarray(pdist(np.concatenate(list(points)).T))
    products = np.zeros((table.n_used, table.n_used))
    for block in points:
        table.deadline.check()
        deviations = block - block.mean(axis=1, keepdims=True)
        products += deviations.T @ deviations
    norms = np.diag(products)
    both = np.concatenate([norms[i] + norms[i + 1 :] for i in range(len(norms) - 1)])
    squares = both - 2 * squareform(products, checks=False)
    squares[squares <= _ZERO * both] = 0.0
    return np.asarray(np.sqrt(squares, out=squares))


def filled(values: Floats) -> Floats:
    """Return columns, given as rows (b, m), with their means where missing; 0 where everything is.

    >>> filled(np.array([[1.0, np.nan, 3.0]]))
    array([[1., 2., 3.]])
    """
    absent = np.isnan(values)
    if not absent.any():
        return values
    known = np.maximum(np.count_nonzero(~absent, axis=1), 1)
    means = np.where(absent, 0.0, values).sum(axis=1) / known
    if not np.isfinite(means).all():  # a sum overflows
        means = np.where(absent, 0.0, values / known[:, None]).sum(axis=1)
    return np.where(absent, means[:, None], values)


def _indicators(table: Table) -> Iterator[Floats]:
    """Yield the weighted indicators of the nominal columns, some at a time (b, m)."""
    n, r = table.nominal.shape
    for block in blocks(n * (MAX_SYMBOLS + 1), r):
        table.deadline.check()
        symbols = [most_frequent(codes, MAX_SYMBOLS) for codes in table.nominal[:, block].T]
        yield np.concatenate([np.equal(s, np.arange(s.max() + 1)[:, None]) * np.sqrt(0.5) for s in symbols])


def most_frequent(codes: Codes, size: int) -> Codes:
    """Return symbols 0, 1, ... (m,), by falling frequency, for codes with -1 where missing; from ``size`` on as one.

    >>> most_frequent(np.array([3, 1, 1, -1, 1, 3], dtype=np.int32), 1)
    array([1, 0, 0, 1, 0, 1], dtype=int32)
    """
    sizes = counts(codes.astype(np.int64) + 1)
    rank = np.empty(len(sizes), dtype=np.int32)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes), dtype=np.int32)
    return np.minimum(rank[codes + 1], np.int32(size))
