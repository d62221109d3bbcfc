"""What the groups of meta-features share: a dataset as arrays, made once."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Dataset, Kind

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Table:
    """A dataset of n rows and p columns as arrays.

    ``kinds`` are those of all columns, and ``missing`` (p,) their numbers of missing values; ``rows_with_missing``
    counts rows. ``numeric`` (n, p_num) and ``nominal`` (n, p_nom) leave out columns without any value: numbers with
    NaN where missing, and codes 0, 1, ... without gaps, -1 where missing. ``target`` (n,) holds the numbers to predict;
    in a classification they are codes, which ``classes`` (n,) holds as integers; in a regression that is None.
    """

    kinds: tuple[Kind, ...]
    missing: Integers
    rows_with_missing: int
    numeric: Floats
    nominal: Integers
    classes: Integers | None
    target: Floats

    @classmethod
    def of(cls, dataset: Dataset) -> "Table":
        """Make the arrays.

        >>> import pandas as pd
        >>> X = pd.DataFrame({"a": [1.0, None, 3.0], "b": pd.Categorical(["x", "y", "x"])})
        >>> y = pd.Series(["u", "v", "u"], dtype="category")
        >>> table = Table.of(Dataset(X, y, "tiny", ("numeric", "nominal"), ""))
        >>> table.nominal.ravel(), table.classes, table.missing
        (array([0, 1, 0]), array([0, 1, 0]), array([1, 0]))
        """
        absent = dataset.X.isna().to_numpy()
        missing = absent.sum(axis=0, dtype=np.int64)
        usable = [kind if count < len(absent) else "" for kind, count in zip(dataset.kinds, missing, strict=True)]
        numeric = dataset.X.iloc[:, [i for i, kind in enumerate(usable) if kind == "numeric"]]
        nominal = dataset.X.iloc[:, [i for i, kind in enumerate(usable) if kind == "nominal"]]
        classes = _codes(dataset.y) if dataset.task_type == "classification" else None
        return cls(
            kinds=dataset.kinds,
            missing=missing,
            rows_with_missing=int(absent.any(axis=1).sum()),
            numeric=_finite(numeric.to_numpy(dtype=np.float64)),
            nominal=_stacked([_codes(nominal[column]) for column in nominal], len(dataset.X)),
            classes=classes,
            target=dataset.y.to_numpy(dtype=np.float64) if classes is None else classes.astype(np.float64),
        )

    @property
    def n_rows(self) -> int:
        """The number of rows n."""
        return len(self.numeric)

    @cached_property
    def class_counts(self) -> Integers | None:
        """The number of rows in each class (K,), or None for a regression."""
        return None if self.classes is None else counts(self.classes)

    @cached_property
    def known(self) -> Integers:
        """How many values each numeric column holds (p_num,)."""
        return np.asarray(np.sum(~np.isnan(self.numeric), axis=0, dtype=np.int64))

    @cached_property
    def sorted_numeric(self) -> Floats:
        """The numeric columns sorted, each for itself (n, p_num), missing values last."""
        return np.sort(self.numeric, axis=0)


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


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _codes(column: "pd.Series[Any]") -> Integers:
    return np.asarray(column.cat.remove_unused_categories().cat.codes, dtype=np.int64)


def _stacked(columns: list[Integers], n_rows: int) -> Integers:
    return np.stack(columns, axis=1) if columns else np.empty((n_rows, 0), dtype=np.int64)
