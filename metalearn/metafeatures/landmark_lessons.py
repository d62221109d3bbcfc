"""What the learners behind the landmarkers are taught and asked: a table as numbers in folds.

Of more rows a random sample of 2000 is taken, in proportion to the classes, and of more columns 300 random ones.
Numbers are standardised, with the mean for what is missing; a nominal column becomes 0/1 indicators of its most
frequent symbols and one of all others, a missing symbol being a symbol. (That looks at held-out rows' features, never
at their target.)
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.columns import columns_of, standardized
from metalearn.metafeatures.encoding import MAX_SYMBOLS, most_frequent, n_columns
from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Codes, Deadline, Floats, Integers, Table, centred

# More rows sharpen the scores less than they cost; so do more columns.
MAX_ROWS = 2000
MAX_COLUMNS = 300
N_FOLDS = 10
# One row in so many is what a learner has of a subsample.
SUBSAMPLING = 10
# Of fewer rows a subsample is a handful.
MIN_ROWS = 50

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows ordered by fold: columns X (n, d), numbers to predict y (n,), and folds 0, 1, ... (n,).

    In a classification y holds codes below ``n_classes``, which is 0 for a regression.
    """

    X: Floats
    y: Floats
    folds: Integers
    n_classes: int

    @cached_property
    def votes(self) -> Floats:
        """What a row says about the target: indicators of its class (n, K), or its number (n, 1)."""
        if not self.n_classes:
            return self.y[:, None]
        return np.asarray(self.y[:, None] == np.arange(self.n_classes), dtype=np.float64)

    def decide(self, votes: Floats, n_voters: Floats | Integers) -> Floats:
        """Return the class with the most votes, the first of equals, or the mean of the numbers (...,)."""
        if self.n_classes:
            return np.asarray(votes.argmax(axis=-1), dtype=np.float64)
        return np.asarray(votes[..., 0] / np.maximum(n_voters, 1))

    def bounds(self, n_folds: int) -> Integers:
        """Return where the folds begin, and the last one ends (folds + 1,)."""
        return np.searchsorted(self.folds, np.arange(n_folds + 1))

    def take(self, rows: Integers) -> "Sample":
        """Return the sample with these rows, which are ascending."""
        return Sample(self.X[rows], self.y[rows], self.folds[rows], self.n_classes)


class Round(NamedTuple):
    """One fold: the rows to learn from (n,) and those left out, of those to train; and the test rows asked for."""

    learned: NDArray[np.bool_]
    left: slice
    asked: slice


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is learned from ``train`` is asked of ``test``, fold by fold, by who has not seen that fold's rows."""

    train: Sample
    test: Sample
    deadline: Deadline = field(default_factory=Deadline)
    _made: dict[Hashable, Any] = field(init=False, repr=False, default_factory=dict)

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.test.folds[-1]) + 1

    def rounds(self) -> "Iterator[Round]":
        """Yield which rows matter to each fold."""
        for one in self._rounds:
            self.deadline.check()
            yield one

    @cached_property
    def _rounds(self) -> "list[Round]":
        left, asked = self.train.bounds(self.n_folds), self.test.bounds(self.n_folds)
        return [
            Round(self.train.folds != f, slice(left[f], left[f + 1]), slice(asked[f], asked[f + 1]))
            for f in range(self.n_folds)
        ]

    def shared(self, node: "Callable[[Lesson], Result]") -> Result:
        """Return ``node(lesson)``, computed when it is first asked for."""
        if node not in self._made:
            self._made[node] = node(self)
        return cast("Result", self._made[node])


def lesson(table: Table) -> Lesson:
    """Return all rows of the sample, to learn from and to predict; a node to share.

    Raises:
        UnmeasuredError: without a numeric or nominal column, when no column or target varies, or with too few rows.
    """
    sample = table.sample(MAX_ROWS)
    X = _encoded(_narrowed(sample))
    y, folds, n_classes = _at_random(sample) if sample.classes is None else _by_class(sample.classes)
    order = np.argsort(folds, kind="stable")
    rows = Sample(X[order], y[order], folds[order], n_classes)
    return Lesson(rows, rows, table.deadline)


def sparse_lesson(table: Table) -> Lesson:
    """Return a tenth of the rows to learn from, in proportion to the classes, and all to predict; a node to share.

    Raises:
        UnmeasuredError: as ``lesson`` does, and with fewer than 50 rows.
    """
    whole = table.shared(lesson).test
    require(len(whole.y) >= MIN_ROWS, "too_few_rows")
    strata = whole.y if whole.n_classes else np.zeros(len(whole.y))
    shuffled = np.lexsort((table.rng("subsample of landmarkers").random(len(strata)), strata))
    few = whole.take(np.sort(shuffled[SUBSAMPLING // 2 :: SUBSAMPLING]))
    require(bool(few.folds[0] < few.folds[-1]), "too_few_rows")
    return Lesson(few, whole, table.deadline)


def stratified_folds(classes: Integers, n_folds: int) -> Integers:
    """Return folds (n,) with every class in proportion, each fold's rows of a class together in the order of the rows.

    They are those of scikit-learn's ``StratifiedKFold``, which pymfe and auto-sklearn use.

    >>> stratified_folds(np.array([0, 0, 0, 1, 1, 0]), 2)
    array([0, 0, 1, 0, 1, 1])
    """
    _, first, codes = np.unique(classes, return_index=True, return_inverse=True)
    seen = np.argsort(np.argsort(first))[codes]  # classes count in the order in which they first occur
    order, n_classes = np.argsort(seen, kind="stable"), len(first)
    sizes = np.bincount(seen[order] * n_folds + np.arange(len(seen)) % n_folds, minlength=n_classes * n_folds)
    folds = np.empty(len(seen), dtype=np.int64)
    folds[order] = np.repeat(np.tile(np.arange(n_folds), n_classes), sizes)
    return folds


def _by_class(classes: Integers) -> tuple[Floats, Integers, int]:
    """Return class codes without gaps, stratified folds, and the number of classes."""
    codes = np.unique(classes, return_inverse=True)[1]
    sizes = np.bincount(codes)
    require(len(sizes) > 1, "constant")
    require(int(sizes.max()) > 1, "too_few_rows")
    return codes.astype(np.float64), stratified_folds(codes, min(N_FOLDS, int(sizes.max()))), len(sizes)


def _at_random(sample: Table) -> tuple[Floats, Integers, int]:
    """Return a numeric target and random folds of two rows or more; the order of rows must not matter to them."""
    y = centred(sample.target)
    require(bool(np.any(y != y[0])), "constant")
    n_folds = min(N_FOLDS, len(y) // 2)
    require(n_folds > 1, "too_few_rows")
    return y, sample.rng("folds of landmarkers").permutation(len(y)) % n_folds, 0


def _narrowed(sample: Table) -> Table:
    """Return the table with at most 300 of its numeric and nominal columns."""
    q = sample.numeric.shape[1]
    if n_columns(sample) <= MAX_COLUMNS:
        return sample
    used = _some(sample, n_columns(sample))
    return replace(sample, numeric=sample.numeric[:, used[used < q]], nominal=sample.nominal[:, used[used >= q] - q])


def _encoded(sample: Table) -> Floats:
    """Return the columns of a table as numbers without gaps (n, d), leaving out what is constant."""
    parts = [_indicators(codes) for codes in sample.nominal.T]
    if sample.numeric.shape[1] and sample.shared(columns_of).varies.any():
        parts.insert(0, sample.shared(standardized))
    require(any(part.shape[1] for part in parts), "constant")
    X = np.hstack(parts)
    return X if X.shape[1] <= MAX_COLUMNS else X[:, _some(sample, X.shape[1])]


def _some(sample: Table, n: int) -> Integers:
    return np.sort(sample.rng("columns of landmarkers").choice(n, MAX_COLUMNS, replace=False))


def _indicators(codes: Codes) -> Floats:
    symbols = most_frequent(codes, MAX_SYMBOLS)
    n_symbols = int(symbols.max()) + 1
    return np.asarray(symbols[:, None] == np.arange(n_symbols if n_symbols > 1 else 0), dtype=np.float64)
