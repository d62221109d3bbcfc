"""Linear support vector machines, many small ones at a time.

The machine is that of Hsieh et al., "A dual coordinate descent method for large-scale linear SVM" (ICML 2008), solved
to its optimum by the interior-point method of Ferris and Munson, "Interior-point methods for massive support vector
machines" (SIAM J. Optimization 13, 2002), with the predictor and corrector of Mehrotra (1992): its cost is linear in
the rows.
"""

from typing import TYPE_CHECKING

import numpy as np

from metalearn.metafeatures.table import Deadline, Floats

if TYPE_CHECKING:
    from collections.abc import Callable

# The penalty of errors that belongs to the regularisation of 0.5 in the experiments of Lorena et al.
_C = 2.0
# The optimum is near enough when primal and dual objective differ by this share.
_GAP = 1e-9
# Where a gap is that many times the best one before it, it will not come down again.
_WORSE = 3.0
# An interior-point method needs 10 to 30 steps; that many are never reached but for rounding.
_MAX_STEPS = 100
# A step goes that share of the way to where a multiplier would become 0.
_DAMPING = 0.995
# a grows into the room that C - a loses.
_SIDES = np.array([[1.0], [-1.0]])

Pair = tuple[Floats, Floats]


def maximum_margin(signed: Floats, deadline: Deadline | None = None) -> Floats:
    """Return for each of P problems the weights w (P, d) that minimise |w|^2 / 2 + 2 sum(max(0, 1 - w @ signed)).

    ``signed`` (P, d, m) holds in its columns the m rows times their label, which is 1 or -1; a row of labels gives the
    machine an intercept. Columns of zeros fill up a problem of fewer rows: they add a constant. The optimum is unique
    and is found to nine digits.

    >>> maximum_margin(np.array([[[2.0, 2.0], [1.0, -1.0]]])).round(6) + 0.0  # rows 2 and -2, and the labels
    array([[0.5, 0. ]])
    """
    if signed.shape[1] <= signed.shape[2]:
        return np.asarray(np.matvec(signed, _multipliers(signed, deadline or Deadline())))
    # Of more features than rows only the inner products of the rows matter.
    eigenvalues, vectors = np.linalg.eigh(signed.transpose(0, 2, 1) @ signed)
    roots = np.sqrt(np.maximum(eigenvalues, 0.0))[:, :, None] * vectors.transpose(0, 2, 1)
    return np.asarray(np.matvec(signed, _multipliers(roots, deadline or Deadline())))


@np.errstate(all="ignore")  # a step that overflows is the last one
def _multipliers(signed: Floats, deadline: Deadline) -> Floats:
    """Return a (P, m) in [0, C] that minimises |signed a|^2 / 2 - sum(a): the dual problem.

    ``inside`` (P, 2, m) holds a and C - a, and ``slopes`` (P, 2, m) their multipliers; at the optimum their product
    is 0. A problem that is solved leaves the others.
    """
    p, _, m = signed.shape
    found, best_gap, going = np.full((p, m), _C / 2), np.full(p, np.inf), np.arange(p)
    inside = np.full((p, 2, m), _C / 2)
    gradient = np.vecmat(np.matvec(signed, inside[:, 0]), signed) - 1
    slopes = np.maximum(_SIDES * gradient[:, None], 0.0) + 1
    for _ in range(_MAX_STEPS):
        deadline.check()
        gap, primal = _gap(signed, inside[:, 0])
        better = gap < best_gap
        found[going[better]] = inside[better, 0]
        # Where the gap grows, rounding errors have taken over.
        unsolved = (gap < _WORSE * best_gap) & (gap > _GAP * primal)
        if not unsolved.any():
            break
        best_gap = np.minimum(gap, best_gap)
        if not unsolved.all():
            signed, best_gap, going = signed[unsolved], best_gap[unsolved], going[unsolved]
            inside, slopes = inside[unsolved], slopes[unsolved]
        inside, slopes = _moved(signed, inside, slopes)
    return found


def _gap(signed: Floats, multipliers: Floats) -> Pair:
    """Return by how much the primal (P,) exceeds the dual objective, and the primal objective (P,)."""
    weights = np.matvec(signed, multipliers)
    squares = np.vecdot(weights, weights)
    primal = 0.5 * squares + _C * np.maximum(1 - np.vecmat(weights, signed), 0.0).sum(axis=1)
    return primal + 0.5 * squares - multipliers.sum(axis=1), primal


def _moved(signed: Floats, inside: Floats, slopes: Floats) -> Pair:
    """Return both after a step of Mehrotra's predictor and corrector."""
    direction, products = _newton(signed, inside, slopes), inside * slopes
    mean = _mean(products)
    step, slope_step = direction(-products)
    length = _length(inside, step, slopes, slope_step)
    ahead = _mean((inside + length * step) * (slopes + length * slope_step))
    centre = mean * np.minimum(ahead / mean, 1.0) ** 3
    step, slope_step = direction(centre - products - step * slope_step)
    length = _DAMPING * _length(inside, step, slopes, slope_step)
    return inside + length * step, slopes + length * slope_step


def _newton(signed: Floats, inside: Floats, slopes: Floats) -> "Callable[[Floats], Pair]":
    """Return what finds the steps (P, 2, m) of both that change their products by a target (P, 2, m).

    They solve (diag(d) + signed' signed) x = b, by the identity of Woodbury with the features' matrix.
    """
    from scipy.linalg.lapack import dpotrf, dpotrs

    ratio = slopes / inside
    inverse = 1 / (ratio[:, 0] + ratio[:, 1])
    divided = signed * inverse[:, None]
    systems = divided @ signed.transpose(0, 2, 1) + np.eye(signed.shape[1])
    factors = [dpotrf(system, clean=False)[0] for system in systems]

    def direction(target: Floats) -> Pair:
        change = target / inside
        right = change[:, 0] - change[:, 1]
        solved = [dpotrs(f, b)[0] for f, b in zip(factors, np.matvec(divided, right), strict=True)]
        step = _SIDES * (inverse * right - np.vecmat(np.array(solved), divided))[:, None]
        return step, change - ratio * step

    return direction


def _mean(products: Floats) -> Floats:
    """Return the means (P, 1, 1) of products (P, 2, m)."""
    flat = products.reshape(len(products), -1)  # three times as fast as a mean over two axes
    return np.asarray(flat.sum(axis=1) / flat.shape[1])[:, None, None]


def _length(inside: Floats, step: Floats, slopes: Floats, slope_step: Floats) -> Floats:
    """Return how far (P, 1, 1), at most 1, all values can move before one of them is 0."""
    nearest = np.minimum(step / inside, slope_step / slopes).reshape(len(step), -1).min(axis=1)
    return np.asarray(1 / np.maximum(1.0, -nearest))[:, None, None]
