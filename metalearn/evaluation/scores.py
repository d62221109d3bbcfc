"""Scores of recommended lists, one function each, over all tasks at once; and their intervals over tasks.

``chosen`` (..., T, K) holds the K configurations recommended on each of T tasks, as columns of what is known of C
configurations (T, C), -1 where a list has ended. The scores are those after 1, ..., K recommendations (..., T, K).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import TIE_DIGITS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_DRAWS = 2000
# A task is solved with a normalized regret of at most this.
SOLVED = 0.01


def best_so_far(values: Floats, chosen: Integers, start: Floats | float = 1.0) -> Floats:
    """Return the smallest value among the configurations chosen so far, at most ``start`` ((T,), or one for all).

    With normalized regrets as values this is simple regret (Bubeck, Munos & Stoltz, "Pure exploration in
    multi-armed bandits problems", ALT 2009); with ranks as values, the rank of the best so far.

    >>> best_so_far(np.array([[0.7, 0.0, 0.2]]), np.array([[0, 2, -1]]))
    array([[0.7, 0.2, 0.2]])
    """
    first = np.broadcast_to(np.asarray(start, dtype=np.float64), chosen.shape[-2:-1])[:, None]
    return np.minimum.accumulate(np.where(chosen < 0, first, np.minimum(_of_chosen(values, chosen), first)), axis=-1)


def solved(regrets: Floats, tolerance: float = SOLVED) -> Floats:
    """Return 1 where a normalized regret is within ``tolerance`` of the best configuration, else 0; NaN stays.

    The mean over tasks is the share of tasks solved (a data profile at one tolerance: Moré & Wild, "Benchmarking
    derivative-free optimization algorithms", SIAM J. Optimization 2009).

    >>> solved(np.array([0.5, 0.01, np.nan]))
    array([ 0.,  1., nan])
    """
    return np.where(np.isnan(regrets), np.nan, np.round(regrets, TIE_DIGITS) <= tolerance)


def ndcg(relevance: Floats, chosen: Integers) -> Floats:
    """Return the normalized discounted cumulative gain of the lists: 1 for the best configurations, the best first.

    The gain is the relevance (T, C) itself, NaN where there is none, and the i-th of a list is discounted by
    log2(i + 1): Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 2002. NaN where
    nothing is relevant.

    >>> ndcg(np.array([[1.0, 0.0, 0.5]]), np.array([[2, 0, 1]])).round(3)
    array([[0.5 , 0.86, 0.86]])
    """
    length = chosen.shape[-1]
    discount = 1 / np.log2(np.arange(2, length + 2))
    gain = np.where(chosen < 0, 0.0, _of_chosen(relevance, chosen)) * discount
    best = -np.sort(-np.nan_to_num(relevance), axis=1)[:, :length]
    ideal = np.cumsum(np.pad(best, ((0, 0), (0, length - best.shape[1]))) * discount, axis=1)
    return np.where(ideal > 0, np.cumsum(gain, axis=-1) / np.where(ideal > 0, ideal, 1.0), np.nan)


def regret_time_area(regrets: Floats, seconds: Floats, chosen: Integers) -> Floats:
    """Return the area under the regret-time curve of the lists cut after 1, ..., K recommendations, in [0, 1].

    Regret is 1 until the first configuration has run, and that of the best so far from then on; the area is its mean
    over the logarithm of the seconds, from those of the task's cheapest configuration to those of all its
    configurations together (the mean interval loss of Abdulrahman, Brazdil, van Rijn & Vanschoren, "Speeding up
    algorithm selection using average ranking and active testing by introducing runtime", Machine Learning 2018).

    ``regrets`` and ``seconds`` have shape (T, C), NaN where not evaluated. NaN on tasks where the seconds of an
    evaluated configuration are not known, or there are no seconds to tell apart.

    >>> regret_time_area(np.array([[0.0, 0.5]]), np.array([[90.0, 10.0]]), np.array([[1, 0]])).round(3)
    array([[0.5, 0.5]])
    """
    evaluated = np.isfinite(regrets)
    positive = np.where(evaluated & (seconds > 0), seconds, np.inf)
    low, high = positive.min(axis=1, initial=np.inf), np.where(evaluated, seconds, 0.0).sum(axis=1)
    usable = np.isfinite(low) & (high > low)
    low, high = np.where(usable, low, 1.0)[:, None], np.where(usable, high, np.e)[:, None]
    spent = np.cumsum(np.where(chosen < 0, 0.0, np.nan_to_num(_of_chosen(seconds, chosen))), axis=-1)
    at = np.log(np.clip(spent, low, high) / low) / np.log(high / low)
    best = best_so_far(regrets, chosen)
    steps = np.diff(at, axis=-1, prepend=0.0) * _shifted(best)
    return np.where(usable[:, None], np.cumsum(steps, axis=-1) + best * (1 - at), np.nan)


def known_seconds(seconds: Floats, failed: NDArray[np.bool_]) -> Floats:
    """Return seconds (T, C) in which a failure that was not timed costs as much as the task's most expensive run.

    >>> known_seconds(np.array([[1.0, 4.0, np.nan]]), np.array([[False, False, True]]))
    array([[1., 4., 4.]])
    """
    largest = np.fmax.reduce(seconds, axis=1, keepdims=True, initial=-np.inf)
    return np.where(failed & np.isnan(seconds), np.where(np.isfinite(largest), largest, np.nan), seconds)


def log_k_weights(ks: Sequence[int] | Integers) -> Floats:
    """Return weights (n,) whose product with values at n increasing k is their mean over log k, by trapezoids.

    >>> log_k_weights([1, 10, 100])
    array([0.25, 0.5 , 0.25])
    """
    if len(ks) == 1:
        return np.ones(1)
    points = np.log(np.asarray(ks, dtype=np.float64))
    return np.asarray(np.convolve(np.diff(points), [0.5, 0.5]) / (points[-1] - points[0]))


def area_over_log_k(values: Floats, ks: Sequence[int] | Integers) -> Floats:
    """Return the mean over log k of values (..., n) at n increasing k, from the first k to each (..., n).

    >>> area_over_log_k(np.array([0.4, 0.2, 0.0]), [1, 10, 100])
    array([0.4, 0.3, 0.2])
    """
    areas = [values[..., : n + 1] @ log_k_weights(ks[: n + 1]) for n in range(len(ks))]
    return np.stack(areas, axis=-1)


def bootstrap_interval(
    values: Floats, families: Sequence[str], rng: np.random.Generator, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of values (T,), drawing whole families 2,000 times.

    Tasks of one family are no independent evidence, so families are what is drawn (Efron & Tibshirani, 1993, ch. 13;
    the cluster bootstrap of Davison & Hinkley, 1997, section 3.8).

    >>> bootstrap_interval(np.array([0.1, 0.1]), ["a", "b"], np.random.default_rng(0))
    (0.1, 0.1)
    """
    _, family = np.unique(np.asarray(families), return_inverse=True)
    sums, sizes = np.bincount(family, values), np.bincount(family)
    drawn = rng.integers(len(sizes), size=(N_DRAWS, len(sizes)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return round(float(low), 12), round(float(high), 12)


def _of_chosen(values: Floats, chosen: Integers) -> Floats:
    """Return the values (..., T, K) of the chosen configurations; where there is none, those of some other."""
    rows = np.arange(chosen.shape[-2])[:, None]
    return values[rows, np.maximum(chosen, 0)]


def _shifted(best: Floats) -> Floats:
    """Return what was the best before each recommendation: nothing, then the one before."""
    return np.concatenate([np.ones_like(best[..., :1]), best[..., :-1]], axis=-1)
