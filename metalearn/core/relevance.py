"""The relevance of meta-features: how much a difference in each tells that two tasks rank configurations differently.

A distance between tasks is learned from how alike past tasks rank configurations (rankings, since losses of different
tasks are not comparable: Bardenet et al., "Collaborative hyperparameter tuning", ICML 2013), by non-negative least
squares on differences (Lawson & Hanson, "Solving Least Squares Problems", 1974, ch. 23).
"""

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import deviations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# At most so many pairs of tasks, evenly spread over all of them.
MAX_PAIRS = 20_000
# Pairs whose ranks are compared together: of thousands of configurations they still fit into memory.
_BLOCK = 1_000
# Two tasks that share fewer configurations say nothing of how alike they rank.
MIN_SHARED = 5
# The penalty on departing from equal weights, in variances of a scaled difference: STRENGTH (1 + FEW_TASKS / T).
STRENGTH, FEW_TASKS = 5.0, 50.0


def feature_weights(features: Floats, ranks: Floats) -> Floats:
    """Return weights (F,) of scaled meta-features (T, F), NaN where unknown, that sum to 1; all 0 if none varies.

    Over pairs of tasks, 1 - the correlation of their ranks (T, C) of the configurations that both evaluated is
    regressed on the absolute differences of their meta-features, with weights w >= 0 under the penalty
    lambda |w - s/F|^2: s/F is the best weight that all F could share, to which few tasks or nothing to learn lead
    back. Correlated meta-features share their weight. A difference that is unknown counts as the mean one.

    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(60, 3))
    >>> ranks = np.where(features[:, :1] > 0, np.arange(8) / 8, np.arange(8)[::-1] / 8)
    >>> weights = feature_weights(features, ranks)
    >>> int(weights.argmax()), round(float(weights.sum()), 6)
    (0, 1.0)
    """
    first, second = _pairs(len(features))
    varies = np.nanmax(features, axis=0, initial=-np.inf) > np.nanmin(features, axis=0, initial=np.inf)
    equal: Floats = varies / max(varies.sum(), 1)
    unlike = 1 - rank_correlations(ranks, first, second)
    kept = np.isfinite(unlike)
    if not varies.any() or len(np.unique(unlike[kept])) < 2:
        return equal
    differences = np.abs(features[first[kept]] - features[second[kept]])[:, varies]
    centred = np.nan_to_num(deviations(differences, axis=0))
    if not centred.any():  # each difference is the same in all pairs that tell something
        return equal
    weights: Floats = np.zeros(len(equal))
    weights[varies] = _regress(centred, deviations(unlike[kept], axis=0), len(features))
    return weights / weights.sum() if weights.any() else equal


def rank_correlations(ranks: Floats, first: Integers, second: Integers) -> Floats:
    """Return the correlations (p,) of pairs of tasks' ranks (T, C) in (0, 1) about the middle rank.

    Of p pairs of the tasks ``first`` and ``second`` (p,), over what both evaluated. NaN where two tasks share fewer
    than 5 configurations, or one of them ranks all that they share in the middle.

    >>> up = np.arange(1, 10, 2) / 10
    >>> rank_correlations(np.stack([up, up[::-1], np.where(up < 0.3, np.nan, up)]), np.array([0, 1]), np.array([1, 2]))
    array([-1., nan])
    """
    found = np.empty(len(first))
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        one, other = ranks[first[block]] - 0.5, ranks[second[block]] - 0.5
        shared = np.isfinite(one) & np.isfinite(other)
        one, other = np.where(shared, one, 0.0), np.where(shared, other, 0.0)
        scale = np.sqrt(np.einsum("pc,pc->p", one, one) * np.einsum("pc,pc->p", other, other))
        enough = (shared.sum(axis=1) >= MIN_SHARED) & (scale > 0)
        found[block] = np.where(enough, np.einsum("pc,pc->p", one, other) / np.where(enough, scale, 1.0), np.nan)
    return found.round(12)


def _pairs(n_tasks: int) -> tuple[Integers, Integers]:
    n = n_tasks * (n_tasks - 1) // 2
    number = np.unique(np.linspace(0, n - 1, min(n, MAX_PAIRS)).astype(np.int64)) if n else np.zeros(0, dtype=np.int64)
    # Pair (i, j) with i > j has the number i (i - 1) / 2 + j.
    first = ((1 + np.sqrt(8 * number + 1)) // 2).astype(np.int64)
    return first, number - first * (first - 1) // 2


def _regress(differences: Floats, unlike: Floats, n_tasks: int) -> Floats:
    """Return the weights (F,) that minimise the penalised mean square error, both sides scaled to variance 1.

    The differences are scaled all by one number, so that the weights are those of differences as they came.
    """
    from scipy.optimize import nnls

    n_pairs, n_features = differences.shape
    differences = differences / np.sqrt(np.mean(differences**2))
    unlike = unlike / np.sqrt(np.mean(unlike**2))
    together = differences.mean(axis=1)
    shared = max(float(together @ unlike) / max(float(together @ together), 1e-12), 0.0) / n_features
    penalty = STRENGTH * (1 + FEW_TASKS / n_tasks)
    gram = differences.T @ differences / n_pairs + penalty * np.eye(n_features)
    factor = np.linalg.cholesky(gram)
    aimed = np.linalg.solve(factor, differences.T @ unlike / n_pairs + penalty * shared)
    weights: Floats = nnls(factor.T, aimed, maxiter=30 * n_features)[0]
    return weights
