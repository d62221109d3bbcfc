"""Concept meta-features: how much the target varies among near rows, and how densely the rows lie.

Vilalta and Drissi, "A characterization of difficult problems in classification" (ICMLA 2002); Vilalta, "Understanding
accuracy performance through concept characterization and algorithm analysis" (ICML workshop 1999). Distances are those
of numbers scaled to [0, 1] (as in pymfe), nominal columns as in ``encoding``. For a numeric target two rows disagree by
the difference of their targets over the range of all.
"""

from dataclasses import dataclass

import numpy as np

from metalearn.metafeatures.encoding import n_columns, unit_distances
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Table, centred

# Pairs of rows are those of so many rows.
MAX_ROWS = 1000
# How fast weights fall with the distance (as in pymfe).
ALPHA, ALPHA_IMPROVED = 2.0, 1.0
# Stands for a zero in the denominator of the farthest pair's weight (as in pymfe).
_LEAST = 1e-9
# A rounding must not lift a whole distance into the next ring.
_ROUNDING = 1e-9
# Pairs of so many rows at a time stay in the cache.
_CHUNK = 50


@dataclass(frozen=True)
class Sums:
    """Sums over the pairs of each row with the others (m,): of their ``near`` and ``ring`` weights, and of those times
    the ``distance`` and times the ``disagreement`` of the two.
    """

    near: Floats
    near_distance: Floats
    near_disagreement: Floats
    ring: Floats
    ring_disagreement: Floats


def sums_of(table: Table) -> Sums:
    """Add up over the pairs of rows; a node to share.

    Raises:
        UnmeasuredError: without numeric and nominal columns, or with a single row.
    """
    p, m = n_columns(table), table.n_used
    distances, disagreements = unit_distances(table), disagreement(table)
    lengths = np.arange(m - 1, 0, -1)
    starts = np.cumsum(lengths) - lengths
    sums = np.zeros((5, m))
    for first in range(0, m - 1, _CHUNK):
        table.deadline.check()
        rows = np.arange(first, min(first + _CHUNK, m - 1))
        chunk = slice(starts[first], starts[rows[-1]] + lengths[rows[-1]])
        apart, differ = distances[chunk], disagreements[chunk]
        near, ring = near_weights(apart, p), ring_weights(apart)
        values = (near, near * apart, near * differ, ring, ring * differ)
        local = starts[rows] - chunk.start
        others = np.arange(len(apart)) + np.repeat(rows + 1 - local, lengths[rows])
        for total, value in zip(sums, values, strict=True):
            total[rows] += np.add.reduceat(value, local)
            total += np.bincount(others, weights=value, minlength=m)
    return Sums(*sums)


def near_weights(apart: Floats, p: int) -> Floats:
    """Return the weights 2^(-2 d / (sqrt(p) - d)) of pairs of rows at distances d in p columns.

    >>> near_weights(np.array([0.0, 0.5, 1.0]), 1)
    array([1.  , 0.25, 0.  ])
    """
    left = np.sqrt(p) - apart
    left[left <= 0] = _LEAST
    return np.asarray(np.exp2(-ALPHA * apart / left))


def ring_weights(apart: Floats) -> Floats:
    """Return the weights 2^-max(1, ceil(d)) of pairs of rows at distances d.

    >>> ring_weights(np.array([0.0, 1.0, 1.5]))
    array([0.5 , 0.5 , 0.25])
    """
    return np.asarray(np.exp2(-ALPHA_IMPROVED * np.maximum(np.ceil(apart - _ROUNDING), 1.0)))


def disagreement(table: Table) -> Floats:
    """Return how far the targets of pairs of rows differ (m (m - 1) / 2,), in SciPy's order: 0 or 1 for classes.

    For numbers from 0 to 1, or NaN where they are all equal.
    """
    from scipy.spatial.distance import pdist

    if table.classes is not None:
        return np.asarray(pdist(table.target[:, None], "hamming"))
    target = centred(table.target)
    width = float(np.ptp(target))
    return np.asarray(pdist(target[:, None] / (width if width > 0 else np.nan), "cityblock"))


def _variation(table: Table) -> Floats:
    _require_disagreement(table)
    sums = table.sample(MAX_ROWS).shared(sums_of)
    return sums.near_disagreement / sums.near


def _weighted_distance(table: Table) -> Floats:
    sums = table.sample(MAX_ROWS).shared(sums_of)
    return sums.near_distance / sums.near


def _improved_variation(table: Table) -> Floats:
    _require_disagreement(table)
    sample = table.sample(MAX_ROWS)
    return sample.shared(sums_of).ring_disagreement * _others(table, sample)


def _cohesiveness(table: Table) -> Floats:
    sample = table.sample(MAX_ROWS)
    return sample.shared(sums_of).ring * _others(table, sample)


def _require_disagreement(table: Table) -> None:
    require(table.n_used > 1, "too_few_rows")
    require(table.classes is not None or bool(table.target.max() > table.target.min()), "constant")


def _others(table: Table, sample: Table) -> float:
    """Return for how many of the other rows each other row of the sample stands."""
    return (table.n_rows - 1) / (sample.n_used - 1)


_VILALTA, _DRISSI = "Vilalta 1999", "Vilalta and Drissi 2002"
_DIFFER = "disagreement of their targets (1 for two classes; |y_i - y_j| / range for numbers)"
_NEAR = "weights 2^(-2 d / (sqrt(p) - d)), d their distance"
_RING = "2^-max(1, ceil(d)), d their distance"
_SAMPLED = f"; at most {MAX_ROWS:,} rows"

CONCEPT = Group(
    "concept",
    (
        Measure(
            "concept_variation",
            _variation,
            f"mean over the other rows of the {_DIFFER}, with {_NEAR}{_SAMPLED}",
            "[0, 1]",
            "",
            _VILALTA,
            "rows",
            needs_target=True,
            cost="sample",
        ),
        Measure(
            "improved_concept_variation",
            _improved_variation,
            f"sum over the other rows of the {_DIFFER} times {_RING}{_SAMPLED}, which stand for all",
            "from 0",
            "",
            _DRISSI,
            "rows",
            needs_target=True,
            cost="sample",
        ),
        Measure(
            "weighted_distance",
            _weighted_distance,
            f"mean distance d to the other rows, with {_NEAR}{_SAMPLED}",
            "from 0",
            "",
            _VILALTA,
            "rows",
            cost="sample",
        ),
        Measure(
            "cohesiveness",
            _cohesiveness,
            f"sum over the other rows of {_RING}{_SAMPLED}, which stand for all",
            "from 0",
            "",
            _DRISSI,
            "rows",
            cost="sample",
        ),
    ),
)
