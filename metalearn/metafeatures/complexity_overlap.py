"""How much single features and one linear combination overlap between classes: F1, F1v, F2, F3 and F4.

Definitions of Lorena et al., "How complex is your classification problem?" (ACM Computing Surveys 52, 2019), section
3.1, with more than two classes taken in pairs as in pymfe. Larger values mean more complex problems.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.complexity_points import (
    FEW_ROWS,
    FITTED,
    MAX_PAIRS,
    WIDE,
    classes_of,
    features_of,
    fitting_rows,
    pairs_of,
)
from metalearn.metafeatures.measures import Measure, require
from metalearn.metafeatures.table import Floats, Integers, Table, blocks


@dataclass(frozen=True, eq=False)
class ByClass:
    """Features as rows (d, m), the m values ordered by class; class k has those from ``starts[k]`` on.

    ``low`` and ``high`` (d, K) are the smallest and largest values of each class.
    """

    values: Floats
    starts: Integers
    low: Floats
    high: Floats

    @property
    def counts(self) -> Integers:
        """The number of rows of each class (K,)."""
        return np.diff(self.starts)

    def of(self, k: int) -> Floats:
        """Return the features of one class (d, m_k)."""
        return self.values[:, self.starts[k] : self.starts[k + 1]]


def by_class(table: Table) -> ByClass:
    """Return the features ordered by class; a node to share."""
    classes, features = table.shared(classes_of), table.shared(features_of)
    require(features.shape[1] > 0, "constant")
    values = np.ascontiguousarray(features[np.argsort(classes, kind="stable")].T)
    starts = np.concatenate([[0], np.cumsum(np.bincount(classes))])
    low, high = (extreme.reduceat(values, starts[:-1], axis=1) for extreme in (np.minimum, np.maximum))
    return ByClass(values, starts, low, high)


def _narrow(table: Table) -> Table:
    """Return the table with 1,000 rows at most when it is wide."""
    return table.sample(FEW_ROWS) if table.shared(features_of).shape[1] > WIDE else table


def _f1(table: Table) -> Floats:
    groups = table.shared(by_class)
    counts, parts = groups.counts, []
    for block in blocks(table.n_used, len(groups.values)):
        table.deadline.check()
        values = groups.values[block]
        centroids = np.add.reduceat(values, groups.starts[:-1], axis=1) / counts
        within = values - np.repeat(centroids, counts, axis=1)
        between = centroids - (centroids @ counts / len(values[0]))[:, None]
        parts.append([np.einsum("ij,ij->i", within, within), (between**2) @ counts])
    within_, between_ = np.hstack(parts)
    # A constant has sums of squares that are 0 but for rounding.
    varies = np.asarray(groups.high.max(axis=1) > groups.low.min(axis=1))
    return np.asarray(np.where(varies, within_, np.nan) / (within_ + between_))


def _f1v(table: Table) -> Floats:
    table.shared(classes_of)  # which may not apply, and then no sample is needed
    table = _narrow(table)
    groups, pairs = table.shared(by_class), table.shared(pairs_of)
    used = np.unique(pairs)
    centroids = {k: groups.of(k).mean(axis=1) for k in used}
    # W is the mean of the two classes' covariances, weighted with their rows: a sum of squares of these.
    spread = {
        k: (groups.of(k) - centroids[k][:, None]) * np.sqrt(groups.counts[k] / max(groups.counts[k] - 1, 1))
        for k in used
    }
    scatter = {k: s @ s.T for k, s in spread.items()} if len(groups.values) <= WIDE else {}
    separations = []
    for i, j in pairs:
        table.deadline.check()
        difference, rows = centroids[i] - centroids[j], groups.counts[i] + groups.counts[j]
        if scatter:
            separations.append(rows * _squared_length(scatter[i] + scatter[j], difference))
        else:
            separations.append(rows * _squared_length_of_few(np.hstack([spread[i], spread[j]]), difference))
    return 1 / (1 + np.array(separations))


def _squared_length(matrix: Floats, vector: Floats) -> float:
    """Return v' M^+ v for a symmetric matrix M, NaN if that is 0."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    kept = eigenvalues > max(eigenvalues[-1], 0.0) * len(matrix) * np.finfo(np.float64).eps
    return float((((vectors.T @ vector)[kept]) ** 2 / eigenvalues[kept]).sum()) if kept.any() else np.nan


def _squared_length_of_few(spread: Floats, vector: Floats) -> float:
    """Return v' (S S')^+ v for S (d, m) with fewer columns than rows, NaN if S is 0."""
    eigenvalues, vectors = np.linalg.eigh(spread.T @ spread)
    kept = eigenvalues > max(eigenvalues[-1], 0.0) * max(spread.shape) * np.finfo(np.float64).eps
    along = (vectors.T @ (spread.T @ vector))[kept] / eigenvalues[kept]
    return float((along**2).sum()) if kept.any() else np.nan


def _f2(table: Table) -> Floats:
    groups, (first, second) = table.shared(by_class), table.shared(pairs_of).T
    low, high = groups.low, groups.high
    overlap = np.minimum(high[:, first], high[:, second]) - np.maximum(low[:, first], low[:, second])
    width = np.maximum(high[:, first], high[:, second]) - np.minimum(low[:, first], low[:, second])
    shares = np.where(width > 0, np.maximum(overlap, 0.0) / np.where(width > 0, width, 1.0), 1.0)
    return np.asarray(shares.prod(axis=0))


def _f3(table: Table) -> Floats:
    groups, shares = table.shared(by_class), []
    for i, j in table.shared(pairs_of):
        table.deadline.check()
        low, high = np.maximum(groups.low[:, i], groups.low[:, j]), np.minimum(groups.high[:, i], groups.high[:, j])
        inside = np.add(*(_inside(groups.of(k), low, high).sum(axis=1) for k in (i, j)))
        shares.append(np.min(inside) / (groups.counts[i] + groups.counts[j]))
    return np.array(shares)


def _f4(table: Table) -> Floats:
    table.shared(classes_of)
    table = fitting_rows(table)
    groups, shares = table.shared(by_class), []
    for i, j in table.shared(pairs_of):
        table.deadline.check()
        shares.append(_inseparable(groups.of(i), groups.of(j), table) / (groups.counts[i] + groups.counts[j]))
    return np.array(shares)


def _inseparable(one: Floats, other: Floats, table: Table) -> int:
    """Return how many of the rows (d, m1) and (d, m2) no feature separates when one is used after the other."""
    while len(one):
        table.deadline.check()
        if not (one.shape[1] and other.shape[1]):
            return 0
        low = np.maximum(one.min(axis=1), other.min(axis=1))
        high = np.minimum(one.max(axis=1), other.max(axis=1))
        insides = _inside(one, low, high), _inside(other, low, high)
        left = insides[0].sum(axis=1) + insides[1].sum(axis=1)
        best = int(left.argmin())
        if left[best] == one.shape[1] + other.shape[1]:
            break
        others = np.arange(len(one)) != best
        one, other = one[others][:, insides[0][best]], other[others][:, insides[1][best]]
    return int(one.shape[1] + other.shape[1])


def _inside(values: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    return (values >= low[:, None]) & (values <= high[:, None])


_LORENA = "Lorena et al. 2019"
_FEATURES = "features (numeric columns that vary, and 0/1 for the symbols of nominal ones)"
PAIRS = f"pairs of classes (at most {MAX_PAIRS} random ones)"
_NARROW = f"on at most {FEW_ROWS} rows where there are more than {WIDE} features"

OVERLAP = (
    Measure(
        "complexity_f1",
        _f1,
        "F1, maximum Fisher's discriminant ratio: 1 / (1 + r), r = sum of squares between / within classes",
        "[0, 1]",
        source=_LORENA,
        over=_FEATURES,
        needs_target=True,
        empty="constant",
    ),
    Measure(
        "complexity_f1v",
        _f1v,
        "F1v, directional-vector Fisher's ratio: 1 / (1 + d' W^+ d), d the difference of class means, W the mean of "
        f"the class covariances weighted with their rows, {_NARROW}",
        "[0, 1]",
        source=_LORENA,
        over=PAIRS,
        needs_target=True,
        cost="n p^2",
    ),
    Measure(
        "complexity_f2",
        _f2,
        "F2, volume of the overlapping region: product over features of the length in which the ranges of both classes "
        "overlap / the length of their union; a feature that is constant in both counts as 1",
        "[0, 1]",
        source=_LORENA,
        over=PAIRS,
        needs_target=True,
    ),
    Measure(
        "complexity_f3",
        _f3,
        "F3, maximum individual feature efficiency: smallest share of rows that lie where the classes' ranges overlap, "
        "over the features",
        "[0, 1]",
        source=_LORENA,
        over=PAIRS,
        needs_target=True,
    ),
    Measure(
        "complexity_f4",
        _f4,
        "F4, collective feature efficiency: share of rows left in the overlap when the most efficient feature is used, "
        f"then the most efficient of the others on what is left, and so on, {FITTED}",
        "[0, 1]",
        source=_LORENA,
        over=PAIRS,
        needs_target=True,
        cost="n p^2",
    ),
)
