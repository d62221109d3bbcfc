"""Random search: every order of the known configurations is equally likely.

Bergstra & Bengio, "Random search for hyper-parameter optimization", JMLR 2012: what anything learned must beat.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried


@dataclass(frozen=True)
class RandomSearch:
    """Draw configurations without replacement.

    >>> from metalearn.core.records import Configuration
    >>> a, b = Configuration("s", "a"), Configuration("s", "b")
    >>> past = MetaDataset.from_matrix([[0.3, 0.1]], ["openml-1"], [a, b])
    >>> fitted = RandomSearch().meta_fit(past, rng=np.random.default_rng(0))
    >>> len(fitted.recommend(Task("new", "new", "classification"), k=5))
    2
    """

    stochastic: ClassVar[bool] = True

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedRandomSearch":
        """Draw the order."""
        drawn = rng.permutation(len(meta_dataset.configurations))
        return FittedRandomSearch(PastTasks(meta_dataset), tuple(drawn.tolist()))


@dataclass(frozen=True, eq=False)
class FittedRandomSearch(Ordering):
    """The order that was drawn."""

    drawn: tuple[int, ...]

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations in the order drawn."""
        return np.array(self.drawn, dtype=np.int64)
