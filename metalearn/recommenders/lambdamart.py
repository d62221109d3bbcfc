"""LambdaMART: boosted trees that learn to rank configurations from the meta-features of the task.

Burges, "From RankNet to LambdaRank to LambdaMART: an overview", MSR-TR-2010-82; as a zero-shot recommender of
configurations, with a task as the query and its configurations as the documents.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from metalearn.core.configuration_table import is_number
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

# The normalized regrets that part the grades of relevance: 0 up to the first of them is the best grade.
GRADE_LIMITS = (0.01, 0.03, 0.06, 0.1, 0.2, 0.4)
# Fixed, so that the same evaluations give the same trees on every machine.
_FIXED = {
    "objective": "lambdarank",
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "max_bin": 63,
    "min_sum_hessian_in_leaf": 1e-9,
    "lambdarank_truncation_level": 20,
    "max_cat_threshold": 16,
}


@dataclass(frozen=True)
class LambdaMart:
    """Rank by trees over meta-features and configurations, boosted towards NDCG; zero-shot.

    A row is a configuration on a past task: the task's meta-features, the configuration's algorithm, hyperparameters
    and average rank over past tasks, and as its relevance the grade of its normalized regret there. Meta-features that
    a task has not are missing to the trees; a task without any gets what is good then. Configurations that no past
    task has evaluated come last; without anything to learn, the order is that of the average ranks.

    >>> from metalearn.core.records import Configuration
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> tasks = [Task(str(i), f"openml-{i}", "classification", meta_features={"x": float(i % 2)}) for i in range(20)]
    >>> losses = [[0.1, 0.2, 0.3] if i % 2 else [0.3, 0.2, 0.1] for i in range(20)]
    >>> past = MetaDataset.from_matrix(losses, tasks, [a, b, c], feature_names=["x"])
    >>> fitted = LambdaMart().meta_fit(past, rng=np.random.default_rng(0))
    >>> [fitted.recommend(task, k=1)[0].configuration.algorithm for task in tasks[:2]]
    ['c', 'a']
    """

    stochastic: ClassVar[bool] = False
    n_trees: int = 100
    n_leaves: int = 31
    learning_rate: float = 0.05

    def __post_init__(self) -> None:
        if self.n_trees < 1 or self.n_leaves < 2 or not self.learning_rate > 0:
            raise InputError(f"n_trees must be at least 1, n_leaves at least 2, learning_rate above 0; got {self}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedLambdaMart":  # noqa: ARG002
        """Boost the trees; nothing is drawn from ``rng``."""
        past = PastTasks(meta_dataset)
        known = np.isfinite(past.regrets)
        if not known.any():
            return FittedLambdaMart(past, "")
        return FittedLambdaMart(past, self._boosted(past, known))

    def _boosted(self, past: PastTasks, known: Mask) -> str:
        import lightgbm

        task, configuration = np.nonzero(known)
        described = described_configurations(past)
        X = np.hstack([past.meta_dataset.meta_features[task], described[configuration]])
        best = len(GRADE_LIMITS)
        grades = best - np.searchsorted(GRADE_LIMITS, past.regrets[known])
        rows = lightgbm.Dataset(
            np.where(np.isfinite(X), X, np.nan),
            grades,
            group=known.sum(axis=1)[known.any(axis=1)],
            categorical_feature=[len(past.meta_dataset.feature_names)],  # the algorithm
            params={"max_bin": _FIXED["max_bin"], "verbosity": -1},
        )
        options = {"num_leaves": self.n_leaves, "learning_rate": self.learning_rate}
        leaf = {"min_data_in_leaf": max(3, min(20, len(X) // 50)), "cat_smooth": 1.0, "min_data_per_group": 3}
        booster = lightgbm.train(_FIXED | options | leaf, rows, num_boost_round=self.n_trees)
        return str(booster.model_to_string())


@dataclass(frozen=True, eq=False)
class FittedLambdaMart(Ordering):
    """The trees, as LightGBM's text, and the past tasks; the text is empty where there was nothing to learn."""

    model: str

    @cached_property
    def booster(self) -> Any:
        """The trees."""
        import lightgbm

        return lightgbm.Booster(model_str=self.model)

    @cached_property
    def described(self) -> Floats:
        """The configurations as the trees see them (C, d)."""
        return described_configurations(self.past)

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations by score; equal scores go to the better average rank, then the smaller id.

        Those that no past task has evaluated come last: trees do not extrapolate.
        """
        unknown = ~self.past.evaluated
        average = average_rank(self.past.ranks)
        if not self.model:
            return np.lexsort((average, unknown))
        own = self.past.meta_features_of(task)
        rows = np.hstack([np.tile(own, (len(self.described), 1)), self.described])
        scores = np.round(self.booster.predict(rows, num_threads=1), 12)
        return np.lexsort((average, -scores, unknown))


def described_configurations(past: PastTasks) -> Floats:
    """Return the C configurations as an array: algorithm code, average rank, and hyperparameters, NaN where inactive.

    A hyperparameter has a column of its numbers and one of codes for its other values, as far as it takes such.

    >>> from metalearn.core.records import Configuration
    >>> pool = [Configuration("s", "svc", {"C": 2.0, "gamma": "auto"}), Configuration("s", "svc", {"C": 1.0})]
    >>> described = described_configurations(PastTasks(MetaDataset.from_matrix([[0.1, 0.2]], ["openml-1"], pool)))
    >>> described[np.argsort(described[:, 2]), 2:]
    array([[ 1., nan],
           [ 2.,  0.]])
    """
    configurations = past.configurations
    algorithms = sorted({c.algorithm for c in configurations})
    columns = [np.array([algorithms.index(c.algorithm) for c in configurations], dtype=np.float64)]
    columns.append(average_rank(past.ranks))
    for name in sorted({name for c in configurations for name in c.hyperparameters}):
        columns += _hyperparameter_columns(configurations, name)
    return np.stack(columns, axis=1)


def _hyperparameter_columns(configurations: Sequence[Configuration], name: str) -> list[Floats]:
    numbers, codes = np.full((2, len(configurations)), np.nan)
    texts: dict[int, str] = {}
    for i, configuration in enumerate(configurations):
        if name in configuration.hyperparameters:
            value = configuration.hyperparameters[name]
            if is_number(value):
                numbers[i] = value
            else:
                texts[i] = json.dumps(value)
    known = sorted(set(texts.values()))
    for i, text in texts.items():
        codes[i] = known.index(text)
    return [column for column in (numbers, codes) if np.isfinite(column).any()]
