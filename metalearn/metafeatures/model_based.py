"""Model-based meta-features: the shape of a decision tree that fits the dataset without pruning.

Definitions as in Bensusan, Giraud-Carrier and Kennedy, "A higher-order approach to meta-learning" (ILP 2000), Peng,
Flach, Soares and Brazdil, "Improved dataset characterisation for meta-learning" (Discovery Science 2002), and
Filchenkov and Pendryak, "Datasets meta-feature description for recommending feature selection algorithm" (2015).

The tree is scikit-learn's (CART: Gini impurity, for a numeric target the squared error) with its defaults and seed 0.
Each column is one feature, so that measures per column mean columns: numbers with the mean for what is missing, and
nominal columns as their codes, where a missing value is one.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.encoding import filled, n_columns
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Integers, Table, centred

# A tree of more rows takes more time than it tells; of wide tables and of many classes fewer do.
MAX_ROWS = 5000
MAX_CELLS = 250_000
MIN_ROWS = 500
# Of wider tables so many random columns stand for all.
MAX_COLUMNS = 500
# The tree works in single precision and takes values within 1e-7 of each other for one.
_LEAST_WIDTH, _LARGEST, _LEAST_RELATIVE_WIDTH = 1e-3, 1e30, 1e-3

# Of a numeric target a millionth of the largest deviation is the least that counts.
_STEPS = 2.0**20


@dataclass(frozen=True)
class Tree:
    """A tree's t nodes: ``depth`` (t,), 0 for the root; ``feature`` (t,), the column that splits the node, -1 in a
    leaf; ``rows`` (t,) in the node; ``label`` (t,), a node's most frequent class; ``importance`` (d,) of the columns.
    """

    depth: Integers
    feature: Integers
    rows: Integers
    label: Integers
    importance: Floats

    @property
    def leaf(self) -> NDArray[np.bool_]:
        """Whether a node is a leaf (t,)."""
        return self.feature < 0

    @property
    def n_leaves(self) -> int:
        """The number of leaves."""
        return int(np.count_nonzero(self.leaf))

    @property
    def n_splits(self) -> int:
        """The number of nodes that are no leaves."""
        return len(self.feature) - self.n_leaves


def tree_of(table: Table) -> Tree:
    """Fit the tree to at most ``MAX_ROWS`` rows; a node to share.

    Raises:
        UnmeasuredError: without numeric and nominal columns.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X, y = pd.DataFrame({"a": [1.0, 2.0, 3.0]}), pd.Series(["u", "v", "u"], dtype="category")
    >>> tree = tree_of(Table.of(Dataset(X, y, "tiny", ("numeric",), "")))
    >>> tree.depth.tolist(), tree.feature.tolist(), tree.rows.tolist()
    ([0, 1, 1, 2, 2], [0, -1, 0, -1, -1], [3, 1, 2, 1, 1])
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    p = n_columns(table)
    n_classes = 1 if table.classes is None else len(table.class_counts)
    sample = table.sample(min(MAX_ROWS, max(MIN_ROWS, MAX_CELLS // max(p, n_classes))))
    X = _features(sample, np.arange(p) if p <= MAX_COLUMNS else _drawn(table, p))
    learner = DecisionTreeRegressor if table.classes is None else DecisionTreeClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many classes of few rows are what the tree is to describe
        fitted = learner(random_state=0).fit(X, _target(sample)).tree_
    return Tree(
        depth=_depths(fitted.children_left, fitted.children_right),
        feature=np.maximum(fitted.feature, -1),
        rows=np.asarray(fitted.n_node_samples),
        label=fitted.value[:, 0].argmax(axis=1),
        importance=fitted.compute_feature_importances(),
    )


def _drawn(table: Table, p: int) -> Integers:
    return np.sort(table.rng("tree").choice(p, MAX_COLUMNS, replace=False, shuffle=False))


def _features(sample: Table, columns: Integers) -> NDArray[np.float32]:
    """Return the columns (m, d) in single precision, scaled to [0, 1] where that would lose them."""
    q = sample.numeric.shape[1]
    numbers = filled(sample.numeric[:, columns[columns < q]].T / 2)
    low, high = numbers.min(axis=1, initial=np.inf), numbers.max(axis=1, initial=-np.inf)
    largest = np.maximum(np.abs(low), np.abs(high))
    width = high - low
    lost = (width < _LEAST_WIDTH) | (width < _LEAST_RELATIVE_WIDTH * largest) | (largest > _LARGEST)
    for i in np.flatnonzero(lost):
        numbers[i] = (numbers[i] - low[i]) / (width[i] if width[i] > 0 else 1.0)
    codes = sample.nominal[:, columns[columns >= q] - q]
    return np.hstack([numbers.T.astype(np.float32) * np.float32(2), codes.astype(np.float32)])


def _target(sample: Table) -> Floats | Integers:
    """Return the classes, or a numeric target as whole numbers: sums of squares are exact, so equal ones vary by 0."""
    if sample.classes is not None:
        return sample.classes
    target = centred(sample.target)
    largest = float(np.abs(target).max())
    return np.round(target / largest * _STEPS) if largest > 0 else target


def _depths(left: Integers, right: Integers) -> Integers:
    """Return the depths of the nodes (t,), the root's being 0."""
    depths = np.zeros(len(left), dtype=np.int64)
    level, depth = np.zeros(1, dtype=np.int64), 0
    while len(level):
        depths[level] = depth
        inner = level[left[level] >= 0]
        level, depth = np.concatenate([left[inner], right[inner]]), depth + 1
    return depths


def _arrival(depth: Integers) -> Floats:
    """Return p log2(1 / p) for the chance p = 2^-depth that a random walk from the root comes to a leaf."""
    return np.asarray(depth * np.exp2(-depth.astype(np.float64)))


def _imbalance(tree: Tree) -> Floats:
    depths, leaves = np.unique(tree.depth[tree.leaf], return_counts=True)
    arriving = leaves * np.exp2(-depths.astype(np.float64))
    return np.asarray(arriving * np.exp2(-arriving))


def _leaves_per_class(table: Table) -> Floats:
    require(table.classes is not None, "not_applicable")
    tree = table.shared(tree_of)
    leaves = np.bincount(tree.label[tree.leaf])
    return np.asarray(leaves[leaves > 0] / tree.n_leaves)


def _frequencies(values: Integers) -> Floats:
    """Return how often each value that occurs does."""
    return np.unique(values, return_counts=True)[1].astype(np.float64)


_BENSUSAN, _PENG, _FILCHENKOV = "Bensusan et al. 2000", "Peng et al. 2002", "Filchenkov and Pendryak 2015"
_OF = (
    f"; of a tree of at most {MAX_ROWS:,} rows ({MIN_ROWS}, where rows x columns or rows x classes would be more than "
    f"{MAX_CELLS:,}, or as many as they allow) and {MAX_COLUMNS} columns"
)


def _single(name: str, value: Callable[[Tree], float], formula: str, unit: str, source: str) -> Measure:
    return Measure(
        name,
        lambda t: float(value(t.shared(tree_of))),
        formula + _OF,
        "from 0",
        unit,
        source,
        needs_target=True,
        cost="sample",
    )


def _many(
    name: str, over: str, values: Callable[[Tree], Floats | Integers], formula: str, unit: str, source: str
) -> Measure:
    return Measure(
        name,
        lambda t: np.asarray(values(t.shared(tree_of)), dtype=np.float64),
        formula + _OF,
        "[0, 1]" if not unit else "from 0",
        unit,
        source,
        over,
        needs_target=True,
        cost="sample",
        empty="constant",
    )


MODEL_BASED = Group(
    "model_based",
    (
        _single("tree_n_leaves", lambda t: t.n_leaves, "number of leaves L", "leaves", _PENG),
        _single("tree_n_splits", lambda t: t.n_splits, "nodes that are no leaves", "nodes", _PENG),
        _single(
            "tree_splits_per_column",
            lambda t: t.n_splits / len(t.importance),
            "tree_n_splits / columns",
            "nodes per column",
            _BENSUSAN,
        ),
        _single(
            "tree_splits_per_row",
            lambda t: t.n_splits / t.rows[0],
            "tree_n_splits / rows",
            "nodes per row",
            _BENSUSAN,
        ),
        _many("tree_depth", "nodes", lambda t: t.depth, "steps from the root", "steps", _PENG),
        _many("tree_branch_length", "leaves", lambda t: t.depth[t.leaf], "steps from the root", "steps", _PENG),
        _many(
            "tree_splits_per_level",
            "levels that have one",
            lambda t: _frequencies(t.depth[~t.leaf]),
            "nodes that are no leaves",
            "nodes",
            _PENG,
        ),
        _many(
            "tree_splits_of_column",
            "columns that have one",
            lambda t: _frequencies(t.feature[~t.leaf]),
            "nodes that split by the column",
            "nodes",
            _BENSUSAN,
        ),
        _many(
            "tree_importance",
            "columns",
            lambda t: t.importance,
            "the column's share of the decrease in impurity",
            "",
            _BENSUSAN,
        ),
        _many(
            "tree_leaf_corroboration",
            "leaves",
            lambda t: t.rows[t.leaf] / t.rows[0],
            "share of the rows that are in the leaf",
            "",
            _BENSUSAN,
        ),
        _many(
            "tree_shape",
            "leaves",
            lambda t: _arrival(t.depth[t.leaf]),
            "p log2(1 / p), p = 2^-depth the chance that a random walk from the root ends there",
            "bits",
            _BENSUSAN,
        ),
        _many(
            "tree_homogeneity",
            "leaves",
            lambda t: t.n_leaves / _arrival(t.depth[t.leaf]),
            "L / (p log2(1 / p)), p = 2^-depth the chance that a random walk from the root ends there",
            "leaves per bit",
            _BENSUSAN,
        ),
        _many(
            "tree_imbalance",
            "depths with leaves",
            _imbalance,
            "s 2^-s, s the chance that a random walk from the root ends at that depth",
            "bits",
            _BENSUSAN,
        ),
        Measure(
            "tree_leaves_per_class",
            _leaves_per_class,
            "share of the leaves in which the class is the most frequent, of classes that have one" + _OF,
            "(0, 1]",
            "",
            _FILCHENKOV,
            "classes",
            needs_target=True,
            cost="sample",
        ),
    ),
)
