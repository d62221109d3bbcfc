"""Columns as symbols, and what contingency tables of them say: entropies in bits, and concentration.

Numbers are cut at quantiles into bins of equal frequency, as many as the cube root of the number of rows (as in pymfe).
A missing value is a symbol of its own.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Floats, Integers, Table, blocks

# Symbols of columns or of a target, in as few bytes as hold them.
Symbols = NDArray[np.integer[Any]]

# So many bins and a symbol for missing values still fit into a byte.
_MAX_BINS = 254
# What is passed over for every bin, or takes several numbers a cell, must be narrower to stay in the cache.
_NARROWER = 8
# A table of counts with more cells than this for each row is sorted instead of laid out.
_SPARSE = 16


@dataclass(frozen=True)
class Crossed:
    """What t contingency tables of a first and a second variable say, (t,) each.

    ``first_symbols`` counts the symbols in use. Entropies are in bits. ``first_concentration`` is Goodman and
    Kruskal's tau for the first variable when the second is known, NaN where the first does not vary;
    ``second_concentration`` is the other way round.
    """

    first_symbols: Integers
    first_entropy: Floats
    second_entropy: Floats
    joint_entropy: Floats
    first_concentration: Floats
    second_concentration: Floats


@dataclass(frozen=True)
class Coded:
    """The p nominal and numeric columns as symbols: ``codes`` (p, m), each below its entry of ``sizes`` (p,)."""

    codes: Symbols
    sizes: Integers


def binned(columns: Floats) -> NDArray[np.uint8]:
    """Return the bins (b, m) of columns of numbers (b, m): how many of the quantiles that part the bins lie below.

    As many bins as the cube root of m, at least 2 and at most 254; that number is the symbol of a missing value.

    >>> binned(np.array([[1.0, 2.0, 3.0, 40.0, 5.0, 6.0, 7.0, np.nan]])).tolist()
    [[0, 0, 0, 1, 0, 1, 1, 2]]
    """
    n_bins = _n_bins(columns.shape[1])
    absent = np.isnan(columns)
    edges = _quantiles(np.sort(columns, axis=1), columns.shape[1] - absent.sum(axis=1), n_bins)
    bins = np.zeros(columns.shape, dtype=np.uint8)
    for edge in edges.T:
        bins += columns > edge[:, None]
    bins[absent] = n_bins
    return bins


def entropy(sizes: Integers) -> float:
    """Return the entropy in bits of a distribution given by counts: sum of -p log2(p).

    >>> entropy(np.array([2, 1, 1, 0]))
    1.5
    """
    p = sizes[sizes > 0] / sizes.sum()
    return float(abs(np.sum(p * np.log2(p))))


def crossed(first: Symbols, n_first: Integers, second: Symbols, n_second: Integers) -> Crossed:
    """Return what the contingency tables say of t pairs of variables (t, m), the second may be one for all (1, m).

    Their symbols are below ``n_first`` and ``n_second`` (t,). Sources: Shannon, "A mathematical theory of
    communication" (1948); Goodman and Kruskal, "Measures of association for cross classifications" (JASA 1954).

    >>> a, b, two = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]), np.array([2])
    >>> both = crossed(a, two, b, two)
    >>> both.first_entropy, both.joint_entropy, both.first_concentration.round(3)
    (array([1.]), array([1.5]), array([0.333]))
    """
    m, sizes = first.shape[1], n_first * n_second
    starts, first_starts, second_starts = (np.cumsum(size) - size for size in (sizes, n_first, n_second))
    symbols = first * n_second[:, None]
    symbols += second
    symbols += starts[:, None]
    cells, count = counted(symbols.ravel(), int(sizes.sum()))
    which = np.searchsorted(starts, cells, side="right") - 1
    i, j = np.divmod(cells - starts[which], n_second[which])
    i, j = i + first_starts[which], j + second_starts[which]
    in_first = np.bincount(i, weights=count, minlength=int(n_first.sum()))
    in_second = np.bincount(j, weights=count, minlength=int(n_second.sum()))
    first_if_known = np.bincount(which, weights=count**2 / in_second[j]) / m
    second_if_known = np.bincount(which, weights=count**2 / in_first[i]) / m
    return Crossed(
        first_symbols=np.add.reduceat(np.sign(in_first), first_starts).astype(np.int64),
        first_entropy=_entropies(np.add.reduceat(_bits(in_first), first_starts), m),
        second_entropy=_entropies(np.add.reduceat(_bits(in_second), second_starts), m),
        joint_entropy=_entropies(np.bincount(which, weights=_bits(count)), m),
        first_concentration=_tau(first_if_known, np.add.reduceat(in_first**2, first_starts) / m**2),
        second_concentration=_tau(second_if_known, np.add.reduceat(in_second**2, second_starts) / m**2),
    )


def coded(table: Table) -> Coded:
    """Return the columns as symbols, nominal ones first; a node to share.

    Raises:
        UnmeasuredError: without nominal or numeric columns.
    """
    (m, r), q = table.nominal.shape, table.numeric.shape[1]
    require(r + q > 0, "not_applicable")
    missing = table.nominal.max(axis=0, initial=-1) + 1
    sizes = np.concatenate([missing + 1, np.full(q, _n_bins(m) + 1)]).astype(np.int64)
    codes = np.empty((r + q, m), dtype=np.min_scalar_type(int(sizes.max()) - 1))
    for i in range(r):
        codes[i] = np.where(table.nominal[:, i] < 0, missing[i], table.nominal[:, i])
    for block in narrow_blocks(m, q):
        table.deadline.check()
        codes[r + block.start : r + block.stop] = binned(table.numeric[:, block].T)
    return Coded(codes, sizes)


def narrow_blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Return slices of the columns, narrower than ``blocks``: what takes several numbers a cell stays in the cache."""
    return blocks(_NARROWER * n_rows, n_columns)


def joined(parts: list[Crossed]) -> Crossed:
    """Return what blocks of contingency tables say, one after the other."""
    return Crossed(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Crossed)))


def _n_bins(n_rows: int) -> int:
    return int(np.clip(np.floor(np.cbrt(n_rows) + 1e-9), 2, _MAX_BINS))


def _quantiles(ordered: Floats, known: Integers, n_bins: int) -> Floats:
    """Return the upper ends of all bins but the last (b, n_bins - 1), linear between the nearest values as in NumPy."""
    position = np.maximum(known - 1, 0)[:, None] * np.linspace(0, 1, n_bins + 1)[1:-1]
    below = position.astype(np.int64)
    share = position - below
    low, high = (np.take_along_axis(ordered, at, axis=1) for at in (below, np.minimum(below + 1, ordered.shape[1] - 1)))
    with np.errstate(all="ignore"):  # what overflows, or is next to a missing value, has no other value in between
        step = high - low
        edges = np.where(share < 0.5, low + step * share, high - step * (1 - share))
    return np.where(np.isfinite(edges), edges, low)


def counted(symbols: Integers, n_symbols: int) -> tuple[Integers, Integers]:
    """Return which of the symbols 0, 1, ... below ``n_symbols`` occur, in order, and how often.

    That many counts are only laid out when they are not many more than the symbols given.

    >>> counted(np.array([7, 0, 7]), 10**12)
    (array([0, 7]), array([1, 2]))
    """
    if n_symbols > _SPARSE * len(symbols):
        return np.unique(symbols, return_counts=True)
    often = np.bincount(symbols, minlength=n_symbols)
    found = np.flatnonzero(often)
    return found, often[found]


def _bits(count: Floats | Integers) -> Floats:
    return np.asarray(count * np.log2(np.maximum(count, 1)))


def _entropies(bits: NDArray[Any], m: int) -> Floats:
    return np.asarray(np.maximum(np.log2(m) - bits / m, 0.0))


def _tau(if_known: Floats, otherwise: Floats) -> Floats:
    """Return by how much of what it lacks to 1 the probability of a proportional guess grows."""
    return np.clip((if_known - otherwise) / np.where(otherwise < 1, 1 - otherwise, np.nan), 0.0, 1.0)
