"""SMAC's random forest: regression trees whose disagreement is the uncertainty.

Hutter, Hoos & Leyton-Brown, "Sequential model-based optimization for general algorithm configuration", LION 2011. Mean
and variance are those of the mixture of the trees' leaves: the mean of the leaves' variances plus the variance of their
means. A split's threshold is drawn uniformly between the two values that it separates, so that the trees also disagree
between observations, and more so where these lie far apart: Hutter, Xu, Hoos & Leyton-Brown, "Algorithm runtime
prediction: methods & evaluation", Artificial Intelligence 2014, section 4.3.

SMAC takes the logarithms of losses; ``output_warping`` chooses a transform for each task. Without one, a single tree
that takes a point for one of the awful ones makes it look uncertain enough to be tried again and again.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import Encoding, Floats
from metalearn.errors import InputError
from metalearn.surrogates.observations import check_observations
from metalearn.surrogates.output_warping import POWERS, OutputWarping

Integers = NDArray[np.int64]

# What stands for an inactive number, as in SMAC: below every active one, so that one split tells them apart.
_INACTIVE = -1.0
# Standard deviations of warped losses, whose spread is 1, are no smaller than this: where all trees agree, they do so
# by chance, and an acquisition function must not take it for certainty.
_LEAST_STD = 1e-3


@dataclass(frozen=True)
class RandomForest:
    """Trees over the columns of an encoding, choices as one-hot columns, on bootstrap samples.

    ``max_features`` is the share of the columns that a split may choose from, ``min_samples_split`` the least number of
    rows that are split again, ``min_samples_leaf`` the least that a leaf keeps. ``warp`` makes the losses normal first,
    else they are only standardised.

    Raises:
        InputError: when n_trees, max_features, min_samples_split or min_samples_leaf are out of range.

    >>> from metalearn.core.encoded_space import EncodedColumn
    >>> forest = RandomForest(Encoding((EncodedColumn("x", "numeric"),)))
    >>> X = np.linspace(0, 1, 30)[:, None]
    >>> predictor = forest.fit(X, 2 * X[:, 0], rng=np.random.default_rng(0))
    >>> mean, std = predictor.predict(np.array([[0.25], [0.75]]))
    >>> mean.round(1)
    array([0.5, 1.5])
    """

    encoding: Encoding
    n_trees: int = 10
    max_features: float = 5 / 6
    min_samples_split: int = 3
    min_samples_leaf: int = 1
    warp: bool = True

    def __post_init__(self) -> None:
        if min(self.n_trees, self.min_samples_leaf, self.min_samples_split - 1) < 1 or not 0 < self.max_features <= 1:
            raise InputError(
                "A forest needs n_trees and min_samples_leaf of at least 1, min_samples_split of at least 2 and "
                f"max_features in (0, 1]; got {self}."
            )

    def fit(self, X: Floats, loss: Floats, *, rng: np.random.Generator) -> "FittedForest":
        """Fit losses (n,) at encoded configurations X (n, d).

        Raises:
            InputError: for observations that ``check_observations`` refuses.
        """
        check_observations(self.encoding, X, loss)
        features = _features(self.encoding, X)
        warping = OutputWarping.fit(loss, POWERS if self.warp else (1.0,))
        warped = warping.forward(loss)
        trees = tuple(self._grown(features, warped, rng) for _ in range(self.n_trees))
        return FittedForest(self.encoding, trees, warping)

    def _grown(self, features: NDArray[np.float32], loss: Floats, rng: np.random.Generator) -> Any:
        """Return a tree on a bootstrap sample of features (n, q) and losses (n,), its thresholds drawn anew."""
        from sklearn.tree import DecisionTreeRegressor

        rows = rng.integers(len(loss), size=len(loss))
        learner = DecisionTreeRegressor(
            max_features=self.max_features,
            min_samples_split=self.min_samples_split,
            min_samples_leaf=self.min_samples_leaf,
            random_state=int(rng.integers(2**31)),
        )
        tree = learner.fit(features[rows], loss[rows], check_input=False).tree_
        tree.threshold[:] = _drawn_thresholds(tree, features[rows], rng)
        return tree


@dataclass(frozen=True, eq=False)
class FittedForest:
    """A ``Predictor``: t trees over one-hot columns, as scikit-learn's low-level trees.

    They were grown on losses after ``warping``, where their mixture is nearest to normal: an acquisition function that
    takes it for normal is best computed from ``predict_warped`` and warped losses.
    """

    encoding: Encoding
    trees: tuple[Any, ...]
    warping: OutputWarping

    @cached_property
    def noise_std(self) -> float:
        """The standard deviation of losses within a leaf, on average over the trees' rows."""
        leaves = [tree.feature < 0 for tree in self.trees]
        rows = np.concatenate([tree.n_node_samples[leaf] for tree, leaf in zip(self.trees, leaves, strict=True)])
        variances = np.concatenate([_variances(tree)[leaf] for tree, leaf in zip(self.trees, leaves, strict=True)])
        return self.warping.deviation_at_median(float(rows @ variances / rows.sum()) ** 0.5)

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) of the loss at X (m, d)."""
        return self.warping.moments(*self.predict_warped(X))

    def predict_warped(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) of the warped loss at X (m, d)."""
        means, variances = self._leaves(X)
        std = np.sqrt(means.var(axis=0) + variances.mean(axis=0))
        return means.mean(axis=0), np.maximum(std, _LEAST_STD)

    def sample(self, X: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Return n joint draws (n, m) at X (m, d): each follows one tree, whose leaves are off by one error each."""
        features = _features(self.encoding, X)
        draws = np.empty((n, len(X)))
        for i, b in enumerate(rng.integers(len(self.trees), size=n)):
            tree = self.trees[b]
            errors = rng.standard_normal(tree.node_count) * np.sqrt(_variances(tree))
            draws[i] = (tree.value[:, 0, 0] + errors)[tree.apply(features)]
        return self.warping.inverse(draws)

    def _leaves(self, X: Floats) -> tuple[Floats, Floats]:
        """Return means and variances (t, m) of the losses in the leaves of X (m, d)."""
        features = _features(self.encoding, X)
        leaves = [tree.apply(features) for tree in self.trees]
        means = [tree.value[leaf, 0, 0] for tree, leaf in zip(self.trees, leaves, strict=True)]
        variances = [_variances(tree)[leaf] for tree, leaf in zip(self.trees, leaves, strict=True)]
        return np.array(means), np.array(variances)


def _features(encoding: Encoding, X: Floats) -> NDArray[np.float32]:
    """Return the rows X (n, d) as numbers (n, q): inactive ones below all others, a column for each choice."""
    numbers, columns, choices, last = _layout(encoding)
    plain = X[:, numbers]
    chosen = np.rint(X[:, columns] * last) == choices
    return np.concatenate([np.where(np.isnan(plain), _INACTIVE, plain), chosen], axis=1, dtype=np.float32)


@lru_cache(maxsize=32)
def _layout(encoding: Encoding) -> tuple[Integers, Integers, Floats, Floats]:
    """Return the columns that are numbers to a tree; and column, choice and last choice of each one-hot column."""
    one_hot = [column.kind == "categorical" and len(column.choices) > 2 for column in encoding.columns]
    n_choices = {j: len(encoding.columns[j].choices) for j in np.flatnonzero(one_hot)}
    listed = [(j, choice, n - 1) for j, n in n_choices.items() for choice in range(n)]
    columns, choices, last = np.array(listed, dtype=np.float64).reshape(-1, 3).T
    return np.flatnonzero(~np.array(one_hot)), columns.astype(np.int64), choices, last


def _drawn_thresholds(tree: Any, features: NDArray[np.float32], rng: np.random.Generator) -> Floats:
    """Return thresholds, one a node of a tree grown on features (n, q), drawn between the values they separate."""
    path = tree.decision_path(features)
    nodes, rows = path.indices, np.repeat(np.arange(len(features)), np.diff(path.indptr))
    inner = tree.feature[nodes] >= 0
    nodes, rows = nodes[inner], rows[inner]
    values = features[rows, tree.feature[nodes]].astype(np.float64)
    left = values <= tree.threshold[nodes]
    low, high = np.full(tree.node_count, -np.inf), np.full(tree.node_count, np.inf)
    np.maximum.at(low, nodes[left], values[left])
    np.minimum.at(high, nodes[~left], values[~left])
    # Nothing was seen between what is inactive and the smallest active number; the latter's range begins at 0.
    high = np.where(low < 0, 0.0, high)
    drawn = np.array(tree.threshold)
    split = tree.feature >= 0
    drawn[split] = low[split] + rng.random(split.sum()) * (high - low)[split]
    return drawn


def _variances(tree: Any) -> Floats:
    """Return the variance of the losses in each node of a tree."""
    return np.asarray(np.maximum(tree.impurity, 0.0))
