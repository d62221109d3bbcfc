"""Latent kernel: the covariance of configurations whose positions in a latent space are learned from past tasks.

Lawrence, "Probabilistic non-linear principal component analysis with Gaussian process latent variable models", JMLR
2005; with gaps, as in Fusi, Sheth & Elibol, "Probabilistic matrix factorization for automated machine learning",
NeurIPS 2018: every task is an independent draw, so its marginal likelihood is that of what it knows. It is maximised by
Adam (Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015), on batches of tasks.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from metalearn.core.completion import filled
from metalearn.core.transforms import deviations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Of the variance within tasks: what is measured twice differs by that much at least. Twins among the configurations
# would otherwise draw the noise to zero, and all that is learned would be who is whose twin.
NUGGET = 0.1
# At the start, the share of noise in that variance, and the least share that differences between tasks add to it.
FIRST_NOISE, LEAST_LEVEL = 0.2, 1e-3
# A level that nothing is known of varies by that many times the variance within tasks.
FREE_LEVEL = 1e4
# What is less counts as no variance.
LEAST_VARIANCE = 1e-9
# Steps of Adam, which shrink evenly to nothing; positions are in length scales of the kernel.
N_STEPS, STEP = 150, 0.05
# Adam's means of gradients and of their squares forget that fast.
MEMORY, SQUARE_MEMORY, TINY = 0.9, 0.99, 1e-8
# Tasks that know the same entries count with at most so many of them, drawn anew in each step, ...
MAX_ENTRIES = 400
# ... and a step takes at most so many of such groups, as long as the cubes of their sizes sum up to less than this.
MAX_GROUPS, MAX_WORK = 32, 1.5e7


@dataclass(frozen=True, eq=False)
class LatentKernel:
    """A covariance of C configurations: ``positions`` (C, q), ``logs`` (3,) of signal, level and noise variances."""

    positions: Floats
    logs: Floats

    @classmethod
    def learn(
        cls, values: Floats, n_dimensions: int, rng: np.random.Generator, completed: Floats | None = None
    ) -> tuple[Floats, "LatentKernel"]:
        """Return the means (C,) and the most likely kernel of values (T, C), NaN where unknown.

        The means are those over tasks, with estimates for what is unknown: those in ``completed`` (T, C), if it is
        given, which saves making them. The positions start from principal components. Drawn from ``rng`` are the
        batches, which are the whole unless there are gaps or many columns.
        """
        seen = np.isfinite(values).any(axis=1)
        values = values[seen]
        if not len(values):
            return np.zeros(values.shape[1]), cls(np.zeros((values.shape[1], n_dimensions)), np.zeros(3))
        estimated = filled(values, n_dimensions) if completed is None else completed[seen]
        mean = estimated.mean(axis=0)
        start = cls._of_components(estimated - mean, n_dimensions)
        groups = known_alike(values - mean)
        lowest = np.full(start.positions.size + 3, -np.inf)
        lowest[-1] = start.logs[-1] + np.log(NUGGET / FIRST_NOISE)

        def kernel(parameters: Floats) -> LatentKernel:
            return cls(parameters[:-3].reshape(start.positions.shape), parameters[-3:])

        def gradient(parameters: Floats) -> Floats:
            return kernel(parameters).mean_gradient(batch(groups, rng))

        return mean, kernel(adam(np.append(start.positions.ravel(), start.logs), gradient, lowest))

    @classmethod
    def _of_components(cls, centred: Floats, n_dimensions: int) -> "LatentKernel":
        """Return the kernel to start from: principal components of centred values (T, C), of mean square 1."""
        within = deviations(centred, axis=1)
        loadings, scales, _ = np.linalg.svd(within.T, full_matrices=False)
        found = (loadings * scales)[:, :n_dimensions]
        positions = np.zeros((centred.shape[1], n_dimensions))
        positions[:, : found.shape[1]] = found / max(np.sqrt(np.square(found).sum(axis=1).mean()), 1e-12)
        variance = max(float(np.mean(within**2)), LEAST_VARIANCE)
        level = max(float(np.mean(centred**2)) - variance, LEAST_LEVEL * variance)
        return cls(positions, np.log([(1 - FIRST_NOISE) * variance, level, FIRST_NOISE * variance]))

    def without_level(self) -> "LatentKernel":
        """Return the kernel for a task of which the level of the values says nothing."""
        signal, _, noise = np.exp(self.logs)
        return LatentKernel(self.positions, np.log([signal, FREE_LEVEL * (signal + noise), noise]))

    def covariance(self, indices: Integers) -> Floats:
        """Return the rows (n, C) of the covariance of measurements, noise included.

        >>> kernel = LatentKernel(np.array([[0.0], [0.0], [9.0]]), np.log([1.0, 0.5, 0.25]))
        >>> kernel.covariance(np.array([0])).round(6)
        array([[1.75, 1.5 , 0.5 ]])
        """
        signal, level, noise = np.exp(self.logs)
        rows = signal * np.exp(-_squares(self.positions[indices], self.positions) / 2) + level
        rows[np.arange(len(indices)), indices] += noise
        return np.asarray(rows)

    def surprise(self, indices: Integers, values: Floats) -> tuple[float, Floats, Floats]:
        """Return -log p(values) but for a constant, and its derivatives by positions[indices] (n, q) and logs (3,).

        ``values`` (m, n) are m independent draws at n configurations (Rasmussen & Williams, "Gaussian Processes for
        Machine Learning", 2006, eq. 5.9).
        """
        signal, level, noise = np.exp(self.logs)
        x, eye = self.positions[indices], np.eye(len(indices))
        smooth = signal * np.exp(-_squares(x, x) / 2)
        lower = np.linalg.cholesky(smooth + level + noise * eye)
        half = solve_triangular(lower, eye, lower=True)
        inverse = half.T @ half
        solved = values @ inverse
        by_covariance = (len(values) * inverse - solved.T @ solved) / 2
        pull = by_covariance * smooth
        by_position = -2 * (pull.sum(axis=1)[:, None] * x - pull @ x)
        by_logs = np.array([pull.sum(), level * by_covariance.sum(), noise * np.trace(by_covariance)])
        loss = len(values) * np.log(np.diag(lower)).sum() + np.sum(solved * values) / 2
        return float(loss), by_position, by_logs

    def mean_gradient(self, groups: Iterable[tuple[Integers, Floats]]) -> Floats:
        """Return the derivatives (C q + 3,) of the surprise by positions and logs, per value of these groups."""
        by_position, by_logs, n = np.zeros_like(self.positions), np.zeros(3), 0
        for indices, values in groups:
            _, of_positions, of_logs = self.surprise(indices, values)
            by_position[indices] += of_positions
            by_logs += of_logs
            n += values.size
        return np.append(by_position.ravel(), by_logs) / n


def adam(start: Floats, gradient: Callable[[Floats], Floats], lowest: Floats) -> Floats:
    """Return parameters (p,) that minimise a function of this gradient, noisy or not, and are at least ``lowest``.

    >>> adam(np.array([2.0, 2.0]), lambda x: 2 * (x - 1), np.array([-np.inf, 1.5])).round(2)
    array([1. , 1.5])
    """
    parameters, (moment, square) = start, np.zeros((2, len(start)))
    for step in range(N_STEPS):
        slope = gradient(parameters)
        moment = MEMORY * moment + (1 - MEMORY) * slope
        square = SQUARE_MEMORY * square + (1 - SQUARE_MEMORY) * slope**2
        unbiased = np.sqrt(1 - SQUARE_MEMORY ** (step + 1)) / (1 - MEMORY ** (step + 1))
        length = STEP * (1 - step / N_STEPS) * unbiased
        parameters = np.maximum(parameters - length * moment / (np.sqrt(square) + TINY), lowest)
    return parameters


def known_alike(values: Floats) -> list[tuple[Integers, Floats]]:
    """Group rows of values (T, C) by what they know: indices (n,) of the known entries, and those of the rows (m, n).

    >>> known_alike(np.array([[1.0, np.nan], [2.0, np.nan]]))
    [(array([0]), array([[1.],
           [2.]]))]
    """
    masks, group = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    return [(np.flatnonzero(mask), values[group == g][:, mask]) for g, mask in enumerate(masks)]


def batch(groups: list[tuple[Integers, Floats]], rng: np.random.Generator) -> Iterator[tuple[Integers, Floats]]:
    """Yield what one step learns from: all groups, or as many and as much of each as the limits allow."""
    work = 0.0
    for group in rng.permutation(len(groups))[:MAX_GROUPS]:
        indices, rows = groups[group]
        if len(indices) > MAX_ENTRIES:
            drawn = rng.choice(len(indices), MAX_ENTRIES, replace=False)
            indices, rows = indices[drawn], rows[:, drawn]
        yield indices, rows
        work += float(len(indices)) ** 3
        if work > MAX_WORK:
            return


def _squares(x: Floats, y: Floats) -> Floats:
    """Return squared distances (n, m) of rows of x (n, q) and y (m, q)."""
    return np.asarray(np.maximum((x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T, 0.0))
