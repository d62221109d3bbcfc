"""The hyperparameters of a Gaussian process that are most likely, given its data and what is usual.

The log marginal likelihood and its gradient: Rasmussen & Williams, "Gaussian processes for machine learning", 2006,
equations 5.8 and 5.9. With the covariance K, a = K^-1 y and G = (a a' - K^-1) / 2, the derivative by a hyperparameter t
is sum(G * dK/dt). One Cholesky factor and one inverse give all of them: squared distances along a coordinate z enter as
sum_ij H_ij (z_i - z_j)^2 = 2 (h' z^2 - z' H z), where h are the row sums of H, so that one matrix product does for all
length scales. The n x n arrays are allocated once and overwritten: at some hundred rows, fresh memory costs more than
arithmetic. L-BFGS-B starts from the middle of the priors; starting from the best of 20 draws led to the same maxima.

The priors speak of columns that are 1 wide and of values with variance 1. Those of length scales and signal are
log-normal, that of the noise is a gamma distribution, as in Optuna's GPSampler: it lets the noise vanish where there is
none. Measured were the predictive density of held-out runs of real learners and the regret on Branin and Hartmann6: a
log-normal prior of the noise, and length scales that grow with the number of columns (Hvarfner, Hellsten & Nardi, ICML
2024), take a smooth function for noise as long as observations are few.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsymm
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.optimize import Bounds, minimize

from metalearn.core.encoded_space import Floats
from metalearn.surrogates.kernels import Integers, squared_distances

# Medians and standard deviations of the logarithms of length scales and signal variance.
LENGTH, LENGTH_SD = 1.0, 1.0
SIGNAL, SIGNAL_SD = 1.0, 0.5
# Shape and rate of the gamma distribution of the noise variance, and where the search begins (its mode).
NOISE_SHAPE, NOISE_RATE = 1.5, 10.0
FIRST_NOISE = (NOISE_SHAPE - 1) / NOISE_RATE
# The noise variance has at least this, so that no covariance is singular in floating point.
LEAST_NOISE = 1e-6
# Prior variance of the constant mean, which is integrated out: that of the values.
LEVEL = 1.0
# The natural logarithms stay within these of their medians, far out in the tails.
_REACH = 6.0
_NOISE_REACH = 14.0
# The search ends when the log density changes by less than this share of itself, or its slopes are this small.
_LEAST_CHANGE, _LEAST_SLOPE = 1e-4, 1e-2


@dataclass(frozen=True, eq=False)
class Hyperparameters:
    """Length scales (d,) of the columns, and the variances of signal and noise."""

    lengths: Floats
    signal: float
    noise: float

    @classmethod
    def of_logs(cls, logs: Floats) -> "Hyperparameters":
        """Return what natural logarithms (d + 2,) stand for."""
        *lengths, signal, noise = np.exp(logs)
        return cls(np.array(lengths), float(signal), float(noise) + LEAST_NOISE)

    def scaled(self, points: Floats, owners: Integers) -> Floats:
        """Return points (n, q) in length scales, ``owners`` (q,) being the columns of the coordinates."""
        return points / self.lengths[owners]


class LogPosterior:
    """The log density of hyperparameters, but for a constant, and its gradient, at their natural logarithms (d + 2,).

    ``points`` (n, q) are those of ``kernels.Embedding``, and ``owners`` (q,) the columns of their coordinates, of which
    there are ``d``. ``values`` (n,) have mean 0 and variance 1.

    >>> density = LogPosterior(np.array([[0.0], [0.1], [1.0]]), np.array([0]), np.array([-0.7, -0.7, 1.4]), d=1)
    >>> value, gradient = density(np.log([1.0, 1.0, 0.1]))
    >>> round(value, 3), gradient.round(3)
    (-3.877, array([-1.766,  1.139, -0.695]))
    """

    def __init__(self, points: Floats, owners: Integers, values: Floats, d: int) -> None:
        self.points, self.owners, self.values, self.d = points, owners, values, d
        self._covariance, self._decay, self._work = np.empty((3, len(values), len(values)))

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Return the density and its gradient (d + 2,)."""
        theta = Hyperparameters.of_logs(logs)
        Z = theta.scaled(self.points, self.owners) * np.sqrt(5.0)
        self._fill(Z, theta)
        factor, _ = dpotrf(self._covariance.T, lower=1, overwrite_a=1, clean=0)
        alpha = dpotrs(factor, self.values, lower=1)[0]
        likelihood = -0.5 * self.values @ alpha - np.log(np.diagonal(factor)).sum()
        inverse = dpotri(factor, lower=1, overwrite_c=1)[0]
        prior, gradient = _log_prior(logs)
        return float(likelihood + prior), gradient + self._gradient(Z, theta, alpha, inverse)

    def _fill(self, Z: Floats, theta: Hyperparameters) -> None:
        """Set the covariance, and (1 + r) exp(-r), which its derivative by the squared distance is made of.

        Z (n, q) are in length scales, times the root of 5: then Matern's covariance is (1 + r + r^2 / 3) exp(-r).
        """
        K, decay, r = self._covariance, self._decay, self._work
        np.sqrt(squared_distances(Z, Z, out=r), out=r)
        np.exp(np.negative(r, out=K), out=K)
        np.multiply(np.add(r, 1.0, out=decay), K, out=decay)
        K *= np.multiply(np.square(r, out=r), theta.signal / 3.0, out=r)
        K += np.multiply(decay, theta.signal, out=r)
        K += LEVEL
        np.einsum("ii->i", K)[:] += theta.noise

    def _gradient(self, Z: Floats, theta: Hyperparameters, alpha: Floats, inverse: Floats) -> Floats:
        """Return the gradient (d + 2,) of the log likelihood; of ``inverse``, the lower triangle counts."""
        n = len(alpha)
        ones = np.ones((n, 1))
        # sum(G * K) is known without K, and what is not signal in K is easily told.
        row_sums = dsymm(1.0, inverse, ones, lower=1)
        by_noise = 0.5 * (alpha @ alpha - np.trace(inverse))
        by_level = 0.5 * (alpha.sum() ** 2 - row_sums.sum())
        by_signal = 0.5 * (self.values @ alpha - n) - theta.noise * by_noise - LEVEL * by_level
        H = np.multiply.outer(alpha, alpha, out=self._work)
        H -= inverse.T
        H *= self._decay
        HZ = dsymm(theta.signal / 3.0, H.T, np.hstack([Z, ones]), lower=1)
        per_coordinate = HZ[:, -1] @ np.square(Z) - np.einsum("nq,nq->q", Z, HZ[:, :-1])
        by_lengths = np.bincount(self.owners, per_coordinate, minlength=self.d)
        return np.append(by_lengths, [by_signal, by_noise * (theta.noise - LEAST_NOISE)])


def most_likely(points: Floats, owners: Integers, values: Floats, d: int) -> Hyperparameters:
    """Return the hyperparameters of highest density; for the arguments see ``LogPosterior``.

    >>> x = np.linspace(0, 1, 20)
    >>> most_likely(np.column_stack([x, np.cos(50 * x)]), np.arange(2), np.sin(9 * x), d=2).lengths.round(1)
    array([ 0.3, 47.3])
    """
    density = LogPosterior(points, owners, values, d)
    start = np.log(np.array([LENGTH] * d + [SIGNAL, FIRST_NOISE]))
    reach = np.array([_REACH] * (d + 1) + [_NOISE_REACH])

    def descent(logs: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, Floats]:
        value, gradient = density(logs)
        return -value, -gradient

    found = minimize(
        descent,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(start - reach, start + reach),
        options={"ftol": _LEAST_CHANGE, "gtol": _LEAST_SLOPE},
    )
    return Hyperparameters.of_logs(found.x)


def _log_prior(logs: Floats) -> tuple[float, Floats]:
    """Return the log prior density, but for a constant, and its gradient (d + 2,)."""
    d = len(logs) - 2
    spreads = np.array([LENGTH_SD] * d + [SIGNAL_SD])
    usual = (logs[:-1] - np.log([LENGTH] * d + [SIGNAL])) / spreads
    noise = float(np.exp(logs[-1]))
    value = -0.5 * usual @ usual + (NOISE_SHAPE - 1) * logs[-1] - NOISE_RATE * noise
    return float(value), np.append(-usual / spreads, NOISE_SHAPE - 1 - NOISE_RATE * noise)
