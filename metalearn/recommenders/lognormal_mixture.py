"""A mixture of lognormals over the losses of all configurations: conditioned on some of them, asked for the next one.

Conditional normals and tempered weights in closed form; expected improvement (Jones, Schonlau & Welch, J. Global
Optimization 1998) of a lognormal is the price of a put option (Black & Scholes 1973).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import weighted_sums

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Components of less weight than this, next to the largest, do not matter, ...
_LEAST = 1e-6
# ... nor what comes after so many that they, times the configurations, are more than this: a few milliseconds.
_CELLS = 100_000
_FEWEST = 32
# The observations are no independent evidence: their likelihood is tempered (Gruenwald & van Ommen, 2017).
TEMPER = 0.7
# So much of the components' variance makes intervals of 80 and 95 % hold what they say.
OWN_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class LognormalMixture:
    """Logarithms of the losses of C configurations: m normals with ``means`` (m, C) and the same ``variances`` (C,).

    ``weights`` (m,) sum to 1. ``best`` is the logarithm of the smallest loss seen so far; ``components`` (m,) tell
    which of those that there were before something was seen these are, by default all.

    >>> means, covariance = np.array([[-1.0, -2.0], [-1.0, 0.0]]), np.array([[0.1, 0.0], [0.0, 0.1]])
    >>> posterior = LognormalMixture.given(means, np.array([0.5, 0.5]), covariance, np.array([1]), np.array([-1.9]))
    >>> posterior.weights.round(3)
    array([1., 0.])
    """

    means: Floats
    weights: Floats
    variances: Floats
    best: float = np.inf
    components: Integers | slice = field(default_factory=lambda: slice(None))

    @classmethod
    def given(
        cls,
        means: Floats,
        weights: Floats,
        covariance: Floats,
        indices: Integers,
        logs: Floats,
        temper: float = TEMPER,
    ) -> "LognormalMixture":
        """Condition normals of these means (m, C), weights (m,) and covariance (C, C) on n logarithms of losses (n,).

        ``indices`` (n,) are those of their configurations. Components of little weight are left out.
        """
        from scipy.linalg import solve_triangular

        factor = np.linalg.cholesky(covariance[np.ix_(indices, indices)])
        gain = solve_triangular(factor, covariance[indices], lower=True)
        surprise = solve_triangular(factor, (logs - means[:, indices]).T, lower=True)
        weights = tempered(weights, surprise, temper)
        kept = heaviest(weights, max(_FEWEST, _CELLS // means.shape[1]))
        kept = kept[weights[kept] > _LEAST * weights.max()]
        return cls(
            means[kept] + surprise[:, kept].T @ gain,
            weights[kept] / weights[kept].sum(),
            np.maximum(np.diag(covariance) - np.einsum("nc,nc->c", gain, gain), 0.0),
            float(logs.min()),
            kept,
        )

    @property
    def expected(self) -> Floats:
        """The means (C,) of the logarithms."""
        return np.asarray(self.weights @ self.means)

    def moments(self, indices: Integers | slice = slice(None)) -> tuple[Floats, Floats]:
        """Return mean and standard deviation (n,) of the losses at n indices, by default all, calibrated.

        Of each component its median counts.

        Its own variance enters by the delta method, and with a tenth: the components are as wide as makes the search
        good, which is more than the losses deviate.
        """
        medians = np.exp(self.means[:, indices])
        mean = weighted_sums(self.weights, medians)
        own = OWN_SHARE * weighted_sums(self.weights, medians**2) * self.variances[indices]
        return mean, np.sqrt(weighted_sums(self.weights, (medians - mean) ** 2) + own)


class Improvement:
    """An opinion (``opinions``): how much lower than the smallest loss so far a loss is expected to be.

    In each component it counts in units of the distance from its best to its worst mean loss. Of what was chosen each
    component believes its own mean (the kriging believer of Ginsbourger, Le Riche & Carraro 2010).
    """

    def __init__(self, mixture: LognormalMixture) -> None:
        widths = np.exp(mixture.means.max(axis=1)) - np.exp(mixture.means.min(axis=1))
        self.means, self.weights = mixture.means, mixture.weights / np.maximum(widths, 1e-300)
        self.sd = np.sqrt(np.maximum(mixture.variances, 1e-12))
        self.best = np.full(len(mixture.means), mixture.best)

    def gains(self) -> Floats:
        """Return the expected improvement of each configuration now (C,)."""
        return np.asarray(self.weights @ expected_improvement(self.means, self.sd, self.best[:, None]))

    def choose(self, index: int) -> None:
        """Take a configuration for chosen."""
        self.best = np.minimum(self.best, self.means[:, index])


def heaviest(weights: Floats, n: int) -> Integers:
    """Return the indices, ascending, of the at most n largest weights (m,); of equal ones the first.

    >>> heaviest(np.array([0.1, 0.4, 0.1, 0.4]), 3)
    array([0, 1, 3])
    """
    if len(weights) <= n:
        return np.arange(len(weights))
    least = np.partition(weights, -n)[-n]
    heavier, equal = np.flatnonzero(weights > least), np.flatnonzero(weights == least)
    return np.sort(np.append(heavier, equal[: n - len(heavier)]))


def tempered(weights: Floats, surprise: Floats, temper: float = TEMPER) -> Floats:
    """Return weights (m,) after standardised surprises (n, m), by their normal likelihood to the power ``temper``.

    >>> tempered(np.array([0.5, 0.5]), np.array([[0.0, 10.0]])).round(6)
    array([1., 0.])
    """
    with np.errstate(divide="ignore"):
        logs = np.log(weights) - 0.5 * temper * np.sum(surprise**2, axis=0)
    likelihood = np.exp(logs - logs.max())
    return np.asarray(likelihood / likelihood.sum())


def expected_improvement(means: Floats, sd: Floats, best: Floats | float) -> Floats:
    """Return E[max(exp(best) - exp(y), 0)] for y normal with these means and standard deviations.

    >>> expected_improvement(np.array([0.0, -1.0]), np.array([1e-9, 1e-9]), 0.0).round(6)
    array([0.      , 0.632121])
    """
    from scipy.special import ndtr

    distance = (best - means) / sd
    return np.asarray(np.exp(best) * ndtr(distance) - np.exp(means + sd**2 / 2) * ndtr(distance - sd))
