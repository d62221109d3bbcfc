"""Expected improvement: how much lower than the best loss so far a loss is expected to be.

Mockus, 1975; Jones, Schonlau & Welch, "Efficient global optimization of expensive black-box functions", J. Global
Optimization 1998.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_SQRT_2PI = np.sqrt(2.0 * np.pi)
# Stands for a standard deviation of zero: small against any difference of losses, and yet their ratio can be squared.
SMALLEST_STD = 1e-100


def expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """Return E[max(best - loss, 0)] (m,) of normal losses of these means and standard deviations (m,).

    >>> expected_improvement(np.array([0.0, 1.0, -1.0]), np.array([1.0, 0.0, 0.0]), 0.0).round(4)
    array([0.3989, 0.    , 1.    ])
    """
    z = deviations_below(mean, std, best)
    return np.asarray(np.maximum(std * np.exp(-0.5 * z * z) / _SQRT_2PI + (best - mean) * ndtr(z), 0.0))


def deviations_below(mean: Floats, std: Floats, best: float) -> Floats:
    """Return how many standard deviations (m,) the means lie below the best loss.

    >>> deviations_below(np.array([0.0, 3.0]), np.array([0.5, 1.0]), 1.0)
    array([ 2., -2.])
    """
    return np.asarray((best - mean) / np.maximum(std, SMALLEST_STD))
