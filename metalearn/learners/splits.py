"""Stratified splits that a rare class cannot break, and stratified samples of rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metalearn.core.records import Dataset

Integers = NDArray[np.int64]


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


def sample_dataset(dataset: Dataset, max_rows: int, seed: int) -> Dataset:
    """Return a stratified sample of a classification dataset's rows, or the dataset itself where it is small enough.

    The sample keeps the name and the fingerprint: they say where the rows come from.
    """
    if len(dataset.y) <= max_rows:
        return dataset
    rows = stratified_rows(dataset.y, max_rows, seed)
    X, y = dataset.X.iloc[rows], dataset.y.iloc[rows]
    return replace(dataset, X=X.reset_index(drop=True), y=y.reset_index(drop=True))
