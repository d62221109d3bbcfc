"""Statistical meta-features: the shape of the numeric columns, how they go together, and their principal components.

Definitions as in Michie, Spiegelhalter and Taylor, "Machine Learning, Neural and Statistical Classification" (1994),
and Rivolli et al., "Meta-features for meta-learning" (2022). Skewness and kurtosis are the moment ratios g1 and g2
(excess). What needs a spread leaves out the columns that have none; correlations and components take the mean for
what is missing.
"""

from collections.abc import Mapping

import numpy as np

from metalearn.metafeatures.columns import Columns, power_sums
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
_PAIRS = ("abs_correlation", "abs_covariance")
_COMPONENTS = ("pca_share_of_components_95", "pca_first_abs_skewness", "pca_first_kurtosis", "canonical_correlation")

# Tukey's fences (Exploratory Data Analysis, 1977).
_FENCE = 1.5
# The usual rule of thumb for "highly skewed".
_SKEWED = 1.0
# A mean that is this small beside the largest value is a rounded zero, which must not be divided by.
_ZERO_MEAN = 1e-10
# Of wider tables this many random columns stand for all where the cost grows with the square of their number.
_MAX_COLUMNS = 1000
_EXPLAINED = 0.95
# Components with less of the largest one's variance are rounding errors.
_RANK_TOLERANCE = 1e-10


def measure(table: Table, rng: np.random.Generator) -> Measured:
    """Return the statistical meta-features of a table; ``rng`` draws columns where there are more than 1000.

    >>> numbers, none = np.array([[0.0, 1.0], [1.0, 3.0], [5.0, 11.0]]), np.empty((3, 0), dtype=np.int64)
    >>> table = Table(("numeric",) * 2, np.zeros(2, dtype=int), 0, numbers, none, None, np.zeros(3))
    >>> values = measure(table, rng)
    >>> values["median_max"], values["abs_correlation_min"], values["sparsity"]
    (3.0, 1.0, 0.16666666666666666)
    """
    if table.numeric.shape[1] == 0:
        return dict.fromkeys(STATISTICAL.names, "not_applicable")
    columns = Columns(table)
    chosen = _chosen(columns, rng)
    measured = {**_per_column(columns), "sparsity": float((table.numeric == 0).sum() / table.known.sum())}
    return {**measured, **_pairs(columns, chosen), **_components(columns, chosen)}


def _per_column(columns: Columns) -> dict[str, float | Reason]:
    skewness = _ratio(columns.moment(3), columns.moment(2) ** 1.5)
    measures = {
        "mean": columns.mean,
        "sd": columns.sd,
        "min": columns.low,
        "max": columns.high,
        "median": columns.quantile(0.5),
        "iqr": columns.quantile(0.75) - columns.quantile(0.25),
        "mad": columns.median_distance(),
        "coefficient_of_variation": _coefficient_of_variation(columns),
        "outlier_share": _outlier_share(columns),
        "skewness": skewness,
        "kurtosis": _ratio(columns.moment(4), columns.moment(2) ** 2) - 3,
    }
    measured: dict[str, float | Reason] = {}
    for name, values in measures.items():
        measured |= summarised(name, values, "constant" if name in _NEED_SPREAD else "undefined")
    known = np.isfinite(skewness)
    measured["share_skewed"] = float(np.mean(np.abs(skewness[known]) > _SKEWED)) if known.any() else "constant"
    return measured


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


def _chosen(columns: Columns, rng: np.random.Generator) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return which columns stand for all in what follows: those with a spread, or some of them."""
    varying = np.flatnonzero(columns.varies)
    return varying if len(varying) <= _MAX_COLUMNS else rng.choice(varying, _MAX_COLUMNS, replace=False)


def _standardized(columns: Columns, chosen: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Floats:
    ...
