"""Multi-output forest: one forest on meta-features predicts what all configurations do on the new task.

Random forests with many outputs: Dumont, Maree, Wehenkel & Geurts, "Fast multi-class image annotation with random
subwindows and multiple output randomized trees", VISAPP 2009; the trees are extremely randomized (Geurts, Ernst &
Wehenkel, "Extremely randomized trees", Machine Learning 2006). Predicting the performance of every algorithm from
meta-features by regression: Bensusan & Kalousis, "Estimating the predictive accuracy of a classifier", ECML 2001.
"""

import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Self, get_args

import numpy as np

from metalearn.core.completion import filled
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS
from metalearn.errors import InputError
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering, PastTasks, Tried
from metalearn.recommenders.task_forest import TaskForest

Target = Literal["regret", "rank"]
_OWN_FIELDS = "recommender.json"


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
class ForestOrdering(Ordering):
    """Past tasks, weighted by how often they share a leaf with the new one; subclasses say what is made of them.

    The forest is None where no past task has meta-features; it is saved as Parquet, beside the past tasks.
    """

    forest: TaskForest | None

    @cached_property
    def described(self) -> Integers:
        """The indices of the past tasks that have meta-features, which the forest was grown on."""
        return np.flatnonzero(self.past.meta_dataset.described)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return the forest's weights (T,) of the past tasks, and distances (T,): 1 - the forest's proximity."""
        weights, distances = super().weights(task, tried)
        if self.forest is not None and self.past.knows(task):
            own = self.past.meta_features_of(task)
            weights = np.zeros(len(weights))
            weights[self.described] = self.forest.weights(own)
            distances[self.described] = 1 - self.forest.proximity(own)
        return weights, distances

    def save_learned(self, folder: Path) -> None:
        """Write the forest and this method's own fields into ``folder``, which exists."""
        if self.forest is not None:
            self.forest.save(folder)
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("past", "forest")}
        (folder / _OWN_FIELDS).write_text(json.dumps(own), encoding="utf-8")

    @classmethod
    def load_learned(cls, folder: Path, past: PastTasks) -> Self:
        """Read what ``save_learned`` wrote of these past tasks."""
        described = past.meta_dataset.described
        forest = TaskForest.load(folder, past.meta_dataset.meta_features[described]) if described.any() else None
        own = json.loads((folder / _OWN_FIELDS).read_text(encoding="utf-8"))
        return cls(past, forest, **own)


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


def grow(past: PastTasks, outputs: Floats, n_trees: int, rng: np.random.Generator) -> TaskForest | None:
    """Return a forest from the meta-features of the past tasks to their outputs (T, q), None where there is nothing.

    Each tree is grown on a part of the families (``task_forest``).
    """
    described = past.meta_dataset.described
    if not described.any():
        return None
    names = np.array([task.family for task in past.meta_dataset.tasks])[described]
    families = np.unique(names, return_inverse=True)[1]
    features = past.meta_dataset.meta_features[described]
    return TaskForest.grow(features, outputs[described], families, n_trees, rng)


def outputs(past: PastTasks, target: Target) -> Floats:
    """Return the past tasks' normalized regrets or ranks (T, C), estimates where they were not evaluated."""
    return filled(past.regrets if target == "regret" else past.ranks, rank=0)


def by_prediction(past: PastTasks, predicted: Floats) -> Integers:
    """Return all C configurations by predicted value (C,), the smallest first; those never evaluated come last."""
    unknown = np.isnan(past.ranks).all(axis=0)
    return np.lexsort((np.round(predicted, TIE_DIGITS), unknown))
