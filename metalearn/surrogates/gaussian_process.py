"""Gaussian process: exact regression of warped losses over numbers, choices and inactive hyperparameters.

Rasmussen & Williams, "Gaussian processes for machine learning", 2006; as a surrogate: Snoek, Larochelle & Adams,
"Practical Bayesian optimization of machine learning algorithms", NeurIPS 2012. The covariance is that of ``kernels``,
plus that of an unknown constant mean, plus noise; its hyperparameters are the most likely ones
(``marginal_likelihood``). The losses are made normal first (``output_warping``).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dpotrf, dtrtri

from metalearn.core.encoded_space import Encoding, Floats
from metalearn.errors import InputError
from metalearn.surrogates.kernels import Embedding, matern52, squared_distances
from metalearn.surrogates.marginal_likelihood import LEVEL, Hyperparameters, most_likely
from metalearn.surrogates.observations import check_observations
from metalearn.surrogates.output_warping import POWERS, OutputWarping

# Rows that are predicted together: their covariances with some hundred others stay in the processor's cache.
_BLOCK = 256
# No noise-free loss is known better than to this share of its prior variance: rounding knows no better, and the
# covariance of near twins stays positive definite in joint draws.
_JITTER = 1e-8


@dataclass(frozen=True)
class GaussianProcess:
    """A Gaussian process over the columns of ``encoding``.

    ``max_rows`` observations at most determine the hyperparameters: a third are the best, a third the latest, the
    others are drawn at random; all rows count in what is then predicted. ``warp`` makes the losses normal first, else
    they are only standardised.

    >>> from metalearn.core.encoded_space import EncodedColumn
    >>> x = np.linspace(0, 1, 9)[:, None]
    >>> process = GaussianProcess(Encoding((EncodedColumn("x", "numeric"),)))
    >>> fitted = process.fit(x, np.sin(6 * x[:, 0]), rng=np.random.default_rng(0))
    >>> mean, std = fitted.predict(np.array([[0.3], [3.0]]))
    >>> mean.round(1)[0], (std[0] < 0.1 < std[1]).item()
    (np.float64(1.0), True)
    """

    encoding: Encoding
    max_rows: int = 200
    warp: bool = True

    def __post_init__(self) -> None:
        if self.max_rows < 3:
            raise InputError(f"max_rows must be at least 3; got {self.max_rows}.")

    def fit(self, X: Floats, loss: Floats, *, rng: np.random.Generator) -> "FittedGaussianProcess":
        """Return the process given losses (n,) at encoded configurations X (n, d).

        From ``rng`` come the rows that are drawn where there are more than ``max_rows``.

        Raises:
            InputError: for observations that ``check_observations`` refuses.
        """
        check_observations(self.encoding, X, loss)
        embedding = Embedding(self.encoding)
        warping = OutputWarping.fit(loss, POWERS if self.warp else (1.0,))
        rows = self._telling(loss, rng)
        points, values = embedding.points(X[rows]), warping.forward(loss[rows])
        theta = most_likely(points, embedding.owners, values, len(self.encoding.columns))
        nothing = FittedGaussianProcess(embedding, warping, theta, X[:0], loss[:0], np.empty((0, 0)))
        return nothing.conditioned(X, loss)

    def _telling(self, loss: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return which rows tell the hyperparameters."""
        n = len(loss)
        if n <= self.max_rows:
            return np.arange(n)
        third = self.max_rows // 3
        kept = np.union1d(np.argsort(loss, kind="stable")[:third], np.arange(n - third, n))
        others = rng.permutation(np.setdiff1d(np.arange(n), kept))
        return np.sort(np.append(kept, others[: self.max_rows - len(kept)]))


@dataclass(frozen=True, eq=False)
class FittedGaussianProcess:
    """A Gaussian process given losses (n,) at X (n, d), its hyperparameters ``theta`` fixed.

    ``whitener`` (n, n) is the inverse W of the Cholesky factor of the warped losses' covariance K, so that W K W' = 1:
    a product with it is twice as fast as solving with the factor, and it grows by rows as well.

    Losses are normal only after ``warping``; an acquisition function that takes them for normal is best computed from
    ``predict_warped`` and warped losses: the warp is increasing, and the same as long as the hyperparameters are.
    """

    embedding: Embedding
    warping: OutputWarping
    theta: Hyperparameters
    X: Floats
    loss: Floats
    whitener: Floats

    @cached_property
    def noise_std(self) -> float:
        """The standard deviation of the noise of a loss where the known ones have their median."""
        return self.warping.deviation_at_median(self.theta.noise**0.5)

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) of the noise-free loss at X (m, d)."""
        return self.warping.moments(*self.predict_warped(X))

    def predict_warped(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) of the warped noise-free loss, which is normal, at X (m, d)."""
        mean, explained = np.empty((2, len(X)))
        points = self._points(X)
        space = np.empty(
            (2, min(_BLOCK, len(X)), len(self.X))
        )  # memory that is used again is much faster than fresh one
        for start in range(0, len(X), _BLOCK):
            block = slice(start, start + _BLOCK)
            covariance = self._covariance(points[block], self._known, space)
            mean[block] = covariance @ self._weights
            whitened = self._whitened(covariance)
            explained[block] = np.einsum("mn,mn->m", whitened, whitened)
        return mean, np.sqrt(np.maximum(self._prior_variance - explained, _JITTER * self._prior_variance))

    def sample(self, X: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Return n joint draws (n, m) of the noise-free losses at X (m, d)."""
        points = self._points(X)
        covariance = self._covariance(points, self._known)
        mean = covariance @ self._weights
        whitened = self._whitened(covariance)
        joint = self._covariance(points, points) - whitened @ whitened.T
        np.einsum("ii->i", joint)[:] += _JITTER * self._prior_variance
        draws = rng.standard_normal((n, len(X))) @ np.linalg.cholesky(joint).T
        return self.warping.inverse(mean + draws)

    def conditioned(self, X: Floats, loss: Floats) -> "FittedGaussianProcess":
        """Return the process given losses (n,) at X (n, d) instead, with the same hyperparameters and warp.

        The first rows that are those already known cost no more than the square of their number each.
        """
        same = _same_rows(self.X, X)
        points = self._points(X)
        cross = self._covariance(points[same:], points[:same])
        block = self._covariance(points[same:], points[same:])
        np.einsum("ii->i", block)[:] += self.theta.noise
        return replace(self, X=X, loss=loss, whitener=_extended(self.whitener[:same, :same], cross, block))

    @property
    def _prior_variance(self) -> float:
        return self.theta.signal + LEVEL

    @cached_property
    def _known(self) -> Floats:
        return self._points(self.X)

    @cached_property
    def _weights(self) -> Floats:
        weights: Floats = self.whitener.T @ (self.whitener @ self.warping.forward(self.loss))
        return weights

    def _points(self, X: Floats) -> Floats:
        return self.theta.scaled(self.embedding.points(X), self.embedding.owners)

    def _covariance(self, A: Floats, B: Floats, space: Floats | None = None) -> Floats:
        """Return covariances (m, n) of noise-free losses at points A (m, q) and B (n, q).

        They come to lie in ``space`` (2, at least m, n) if there is some.
        """
        out, work = (None, None) if space is None else space[:, : len(A)]
        covariance = matern52(squared_distances(A, B, out), work)
        covariance *= self.theta.signal
        covariance += LEVEL
        return covariance

    def _whitened(self, covariance: Floats) -> Floats:
        """Return the covariances (m, n) with what is known in units in which that is white; overwrites them."""
        return np.asarray(dtrmm(1.0, self.whitener, covariance.T, lower=1, overwrite_b=1)).T


def _same_rows(A: Floats, B: Floats) -> int:
    """Return how many of the first rows of A (m, d) and B (n, d) are the same, NaN being the same as NaN."""
    n = min(len(A), len(B))
    same = ((A[:n] == B[:n]) | (np.isnan(A[:n]) & np.isnan(B[:n]))).all(axis=1)
    return n if same.all() else int(same.argmin())


def _extended(whitener: Floats, cross: Floats, block: Floats) -> Floats:
    """Return the whitener of a covariance whose first rows have ``whitener`` (p, p).

    ``cross`` (k, p) and ``block`` (k, k) are the covariances of the others with the first, and with each other.
    """
    p, k = cross.shape[::-1]
    extended = np.zeros((p + k, p + k), order="F")
    if p:
        extended[:p, :p] = whitener
        below = np.asarray(dtrmm(1.0, whitener, cross.T, lower=1)).T
        block = block - below @ below.T
    if k:
        factor, _ = dpotrf(block, lower=1, clean=1)
        extended[p:, p:] = dtrtri(factor, lower=1)[0]
    if p and k:
        extended[p:, :p] = -extended[p:, p:] @ (below @ whitener)
    return extended
