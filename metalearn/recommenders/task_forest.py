"""Which past tasks a new one is like: a forest that splits tasks by meta-features where their losses differ.

A past task weighs as often as it shares the leaf of the new one: Lin & Jeon, "Random forests and adaptive nearest
neighbors", JASA 2006; Meinshausen, "Quantile regression forests", JMLR 2006; for many outputs at once: Cevid, Michel,
Naef, Buehlmann & Meinshausen, "Distributional random forests", JMLR 2022. The trees are extremely randomized (Geurts,
Ernst & Wehenkel, Machine Learning 2006), each grown on a random 9/10 of the families, so that those left out can be
weighed as a new task would be.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import RobustScaler, deviations

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GROWN_SHARE = 0.9
MIN_LEAF = 2
# A node is split on the best of so many meta-features, each at a random threshold.
N_CANDIDATES = 40
# Of what the losses say, so many principal components of each view are split by.
N_COMPONENTS = 20
# Processors differ in the last digits of what follows, which would decide between splits that are equally good.
_DIGITS = 6
_NODES, _TREES = "forest_nodes.parquet", "forest_trees.parquet"


@dataclass(frozen=True, eq=False)
class TaskForest:
    """B trees over T tasks with F meta-features; the nodes (n,) of all trees stand one tree after the other.

    A node with ``feature`` -1 is a leaf; others send a task to ``left`` where its scaled meta-feature is at most the
    ``threshold``, else to ``right``. ``roots`` (B,) are the trees' first nodes, and ``grown`` (B, T) tells which tasks
    a tree was grown on. ``tasks`` (T, F) are the scaled meta-features, 0 where unknown.
    """

    scaler: RobustScaler
    tasks: Floats
    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    roots: Integers
    grown: NDArray[np.bool_]

    @classmethod
    def grow(
        cls, meta_features: Floats, outputs: Floats, families: NDArray[np.int64], n_trees: int, rng: np.random.Generator
    ) -> Self:
        """Grow trees on tasks with meta-features (T, F), NaN where unknown, outputs (T, q) and families (T,)."""
        from sklearn.tree import ExtraTreeRegressor

        scaler = RobustScaler.fit(meta_features)
        tasks = _scaled(scaler, meta_features)
        n_families = int(families.max(initial=-1)) + 1
        grown = np.zeros((n_trees, len(tasks)), dtype=bool)
        candidates = min(N_CANDIDATES, tasks.shape[1])
        nodes: list[tuple[Integers, Floats, Integers, Integers]] = []
        roots, n_nodes = np.zeros(n_trees, dtype=np.int64), 0
        for b in range(n_trees):
            used = rng.permutation(n_families)[: max(1, round(GROWN_SHARE * n_families))]
            grown[b] = np.isin(families, used)
            seed = int(rng.integers(2**31))
            tree = ExtraTreeRegressor(min_samples_leaf=MIN_LEAF, max_features=candidates, random_state=seed)
            grew = tree.fit(tasks[grown[b]], outputs[grown[b]]).tree_
            is_leaf = grew.children_left < 0
            children = (np.where(is_leaf, -1, c + n_nodes) for c in (grew.children_left, grew.children_right))
            nodes.append((np.where(is_leaf, -1, grew.feature), grew.threshold, *children))
            roots[b], n_nodes = n_nodes, n_nodes + grew.node_count
        feature, threshold, left, right = (np.concatenate(columns) for columns in zip(*nodes, strict=True))
        return cls(scaler, tasks, feature, threshold, left, right, roots, grown)

    def weights(self, meta_features: Floats) -> Floats:
        """Return the weights (T,) of the tasks for one with meta-features (F,), NaN where unknown; they sum to 1."""
        tree, task = self._together(meta_features)
        grown = self.grown[tree, task]
        tree, task = tree[grown], task[grown]
        weights = np.bincount(task, 1 / np.bincount(tree)[tree], len(self.tasks))
        return np.asarray(weights / max(weights.sum(), 1e-300))

    def proximity(self, meta_features: Floats) -> Floats:
        """Return the share (T,) of the trees in which each task has the leaf of one with meta-features (F,).

        Breiman, "Random forests", Machine Learning 2001.
        """
        return np.bincount(self._together(meta_features)[1], minlength=len(self.tasks)) / len(self.roots)

    def drivers(self, meta_features: Floats) -> Floats:
        """Return the shares (F,) of the meta-features in telling which tasks are like one with meta-features (F,).

        On the way to its leaf each split keeps some of the tasks that came so far; it tells log(tasks before / tasks
        after), and all splits of a way together log(tasks of the tree / tasks of the leaf). A share is that of the
        splits on a meta-feature, over all trees; they sum to 1, or are 0 where no tree splits.
        """
        scaled = np.vstack([_scaled(self.scaler, meta_features[None]), self.tasks])
        told = np.zeros(self.tasks.shape[1])
        at, alike = np.tile(self.roots, (len(scaled), 1)), self.grown.T
        while (inner := self.feature[at[0]] >= 0).any():
            before, feature = alike.sum(axis=0), self.feature[at[0]]
            at = self._step(at, scaled)
            alike = alike & (at[1:] == at[0])
            np.add.at(told, feature[inner], np.log(before / alike.sum(axis=0))[inner])
        return np.asarray(told / max(told.sum(), 1e-300))

    @cached_property
    def weights_of_tasks(self) -> "csr_array":
        """The weights (T, T) of the tasks, in each row for one of them, from the trees that were not grown on it.

        Sparse: few of many tasks share a leaf.
        """
        from scipy.sparse import csr_array

        task, first = self._by_leaf
        leaf = np.repeat(np.arange(len(self.feature)), np.diff(first))
        grown = self.grown[np.searchsorted(self.roots, leaf, side="right") - 1, task]
        shares = 1 / np.maximum(np.bincount(leaf[grown], minlength=len(self.feature)), 1)
        shape = len(self.tasks), len(self.feature)
        of_left_out = csr_array((shares[leaf[~grown]], (task[~grown], leaf[~grown])), shape)
        weights: csr_array = of_left_out @ csr_array((np.ones(grown.sum()), (task[grown], leaf[grown])), shape).T
        weights.data /= np.repeat(weights.sum(axis=1), np.diff(weights.indptr))
        return weights

    def save(self, folder: Path) -> None:
        """Write the trees into ``folder``, as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        nodes = {name: getattr(self, name) for name in ("feature", "threshold", "left", "right")}
        pq.write_table(pa.table(nodes), folder / _NODES)
        pq.write_table(pa.table({"root": self.roots, "grown": list(self.grown)}), folder / _TREES)

    @classmethod
    def load(cls, folder: Path, meta_features: Floats) -> Self:
        """Read what ``save`` wrote for tasks with these meta-features (T, F)."""
        import pyarrow.parquet as pq

        nodes, trees = pq.read_table(folder / _NODES), pq.read_table(folder / _TREES)
        scaler = RobustScaler.fit(meta_features)
        grown = np.array(trees["grown"].to_pylist(), dtype=bool).reshape(len(trees), len(meta_features))
        columns = {name: nodes[name].to_numpy() for name in nodes.column_names}
        return cls(scaler, _scaled(scaler, meta_features), roots=trees["root"].to_numpy(), grown=grown, **columns)

    def _together(self, meta_features: Floats) -> tuple[Integers, Integers]:
        """Return, tree by tree, which task has the leaf of one with meta-features (F,): trees (n,) and tasks (n,)."""
        leaves = self._leaves(_scaled(self.scaler, meta_features[None]))[0]
        found = [self._in_leaf(leaf) for leaf in leaves]
        return np.repeat(np.arange(len(found)), [len(tasks) for tasks in found]), np.concatenate(found)

    def _in_leaf(self, leaf: int) -> Integers:
        tasks, first = self._by_leaf
        return tasks[first[leaf] : first[leaf + 1]]

    @cached_property
    def _by_leaf(self) -> tuple[Integers, Integers]:
        """The tasks of all trees in the order of their leaves, and where each node's begin (n + 1,)."""
        leaves = self._leaves(self.tasks).T.ravel()
        order = np.argsort(leaves, kind="stable")
        return order % len(self.tasks), np.append(0, np.cumsum(np.bincount(leaves, minlength=len(self.feature))))

    def _leaves(self, scaled: Floats) -> Integers:
        """Return the leaf (m, B) of each row of scaled meta-features (m, F) in each tree."""
        at = np.tile(self.roots, (len(scaled), 1))
        while True:
            inner = self.feature[at] >= 0
            if not inner.any():
                return at
            at = self._step(at, scaled)

    def _step(self, at: Integers, scaled: Floats) -> Integers:
        """Return where the rows of scaled meta-features (m, F) go from their nodes (m, B); who is in a leaf stays."""
        feature = self.feature[at]
        # As in scikit-learn, whose trees compare in single precision.
        value = scaled[np.arange(len(scaled))[:, None], feature].astype(np.float32)
        below = np.where(value <= self.threshold[at], self.left[at], self.right[at])
        return np.where(feature >= 0, below, at)


def _scaled(scaler: RobustScaler, meta_features: Floats) -> Floats:
    """Return scaled meta-features (T, F); what is unknown is in the middle."""
    return np.nan_to_num(scaler.transform(meta_features))


def views(losses: Floats, ranks: Floats, regrets: Floats) -> Floats:
    """Return what tasks are told apart by (T, q): principal components of their log losses, ranks and regrets.

    Each view (T, C) is centred by configuration, NaN (not evaluated) counting as the mean, and scaled to a total
    variance of 1. ``losses`` are logarithms, which are centred by task first: how hard a task is does not matter.
    """
    components = np.hstack([_components(view) for view in (deviations(losses, axis=1), ranks, regrets)])
    return np.asarray(np.round(components, _DIGITS))


def _components(view: Floats) -> Floats:
    centred = np.nan_to_num(deviations(view, axis=0))
    # The smaller of the two products has the same eigenvalues.
    if len(view) <= view.shape[1]:
        squares, vectors = np.linalg.eigh(centred @ centred.T)
        components = vectors * np.sqrt(np.maximum(squares, 0.0))
    else:
        components = centred @ np.linalg.eigh(centred.T @ centred)[1]
    components = components[:, ::-1][:, :N_COMPONENTS]
    total = np.sum(centred**2, axis=1).sum() / max(len(centred), 1)
    return np.asarray(components / np.sqrt(total) if total > 0 else components)
