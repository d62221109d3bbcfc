"""Learning curves: what a loss at fidelity 1 will be, given it at smaller ones, and whether it is worth waiting for.

Domhan, Springenberg & Hutter, "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves", IJCAI 2015: a training run is stopped when it will hardly beat the best so far. Their
Markov chain over the parameters of eleven curves is replaced by what can be integrated in closed form. Each model is
c + a f(x) with one fixed shape f: powers of the fidelity x, the logarithm among them (pow3 and its limit, which fit
learning curves best: Viering & Loog, "The shape of learning curves: a review", TPAMI 2023), and exponentials. Of c, a
and the noise the posterior is normal-inverse-gamma (Gelman et al., Bayesian Data Analysis, ch. 14), so that the loss at
fidelity 1 has a Student t distribution; the models are averaged by their evidence (Hoeting et al., 1999).

The two constants that widen the prediction, ``_EVIDENCE`` and ``_DRIFT``, were chosen on 540 curves of TaskSet and 236
of LCDB, where intervals of 80 and 95 % then hold 85 to 93 and 93 to 98 % of the final losses from 30 % of the curve on.
Earlier they hold fewer (78 and 91 % at 10 % of TaskSet's curves): some training only starts to work later.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from metalearn.core.encoded_space import Floats
from metalearn.errors import InputError

# Shapes: x^-p, and the logarithm for p = 0; exp(-k x).
_POWERS = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
_RATES = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
# Errors along a curve are no independent draws: n points count as a quarter as many.
_EVIDENCE = 0.25
# No shape is the truth: per halving that is left, half of what the loss moved in the last one is added to the error.
_DRIFT = 0.5
# Prior variances of c and a, in squares of the curve's range and of the noise: next to nothing is known.
_PRIOR = 100.0
# Prior shape and scale of the noise variance, in squares of the curve's range: worth two points, and a noise of 3 %.
_SHAPE, _SCALE = 1.0, 1e-3
# Losses closer than this, in relative terms, are one loss: a curve that is flat has no range of its own.
_FLAT = 1e-12


class LearningCurve(NamedTuple):
    """Losses (b,) at ascending fidelities (b,)."""

    fidelities: Floats
    losses: Floats


@dataclass(frozen=True, eq=False)
class FinalLoss:
    """The loss at fidelity 1: a mixture of Student t distributions, all (m,) but for the degrees of freedom."""

    weights: Floats
    means: Floats
    scales: Floats
    freedom: float

    @property
    def mean(self) -> float:
        """What is expected."""
        return float(self.weights @ self.means)

    def below(self, threshold: float) -> float:
        """Return the probability of a loss below a threshold."""
        return float(self.weights @ stdtr(self.freedom, (threshold - self.means) / self.scales))


def final_loss(curve: LearningCurve) -> FinalLoss:
    """Return what is to be expected of the loss at fidelity 1.

    Raises:
        InputError: when there are fewer than two points, fidelities that do not ascend within (0, 1], or losses that
            are not finite.

    >>> x = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    >>> round(final_loss(LearningCurve(x, 0.2 + 0.1 / x)).mean, 1)
    0.3
    """
    x, losses = (np.asarray(values, dtype=np.float64) for values in curve)
    _check(x, losses)
    unit = max(float(np.ptp(losses)), _FLAT * (float(np.abs(losses).max()) or 1.0))
    y = (losses - losses[-1]) / unit
    weights = _EVIDENCE * len(x) * x / x.sum()  # what is near the end says most about the end
    design = np.stack(np.broadcast_arrays(1.0, _shapes(x)), axis=1)
    precision = np.einsum("min,mjn,n->mij", design, design, weights) + np.eye(2) / _PRIOR
    covariance = np.linalg.inv(precision)
    moment = design @ (weights * y)
    c = np.einsum("mij,mj->mi", covariance, moment)
    shape = _SHAPE + weights.sum() / 2
    scale = _SCALE + np.maximum(weights @ y**2 - np.einsum("mi,mi->m", c, moment), 0.0) / 2
    evidence = -np.linalg.slogdet(precision)[1] / 2 - shape * np.log(scale)
    likely = np.exp(evidence - evidence.max())
    moved = np.ptp(y[x >= x[-1] / 2])
    spread = np.hypot(np.sqrt(scale / shape * (1 + covariance[:, 0, 0])), -_DRIFT * moved * np.log2(x[-1]))
    return FinalLoss(likely / likely.sum(), losses[-1] + unit * c[:, 0], unit * spread, 2 * shape)


def probability_below(curve: LearningCurve, threshold: float) -> float:
    """Return the probability that a curve ends below a threshold at fidelity 1; certainty where it is there.

    Raises:
        InputError: as ``final_loss``.

    >>> x = np.array([0.1, 0.2, 0.3, 0.4])
    >>> probability_below(LearningCurve(x, np.array([0.9, 0.85, 0.83, 0.82])), 0.1) < 0.05
    True
    """
    predicted = final_loss(curve)
    return float(curve.losses[-1] < threshold) if curve.fidelities[-1] == 1 else predicted.below(threshold)


@dataclass(frozen=True)
class CurveStopping:
    """Stops a run that will end below the best so far with less than a ``probability`` (0.05 as in the paper).

    There is no judgement before ``n_enough`` points, and before the fidelity ``earliest``, up to which curves tell
    little. A run whose last loss is not finite is stopped.

    Raises:
        InputError: when the probability or the fidelity is not in [0, 1], or ``n_enough`` below 2.

    >>> x = np.array([0.1, 0.2, 0.3, 0.4])
    >>> CurveStopping().should_stop(LearningCurve(x, np.array([0.9, 0.85, 0.83, 0.82])), best=0.1)
    True

    An objective asks after each step, and ends a run that is to be stopped as ``pruned``, with its last loss. What it
    has to beat it knows from a callback, which is called where ``minimize`` is, whatever the objective is run by:

    >>> from dataclasses import replace
    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.minimize import minimize
    >>> class Training:
    ...     best = None
    ...     def __call__(self, trial):
    ...         fidelities, losses = np.arange(1, 21) / 20, []
    ...         for fidelity in fidelities[fidelities <= trial.fidelity]:
    ...             losses.append(trial.configuration.hyperparameters["x"] + 0.01 / fidelity)  # train on, and measure
    ...             if CurveStopping().should_stop(LearningCurve(fidelities[: len(losses)], losses), self.best):
    ...                 return replace(trial, loss=losses[-1], status="pruned")
    ...         return losses[-1]
    ...     def follow(self, result, trial):
    ...         self.best = result.best.loss if result.best and result.best.fidelity == 1 else None
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> training = Training()
    >>> result = minimize(training, space, method="random", n_trials=20, callbacks=[training.follow])
    >>> sorted({trial.status for trial in result.trials}), result.best.status
    (['ok', 'pruned'], 'ok')
    """

    probability: float = 0.05
    n_enough: int = 4
    earliest: float = 0.3

    def __post_init__(self) -> None:
        if not (0 <= self.probability <= 1 and 0 <= self.earliest <= 1):
            raise InputError(f"probability and earliest lie in [0, 1]; got {self.probability} and {self.earliest}.")
        if self.n_enough < 2:
            raise InputError(f"n_enough must be at least 2; got {self.n_enough}.")

    def should_stop(self, curve: LearningCurve, best: float | None) -> bool:
        """Return whether to stop; ``best`` is the smallest loss at fidelity 1, None or infinite where none is known.

        Raises:
            InputError: when fidelities do not ascend within (0, 1].
        """
        losses = np.asarray(curve.losses, dtype=np.float64)
        if len(losses) and not np.isfinite(losses[-1]):
            return True
        known = np.isfinite(losses)
        seen = LearningCurve(np.asarray(curve.fidelities)[known], losses[known])
        if best is None or not np.isfinite(best) or known.sum() < self.n_enough or seen.fidelities[-1] < self.earliest:
            return False
        return probability_below(seen, best) < self.probability


def _shapes(x: Floats) -> Floats:
    """Return the models' shapes (m, b): 0 at fidelity 1, so that c is the loss there, and at most 1 in size."""
    p = _POWERS[1:, None]
    shapes = np.concatenate(
        [-np.log(x)[None], (x**-p - 1) / p, np.exp(-_RATES[:, None] * x) - np.exp(-_RATES[:, None])]
    )
    return np.asarray(shapes / np.abs(shapes).max(axis=1, keepdims=True))


def _check(x: Floats, losses: Floats) -> None:
    if x.shape != losses.shape or x.ndim != 1 or len(x) < 2:
        raise InputError(f"A curve has two or more fidelities and as many losses; got {x.shape} and {losses.shape}.")
    if not (x[0] > 0 and x[-1] <= 1 and (np.diff(x) > 0).all()):
        raise InputError(f"The fidelities of a curve ascend within (0, 1]; got {x.tolist()}.")
    if not np.isfinite(losses).all():
        raise InputError("A loss of the curve is not finite; leave such points out.")
