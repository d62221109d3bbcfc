"""Diverse configurations: each next one good, and unlike those before it.

Maximal marginal relevance: Carbonell & Goldstein, "The use of MMR, diversity-based reranking for reordering documents
and producing summaries", SIGIR 1998. Two configurations are alike where they do better and worse than usual on the same
past tasks, so that what one fails on, the other is likely to fail on too.
"""

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import TIE_DIGITS, deviations

Floats = NDArray[np.float64]

# How much of a choice is its relevance; the rest is how unlike it is (the paper's lambda, 0.7 once it is focused).
RELEVANCE_SHARE = 0.7


def profile_similarity(ranks: Floats) -> Floats:
    """Return the correlations (C, C) of configurations' ranks (T, C) about their means, over the tasks that both know.

    What nothing tells apart or together has similarity 0.

    >>> up = np.array([0.2, 0.5, 0.8])
    >>> profile_similarity(np.stack([up, up / 2, 1 - up, np.full(3, 0.5)], axis=1)).round(6) + 0
    array([[ 1.,  1., -1.,  0.],
           [ 1.,  1., -1.,  0.],
           [-1., -1.,  1.,  0.],
           [ 0.,  0.,  0.,  0.]])
    """
    known = np.isfinite(ranks)
    centred = np.where(known, deviations(ranks, axis=0), 0.0)
    squares = np.square(centred).T @ known
    scale = np.sqrt(squares * squares.T)
    return np.asarray(np.where(scale > 1e-12, centred.T @ centred / np.where(scale > 1e-12, scale, 1.0), 0.0))


def maximal_marginal_relevance(similarity: Floats, k: int) -> list[int]:
    """Return min(k, n) places of a list of n, the best first, such that each is good and unlike those before it.

    ``similarity`` (n, n) is that of the list's items, at most 1. The relevance of place i is 1 - i / n; chosen is next
    what has most of 0.7 relevance - 0.3 (largest similarity to what is chosen). Equal values go to the better place.
    The first of the list stays the first.

    >>> twins = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> maximal_marginal_relevance(twins, 3)
    [0, 2, 1]
    """
    n = len(similarity)
    relevance = RELEVANCE_SHARE * (1 - np.arange(n) / max(n, 1))
    nearest = np.full(n, -1.0)
    left = np.ones(n, dtype=bool)
    chosen: list[int] = []
    for _ in range(min(k, n)):
        value = np.round(relevance - (1 - RELEVANCE_SHARE) * nearest, TIE_DIGITS)
        best = int(np.where(left, value, -np.inf).argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, similarity[best])
    return chosen
