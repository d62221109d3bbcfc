"""The table as auto-sklearn sees it: encoded, standardised and shuffled as there, for its meta-features.

By the code of auto-sklearn 0.1 (``autosklearn/metalearning/metafeatures`` and ``pipeline/implementations``): one 0/1
column for each value of a nominal column, a missing one being a value too, and then the numeric columns, the mean
where missing. Without nominal columns these are standardised, and a constant is 0. With some, the table is sparse
there: then they are standardised by the mean and the deviation of the entries that are not 0, and what is 0 stays 0;
where all others are one value, they become 1.
"""

import bisect

import numpy as np

from metalearn.metafeatures.columns import columns_of
from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Floats, Integers, Table, UnmeasuredError, blocks

# auto-sklearn's own: the seed of its shuffles and trees, the folds, and how much variance the components are to keep.
SEED = 42
N_FOLDS = 10
VARIANCE = 0.95
# It uses all rows. Here more rows, and more cells of the encoded table, are not worth the time that they cost.
LANDMARK_ROWS = 10_000
LANDMARK_CELLS = 1_000_000
PCA_CELLS = 2_000_000
# On the scale from a column's smallest value to its largest, less is not a spread.
_ROUNDING = 1e-14


def encoded(table: Table) -> Floats:
    """Return the encoded table (m, d), as the module defines it.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X = pd.DataFrame({"a": [0.0, 3.0, 5.0, None], "b": pd.Categorical(["x", "y", "x", None])})
    >>> encoded(Table.of(Dataset(X, pd.Series([1.5, 2.5, 3.5, 4.5]), "tiny", ("numeric", "nominal"), ""))).round(2)
    array([[ 0.  ,  1.  ,  0.  ,  0.  ],
           [ 0.  ,  0.  ,  1.  , -0.54],
           [ 0.  ,  1.  ,  0.  ,  1.4 ],
           [ 1.  ,  0.  ,  0.  , -0.86]])
    """
    indicators = [codes[:, None] == np.unique(codes) for codes in table.nominal.T]
    numbers = [_standardized(table, block) for block in blocks(*table.numeric.shape)]
    return np.hstack([np.empty((table.n_used, 0)), *indicators, *numbers])


def shapes(table: Table) -> Floats:
    """Return skewness and kurtosis (2, q) of the encoded table's numeric columns, 0 and -3 for a constant; a node.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> dataset = Dataset(pd.DataFrame({"a": [0.0, 0, 1, 0], "b": 2.0}), pd.Series(range(4)), "", ("numeric",) * 2, "")
    >>> shapes(Table.of(dataset)).round(4)
    array([[ 1.1547,  0.    ],
           [-0.6667, -3.    ]])
    """
    if table.numeric.shape[1] > 0 and table.nominal.shape[1] == 0:
        return _shapes_without_zeros(table)
    parts = [np.empty((2, 0))]
    for block in blocks(*table.numeric.shape):
        table.deadline.check()
        values = _standardized(table, block)
        deviations = values - values.mean(axis=0)
        squares = deviations**2
        variance, fourth = squares.mean(axis=0), np.mean(squares**2, axis=0)
        divisor = np.where(variance > 0, variance, 1.0)
        parts.append(np.array([np.mean(squares * deviations, axis=0) / divisor**1.5, fourth / divisor**2 - 3]))
    return np.hstack(parts)


def _shapes_without_zeros(table: Table) -> Floats:
    """Return the shapes where every entry counts: those of the columns, with missing values at the mean."""
    columns = table.shared(columns_of)
    known = columns.known / table.n_used
    skewness, kurtosis = columns.skewness / np.sqrt(known), (columns.kurtosis + 3) / known - 3
    return np.where(columns.varies, [skewness, kurtosis], [[0.0], [-3.0]])


def rows_within(table: Table, cells: int) -> int:
    """Return how many rows, of m, have at most so many cells in the encoded table; at least 1.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> dataset = Dataset(pd.DataFrame({"a": range(9), "b": range(9)}), pd.Series(range(9)), "", ("numeric",) * 2, "")
    >>> rows_within(Table.of(dataset), 10)
    5
    """
    symbols = table.nominal.max(axis=0, initial=-1) + 2

    def cells_of(m: int) -> int:
        return m * int(table.numeric.shape[1] + np.minimum(symbols, m).sum())

    return max(1, bisect.bisect_right(range(1, table.n_used + 1), cells, key=cells_of))


def shuffled(m: int) -> Integers:
    """Return the numbers from 0 to m - 1 in auto-sklearn's order.

    >>> shuffled(5)
    array([1, 4, 2, 0, 3])
    """
    order = np.arange(m)
    np.random.RandomState(SEED).shuffle(order)
    return order


def folded(table: Table) -> tuple[Floats, Integers, Integers]:
    """Return the encoded table (m, d), the classes (m,) and the folds (m,) for the landmarkers, shuffled; a node.

    Each class's rows are dealt out to the folds one fold after the other, the first folds getting one more.

    Raises:
        UnmeasuredError: for a regression, without a column, when none varies, or when no class has 10 rows.
    """
    require(table.classes is not None, "not_applicable")
    sample = table.sample(min(LANDMARK_ROWS, rows_within(table, LANDMARK_CELLS)))
    order = shuffled(sample.n_used)
    X, y = encoded(sample)[order], np.asarray(sample.classes)[order]
    require(X.shape[1] > 0, "not_applicable")
    require(bool(np.ptp(X, axis=0).any()), "constant")
    require(int(np.bincount(y).max()) >= N_FOLDS, "too_few_rows")
    folds = np.empty(len(y), dtype=np.int64)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        size, longer = divmod(max(len(rows), N_FOLDS), N_FOLDS)
        folds[rows] = np.repeat(np.arange(N_FOLDS), size + (np.arange(N_FOLDS) < longer))[: len(rows)]
    return X, y, folds


def components(table: Table) -> tuple[float, Floats]:
    """Return the share of the principal components that keep 95 % of the variance, and the first scores (m,); a node.

    The sign of the scores is the one that LAPACK gives for auto-sklearn's order of the rows and single precision.

    Raises:
        UnmeasuredError: without a column, when none varies, or when LAPACK does not converge.
    """
    from scipy.linalg import LinAlgError, qr, svd

    sample = table.sample(rows_within(table, PCA_CELLS))
    values = encoded(sample).astype(np.float32)
    require(values.shape[1] > 0, "not_applicable")
    order = shuffled(len(values))
    values -= values.mean(axis=0)
    table.deadline.check()
    rows = values[order[order]]  # shuffled with the table, and again for the components
    if len(rows) > 2 * rows.shape[1]:
        rows = qr(rows, mode="r", overwrite_a=True, check_finite=False)[0][: rows.shape[1]]
    try:
        _, singular, axes = svd(rows, full_matrices=False, check_finite=False)
    except LinAlgError:
        raise UnmeasuredError("undefined") from None
    variances = singular.astype(np.float64) ** 2
    require(variances.sum() > 0, "constant")
    enough = int(np.searchsorted(np.cumsum(variances / variances.sum()), VARIANCE)) + 1
    return min(enough, len(variances)) / values.shape[1], (values @ axes[0]).astype(np.float64)


def _standardized(table: Table, block: slice) -> Floats:
    """Return numeric columns (m, b) as they are in the encoded table."""
    columns, values = table.shared(columns_of), table.numeric[:, block]
    low, width, varies = columns.low[block], columns.width[block], columns.varies[block]
    counted = values != 0 if table.nominal.shape[1] else np.ones(values.shape, dtype=bool)
    unit = np.where(varies, (values - low) / np.where(varies, width, 1.0), 0.0)
    unit = np.where(np.isnan(unit), columns.unit_mean[block], unit)
    n = np.maximum(counted.sum(axis=0), 1)
    deviations = np.where(counted, unit - np.sum(unit, axis=0, where=counted) / n, 0.0)
    sd = np.sqrt(np.einsum("ij,ij->j", deviations, deviations) / n)
    indicators = counted & ~counted.all(axis=0)
    return np.where(sd > _ROUNDING, deviations / np.where(sd > _ROUNDING, sd, 1.0), indicators)
