"""Clustering meta-features: how well the classes of a target form clusters of rows.

Indices of cluster validity with the classes for clusters, as in Pimentel and de Carvalho, "A new data characterization
for selecting clustering algorithms using meta-learning" (Information Sciences 477, 2019), and Bezdek and Pal, "Some new
indexes of cluster validity" (IEEE Transactions on Systems, Man, and Cybernetics B 28, 1998). Numbers are taken as they
are (as in pymfe), nominal columns as in ``encoding``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.encoding import coordinates, pair_distances, unit
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.symbols import entropy
from metalearn.metafeatures.table import Floats, Integers, Table

# Pairs of rows are those of so many rows.
MAX_ROWS = 1000
# So many classes are compared with all others: where nearly each row is a class, all pairs take hours.
MAX_CLASSES = 1000
# What makes a class a small one, in rows.
SMALL = 15
# Distances that are this small beside the others are rounded zeros.
_ZERO = 1e-12
# Distances between centres are computed so many at a time.
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Centres:
    """The K classes around their centres: ``sizes`` (K,), the mean distance of a class's rows from its centre
    ``radii`` (K,), the ``centres`` (K, d), and the sums of squares ``within`` and ``between`` the classes.
    """

    sizes: Integers
    radii: Floats
    centres: Floats
    within: float
    between: float


@dataclass(frozen=True)
class Pairs:
    """The pairs of a sample's m rows, ordered by class: ``sizes`` (K,) of the classes and ``own`` (m,), the class of
    a row; all distances as a ``square`` (m, m), in single precision, the ``sums`` (m, K) of a row's distances to each
    class's rows, and the ``mean`` and ``variance`` over the pairs: all in units of ``unit`` of the columns' own.
    """

    sizes: Integers
    own: Integers
    square: NDArray[np.float32]
    sums: Floats
    mean: float
    variance: float
    unit: float

    @property
    def starts(self) -> Integers:
        """The first row of each class (K,)."""
        return np.cumsum(self.sizes) - self.sizes


def centres_of(table: Table) -> Centres:
    """Describe the classes around their centres, from all rows; a node to share.

    Raises:
        UnmeasuredError: for a regression, for a single class, with a class for each row, or where all rows are equal.
    """
    classes, sizes = _classes(table)
    squares, between, centres = np.zeros(len(classes)), 0.0, []
    for block in coordinates(table):
        block = block - block.mean(axis=1, keepdims=True)
        means = np.array([np.bincount(classes, weights=column) for column in block]) / sizes
        deviations = block - means[:, classes]
        squares += np.einsum("ij,ij->j", deviations, deviations)
        between += float((means**2 @ sizes).sum())
        centres.append(means.T)
    within = float(squares.sum())
    require(within + between > 0, "constant")
    radii = np.bincount(classes, weights=np.sqrt(squares)) / sizes
    return Centres(sizes, radii, np.concatenate(centres, axis=1), within, between)


def pairs_of(table: Table) -> Pairs:
    """Describe the distances between the rows; a node to share.

    Raises:
        UnmeasuredError: for a regression, for a single class, with a class for each row, or where all rows are equal.
    """
    from scipy.spatial.distance import squareform

    classes, sizes = _classes(table)
    order = np.argsort(classes, kind="stable")
    apart = pair_distances(table, (block[:, order] for block in coordinates(table)))
    square = squareform(apart.astype(np.float32), checks=False)
    table.deadline.check()
    mean = float(apart.mean())
    require(mean > 0, "constant")
    apart -= mean
    return Pairs(
        sizes=sizes,
        own=classes[order],
        square=square,
        sums=np.add.reduceat(square, np.cumsum(sizes) - sizes, axis=1, dtype=np.float64),
        mean=mean,
        variance=float(np.einsum("i,i->", apart, apart)) / len(apart),
        unit=table.shared(unit),
    )


def _classes(table: Table) -> tuple[Integers, Integers]:
    """Return class codes (m,) without gaps and the sizes of the classes (K,): more than one, fewer than rows."""
    counted = table.class_counts
    present = np.flatnonzero(counted)
    sizes = counted[present]
    require(len(sizes) > 1, "constant")
    require(len(sizes) < table.n_used, "too_few_rows")
    return np.searchsorted(present, cast("Integers", table.classes)), sizes


def calinski_harabasz(centres: Centres) -> float:
    """Return the variance between the classes over the variance within.

    Raises:
        UnmeasuredError: when no row is away from its class's centre.
    """
    n, k = int(centres.sizes.sum()), len(centres.sizes)
    require(centres.within > _ZERO**2 * centres.between, "undefined")
    return centres.between / (k - 1) / (centres.within / (n - k))


def davies_bouldin(table: Table) -> float:
    """Return the mean over classes, at most 1,000 random ones, of how much the most similar of all others overlaps.

    Raises:
        UnmeasuredError: when one of them has the same centre as another class.
    """
    from scipy.spatial.distance import cdist

    found = table.shared(centres_of)
    k = len(found.sizes)
    spread = np.sqrt((found.within + found.between) / found.sizes.sum())
    compared = np.arange(k) if k <= MAX_CLASSES else table.rng("classes").choice(k, MAX_CLASSES, replace=False)
    worst, step = [], max(1, _CHUNK // k)
    for start in range(0, len(compared), step):
        table.deadline.check()
        chunk = compared[start : start + step]
        apart = cdist(found.centres[chunk], found.centres)
        apart[np.arange(len(chunk)), chunk] = np.inf
        require(bool(np.all(apart > _ZERO * spread)), "undefined")
        worst.append(((found.radii[chunk, None] + found.radii) / apart).max(axis=1))
    return float(np.concatenate(worst).mean())


def silhouette(pairs: Pairs) -> float:
    """Return the mean over rows of (b - a) / max(a, b), 0 for the row of a class of one.

    ``a`` is the mean distance to the other rows of its class, ``b`` that to the rows of the nearest other class.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X, y = pd.DataFrame({"a": [0.0, 1.0, 5.0, 6.0]}), pd.Series(["u", "u", "v", "v"], dtype="category")
    >>> round(silhouette(pairs_of(Table.of(Dataset(X, y, "tiny", ("numeric",), "")))), 4)  # (2 x 9/11 + 2 x 7/9) / 4
    0.798
    """
    rows, sizes = np.arange(len(pairs.own)), pairs.sizes
    to_class = pairs.sums / sizes
    a = pairs.sums[rows, pairs.own] / np.maximum(sizes[pairs.own] - 1, 1)
    to_class[rows, pairs.own] = np.inf
    b = to_class.min(axis=1)
    larger = np.maximum(a, b)
    return float(np.mean(np.where((sizes[pairs.own] > 1) & (larger > 0), (b - a) / np.where(larger > 0, larger, 1), 0)))


def dunn(pairs: Pairs) -> float:
    """Return the smallest distance between rows of two classes over the largest within a class.

    Raises:
        UnmeasuredError: when the rows of each class are equal.
    """
    to_class = np.minimum.reduceat(pairs.square, pairs.starts, axis=1)
    to_class[np.arange(len(pairs.own)), pairs.own] = np.inf
    ends = pairs.starts + pairs.sizes
    widest = max(float(pairs.square[a:b, a:b].max()) for a, b in zip(pairs.starts, ends, strict=True))
    require(widest > 0, "undefined")
    return float(to_class.min()) / widest


def intercluster(pairs: Pairs) -> float:
    """Return the mean over pairs of classes of the mean distance between their rows."""
    between = np.add.reduceat(pairs.sums, pairs.starts, axis=0) / (pairs.sizes[:, None] * pairs.sizes)
    return float(between[np.triu_indices(len(between), 1)].mean()) * pairs.unit


def point_biserial(pairs: Pairs) -> float:
    """Return Pearson's correlation, over pairs of rows, of being of one class and the distance.

    Raises:
        UnmeasuredError: when all distances are equal.
    """
    m = len(pairs.own)
    require(pairs.variance > _ZERO * pairs.mean**2, "constant")
    share = float((pairs.sizes * (pairs.sizes - 1)).sum()) / (m * (m - 1))
    within = float(pairs.sums[np.arange(m), pairs.own].sum()) / (share * m * (m - 1))
    between = (pairs.mean - share * within) / (1 - share)
    correlation = (within - between) * float(np.sqrt(share * (1 - share) / pairs.variance))
    return min(max(correlation, -1.0), 1.0)  # in single precision rounding leads beyond


def _of_pairs(index: Callable[[Pairs], float]) -> Callable[[Table], float]:
    return lambda table: index(table.sample(MAX_ROWS).shared(pairs_of))


def _nats(table: Table) -> float:
    return entropy(table.class_counts) * float(np.log(2))


def _of_classes(
    name: str, compute: Callable[[Table], float], formula: str, source: str, low_high: str = "from 0", unit: str = ""
) -> Measure:
    return Measure(name, compute, formula, low_high, unit, source, needs_target=True)


def _of_sample(
    name: str, index: Callable[[Pairs], float], formula: str, source: str, low_high: str = "from 0", unit: str = ""
) -> Measure:
    formula += f"; at most {MAX_ROWS:,} rows"
    return Measure(name, _of_pairs(index), formula, low_high, unit, source, needs_target=True, cost="sample")


_PIMENTEL = "Pimentel and de Carvalho 2019"

CLUSTERING = Group(
    "clustering",
    (
        _of_classes(
            "calinski_harabasz",
            lambda t: calinski_harabasz(t.shared(centres_of)),
            "(sum of squares between classes / (K - 1)) / (sum of squares within classes / (n - K))",
            "Calinski and Harabasz 1974",
        ),
        _of_classes(
            "davies_bouldin",
            davies_bouldin,
            f"mean over classes i (at most {MAX_CLASSES:,} random ones) of the largest (s_i + s_j) / d_ij over the "
            "other classes j: s the mean distance of a class's rows from its centre, d_ij the distance between two "
            "centres",
            "Davies and Bouldin 1979",
        ),
        _of_sample(
            "silhouette",
            silhouette,
            "mean over rows of (b - a) / max(a, b): a the mean distance to the other rows of the class (the row of a "
            "class of one counts 0), b that to the rows of the nearest other class",
            "Rousseeuw 1987",
            "[-1, 1]",
        ),
        _of_sample(
            "dunn_index",
            dunn,
            "smallest distance between rows of two classes / largest distance within a class",
            "Dunn 1974",
        ),
        _of_sample(
            "intercluster_distance",
            intercluster,
            "index INT: mean over pairs of classes of the mean distance between their rows",
            "Bezdek and Pal 1998",
            unit="the columns' own",
        ),
        _of_sample(
            "point_biserial",
            point_biserial,
            "Pearson's correlation, over pairs of rows, of being of one class (1 or 0) and the distance",
            "Lev 1949",
            "[-1, 1]",
        ),
        _of_classes(
            "normalized_relative_entropy",
            _nats,
            "sum over classes of -p ln(p), p the share of the rows that are in the class",
            _PIMENTEL,
            unit="nats",
        ),
        _of_classes(
            "n_small_classes",
            lambda t: float(np.count_nonzero(t.class_counts < SMALL)),
            f"classes of fewer than {SMALL} rows",
            _PIMENTEL,
            "0 to K",
            "classes",
        ),
    ),
)
