"""Acquisition functions: how much a configuration promises, from the mean and standard deviation of its loss.

Expected improvement (``core.improvement``), and its logarithm, which does not vanish where improvement is all but
impossible: Ament, Daulton, Eriksson, Balandat & Bakshy, "Unexpected improvements to expected improvement for Bayesian
optimization", NeurIPS 2023. Probability of improvement: Kushner, 1964. Confidence bound: Cox & John, 1992; Srinivas et
al., "Gaussian process optimization in the bandit setting", ICML 2010. Expected improvement per second: Snoek,
Larochelle & Adams, "Practical Bayesian optimization of machine learning algorithms", NeurIPS 2012. Thompson sampling:
Thompson, 1933; Kandasamy, Krishnamurthy, Schneider & Poczos, "Parallelised Bayesian optimisation via Thompson
sampling", AISTATS 2018.

All are larger where a configuration promises more, and take arrays of any one shape (m,); losses are minimised.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from metalearn.core.encoded_space import Floats
from metalearn.core.improvement import SMALLEST_STD, deviations_below, expected_improvement
from metalearn.core.protocols import Predictor

Acquisition = Callable[[Floats, Floats, float], Floats]

# Below this z the textbook form of log h loses digits; further down, where two terms of the asymptotic series are exact
# to rounding, the scaled complementary error function does.
_DIRECT, _ASYMPTOTIC = -1.0, -float(np.finfo(np.float64).eps ** -0.25)
_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_LOG_SQRT_HALF_PI = 0.5 * np.log(0.5 * np.pi)
# Standard deviations of optimism in the confidence bound: a loss is below it with a probability of 2.5 %.
KAPPA = 1.96


def log_expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """Return log E[max(best - loss, 0)] (m,), exact to rounding however small it is.

    >>> log_expected_improvement(np.array([0.0, 10.0]), np.ones(2), 0.0).round(2)
    array([ -0.92, -55.55])
    """
    return np.log(np.maximum(std, SMALLEST_STD)) + log_h(deviations_below(mean, std, best))


def log_probability_of_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """Return log P(loss < best) (m,) of normal losses: the greediest, for it asks not how much is to gain.

    >>> log_probability_of_improvement(np.array([0.0]), np.array([1.0]), 0.0).round(3)
    array([-0.693])
    """
    return np.asarray(log_ndtr(deviations_below(mean, std, best)))


def lower_confidence_bound(mean: Floats, std: Floats, best: float) -> Floats:
    """Return how far (m,) the lower confidence bound of the loss lies below the best one, mean - KAPPA std.

    >>> lower_confidence_bound(np.array([0.0]), np.array([1.0]), 0.0)
    array([1.96])
    """
    return np.asarray(best - mean + KAPPA * std)


def log_h(z: Floats) -> Floats:
    """Return log(phi(z) + z Phi(z)) (m,), with phi and Phi the standard normal density and distribution function.

    Three ranges of z, as in equation 9 of Ament et al.

    >>> log_h(np.array([0.0, -1e10]))
    array([-9.18938533e-01, -5.00000000e+19])
    """
    direct = np.maximum(z, _DIRECT)
    middle = np.clip(z, _ASYMPTOTIC, _DIRECT)
    far = np.minimum(z, _ASYMPTOTIC)
    near = np.log(np.exp(-0.5 * direct * direct - _LOG_SQRT_2PI) + direct * ndtr(direct))
    share = np.log(-middle) + np.log(erfcx(-middle / np.sqrt(2.0))) + _LOG_SQRT_HALF_PI
    tail = -0.5 * middle * middle - _LOG_SQRT_2PI + np.log(-np.expm1(np.minimum(share, 0.0)))
    last = -0.5 * far * far - _LOG_SQRT_2PI - 2.0 * np.log(-far) + np.log1p(-3.0 / (far * far))
    return np.asarray(np.select([z > _DIRECT, z > _ASYMPTOTIC], [near, tail], last))


def thompson(predictor: Predictor, X: Floats, rng: np.random.Generator) -> Floats:
    """Return minus one joint draw (m,) of the losses at X (m, d): its largest is the draw's best configuration."""
    return np.asarray(-predictor.sample(X, 1, rng)[0])


def per_second(log_improvement: Floats, log_seconds: Floats) -> Floats:
    """Return the logarithms (m,) of improvement a second, from those of improvement and seconds (m,)."""
    return log_improvement - log_seconds


ACQUISITIONS: Mapping[str, Acquisition] = {
    "ei": expected_improvement,
    "log_ei": log_expected_improvement,
    "log_pi": log_probability_of_improvement,
    "lcb": lower_confidence_bound,
}
