"""A Gaussian process over configurations for what a regression leaves unexplained, learned from past tasks.

Matern 5/2 with a length scale for each hyperparameter (Rasmussen & Williams, "Gaussian processes for machine learning",
2006, ch. 4 and 5), the same for all tasks as in Bardenet et al., "Collaborative hyperparameter tuning", ICML 2013.
Functions are kept by their values at some configurations (subset of regressors: Quinonero-Candela & Rasmussen, JMLR
2005).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# The level of a task's residuals is free: its variance beside residuals of about 1.
_FREE_LEVEL = 10.0
# Log-normal priors of precisions (hyperparameters range over 1), variance and noise: their medians and spread.
_TYPICAL, _SPREAD = (4.0, 0.3, 0.1), 1.5
# No logarithm goes further from its prior's: a line search tries steps that no exponential can take.
_FURTHEST = 10.0
_SMALLEST = 1e-6


@dataclass(frozen=True)
class ResidualKernel:
    """k(x, x') = variance (1 + r + r^2/3) exp(-r), r^2 = 5 sum_g precision_g |x - x'|_g^2, and noise of measuring.

    The squared distance in group g is that of the coordinates of one hyperparameter (``ConfigurationTable.embed``).

    >>> kernel = ResidualKernel((4.0,), 2.0, 0.1)
    >>> kernel.between(kernel.scaled(np.array([[0.0]]), np.array([0])), kernel.scaled(np.array([[0.0]]), np.array([0])))
    array([[2.]])
    """

    precisions: tuple[float, ...]
    variance: float
    noise: float

    def scaled(self, coordinates: Floats, groups: Integers) -> Floats:
        """Return coordinates (n, q) in length scales of their groups (q,)."""
        return np.asarray(coordinates * np.sqrt(np.array(self.precisions))[groups])

    def between(self, x: Floats, others: Floats) -> Floats:
        """Return the covariances (n, m) of scaled coordinates (n, q) and (m, q), without noise."""
        squares = np.square(x).sum(axis=1)[:, None] + np.square(others).sum(axis=1) - 2 * x @ others.T
        return self.variance * _matern(np.maximum(squares, 0.0))[0]

    def coefficients(self, features: Floats, among: Floats, residuals: Floats) -> Floats:
        """Return b (M,) such that k(x, u) b is the posterior mean of residuals (n,) about their own level.

        ``features`` (n, M) are the covariances with M configurations u, ``among`` (M, M) those among the u.
        """
        ridge = self.noise * among + _SMALLEST * self.variance * np.eye(len(among))
        return np.linalg.solve(features.T @ features + ridge, features.T @ (residuals - residuals.mean()))


def learn_kernel(
    coordinates: Sequence[Floats], residuals: Sequence[Floats], groups: Integers, *, steps: int = 40
) -> ResidualKernel:
    """Return the kernel under which residuals [(n,)] of past tasks at coordinates [(n, q)] are likeliest.

    Maximises the sum of log marginal likelihoods and log-normal priors by L-BFGS on the logarithms; without
    residuals the kernel is that of the priors.
    """
    from scipy.optimize import minimize

    n_groups = int(groups.max(initial=0)) + 1
    start = np.log(np.r_[np.full(n_groups, _TYPICAL[0]), _TYPICAL[1:]])
    tasks = [(_squares(x, groups, n_groups), r) for x, r in zip(coordinates, residuals, strict=True) if len(r) > 1]

    def loss(logs: Floats) -> tuple[float, Floats]:
        departure = (logs - start) / _SPREAD
        value, slope = 0.5 * float(departure @ departure), departure / _SPREAD
        for squares, residual in tasks:
            one = _negative_log_likelihood(np.exp(logs), squares, residual)
            value, slope = value + one[0], slope + one[1]
        return value, slope

    bounds = [(low, low + 2 * _FURTHEST) for low in (start - _FURTHEST).tolist()]
    steps = steps if tasks else 0
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps}).x
    *precisions, variance, noise = np.exp(found).tolist()
    return ResidualKernel(tuple(precisions), variance, noise)


def _negative_log_likelihood(parameters: Floats, squares: Floats, residuals: Floats) -> tuple[float, Floats]:
    """Return it and its slope in the logarithms (G + 2,) of the parameters, of squared distances (G, n, n)."""
    precisions, variance, noise = parameters[:-2], parameters[-2], parameters[-1]
    shape, slope = _matern(np.tensordot(precisions, squares, 1))
    inverse = np.linalg.inv(variance * shape + noise * np.eye(len(residuals)) + _FREE_LEVEL)
    weights = inverse @ residuals
    value = 0.5 * float(residuals @ weights - np.linalg.slogdet(inverse)[1])
    # d value / dK = (K^-1 - ww') / 2.
    half = 0.5 * (inverse - np.outer(weights, weights))
    by_precision = np.tensordot(squares, half * slope, 2) * variance * precisions
    return value, np.r_[by_precision, variance * np.sum(half * shape), noise * np.trace(half)]


def _matern(squares: Floats) -> tuple[Floats, Floats]:
    """Return the Matern 5/2 correlation at squared scaled distances, and its derivative in them."""
    r = np.sqrt(5 * squares)
    decay = np.exp(-r)
    return (1 + r + r**2 / 3) * decay, -5 / 6 * (1 + r) * decay


def _squares(coordinates: Floats, groups: Integers, n_groups: int) -> Floats:
    """Return the squared distances (G, n, n) of coordinates (n, q), by group."""
    by_coordinate = np.square(coordinates.T[:, :, None] - coordinates.T[:, None, :])
    found = np.zeros((n_groups, len(coordinates), len(coordinates)))
    np.add.at(found, groups, by_coordinate)
    return found
