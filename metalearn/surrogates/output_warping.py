"""Output warping: a monotone function that makes losses normal, chosen by its likelihood.

Snelson, Rasmussen & Ghahramani, "Warped Gaussian processes", NeurIPS 2003. The function is the power transform of Yeo &
Johnson, "A new family of power transformations to improve normality or symmetry", Biometrika 2000: a power of 1 leaves
losses as they are, one of 0 is about their logarithm above the median, one below 0 bounds what is bad (a few awful
losses then say no more than "awful"). The likelihood is that of losses on their own, not given configurations: that of
the whole process takes a fit for each power, and predicted held-out runs no better.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import boxcox1p, inv_boxcox1p

from metalearn.core.encoded_space import Floats
from metalearn.surrogates.observations import mean_and_deviation

# Above 1, powers would pull the best losses together. Held-out runs of real learners were predicted a little better by
# those from -0.5 on than by those from 0 or from -1 on, and clearly better than by 1 alone; the regret of Bayesian
# optimization on the same runs was that of 1 alone.
POWERS = tuple(np.linspace(-0.5, 1.0, 7))
# Nodes of the Gauss-Hermite quadrature for means and standard deviations.
_N_NODES = 15
# The interquartile range of the standard normal distribution.
_QUARTILES = 1.349


@dataclass(frozen=True)
class OutputWarping:
    """Losses -> (y - center) / scale -> Yeo & Johnson's transform -> (z - mean) / std.

    ``worst`` is the largest loss that ``inverse`` gives: a negative power has no inverse beyond a bound, and means
    would be infinite if losses were not cut. They are, at the worst of the known ones.

    >>> warping = OutputWarping.fit(np.array([0.1, 0.11, 0.12, 0.15, 0.2, 0.9]))
    >>> warped = warping.forward(np.array([0.1, 0.12, 0.9]))
    >>> warping.power, warped.round(2), warping.inverse(warped).round(2)
    (-0.5, array([-1.26, -0.49,  1.72]), array([0.1 , 0.12, 0.9 ]))
    """

    center: float = 0.0
    scale: float = 1.0
    power: float = 1.0
    mean: float = 0.0
    std: float = 1.0
    worst: float = np.inf

    @classmethod
    def fit(cls, loss: Floats, powers: Sequence[float] = POWERS) -> "OutputWarping":
        """Return the most likely of the warpings that give losses (n,) the mean 0 and the standard deviation 1."""
        center, scale = float(np.median(loss)), _spread(loss)
        if loss.min() == loss.max():
            return cls(center, scale)
        worst = float(loss.max())
        tried = [cls(center, scale, float(p), worst=worst if p < 0 else np.inf) for p in powers]
        standardised = [warping._standardised(loss) for warping in tried]
        return max(standardised, key=lambda warping: float(warping.log_slope(loss).sum()))

    def forward(self, loss: Floats) -> Floats:
        """Return warped losses, of the shape of ``loss``."""
        return (_yeo_johnson((loss - self.center) / self.scale, self.power) - self.mean) / self.std

    def inverse(self, warped: Floats) -> Floats:
        """Return the losses that warped ones, of any shape, stand for."""
        most = self.forward(np.array(self.worst)) if self.worst < np.inf else np.inf
        z = self.mean + self.std * np.minimum(warped, most)
        power = np.where(z >= 0, self.power, 2.0 - self.power)
        return np.asarray(self.center + self.scale * np.copysign(inv_boxcox1p(np.abs(z), power), z))

    def log_slope(self, loss: Floats) -> Floats:
        """Return the logarithms of the derivatives of ``forward``, of the shape of ``loss``."""
        standard = (loss - self.center) / self.scale
        logs = np.copysign(np.log1p(np.abs(standard)), standard)
        return np.asarray((self.power - 1.0) * logs - np.log(self.scale * self.std))

    def moments(self, mean: Floats, std: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation (m,) of losses whose warped values are normal with these (m,)."""
        if self.power == 1.0:
            return self.inverse(mean), std * (self.scale * self.std)
        nodes, weights = np.polynomial.hermite_e.hermegauss(_N_NODES)
        weights /= weights.sum()
        losses = self.inverse(mean[:, None] + std[:, None] * nodes)
        expected = losses @ weights
        return expected, np.sqrt(np.square(losses - expected[:, None]) @ weights)

    def deviation_at_median(self, std: float) -> float:
        """Return the standard deviation of losses around the median of the known ones whose warped values have ``std``.

        >>> OutputWarping(scale=2.0).deviation_at_median(0.5)
        1.0
        """
        return float(self.moments(self.forward(np.array([self.center])), np.array([std]))[1][0])

    def _standardised(self, loss: Floats) -> "OutputWarping":
        warped = self.forward(loss)
        return replace(self, mean=float(warped.mean()), std=float(warped.std()) or 1.0)


def _yeo_johnson(standard: Floats, power: float) -> Floats:
    powers = np.where(standard >= 0, power, 2.0 - power)
    return np.asarray(np.copysign(boxcox1p(np.abs(standard), powers), standard))


def _spread(loss: Floats) -> float:
    """Return the standard deviation that the middle half of the losses would have if they were normal.

    If these are all the same, that of all losses; where all are, 1.
    """
    low, high = np.quantile(loss, [0.25, 0.75])
    return float(high - low) / _QUARTILES or mean_and_deviation(loss)[1]
