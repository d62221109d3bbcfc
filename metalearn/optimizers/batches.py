"""Trials that are still running: what a model makes of them, so that the next proposal lies elsewhere.

Kriging believer and constant liar: Ginsbourger, Le Riche & Carraro, "Kriging is well-suited to parallelize
optimization", 2010. Local penalisation: Gonzalez, Dai, Hennig & Lawrence, "Batch Bayesian optimization via local
penalization", AISTATS 2016.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from scipy.special import log_ndtr

from metalearn.core.encoded_space import EncodedSpace, Floats

Predict = Callable[[Floats], tuple[Floats, Floats]]
Score = Callable[[Floats], Floats]
Batch = Literal["kriging_believer", "constant_liar", "local_penalization"]
BATCHES: tuple[str, ...] = get_args(Batch)

# The steepest slope is looked for between so many points drawn at random.
_N_SLOPES = 200


def lies(batch: Batch, believed: Callable[[Floats], Floats], loss: Floats, pending: Floats) -> Floats:
    """Return the losses (p,) to take for granted at pending rows (p, d).

    The kriging believer takes what is ``believed`` (p,) there, the constant liar the best of the losses (n,), the
    constant that Ginsbourger et al. found best.

    >>> lies("constant_liar", lambda X: X[:, 0], np.array([0.3, 0.1]), np.ones((2, 1)))
    array([0.1, 0.1])
    """
    if batch == "kriging_believer":
        return believed(pending)
    return np.full(len(pending), loss.min())


def penalized(
    log_score: Score, predict: Predict, best: float, pending: Floats, space: EncodedSpace, rng: np.random.Generator
) -> Score:
    """Return the logarithm of a positive acquisition function, lowered around pending rows (p, d).

    If the loss changes by at most ``slope`` a unit of distance, then the loss at a pending point, normal with its
    predicted mean and standard deviation, rules out the minimum ``best`` within a ball. The acquisition function is
    multiplied by the probability that a point lies outside each of these balls.
    """
    drawn = space.sample(_N_SLOPES, rng)
    slope = steepest(drawn, predict(drawn)[0], space)
    mean, std = predict(pending)

    def score(X: Floats) -> Floats:
        outside = (slope * space.distances(X, pending) - (mean - best)) / np.maximum(std, 1e-12)
        return np.asarray(log_score(X) + log_ndtr(outside).sum(axis=1))

    return score


def steepest(X: Floats, mean: Floats, space: EncodedSpace) -> float:
    """Return the largest slope of means (m,) between any two of the rows X (m, d): a Lipschitz constant from below."""
    apart = space.distances(X, X)
    rise = np.abs(mean[:, None] - mean)
    return float(np.max(rise / np.where(apart > 0, apart, np.inf), initial=0.0))
