"""How the nearest rows of a class and of the others lie: N1, N2, N3, N4, T1 and LSC.

Definitions of Lorena et al., "How complex is your classification problem?" (ACM Computing Surveys 52, 2019), section
3.3, with Gower's distance as there and in pymfe: the mean over columns of the distance of numbers scaled to [0, 1],
and of 1 for symbols that differ. All come from one matrix of distances between the rows of a sample.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.complexity_points import Points, classes_of, new_points, points_of
from metalearn.metafeatures.measures import Measure
from metalearn.metafeatures.table import Floats, Integers, Table

# A distance matrix of so many rows is made in a moment; the measures are means over rows.
SAMPLE = 1000
# Where comparing all pairs of rows in all columns costs more, random columns stand for all.
_COMPARISONS = 500_000_000

Distances = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The distances (s, s) between the s rows of a sample, ordered by class (s,).

    ``friend`` (s,) is the distance to the nearest other row of the same class, infinite where there is none;
    ``enemy`` (s,) that to the nearest row of another class, which is ``enemies`` (s,).
    """

    classes: Integers
    distances: Distances
    friend: Distances
    enemy: Distances
    enemies: Integers

    @property
    def by_class(self) -> list[slice]:
        """The rows of each class (K,)."""
        return _by_class(self.classes)


def gower_points(table: Table) -> Points:
    """Return the points, of random columns where there are too many to compare; a node to share."""
    points = table.shared(points_of)
    q, r = points.numbers.shape[1], points.symbols.shape[1]
    most = max(1, _COMPARISONS // table.n_used**2)
    if q + r <= most:
        return points
    chosen = np.sort(table.rng("columns to compare").choice(q + r, most, replace=False))
    return Points(
        points.numbers[:, chosen[chosen < q]], points.symbols[:, chosen[chosen >= q] - q], np.empty((2, 0), np.int64)
    )


def gower(these: Points, others: Points) -> Distances:
    """Return the sums over columns of the distances of points (s, t).

    They are rounded to seven digits: sums in another order are not another distance.

    >>> none = np.zeros((2, 0), dtype=np.int64)
    >>> points = Points(np.array([[0.0], [0.25]]), np.array([[0], [1]], dtype=np.int32), none)
    >>> gower(points, points).tolist()
    [[0.0, 1.25], [1.25, 0.0]]
    """
    from scipy.spatial.distance import cdist, pdist, squareform

    def between(metric: "Literal['cityblock', 'hamming']", a: Floats, b: Floats) -> Floats:
        return np.asarray(pdist(a, metric) if these is others else cdist(a, b, metric))

    distances = between("cityblock", these.numbers, others.numbers) if these.numbers.shape[1] else np.zeros(())
    if these.symbols.shape[1]:
        symbols = these.symbols.astype(np.float64), others.symbols.astype(np.float64)
        distances = distances + symbols[0].shape[1] * between("hamming", *symbols)
    rounded = distances.astype(np.float32)
    return np.asarray(squareform(rounded)) if these is others else rounded


def neighbourhood_of(table: Table) -> Neighbourhood:
    """Return the distances within the sample, and the nearest rows; a node to share.

    Raises:
        UnmeasuredError: for a regression, one class, or without numeric and nominal columns.
    """
    table.shared(classes_of)  # which may not apply, and then no sample is needed
    table = table.sample(SAMPLE)
    classes = table.shared(classes_of)
    order = np.argsort(classes, kind="stable")
    points = table.shared(gower_points).take(order)
    table.deadline.check()
    distances = gower(points, points)
    friend, to_enemies = np.empty(len(order), np.float32), distances.copy()
    for rows in _by_class(classes):
        to_friends = distances[rows, rows].copy()
        np.fill_diagonal(to_friends, np.inf)
        friend[rows] = to_friends.min(axis=0)
        to_enemies[rows, rows] = np.inf
    enemies = to_enemies.argmin(axis=0)
    return Neighbourhood(classes[order], distances, friend, to_enemies[enemies, np.arange(len(order))], enemies)


def _by_class(classes: Integers) -> list[slice]:
    ends = np.cumsum(np.bincount(classes)).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def spanning_tree(distances: NDArray[np.floating]) -> Integers:
    """Return the edges (s - 1, 2) of a minimum spanning tree of s points, by Prim's algorithm.

    >>> spanning_tree(np.array([[0, 1, 5], [1, 0, 3], [5, 3, 0]], dtype=float)).tolist()
    [[0, 1], [1, 2]]
    """
    n = len(distances)
    inside, parents = np.zeros(n, dtype=distances.dtype), np.zeros(n, dtype=np.int64)
    nearest, to_new, edges, new = np.full_like(inside, np.inf), np.empty_like(inside), [], 0
    for _ in range(n - 1):
        inside[new] = nearest[new] = np.inf
        np.add(distances[new], inside, out=to_new)
        np.putmask(parents, to_new < nearest, new)
        np.minimum(nearest, to_new, out=nearest)
        new = int(nearest.argmin())
        edges.append((parents[new], new))
    return np.array(edges, dtype=np.int64).reshape(-1, 2)


def _n1(table: Table) -> float:
    near = table.shared(neighbourhood_of)
    edges = spanning_tree(near.distances)
    across = edges[near.classes[edges[:, 0]] != near.classes[edges[:, 1]]]
    return len(np.unique(across)) / len(near.classes)


def _n2(table: Table) -> Floats:
    near = table.shared(neighbourhood_of)
    friend, enemy = near.friend.astype(np.float64), near.enemy.astype(np.float64)
    known = np.isfinite(friend) & (friend + enemy > 0)
    apart = friend / np.where(known, friend + enemy, 1.0)
    return np.where(known, apart, np.where(np.isinf(friend), 1.0, 0.5))


def _n3(table: Table) -> float:
    near = table.shared(neighbourhood_of)
    return float(np.mean(near.enemy < near.friend))


def _n4(table: Table) -> float:
    near = table.shared(neighbourhood_of)
    sample = table.sample(SAMPLE)
    points = sample.shared(gower_points).take(np.argsort(sample.shared(classes_of), kind="stable"))
    new = new_points(points, near.classes, sample.rng("points between rows of a class"))
    return float(np.mean(near.classes[gower(new, points).argmin(axis=1)] != near.classes))


def radii(near: Neighbourhood) -> Floats:
    """Return how far each row's sphere reaches (s,): until it touches that of its nearest enemy."""
    enemy = near.enemy.astype(np.float64)
    # Of two rows that are nearest to each other each gets half of the way.
    found = np.where(near.enemy[near.enemies] == near.enemy, enemy / 2, np.nan)
    while np.isnan(found).any():
        found = np.where(np.isnan(found), enemy - found[near.enemies], found)
    return found


def _t1(table: Table) -> float:
    near = table.shared(neighbourhood_of)
    reach = radii(near)
    covered = near.distances <= reach[:, None]
    spheres = np.ones(len(covered), dtype=bool)
    # The sphere with the most rows first, of several the largest.
    for i in np.lexsort((-reach, -covered.sum(axis=1))):
        if spheres[i]:
            spheres[covered[i]] = False
            spheres[i] = True
    return float(spheres.mean())


def _lsc(table: Table) -> float:
    near = table.shared(neighbourhood_of)
    return 1 - float(np.count_nonzero(near.distances < near.enemy)) / near.distances.size


_LORENA = "Lorena et al. 2019"
ON_SAMPLE = f"Gower's distance, on at most {SAMPLE} rows (and at most 5e8 / rows^2 random columns)"

NEIGHBOURHOOD = (
    Measure(
        "complexity_n1",
        _n1,
        "N1, borderline points: share of rows that an edge of the minimum spanning tree joins to another class; "
        + ON_SAMPLE,
        "[0, 1]",
        source=_LORENA,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_n2",
        _n2,
        "N2, intra to extra class distance: a / (a + b), a the distance to the nearest row of the same class (1 where "
        f"there is none), b to the nearest row of another class; {ON_SAMPLE}",
        "[0, 1]",
        source=_LORENA,
        over="rows",
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_n3",
        _n3,
        "N3, error rate of the nearest neighbour: share of rows that are nearer to another class than to the rest of "
        f"their own; {ON_SAMPLE}",
        "[0, 1]",
        source=_LORENA,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_n4",
        _n4,
        "N4, non-linearity of the nearest neighbour: its error rate on as many new points, each between two random "
        f"rows of a class; {ON_SAMPLE}",
        "[0, 1]",
        source=_LORENA,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_t1",
        _t1,
        "T1, share of the rows whose spheres cover the classes: each is blown up until it touches that of the nearest "
        f"row of another class, and those with centres in one that holds more rows are left out; {ON_SAMPLE}",
        "(0, 1]",
        source=_LORENA,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_lsc",
        _lsc,
        "LSC, local set average cardinality: 1 - mean share of the rows (itself among them) that are nearer to a row "
        f"than the nearest one of another class; {ON_SAMPLE}",
        "[0, 1]",
        source="Leyva et al. 2014",
        needs_target=True,
        cost="sample",
    ),
)
