"""Complexity: how hard it is to tell the classes apart, or to follow a numeric target, seen in the data alone.

All measures of Lorena, Garcia, Lehmann, Souto and Ho, "How complex is your classification problem? A survey on
measuring classification complexity" (ACM Computing Surveys 52, 2019), and of Lorena, Maciel, de Miranda, Costa and
Prudencio, "Data complexity meta-features for regression problems" (Machine Learning 107, 2018), under their codes.
Nominal columns take part as 0/1 features, one for each of the 20 most frequent symbols, or one for two symbols.
"""

import numpy as np

from metalearn.metafeatures.complexity_linear import LINEAR
from metalearn.metafeatures.complexity_neighbourhood import NEIGHBOURHOOD
from metalearn.metafeatures.complexity_network import NETWORK
from metalearn.metafeatures.complexity_overlap import OVERLAP
from metalearn.metafeatures.complexity_points import FEW_ROWS, WIDE, features_of
from metalearn.metafeatures.complexity_regression import REGRESSION
from metalearn.metafeatures.information import class_entropy_normalized
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Table

_EXPLAINED = 0.95


def _c2(table: Table) -> float:
    shares = table.class_shares
    n_classes = len(shares)
    require(n_classes > 1, "constant")
    ratio = (n_classes - 1) / n_classes * float((shares / (1 - shares)).sum())
    return max(1 - 1 / ratio, 0.0)


def _t2(table: Table) -> float:
    return float(table.shared(features_of).shape[1] / table.n_used)


def components_of(table: Table) -> int:
    """Return the smallest number of principal components that explain more than 95 % of the variance; a node to share.

    Raises:
        UnmeasuredError: when no feature varies, or without numeric and nominal columns.
    """
    if table.shared(features_of).shape[1] > WIDE:
        table = table.sample(FEW_ROWS)
    features = table.shared(features_of)
    require(features.shape[1] > 0, "constant")
    deviations = (features - features.mean(axis=0)) * _units(table, features.shape[1])
    wide = deviations.shape[1] > len(deviations)
    table.deadline.check()
    products = deviations @ deviations.T if wide else deviations.T @ deviations
    variances = np.maximum(np.linalg.eigvalsh(products)[::-1], 0.0)
    require(bool(variances[0] > 0) and bool(np.any(np.ptp(features, axis=0) > 0)), "constant")
    return int(np.searchsorted(np.cumsum(variances) / variances.sum(), _EXPLAINED, side="right")) + 1


def _units(table: Table, n_features: int) -> Floats:
    """Return the widths of the features before they were scaled (d,), in units of the largest; 0/1 features have 1."""
    halves = np.ones(n_features) / 2
    if table.numeric.shape[1]:
        low, high = np.fmin.reduce(table.numeric, axis=0), np.fmax.reduce(table.numeric, axis=0)
        halves[: len(low)] = np.nan_to_num(high / 2 - low / 2)
    return np.asarray(halves / max(halves.max(), np.finfo(np.float64).tiny))


_LORENA = "Lorena et al. 2019"
_COMPONENTS = (
    "number of principal components, of the features in their own units, that explain more than 95 % of the variance "
    f"(on at most {FEW_ROWS} rows where there are more than {WIDE} features)"
)

_BALANCE = (
    Measure(
        "complexity_c1",
        class_entropy_normalized,
        "C1, entropy of the class shares / ln(K)",
        "[0, 1]",
        source=_LORENA,
        needs_target=True,
    ),
    Measure(
        "complexity_c2",
        _c2,
        "C2, imbalance ratio: 1 - 1 / ((K - 1) / K x sum over classes of its rows / the other rows)",
        "[0, 1)",
        source=_LORENA,
        needs_target=True,
    ),
)
_DIMENSIONALITY = (
    Measure("complexity_t2", _t2, "T2, number of features d / rows", "from 0", "features per row", _LORENA),
    Measure(
        "complexity_t3",
        lambda t: t.shared(components_of) / t.n_used,
        f"T3, {_COMPONENTS} / rows",
        "above 0",
        "components per row",
        _LORENA,
        cost="n p^2",
    ),
    Measure(
        "complexity_t4",
        lambda t: t.shared(components_of) / t.shared(features_of).shape[1],
        f"T4, {_COMPONENTS} / number of features d",
        "(0, 1]",
        "",
        _LORENA,
        cost="n p^2",
    ),
)

COMPLEXITY = Group(
    "complexity", (*_BALANCE, *_DIMENSIONALITY, *OVERLAP, *LINEAR, *NEIGHBOURHOOD, *NETWORK, *REGRESSION)
)
