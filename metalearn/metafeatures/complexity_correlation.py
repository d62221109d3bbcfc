"""How features correlate with a numeric target: C1, C2, C3 and C4.

Definitions of Lorena, Maciel, de Miranda, Costa and Prudencio, "Data complexity meta-features for regression problems"
(Machine Learning 107, 2018), section 3.1: features and target are scaled to [0, 1], correlations are Spearman's.
"""

from typing import TYPE_CHECKING

import numpy as np

from metalearn.metafeatures.complexity_points import features_of
from metalearn.metafeatures.measures import Cost, Measure, require
from metalearn.metafeatures.table import Floats, Integers, Table, blocks

if TYPE_CHECKING:
    from collections.abc import Callable

# The paper's: a correlation is high above that; a row is explained when its residual is at most that.
_HIGH, _EXPLAINED = 0.9, 0.1
# Removing rows one by one, or features, costs the square of their number.
_REMOVAL_ROWS, _REMOVAL_FEATURES = 500, 50


def target_of(table: Table) -> Floats:
    """Return the numeric target scaled to [0, 1] (m,); a node to share.

    Raises:
        UnmeasuredError: for a classification, and when the target is constant.
    """
    require_numbers(table)
    low, high = float(table.target.min()), float(table.target.max())
    require(high > low, "constant")
    halves = table.target / 2 - low / 2
    return np.asarray(halves / (high / 2 - low / 2))


def require_numbers(table: Table) -> None:
    """Raise ``UnmeasuredError`` unless the target holds numbers."""
    require(table.classes is None, "not_applicable")


def correlations_of(table: Table) -> Floats:
    """Return the absolute rank correlations of the features with the target (d,), NaN of constants; a node to share.

    Raises:
        UnmeasuredError: for a classification, when the target or every nominal column is constant, or for one row.
    """
    target, features = table.shared(target_of), table.shared(features_of)
    require(len(target) > 1, "too_few_rows")
    require(features.shape[1] > 0, "constant")
    parts = []
    for block in blocks(*features.shape):
        table.deadline.check()
        parts.append(_rank_correlations(features[:, block], target))
    return np.concatenate(parts)


def _rank_correlations(features: Floats, target: Floats) -> Floats:
    """Return the absolute rank correlations of columns (m, b) with a target (m,), NaN where either is constant."""
    to_rank = _ranks(target)
    return np.array([_cosine(_ranks(column), to_rank) for column in features.T])


def _cosine(first: Floats, second: Floats) -> float:
    squares = float(first @ first) * float(second @ second)
    return abs(float(first @ second)) / np.sqrt(squares) if squares > 0 else np.nan


def _ranks(values: Floats) -> Floats:
    """Return ranks (m,), their mean where values are equal, less the mean of all."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1]]))
    counts = np.diff(starts, append=len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (counts - len(values)) / 2, counts)
    return ranks


def _c1(table: Table) -> float:
    return float(_known(table.shared(correlations_of)).max())


def _c2(table: Table) -> float:
    return float(_known(table.shared(correlations_of)).mean())


def _known(correlations: Floats) -> Floats:
    known = correlations[np.isfinite(correlations)]
    require(len(known) > 0, "constant")
    return known


def _best_features(table: Table) -> Floats:
    """Return the features that correlate most with the target, at most 50 (m, b)."""
    correlations = table.shared(correlations_of)
    _known(correlations)
    best = np.argsort(-np.nan_to_num(correlations, nan=-1.0), kind="stable")[:_REMOVAL_FEATURES]
    return np.asarray(table.shared(features_of)[:, best[np.isfinite(correlations[best])]])


def _c3(table: Table) -> float:
    require_numbers(table)
    table = table.sample(_REMOVAL_ROWS)
    return _removed(_best_features(table).T, table.shared(target_of), table) / table.n_used


def _removed(features: Floats, target: Floats, table: Table) -> int:
    """Return how few rows need to go for one of the features (b, m) to correlate highly with the target.

    From each feature the row goes whose ranks by the feature and by the target, or by the reversed target where the
    correlation is negative, differ most.
    """
    from scipy.stats import rankdata

    ranks = rankdata(features, axis=1)
    to_ranks = np.tile(rankdata(target), (len(ranks), 1))
    middle = (len(target) + 1) / 2
    negative = ((ranks - middle) * (to_ranks - middle)).sum(axis=1) < 0
    to_ranks[negative] = len(target) + 1 - to_ranks[negative]
    rows = np.arange(len(ranks))
    for removed in range(len(target)):
        table.deadline.check()
        if (_row_correlations(ranks, to_ranks) > _HIGH).any():
            return removed
        worst = np.abs(ranks - to_ranks).argmax(axis=1)
        ranks, to_ranks = _without(ranks, rows, worst), _without(to_ranks, rows, worst)
    return len(target)


def _without(ranks: Floats, rows: Integers, worst: Integers) -> Floats:
    """Return ranks (b, m - 1) without one of each row: those above it move down, those equal to it by a half."""
    gone = ranks[rows, worst][:, None]
    ranks = ranks - (ranks > gone) - 0.5 * (ranks == gone)
    left = np.ones(ranks.shape, dtype=bool)
    left[rows, worst] = False
    return ranks[left].reshape(len(ranks), -1)


def _row_correlations(first: Floats, second: Floats) -> Floats:
    """Return the correlations of ranks 1, ..., m (b, m), row by row; 0 where constant."""
    middle = (first.shape[1] + 1) / 2
    first, second = first - middle, second - middle
    products = [np.einsum("ij,ij->i", x, y) for x, y in ((first, second), (first, first), (second, second))]
    spread = np.sqrt(products[1] * products[2])
    return np.asarray(products[0] / np.where(spread > 0, spread, np.inf))


def _c4(table: Table) -> float:
    require_numbers(table)
    table = table.sample(_REMOVAL_ROWS)
    features, target = _best_features(table), table.shared(target_of)
    while features.shape[1] and len(target) > 1:
        table.deadline.check()
        correlations = _rank_correlations(features, target)
        if not np.isfinite(correlations).any():
            break
        best = int(np.nanargmax(correlations))
        left = np.abs(_residuals(features[:, best], target)) > _EXPLAINED
        features, target = np.delete(features, best, axis=1)[left], target[left]
    return float(len(target) > 1) * len(target) / table.n_used


def _residuals(feature: Floats, target: Floats) -> Floats:
    x, y = feature - feature.mean(), target - target.mean()
    return np.asarray(y - x * (x @ y) / (x @ x), dtype=np.float64)


_REMOVAL = (
    f"on at most {_REMOVAL_ROWS} rows, with the {_REMOVAL_FEATURES} features of the highest |rank correlation| at most"
)


def regression_measure(
    code: str, compute: "Callable[[Table], float]", formula: str, range_: str, cost: Cost
) -> Measure:
    """Return the measure with a code of the paper: ``range_`` is that of its values."""
    return Measure(
        f"complexity_regression_{code.lower()}",
        compute,
        f"{code}, {formula}",
        range_,
        source="Lorena et al. 2018",
        needs_target=True,
        cost=cost,
    )


CORRELATION = (
    regression_measure("C1", _c1, "largest |rank correlation of a feature with the target|", "[0, 1]", "n log(n) p"),
    regression_measure("C2", _c2, "mean |rank correlation of a feature with the target|", "[0, 1]", "n log(n) p"),
    regression_measure(
        "C3",
        _c3,
        "individual feature efficiency: smallest share of rows to remove, one by one where the ranks by feature and "
        f"target differ most, for a feature's |rank correlation| with the target to exceed {_HIGH}; {_REMOVAL}",
        "[0, 1]",
        "sample",
    ),
    regression_measure(
        "C4",
        _c4,
        "collective feature efficiency: share of rows left when those are removed that a linear fit of the most "
        f"correlated feature explains to within {_EXPLAINED} of the target's range, then with the next feature on what "
        f"is left, and so on; {_REMOVAL}",
        "[0, 1]",
        "sample",
    ),
)
