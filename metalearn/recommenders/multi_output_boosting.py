"""Multi-output boosting: trees on meta-features, boosted on what all configurations did, all in every leaf.

Zhang & Jung, "GBDT-MO: gradient-boosted decision trees for multiple outputs", IEEE Transactions on Neural Networks and
Learning Systems 2021: the square loss of all outputs chooses a split, so few tasks do not have to tell for each output
anew which meta-features matter. The outputs are principal components, which hold the same squares in fewer numbers.
Boosting by gradients: Friedman, "Stochastic gradient boosting", Computational Statistics & Data Analysis 2002; the
trees split at random thresholds (Geurts, Ernst & Wehenkel, "Extremely randomized trees", Machine Learning 2006).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import RobustScaler
from metalearn.errors import InputError
from metalearn.recommenders.multi_output_forest import by_prediction, outputs
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

# So many principal components of the regrets are boosted; the others are left at their means.
N_COMPONENTS = 20
# A tree sees that share of the tasks, tries that share of the meta-features at a node, and keeps so many in a leaf.
TASK_SHARE, FEATURE_SHARE, MIN_LEAF = 0.7, 0.5, 3
_DIGITS = 12
_NODES, _ROOTS, _OUTPUTS = "boosted_nodes.parquet", "boosted_roots.parquet", "boosted_outputs.parquet"


@dataclass(frozen=True)
class MultiOutputBoosting:
    """Rank by the normalized regret that boosted trees predict for each configuration; zero-shot.

    What was not evaluated is estimated by offsets of its task and its configuration. A meta-feature that a task has
    not is in the middle; a task without any gets the mean over all past tasks. Configurations that no past task has
    evaluated come last.

    Raises:
        InputError: for less than one tree, or a learning rate outside (0, 1].

    >>> from metalearn.core.records import Configuration
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> tasks = [Task(str(i), f"openml-{i}", "classification", meta_features={"x": float(i % 2)}) for i in range(20)]
    >>> losses = [[0.1, 0.2, 0.3] if i % 2 else [0.3, 0.2, 0.1] for i in range(20)]
    >>> past = MetaDataset.from_matrix(losses, tasks, [a, b, c], feature_names=["x"])
    >>> fitted = MultiOutputBoosting().meta_fit(past, rng=np.random.default_rng(0))
    >>> [fitted.recommend(task, k=1)[0].configuration.algorithm for task in tasks[:2]]
    ['c', 'a']
    """

    stochastic: ClassVar[bool] = True
    n_trees: int = 200
    learning_rate: float = 0.05

    def __post_init__(self) -> None:
        if self.n_trees < 1 or not 0 < self.learning_rate <= 1:
            raise InputError(f"n_trees must be at least 1 and learning_rate in (0, 1]; got {self}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedMultiOutputBoosting":
        """Boost the trees; the tasks and thresholds of each are drawn from ``rng``."""
        past = PastTasks(meta_dataset)
        described = meta_dataset.described
        if not described.any():
            return FittedMultiOutputBoosting(past, None)
        features = RobustScaler.fit(meta_dataset.meta_features).transform(meta_dataset.meta_features[described])
        values = outputs(past, "regret")[described]
        return FittedMultiOutputBoosting(
            past, BoostedTrees.boost(np.nan_to_num(features), values, self.n_trees, self.learning_rate, rng)
        )


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """B trees with vectors in their leaves, which add up; the nodes (n,) stand one tree after the other.

    A node with ``feature`` -1 is a leaf; others send x to ``left`` where its feature is at most the ``threshold``,
    else to ``right``. ``values`` (n, q) are what the leaves add, ``roots`` (B,) the trees' first nodes. A sum of
    leaves (q,) stands for the outputs ``mean`` (C,) + sum @ ``loadings`` (q, C).
    """

    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    values: Floats
    roots: Integers
    mean: Floats
    loadings: Floats

    @classmethod
    def boost(
        cls, features: Floats, outputs: Floats, n_trees: int, learning_rate: float, rng: np.random.Generator
    ) -> Self:
        """Fit trees from features (T, F), without NaN, to outputs (T, C), each to what those before it have left."""
        from sklearn.tree import ExtraTreeRegressor

        mean = outputs.mean(axis=0)
        _, _, components = np.linalg.svd(outputs - mean, full_matrices=False)
        # Last digits differ between machines and numbers of threads; they must not decide between equal splits.
        loadings = np.round(components[:N_COMPONENTS], _DIGITS)
        residual = np.round((outputs - mean) @ loadings.T, _DIGITS)
        trees, n_seen = [], max(1, round(TASK_SHARE * len(features)))
        options = {"min_samples_leaf": MIN_LEAF, "max_features": FEATURE_SHARE}
        for _ in range(n_trees):
            seen = rng.permutation(len(features))[:n_seen]
            tree = ExtraTreeRegressor(**options, random_state=int(rng.integers(2**31)))
            tree.fit(features[seen], residual[seen])
            residual = residual - learning_rate * tree.predict(features).reshape(residual.shape)
            trees.append(tree.tree_)
        roots = np.cumsum([0, *(t.node_count for t in trees[:-1])])
        return cls(
            np.concatenate([np.where(t.children_left < 0, -1, t.feature) for t in trees]),
            np.concatenate([t.threshold for t in trees]),
            np.concatenate([t.children_left + root for t, root in zip(trees, roots, strict=True)]),
            np.concatenate([t.children_right + root for t, root in zip(trees, roots, strict=True)]),
            learning_rate * np.concatenate([t.value[:, :, 0] for t in trees]),
            roots,
            mean,
            loadings,
        )

    def predict(self, features: Floats) -> Floats:
        """Return the outputs (C,) for features (F,) without NaN."""
        at = self.roots
        while (inner := self.feature[at] >= 0).any():
            # As in scikit-learn, whose trees compare in single precision.
            low = features[np.maximum(self.feature[at], 0)].astype(np.float32) <= self.threshold[at]
            at = np.where(inner, np.where(low, self.left[at], self.right[at]), at)
        return np.asarray(self.mean + self.values[at].sum(axis=0) @ self.loadings)

    def save(self, folder: Path) -> None:
        """Write the trees into ``folder``, as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        nodes = {name: getattr(self, name) for name in ("feature", "threshold", "left", "right")}
        pq.write_table(pa.table(nodes | {"values": list(self.values)}), folder / _NODES)
        pq.write_table(pa.table({"root": self.roots}), folder / _ROOTS)
        pq.write_table(pa.table({"mean": self.mean, "loadings": list(self.loadings.T)}), folder / _OUTPUTS)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        import pyarrow.parquet as pq

        nodes, of_outputs = pq.read_table(folder / _NODES), pq.read_table(folder / _OUTPUTS)
        columns = {name: nodes[name].to_numpy() for name in ("feature", "threshold", "left", "right")}
        return cls(
            **columns,
            values=np.array(nodes["values"].to_pylist()),
            roots=pq.read_table(folder / _ROOTS)["root"].to_numpy(),
            mean=of_outputs["mean"].to_numpy(),
            loadings=np.array(of_outputs["loadings"].to_pylist()).T.copy(),
        )


@dataclass(frozen=True, eq=False)
class FittedMultiOutputBoosting(Ordering):
    """The trees, None where no past task has meta-features, and the past tasks."""

    trees: BoostedTrees | None

    @cached_property
    def scaler(self) -> RobustScaler:
        """Centre and scale of the past tasks' meta-features."""
        return RobustScaler.fit(self.past.meta_dataset.meta_features)

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return all C configurations by predicted regret."""
        return by_prediction(self.past, self.predicted_regrets(task))

    def predicted_regrets(self, task: Task) -> Floats:
        """Return what is predicted (C,) for a task: of one without known meta-features, the mean over past tasks."""
        if self.trees is None or not self.past.knows(task):
            return np.asarray(outputs(self.past, "regret").sum(axis=0) / max(len(self.past.meta_dataset.tasks), 1))
        return self.trees.predict(np.nan_to_num(self.scaler.transform(self.past.meta_features_of(task))))

    def save_learned(self, folder: Path) -> None:
        """Write the trees into ``folder``, which exists."""
        if self.trees is not None:
            self.trees.save(folder)

    @classmethod
    def load_learned(cls, folder: Path, past: PastTasks) -> Self:
        """Read what ``save_learned`` wrote of these past tasks."""
        return cls(past, BoostedTrees.load(folder) if past.meta_dataset.described.any() else None)
