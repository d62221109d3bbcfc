"""Matrix factorization: a few probes tell where a new task stands among past ones, and so all its losses.

Yang, Akimoto, Kim & Udell, "OBOE: Collaborative filtering for AutoML model selection", KDD 2019: low-rank factors of
the losses of past tasks, probes by D-optimal design, and least squares on what they gave. Added are a prior mean of
the factors from meta-features (Agarwal & Chen, "Regression-based latent factor models", KDD 2009), which makes least
squares and design Bayesian (Chaloner & Verdinelli, "Bayesian experimental design: a review", Statistical Science
1995), noise per configuration, as in factor analysis, and logarithms: a tenth off counts alike on easy and hard tasks.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from metalearn.core.completion import choose_rank, factorize
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS, RobustScaler, log_losses
from metalearn.errors import InputError
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.runtime import SHORTEST
from metalearn.recommenders.tried import Tried

# Penalties of the regression on meta-features that are tried, in units of a meta-feature's mean sum of squares.
PENALTIES = np.logspace(-2, 4, 13)
LEAST_NOISE = 1e-6  # variance of a logarithm: a tenth of a percent


@dataclass(frozen=True)
class MatrixFactorization:
    """Recommend the lowest loss predicted from ``rank`` factors, once ``n_probes`` configurations have told them.

    Without a history the order is that of the losses predicted from the task's meta-features, or without
    ``side_information`` or meta-features from the past tasks alone. With one, the next of ``n_probes`` is the
    configuration that tells most of the factors given what was tried; under ``budget_seconds``, most per predicted
    second, as long as the predicted seconds of all probes stay within (a second each, where no past cost is known).
    With ``rank`` None, held-out losses choose it; at most half as many factors as tasks or configurations are used.

    Raises:
        InputError: when the rank is below 1, the number of probes below 0, or the budget not above 0.

    >>> from metalearn.core.records import Configuration, Trial
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> losses = [[0.1, 0.2, 0.8], [0.8, 0.2, 0.1], [0.1, 0.2, 0.7], [0.7, 0.2, 0.1]]
    >>> past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(4)], [a, b, c])
    >>> fitted = MatrixFactorization(rank=1).meta_fit(past, rng=np.random.default_rng(0))
    >>> tried = [Trial(a, loss=0.75, status="ok")]
    >>> [r.configuration.algorithm for r in fitted.recommend(Task("t", "d", "classification"), 2, history=tried)]
    ['c', 'b']
    """

    stochastic: ClassVar[bool] = False
    rank: int | None = 10
    n_probes: int = 3
    budget_seconds: float | None = None
    side_information: bool = True

    def __post_init__(self) -> None:
        given = [x for x in (self.rank, self.budget_seconds) if x is not None]
        if self.n_probes < 0 or not all(x > 0 for x in given):
            raise InputError(f"rank must be at least 1, n_probes at least 0, budget_seconds above 0; got {self}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedMatrixFactorization":  # noqa: ARG002
        """Choose the rank; nothing is drawn from ``rng``."""
        past = PastTasks(meta_dataset)
        rank = choose_rank(past.log_losses) if self.rank is None else self.rank
        return FittedMatrixFactorization(past, rank, self.n_probes, self.budget_seconds, self.side_information)


@dataclass(frozen=True, eq=False)
class FittedMatrixFactorization(Ordering):
    """The factors of past tasks, and those of a new one inferred at each call."""

    rank: int
    n_probes: int
    budget_seconds: float | None
    side_information: bool

    @cached_property
    def scaler(self) -> RobustScaler:
        """Centre and scale of the past tasks' meta-features."""
        return RobustScaler.fit(self.past.meta_dataset.meta_features)

    @cached_property
    def losses(self) -> "FactorModel":
        """The model of the logarithms of losses."""
        return self._model(self.past.log_losses)

    @cached_property
    def seconds(self) -> "FactorModel":
        """The model of the logarithms of seconds."""
        return self._model(np.log(np.maximum(self.past.costs, SHORTEST)))

    def _model(self, values: Floats) -> "FactorModel":
        return FactorModel.of(values, self.rank, self._scaled(self.past.meta_dataset.meta_features))

    def _scaled(self, meta_features: Floats) -> Floats:
        """Return scaled meta-features (..., F), all NaN if they are not to be used."""
        return np.asarray(self.scaler.transform(meta_features) * (1.0 if self.side_information else np.nan))

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return all C configurations: the probes that are left to do, then by predicted loss."""
        belief = self.belief(self.losses, task)
        told = self._told(belief, tried)
        finished = np.isfinite(told)
        after = belief.told(tried.indices[finished], told[finished])
        best = np.argsort(np.round(after.mean, TIE_DIGITS), kind="stable")
        if not len(tried.indices):
            return best
        running = tried.indices[~finished]  # will tell, too
        probes = self._probes(after.told(running, after.mean[running]), task, eligible, tried, k)
        return np.concatenate([probes, best[~np.isin(best, probes)]])

    def belief(self, model: "FactorModel", task: Task) -> "Belief":
        """Return what a model says of a task before anything is tried."""
        return model.belief(self._scaled(self.past.meta_features_of(task)))

    def _told(self, belief: "Belief", tried: Tried) -> Floats:
        """Return the logarithms (n,) of the losses tried; a failure is as bad as the worst seen or predicted."""
        finite = np.isfinite(tried.losses)
        losses = np.where(finite, tried.losses, np.nan)
        logs = log_losses(losses[None, :], bounded=self.past.meta_dataset.metric.bounded)[0]
        after = belief.told(tried.indices[finite], logs[finite])
        worst = float(np.concatenate([after.mean, logs[finite]]).max(initial=-np.inf))
        return np.where(np.isposinf(tried.losses), worst, logs)

    def _probes(self, belief: "Belief", task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        left = min(self.n_probes - len(tried.indices), k)
        if self.budget_seconds is None:
            return d_optimal(belief, eligible, left)
        seconds = np.exp(self.belief(self.seconds, task).mean)
        budget = self.budget_seconds - float(seconds[tried.indices].sum())
        return d_optimal(belief, eligible, left, seconds, budget)


@dataclass(frozen=True, eq=False)
class FactorModel:
    """Values (T, C) as ``base`` (C,) + ``scores`` (T, f) @ ``loadings`` (C, f).T + noise of variance ``noise`` (C,).

    The last factor is the task's offset, whose loadings are 1. Scores of a new task are predicted by ``average``, from
    nothing, or by ``described``, from its meta-features.
    """

    base: Floats
    loadings: Floats
    noise: Floats
    average: "RidgeRegression"
    described: "RidgeRegression"

    @classmethod
    def of(cls, values: Floats, rank: int, features: Floats) -> Self:
        """Factorize values (T, C) of tasks with scaled meta-features (T, F), NaN where unknown."""
        model = factorize(values, min(rank, min(values.shape) // 2))
        known = np.isfinite(values)
        squares = np.where(known, (np.where(known, values, 0.0) - model.values) ** 2, 0.0)
        count = max(int(known.sum()), 1)
        # The factors have fitted noise, too; and one imaginary task has that of all configurations.
        fitted = min(model.rank * sum(values.shape) / count, 0.5)
        noise = (squares.sum(axis=0) + squares.sum() / count) / (known.sum(axis=0) + 1) / (1 - fitted)
        loadings = np.column_stack([model.column_factors, np.ones(values.shape[1])])
        scores = np.column_stack([model.row_factors, model.row_offsets])
        importance = np.sum(loadings**2, axis=0)
        some = known.any(axis=1)
        both = some & np.isfinite(features).any(axis=1)
        return cls(
            model.mean + model.column_offsets,
            loadings,
            np.maximum(noise, LEAST_NOISE),
            RidgeRegression.of(features[some, :0], scores[some], importance),
            RidgeRegression.of(np.nan_to_num(features[both]), scores[both], importance),
        )

    def belief(self, features: Floats) -> "Belief":
        """Return the distribution of the values of a task with scaled meta-features (F,), NaN where unknown."""
        usable = np.isfinite(features).any() and self.described.n > 2
        regression, own = (self.described, np.nan_to_num(features)) if usable else (self.average, features[:0])
        scores = regression.level + (own - regression.centre) @ regression.weights
        return Belief(self.base + self.loadings @ scores, self.loadings, regression.covariance, self.noise)


@dataclass(frozen=True, eq=False)
class Belief:
    """A normal distribution of one task's C values: ``mean`` (C,) and covariance loadings @ covariance @ loadings.T.

    Observed values have noise of variance ``noise`` (C,) on top.
    """

    mean: Floats
    loadings: Floats
    covariance: Floats
    noise: Floats

    def told(self, indices: Integers, values: Floats) -> "Belief":
        """Return the belief after values (n,) were observed at indices (n,).

        >>> before = Belief(np.zeros(2), np.eye(2), np.array([[1.0, 0.5], [0.5, 1.0]]), np.ones(2))
        >>> before.told(np.array([0]), np.array([4.0])).mean
        array([2., 1.])
        """
        seen = self.loadings[indices]
        shared = self.covariance @ seen.T
        gain = np.linalg.solve(seen @ shared + np.diag(self.noise[indices]), shared.T).T
        covariance = self.covariance - gain @ shared.T
        mean = self.mean + self.loadings @ (gain @ (values - self.mean[indices]))
        return Belief(mean, self.loadings, (covariance + covariance.T) / 2, self.noise)


def d_optimal(belief: Belief, eligible: Mask, n: int, price: Floats | None = None, budget: float = np.inf) -> Integers:
    """Return at most n indices of eligible configurations that tell most of the factors, greedily chosen.

    Each adds most to the logarithm of the determinant of the factors' precision, per unit of its price (C,), among
    those that the rest of the budget pays. Under a vague prior and equal noise the first f choices are those of a QR
    factorization with column pivoting, the start of the paper. Equal gains go to the smaller index.

    >>> belief = Belief(np.zeros(3), np.array([[2.0, 0.0], [1.9, 0.1], [0.0, 1.0]]), np.eye(2), np.full(3, 0.01))
    >>> d_optimal(belief, np.array([True] * 3), 2)
    array([0, 2])
    """
    price = np.ones(len(belief.mean)) if price is None else price
    remaining = eligible.copy()
    chosen: list[int] = []
    while len(chosen) < n:
        remaining &= price <= budget
        if not remaining.any():
            break
        variance = np.sum((belief.loadings @ belief.covariance) * belief.loadings, axis=1)
        gains = np.log1p(np.maximum(variance, 0.0) / belief.noise) / price
        winner = int(np.where(remaining, np.round(gains, TIE_DIGITS), -1.0).argmax())
        chosen.append(winner)
        remaining[winner] = False
        budget -= float(price[winner])
        belief = belief.told(np.array([winner]), belief.mean[[winner]])
    return np.array(chosen, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class RidgeRegression:
    """Means (F,) and (f,) over n tasks, ``weights`` (F, f), and the covariance (f, f) of the leave-one-out errors."""

    n: int
    centre: Floats
    level: Floats
    weights: Floats
    covariance: Floats

    @classmethod
    def of(cls, features: Floats, scores: Floats, importance: Floats) -> Self:
        """Fit scores (n, f) to features (n, F), with the penalty of smallest leave-one-out error.

        ``importance`` (f,) weighs the squared errors of each score. Features that say nothing have the weights 0, and
        leave the mean and covariance of the scores.

        >>> x = np.array([[-1.0], [0.0], [1.0]])
        >>> fitted = RidgeRegression.of(x, 2 * x, np.ones(1))
        >>> fitted.weights.round(1), bool(fitted.covariance[0, 0] < 0.1)
        (array([[2.]]), True)
        """
        n = len(scores)
        centre, level = (x.sum(axis=0) / max(n, 1) for x in (features, scores))
        missed = scores - level
        best = cls(n, centre, level, np.zeros((len(centre), len(level))), missed.T @ missed / max(n, 1))
        # The mean without the task itself is off by n / (n - 1) of its deviation.
        error = float(np.sum((missed * n / max(n - 1, 1)) ** 2 @ importance))
        left, lengths, right = np.linalg.svd(features - centre, full_matrices=False)
        targets = left.T @ missed
        for penalty in PENALTIES * np.mean(lengths**2) if lengths.any() else ():
            shrunk = lengths**2 / (lengths**2 + penalty)
            kept = np.maximum(1 - left**2 @ shrunk - 1 / n, 1e-9)
            errors = (missed - left @ (shrunk[:, None] * targets)) / kept[:, None]
            if float(np.sum(errors**2 @ importance)) < error:
                error = float(np.sum(errors**2 @ importance))
                weights = right.T @ ((lengths / (lengths**2 + penalty))[:, None] * targets)
                best = cls(n, centre, level, weights, errors.T @ errors / n)
        return best
