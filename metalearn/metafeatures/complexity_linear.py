"""How well a linear support vector machine separates the classes: L1, L2 and L3.

Definitions of Lorena et al., "How complex is your classification problem?" (ACM Computing Surveys 52, 2019), section
3.2, on pairs of classes as in pymfe. The machine is that of Hsieh et al., "A dual coordinate descent method for
large-scale linear SVM" (ICML 2008), on standardised features, solved to its optimum by the interior-point method of
Ferris and Munson, "Interior-point methods for massive support vector machines" (SIAM J. Optimization 13, 2002), with
the predictor and corrector of Mehrotra (1992): its cost is linear in the rows.
"""

from typing import TYPE_CHECKING

import numpy as np

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
from metalearn.metafeatures.measures import Measure
from metalearn.metafeatures.table import Deadline, Floats, Table

if TYPE_CHECKING:
    from collections.abc import Callable

# The penalty of errors that belongs to the regularisation of 0.5 in the paper's experiments.
_C = 2.0
# The optimum is near enough when primal and dual objective differ by this share.
_GAP = 1e-9
# Where a gap is that many times the best one before it, it will not come down again.
_WORSE = 3.0
# An interior-point method needs 10 to 30 steps; that many are never reached but for rounding.
_MAX_STEPS = 100
# A step goes that share of the way to where a multiplier would become 0.
_DAMPING = 0.995
# Where nothing separates two classes of a size, all decisions are 0 but for rounding.
_ZERO = 1e-6
# a grows into the room that C - a loses.
_SIDES = np.array([[1.0], [-1.0]])

Pair = tuple[Floats, Floats]


def maximum_margin(signed: Floats, deadline: Deadline | None = None) -> Floats:
    """Return the weights w (d,) that minimise |w|^2 / 2 + 2 sum(max(0, 1 - signed @ w)).

    ``signed`` (m, d) are the rows times their label, which is 1 or -1; a column of labels gives the machine an
    intercept. The optimum is unique and is found to nine digits.

    >>> maximum_margin(np.array([[2.0, 1.0], [2.0, -1.0]])).round(6)  # rows 2 and -2, and the labels
    array([0.5, 0. ])
    """
    m, d = signed.shape
    if d <= m:
        return signed.T @ _multipliers(signed, deadline or Deadline())
    # Of more columns than rows only the inner products of the rows matter.
    eigenvalues, vectors = np.linalg.eigh(signed @ signed.T)
    return signed.T @ _multipliers(vectors * np.sqrt(np.maximum(eigenvalues, 0.0)), deadline or Deadline())


@np.errstate(all="ignore")  # a step that overflows is the last one
def _multipliers(signed: Floats, deadline: Deadline) -> Floats:
    """Return a (m,) in [0, C] that minimises |signed' a|^2 / 2 - sum(a): the dual problem.

    ``inside`` (2, m) holds a and C - a, and ``slopes`` (2, m) their multipliers; at the optimum their product is 0.
    """
    across = np.ascontiguousarray(signed.T)
    inside = np.full((2, len(signed)), _C / 2)
    gradient = signed @ (across @ inside[0]) - 1
    slopes = np.maximum(_SIDES * gradient, 0.0) + 1
    best, best_gap = inside[0], np.inf
    for _ in range(_MAX_STEPS):
        deadline.check()
        w = across @ inside[0]
        primal = 0.5 * w @ w + _C * np.maximum(1 - signed @ w, 0.0).sum()
        gap = primal + 0.5 * w @ w - inside[0].sum()
        if not gap < _WORSE * best_gap:  # rounding errors have taken over
            break
        if gap < best_gap:
            best, best_gap = inside[0], gap
        if gap <= _GAP * primal:
            break
        direction, products = _newton(signed, across, inside, slopes), inside * slopes
        mean = products.sum() / products.size
        step, slope_step = direction(-products)
        length = _length(inside, step, slopes, slope_step)
        ahead = np.vdot(inside + length * step, slopes + length * slope_step) / products.size
        step, slope_step = direction(mean * min(ahead / mean, 1.0) ** 3 - products - step * slope_step)
        length = _DAMPING * _length(inside, step, slopes, slope_step)
        inside, slopes = inside + length * step, slopes + length * slope_step
    return np.asarray(best)


def _newton(signed: Floats, across: Floats, inside: Floats, slopes: Floats) -> "Callable[[Floats], Pair]":
    """Return what finds the steps (2, m) of both that change their products by a target (2, m).

    They solve (diag(d) + signed signed') x = b, by the identity of Woodbury with the features' matrix.
    """
    from scipy.linalg.lapack import dpotrf, dpotrs

    ratio = slopes / inside
    inverse = 1 / ratio.sum(axis=0)
    divided = across * inverse
    system = divided @ signed
    system.flat[:: len(across) + 1] += 1
    factor = dpotrf(system, clean=False)[0]

    def direction(target: Floats) -> Pair:
        change = target / inside
        right = change[0] - change[1]
        step = _SIDES * (inverse * right - dpotrs(factor, divided @ right)[0] @ divided)
        return step, change - ratio * step

    return direction


def _length(inside: Floats, step: Floats, slopes: Floats, slope_step: Floats) -> float:
    """Return how far, at most 1, all values can move before one of them is 0."""
    return float(1 / max(1.0, -(step / inside).min(), -(slope_step / slopes).min()))


def _measured(table: Table) -> Floats:
    """Return L1, L2 and L3 (3, P) of the pairs of classes; a node to share."""
    table.shared(classes_of)  # which may not apply, and then no sample is needed
    table = fitting_rows(table)
    classes, features = table.shared(classes_of), table.shared(features_of)
    new = new_points(table.shared(points_of), classes, table.rng("points between rows of a class")).encoded()
    rows_of = np.split(np.argsort(classes, kind="stable"), np.cumsum(np.bincount(classes))[:-1])
    measured = []
    for i, j in table.shared(pairs_of):
        rows = np.concatenate([rows_of[i], rows_of[j]])
        labels = np.repeat([1.0, -1.0], [len(rows_of[i]), len(rows_of[j])])
        measured.append(_errors(features[rows], new[rows], labels, table.deadline))
    return np.array(measured).T


def _errors(features: Floats, new: Floats, labels: Floats, deadline: Deadline) -> tuple[float, float, float]:
    mean, sd = features.mean(axis=0), features.std(axis=0)
    # The spread of a constant is a rounding error.
    scale = np.where(np.ptp(features, axis=0) > 0, sd, 1.0)
    rows, others = (np.column_stack([(x - mean) / scale, np.ones(len(x))]) for x in (features, new))
    weights = maximum_margin(rows * labels[:, None], deadline)
    scores = rows @ weights
    wrong = (scores > _ZERO) != (labels > 0)
    distance = np.abs(scores[wrong]).sum() / len(labels)
    return distance / (1 + distance), wrong.mean(), ((others @ weights > _ZERO) != (labels > 0)).mean()


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
