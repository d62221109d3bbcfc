"""Stratified splits that a rare class cannot break, and stratified samples of rows.

The estimation procedure of our own evaluations: first an outer test part of a fifth of the rows, then 3-fold
cross-validation on the rest. Below 2,000 rows, where one test part is small, there are three such outer splits, each
with its own seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metalearn.core.records import Dataset

Integers = NDArray[np.int64]
N_FOLDS = 3
TEST, TRAINING_ONLY = N_FOLDS, -1
_OUTER_FOLDS = 5
_ONE_OUTER_SPLIT_FROM = 2000
_OUTER_SPLITS = 3
# A numeric target is stratified by its tenths.
_N_STRATA = 10


def _shuffled_by_class(y: ArrayLike, seed: int) -> tuple[Integers, Integers]:
    """Return the rows, shuffled and then sorted by class, and the size of each row's class in that order."""
    _, codes, sizes = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    rows = np.random.default_rng(seed).permutation(len(codes))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    return rows, sizes[codes[rows]]


def assign_folds(y: ArrayLike, n_folds: int, seed: int) -> Integers:
    """Return the fold (n,) in which each row is tested; -1 for a row that is only ever trained on.

    Each class is dealt out over the folds, so that its sizes differ by at most one. The row of a class with a single
    member is never tested: every training set holds every class.

    >>> assign_folds(["a"] * 4 + ["b"] * 2 + ["c"], n_folds=2, seed=0)
    array([ 0,  1,  0,  1,  0,  1, -1])
    """
    rows, class_sizes = _shuffled_by_class(y, seed)
    folds = np.empty(len(rows), dtype=np.int64)
    folds[rows] = np.where(class_sizes > 1, np.arange(len(rows)) % n_folds, -1)
    return folds


@dataclass(frozen=True)
class StratifiedFolds:
    """A scikit-learn splitter over ``assign_folds``.

    It has no attribute ``n_splits``: ``CalibratedClassifierCV`` refuses rare classes of splitters that have one.

    >>> [test.tolist() for _, test in StratifiedFolds(2).split([[0]] * 4, [0, 0, 1, 1])]
    [[0, 2], [1, 3]]
    """

    n_folds: int = 3
    seed: int = 0

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002  (scikit-learn's)
        """Return the number of folds."""
        return self.n_folds

    def split(self, X: Any, y: ArrayLike, groups: Any = None) -> Iterator[tuple[Integers, Integers]]:  # noqa: ARG002
        """Yield the training and the test rows of each fold."""
        folds = assign_folds(y, self.n_folds, self.seed)
        for fold in range(self.n_folds):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def stratified_rows(y: ArrayLike, n_rows: int, seed: int) -> Integers:
    """Return n_rows of the n rows in their old order, with each class's share kept up to one row.

    >>> y = np.repeat(["a", "b"], [80, 20])
    >>> np.unique(y[stratified_rows(y, 10, seed=0)], return_counts=True)[1].tolist()
    [8, 2]
    """
    rows, _ = _shuffled_by_class(y, seed)
    picked = np.floor((np.arange(n_rows) + 0.5) * len(rows) / n_rows).astype(np.int64)
    return np.sort(rows[picked])


def strata(dataset: Dataset) -> Integers:
    """Return the stratum (n,) of each row: its class, or the tenth of the numeric target in which it lies.

    >>> import pandas as pd
    >>> y = pd.Series(range(40), dtype="float64")
    >>> np.bincount(strata(Dataset(pd.DataFrame({"x": y}), y, "line", ("numeric",), ""))).tolist()
    [4, 4, 4, 4, 4, 4, 4, 4, 4, 4]
    """
    if dataset.task_type == "classification":
        return np.unique(dataset.y.astype("str").to_numpy(), return_inverse=True)[1]
    y = dataset.y.to_numpy(dtype=np.float64)
    cuts = np.quantile(y, np.arange(1, _N_STRATA) / _N_STRATA)
    return np.searchsorted(cuts, y, side="right")


def outer_splits(dataset: Dataset, seed: int = 0) -> dict[int, Integers]:
    """Return the parts (n,) of each outer split, by its seed.

    A row's part is the validation fold (0, 1, 2) in which it is tested, ``TEST``, or ``TRAINING_ONLY`` where its class
    is too small for any part to be tested on.

    >>> import pandas as pd
    >>> X, y = pd.DataFrame({"x": range(30)}), pd.Series(["low", "high"] * 15, dtype="category")
    >>> splits = outer_splits(Dataset(X, y, "halves", ("numeric",), ""))
    >>> {seed: np.bincount(parts).tolist() for seed, parts in splits.items()}
    {0: [8, 8, 8, 6], 1: [8, 8, 8, 6], 2: [8, 8, 8, 6]}
    """
    groups = strata(dataset)
    return {number: _parts(groups, number) for number in _seeds(len(groups), seed)}


def validation_splits(dataset: Dataset, seed: int = 0) -> dict[int, Integers]:
    """Return the validation folds (n,) of each split of a dataset that has its test part elsewhere, by its seed.

    They are as in ``outer_splits``, and so many, but without a part ``TEST``.

    >>> import pandas as pd
    >>> X, y = pd.DataFrame({"x": range(30)}), pd.Series(["low", "high"] * 15, dtype="category")
    >>> splits = validation_splits(Dataset(X, y, "halves", ("numeric",), ""))
    >>> {seed: np.bincount(parts).tolist() for seed, parts in splits.items()}
    {0: [10, 10, 10], 1: [10, 10, 10], 2: [10, 10, 10]}
    """
    groups = strata(dataset)
    return {number: assign_folds(groups, N_FOLDS, number) for number in _seeds(len(groups), seed)}


def _seeds(n_rows: int, seed: int) -> range:
    return range(seed, seed + (1 if n_rows >= _ONE_OUTER_SPLIT_FROM else _OUTER_SPLITS))


def _parts(groups: Integers, seed: int) -> Integers:
    parts = np.full(len(groups), TEST)
    rest = np.flatnonzero(assign_folds(groups, _OUTER_FOLDS, seed) != 0)
    parts[rest] = assign_folds(groups[rest], N_FOLDS, seed)
    return parts


def sampled_rows(dataset: Dataset, max_rows: int, seed: int) -> Integers:
    """Return which rows a stratified sample of at most ``max_rows`` keeps, in their old order."""
    n = len(dataset.y)
    return np.arange(n) if n <= max_rows else stratified_rows(strata(dataset), max_rows, seed)


def take_rows(dataset: Dataset, rows: Integers) -> Dataset:
    """Return some of a dataset's rows; the name and the fingerprint stay, to say where the rows come from."""
    X, y = dataset.X.iloc[rows], dataset.y.iloc[rows]
    return replace(dataset, X=X.reset_index(drop=True), y=y.reset_index(drop=True))
