"""What the groups of meta-features share: a dataset as arrays, and whatever else several of them need, made once."""

import time
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Dataset, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Node = TypeVar("Node")

# Why a measure has no value: it makes no sense here (no numeric columns, a regression); nothing varies; there are
# too few rows to tell; its formula has no finite result; the time or the memory was spent.
Reason = Literal["not_applicable", "constant", "too_few_rows", "undefined", "timeout", "memout"]

# Of larger tables so many cells' worth of random rows stand for all: sharper values are not worth the memory.
MAX_CELLS = 200_000_000
# A table of floats, its copy in another order, and what is computed from a block of columns.
_COPIES = 4
_BLOCK_CELLS = 2_000_000


class UnmeasuredError(Exception):
    """A measure has no value, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Deadline:
    """The moment on the clock of ``time.perf_counter`` when the time for an extraction is spent; None for never."""

    moment: float | None = None

    @classmethod
    def within(cls, seconds: float | None) -> "Deadline":
        """Return the deadline that is so many seconds ahead."""
        return cls(None if seconds is None else time.perf_counter() + seconds)

    def check(self) -> None:
        """Raise ``UnmeasuredError`` when it has passed; long computations call it between their parts."""
        if self.moment is not None and time.perf_counter() >= self.moment:
            raise UnmeasuredError("timeout")


@dataclass(frozen=True, eq=False)
class Table:
    """A dataset of n rows and p columns as arrays.

    ``n_rows``, ``kinds``, ``missing`` (p,), the numbers of missing values, and ``rows_with_missing`` describe the
    whole dataset. Everything else holds its m used rows: all of them, but for a sample of a table that is too large.
    ``X`` (m, p) are the columns as they came. ``numeric`` (m, q) and ``nominal`` (m, r) leave out columns without any
    value: numbers with NaN where missing, and codes 0, 1, ... with -1 where missing, both stored column by column
    (Fortran order). ``target`` (m,) holds the numbers to predict; in a classification they are codes 0, 1, ...,
    which ``classes`` (m,) holds as integers; in a regression that is None.
    """

    X: "pd.DataFrame"
    n_rows: int
    kinds: tuple[Kind, ...]
    missing: Integers
    rows_with_missing: int
    numeric: Floats
    nominal: Codes
    classes: Integers | None
    target: Floats
    order: str | None = None
    seed: int = 0
    deadline: Deadline = Deadline()
    _made: "dict[object, tuple[Any, Exception | None]]" = field(init=False, repr=False, default_factory=dict)

    @classmethod
    def of(
        cls, dataset: Dataset, *, seed: int = 0, deadline: Deadline | None = None, max_cells: int = MAX_CELLS
    ) -> "Table":
        """Make the arrays, from a random sample of the rows where there are more than ``max_cells`` cells.

        >>> import pandas as pd
        >>> X = pd.DataFrame({"a": [1.0, None, 3.0], "b": pd.Categorical(["x", "y", "x"])})
        >>> y = pd.Series(["u", "v", "u"], dtype="category")
        >>> table = Table.of(Dataset(X, y, "tiny", ("numeric", "nominal"), ""))
        >>> table.nominal.ravel(), table.classes, table.missing
        (array([0, 1, 0], dtype=int32), array([0, 1, 0]), array([1, 0]))
        """
        missing, rows_with_missing = _missing(dataset.X)
        X, y = _used_rows(dataset, seed, max_cells)
        has_values = X.notna().any(axis=0).to_numpy()
        classes = _codes(y).astype(np.int64) if dataset.task_type == "classification" else None
        return cls(
            X=X,
            n_rows=len(dataset.X),
            kinds=dataset.kinds,
            missing=missing,
            rows_with_missing=rows_with_missing,
            numeric=_numbers(_of_kind(X, dataset.kinds, has_values, "numeric")),
            nominal=_stacked(_of_kind(X, dataset.kinds, has_values, "nominal")),
            classes=classes,
            target=y.to_numpy(dtype=np.float64) if classes is None else classes.astype(np.float64),
            order=dataset.order,
            seed=seed,
            deadline=deadline or Deadline(),
        )

    @property
    def n_used(self) -> int:
        """The number of used rows m."""
        return len(self.target)

    @property
    def class_counts(self) -> Integers:
        """The number of used rows in each class (K,).

        Raises:
            UnmeasuredError: for a regression.
        """
        if self.classes is None:
            raise UnmeasuredError("not_applicable")
        return counts(self.classes)

    @property
    def class_shares(self) -> Floats:
        """The share of the used rows in each class (K,).

        Raises:
            UnmeasuredError: for a regression.
        """
        return np.asarray(self.class_counts / self.n_used)

    def shared(self, node: "Callable[[Table], Node]") -> Node:
        """Return ``node(table)``, computed when it is first asked for; what it raises is kept like a result.

        >>> import pandas as pd
        >>> X, y = pd.DataFrame({"a": [2.0, 1.0]}), pd.Series([1.5, 2.5])
        >>> table = Table.of(Dataset(X, y, "tiny", ("numeric",), ""))
        >>> def sorted_columns(table):
        ...     return np.sort(table.numeric, axis=0)
        >>> table.shared(sorted_columns) is table.shared(sorted_columns)
        True
        """
        if node not in self._made:
            try:
                self._made[node] = node(self), None
            except Exception as error:
                self._made[node] = None, error.with_traceback(None)  # which would keep the arrays of its frames alive
        made, failure = self._made[node]
        if failure is not None:
            raise failure
        return cast("Node", made)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a stream of its own for each purpose: what one group draws does not depend on the others."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def take(self, rows: Integers) -> "Table":
        """Return the table with these of the used rows; columns keep their codes, and may be without any value."""
        return replace(
            self,
            X=self.X.iloc[rows],
            numeric=np.asfortranarray(self.numeric[rows]),
            nominal=np.asfortranarray(self.nominal[rows]),
            classes=None if self.classes is None else self.classes[rows],
            target=self.target[rows],
        )

    def sample(self, size: int) -> "Table":
        """Return the table with at most ``size`` rows, in their order: a random sample in proportion to the classes."""
        if self.n_used <= size:
            return self
        key = ("sample", size)
        if key not in self._made:
            places = np.linspace(0, self.n_used - 1, size).astype(np.int64)
            self._made[key] = self.take(np.sort(self.shared(_shuffled)[places])), None
        return cast("Table", self._made[key][0])


def has_target(table: Table) -> bool:
    """Return whether there is anything to predict; a node to share."""
    return table.classes is not None or not np.isnan(table.target).all()


def counts(codes: Integers) -> Integers:
    """Return how often each of the codes 0, 1, ... occurs.

    >>> counts(np.array([0, 2, 0]))
    array([2, 0, 1])
    """
    return np.bincount(codes).astype(np.int64)


def centred(target: Floats) -> Floats:
    """Return numbers to predict with mean 0, scaled so that their squares do not overflow.

    >>> centred(np.array([0.0, 1e308]))
    array([-0.5,  0.5])
    """
    scaled = target / max(float(np.abs(target).max()), np.finfo(np.float64).tiny)
    return np.asarray(scaled - scaled.mean())


def blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Return slices of the columns of a table: blocks of columns that fit into a processor's cache, or nearly.

    >>> blocks(1_000_000, 5)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    width = max(1, _BLOCK_CELLS // max(n_rows, 1))
    return [slice(start, min(start + width, n_columns)) for start in range(0, n_columns, width)]


def max_cells_within(memory: float) -> int:
    """Return how many cells a table may have so that extraction stays within ``memory`` GB.

    >>> max_cells_within(1.0)
    31250000
    """
    return int(memory * 1e9 / (8 * _COPIES))


def _missing(X: "pd.DataFrame") -> tuple[Integers, int]:
    """Return the numbers of missing values of the columns (p,), and of rows that have one."""
    by_column: list[Integers] = [np.zeros(0, dtype=np.int64)]
    by_row = np.zeros(len(X), dtype=bool)
    for block in blocks(*X.shape):
        absent = X.iloc[:, block].isna().to_numpy()
        by_column.append(absent.sum(axis=0, dtype=np.int64))
        by_row |= absent.any(axis=1)
    return np.concatenate(by_column), int(by_row.sum())


def _used_rows(dataset: Dataset, seed: int, max_cells: int) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    n, p = dataset.X.shape
    size = max(1, max_cells // max(p, 1))
    if n <= size:
        return dataset.X, dataset.y
    rows = np.sort(np.random.default_rng([seed, n]).choice(n, size, replace=False, shuffle=False))
    return dataset.X.iloc[rows], dataset.y.iloc[rows]


def _of_kind(X: "pd.DataFrame", kinds: tuple[Kind, ...], has_values: NDArray[np.bool_], kind: Kind) -> "pd.DataFrame":
    return X.iloc[
        :, [i for i, (found, used) in enumerate(zip(kinds, has_values, strict=True)) if used and found == kind]
    ]


def _numbers(X: "pd.DataFrame") -> Floats:
    values = np.asfortranarray(X.to_numpy(dtype=np.float64))
    if not np.isinf(values).any():
        return values
    return np.where(np.isinf(values), np.nan, values)


def _stacked(X: "pd.DataFrame") -> Codes:
    codes = np.empty(X.shape, dtype=np.int32, order="F")
    for i in range(X.shape[1]):
        codes[:, i] = _codes(X.iloc[:, i])
    return codes


def _codes(column: "pd.Series[Any]") -> Codes:
    """Return the codes of a category's used values (m,), without gaps."""
    codes = column.cat.codes.to_numpy().astype(np.int32)
    used = np.bincount(codes + 1, minlength=len(column.cat.categories) + 1)[1:] > 0
    renumbered = np.concatenate([[-1], np.cumsum(used) - 1]).astype(np.int32)
    return np.asarray(renumbered[codes + 1])


def _shuffled(table: Table) -> Integers:
    """Return all used rows ordered by class, at random within; a node."""
    strata = np.zeros(table.n_used, dtype=np.int64) if table.classes is None else table.classes
    return np.lexsort((table.rng("sample").random(len(strata)), strata))
