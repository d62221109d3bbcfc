"""Multivariate meta-features: how the numeric columns go together, and with the target.

Correlations and principal components of the standardised columns as in Bardenet et al., "Collaborative hyperparameter
tuning" (ICML 2013), and Feurer et al. (AAAI 2015); the first canonical correlation as in Michie et al. (1994). The
mean stands for what is missing, and columns without a spread are left out.
"""

import numpy as np

from metalearn.metafeatures.columns import Columns, power_sums
from metalearn.metafeatures.groups import Group, Measured, Reason, summarised, summary_names
from metalearn.metafeatures.table import Floats, Integers, Table, centred, counts

_PAIRS = ("abs_correlation", "abs_covariance")
_COMPONENTS = ("pca_share_of_components_95", "pca_first_abs_skewness", "pca_first_kurtosis")

_EXPLAINED = 0.95
# Components with less of the largest one's variance are rounding errors.
_RANK_TOLERANCE = 1e-10
# Of wider tables so many random columns stand for all: the cost grows with the square or cube of their number.
_MAX_COLUMNS = 1000


def measure(table: Table, rng: np.random.Generator) -> Measured:
    """Return the multivariate meta-features of a table; ``rng`` draws columns where there are more than 1000.

    >>> numbers, none = np.array([[0.0, 1.0], [1.0, 3.0], [5.0, 11.0]]), np.empty((3, 0), dtype=np.int64)
    >>> table = Table(("numeric",) * 2, np.zeros(2, dtype=int), 0, numbers, none, None, np.array([1.0, 0.0, 1.0]))
    >>> values = measure(table, np.random.default_rng(0))
    >>> values["abs_correlation_min"], values["pca_share_of_components_95"], round(values["canonical_correlation"], 3)
    (1.0, 0.5, 0.327)
    """
    if table.numeric.shape[1] == 0:
        return dict.fromkeys(MULTIVARIATE.names, "not_applicable")
    columns = Columns(table)
    chosen = _chosen(columns, rng)
    if len(chosen) == 0:
        return dict.fromkeys(MULTIVARIATE.names, "constant")
    standardized, sd = columns.standardized(chosen), (columns.spread * columns.width)[chosen]
    eigenvalues, scores = _principal_components(standardized)
    return {
        **_pairs(standardized, sd, "constant" if len(columns.varies) > 1 else "not_applicable"),
        **_components(eigenvalues, scores[:, 0], len(chosen)),
        "canonical_correlation": _canonical_correlation(table, scores),
    }


def _chosen(columns: Columns, rng: np.random.Generator) -> Integers:
    varying = np.flatnonzero(columns.varies)
    return varying if len(varying) <= _MAX_COLUMNS else rng.choice(varying, _MAX_COLUMNS, replace=False)


def _pairs(standardized: Floats, sd: Floats, reason: Reason) -> dict[str, float | Reason]:
    first, second = np.triu_indices(len(sd), k=1)
    correlation = np.minimum(np.abs(standardized.T @ standardized / len(standardized))[first, second], 1.0)
    covariance = correlation * sd[first] * sd[second]
    return {
        **summarised("abs_correlation", correlation, reason),
        **summarised("abs_covariance", covariance, "undefined" if len(covariance) else reason),
    }


def _principal_components(standardized: Floats) -> tuple[Floats, Floats]:
    """Return the eigenvalues (r,) of the correlation matrix, largest first, and orthonormal scores (n, r)."""
    n, q = standardized.shape
    small = standardized.T @ standardized if q <= n else standardized @ standardized.T
    eigenvalues, vectors = np.linalg.eigh(small / n)
    kept = np.flatnonzero(eigenvalues > _RANK_TOLERANCE * eigenvalues[-1])[::-1]
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    return eigenvalues, standardized @ (vectors / np.sqrt(n * eigenvalues)) if q <= n else vectors


def _components(eigenvalues: Floats, first: Floats, n_columns: int) -> dict[str, float]:
    explained = np.cumsum(eigenvalues) / eigenvalues.sum()
    needed = int(np.count_nonzero(explained < _EXPLAINED)) + 1
    second, third, fourth = (float(power_sums(first[:, None], order)[0]) for order in (2, 3, 4))
    n = len(first)
    return {
        "pca_share_of_components_95": needed / n_columns,
        "pca_first_abs_skewness": abs(third) / n / (second / n) ** 1.5,  # the sign of a component means nothing
        "pca_first_kurtosis": fourth / n / (second / n) ** 2 - 3,
    }


def _canonical_correlation(table: Table, scores: Floats) -> float | Reason:
    """Return the largest correlation of a linear combination of columns with one of class indicators, or the target."""
    if scores.shape[1] >= table.n_rows - 1:
        return "too_few_rows"  # so many components fit any target
    if table.classes is None:
        products = _target_products(table.target, scores)
    else:
        products = _class_products(table.classes, scores)
    return min(float(np.linalg.norm(products, ord=2)), 1.0) if np.isfinite(products).all() else "constant"


def _class_products(classes: Integers, scores: Floats) -> Floats:
    """Return the products (K, r) of the scores with indicators of K classes, scaled to length 1."""
    sizes = counts(classes)
    by_class = scores[np.argsort(classes, kind="stable")]
    return np.asarray(np.add.reduceat(by_class, np.cumsum(sizes) - sizes, axis=0) / np.sqrt(sizes)[:, None])


def _target_products(target: Floats, scores: Floats) -> Floats:
    distances = centred(target)
    return np.asarray(distances / np.linalg.norm(distances) @ scores)[None]


MULTIVARIATE = Group("multivariate", (*summary_names(_PAIRS), *_COMPONENTS, "canonical_correlation"), measure)
