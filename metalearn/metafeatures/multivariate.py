"""Multivariate meta-features: how the numeric columns go together, and with the target.

Correlations and principal components of the standardised columns as in Bardenet et al., "Collaborative hyperparameter
tuning" (ICML 2013), and Feurer et al. (AAAI 2015); canonical correlations and the homogeneity of covariances as in
Michie, Spiegelhalter and Taylor, "Machine Learning, Neural and Statistical Classification" (1994), section 7.3.2; the
statistics of canonical correlations as in the multivariate analysis of variance (Mardia, Kent and Bibby 1979). The mean
stands for what is missing, and columns without a spread are left out.
"""

from collections.abc import Callable

import numpy as np

from metalearn.metafeatures.components import (
    MAX_COLUMNS,
    RANK_TOLERANCE,
    canonical_correlations,
    chosen,
    class_sums,
    classes_of,
    components,
    first_component,
    spread_of,
)
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Table, UnmeasuredError

_EXPLAINED = 0.95
# From here on a pair of columns counts as strongly correlated (Salama et al. 2013).
_STRONG = 0.5


def _pairs(table: Table) -> tuple[Floats, Floats, Floats]:
    """Return the correlations of the pairs of chosen columns, and the spreads of their first and second ones."""
    columns = table.shared(chosen)
    first, second = np.triu_indices(len(columns.spread), k=1)
    require(len(first) > 0, "constant" if table.numeric.shape[1] > 1 else "not_applicable")
    return np.abs(columns.correlations[first, second]), columns.spread[first], columns.spread[second]


def _covariances(table: Table) -> Floats:
    correlation, first, second = table.shared(_pairs)
    return np.asarray(correlation * first * second * (table.n_used / (table.n_used - 1)))


def _eigenvalues(table: Table) -> Floats:
    columns = table.shared(chosen)
    m, c = columns.values.shape
    largest = columns.spread.max()
    unit = columns.spread / largest
    scaled = columns.values * unit if c > m else None
    small = columns.correlations * np.outer(unit, unit) if scaled is None else scaled @ scaled.T / m
    eigenvalues = np.zeros(c)
    eigenvalues[: len(small)] = np.maximum(np.linalg.eigvalsh(small), 0.0)
    return np.asarray(eigenvalues * largest * largest * (m / (m - 1)))


def _share_of_components(table: Table) -> float:
    found = table.shared(components)
    explained = np.cumsum(found.eigenvalues) / found.eigenvalues.sum()
    return (np.count_nonzero(explained < _EXPLAINED) + 1) / len(found.axes)


def _first_moments(table: Table) -> tuple[float, float]:
    """Return skewness and excess kurtosis of the scores on the first principal component; a node to share."""
    scores = table.shared(first_component)
    squares = scores * scores
    m2, m3, m4 = (float(powers.mean()) for powers in (squares, squares * scores, squares * squares))
    return m3 / m2**1.5, m4 / m2**2 - 3


def _roots(table: Table) -> Floats:
    """Return the eigenvalues rho^2 / (1 - rho^2) that belong to the canonical correlations."""
    squares = table.shared(canonical_correlations) ** 2
    require(bool(squares[0] < 1 - RANK_TOLERANCE), "undefined")
    return np.asarray(squares / (1 - squares))


def _gravity(table: Table) -> float:
    sums, (_, sizes) = table.shared(class_sums), classes_of(table)
    largest = int(sizes.argmax())
    smallest = int(np.where((np.arange(len(sizes)) == largest) | (sizes == 0), sizes.max() + 1, sizes).argmin())
    distance = (sums[largest] / sizes[largest] - sums[smallest] / sizes[smallest]) * spread_of(table)
    scale = np.abs(distance).max()
    return float(scale * np.linalg.norm(distance / scale)) if scale > 0 else 0.0


def _sd_ratio(table: Table) -> float:
    classes, sizes = classes_of(table)
    values = table.shared(chosen).values
    (m, c), n_classes = values.shape, np.count_nonzero(sizes)
    require(bool(sizes[sizes > 0].min() > c), "too_few_rows")
    pooled, within, freedom = np.zeros((c, c)), 0.0, sizes[sizes > 0] - 1.0
    for code in np.flatnonzero(sizes):
        table.deadline.check()
        deviations = np.compress(classes == code, values.T, axis=1)
        deviations -= deviations.mean(axis=1, keepdims=True)
        scatter = deviations @ deviations.T
        pooled += scatter
        within += (sizes[code] - 1) * _log_determinant(scatter / (sizes[code] - 1))
    shrunk = (2 * c**2 + 3 * c - 1) / (6 * (c + 1) * (n_classes - 1))
    gamma = 1 - shrunk * (np.sum(1 / freedom) - 1 / (m - n_classes))
    between = (m - n_classes) * _log_determinant(pooled / (m - n_classes)) - within
    return float(np.exp(gamma * between / (c * (m - n_classes))))


def _log_determinant(covariance: Floats) -> float:
    """Return the logarithm of the determinant of the covariance (c, c) of standardised columns, if it is regular."""
    variance = np.diag(covariance)
    require(bool(variance.min() > RANK_TOLERANCE**2), "undefined")
    try:
        pivots = np.diag(np.linalg.cholesky(covariance / np.sqrt(np.outer(variance, variance))))
    except np.linalg.LinAlgError:
        raise UnmeasuredError("undefined") from None
    require(bool(pivots.min() ** 2 > RANK_TOLERANCE), "undefined")
    return float(np.log(variance).sum() + 2 * np.log(pivots).sum())


_AT_MOST = f"of at most {MAX_COLUMNS} random columns"
_MICHIE, _FEURER, _ALI = "Michie et al. 1994", "Feurer et al. 2015", "Ali and Smith-Miles 2006"
_PAIRS = "pairs of numeric columns that vary"
_RHO = "canonical correlations rho of the numeric columns with the class indicators, or the numeric target"


def _of_target(name: str, compute: Callable[[Table], float], formula: str, low_high: str, source: str) -> Measure:
    formula = f"{formula}; {_AT_MOST}"
    return Measure(name, compute, formula, low_high, source=source, needs_target=True, cost="n p^2")


MULTIVARIATE = Group(
    "multivariate",
    (
        Measure(
            "abs_correlation",
            lambda t: t.shared(_pairs)[0],
            f"|Pearson correlation|, the mean for missing values; {_AT_MOST}",
            "[0, 1]",
            source=_MICHIE,
            over=_PAIRS,
            cost="n p^2",
        ),
        Measure(
            "share_correlated_pairs",
            lambda t: float(np.mean(t.shared(_pairs)[0] >= _STRONG)),
            f"share of the {_PAIRS} with |Pearson correlation| >= {_STRONG}; {_AT_MOST}",
            "[0, 1]",
            source="Salama et al. 2013",
            cost="n p^2",
        ),
        Measure(
            "abs_covariance",
            _covariances,
            f"|covariance| (over the number of rows less one), the mean for missing values; {_AT_MOST}",
            "from 0",
            "the product of the columns' units",
            "Castiello et al. 2005",
            _PAIRS,
            cost="n p^2",
        ),
        Measure(
            "eigenvalue",
            _eigenvalues,
            f"eigenvalue of the covariance matrix of the numeric columns that vary; {_AT_MOST}",
            "from 0",
            "the columns' units, squared",
            _ALI,
            "eigenvalues",
            cost="n p^2",
        ),
        Measure(
            "pca_share_of_components_95",
            _share_of_components,
            "principal components of the standardised columns that explain 95 % of the variance / numeric columns that "
            f"vary; {_AT_MOST}",
            "(0, 1]",
            source="Bardenet et al. 2013",
            cost="n p^2",
        ),
        Measure(
            "pca_first_abs_skewness",
            lambda t: abs(t.shared(_first_moments)[0]),  # the sign of a component means nothing
            f"|g1| of the scores on the first principal component; {_AT_MOST}",
            "from 0",
            source=_FEURER,
            cost="n p^2",
        ),
        Measure(
            "pca_first_kurtosis",
            lambda t: t.shared(_first_moments)[1],
            f"g2 of the scores on the first principal component; {_AT_MOST}",
            "from -2",
            source=_FEURER,
            cost="n p^2",
        ),
        Measure(
            "canonical_correlation",
            lambda t: t.shared(canonical_correlations),
            f"rho; {_AT_MOST}",
            "[0, 1]",
            source=_MICHIE,
            over=_RHO,
            needs_target=True,
            cost="n p^2",
        ),
        _of_target(
            "n_discriminants",
            lambda t: float(len(t.shared(canonical_correlations))),
            f"number of {_RHO}: at most K - 1",
            "from 1",
            "Lindner and Studer 1999",
        ),
        _of_target(
            "wilks_lambda",
            lambda t: float(np.prod(1 - t.shared(canonical_correlations) ** 2)),
            f"Wilks' lambda, product of 1 - rho^2 over {_RHO}",
            "[0, 1]",
            "Lindner and Studer 1999",
        ),
        _of_target(
            "pillai_trace",
            lambda t: float(np.sum(t.shared(canonical_correlations) ** 2)),
            f"sum of rho^2 over {_RHO}",
            "0 to K - 1",
            "Pillai 1955",
        ),
        _of_target(
            "lawley_hotelling_trace",
            lambda t: float(_roots(t).sum()),
            f"sum of rho^2 / (1 - rho^2) over {_RHO}",
            "from 0",
            "Lawley 1938, Hotelling 1951",
        ),
        _of_target(
            "roy_root",
            lambda t: float(_roots(t)[0]),
            f"largest rho^2 / (1 - rho^2) over {_RHO}",
            "from 0",
            "Roy 1953",
        ),
        Measure(
            "gravity",
            _gravity,
            "Euclidean distance between the centroids of the largest and of the smallest other class, the mean for "
            "missing values",
            "from 0",
            "the columns' units",
            _ALI,
            needs_target=True,
        ),
        _of_target(
            "sd_ratio",
            _sd_ratio,
            "exp(M / (p (n - K))) with Box's M for equal covariances within the classes, with its correction gamma",
            "above 0",
            _MICHIE,
        ),
    ),
)
