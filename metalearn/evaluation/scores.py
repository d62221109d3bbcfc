"""Scores over tasks, with intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_DRAWS = 2000


def bootstrap_interval(
    values: NDArray[np.float64], families: Sequence[str], rng: np.random.Generator, *, level: float = 0.95
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
