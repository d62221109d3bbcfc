"""Latent Gaussian: configurations as points of a latent space, and each task as a draw of a Gaussian process over them.

Fusi, Sheth & Elibol, "Probabilistic matrix factorization for automated machine learning", NeurIPS 2018; the latent
positions are those of Lawrence, "Probabilistic non-linear principal component analysis with Gaussian process latent
variable models", JMLR 2005. They and the kernel maximise the marginal likelihood of the past tasks, by Adam (Kingma &
Ba, ICLR 2015) on batches of tasks. What was tried on the new task conditions its draw, and the largest expected
improvement (Jones, Schonlau & Welch 1998) comes next; the first few are what the nearest tasks recommend.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from metalearn.core.improvement import expected_improvement
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import SMALLEST_LOSS, log_losses
from metalearn.errors import InputError
from metalearn.recommenders.gaussian import N_BELIEVED, Belief
from metalearn.recommenders.knn import FittedNearestTasks
from metalearn.recommenders.latent_kernel import LatentKernel
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.portfolio import greedy_portfolio
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

N_NEIGHBORS = 5


@dataclass(frozen=True)
class LatentGaussian:
    """Place configurations where the past tasks are smooth, condition a Gaussian process, and expect improvement.

    The log losses of a task are m + f, where m (C,) are the configurations' means over past tasks and f is a draw of a
    Gaussian process with the covariance

        k(c, c') = signal exp(-|x_c - x_c'|^2 / 2) + level + noise [c = c'],    x_c in ``n_dimensions`` dimensions.

    The scales of the dimensions are part of the positions, so the kernel needs no others. A failure counts as the
    task's worst loss; what was not evaluated has no part in the likelihood. Without bounds, how
    large the losses of a task are says nothing, so its level is free. Until ``n_initial`` losses are known, the next
    one serves best the nearest past tasks that are not served yet, or all past tasks if the new one has no
    meta-features. Configurations that no past task has evaluated come last.

    ``meta_fit`` takes about 1.5 seconds of one core for a complete matrix of 312 tasks and 219 configurations: time
    grows with the cube of the configurations up to 400 of them, and hardly with tasks. With gaps, tasks that know the
    same configurations share a factorisation, and a step sees a part of the others.

    Raises:
        InputError: when the numbers of dimensions or of initial evaluations are below 1.

    >>> from metalearn.core.records import Configuration, Trial
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> losses = [[0.1, 0.1, 0.5], [0.2, 0.2, 0.5], [0.4, 0.5, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.5]]
    >>> past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(5)], [a, b, c])
    >>> fitted = LatentGaussian(n_initial=1).meta_fit(past, rng=np.random.default_rng(0))
    >>> new, good, bad = (Task("new", "new", "classification"), *(Trial(a, loss=x, status="ok") for x in (0.1, 0.5)))
    >>> [fitted.recommend(new, k=1, history=[trial])[0].configuration.algorithm for trial in (good, bad)]
    ['b', 'c']
    """

    stochastic: ClassVar[bool] = True
    n_dimensions: int = 5
    n_initial: int = 5

    def __post_init__(self) -> None:
        if self.n_dimensions < 1 or self.n_initial < 1:
            raise InputError(f"n_dimensions and n_initial must be at least 1; got {self}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedLatentGaussian":
        """Learn positions and kernel; drawn from ``rng`` are only the batches of a matrix with gaps or too large."""
        return self.fit(PastTasks(meta_dataset), rng)

    def fit(self, past: PastTasks, rng: np.random.Generator, completed: Floats | None = None) -> "FittedLatentGaussian":
        """Learn from these past tasks, whose log losses may be at hand ``completed`` (T, C)."""
        mean, kernel = LatentKernel.learn(past.log_losses, self.n_dimensions, rng, completed)
        if not past.meta_dataset.metric.bounded:
            kernel = kernel.without_level()
        return FittedLatentGaussian(
            past, mean.tolist(), kernel.positions.tolist(), kernel.logs.tolist(), self.n_initial
        )


@dataclass(frozen=True, eq=False)
class FittedLatentGaussian(Ordering):
    """Means (C,), positions (C, q) and the logarithms (3,) of the kernel's variances, as lists."""

    means: list[float]
    positions: list[list[float]]
    logs: list[float]
    n_initial: int

    @cached_property
    def kernel(self) -> LatentKernel:
        """The covariance of the configurations."""
        return LatentKernel(np.array(self.positions, dtype=np.float64), np.array(self.logs))

    @cached_property
    def nearest(self) -> FittedNearestTasks:
        """The past tasks by their nearness, which recommend until enough is known of the new task."""
        return FittedNearestTasks(self.past, N_NEIGHBORS)

    def belief(self, tried: Tried) -> Belief:
        """Return what is believed of the log losses (C,).

        A failure counts as the worst that is believed or was seen, an unfinished trial as what it is believed to give.
        """
        mean, measured = np.array(self.means), np.isfinite(tried.losses)
        indices = tried.indices[measured]
        values = log_losses(tried.losses[None, measured], bounded=self.past.meta_dataset.metric.bounded)[0]
        variance = np.full(len(mean), np.exp(self.logs).sum())
        belief = Belief.after(mean, variance, indices, self.kernel.covariance(indices), values)
        worst = max(belief.mean.max(initial=-np.inf), values.max(initial=-np.inf))
        for index, loss in zip(tried.indices[~measured], tried.losses[~measured], strict=True):
            belief = self._told(belief, index, worst if np.isinf(loss) else belief.mean[index])
        return belief

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return the k of most expected improvement, each believed to give its mean; first what served the nearest."""
        if np.isfinite(tried.losses).sum() < self.n_initial:
            weights, _ = self.weights(task, tried)
            return greedy_portfolio(self.past.known_regrets, eligible, tried.indices, k, weights)
        known = self.past.evaluated
        belief, remaining = self.belief(tried), eligible & known
        seen = tried.indices[~np.isinf(tried.losses)].tolist()
        chosen: list[int] = []
        for _ in range(min(k, N_BELIEVED, int(remaining.sum()))):
            left = np.flatnonzero(remaining)
            mean, std = belief.mean[left], np.sqrt(belief.variance[left])
            gains = expected_improvement(mean, std, belief.mean[seen + chosen].min())
            chosen.append(int(left[np.lexsort((np.round(mean, 9), -np.round(gains, 12)))[0]]))
            remaining[chosen[-1]] = False
            belief = self._told(belief, chosen[-1], belief.mean[chosen[-1]])
        rest = np.lexsort((np.round(belief.mean, 9), ~known))
        return np.concatenate([np.array(chosen, dtype=np.int64), rest[~np.isin(rest, chosen)]])

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return the weights (T,) of the past tasks by their nearness, and their distances (T,)."""
        return self.nearest.weights(task, tried)

    def predicted(self, task: Task, tried: Tried, weights: Floats, indices: Integers) -> tuple[Floats, Floats]:
        """Return mean and standard deviation (n,) of the losses at ``indices`` (n,), once something was tried.

        They are log-normal; until then, and without bounds, those of the past tasks.
        """
        if not self.past.meta_dataset.metric.bounded or not np.isfinite(tried.losses).any():
            return super().predicted(task, tried, weights, indices)
        belief = self.belief(tried)
        mean, variance = belief.mean[indices], belief.variance[indices]
        scale = np.exp(mean + variance / 2)
        known = ~np.isnan(self.past.losses[:, indices]).all(axis=0)
        std = scale * np.sqrt(np.expm1(variance))
        return np.where(known, np.maximum(scale - SMALLEST_LOSS, 0.0), np.nan), np.where(known, std, np.nan)

    def _told(self, belief: Belief, index: int, value: float) -> Belief:
        return belief.told(index, self.kernel.covariance(np.array([index]))[0], value)
