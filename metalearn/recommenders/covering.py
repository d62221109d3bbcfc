"""Lists in which each next configuration goes to what the ones before it leave open.

A past task wishes for a small regret, or to be among its own best; a configuration satisfies a wish with some chance
(explicit diversification of a ranking: Santos, Macdonald & Ounis, "Exploiting query reformulations for web search
result diversification", WWW 2010; the marginal gain of independent chances is that of Agrawal et al., WSDM 2009).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

# A second wish of each task: a regret of nearly nothing.
STRICTNESS = 10


def chances(regrets: Floats, ranks: Floats) -> Floats:
    """Return the chances (3, T, C) that a task finds its regret small, very small, or its rank among the best.

    ``regrets`` (T, C) lie in [0, 1]; ``ranks`` (T, C) in (0, 1), NaN where not evaluated.

    >>> chances(np.array([[0.0, 0.5]]), np.array([[0.25, 0.75]])).round(3).tolist()
    [[[1.0, 0.5]], [[1.0, 0.001]], [[0.5, 0.333]]]
    """
    return np.stack([1 - regrets, (1 - regrets) ** STRICTNESS, reciprocal_ranks(ranks)])


class Hedge:
    """An opinion (``opinions``): half that of a portfolio, half for diversity.

    The gain of a configuration is the mean of two shares, of what the choices so far have left open: of the smallest
    regrets (T, C), as in ``portfolio``, and of the wishes that have these ``chances`` (V, T, C), as in ``diversified``.
    The former trusts past tasks to the letter and is the better the more of them there are, the latter hedges.
    ``weights`` (T,) of the tasks sum to 1; ``tried`` (n,) is chosen already.

    >>> regrets = np.array([[0.0, 0.4, 1.0], [1.0, 0.5, 0.0]])
    >>> wishes = chances(regrets, np.array([[0.2, 0.5, 0.8], [0.8, 0.5, 0.2]]))
    >>> from metalearn.recommenders.opinions import pooled
    >>> hedge = Hedge(regrets, wishes, np.array([0.6, 0.4]), np.array([], dtype=int))
    >>> pooled([(hedge, 1.0)], np.array([True] * 3), 2)
    array([0, 2])
    """

    def __init__(self, regrets: Floats, chances: Floats, weights: Floats, tried: Integers) -> None:
        self.regrets, self.weights = regrets, weights
        self.chances = chances.reshape(len(chances) * len(regrets), regrets.shape[1])  # a wish a row
        self.best = regrets[:, tried].min(axis=1, initial=1.0)
        self.left = np.tile(weights, len(chances)) * np.prod(1 - self.chances[:, tried], axis=1)

    def gains(self) -> Floats:
        """Return what each configuration would gain now (C,)."""
        now = float(self.weights @ self.best)
        lowered = 1 - self.weights @ np.minimum(self.regrets, self.best[:, None]) / max(now, 1e-300)
        satisfied = self.left @ self.chances / max(float(self.left.sum()), 1e-300)
        return np.asarray(lowered * (now > 0) + satisfied)

    def choose(self, index: int) -> None:
        """Take a configuration for chosen."""
        self.best = np.minimum(self.best, self.regrets[:, index])
        self.left = self.left * (1 - self.chances[:, index])


def reciprocal_ranks(ranks: Floats) -> Floats:
    """Return 1 / (1 + rank), for ranks (T, C) in (0, 1) of C configurations; 0 where not evaluated.

    It counts how often a configuration is among a task's very best, where the mean rank would prefer one that is
    nowhere bad.

    >>> reciprocal_ranks(np.array([[0.25, 0.75], [np.nan, 0.25]]))
    array([[0.5       , 0.33333333],
           [0.        , 0.5       ]])
    """
    return np.asarray(np.where(np.isnan(ranks), 0.0, 1 / (1.5 + ranks * ranks.shape[1])))


def diversified(satisfaction: Floats, weights: Floats, eligible: Mask, tried: Integers, k: int) -> Integers:
    """Return at most k indices of eligible columns of satisfaction (W, C), greedily chosen given the tried ones.

    A wish of weight w is satisfied by each configuration independently with its chance, so each choice leaves it the
    weight w (1 - chance), and the next goes to what is left: the first counts on the whole neighbourhood, the others
    on the wishes that the choices so far do not serve. Equal gains go to the smaller index.

    >>> chances = np.array([[0.5, 0.4, 0.0], [0.5, 0.4, 0.0], [0.0, 0.0, 0.5]])
    >>> diversified(chances, np.array([0.3, 0.3, 0.4]), np.array([True] * 3), np.array([], dtype=int), 3)
    array([0, 2, 1])
    """
    left = weights * np.prod(1 - satisfaction[:, tried], axis=1)
    remaining = eligible.copy()
    chosen: list[int] = []
    for _ in range(min(k, int(eligible.sum()))):
        gains = np.where(remaining, np.round(left @ satisfaction / max(left.sum(), 1e-300), 12), -1.0)
        winner = int(gains.argmax())
        chosen.append(winner)
        remaining[winner] = False
        left = left * (1 - satisfaction[:, winner])
    return np.array(chosen, dtype=np.int64)
