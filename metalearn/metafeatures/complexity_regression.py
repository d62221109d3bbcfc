"""How hard a numeric target is to follow: linearity L1, L2 and L3, smoothness S1 to S4, and dimensionality T2.

Definitions of Lorena, Maciel, de Miranda, Costa and Prudencio, "Data complexity meta-features for regression problems"
(Machine Learning 107, 2018), sections 3.2 to 3.4: features and target are scaled to [0, 1], distances are Euclidean.
"""

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.complexity_correlation import CORRELATION, regression_measure, require_numbers, target_of
from metalearn.metafeatures.complexity_neighbourhood import SAMPLE, spanning_tree
from metalearn.metafeatures.complexity_points import FITTED, Points, features_of, fitting_rows, points_of
from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Floats, Table


def fitted(table: Table) -> tuple[Floats, Floats, Floats]:
    """Return features and target, ordered by the target, and the weights of the least squares fit of the deviations.

    Of several fits it is the one with the smallest weights. A node to share.
    """
    require_numbers(table)
    table = fitting_rows(table)
    target, features = table.shared(target_of), table.shared(features_of)
    order = np.argsort(target, kind="stable")
    features, target = features[order], target[order]
    deviations, y = features - features.mean(axis=0), target - target.mean()
    table.deadline.check()
    if deviations.shape[1] <= len(y):
        return features, target, np.linalg.lstsq(deviations, y)[0]
    return features, target, deviations.T @ np.linalg.lstsq(deviations @ deviations.T, y)[0]


def _fit_errors(table: Table) -> Floats:
    features, target, weights = table.shared(fitted)
    return np.asarray((features - features.mean(axis=0)) @ weights - (target - target.mean()))


def _l3(table: Table) -> float:
    features, target, weights = table.shared(fitted)
    share = table.rng("points between rows of near target").random(len(target) - 1)
    new = _between(features - features.mean(axis=0), share) @ weights
    return float(np.mean((new - _between(target - target.mean(), share)) ** 2))


def _between(values: Floats, share: Floats) -> Floats:
    """Return points between each row and the one before it: (m - 1, ...) of (m, ...)."""
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[:-1] + np.diff(values, axis=0) * share)


def _ordered_sample(table: Table) -> tuple[Points, Floats]:
    """Return the points and the target of the sample, ordered by the target; a node to share."""
    require_numbers(table)
    table = table.sample(SAMPLE)
    target, points = table.shared(target_of), table.shared(points_of)
    require(len(target) > 1, "too_few_rows")
    order = np.argsort(target, kind="stable")
    return points.take(order), target[order]


def _distances(table: Table) -> NDArray[np.float32]:
    """Return squared distances between the rows of the sample (s, s), ordered by the target; a node to share."""
    features = table.shared(_ordered_sample)[0].encoded()
    return _squared_distances(features, features)


def _squared_distances(these: Floats, others: Floats) -> NDArray[np.float32]:
    middle = others.mean(axis=0)
    these, others = these - middle, others - middle
    squares = [np.einsum("ij,ij->i", x, x) for x in (these, others)]
    return np.asarray(squares[0][:, None] + squares[1] - 2 * (these @ others.T)).astype(np.float32)


def _s1(table: Table) -> float:
    target = table.shared(_ordered_sample)[1]
    edges = spanning_tree(table.shared(_distances))
    return float(np.mean(np.abs(np.diff(target[edges], axis=1))))


def _s2(table: Table) -> float:
    features = table.shared(_ordered_sample)[0].encoded()
    return float(np.mean(np.sqrt((np.diff(features, axis=0) ** 2).sum(axis=1))))


def _s3(table: Table) -> float:
    target, others = table.shared(_ordered_sample)[1], table.shared(_distances).copy()
    np.fill_diagonal(others, np.inf)
    return float(np.mean((target[others.argmin(axis=1)] - target) ** 2))


def _s4(table: Table) -> float:
    points, target = table.shared(_ordered_sample)
    rng = table.rng("points between rows of near target")
    share, rows = rng.random(len(target) - 1), np.arange(len(target) - 1)
    features = points.encoded()
    new = points.take(rows).between(points.take(rows + 1), rng).encoded()
    q = points.numbers.shape[1]
    new[:, :q] = _between(points.numbers, share)
    nearest = _squared_distances(new, features).argmin(axis=1)
    return float(np.mean((target[nearest] - _between(target, share)) ** 2))


def _t2(table: Table) -> float:
    require_numbers(table)
    n_features = table.shared(features_of).shape[1]
    require(n_features > 0, "constant")
    return float(table.n_used / n_features)


_FIT = "multiple linear regression by least squares, features and target scaled to [0, 1], " + FITTED
_SCALED = f"features and target scaled to [0, 1], Euclidean distances, on at most {SAMPLE} rows"


REGRESSION = (
    *CORRELATION,
    regression_measure(
        "L1", lambda t: float(np.abs(_fit_errors(t)).mean()), f"mean |residual| of a {_FIT}", "[0, 1]", "n p^2"
    ),
    regression_measure(
        "L2", lambda t: float((_fit_errors(t) ** 2).mean()), f"mean residual^2 of a {_FIT}", "[0, 1]", "n p^2"
    ),
    regression_measure(
        "L3",
        _l3,
        f"mean squared error, on points between rows that are neighbours in the target, of a {_FIT}",
        "from 0",
        "n p^2",
    ),
    regression_measure(
        "S1",
        _s1,
        f"mean difference of the target along the edges of the minimum spanning tree of the rows; {_SCALED}",
        "[0, 1]",
        "sample",
    ),
    regression_measure(
        "S2", _s2, f"mean distance of rows that are neighbours in the target; {_SCALED}", "0 to sqrt(d)", "sample"
    ),
    regression_measure(
        "S3", _s3, f"mean squared error of the nearest other row's target as prediction; {_SCALED}", "[0, 1]", "sample"
    ),
    regression_measure(
        "S4",
        _s4,
        "mean squared error of the nearest row's target as prediction, on points between rows that are neighbours in "
        f"the target; {_SCALED}",
        "[0, 1]",
        "sample",
    ),
    regression_measure("T2", _t2, "rows / number of features d", "above 0", "n p"),
)
