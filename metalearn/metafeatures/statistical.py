"""Statistical meta-features: where the values of the numeric columns lie, how they spread, and in what shape.

Definitions as in Michie, Spiegelhalter and Taylor, "Machine Learning, Neural and Statistical Classification" (1994),
and Rivolli et al., "Meta-features for meta-learning" (2022). Skewness and kurtosis are the moment ratios g1 and g2
(excess), of the columns that have a spread.
"""

import numpy as np

from metalearn.metafeatures.columns import FENCE, TRIM, Columns, columns_of
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Table

# Makes the median distance from the median an estimate of a normal distribution's standard deviation.
_MAD_TO_SD = 1.4826
# The usual rule of thumb for "highly skewed".
_SKEWED = 1.0
# A mean that is this small beside the largest value is a rounded zero, which must not be divided by.
_ZERO_MEAN = 1e-10
# The 95 % quantile of chi-squared with two degrees of freedom: -2 ln(0.05).
_NORMAL_BELOW = 5.991464547107979
# With fewer values the test's approximation does not hold.
_MIN_FOR_NORMAL = 20


def _geometric_mean(columns: Columns) -> Floats:
    return np.where(columns.low == 0, 0.0, np.exp(columns.log_mean))


def _coefficient_of_variation(columns: Columns) -> Floats:
    largest = np.maximum(np.abs(columns.low), np.abs(columns.high))
    mean = np.abs(columns.mean)
    return columns.sd / np.where(mean > _ZERO_MEAN * largest, mean, np.nan)


def _sparsity(columns: Columns) -> Floats:
    return (columns.known / columns.distinct - 1) / np.where(columns.known > 1, columns.known - 1, np.nan)


def _share_skewed(table: Table) -> float:
    columns = table.shared(columns_of)
    require(bool(columns.varies.any()), "constant")
    return float(np.mean(np.abs(columns.skewness[columns.varies]) > _SKEWED))


def _share_zeros(table: Table) -> float:
    columns = table.shared(columns_of)
    return float(columns.zeros.sum() / columns.known.sum())


def _n_with_outliers(table: Table) -> float:
    return float(np.count_nonzero(table.shared(columns_of).outliers))


def _n_normal(table: Table) -> float:
    columns = table.shared(columns_of)
    tested = columns.varies & (columns.known >= _MIN_FOR_NORMAL)
    require(bool(tested.any()), "too_few_rows" if columns.varies.any() else "constant")
    return float(np.count_nonzero(normality(columns)[tested] < _NORMAL_BELOW))


def normality(columns: Columns) -> Floats:
    """Return D'Agostino and Pearson's K2 (q,) of the columns: chi-squared with 2 degrees of freedom if normal.

    Source: D'Agostino, Belanger and D'Agostino, "A suggestion for using powerful and informative tests of normality",
    The American Statistician 44 (1990).
    """
    return _skewness_score(columns) ** 2 + _kurtosis_score(columns) ** 2


def _skewness_score(columns: Columns) -> Floats:
    n = columns.known
    y = columns.skewness * np.sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
    beta2 = 3 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w2 = np.sqrt(2 * (beta2 - 1)) - 1
    return np.asarray(np.arcsinh(y / np.sqrt(2 / (w2 - 1))) / np.sqrt(np.log(w2) / 2))


def _kurtosis_score(columns: Columns) -> Floats:
    n = columns.known
    mean = 3 * (n - 1) / (n + 1)
    variance = 24 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    x = (columns.kurtosis + 3 - mean) / np.sqrt(variance)
    beta1 = 6 * (n**2 - 5 * n + 2) / ((n + 7) * (n + 9)) * np.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    a = 6 + 8 / beta1 * (2 / beta1 + np.sqrt(1 + 4 / beta1**2))
    cube = np.cbrt((1 - 2 / a) / (1 + x * np.sqrt(2 / (a - 4))))
    return np.asarray((1 - 2 / (9 * a) - cube) / np.sqrt(2 / (9 * a)))


_MICHIE, _RIVOLLI = "Michie et al. 1994", "Rivolli et al. 2022"
_OWN = "the column's own"
_COLUMNS = "numeric columns"
_VARYING = "numeric columns that vary"

STATISTICAL = Group(
    "statistical",
    (
        Measure("mean", lambda t: t.shared(columns_of).mean, "mean", unit=_OWN, source=_MICHIE, over=_COLUMNS),
        Measure(
            "sd",
            lambda t: t.shared(columns_of).sd,
            "standard deviation (over the number of values less one)",
            "from 0",
            _OWN,
            _MICHIE,
            _COLUMNS,
            empty="too_few_rows",
        ),
        Measure(
            "variance",
            lambda t: t.shared(columns_of).variance,
            "sd^2",
            "from 0",
            "the column's own, squared",
            _RIVOLLI,
            _COLUMNS,
            empty="too_few_rows",
        ),
        Measure("min", lambda t: t.shared(columns_of).low, "smallest value", unit=_OWN, source=_RIVOLLI, over=_COLUMNS),
        Measure("max", lambda t: t.shared(columns_of).high, "largest value", unit=_OWN, source=_RIVOLLI, over=_COLUMNS),
        Measure("range", lambda t: t.shared(columns_of).width, "max - min", "from 0", _OWN, _RIVOLLI, _COLUMNS),
        Measure(
            "median",
            lambda t: t.shared(columns_of).median,
            "median",
            unit=_OWN,
            source=_RIVOLLI,
            over=_COLUMNS,
            cost="n log(n) p",
        ),
        Measure(
            "iqr",
            lambda t: t.shared(columns_of).q75 - t.shared(columns_of).q25,
            "upper quartile - lower quartile (linear between the nearest values)",
            "from 0",
            _OWN,
            _RIVOLLI,
            _COLUMNS,
            cost="n log(n) p",
        ),
        Measure(
            "mad",
            lambda t: _MAD_TO_SD * t.shared(columns_of).mad,
            f"{_MAD_TO_SD} x median distance from the median",
            "from 0",
            _OWN,
            _RIVOLLI,
            _COLUMNS,
            cost="n log(n) p",
        ),
        Measure(
            "trimmed_mean",
            lambda t: t.shared(columns_of).trimmed_mean,
            f"mean without the smallest and largest {TRIM:.0%} of the values",
            unit=_OWN,
            source="Engels and Theusinger 1998",
            over=_COLUMNS,
            cost="n log(n) p",
        ),
        Measure(
            "geometric_mean",
            lambda t: _geometric_mean(t.shared(columns_of)),
            "exp(mean of ln(value)); 0 where a value is 0; left out where one is negative",
            "from 0",
            _OWN,
            "Ali and Smith-Miles 2006",
            _COLUMNS,
        ),
        Measure(
            "harmonic_mean",
            lambda t: np.where(t.shared(columns_of).low == 0, 0.0, 1 / t.shared(columns_of).inverse_mean),
            "1 / mean of 1 / value; 0 where a value is 0; left out where one is negative",
            "from 0",
            _OWN,
            "Ali and Smith-Miles 2006",
            _COLUMNS,
        ),
        Measure(
            "coefficient_of_variation",
            lambda t: _coefficient_of_variation(t.shared(columns_of)),
            "sd / |mean|; left out where the mean is zero",
            "from 0",
            source=_MICHIE,
            over=_COLUMNS,
        ),
        Measure(
            "outlier_share",
            lambda t: t.shared(columns_of).outliers / t.shared(columns_of).known,
            f"share of values more than {FENCE} interquartile ranges outside the quartiles",
            "[0, 1]",
            source="Tukey 1977",
            over=_COLUMNS,
            cost="n log(n) p",
        ),
        Measure(
            "sparsity",
            lambda t: _sparsity(t.shared(columns_of)),
            "(number of values / number of distinct values - 1) / (number of values - 1)",
            "[0, 1]",
            source="Salama et al. 2013",
            over=_COLUMNS,
            cost="n log(n) p",
            empty="too_few_rows",
        ),
        Measure(
            "skewness",
            lambda t: t.shared(columns_of).skewness,
            "m3 / m2^1.5 with the central moments m2 and m3",
            source=_MICHIE,
            over=_VARYING,
            empty="constant",
        ),
        Measure(
            "kurtosis",
            lambda t: t.shared(columns_of).kurtosis,
            "m4 / m2^2 - 3 with the central moments m2 and m4",
            "from -2",
            source=_MICHIE,
            over=_VARYING,
            empty="constant",
        ),
        Measure("share_skewed", _share_skewed, "share of the numeric columns that vary with |g1| > 1", "[0, 1]"),
        Measure("share_zeros", _share_zeros, "share of zeros among the values of numeric columns", "[0, 1]"),
        Measure(
            "n_columns_with_outliers",
            _n_with_outliers,
            f"numeric columns with a value more than {FENCE} interquartile ranges outside the quartiles",
            "from 0",
            "columns",
            "Kopf and Iglezakis 2002",
            cost="n log(n) p",
        ),
        Measure(
            "n_normal_columns",
            _n_normal,
            "numeric columns that vary, of 20 values or more, that D'Agostino and Pearson's test takes for normal",
            "from 0",
            "columns",
            "Kopf et al. 2000",
        ),
    ),
)
