"""Parzen densities over mixed, conditional spaces: where configurations of a kind, good ones say, are to be found.

Kernels: Bergstra, Bardenet, Bengio & Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011; one product
kernel for each observation: Falkner, Klein & Hutter, "BOHB", ICML 2018; widths: Watanabe, "Tree-structured Parzen
estimator: understanding its algorithm components and their roles for better empirical performance", 2023.

Each observation is a small generative model of configurations. It draws numbers from a Gaussian around its own, cut
off at the ends of their range, and choices that are mostly its own; what is inactive in the observation it draws
uniformly. What a drawn parent makes inactive then does not count. So this is a density over the tree of active
hyperparameters, in which an observation of one branch says nothing about the numbers of another; and the prior is an
observation in which everything is inactive.

But for numbers with few values, the logarithm of a kernel is linear in x, its square and the indicators of choices: all
kernels at all points are one product of matrices.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from metalearn.core.encoded_space import Encoding, Floats
from metalearn.errors import InputError

Integers = NDArray[np.int64]
Rule = Literal["neighbors", "scott", "fixed"]

# Scott's rule with a robust spread: the smaller of the standard deviation and the interquartile range over that of a
# standard Gaussian (Silverman, "Density estimation", 1986).
_SCOTT, _IQR = 1.059, 1.34
# Optuna's width for a single observation, as a share of the range.
_FIXED = 0.2
# A number with more values than this has bins so narrow that the density at the value stands for the bin's integral.
_FEW = 100
# Wider kernels than half the range are as good as uniform, and narrower ones than this are points (Watanabe, 2023).
_WIDEST, _POINT = 0.5, 1e-4
_TINY = 1e-300


@dataclass(frozen=True)
class Parzen:
    """A kernel density estimator over encoded configurations.

    ``rule`` gives the widths of a number's kernels, as shares of its range: ``neighbors`` the larger distance to the
    two neighbouring observations (hyperopt, Optuna), ``scott`` Scott's rule, ``fixed`` 0.2 n^(-1 / (4 + d)). No width
    is below ``narrowest``, nor below (n + 1)^-``clip``: "magic clipping", by which few observations stay vague.
    ``smoothing`` is the number of observations that each choice has beforehand, and ``prior`` the weight of the uniform
    component, where that of an observation is 1 on average.

    Raises:
        InputError: when a parameter is negative, or the rule unknown.

    >>> from metalearn.core.encoded_space import EncodedColumn
    >>> kind = EncodedColumn("kind", "categorical", ("a", "b"), n_values=2)
    >>> density = Parzen(Encoding((EncodedColumn("x", "numeric"), kind))).fit(np.array([[0.2, 0.0], [0.3, 0.0]]))
    >>> np.exp(density.log_density(np.array([[0.25, 0.0], [0.9, 1.0]]))).round(1)
    array([1.9, 0.2])
    """

    encoding: Encoding
    rule: Rule = "neighbors"
    narrowest: float = 0.03
    clip: float = 2.0
    smoothing: float = 1.0
    prior: float = 1.0

    def __post_init__(self) -> None:
        if min(self.narrowest, self.clip, self.smoothing, self.prior) < 0:
            raise InputError(f"narrowest, clip, smoothing and prior of a Parzen density must be 0 or more; got {self}.")
        if self.rule not in _RULES:
            raise InputError(f"There is no rule {self.rule!r} for widths; choose one of {', '.join(_RULES)}.")

    def fit(self, X: Floats, weights: Floats | None = None) -> "Density":
        """Return the density of configurations X (n, d) with weights (n,), equal if not given or all 0; n may be 0."""
        n, d = X.shape
        own = np.ones(n)
        if weights is not None and weights.any():
            # By a power of 2, which changes no digit: the sum of tiny or huge ones has no inverse.
            scaled = np.ldexp(weights, -np.frexp(weights.max())[1])
            own = scaled * (n / float(scaled.sum()))
        mixture = np.append(own, self.prior if n else 1.0)
        centers = np.vstack([X, np.full((1, d), np.nan)])
        return Density(self.encoding, centers, self._widths(centers), mixture / mixture.sum())

    def _widths(self, centers: Floats) -> Floats:
        """Return the widths (n, d) of numbers' kernels; of choices, the share that is drawn uniformly."""
        n = len(centers)
        floor = max(self.narrowest, n**-self.clip if self.clip else 0.0, _POINT)
        widths = np.clip(np.nan_to_num(_RULES[self.rule](centers), nan=_WIDEST), floor, max(_WIDEST, floor))
        for j, column in enumerate(self.encoding.columns):
            if column.kind == "categorical":
                pseudo = self.smoothing * column.n_values
                widths[:, j] = pseudo / (pseudo + n)
        return np.asarray(widths)


@dataclass(frozen=True, eq=False)
class Density:
    """A mixture of n kernels: centers and widths (n, d), weights (n,); the last kernel is the prior."""

    encoding: Encoding
    centers: Floats
    widths: Floats
    weights: Floats

    def log_density(self, X: Floats) -> Floats:
        """Return the logarithm of the density (m,) at configurations X (m, d), over what is active in them.

        Choices, and numbers with at most a hundred values, count with the probability of their value.
        """
        logs = self._features(X) @ self._coefficients + np.log(np.maximum(self.weights, _TINY))
        for j in self._binned:
            rows = np.flatnonzero(~np.isnan(X[:, j]))
            logs[rows] += self._log_masses(int(j), X[rows, j])
        peak = logs.max(axis=1)
        return np.asarray(peak + np.log(np.exp(logs - peak[:, None]).sum(axis=1)))

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Return n draws (n, d), every column filled as if all were active, and whole numbers not yet whole.

        ``EncodedSpace.nearest`` makes them valid.
        """
        u, v = rng.random((2, n, len(self.encoding.columns)))
        picked = rng.choice(len(self.weights), size=n, p=self.weights)
        center, width = self.centers[picked], self.widths[picked]
        last, is_choice = self._last, self._is_choice
        low, high = self._support
        middle = np.nan_to_num(center)
        start, end = ndtr((low - middle) / width), ndtr((high - middle) / width)
        number = np.where(np.isnan(center), low + u * (high - low), middle + width * ndtri(start + u * (end - start)))
        uniform = np.floor(v * (last + 1)) / np.maximum(last, 1)
        choice = np.where(np.isnan(center) | (u < width), uniform, middle)
        return np.where(is_choice, choice, np.clip(number, low, high))

    @cached_property
    def _is_choice(self) -> NDArray[np.bool_]:
        return np.array([c.kind == "categorical" for c in self.encoding.columns])

    @cached_property
    def _last(self) -> Floats:
        """The number of the last value of each column (d,), counted from 0; 0 where they are continuous."""
        return np.array([c.n_values - 1 if np.isfinite(c.n_values) else 0.0 for c in self.encoding.columns])

    @cached_property
    def _half_bins(self) -> Floats:
        """Half the distance (d,) of neighbouring values; their mean where whole numbers lie on a log scale."""
        few = (self._last > 0) & (self._last < _FEW)
        return np.where(few, 0.5 / np.maximum(self._last, 1), 0.0)

    @cached_property
    def _support(self) -> tuple[Floats, Floats]:
        return -self._half_bins, 1 + self._half_bins

    @cached_property
    def _binned(self) -> Integers:
        return np.flatnonzero(~self._is_choice & (self._half_bins > 0))

    @cached_property
    def _smooth(self) -> Integers:
        constant = np.array([c.n_values == 1 for c in self.encoding.columns])
        return np.flatnonzero(~self._is_choice & (self._half_bins == 0) & ~constant)

    @cached_property
    def _choices(self) -> tuple[Integers, Integers]:
        """The columns (q,) and numbers (q,) of all choices."""
        columns = np.flatnonzero(self._is_choice)
        counts = self._last[columns].astype(np.int64) + 1
        return np.repeat(columns, counts), np.concatenate([np.arange(0), *map(np.arange, counts)])

    def _features(self, X: Floats) -> Floats:
        """Return what the logarithms of kernels are linear in, for X (m, d); zeros for what is inactive."""
        x = X[:, self._smooth]
        known = np.nan_to_num(x)
        return np.concatenate([known * known, known, ~np.isnan(x), self._chosen(X)], axis=1)

    def _chosen(self, X: Floats) -> NDArray[np.bool_]:
        columns, numbers = self._choices
        return np.asarray(np.rint(X[:, columns] * self._last[columns]) == numbers)

    @cached_property
    def _coefficients(self) -> Floats:
        """The factors (q, n) of the features in the logarithms of the kernels, those of uniform ones 0."""
        center, width = self.centers[:, self._smooth], self.widths[:, self._smooth]
        inside = ndtr((1 - center) / width) - ndtr(-center / width)
        precision = width**-2
        constant = -0.5 * center * center * precision - np.log(np.sqrt(2 * np.pi) * width * inside)
        numbers = np.where(np.isnan(center)[None], 0.0, np.stack([-0.5 * precision, center * precision, constant]))
        columns, _ = self._choices
        share = np.where(np.isnan(self.centers[:, columns]), 1.0, self.widths[:, columns])
        choices = np.log(share / (self._last[columns] + 1) + (1 - share) * self._chosen(self.centers) + _TINY)
        return np.concatenate([*numbers.swapaxes(1, 2), choices.T])

    def _log_masses(self, j: int, x: Floats) -> Floats:
        """Return the logarithms (m, n) of what the kernels of column j have in the bins around values x (m,)."""
        center, width, half = self.centers[:, j], self.widths[:, j], self._half_bins[j]
        values, place = np.unique(x, return_inverse=True)
        edges = np.stack([values - half, values + half])[:, :, None]
        below, above = ndtr((edges - center) / width)
        inside = ndtr((1 + half - center) / width) - ndtr((-half - center) / width)
        masses = np.where(np.isnan(center), 1 / (self._last[j] + 1), (above - below) / inside)
        return np.asarray(np.log(np.maximum(masses, _TINY)))[place]


def _neighbors(centers: Floats) -> Floats:
    """Return the larger distance (n, d) to the neighbours in each column, NaN for one alone."""
    order = np.argsort(centers, axis=0, kind="stable")  # inactive ones come last
    ordered = np.take_along_axis(centers, order, axis=0)
    gaps = np.diff(ordered, axis=0)
    nothing = np.full((1, centers.shape[1]), np.nan)
    widths = np.empty_like(centers)
    np.put_along_axis(widths, order, np.fmax(np.vstack([nothing, gaps]), np.vstack([gaps, nothing])), axis=0)
    return widths


def _scott(centers: Floats) -> Floats:
    widths = np.full_like(centers, np.nan)
    for j, column in enumerate(centers.T):
        x = column[~np.isnan(column)]
        if len(x) > 1:
            low, high = np.quantile(x, [0.25, 0.75])
            widths[:, j] = _SCOTT * min(x.std(ddof=1), (high - low) / _IQR) * len(x) ** (-1 / (4 + centers.shape[1]))
    return widths


def _fixed(centers: Floats) -> Floats:
    n = np.maximum((~np.isnan(centers)).sum(axis=0), 1)
    return np.broadcast_to(_FIXED * n ** (-1 / (4 + centers.shape[1])), centers.shape)


_RULES = {"neighbors": _neighbors, "scott": _scott, "fixed": _fixed}
