"""Time-order meta-features: of rows that follow each other in time, what carries over, drifts, and comes again.

Rows are ordered by the column that the dataset names (``Dataset.order``), else by its only date column if that is
sorted already; other tables have no order. Rows without a time are left out, missing numbers are their column's mean.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from metalearn.metafeatures.columns import columns_of, standardized
from metalearn.metafeatures.measures import Cost, Group, Measure, require
from metalearn.metafeatures.table import Floats, Integers, Table, UnmeasuredError, blocks, centred, counts

# With fewer rows a half is no period and a spectrum has no peak.
MIN_ROWS = 8
# A spectrum of more rows would cost more than all the rest.
MAX_ROWS = 100_000
# What is left of a straight line, of its squares, by rounding.
_ROUNDING = 1e-20
# Gaps that differ by less, as a share of the largest, are the same.
_SAME_GAP = 1e-6


@dataclass(frozen=True)
class Order:
    """The m rows that have a time, in its order (m,), and the times as numbers (m,): None where they are words."""

    rows: Integers
    times: Floats | None


@dataclass(frozen=True)
class Series:
    """The c numeric columns that vary, as series in time, one entry (c,) each; NaN where one is constant."""

    autocorrelation: Floats
    trend: Floats
    drift: Floats
    seasonality: Floats
    turning_points: Floats


def order_of(table: Table) -> Order:
    """Return the order of the rows in time; a node to share.

    Raises:
        UnmeasuredError: when the table has none, its times are all one, or fewer than 8 rows have a time.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X = pd.DataFrame({"day": [3.0, None, 1.0, 2.0, 5.0, 4.0, 8.0, 7.0, 6.0]})
    >>> dataset = Dataset(X, pd.Series(range(9)), "tiny", ("numeric",), "", order="day")
    >>> Table.of(dataset).shared(order_of).rows
    array([2, 3, 0, 5, 4, 8, 7, 6])
    """
    position = _time_column(table)
    column, kind = table.X.iloc[:, position], table.kinds[position]
    known = np.flatnonzero(column.notna().to_numpy())
    require(len(known) >= MIN_ROWS, "too_few_rows")
    values = column.iloc[known]
    keys = values.cat.codes.to_numpy() if kind == "nominal" else values.to_numpy()
    order = np.argsort(keys, kind="stable")
    rows, keys = known[order], keys[order]
    require(keys[0] != keys[-1], "constant")
    if kind == "date":
        keys = keys.astype("datetime64[us]").astype(np.int64)
        keys -= keys[0]
    return Order(rows, keys.astype(np.float64) if kind in ("numeric", "date") else None)


def _time_column(table: Table) -> int:
    names = list(table.X.columns)
    if table.order in names:
        return names.index(table.order)
    dates = [i for i, kind in enumerate(table.kinds) if kind == "date"]
    require(len(dates) == 1, "not_applicable")
    times = table.X.iloc[:, dates[0]].dropna()
    require(times.is_monotonic_increasing or times.is_monotonic_decreasing, "not_applicable")
    return dates[0]


def series_of(table: Table) -> Series:
    """Describe the numeric columns, but the one that orders, as series in time; a node to share.

    Raises:
        UnmeasuredError: when the rows have no order, or no numeric column varies.
    """
    rows = table.shared(order_of).rows
    values = table.shared(standardized)[:, _in_time(table)]
    require(values.shape[1] > 0, "not_applicable")
    parts = []
    for block in blocks(len(rows), values.shape[1]):
        table.deadline.check()
        parts.append(_described(values[rows, block].T))
    return Series(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Series)))


def target_series_of(table: Table) -> Series:
    """Describe a numeric target as a series in time (1,); a node to share.

    Raises:
        UnmeasuredError: when the rows have no order, or the target is not numeric.
    """
    rows = table.shared(order_of).rows
    require(table.classes is None, "not_applicable")
    return _described(centred(table.target[rows])[None])


def _in_time(table: Table) -> slice | Integers:
    """Return the positions, among the numeric columns that vary, of those that do not themselves order the rows."""
    X, varies = table.X, table.shared(columns_of).varies
    if table.order is None or table.order not in X or table.kinds[X.columns.get_loc(table.order)] != "numeric":
        return slice(None)
    known = [name for name, kind in zip(X, table.kinds, strict=True) if kind == "numeric" and X[name].notna().any()]
    return np.flatnonzero(np.flatnonzero(varies) != known.index(table.order))


def _described(values: Floats) -> Series:
    """Describe series, given as rows (b, m)."""
    values = values - values.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("ij,ij->i", values, values))
    values /= np.where(np.ptp(values, axis=1) > 0, norm, np.nan)[:, None]
    m = values.shape[1]
    steps = np.sign(np.diff(values, axis=1))
    return Series(
        autocorrelation=np.einsum("ij,ij->i", values[:, 1:], values[:, :-1]),
        trend=values @ _clock(m),
        drift=np.abs(values[:, -(m // 2) :].mean(axis=1) - values[:, : m // 2].mean(axis=1)) * np.sqrt(m),
        seasonality=_seasonality(values[:, -MAX_ROWS:]),
        turning_points=np.where(np.isnan(values[:, 0]), np.nan, np.mean(steps[:, 1:] * steps[:, :-1] < 0, axis=1)),
    )


def _clock(m: int) -> Floats:
    """Return the row numbers (m,), with mean 0 and length 1."""
    centred_numbers = np.arange(m) - (m - 1) / 2
    return np.asarray(centred_numbers / np.linalg.norm(centred_numbers))


def _seasonality(values: Floats) -> Floats:
    """Return Fisher's g of series (b, m) less their linear trends; NaN where nothing is left."""
    clock = _clock(values.shape[1])
    values = values - values.mean(axis=1, keepdims=True)
    length = np.einsum("ij,ij->i", values, values)
    values -= (values @ clock)[:, None] * clock
    left = np.einsum("ij,ij->i", values, values)
    power = np.abs(fft.rfft(values, axis=1)[:, 1:]) ** 2
    return np.where(left > _ROUNDING * length, power.max(axis=1) / power.sum(axis=1), np.nan)


def _target_autocorrelation(table: Table) -> float:
    if table.classes is None:
        return float(table.shared(target_series_of).autocorrelation[0])
    classes = _ordered_classes(table)
    chance = float(np.sum((counts(classes) / len(classes)) ** 2))
    return (float(np.mean(classes[1:] == classes[:-1])) - chance) / (1 - chance)


def _target_trend(table: Table) -> float:
    if table.classes is None:
        return float(table.shared(target_series_of).trend[0])
    classes = _ordered_classes(table)
    sums, sizes = np.bincount(classes, weights=_clock(len(classes))), np.bincount(classes)
    return float(np.sqrt(np.sum(sums[sizes > 0] ** 2 / sizes[sizes > 0])))


def _target_drift(table: Table) -> float:
    if table.classes is None:
        return float(table.shared(target_series_of).drift[0])
    return _distance_of_halves(_ordered_classes(table))


def _ordered_classes(table: Table) -> Integers:
    rows = table.shared(order_of).rows
    require(table.classes is not None, "not_applicable")
    classes = np.asarray(table.classes)[rows]
    require(bool(np.any(classes != classes[0])), "constant")
    return classes


def _nominal_drift(table: Table) -> Floats:
    rows = table.shared(order_of).rows
    require(table.nominal.shape[1] > 0, "not_applicable")
    distances = np.empty(table.nominal.shape[1])
    for i in range(len(distances)):
        table.deadline.check()
        distances[i] = _distance_of_halves(table.nominal[rows, i] + 1)
    return distances


def _distance_of_halves(codes: NDArray[np.integer]) -> float:
    """Return the total variation distance of the shares of codes 0, 1, ... between the earlier and later half."""
    half, n_codes = len(codes) // 2, int(codes.max()) + 1
    earlier, later = (np.bincount(part, minlength=n_codes) for part in (codes[:half], codes[-half:]))
    return float(np.abs(later - earlier).sum() / (2 * half))


def _gaps(table: Table) -> Floats:
    times = table.shared(order_of).times
    if times is None:
        raise UnmeasuredError("not_applicable")
    return np.diff(times / np.abs(times).max())  # differences of huge times overflow


def _spacing_variation(table: Table) -> float:
    gaps = _gaps(table)
    return float(gaps.std() / gaps.mean())


def _share_regular(table: Table) -> float:
    gaps = _gaps(table)
    return float(np.unique(np.round(gaps / gaps.max() / _SAME_GAP), return_counts=True)[1].max() / len(gaps))


_SORTED: Cost = "n log(n) p"
_GAPS = "gaps between successive times"


def _of_columns(name: str, formula: str, low_high: str, source: str = "metalearn") -> Measure:
    return Measure(
        f"time_{name}",
        lambda table: getattr(table.shared(series_of), name),
        formula,
        low_high,
        source=source,
        over="numeric columns that vary, the one that orders left out",
        cost=_SORTED,
        empty="constant",
    )


def _of_target(name: str, compute: Callable[[Table], float], formula: str, source: str) -> Measure:
    low_high = "[0, 2]" if name == "drift" else "[-1, 1]"
    return Measure(f"time_target_{name}", compute, formula, low_high, "", source, needs_target=True, cost=_SORTED)


TIME_ORDER = Group(
    "time_order",
    (
        _of_columns(
            "autocorrelation", "r1 = sum of z_t z_(t+1) / sum of z_t^2, z = x - mean", "[-1, 1]", "Box and Jenkins 1970"
        ),
        _of_columns("trend", "Pearson's correlation with the row number", "[-1, 1]"),
        _of_columns(
            "drift",
            "|mean of the later half - mean of the earlier half| / standard deviation (over the number of values)",
            "[0, 2]",
            "Cohen 1988",
        ),
        _of_columns(
            "seasonality",
            f"g: the largest share of the periodogram, the linear trend taken away (of the last {MAX_ROWS:,} rows)",
            "(0, 1]",
            "Fisher 1929",
        ),
        _of_columns(
            "turning_points",
            "share of the values, but the first and last, that are above or below both neighbours; 2/3 if random",
            "[0, 1]",
            "Kendall 1973",
        ),
        Measure(
            "time_nominal_drift",
            _nominal_drift,
            "half the sum of |share in the later half - share in the earlier half| over the values, missing as one",
            "[0, 1]",
            source="total variation distance",
            over="nominal columns",
        ),
        _of_target(
            "autocorrelation",
            _target_autocorrelation,
            "r1 of a numeric target; of classes (s - c) / (1 - c), s the share of rows in the "
            "class of the row before and c the sum of the classes' squared shares",
            "Box and Jenkins 1970; Cohen 1960",
        ),
        _of_target(
            "trend",
            _target_trend,
            "Pearson's correlation of a numeric target with the row number; of classes the correlation ratio eta",
            "Pearson 1905",
        ),
        _of_target(
            "drift", _target_drift, "time_drift of a numeric target; time_nominal_drift of classes", "Cohen 1988"
        ),
        Measure("time_spacing_variation", _spacing_variation, f"sd / mean of the {_GAPS}", "from 0", cost=_SORTED),
        Measure(
            "time_share_regular",
            _share_regular,
            f"share of the {_GAPS} that are the most frequent one (to a millionth of the largest)",
            "(0, 1]",
            cost=_SORTED,
        ),
    ),
)
