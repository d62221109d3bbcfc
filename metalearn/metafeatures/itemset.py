"""Itemset meta-features: how often single symbols of columns, and pairs of symbols of two columns, occur.

Song, Wang and Wang, "Automatic recommendation of classification algorithms based on data set characteristics" (Pattern
Recognition 45, 2012): an item is a symbol of a column. Numeric columns are cut at their quantiles into as many bins as
the cube root of the number of rows (as in pymfe); a missing value is an item of its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.encoding import most_frequent, n_columns
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.symbols import binned
from metalearn.metafeatures.table import Floats, Integers, Table

# What pairs of items cost and take room for grows with the rows and the square of the items.
MAX_ROWS = 2000
MAX_COLUMNS = 50
MAX_SYMBOLS = 20


@dataclass(frozen=True)
class Items:
    """The i items of m rows: whether an item ``is_in`` a row (i, m), and its ``column`` (i,), ascending."""

    is_in: NDArray[np.float32]
    column: Integers

    @property
    def share(self) -> Floats:
        """The share of the rows that an item is in (i,)."""
        return np.asarray(self.is_in.sum(axis=1, dtype=np.float64) / self.is_in.shape[1])


def items_of(table: Table) -> Items:
    """Find the items of a table; a node to share.

    Raises:
        UnmeasuredError: without numeric and nominal columns.
    """
    p = n_columns(table)
    columns = np.arange(p)
    if p > MAX_COLUMNS:
        columns = np.sort(table.rng("itemset").choice(p, MAX_COLUMNS, replace=False, shuffle=False))
    sample = table.sample(MAX_ROWS)
    q = sample.numeric.shape[1]
    codes = np.empty((len(columns), sample.n_used), dtype=np.int64)
    codes[columns < q] = binned(sample.numeric[:, columns[columns < q]].T)
    for row, i in enumerate(columns):
        if i >= q:
            codes[row] = most_frequent(sample.nominal[:, i - q], MAX_SYMBOLS - 1)
    ends = np.cumsum(codes.max(axis=1) + 1)
    is_in = np.zeros((ends[-1], sample.n_used), dtype=np.float32)
    is_in[codes + np.append(0, ends[:-1])[:, None], np.arange(sample.n_used)] = 1
    found = np.flatnonzero(is_in.any(axis=1))
    return Items(is_in[found], np.searchsorted(ends, found, side="right"))


def two_itemsets(items: Items) -> Floats:
    """Return, for each pair of items of two columns, the share of the rows that exactly one of them is in.

    >>> two_itemsets(Items(np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32), np.array([0, 0, 1])))
    array([0.5, 0.5])
    """
    both = (items.is_in @ items.is_in.T).astype(np.float64)  # exact: whole numbers
    sizes = np.diag(both)
    pairs = items.column[:, None] < items.column
    return np.asarray((sizes[:, None] + sizes - 2 * both)[pairs] / items.is_in.shape[1])


def _two_itemsets(table: Table) -> Floats:
    require(n_columns(table) > 1, "not_applicable")
    return two_itemsets(table.shared(items_of))


_SONG = "Song et al. 2012"
_OF = (
    f"; at most {MAX_ROWS:,} rows and {MAX_COLUMNS} columns; numbers in as many bins as the cube root of the rows, "
    f"cut at quantiles; a nominal column's symbols after the {MAX_SYMBOLS - 1} most frequent are one"
)

ITEMSET = Group(
    "itemset",
    (
        Measure(
            "one_itemset",
            lambda t: t.shared(items_of).share,
            f"share of the rows that have the symbol{_OF}",
            "(0, 1]",
            "",
            _SONG,
            "symbols of columns",
            cost="sample",
        ),
        Measure(
            "two_itemset",
            _two_itemsets,
            f"share of the rows that have exactly one of the two symbols{_OF}",
            "[0, 1]",
            "",
            _SONG,
            "pairs of symbols of two columns",
            cost="sample",
        ),
    ),
)
