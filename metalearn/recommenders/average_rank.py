"""Average rank: the configurations that rank best on average over past tasks.

Brazdil & Soares, "A comparison of ranking methods for classification algorithm selection", ECML 2000. It ignores
what the new task is like: the baseline that a method with meta-features has to beat.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

# One imaginary task on which every configuration ranks in the middle, so that one that won its only task
# does not pass for the best of all; where every configuration was evaluated everywhere, it changes nothing.
PRIOR_TASKS, PRIOR_RANK = 1.0, 0.5


@dataclass(frozen=True)
class AverageRank:
    """Rank by the mean over past tasks of the rank within the task; a failure ranks last.

    >>> from metalearn.core.records import Configuration
    >>> a, b = Configuration("s", "a"), Configuration("s", "b")
    >>> losses = [[0.3, 0.1], [0.2, 0.1], [0.1, 0.2]]
    >>> past = MetaDataset.from_matrix(losses, ["openml-1", "openml-2", "openml-3"], [a, b])
    >>> fitted = AverageRank().meta_fit(past, rng=np.random.default_rng(0))
    >>> fitted.recommend(Task("new", "new", "classification"), k=1)[0].configuration.algorithm
    'b'
    """

    stochastic: ClassVar[bool] = False

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedAverageRank":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedAverageRank(PastTasks(meta_dataset))


@dataclass(frozen=True, eq=False)
class FittedAverageRank(Ordering):
    """The order of the average ranks, the same for every task."""

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations by average rank."""
        return np.argsort(average_rank(self.past.ranks), kind="stable")


def average_rank(ranks: Floats) -> Floats:
    """Return the average rank (C,) over tasks of ranks (T, C), NaN where not evaluated.

    >>> average_rank(np.array([[0.25, 1.0], [0.25, np.nan]]))
    array([0.33333333, 0.75      ])
    """
    total = np.nansum(ranks, axis=0) + PRIOR_TASKS * PRIOR_RANK
    return np.asarray(np.round(total / (np.sum(~np.isnan(ranks), axis=0) + PRIOR_TASKS), 12))
