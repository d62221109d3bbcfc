"""Moments and quantiles of all numeric columns at once, with missing values and without overflow."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.table import Floats, Integers, Table


@dataclass(frozen=True, eq=False)
class Columns:
    """The q numeric columns of a table, for its moments shifted and scaled to [0, 1].

    On that scale no power of a value overflows, and an affine change of units makes no difference.

    >>> numbers, none = np.array([[0.0, 5.0], [1.0, 5.0], [5.0, np.nan]]), np.empty((3, 0), dtype=np.int64)
    >>> columns = Columns(Table(("numeric",) * 2, np.array([0, 1]), 1, numbers, none, None, np.zeros(3)))
    >>> columns.mean, columns.quantile(0.5), columns.varies
    (array([2., 5.]), array([1., 5.]), array([ True, False]))
    """

    table: Table

    @cached_property
    def low(self) -> Floats:
        """The smallest values (q,)."""
        return np.asarray(self.table.sorted_numeric[0])

    @cached_property
    def high(self) -> Floats:
        """The largest values (q,)."""
        return self._in_order(self.table.known - 1)

    @cached_property
    def width(self) -> Floats:
        """Largest less smallest (q,), infinite where that overflows."""
        return self.high - self.low

    @cached_property
    def varies(self) -> NDArray[np.bool_]:
        """Whether a column has a spread (q,), and one that can be divided by."""
        return (self.width > 0) & np.isfinite(self.width)

    @cached_property
    def mean(self) -> Floats:
        """Means (q,), NaN where the width overflows."""
        return self.low + self.width * self._unit_mean

    @cached_property
    def sd(self) -> Floats:
        """Standard deviations over the number of values (q,)."""
        return self.width * np.sqrt(self.moment(2))

    @cached_property
    def deviations(self) -> Floats:
        """Distances from the mean in units of the width (n, q), 0 where missing or constant."""
        return np.where(np.isnan(self.table.numeric), 0.0, self._unit - self._unit_mean)

    @cached_property
    def spread(self) -> Floats:
        """Standard deviations (q,) over all n rows, with the mean for what is missing, in units of the width."""
        return np.sqrt(power_sums(self.deviations, 2) / self.table.n_rows)

    def standardized(self, chosen: Integers) -> Floats:
        """Return the chosen columns (n, c), which must vary, with mean 0 and variance 1; the mean where missing."""
        return self.deviations[:, chosen] / self.spread[chosen]

    def moment(self, order: int) -> Floats:
        """Return central moments in units of the width (q,)."""
        return power_sums(self.deviations, order) / self.table.known

    def quantile(self, q: float) -> Floats:
        """Return quantiles (q,), linear between the two nearest values as in NumPy."""
        return self._quantile_of(self.table.sorted_numeric, q)

    def median_distance(self) -> Floats:
        """Return the median absolute deviations from the median (q,), unscaled."""
        distances = np.abs(self.table.numeric - self.quantile(0.5))
        return self._quantile_of(np.sort(distances, axis=0), 0.5)

    @cached_property
    def _unit(self) -> Floats:
        used = self.varies & ~np.isnan(self.table.numeric)
        return np.where(used, (self.table.numeric - self.low) / np.where(self.varies, self.width, 1.0), 0.0)

    @cached_property
    def _unit_mean(self) -> Floats:
        return np.asarray(self._unit.sum(axis=0) / self.table.known)

    def _in_order(self, position: Integers) -> Floats:
        return _picked(self.table.sorted_numeric, position)

    def _quantile_of(self, ordered: Floats, q: float) -> Floats:
        position = q * (self.table.known - 1)
        below = np.floor(position).astype(np.int64)
        above = np.minimum(below + 1, self.table.known - 1)
        first, second = _picked(ordered, below), _picked(ordered, above)
        return np.asarray(first + (second - first) * (position - below))


def power_sums(values: Floats, order: int) -> Floats:
    """Return the sums of powers of the columns of ``values`` (n, q) as (q,).

    >>> power_sums(np.array([[1.0, 2.0], [3.0, 0.0]]), 3)
    array([28.,  8.])
    """
    return np.asarray(np.einsum(",".join(["ij"] * order) + "->j", *[values] * order))


def _picked(ordered: Floats, position: Integers) -> Floats:
    return np.asarray(np.take_along_axis(ordered, position[None], axis=0)[0])
