"""A3R: the average rank of a measure that trades the success rate of a configuration for its time.

Abdulrahman, Brazdil, van Rijn & Vanschoren, "Speeding up algorithm selection using average ranking and active testing
by introducing runtime", Machine Learning 107, 2018. As an alternative to their exponent, the order of non-dominated
fronts: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import Metric
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS, deviations, ranks
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.runtime import SHORTEST
from metalearn.recommenders.tried import Tried

# A success rate or loss below this counts as this, so that it has a logarithm.
SMALLEST = 10.0**-TIE_DIGITS


@dataclass(frozen=True)
class LossTimeRank:
    """Rank by the mean over past tasks of the rank of (success rate) / (seconds)^``time_exponent``.

    The measure is A3R, a ratio of success rates over a ratio of times, whose reference drops out of the ranks. The
    exponent 1/64 is the one that its authors found best: a configuration may take twice as long if its success rate
    is 1 % higher. A time that is unknown counts as the task's geometric mean, so a task without costs counts with its
    losses alone. With ``pareto`` the order is by fronts that are not dominated in average rank and mean log seconds,
    within a front by average rank.

    Raises:
        InputError: when ``time_exponent`` is below 0 or no finite number.

    >>> from metalearn.core.records import Configuration
    >>> a, b = Configuration("s", "a"), Configuration("s", "b")
    >>> slow = MetaDataset.from_matrix([[0.1000, 0.1001]], ["openml-1"], [a, b], cost_seconds=np.array([[60.0, 1.0]]))
    >>> fitted = LossTimeRank().meta_fit(slow, rng=np.random.default_rng(0))
    >>> fitted.recommend(Task("new", "new", "classification"), k=1)[0].configuration.algorithm
    'b'
    """

    stochastic: ClassVar[bool] = False
    time_exponent: float = 1 / 64
    pareto: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.time_exponent < np.inf:
            raise InputError(f"time_exponent must be a finite number of at least 0; got {self.time_exponent}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedLossTimeRank":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedLossTimeRank(PastTasks(meta_dataset), self.time_exponent, self.pareto)


@dataclass(frozen=True, eq=False)
class FittedLossTimeRank(Ordering):
    """The order of the average ranks or of the fronts, the same for every task."""

    time_exponent: float
    pareto: bool

    @cached_property
    def seconds(self) -> Floats:
        """The mean relative logarithms of seconds (C,) over past tasks, 0 where they are never known."""
        seconds = relative_log_seconds(self.past.costs)
        return np.asarray(np.nansum(seconds, axis=0) / np.maximum(np.isfinite(seconds).sum(axis=0), 1))

    @cached_property
    def rank(self) -> Floats:
        """The average ranks (C,): with ``pareto`` of the loss, else of A3R."""
        if self.pareto:
            return average_rank(self.past.ranks)
        seconds = np.nan_to_num(relative_log_seconds(self.past.costs))
        success = log_success(self.past.losses, self.past.meta_dataset.metric)
        return average_rank(ranks(self.time_exponent * seconds - success, self.past.failed))

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations in their order."""
        if not self.pareto:
            return np.argsort(self.rank, kind="stable")
        # What was tried stays in its front, so that asking one at a time gives the list that asking once gives.
        pool = eligible.copy()
        pool[tried.indices] = True
        return np.lexsort((self.rank, fronts(self.rank, self.seconds, pool)))


def log_success(losses: Floats, metric: Metric) -> Floats:
    """Return the logarithms of success rates for losses of any shape, NaN where these are.

    The success rate is how much better a loss is than the metric's worst. An unbounded metric has no worst; there the
    ratio of two success rates is the inverse ratio of losses.

    >>> from metalearn.core.metrics import METRICS
    >>> np.exp(log_success(np.array([0.25, np.nan]), METRICS["accuracy"])).round(12)
    array([0.75,  nan])
    >>> np.exp(log_success(np.array([0.25, 0.5]), METRICS["rmse"])).round(12)
    array([4., 2.])
    """
    if not metric.bounded:
        return np.asarray(-np.log(np.maximum(losses, SMALLEST)))
    worst = metric.loss(metric.low if metric.direction == "maximize" else metric.high)
    return np.asarray(np.log(np.maximum(worst - losses, SMALLEST)))


def relative_log_seconds(costs: Floats) -> Floats:
    """Return the logarithms of costs (T, C) less their mean over the task's configurations, NaN where unknown.

    >>> relative_log_seconds(np.array([[1.0, np.e**2, np.nan], [np.nan] * 3])).round(12)
    array([[-1.,  1., nan],
           [nan, nan, nan]])
    """
    return deviations(np.log(np.maximum(costs, SHORTEST)), axis=1)


def fronts(first: Floats, second: Floats, pool: Mask) -> Integers:
    """Return the number (C,) of each point's front in the ``pool`` (C,), from 0; C for those that are not in it.

    Front 0 holds what no other point is at least as good as in both objectives and better in one; front 1 holds what
    this is true of once front 0 is gone, and so on. Both objectives (C,) are minimised.

    >>> fronts(np.array([1.0, 2.0, 3.0, 2.0]), np.array([3.0, 2.0, 3.0, 2.0]), np.array([True] * 4))
    array([0, 0, 1, 0])
    """
    points = np.round(np.stack([first, second], axis=1)[pool], TIE_DIGITS)
    different, which = np.unique(points, axis=0, return_inverse=True)
    # In the order of the first objective, a front dominates a point where its last member is as good in the second.
    last: list[float] = []
    front = np.zeros(len(different), dtype=np.int64)
    for i, value in enumerate(different[:, 1].tolist()):
        front[i] = bisect_right(last, value)
        last[front[i] : front[i] + 1] = [value]
    numbers = np.full(len(first), len(first))
    numbers[pool] = front[which.reshape(-1)]
    return numbers
