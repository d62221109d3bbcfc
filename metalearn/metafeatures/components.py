"""Principal components of the numeric columns, and canonical correlations with the target: nodes to share.

Columns are standardised, the mean stands for what is missing, and columns without a spread are left out. Of more than
1000 columns as many random ones stand for all: the cost grows with the square or cube of their number.
"""

from dataclasses import dataclass

import numpy as np

from metalearn.metafeatures.columns import columns_of, standardized
from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Floats, Integers, Table, centred

MAX_COLUMNS = 1000
# Components with less of the largest one's variance, and what others leave of a column, are rounding errors.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Chosen:
    """The c columns that are compared: numbers ``columns`` (c,) among those that vary, ``values`` (m, c) standardised.

    ``correlations`` (c, c) are those between them, ``spread`` (c,) the standard deviations over m in their own units.
    """

    columns: Integers
    values: Floats
    correlations: Floats
    spread: Floats


@dataclass(frozen=True)
class Components:
    """The r principal components of standardised columns, the largest first: ``eigenvalues`` (r,), ``axes`` (c, r)."""

    eigenvalues: Floats
    axes: Floats


def chosen(table: Table) -> Chosen:
    """Return at most 1000 random columns of those that vary; a node to share.

    Raises:
        UnmeasuredError: without numeric columns, or when none varies.
    """
    values, spread = table.shared(standardized), spread_of(table)
    columns = np.arange(len(spread))
    if len(columns) > MAX_COLUMNS:
        columns = np.sort(table.rng("columns").choice(columns, MAX_COLUMNS, replace=False))
        values, spread = np.asfortranarray(values[:, columns]), spread[columns]
    correlations = np.clip(values.T @ values / len(values), -1.0, 1.0)
    return Chosen(columns, values, correlations, spread)


def components(table: Table) -> Components:
    """Return the principal components of the chosen columns; a node to share."""
    from scipy import linalg  # its default driver does without threads, which would wait where all cores are busy

    columns = table.shared(chosen)
    m, c = columns.values.shape
    wide = c > m
    small = columns.values @ columns.values.T / m if wide else columns.correlations
    eigenvalues, vectors = linalg.eigh(small)
    kept = np.flatnonzero(eigenvalues > RANK_TOLERANCE * eigenvalues[-1])[::-1]
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    return Components(eigenvalues, columns.values.T @ (vectors / np.sqrt(m * eigenvalues)) if wide else vectors)


def first_component(table: Table) -> Floats:
    """Return the scores (m,) on the first principal component, with mean 0; a node to share."""
    return np.asarray(table.shared(chosen).values @ table.shared(components).axes[:, 0])


def class_sums(table: Table) -> Floats:
    """Return the sums (K, v) of the standardised columns that vary over the rows of each class; a node to share.

    Raises:
        UnmeasuredError: for a regression, with a single class, or without numeric columns that vary.
    """
    classes, sizes = classes_of(table)
    values = table.shared(standardized)
    sums = np.empty((len(sizes), values.shape[1]))
    for i in range(values.shape[1]):
        table.deadline.check()
        sums[:, i] = np.bincount(classes, weights=values[:, i])
    return sums


def canonical_correlations(table: Table) -> Floats:
    """Return the canonical correlations of columns with class indicators (d,), the largest first; a node to share.

    There are d = min(K - 1, r) for K classes and r principal components, and one with a numeric target: the multiple
    correlation. They are the singular values of the products of orthonormal bases: Björck and Golub, "Numerical
    methods for computing angles between linear subspaces" (Mathematics of Computation 27, 1973).

    Raises:
        UnmeasuredError: without columns or a target that vary, or with so many components that they fit any target.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X, y = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 4.0]}), pd.Series([1.0, 0.0, 3.0, 2.0, 4.0])
    >>> Table.of(Dataset(X, y, "tiny", ("numeric",), "")).shared(canonical_correlations).round(9)
    array([0.8])
    """
    columns, found = table.shared(chosen), table.shared(components)
    m, r = len(columns.values), len(found.eigenvalues)
    if table.classes is None:
        require(bool(np.isfinite(table.target).all()), "not_applicable")  # there is no target
        deviations = centred(table.target)
        require(bool(np.any(deviations)), "constant")
        most = 1
        products = (deviations / np.linalg.norm(deviations) @ columns.values)[None]
    else:
        sizes = classes_of(table)[1]
        products = table.shared(class_sums)[:, columns.columns] / np.sqrt(np.maximum(sizes, 1))[:, None]
        most = int(np.count_nonzero(sizes)) - 1
    require(r < m - 1, "too_few_rows")
    cosines = np.linalg.svd(products @ found.axes / np.sqrt(m * found.eigenvalues), compute_uv=False)
    return np.asarray(np.minimum(cosines[: min(most, r)], 1.0))


def spread_of(table: Table) -> Floats:
    """Return the standard deviations over all rows of the columns that vary (v,), in their own units."""
    columns = table.shared(columns_of)
    return np.asarray((columns.width * np.sqrt(columns.m2 * columns.known / table.n_used))[columns.varies])


def classes_of(table: Table) -> tuple[Integers, Integers]:
    """Return the classes (m,) of the rows and the sizes (K,) of the classes, of which there are at least two."""
    sizes = table.class_counts
    require(int(np.count_nonzero(sizes)) > 1, "constant")
    return np.asarray(table.classes), sizes
