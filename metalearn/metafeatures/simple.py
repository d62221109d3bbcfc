"""Simple meta-features: how large the table is, what it consists of, what is missing, how the classes are spread.

Definitions as in Feurer et al., "Initializing Bayesian Hyperparameter Optimization via Meta-Learning" (AAAI 2015),
table 1, and Rivolli et al., "Meta-features for meta-learning" (2022).
"""

import math
from collections.abc import Mapping

import numpy as np

from metalearn.metafeatures.groups import Group, Measured, Reason, summarised, summary_names
from metalearn.metafeatures.table import Table

_SIZE = ("n_rows", "n_columns", "log_n_rows", "log_n_columns", "dimensionality", "log_dimensionality")
_KINDS = ("n_numeric", "n_nominal", "n_date", "n_text", "share_numeric", "share_nominal")
_MISSING = (
    "n_missing",
    "n_columns_with_missing",
    "n_rows_with_missing",
    "share_missing",
    "share_columns_with_missing",
    "share_rows_with_missing",
)
_SYMBOLS = ("symbols_sum", *summary_names(["symbols"]))
_CLASSES = ("n_classes", *summary_names(["class_probability"]), "class_imbalance_ratio")


def measure(table: Table, rng: np.random.Generator) -> Measured:
    """Return the simple meta-features of a table; nothing is random.

    >>> numbers, none = np.array([[1.0], [2.0], [np.nan], [4.0]]), np.empty((4, 0), dtype=np.int64)
    >>> table = Table(("numeric",), np.array([1]), 1, numbers, none, np.array([0, 0, 0, 1]), np.zeros(4))
    >>> values = measure(table, np.random.default_rng(0))
    >>> values["dimensionality"], values["share_missing"], values["class_imbalance_ratio"], values["symbols_mean"]
    (0.25, 0.25, 3.0, 'not_applicable')
    """
    del rng
    return {**_size(table), **_kinds(table), **_missing(table), **_symbols(table), **_classes(table)}


def _size(table: Table) -> Mapping[str, float]:
    n, p = table.n_rows, len(table.kinds)
    ratio = p / n
    return dict(zip(_SIZE, (n, p, math.log(n), math.log(p), ratio, math.log(ratio)), strict=True))


def _kinds(table: Table) -> Mapping[str, float]:
    counts = {kind: table.kinds.count(kind) for kind in ("numeric", "nominal", "date", "text")}
    shares = (counts["numeric"] / len(table.kinds), counts["nominal"] / len(table.kinds))
    return dict(zip(_KINDS, (*counts.values(), *shares), strict=True))


def _missing(table: Table) -> Mapping[str, float]:
    n, p = table.n_rows, len(table.kinds)
    cells, columns, rows = int(table.missing.sum()), int(np.count_nonzero(table.missing)), table.rows_with_missing
    return dict(zip(_MISSING, (cells, columns, rows, cells / (n * p), columns / p, rows / n), strict=True))


def _symbols(table: Table) -> Mapping[str, float | Reason]:
    symbols = table.nominal.max(axis=0, initial=-1).astype(np.float64) + 1
    return {"symbols_sum": float(symbols.sum()), **summarised("symbols", symbols, "not_applicable")}


def _classes(table: Table) -> Mapping[str, float | Reason]:
    counts = table.class_counts
    if counts is None:
        return dict.fromkeys(_CLASSES, "not_applicable")
    spread = summarised("class_probability", counts / counts.sum(), "not_applicable")
    return {"n_classes": len(counts), **spread, "class_imbalance_ratio": float(counts.max() / counts.min())}


SIMPLE = Group("simple", (*_SIZE, *_KINDS, *_MISSING, *_SYMBOLS, *_CLASSES), measure)
