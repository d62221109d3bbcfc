"""Array transforms that methods share: ranks, regrets, robust scaling, distances. NaN = not evaluated."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Scores that differ only beyond this many digits are ties (half the rows of published matrices have such scores).
TIE_DIGITS = 10
# Of a bounded metric's range, or of a task's median loss: smaller differences hardly matter, and nothing is worse.
SMALLEST_LOSS, LARGEST_LOSS = 0.01, 10.0
# In units of half the interquartile range: further out, a meta-feature tells no more than "far".
WINSOR_LIMIT = 3.0


def reference_loss(losses: Floats, *, bounded: bool = True) -> Floats:
    """Return per task (T,) the loss that counts as regret 1: the largest, or the median where losses are unbounded.

    >>> reference_loss(np.array([[0.1, 0.2, 0.6]])), reference_loss(np.array([[0.1, 0.2, 60.0]]), bounded=False)
    (array([0.6]), array([0.2]))
    """
    return _per_row(np.nanmax if bounded else np.nanmedian, losses)


def smallest_loss(losses: Floats) -> Floats:
    """Return per task (T,) the smallest loss, NaN where nothing was evaluated."""
    return _per_row(np.nanmin, losses)


def normalized_regret(losses: Floats, failed: NDArray[np.bool_], *, bounded: bool = True) -> Floats:
    """Return (loss - smallest) / (reference - smallest) per task, clipped to [0, 1]; a failure counts 1.

    Losses (T, C) are rounded to 10 digits first. A task whose losses are all equal gives 0 for each.

    >>> normalized_regret(np.array([[0.1, 0.3, 0.5, np.nan]]), np.array([[False] * 4]))
    array([[0. , 0.5, 1. , nan]])
    """
    rounded = np.round(losses, TIE_DIGITS)
    low = smallest_loss(rounded)[:, None]
    width = reference_loss(rounded, bounded=bounded)[:, None] - low
    regret = np.clip((rounded - low) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    return np.where(failed, 1.0, regret)


def ranks(losses: Floats, failed: NDArray[np.bool_]) -> Floats:
    """Return average ranks per task as fractions of the n evaluated, (rank - 1/2) / n; failures share the last ranks.

    Whatever n is, they lie in (0, 1) and have the mean 1/2, so that ranks of tasks with different n can be averaged.

    >>> ranks(np.array([[0.2, 0.1, 0.2, np.nan]]), np.array([[False, False, False, True]]))
    array([[0.5  , 0.125, 0.5  , 0.875]])
    """
    from scipy.stats import rankdata

    keyed = np.where(failed, np.inf, np.round(losses, TIE_DIGITS))
    ordered = rankdata(keyed, axis=1, nan_policy="omit")
    count = np.sum(~np.isnan(keyed), axis=1, keepdims=True)
    return np.where(np.isnan(keyed), np.nan, (ordered - 0.5) / np.maximum(count, 1))


def log_losses(losses: Floats, *, bounded: bool) -> Floats:
    """Return log(loss + 1 % of the scale) of losses (T, C), cut to [0, 10] scales, NaN where not evaluated.

    The scale is 1 for a metric with bounds, else the task's median loss.

    >>> log_losses(np.array([[0.09, 0.99, np.nan]]), bounded=True).round(3)
    array([[-2.303,  0.   ,    nan]])
    """
    scale = np.ones(len(losses)) if bounded else np.nan_to_num(reference_loss(losses, bounded=False), nan=1.0)
    scale = np.where(scale > 0, scale, 1.0)[:, None]
    return np.asarray(np.log(np.clip(losses / scale, 0.0, LARGEST_LOSS) + SMALLEST_LOSS) + np.log(scale))


def deviations(values: Floats, axis: int) -> Floats:
    """Return values less their means along an axis, NaN where unknown.

    >>> deviations(np.array([[1.0, 3.0], [np.nan, 5.0]]), axis=1)
    array([[-1.,  1.],
           [nan,  0.]])
    """
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=axis, keepdims=True)
    return np.where(known, values - total / np.maximum(known.sum(axis=axis, keepdims=True), 1), np.nan)


def weighted_sums(weights: Floats, values: Floats) -> Floats:
    """Return weights (T,) @ values (T, n), each column the same to the last bit whatever others there are.

    >>> weighted_sums(np.array([0.5, 0.5]), np.array([[1.0, 3.0], [2.0, 5.0]]))
    array([1.5, 4. ])
    """
    return np.asarray((np.ascontiguousarray(values.T) * weights).sum(axis=1))


def signed_log(values: Floats) -> Floats:
    """Return sign(x) ln(1 + |x|): sizes, counts and moments spread over many powers of ten come closer together.

    >>> signed_log(np.array([-1.0, 0.0, np.e - 1]))
    array([-0.69314718,  0.        ,  1.        ])
    """
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


@dataclass(frozen=True)
class RobustScaler:
    """Centre and scale of the signed logarithms of F meta-features, learned from past tasks.

    ``center`` is the median, ``scale`` half the interquartile range (1 where that is 0 but values differ, 0 where
    a meta-feature is constant or unknown, so that it counts for nothing).

    >>> scaler = RobustScaler.fit(np.expm1([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0]]))
    >>> scaler.transform(np.expm1([[1.0, 9.0], [np.nan, 7.0]])).round(12)
    array([[-2.,  0.],
           [nan,  0.]])
    """

    center: Floats
    scale: Floats

    @classmethod
    def fit(cls, meta_features: Floats) -> "RobustScaler":
        """Learn from an array (T, F); entries that are not finite are ignored."""
        known = signed_log(np.where(np.isfinite(meta_features), meta_features, np.nan)).T
        lower, median, upper = (_per_row(partial(np.nanpercentile, q=q), known) for q in (25, 50, 75))
        spread = (upper - lower) / 2
        low, high = _per_row(np.nanmin, known), _per_row(np.nanmax, known)
        scale = np.where(spread > 0, spread, np.where(high > low, 1.0, 0.0))
        return cls(np.nan_to_num(median), np.nan_to_num(scale))

    def transform(self, meta_features: Floats) -> Floats:
        """Return scaled meta-features (..., F), winsorised to +-3; what is not finite becomes NaN."""
        used = self.scale > 0
        known = signed_log(np.where(np.isfinite(meta_features), meta_features, np.nan))
        scaled = np.where(used, (known - self.center) / np.where(used, self.scale, 1.0), known * 0.0)
        return np.asarray(np.clip(scaled, -WINSOR_LIMIT, WINSOR_LIMIT))


def manhattan(x: Floats, others: Floats, weights: Floats) -> Floats:
    """Return the weighted mean absolute differences (T,) between x (F,) and rows (T, F), weights (F,) >= 0.

    Each is the mean over what both know: a difference that nobody knows is taken to be like the others of the pair
    (Gower, "A general coefficient of similarity and some of its properties", Biometrics 1971). Infinite where the two
    have nothing of weight in common.

    >>> rows = np.array([[0.0, 1.0], [1.0, 3.0], [np.nan, 3.0], [0.0, np.nan]])
    >>> manhattan(np.array([0.0, 1.0]), rows, np.array([3.0, 1.0]))
    array([0.  , 1.25, 2.  , 0.  ])
    """
    differences = np.abs(others - x)
    known = np.isfinite(differences)
    total = known @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, np.where(known, differences, 0.0) @ weights / total, np.inf)


def _per_row(statistic: Callable[..., Floats], rows: Floats) -> Floats:
    """Apply ``statistic(rows, axis=1)`` to the rows that hold a number; the others give NaN, without a warning."""
    result = np.full(len(rows), np.nan)
    known = ~np.isnan(rows).all(axis=1)
    if known.any():
        result[known] = statistic(rows[known], axis=1)
    return result
