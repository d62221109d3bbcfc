"""How well a linear support vector machine separates the classes: L1, L2 and L3.

Definitions of Lorena et al., "How complex is your classification problem?" (ACM Computing Surveys 52, 2019), section
3.2, on pairs of classes as in pymfe, with the machine of ``maximum_margin`` on standardised features.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metalearn.metafeatures.complexity_overlap import PAIRS
from metalearn.metafeatures.complexity_points import (
    FITTED,
    classes_of,
    features_of,
    fitting_rows,
    new_points,
    pairs_of,
    points_of,
)
from metalearn.metafeatures.maximum_margin import maximum_margin
from metalearn.metafeatures.measures import Measure
from metalearn.metafeatures.table import Deadline, Floats, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where nothing separates two classes of a size, all decisions are 0 but for rounding.
_ZERO = 1e-6
# Pairs are solved together where the largest has at most so many times the rows of the smallest, ...
_ALIKE = 1.5
# ... and as long as all their cells stay in a processor's cache.
_TOGETHER = 100_000


def _measured(table: Table) -> Floats:
    """Return L1, L2 and L3 (3, P) of the pairs of classes; a node to share."""
    table.shared(classes_of)  # which may not apply, and then no sample is needed
    table = fitting_rows(table)
    classes, features = table.shared(classes_of), table.shared(features_of).T
    new = new_points(table.shared(points_of), classes, table.rng("points between rows of a class")).encoded().T
    rows_of = np.split(np.argsort(classes, kind="stable"), np.cumsum(np.bincount(classes))[:-1])
    pairs = table.shared(pairs_of)
    sizes = np.array([len(rows_of[i]) + len(rows_of[j]) for i, j in pairs])
    measured = np.zeros((3, len(pairs)))
    for alike in _of_a_size(sizes, len(features) + 1):
        shape = (len(alike), len(features) + 1, sizes[alike].max())
        rows, others, labels = np.zeros(shape), np.zeros(shape), np.zeros((shape[0], shape[2]))
        for p, (i, j) in enumerate(pairs[a] for a in alike):
            chosen = np.concatenate([rows_of[i], rows_of[j]])
            n = len(chosen)
            rows[p, :, :n], others[p, :, :n] = _standardised(features[:, chosen], new[:, chosen])
            labels[p, :n] = np.repeat([1.0, -1.0], [len(rows_of[i]), len(rows_of[j])])
        measured[:, alike] = _errors(rows, others, labels, table.deadline)
    return measured


def _of_a_size(sizes: NDArray[np.int64], d: int) -> "Iterator[NDArray[np.int64]]":
    """Yield the indices of problems of these sizes (P,) and d columns that are worth solving together."""
    order = np.argsort(sizes, kind="stable")
    while len(order):
        near = sizes[order] <= _ALIKE * sizes[order[0]]
        cells = np.arange(1, len(order) + 1) * sizes[order] * d
        count = max(1, int(np.sum(near & (cells <= _TOGETHER))))
        yield order[:count]
        order = order[count:]


def _standardised(features: Floats, new: Floats) -> tuple[Floats, Floats]:
    """Return features (p, n) and new points (p, n) in units of the features' own spread, with a row of ones."""
    mean, scale = features.mean(axis=1, keepdims=True), features.std(axis=1, keepdims=True)
    # The spread of a constant is a rounding error.
    scale = np.where(np.ptp(features, axis=1, keepdims=True) > 0, scale, 1.0)
    ones = np.ones((1, features.shape[1]))
    return np.vstack([(features - mean) / scale, ones]), np.vstack([(new - mean) / scale, ones])


def _errors(rows: Floats, others: Floats, labels: Floats, deadline: Deadline) -> Floats:
    """Return L1, L2 and L3 (3, P) of rows and new points (P, d, m) with labels (P, m), which are 0 beyond a problem."""
    weights = maximum_margin(rows * labels[:, None, :], deadline)
    scores, n = np.vecmat(weights, rows), np.abs(labels).sum(axis=1)
    wrong = ((scores > _ZERO) != (labels > 0)) & (labels != 0)
    wrong_new = ((np.vecmat(weights, others) > _ZERO) != (labels > 0)) & (labels != 0)
    distance = (np.abs(scores) * wrong).sum(axis=1) / n
    return np.array([distance / (1 + distance), wrong.sum(axis=1) / n, wrong_new.sum(axis=1) / n])


_LORENA = "Lorena et al. 2019"
_MACHINE = (
    "a linear support vector machine (hinge loss, penalty 2, standardised features, a regularised intercept) " + FITTED
)

LINEAR = (
    Measure(
        "complexity_l1",
        lambda t: t.shared(_measured)[0],
        "L1, sum of the error distance: d / (1 + d), d = sum of |decision| of misclassified rows / rows, of "
        + _MACHINE,
        "[0, 1]",
        source=_LORENA,
        over=PAIRS,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_l2",
        lambda t: t.shared(_measured)[1],
        f"L2, error rate on its own rows of {_MACHINE}",
        "[0, 1]",
        source=_LORENA,
        over=PAIRS,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_l3",
        lambda t: t.shared(_measured)[2],
        "L3, non-linearity: error rate on as many new points, each between two random rows of a class, of " + _MACHINE,
        "[0, 1]",
        source=_LORENA,
        over=PAIRS,
        needs_target=True,
        cost="sample",
    ),
)
