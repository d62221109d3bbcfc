"""Moments, quantiles and counts of all numeric columns: one pass over blocks of columns, each column sorted once.

Moments are those of the columns shifted and scaled to [0, 1]: on that scale no power of a value overflows, and an
affine change of units makes no difference.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Floats, Integers, Table, blocks

# Tukey's fences (Exploratory Data Analysis, 1977).
FENCE = 1.5
# What a trimmed mean leaves out at either end.
TRIM = 0.2


@dataclass(frozen=True)
class Columns:
    """The q numeric columns of a table, one entry (q,) each; NaN where there is none.

    ``known`` counts values, ``zeros`` those that are 0, ``distinct`` different ones, ``outliers`` those outside
    Tukey's fences. ``m2``, ``m3``, ``m4`` are central moments in units of the width; ``mad`` is the median distance
    from the median, unscaled; ``log_mean`` is that of the logarithms and ``inverse_mean`` that of 1 / value where
    all values are positive.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X = pd.DataFrame({"a": [0.0, 1.0, 5.0], "b": [5.0, 5.0, None]})
    >>> columns = Table.of(Dataset(X, pd.Series([1.0, 2.0, 3.0]), "tiny", ("numeric",) * 2, "")).shared(columns_of)
    >>> columns.mean, columns.median, columns.varies
    (array([2., 5.]), array([1., 5.]), array([ True, False]))
    """

    known: Floats
    zeros: Floats
    distinct: Floats
    outliers: Floats
    low: Floats
    high: Floats
    q25: Floats
    median: Floats
    q75: Floats
    mad: Floats
    trimmed_mean: Floats
    unit_mean: Floats
    m2: Floats
    m3: Floats
    m4: Floats
    log_mean: Floats
    inverse_mean: Floats

    @property
    def width(self) -> Floats:
        """Largest less smallest (q,), infinite where that overflows."""
        return self.high - self.low

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Whether a column has a spread (q,), and one that can be divided by."""
        return (self.width > 0) & np.isfinite(self.width)

    @property
    def mean(self) -> Floats:
        """Means (q,), NaN where the width overflows."""
        return self.low + self.width * self.unit_mean

    @property
    def variance(self) -> Floats:
        """Variances (q,) over the number of values less one; NaN for a single value."""
        return self.width**2 * self.m2 * self.known / np.where(self.known > 1, self.known - 1, np.nan)

    @property
    def sd(self) -> Floats:
        """Standard deviations (q,), the roots of the variances."""
        return self.width * np.sqrt(self.m2 * self.known / np.where(self.known > 1, self.known - 1, np.nan))

    @property
    def skewness(self) -> Floats:
        """g1 = m3 / m2^1.5 (q,), NaN where a column does not vary."""
        return _ratio(self.m3, self.m2**1.5)

    @property
    def kurtosis(self) -> Floats:
        """g2 = m4 / m2^2 - 3 (q,), NaN where a column does not vary."""
        return _ratio(self.m4, self.m2**2) - 3


def columns_of(table: Table) -> Columns:
    """Describe the numeric columns; a node to share.

    Raises:
        UnmeasuredError: without numeric columns.
    """
    n, q = table.numeric.shape
    require(q > 0, "not_applicable")
    parts = []
    with np.errstate(all="ignore"):
        for block in blocks(n, q):
            table.deadline.check()
            parts.append(_described(table.numeric[:, block].T))
    return Columns(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Columns)))


def standardized(table: Table) -> Floats:
    """Return the columns that vary (m, c) with mean 0 and variance 1 over all rows, the mean where missing; a node.

    Raises:
        UnmeasuredError: without numeric columns, or when none varies.
    """
    columns = table.shared(columns_of)
    chosen = np.flatnonzero(columns.varies)
    require(len(chosen) > 0, "constant")
    low, width, mean = (x[chosen] for x in (columns.low, columns.width, columns.unit_mean))
    spread = np.sqrt((columns.m2 * columns.known)[chosen] / table.n_used)
    values = np.empty((table.n_used, len(chosen)), order="F")
    for i, column in enumerate(chosen):
        unit = ((table.numeric[:, column] - low[i]) / width[i] - mean[i]) / spread[i]
        values[:, i] = np.nan_to_num(unit, copy=False) if columns.known[column] < table.n_used else unit
    return values


def _described(values: Floats) -> Columns:
    """Describe columns, given as rows (b, m) that lie together in memory."""
    ordered = np.sort(values, axis=1)
    known = ordered.shape[1] - np.isnan(ordered).sum(axis=1)
    low, high = ordered[:, 0], _at(ordered, known - 1)
    q25, median, q75 = (_quantile(ordered, known, q) for q in (0.25, 0.5, 0.75))
    margin = FENCE * (q75 - q25)
    unit_mean, *moments = _moments(ordered, known, low, high)
    log_mean, inverse_mean = _of_positive(ordered, known, low)
    return Columns(
        known=known.astype(np.float64),
        zeros=np.count_nonzero(ordered == 0, axis=1).astype(np.float64),
        distinct=1.0 + np.count_nonzero(np.diff(ordered, axis=1) > 0, axis=1),
        outliers=_outside(ordered, q25 - margin, q75 + margin),
        low=low,
        high=high,
        q25=q25,
        median=median,
        q75=q75,
        mad=_median_distance(ordered, known, median),
        trimmed_mean=_trimmed_mean(ordered, known),
        unit_mean=unit_mean,
        m2=moments[0],
        m3=moments[1],
        m4=moments[2],
        log_mean=log_mean,
        inverse_mean=inverse_mean,
    )


def _at(ordered: Floats, position: Integers) -> Floats:
    return np.asarray(np.take_along_axis(ordered, position[:, None], axis=1)[:, 0])


def _quantile(ordered: Floats, known: Integers, q: float) -> Floats:
    """Return quantiles, linear between the two nearest values as in NumPy."""
    position = q * (known - 1)
    below = np.floor(position).astype(np.int64)
    first, second = _at(ordered, below), _at(ordered, np.minimum(below + 1, known - 1))
    return np.asarray(first + (second - first) * (position - below))


def _moments(ordered: Floats, known: Integers, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the mean and three central moments of the values scaled to [0, 1], 0 where a column does not vary."""
    width = high - low
    usable = (width > 0) & np.isfinite(width)
    absent = np.isnan(ordered) if known.min() < ordered.shape[1] else None
    deviations = ordered - low[:, None]
    deviations /= np.where(usable, width, 1.0)[:, None]
    deviations[~usable] = 0.0
    mean = np.nansum(deviations, axis=1) / known if absent is not None else deviations.mean(axis=1)
    deviations -= mean[:, None]
    if absent is not None:
        deviations[absent] = 0.0
    squares = deviations * deviations
    sums = (("ij->i", (squares,)), ("ij,ij->i", (squares, deviations)), ("ij,ij->i", (squares, squares)))
    second, third, fourth = (np.einsum(form, *factors) / known for form, factors in sums)
    return np.where(np.isinf(width), np.nan, mean), second, third, fourth


def _median_distance(ordered: Floats, known: Integers, median: Floats) -> Floats:
    middle = np.maximum((known - 1) // 2, 0)
    distances = np.abs(ordered - median[:, None])
    distances.partition(np.unique(np.concatenate([middle, known // 2])), axis=1)
    return _quantile(distances, known, 0.5)


def _outside(ordered: Floats, low: Floats, high: Floats) -> Floats:
    outside = (ordered < low[:, None]) | (ordered > high[:, None])
    return np.asarray(np.count_nonzero(outside, axis=1), dtype=np.float64)


def _trimmed_mean(ordered: Floats, known: Integers) -> Floats:
    cut = (known * TRIM).astype(np.int64)
    positions = np.arange(ordered.shape[1])
    inside = (positions >= cut[:, None]) & (positions < (known - cut)[:, None])
    return np.asarray(np.where(inside, ordered, 0.0).sum(axis=1) / (known - 2 * cut))


def _of_positive(ordered: Floats, known: Integers, low: Floats) -> tuple[Floats, Floats]:
    """Return the means of log(value) and of 1 / value, NaN for columns with a value that is not positive."""
    log_mean, inverse_mean = np.full((2, len(ordered)), np.nan)
    positive = np.flatnonzero(low > 0)
    if len(positive):
        values = ordered[positive]
        log_mean[positive] = np.nansum(np.log(values), axis=1) / known[positive]
        inverse_mean[positive] = np.nansum(1 / values, axis=1) / known[positive]
    return log_mean, inverse_mean


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.where(denominator > 0, numerator, np.nan) / np.where(denominator > 0, denominator, 1.0)
