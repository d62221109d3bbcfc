"""Covariance of configurations: Matern 5/2 of a distance that knows numbers, choices and inactivity.

Matern 5/2 with a length scale a column: Snoek, Larochelle & Adams, "Practical Bayesian optimization of machine learning
algorithms", NeurIPS 2012. The squared distance is a sum over columns, each divided by its squared length scale: of
squared differences of numbers and ordinals, and of mismatches of choices (Hamming; Hutter, PhD thesis, 2009).

What is inactive is equally far from every active value, and from another inactive one not at all: Hutter & Osborne, "A
kernel for hierarchical parameter spaces", 2013. As there, a number that can be inactive lies on an arc, and its absence
in the centre; an absent choice is one choice more. The arc spans 60 degrees, so that the centre is as far from all its
points as its ends are from each other: absence is one extreme value more, and the arc nearly straight (it is 5 % longer
than its chord). To that the parent, which differs too, adds its own distance, which is learned.

The kernel is positive definite: every configuration has a point (``Embedding``) whose Euclidean distances these are,
and Matern's covariance is positive definite in Euclidean space of any dimension.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedColumn, Encoding, Floats

Integers = NDArray[np.int64]
# The arc of a number that may be inactive.
_ARC = np.pi / 3


@dataclass(frozen=True)
class Embedding:
    """The points that encoded configurations stand for; squared distances along each column lie between 0 and 1.

    >>> columns = EncodedColumn("kernel", "numeric"), EncodedColumn("degree", "numeric", parent="kernel")
    >>> embedding = Embedding(Encoding(columns))
    >>> a, b = embedding.points(np.array([[0.5, 0.2], [0.0, np.nan]]))
    >>> embedding.owners, np.square(a - b).round(3)
    (array([0, 1, 1]), array([0.25 , 0.043, 0.957]))
    """

    encoding: Encoding

    @cached_property
    def owners(self) -> Integers:
        """The column of each of the q coordinates."""
        return np.concatenate([self._straight, self._arcs, self._arcs, self._choices[0]])

    def points(self, X: Floats) -> Floats:
        """Return the points (n, q) of encoded configurations X (n, d)."""
        angles = X[:, self._arcs] * _ARC
        on_arcs = np.nan_to_num(np.concatenate([np.sin(angles), np.cos(angles)], axis=1))
        columns, choices, n_others = self._choices
        chosen = np.nan_to_num(np.rint(X[:, columns] * n_others), nan=-1.0) == choices
        return np.concatenate([X[:, self._straight], on_arcs, chosen * np.sqrt(0.5)], axis=1)

    @cached_property
    def _straight(self) -> Integers:
        return self._where(lambda c: c.parent is None and not _has_corners(c))

    @cached_property
    def _arcs(self) -> Integers:
        return self._where(lambda c: c.parent is not None and not _has_corners(c))

    @cached_property
    def _choices(self) -> tuple[Integers, Floats, Floats]:
        """Column, choice (-1: none) and number of the other choices, of each coordinate that stands for a choice."""
        listed = [
            (j, choice, len(c.choices) - 1)
            for j, c in enumerate(self.encoding.columns)
            if _has_corners(c)
            for choice in range(0 if c.parent is None else -1, len(c.choices))
        ]
        columns, choices, n_others = np.array(listed, dtype=np.float64).reshape(-1, 3).T
        return columns.astype(np.int64), choices, n_others

    def _where(self, wanted: Callable[[EncodedColumn], bool]) -> Integers:
        return np.array([j for j, c in enumerate(self.encoding.columns) if wanted(c)], dtype=np.int64)


def _has_corners(column: EncodedColumn) -> bool:
    """Whether a column's values are the corners of a simplex; two that are always active are just 0 and 1."""
    return column.kind == "categorical" and (len(column.choices) > 2 or column.parent is not None)


def squared_distances(A: Floats, B: Floats, out: Floats | None = None) -> Floats:
    """Return squared Euclidean distances (m, n) of points A (m, q) and B (n, q), by one matrix product.

    >>> squared_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]))
    array([[25.]])
    """
    squares_a, squares_b = (np.einsum("nq,nq->n", points, points)[:, None] for points in (A, B))
    left = np.hstack([-2.0 * A, squares_a, np.ones_like(squares_a)])
    right = np.hstack([B, np.ones_like(squares_b), squares_b])
    squared: Floats = np.matmul(left, right.T, out=out)
    return np.maximum(squared, 0.0, out=squared)  # rounding may leave a point below 0 from itself


def matern52(squared: Floats, work: Floats | None = None) -> Floats:
    """Return Matern 5/2 correlations at squared distances of any shape, which they overwrite.

    ``work`` is an array of that shape, if there is one to spare.

    >>> matern52(np.array([0.0, 1.0])).round(4)
    array([1.   , 0.524])
    """
    squared *= 5.0
    r = np.sqrt(squared, out=work)
    squared /= 3.0
    squared += r
    squared += 1.0
    squared *= np.exp(np.negative(r, out=r), out=r)
    return squared
