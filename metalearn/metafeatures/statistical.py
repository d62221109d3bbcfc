"""Statistical meta-features: where the values of the numeric columns lie, how they spread, and in what shape.

Definitions as in Michie, Spiegelhalter and Taylor, "Machine Learning, Neural and Statistical Classification" (1994),
and Rivolli et al., "Meta-features for meta-learning" (2022). Skewness and kurtosis are the moment ratios g1 and g2
(excess), of the columns that have a spread.
"""

import numpy as np

from metalearn.metafeatures.columns import Columns
from metalearn.metafeatures.groups import Group, Measured, Reason, summarised, summary_names
from metalearn.metafeatures.table import Floats, Table

_PER_COLUMN = (
    "mean",
    "sd",
    "min",
    "max",
    "median",
    "iqr",
    "mad",
    "coefficient_of_variation",
    "outlier_share",
    "skewness",
    "kurtosis",
)
_NEED_SPREAD = ("skewness", "kurtosis")
_SHARES = ("share_skewed", "sparsity")

# Tukey's fences (Exploratory Data Analysis, 1977).
_FENCE = 1.5
# The usual rule of thumb for "highly skewed".
_SKEWED = 1.0
# A mean that is this small beside the largest value is a rounded zero, which must not be divided by.
_ZERO_MEAN = 1e-10


def measure(table: Table, rng: np.random.Generator) -> Measured:
    """Return the statistical meta-features of a table; nothing is random.

    >>> numbers, none = np.array([[0.0, 1.0], [1.0, 3.0], [5.0, 11.0]]), np.empty((3, 0), dtype=np.int64)
    >>> table = Table(("numeric",) * 2, np.zeros(2, dtype=int), 0, numbers, none, None, np.zeros(3))
    >>> values = measure(table, np.random.default_rng(0))
    >>> values["median_max"], values["iqr_min"], round(values["sparsity"], 3)
    (3.0, 2.5, 0.167)
    """
    del rng
    if table.numeric.shape[1] == 0:
        return dict.fromkeys(STATISTICAL.names, "not_applicable")
    columns = Columns(table)
    per_column = _per_column(columns)
    measured: dict[str, float | Reason] = {}
    for name, values in per_column.items():
        measured |= summarised(name, values, "constant" if name in _NEED_SPREAD else "undefined")
    skewness = per_column["skewness"][columns.varies]
    zeros = np.count_nonzero(table.numeric == 0) / table.known.sum()
    return {
        **measured,
        "share_skewed": float(np.mean(np.abs(skewness) > _SKEWED)) if len(skewness) else "constant",
        "sparsity": float(zeros),
    }


def _per_column(columns: Columns) -> dict[str, Floats]:
    variance = columns.moment(2)
    return {
        "mean": columns.mean,
        "sd": columns.sd,
        "min": columns.low,
        "max": columns.high,
        "median": columns.quantile(0.5),
        "iqr": columns.quantile(0.75) - columns.quantile(0.25),
        "mad": columns.median_distance(),
        "coefficient_of_variation": _coefficient_of_variation(columns),
        "outlier_share": _outlier_share(columns),
        "skewness": _ratio(columns.moment(3), variance**1.5),
        "kurtosis": _ratio(columns.moment(4), variance**2) - 3,
    }


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.where(denominator > 0, numerator, np.nan) / np.where(denominator > 0, denominator, 1.0)


def _coefficient_of_variation(columns: Columns) -> Floats:
    largest = np.maximum(np.abs(columns.low), np.abs(columns.high))
    mean = np.abs(columns.mean)
    return _ratio(columns.sd, np.where(mean > _ZERO_MEAN * largest, mean, 0.0))


def _outlier_share(columns: Columns) -> Floats:
    low, high = columns.quantile(0.25), columns.quantile(0.75)
    margin = _FENCE * (high - low)
    outside = (columns.table.numeric < low - margin) | (columns.table.numeric > high + margin)
    return np.asarray(outside.sum(axis=0) / columns.table.known)


STATISTICAL = Group("statistical", (*summary_names(_PER_COLUMN), *_SHARES), measure)
