"""Multi-output forest: one forest on meta-features predicts what all configurations do on the new task.

Random forests with many outputs: Dumont, Maree, Wehenkel & Geurts, "Fast multi-class image annotation with random
subwindows and multiple output randomized trees", VISAPP 2009; the trees are extremely randomized (Geurts, Ernst &
Wehenkel, "Extremely randomized trees", Machine Learning 2006). Predicting the performance of every algorithm from
meta-features by regression: Bensusan & Kalousis, "Estimating the predictive accuracy of a classifier", ECML 2001.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, get_args

import numpy as np

from metalearn.core.completion import filled
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS
from metalearn.errors import InputError
from metalearn.recommenders.forest_ordering import ForestOrdering, grow
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask
from metalearn.recommenders.tried import Tried

Target = Literal["regret", "rank"]


@dataclass(frozen=True)
class MultiOutputForest:
    """Rank by the normalized regret, or the rank, that a forest predicts for each configuration; zero-shot.

    The outputs are the C regrets (or ranks) of a task; a tree splits tasks where that lowers their variance most,
    summed over the outputs, and a leaf predicts the mean of its tasks. What was not evaluated is estimated by offsets
    of its task and its configuration. A task without meta-features gets the mean over all past tasks. Configurations
    that no past task has evaluated come last.

    Raises:
        InputError: for an unknown target, or less than one tree.

    >>> from metalearn.core.records import Configuration
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> tasks = [Task(str(i), f"openml-{i}", "classification", meta_features={"x": float(i % 2)}) for i in range(20)]
    >>> losses = [[0.1, 0.2, 0.3] if i % 2 else [0.3, 0.2, 0.1] for i in range(20)]
    >>> past = MetaDataset.from_matrix(losses, tasks, [a, b, c], feature_names=["x"])
    >>> fitted = MultiOutputForest().meta_fit(past, rng=np.random.default_rng(0))
    >>> [fitted.recommend(task, k=1)[0].configuration.algorithm for task in tasks[:2]]
    ['c', 'a']
    """

    stochastic: ClassVar[bool] = True
    target: Target = "regret"
    n_trees: int = 100

    def __post_init__(self) -> None:
        if self.target not in get_args(Target) or self.n_trees < 1:
            known = ", ".join(get_args(Target))
            raise InputError(f"target is one of {known} and n_trees at least 1; got {self.target!r}, {self.n_trees}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedMultiOutputForest":
        """Grow the forest; its trees are what is drawn from ``rng``."""
        past = PastTasks(meta_dataset)
        forest = grow(past, outputs(past, self.target), self.n_trees, rng)
        return FittedMultiOutputForest(past, forest, self.target)


@dataclass(frozen=True, eq=False)
class FittedMultiOutputForest(ForestOrdering):
    """The forest, whose prediction is a weighted mean of the past tasks' outputs."""

    target: Target

    @cached_property
    def outputs(self) -> Floats:
        """The outputs (T, C) of the past tasks, without gaps."""
        return outputs(self.past, self.target)

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations by predicted regret or rank."""
        return by_prediction(self.past, self.weights(task, tried)[0] @ self.outputs)


def outputs(past: PastTasks, target: Target) -> Floats:
    """Return the past tasks' normalized regrets or ranks (T, C), estimates where they were not evaluated."""
    return filled(past.regrets if target == "regret" else past.ranks, rank=0)


def by_prediction(past: PastTasks, predicted: Floats) -> Integers:
    """Return all C configurations by predicted value (C,), the smallest first; those never evaluated come last."""
    return np.lexsort((np.round(predicted, TIE_DIGITS), ~past.evaluated))
