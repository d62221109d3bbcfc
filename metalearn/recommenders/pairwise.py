"""Pairwise classification: for each pair of configurations, which wins on the new task; then all pairs vote.

Sun & Pfahringer, "Pairwise meta-rules for better meta-learning-based algorithm ranking", Machine Learning 2013;
Leite & Brazdil, "Active testing strategy to predict the best classification algorithm via sampling and metalearning",
ECAI 2010. All classifiers share the trees of one forest, as the approximate ranking trees of Sun & Pfahringer do:
C (C - 1) / 2 forests would be too many, and a leaf has a class distribution for each pair anyway. Every classifier
casts one vote (Huellermeier, Fuernkranz, Cheng & Brinker, "Label ranking by learning pairwise preferences", Artificial
Intelligence 2008; the count is Copeland's): shares of a win, added up, would be the mean ranks again.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS
from metalearn.errors import InputError
from metalearn.recommenders.forest_ordering import ForestOrdering, grow
from metalearn.recommenders.multi_output_forest import outputs
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask
from metalearn.recommenders.tried import Tried

# All past tasks together have that share of each vote: it decides pairs that no task like the new one has evaluated.
UNIFORM_SHARE = 0.05
# So many configurations take part, those of the best mean rank on tasks like the new one; the others follow by it.
MAX_CONTESTANTS = 1000


@dataclass(frozen=True)
class PairwiseVotes:
    """Rank by the number of configurations that a configuration is expected to beat on the new task; zero-shot.

    A past task weighs as often as it shares a leaf with the new one, in trees that split tasks by meta-features where
    their rankings differ. For a pair of configurations, the past tasks that evaluated both vote with their weights: a
    smaller loss is a win, an equal one half a win for both, and so are two failures. What has more than half of the
    weight is predicted to win. Equal numbers of predicted wins go to the larger sum of margins. A task without
    meta-features gets the votes of all past tasks alike. Configurations that no past task has evaluated come last.

    A recommendation compares all pairs on all past tasks: some 40 ms for 219 configurations and 312 tasks. Of more than
    1,000 configurations only the 1,000 of the best predicted rank take part in the vote.

    Raises:
        InputError: for less than one tree.

    >>> from metalearn.core.records import Configuration
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> tasks = [Task(str(i), f"openml-{i}", "classification", meta_features={"x": float(i % 2)}) for i in range(20)]
    >>> losses = [[0.1, 0.2, 0.3] if i % 2 else [0.3, 0.2, 0.1] for i in range(20)]
    >>> past = MetaDataset.from_matrix(losses, tasks, [a, b, c], feature_names=["x"])
    >>> fitted = PairwiseVotes().meta_fit(past, rng=np.random.default_rng(0))
    >>> [fitted.recommend(task, k=1)[0].configuration.algorithm for task in tasks[:2]]
    ['c', 'a']
    """

    stochastic: ClassVar[bool] = True
    n_trees: int = 200

    def __post_init__(self) -> None:
        if self.n_trees < 1:
            raise InputError(f"n_trees must be at least 1; got {self.n_trees}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedPairwiseVotes":
        """Grow the trees; they are what is drawn from ``rng``."""
        past = PastTasks(meta_dataset)
        return FittedPairwiseVotes(past, grow(past, outputs(past, "rank"), self.n_trees, rng))


@dataclass(frozen=True, eq=False)
class FittedPairwiseVotes(ForestOrdering):
    """The forest, whose leaves hold the classifiers of all pairs."""

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations by predicted wins."""
        ranks = self.past.ranks
        weights = self.weights(task, tried)[0]
        weights = (1 - UNIFORM_SHARE) * weights + UNIFORM_SHARE / max(len(weights), 1)
        unknown = ~self.past.evaluated
        expected = weights @ np.nan_to_num(ranks, nan=0.5)
        contestants = np.lexsort((expected, unknown))
        first = np.sort(contestants[:MAX_CONTESTANTS])
        wins, margins = votes(ranks[:, first], weights)
        best = first[np.lexsort((-np.round(margins, TIE_DIGITS), -wins, unknown[first]))]
        return np.concatenate([best, contestants[MAX_CONTESTANTS:]])


def votes(ranks: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return predicted wins less defeats (C,) and sums of margins (C,), from ranks (T, C) and weights (T,) of tasks.

    The margin of a pair is the weight of the tasks where the first ranks before the second, less that of the others,
    as a share of the weight of the tasks that evaluated both (NaN: not evaluated); its sign is the predicted winner.

    >>> ranks = np.array([[0.1, 0.5, 0.9], [0.1, 0.5, np.nan], [0.5, 0.1, 0.9]])
    >>> wins, margins = votes(ranks, np.array([0.5, 0.1, 0.4]))
    >>> wins, margins.round(2)
    (array([ 2.,  0., -2.]), array([ 1.2,  0.8, -2. ]))
    """
    wins = np.zeros((ranks.shape[1], ranks.shape[1]))
    for row, weight in zip(ranks, weights, strict=True):
        if weight > 0:
            wins += weight * (row[:, None] < row)
    known = np.isfinite(ranks).astype(np.float64)
    met = (known.T * weights) @ known
    margin = (wins - wins.T) / np.where(met > 0, met, 1.0)
    return np.sign(np.round(margin, TIE_DIGITS)).sum(axis=1), margin.sum(axis=1)
