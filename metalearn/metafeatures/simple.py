"""Simple meta-features: how large the table is, what it consists of, what is missing, how the target is spread.

Definitions as in Feurer et al., "Initializing Bayesian Hyperparameter Optimization via Meta-Learning" (AAAI 2015),
table 1, and Rivolli et al., "Meta-features for meta-learning" (2022).
"""

import math

import numpy as np

from metalearn.core.records import Kind
from metalearn.metafeatures.columns import FENCE, columns_of
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Table, centred, counts

_FEURER, _RIVOLLI = "Feurer et al. 2015", "Rivolli et al. 2022"


def _p(table: Table) -> int:
    return len(table.kinds)


def _count(kind: Kind) -> Measure:
    long = {"numeric": "numeric", "nominal": "nominal", "date": "date", "text": "free-text"}[kind]
    source = _FEURER if kind in ("numeric", "nominal") else "metalearn"
    return Measure(
        f"n_{kind}",
        lambda t: float(t.kinds.count(kind)),
        f"number of {long} columns",
        range="0 to p",
        unit="columns",
        source=source,
    )


def _missing_rate(table: Table) -> float:
    return float(table.missing.sum()) / (table.n_rows * _p(table))


def n_symbols(table: Table) -> Floats:
    """Return the numbers of distinct values of the nominal columns (r,).

    Raises:
        UnmeasuredError: without nominal columns.
    """
    require(table.nominal.shape[1] > 0, "not_applicable")
    return np.asarray(table.nominal.max(axis=0) + 1.0)


def _symbols_sum(table: Table) -> float:
    return float(np.sum(table.nominal.max(axis=0, initial=-1) + 1))


def _n_binary(table: Table) -> float:
    nominal = np.count_nonzero(table.nominal.max(axis=0, initial=-1) == 1)
    return float(nominal + (np.count_nonzero(table.shared(columns_of).distinct == 2) if table.numeric.size else 0))


def _imbalance(table: Table) -> float:
    return float(table.class_counts.max() / table.class_counts.min())


def _deviations(table: Table) -> Floats:
    """Return a numeric target (m,) with mean 0, at any scale."""
    require(table.classes is None, "not_applicable")
    deviations = centred(table.target)
    require(bool(np.any(deviations)), "constant")
    return deviations


def _target_moment(table: Table, order: int) -> float:
    deviations = _deviations(table)
    return float(np.mean(deviations**order) / np.mean(deviations**2) ** (order / 2))


def _target_share_of_mode(table: Table) -> float:
    require(table.classes is None, "not_applicable")
    return float(counts(np.unique(table.target, return_inverse=True)[1]).max() / table.n_used)


def _target_outliers(table: Table) -> float:
    deviations = _deviations(table)
    low, high = np.quantile(deviations, (0.25, 0.75))
    margin = FENCE * (high - low)
    return float(np.mean((deviations < low - margin) | (deviations > high + margin)))


SIMPLE = Group(
    "simple",
    (
        Measure("n_rows", lambda t: float(t.n_rows), "number of rows n", "from 1", "rows", _FEURER),
        Measure("n_columns", lambda t: float(_p(t)), "number of feature columns p", "from 1", "columns", _FEURER),
        Measure("log_n_rows", lambda t: math.log(t.n_rows), "ln(n)", "from 0", "ln(rows)", _FEURER),
        Measure("log_n_columns", lambda t: math.log(_p(t)), "ln(p)", "from 0", "ln(columns)", _FEURER),
        Measure("dimensionality", lambda t: _p(t) / t.n_rows, "p / n", "above 0", "columns per row", _FEURER),
        Measure("log_dimensionality", lambda t: math.log(_p(t) / t.n_rows), "ln(p / n)", source=_FEURER),
        Measure(
            "n_rows_used",
            lambda t: float(t.n_used),
            "rows that the other groups see: n, but for a random sample of a table of more than 200 million cells, or "
            "than the memory allows",
            "1 to n",
            "rows",
        ),
        _count("numeric"),
        _count("nominal"),
        _count("date"),
        _count("text"),
        Measure("n_binary", _n_binary, "columns with two distinct values", "0 to p", "columns", _RIVOLLI),
        Measure("share_numeric", lambda t: t.kinds.count("numeric") / _p(t), "n_numeric / p", "[0, 1]", "", _RIVOLLI),
        Measure("share_nominal", lambda t: t.kinds.count("nominal") / _p(t), "n_nominal / p", "[0, 1]", "", _RIVOLLI),
        Measure("n_missing", lambda t: float(t.missing.sum()), "missing values", "0 to n p", "cells", _FEURER),
        Measure(
            "n_columns_with_missing",
            lambda t: float(np.count_nonzero(t.missing)),
            "columns with a missing value",
            "0 to p",
            "columns",
            _FEURER,
        ),
        Measure(
            "n_rows_with_missing",
            lambda t: float(t.rows_with_missing),
            "rows with a missing value",
            "0 to n",
            "rows",
            _FEURER,
        ),
        Measure("share_missing", _missing_rate, "n_missing / (n p)", "[0, 1]", "", _FEURER),
        Measure(
            "share_columns_with_missing",
            lambda t: float(np.mean(t.missing > 0)),
            "n_columns_with_missing / p",
            "[0, 1]",
            "",
            _FEURER,
        ),
        Measure(
            "share_rows_with_missing",
            lambda t: t.rows_with_missing / t.n_rows,
            "n_rows_with_missing / n",
            "[0, 1]",
            "",
            _FEURER,
        ),
        Measure("symbols_sum", _symbols_sum, "sum of symbols", "from 0", "distinct values", _FEURER),
        Measure(
            "symbols", n_symbols, "number of distinct values", "from 1", "distinct values", _FEURER, "nominal columns"
        ),
        Measure(
            "n_classes",
            lambda t: float(len(t.class_counts)),
            "number of classes K",
            "from 1",
            "classes",
            _FEURER,
            needs_target=True,
        ),
        Measure(
            "class_probability",
            lambda t: t.class_shares,
            "share of the rows that are in the class",
            "(0, 1]",
            "",
            _FEURER,
            "classes",
            needs_target=True,
        ),
        Measure(
            "class_imbalance_ratio",
            _imbalance,
            "rows of the largest class / rows of the smallest class",
            "from 1",
            "",
            _RIVOLLI,
            needs_target=True,
        ),
        Measure(
            "target_skewness",
            lambda t: _target_moment(t, 3),
            "g1 = m3 / m2^1.5 of a numeric target",
            needs_target=True,
        ),
        Measure(
            "target_kurtosis",
            lambda t: _target_moment(t, 4) - 3,
            "g2 = m4 / m2^2 - 3 of a numeric target",
            "from -2",
            needs_target=True,
        ),
        Measure(
            "target_outlier_share",
            _target_outliers,
            f"share of a numeric target's values more than {FENCE} interquartile ranges outside the quartiles",
            "[0, 1]",
            needs_target=True,
        ),
        Measure(
            "target_share_of_mode",
            _target_share_of_mode,
            "share of a numeric target's most frequent value",
            "(0, 1]",
            needs_target=True,
        ),
    ),
)
