"""The rows of a table as points, which the measures of complexity compare: scaled numbers, symbols, and between them.

Conventions of Lorena et al., "How complex is your classification problem?" (ACM Computing Surveys 52, 2019): numbers
are scaled to [0, 1], new points lie between random rows of the same class, and several classes are taken in pairs.
"""

from dataclasses import dataclass

import numpy as np

from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Codes, Floats, Integers, Table, blocks

# Where the cost grows with the square or the cube of the features, so many rows stand for all of a wide table ...
WIDE, FEW_ROWS = 100, 1000
# ... and for any table where a model is fitted many times: so many, but no more cells, unless they are very few.
MANY_ROWS, MANY_CELLS, FEWEST_ROWS = 5_000, 200_000, 500
FITTED = f"on at most {MANY_ROWS} rows, and no more than {MANY_CELLS} / d or {FEWEST_ROWS}, d the number of features"
# There are K (K - 1) / 2 pairs of classes: all of up to 10 classes.
MAX_PAIRS = 50
# Of a nominal column's symbols, so many of the most frequent ones become features.
MAX_SYMBOLS = 20


@dataclass(frozen=True, eq=False)
class Points:
    """m points: ``numbers`` (m, q) in [0, 1], ``symbols`` (m, r), and what turns symbols into features.

    ``indicators`` (2, s) holds the column and the symbol of each 0/1 feature.
    """

    numbers: Floats
    symbols: Codes
    indicators: Integers

    def encoded(self) -> Floats:
        """Return the points as features (m, q + s): the numbers, then the 0/1 features."""
        columns, symbols = self.indicators
        if not len(columns):
            return self.numbers
        return np.asfortranarray(np.hstack([self.numbers, self.symbols[:, columns] == symbols]))

    def take(self, rows: Integers) -> "Points":
        """Return some of the points."""
        return Points(self.numbers[rows], self.symbols[rows], self.indicators)

    def between(self, others: "Points", rng: np.random.Generator) -> "Points":
        """Return points between these and others, at random in each number; a symbol is one of the two."""
        shares = rng.random(self.numbers.shape)
        of_these = rng.random(self.symbols.shape) < 0.5
        numbers = self.numbers + (others.numbers - self.numbers) * shares
        return Points(numbers, np.where(of_these, self.symbols, others.symbols), self.indicators)


def points_of(table: Table) -> Points:
    """Return the used rows as points; the mean stands for a missing number, -1 for a missing symbol; a node to share.

    Raises:
        UnmeasuredError: without numeric and nominal columns.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X = pd.DataFrame({"a": [2.0, 4.0, None], "b": pd.Categorical(["x", "y", "x"])})
    >>> table = Table.of(Dataset(X, pd.Series([1.0, 2.0, 3.0]), "tiny", ("numeric", "nominal"), ""))
    >>> table.shared(points_of).encoded().tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.5, 1.0]]
    """
    require(table.numeric.shape[1] + table.nominal.shape[1] > 0, "not_applicable")
    numbers = np.empty(table.numeric.shape, order="F")
    for block in blocks(*table.numeric.shape):
        table.deadline.check()
        numbers[:, block] = _scaled(table.numeric[:, block])
    return Points(numbers, table.nominal, _indicators(table.nominal))


def features_of(table: Table) -> Floats:
    """Return the rows as features (m, d), column by column: numbers in [0, 1] and 0/1 for symbols; a node."""
    return table.shared(points_of).encoded()


def fitting_rows(table: Table) -> Table:
    """Return the table with as many rows as a model is fitted to: 5,000 at most, 500 of very many features."""
    d = table.numeric.shape[1] + table.shared(points_of).indicators.shape[1]
    return table.sample(min(MANY_ROWS, max(FEWEST_ROWS, MANY_CELLS // max(d, 1))))


def classes_of(table: Table) -> Integers:
    """Return the classes of the rows (m,) as 0, 1, ... without gaps; a node.

    Raises:
        UnmeasuredError: for a regression, and where there is one class.
    """
    require(table.classes is not None, "not_applicable")
    classes = np.unique(np.asarray(table.classes), return_inverse=True)[1]
    require(len(classes) > 0 and int(classes.max()) > 0, "constant")
    return classes


def pairs_of(table: Table) -> Integers:
    """Return pairs of classes (P, 2), the smaller code first: all, or at most 50 random ones; a node."""
    n_classes = int(table.shared(classes_of).max()) + 1
    if n_classes * (n_classes - 1) // 2 <= MAX_PAIRS:
        return np.column_stack(np.triu_indices(n_classes, k=1))
    rng = table.rng("pairs of classes")
    first = rng.integers(n_classes, size=MAX_PAIRS)
    second = (first + rng.integers(1, n_classes, size=MAX_PAIRS)) % n_classes
    return np.unique(np.sort(np.column_stack([first, second]), axis=1), axis=0)


def new_points(points: Points, classes: Integers, rng: np.random.Generator) -> Points:
    """Return a new point for each one, between two random ones of its class (m,)."""
    order, counts = np.argsort(classes, kind="stable"), np.bincount(classes)
    starts = np.cumsum(counts) - counts
    first, second = (
        order[starts[classes] + (rng.random(len(classes)) * counts[classes]).astype(np.int64)] for _ in range(2)
    )
    return points.take(first).between(points.take(second), rng)


def _scaled(values: Floats) -> Floats:
    """Return columns (m, b) scaled to [0, 1], 0 where constant, the mean where missing."""
    with np.errstate(all="ignore"):
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
        shrink = np.where(np.isfinite(high - low), 1.0, 0.25)
        width = high * shrink - low * shrink
        unit = (values * shrink - low * shrink) / np.where(width > 0, width, 1.0)
    missing = np.isnan(unit)
    if missing.any():
        means = np.where(missing, 0.0, unit).sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
        unit = np.where(missing, means, unit)
    return np.asarray(unit)


def _indicators(symbols: Codes) -> Integers:
    """Return the columns and symbols (2, s) to tell apart: one of two symbols, each of more, at most 20 a column."""
    found: list[tuple[int, int]] = []
    for column in range(symbols.shape[1]):
        frequency = np.bincount(symbols[:, column] + 1)
        used = np.flatnonzero(frequency)
        chosen = used[np.argsort(-frequency[used], kind="stable")][:MAX_SYMBOLS]
        n_features = {1: 0, 2: 1}.get(len(used), len(chosen))
        found += [(column, int(symbol) - 1) for symbol in chosen[:n_features]]
    return np.array(found, dtype=np.int64).reshape(-1, 2).T
