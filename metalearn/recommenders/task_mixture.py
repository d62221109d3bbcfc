"""Task mixture: the new task is like one of the past tasks, but for a normal deviation.

The log losses of the new task are a mixture of multivariate normals, one about each past task: kernel regression on
distributions over whole tasks. Before anything was tried a component weighs what a forest on meta-features gives it
(``task_forest``); what was tried then reweighs the components by how well they explain it (as ranking-weighted
ensembles do: Feurer, Letham, Hutter & Bakshy, "Practical transfer learning for Bayesian optimization", 2018) and moves
each of them by the conditional normal. The next configuration has the largest expected improvement (Jones, Schonlau &
Welch, J. Global Optimization 1998) in the loss itself, which is lognormal in each component. The more was tried, the
more a ``latent_gaussian`` has to say in that: it knows which configurations are alike, whatever the task is like.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from metalearn.core.completion import filled
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import SMALLEST_LOSS, log_losses
from metalearn.errors import InputError
from metalearn.recommenders.covering import Hedge, chances
from metalearn.recommenders.forest_ordering import ForestOrdering, grow
from metalearn.recommenders.latent_gaussian import FittedLatentGaussian, LatentGaussian
from metalearn.recommenders.lognormal_mixture import TEMPER, Improvement, LognormalMixture, heaviest
from metalearn.recommenders.opinions import Opinion, pooled
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask
from metalearn.recommenders.task_forest import views
from metalearn.recommenders.tried import Tried

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# What was not evaluated is estimated from so many factors.
RANK = 10
# Beside the mean variance: what is measured twice differs by that much.
NUGGET = 1e-3
# Without bounds a task's level says nothing: it varies by that many times the mean variance.
FREE_LEVEL = 1e4
# Of past tasks that have more evaluations in all, those of most weight make the list while nothing was tried yet.
AT_MOST_CELLS = 250_000
# From so many past tasks on their covariance is known well enough.
FEW_TASKS = 100


@dataclass(frozen=True)
class TaskMixture:
    """Recommend by expected improvement under a mixture of past tasks; a weighted list while nothing was tried.

    A task without meta-features starts with equal weights. Every past task keeps an equal part of ``uniform_share`` of
    the weights, whatever the ``n_trees`` trees say. ``spread`` is how much of the differences between tasks that are
    alike is the deviation of the new one, ``shrinkage`` how much of its covariances is taken to be the noise of
    estimating them (Ledoit & Wolf 2004). What was tried is no independent evidence: the likelihood that reweighs has
    the exponent ``temper`` (Gruenwald & van Ommen 2017). After n losses the latent Gaussian has a share of
    n^2 / (n^2 + half_say^2) of the say: half after ``half_say`` losses. Fewer than 100 past tasks do not tell well how
    losses deviate: then the list that it would have made of them, given their weights now, has ``hedge_share`` of what
    is left of the say.

    Raises:
        InputError: for fewer than 1 tree, a share or shrinkage outside [0, 1], or another number not above 0.

    >>> from metalearn.core.records import Configuration, Trial
    >>> a, b, c = (Configuration("s", name) for name in "abc")
    >>> losses = [[0.2, 0.1, 0.3], [0.2, 0.1, 0.3], [0.2, 0.4, 0.1]]
    >>> past = MetaDataset.from_matrix(losses, ["openml-1", "openml-2", "openml-3"], [a, b, c])
    >>> fitted = TaskMixture().meta_fit(past, rng=np.random.default_rng(0))
    >>> new, bad_b = Task("new", "new", "classification"), Trial(b, loss=0.4, status="ok")
    >>> [fitted.recommend(new, 1, history=h)[0].configuration.algorithm for h in ([], [bad_b])]
    ['b', 'c']
    """

    stochastic: ClassVar[bool] = True
    n_trees: int = 200
    uniform_share: float = 0.05
    spread: float = 0.4
    shrinkage: float = 0.2
    temper: float = TEMPER
    half_say: float = 5.0
    hedge_share: float = 0.2

    def __post_init__(self) -> None:
        shares_fit = all(0 <= share <= 1 for share in (self.uniform_share, self.shrinkage, self.hedge_share))
        if self.n_trees < 1 or not shares_fit or min(self.spread, self.temper, self.half_say) <= 0:
            raise InputError(
                "n_trees is at least 1, uniform_share, shrinkage and hedge_share lie in [0, 1], spread, temper and "
                f"half_say above 0; got {self}."
            )

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedTaskMixture":
        """Grow the forest and learn what answers take; from ``rng`` come the trees and the latent Gaussian's seed."""
        past = PastTasks(meta_dataset)
        forest = grow(past, views(past.log_losses, past.ranks, past.regrets), self.n_trees, rng)
        numbers = (self.uniform_share, self.spread, self.shrinkage, self.temper, self.half_say, self.hedge_share)
        fitted = FittedTaskMixture(past, forest, *numbers, int(rng.integers(2**31)))
        fitted.learn()
        return fitted


@dataclass(frozen=True, eq=False)
class FittedTaskMixture(ForestOrdering):
    """The past tasks and the forest, which is None where no past task has meta-features."""

    uniform_share: float
    spread: float
    shrinkage: float
    temper: float
    half_say: float
    hedge_share: float
    seed: int

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return the k configurations of most expected improvement, one after the other."""
        return self.order_by_price(task, eligible, tried, k, None)

    def order_by_price(self, task: Task, eligible: Mask, tried: Tried, k: int, price: Floats | None) -> Integers:
        """Return the k configurations of most expected improvement for the price (C,), one after the other."""
        prior, _ = self.weights(task, tried)
        if not np.isfinite(tried.losses).any():
            return pooled([(self._hedge(*self._of_weight(prior), tried), 1.0)], eligible, k, price)
        mixture, n = self._mixture(prior, tried), int(np.isfinite(tried.losses).sum())
        latent = n**2 / (n**2 + self.half_say**2)
        hedge = self.hedge_share if len(prior) < FEW_TASKS else 0.0
        opinions: list[tuple[Opinion, float]] = [
            (Improvement(mixture), (1 - latent) * (1 - hedge)),
            (Improvement(self._of_latent(tried, mixture.best)), latent),
        ]
        if hedge:
            opinions.append((self._hedge(mixture.components, mixture.weights, tried), (1 - latent) * hedge))
        return pooled(opinions, eligible, k, price, ties=mixture.expected)

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return the prior weights (T,) of the past tasks, and distances (T,): 1 - the forest's proximity."""
        weights, distances = super().weights(task, tried)
        return (1 - self.uniform_share) * weights + self.uniform_share / max(len(weights), 1), distances

    def predicted(self, task: Task, tried: Tried, weights: Floats, indices: Integers) -> tuple[Floats, Floats]:
        """Return mean and standard deviation (n,) of the losses at ``indices`` (n,) under the mixture.

        Without bounds nothing is known of a task's level before something was tried: then those of the past tasks.
        """
        if not self.past.meta_dataset.metric.bounded:
            return super().predicted(task, tried, weights, indices)
        mean, std = self._mixture(weights, tried).moments(indices)
        return np.maximum(mean - SMALLEST_LOSS, 0.0), std

    def learn(self) -> None:
        """Compute what the first list, or the first answer to a history, would wait for."""
        _ = self.covariance, self.wishes, self.latent, self.past.runtimes

    @cached_property
    def latent(self) -> FittedLatentGaussian:
        """What is learned of all past tasks alike."""
        return LatentGaussian().fit(self.past, np.random.default_rng(self.seed), self.log_losses)

    @cached_property
    def wishes(self) -> Floats:
        """The chances (3, T, C) that a past task finds in a configuration what it wishes for."""
        return chances(self.past.known_regrets, self.past.ranks)

    @cached_property
    def log_losses(self) -> Floats:
        """(T, C): logarithms of the losses, with estimates for what was not evaluated."""
        return filled(self.past.log_losses, RANK)

    @cached_property
    def covariance(self) -> Floats:
        """(C, C): of how the log losses of a new task deviate from those of the one that it is like."""
        covariance = self.spread * self._deviations()
        variances = np.diag(covariance)
        typical = max(float(variances.mean()), 1e-9) if len(variances) else 1.0
        noisy = self.shrinkage * variances + NUGGET * typical
        shrunk = (1 - self.shrinkage) * covariance + np.diag(noisy)
        return np.asarray(shrunk + (0.0 if self.past.meta_dataset.metric.bounded else FREE_LEVEL * typical))

    def _mixture(self, prior: Floats, tried: Tried) -> LognormalMixture:
        """Return the mixture given what was tried; a failure counts as the worst that was seen."""
        if not np.isfinite(tried.losses).any():
            kept, weights = self._of_weight(prior)
            return LognormalMixture(self.log_losses[kept], weights, np.diag(self.covariance))
        finished = ~np.isnan(tried.losses)
        losses = tried.losses[finished]
        finite = np.isfinite(losses)
        losses = np.where(finite, losses, losses[finite].max())
        logs = log_losses(losses[None], bounded=self.past.meta_dataset.metric.bounded)[0]
        return LognormalMixture.given(
            self.log_losses, prior, self.covariance, tried.indices[finished], logs, self.temper
        )

    def _hedge(self, kept: Integers | slice, weights: Floats, tried: Tried) -> Hedge:
        """Return what these past tasks of these weights have left open."""
        return Hedge(self.past.known_regrets[kept], self.wishes[:, kept], weights, tried.indices)

    def _of_latent(self, tried: Tried, best: float) -> LognormalMixture:
        """Return what the latent Gaussian believes, as a mixture of one."""
        belief = self.latent.belief(tried)
        return LognormalMixture(belief.mean[None], np.ones(1), belief.variance, best)

    def _of_weight(self, prior: Floats) -> tuple[Integers | slice, Floats]:
        """Return which past tasks to look at while nothing was tried, and their weights; all where they weigh alike."""
        n = AT_MOST_CELLS // max(len(self.past.configurations), 1)
        if len(prior) <= n or np.ptp(prior) == 0:
            return slice(None), prior
        kept = heaviest(prior, max(n, 1))
        return kept, prior[kept] / prior[kept].sum()

    def _deviations(self) -> Floats:
        """Return the mean of (x - y)(x - y)' (C, C) over past tasks x, and over those y that are alike.

        To one without meta-features all others are alike.
        """
        values, n = self.log_losses, len(self.past.meta_dataset.tasks)
        found, bare = np.zeros((values.shape[1], values.shape[1])), np.delete(values, self.described, axis=0)
        if len(bare):
            crossed = np.outer(bare.sum(axis=0), values.sum(axis=0))
            squares = n * (bare.T @ bare) + len(bare) * (values.T @ values)
            found += (squares - crossed - crossed.T) / max(n - 1, 1)
        if self.forest is not None:
            own = deviation_covariance(values[self.described], self.forest.weights_of_tasks)
            found += len(self.described) * own
        return found / max(n, 1)


def deviation_covariance(values: Floats, alike: "Floats | csr_array") -> Floats:
    """Return the mean of (x - y)(x - y)' (C, C) over rows x of values (T, C) and rows y, weighted by ``alike`` (T, T).

    >>> deviation_covariance(np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    array([[4., 0.],
           [0., 0.]])
    """
    n = max(len(values), 1)
    both = values.T @ (alike @ values)
    own = (values * (alike.sum(axis=0) + alike.sum(axis=1))[:, None]).T @ values
    return np.asarray((own - both - both.T) / n)
