"""Gaussian prior: past tasks as draws of a multivariate normal over the losses of all configurations.

What was measured on the new task conditions it, and the largest expected improvement comes next: Bayesian optimization
whose kernel is the covariance of past tasks (Swersky, Snoek & Adams, "Multi-task Bayesian optimization", NIPS 2013;
Wang, Kim & Kaelbling, "Regret bounds for meta Bayesian optimization with an unknown Gaussian process prior", NeurIPS
2018). Expected improvement: Jones, Schonlau & Welch, "Efficient global optimization of expensive black-box functions",
1998. Several at once: the kriging believer of Ginsbourger, Le Riche & Carraro, "Kriging is well-suited to parallelize
optimization", 2010.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np
from scipy.linalg import solve_triangular

from metalearn.core.completion import filled
from metalearn.core.improvement import expected_improvement
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import reference_loss
from metalearn.errors import InputError
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

Transform = Literal["log", "none"]
# Added before a logarithm: near zero, differences far below one percent tell nothing.
LOG_OFFSET = 0.01
# A list goes on by mean after this many: so many fantasies in a row say nothing of the task any more.
N_BELIEVED = 100
SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True)
class GaussianPrior:
    """Take past tasks for draws of a normal distribution, condition it on what was tried, and expect improvement.

    The mean (C,) is that of the past tasks' losses under ``transform``, log(loss + 0.01) or none; the covariance is
    (1 - ``shrinkage``) S + ``shrinkage`` diag(S) + ``noise`` I, S being that of the past tasks (C, C). A missing loss
    is the sum of an offset of its task and one of its configuration; a failure counts as the task's reference loss,
    on the new task as the worst that is expected there. As long as nothing is known of the new task, the smallest
    mean regret comes first; in a list each entry is believed to give its mean. Configurations that no past task has
    evaluated come last. Without a history, a greedy portfolio is the better list.

    Raises:
        InputError: for an unknown transform, a shrinkage outside [0, 1], or a noise that is not above 0.

    >>> from metalearn.core.records import Configuration, Trial
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> losses = [[0.1, 0.1, 0.5], [0.2, 0.2, 0.5], [0.4, 0.5, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.5]]
    >>> past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(5)], [a, b, c])
    >>> fitted = GaussianPrior().meta_fit(past, rng=np.random.default_rng(0))
    >>> new, good, bad = (Task("new", "new", "classification"), *(Trial(a, loss=x, status="ok") for x in (0.1, 0.5)))
    >>> [fitted.recommend(new, k=1, history=[trial])[0].configuration.algorithm for trial in (good, bad)]
    ['b', 'c']
    """

    stochastic: ClassVar[bool] = False
    transform: Transform = "log"
    shrinkage: float = 0.1
    noise: float = 1e-4

    def __post_init__(self) -> None:
        if self.transform not in get_args(Transform):
            raise InputError(f"transform is one of {', '.join(get_args(Transform))}; got {self.transform!r}.")
        if not 0 <= self.shrinkage <= 1 or not 0 < self.noise < np.inf:
            raise InputError(f"shrinkage lies in [0, 1] and noise above 0; got {self.shrinkage} and {self.noise}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedGaussianPrior":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedGaussianPrior(PastTasks(meta_dataset), self.transform, self.shrinkage, self.noise)


class Belief(NamedTuple):
    """A normal distribution of C values after n of them were told.

    ``mean`` and ``variance`` have shape (C,). ``factor`` (n, C) is L^-1 K[told], where K is the covariance at the
    start and L the Cholesky factor of its block of the told, so that K - factor' factor is the covariance now.
    """

    mean: Floats
    variance: Floats
    factor: Floats

    @classmethod
    def after(cls, mean: Floats, variance: Floats, told: Integers, covariance: Floats, values: Floats) -> "Belief":
        """Condition on ``values`` (n,) of those ``told``, given the prior and its covariance (n, C) with them."""
        lower = np.linalg.cholesky(covariance[:, told])
        factor = solve_triangular(lower, covariance, lower=True)
        surprise = solve_triangular(lower, values - mean[told], lower=True)
        left = np.maximum(variance - np.square(factor).sum(axis=0), SMALLEST_VARIANCE)
        return cls(mean + surprise @ factor, left, factor)

    def told(self, index: int, covariance: Floats, value: float) -> "Belief":
        """Condition on one more ``value``, given the covariance (C,) with it at the start."""
        scale = np.sqrt(self.variance[index])
        row = (covariance - self.factor[:, index] @ self.factor) / scale
        left = np.maximum(self.variance - np.square(row), SMALLEST_VARIANCE)
        mean = self.mean + row * ((value - self.mean[index]) / scale)
        return Belief(mean, left, np.vstack([self.factor, row]))


@dataclass(frozen=True, eq=False)
class FittedGaussianPrior(Ordering):
    """The normal distribution that past tasks are draws of, conditioned anew for each history."""

    transform: Transform
    shrinkage: float
    noise: float

    @cached_property
    def values(self) -> Floats:
        """The past tasks' transformed losses, completed (T', C): of T tasks, the T' where something succeeded."""
        bounded = self.past.meta_dataset.metric.bounded
        reference = reference_loss(self.past.losses, bounded=bounded)[:, None]
        return completed(self._transformed(np.where(self.past.failed, reference, self.past.losses)))

    @cached_property
    def mean(self) -> Floats:
        """The means (C,) of the transformed losses."""
        return column_means(self.values)

    @cached_property
    def deviations(self) -> Floats:
        """D (T', C), where D'D is the covariance of the past tasks."""
        return np.asarray((self.values - self.mean) / np.sqrt(max(len(self.values) - 1, 1)))

    @cached_property
    def variance(self) -> Floats:
        """The variances (C,) of the transformed losses, noise included."""
        return np.asarray(np.square(self.deviations).sum(axis=0) + self.noise)

    @cached_property
    def mean_regret(self) -> Floats:
        """The mean normalized regrets (C,) over past tasks."""
        return np.round(column_means(completed(self.past.regrets)), 12)

    def covariance(self, indices: Integers) -> Floats:
        """Return the rows (n, C) of the covariance of transformed losses, without ever making all C of them."""
        rows = (1 - self.shrinkage) * (self.deviations[:, indices].T @ self.deviations)
        rows[np.arange(len(indices)), indices] = self.variance[indices]
        return np.asarray(rows)

    def belief(self, tried: Tried) -> Belief:
        """Return what is believed of the transformed losses; what is not finished is believed to give its mean."""
        measured = np.isfinite(tried.losses)
        indices, values = tried.indices[measured], self._transformed(tried.losses[measured])
        belief = Belief.after(self.mean, self.variance, indices, self.covariance(indices), values)
        worst = belief.mean.max(initial=-np.inf)
        for index, loss in zip(tried.indices[~measured], tried.losses[~measured], strict=True):
            value = worst if np.isinf(loss) else belief.mean[index]
            belief = belief.told(index, self.covariance(np.array([index]))[0], value)
        return belief

    def predicted(self, task: Task, tried: Tried, weights: Floats, indices: Integers) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return mean and standard deviation (n,) of the losses at ``indices`` (n,), NaN where there is no past loss.

        They are those of a measurement, noise included; under the logarithm, of the log-normal distribution.
        """
        belief = self.belief(tried)
        mean, variance = belief.mean[indices], belief.variance[indices]
        std = np.sqrt(variance)
        if self.transform == "log":
            scale = np.exp(mean + variance / 2)
            mean, std = np.maximum(scale - LOG_OFFSET, 0.0), scale * np.sqrt(np.expm1(variance))
        unknown = ~np.isfinite(self.past.losses[:, indices]).any(axis=0)
        return np.where(unknown, np.nan, mean), np.where(unknown, np.nan, std)

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:  # noqa: ARG002
        """Return C configurations: at most k by expected improvement, each believed to give its mean, then by mean."""
        known = self.past.evaluated
        belief, remaining = self.belief(tried), eligible & known
        successful = tried.indices[~np.isinf(tried.losses)].tolist()
        chosen: list[int] = []
        for _ in range(min(k, N_BELIEVED, int(remaining.sum()))):
            if chosen:
                last = chosen[-1]
                belief = belief.told(last, self.covariance(np.array([last]))[0], belief.mean[last])
            chosen.append(self._next(belief, remaining, successful + chosen))
            remaining[chosen[-1]] = False
        rest = np.lexsort((np.round(belief.mean, 12), ~known))
        return np.concatenate([np.array(chosen, dtype=np.int64), rest[~np.isin(rest, chosen)]])

    def _next(self, belief: Belief, remaining: Mask, successful: list[int]) -> int:
        """Return one of the remaining: that of the largest expected improvement over what was successful."""
        candidates = np.flatnonzero(remaining)
        if not successful:
            return int(candidates[self.mean_regret[candidates].argmin()])
        mean, std = belief.mean[candidates], np.sqrt(belief.variance[candidates])
        gains = expected_improvement(mean, std, belief.mean[successful].min())
        return int(candidates[np.lexsort((np.round(mean, 12), -np.round(gains, 12)))[0]])

    def _transformed(self, losses: Floats) -> Floats:
        return np.log(np.maximum(losses, 0.0) + LOG_OFFSET) if self.transform == "log" else losses


def completed(values: Floats) -> Floats:
    """Return the rows of values (T, C) that hold a number, each NaN replaced by offsets of its row and its column.

    >>> completed(np.array([[1.0, 3.0], [2.0, np.nan], [np.nan, np.nan]])).round(1)
    array([[1. , 3. ],
           [2. , 3.1]])
    """
    return filled(values[~np.isnan(values).all(axis=1)], rank=0)


def column_means(values: Floats) -> Floats:
    """Return the means (C,) of values (T, C), 0 without any row."""
    return np.asarray(values.sum(axis=0) / max(len(values), 1))
