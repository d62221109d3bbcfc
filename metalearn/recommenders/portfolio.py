"""Greedy portfolio: k configurations such that on most past tasks at least one of them is good.

Each step adds the configuration that lowers most the mean over past tasks of the smallest normalized regret so far.
The objective is submodular, so the greedy list is within 1 - 1/e of the best one (Nemhauser, Wolsey & Fisher, 1978);
as a warm start: Wistuba et al., "Sequential model-free hyperparameter tuning", ICDM 2015; Feurer et al. (PoSH
auto-sklearn), AutoML workshop at ICML 2018.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

# So many gains are computed at a time.
_BLOCK = 32


@dataclass(frozen=True)
class GreedyPortfolio:
    """Greedily minimise the mean over past tasks of the best normalized regret within k.

    >>> from metalearn.core.records import Configuration
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> losses = [[0.0, 1.0, 0.1], [1.0, 0.0, 0.9], [0.0, 1.0, 0.1]]
    >>> past = MetaDataset.from_matrix(losses, ["openml-1", "openml-2", "openml-3"], [a, b, c])
    >>> fitted = GreedyPortfolio().meta_fit(past, rng=np.random.default_rng(0))
    >>> [r.configuration.algorithm for r in fitted.recommend(Task("new", "new", "classification"), k=2)]
    ['a', 'b']
    """

    stochastic: ClassVar[bool] = False

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedPortfolio":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedPortfolio(PastTasks(meta_dataset))


@dataclass(frozen=True, eq=False)
class FittedPortfolio(Ordering):
    """The portfolio, built from what is eligible and on top of what was tried already."""

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return the k configurations of the portfolio, in the order in which they were added."""
        return greedy_portfolio(self.past.known_regrets, eligible, tried.indices, k)

    def order_by_price(self, task: Task, eligible: Mask, tried: Tried, k: int, price: Floats) -> Integers:  # noqa: ARG002
        """Return the k configurations of the portfolio that is built by what is gained for the price."""
        return greedy_portfolio(self.past.known_regrets, eligible, tried.indices, k, price=price)


def greedy_portfolio(
    regrets: Floats,
    eligible: Mask,
    tried: Integers,
    k: int,
    weights: Floats | None = None,
    price: Floats | None = None,
) -> Integers:
    """Return at most k indices of eligible columns of regrets (T, C), greedily chosen given the tried ones.

    ``weights`` (T,) of the tasks sum to 1; by default they are equal. With a ``price`` (C,), such as seconds, gains
    are for the price (Streeter & Golovin, "An online algorithm for maximizing submodular functions", NIPS 2008). Equal
    gains go to the smaller mean regret, then to the smaller index. Evaluated lazily (Minoux 1978).

    >>> greedy_portfolio(np.array([[0.0, 0.4, 1.0], [1.0, 0.5, 0.0]]), np.array([True] * 3), np.array([], int), 3)
    array([1, 2, 0])
    """
    best = regrets[:, tried].min(axis=1, initial=1.0)
    if weights is None:
        weights = np.full(len(regrets), 1 / max(len(regrets), 1))
    price = np.ones(regrets.shape[1]) if price is None else price
    means = weights @ regrets

    def gains(indices: Integers) -> Floats:
        lowered = weights @ best - np.minimum(regrets.T[indices], best) @ weights
        return np.asarray(np.round(lowered / price[indices], TIE_DIGITS))

    remaining = np.flatnonzero(eligible)
    # No gain grows as others are chosen, so what would gain less from nothing need not be looked at.
    bounds = np.round((weights.sum() - means[remaining]) / price[remaining], TIE_DIGITS)
    chosen: list[int] = []
    while len(chosen) < k and len(remaining):
        order = np.lexsort((remaining, means[remaining], -bounds))
        remaining, bounds = remaining[order], bounds[order]
        looked, found = 0, -np.inf
        while looked < len(remaining) and bounds[looked] >= found:
            block = slice(looked, looked + _BLOCK)
            bounds[block] = gains(remaining[block])
            looked, found = looked + _BLOCK, max(found, float(bounds[block].max()))
        place = np.lexsort((remaining, means[remaining], -bounds))[0]
        winner = remaining[place]
        chosen.append(int(winner))
        best = np.minimum(best, regrets[:, winner])
        remaining, bounds = np.delete(remaining, place), np.delete(bounds, place)
    return np.array(chosen, dtype=np.int64)
