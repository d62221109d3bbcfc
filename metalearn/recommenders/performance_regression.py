"""Performance regression: the loss of any configuration on a task, learned from all past evaluations.

One regression from the task's meta-features and the configuration's hyperparameters to the loss: Davis &
Giraud-Carrier, "Annotative experts for hyperparameter selection", AutoML workshop at ICML 2018; Schilling,
Wistuba, Drumond & Schmidt-Thieme, "Hyperparameter optimization with factorized multilayer perceptrons", ECML 2015. It
knows configurations that no past task has evaluated, which is all there is where every task had its own. What it leaves
unexplained on a task is a draw from a Gaussian process whose covariance is learned from past tasks: Schwaighofer, Tresp
& Yu, "Learning Gaussian process kernels via hierarchical Bayes", NIPS 2004.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Evidence, Task, Trial
from metalearn.core.transforms import SMALLEST_LOSS, log_losses, normalized_regret
from metalearn.errors import InputError
from metalearn.recommenders.departures import Departures
from metalearn.recommenders.lognormal_mixture import Improvement, LognormalMixture
from metalearn.recommenders.opinions import pooled
from metalearn.recommenders.past_evaluations import PastEvaluations, limited
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.portfolio import greedy_portfolio
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

# Trees are grown without each of so many parts of the families, on which it is measured what they leave unexplained.
N_PARTS = 3
# Only so many candidates are weighed against each other: those of the smallest predicted losses.
MAX_POOL = 1000
# So many are chosen in view of each other; what follows is ordered by the predicted loss alone.
MAX_LIST = 100
# Without bounds a task's level says nothing: it varies by that many squared scales.
FREE_LEVEL = 1e4
_MODEL = "performance_regression_{}.txt"
_FIXED = {
    "objective": "regression",
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "max_bin": 63,
    "cat_smooth": 1.0,
    "min_data_per_group": 3,
}


@dataclass(frozen=True)
class PerformanceRegression:
    """Recommend by boosted trees over meta-features and hyperparameters, and by how past tasks departed from them.

    The trees predict the standardised logarithm of the loss within the task. The new task is taken to have the level,
    the scale and the residuals of one of the past tasks, but for a normal deviation. Before anything was tried, the
    list is a greedy portfolio for all these futures; then each is weighed by what was measured, and the next
    configuration has the largest expected improvement. Candidates need not be known to any past task.

    >>> past = MetaDataset.from_matrix(
    ...     [[0.3, 0.1, np.nan, np.nan], [np.nan, np.nan, 0.2, 0.4]], ["openml-1", "openml-2"],
    ...     [Configuration("s", "svc", {"C": c}) for c in (1.0, 8.0, 9.0, 2.0)])
    >>> fitted = PerformanceRegression().meta_fit(past, rng=np.random.default_rng(0))
    >>> never_seen = [Configuration("s", "svc", {"C": c}) for c in (1.5, 8.5)]
    >>> new = Task("new", "new", "classification")
    >>> fitted.recommend(new, k=1, candidates=never_seen)[0].configuration.hyperparameters["C"]
    8.5
    """

    stochastic: ClassVar[bool] = False
    n_trees: int = 100
    n_leaves: int = 31
    learning_rate: float = 0.1

    def __post_init__(self) -> None:
        if self.n_trees < 1 or self.n_leaves < 2 or not self.learning_rate > 0:
            raise InputError(f"n_trees must be at least 1, n_leaves at least 2, learning_rate above 0; got {self}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedPerformanceRegression":  # noqa: ARG002
        """Grow the trees and learn how tasks depart from them; nothing is drawn from ``rng``."""
        past = PastTasks(meta_dataset)
        rows = PastEvaluations.of(past)
        described = _described(
            rows.meta_features[rows.task], rows.table.for_trees(rows.configurations)[rows.configuration]
        )
        models, predicted = self._grown_apart(rows, described)
        return FittedPerformanceRegression(past, Departures.learned(rows, rows.losses - predicted), models)

    def _grown_apart(self, rows: PastEvaluations, described: Floats) -> tuple[tuple[str, ...], Floats]:
        """Return the trees grown without each part of the families, and of rows (N,) what those without its own say.

        A single family is not left out; there, the prediction is 0.
        """
        part = rows.family % min(N_PARTS, len(np.unique(rows.family)) or 1)
        models, predicted = [], np.zeros(len(part))
        for number in np.unique(part):
            own = part == number
            models.append(self._grown(rows, described, own if own.all() else ~own))
            if not own.all():
                predicted[own] = _booster(models[-1]).predict(described[own], num_threads=1)
        return tuple(models), predicted

    def _grown(self, rows: PastEvaluations, described: Floats, used: Mask) -> str:
        """Return trees grown on those of the described (N, d) that are ``used``, as LightGBM's text."""
        import lightgbm

        data = lightgbm.Dataset(
            described[used],
            rows.losses[used],
            categorical_feature=list(rows.table.categorical),
            params={"max_bin": _FIXED["max_bin"], "verbosity": -1},
        )
        leaf = {"num_leaves": self.n_leaves, "min_data_in_leaf": max(2, min(20, int(used.sum()) // 50))}
        options = _FIXED | leaf | {"learning_rate": self.learning_rate}
        return str(lightgbm.train(options, data, num_boost_round=self.n_trees).model_to_string())


@dataclass(frozen=True, eq=False)
class FittedPerformanceRegression(Ordering):
    """The trees, as LightGBM's texts, and how past tasks departed from them; the configurations at hand are ``past``'s.

    There are no trees where there was nothing to learn. Predictions are the means over those grown on unlike parts of
    the families (a cross-validation committee: Parmanto, Munro & Doyle, NIPS 1995).
    """

    departures: Departures
    models: tuple[str, ...]

    def at_hand(self, candidates: Sequence[Configuration] | None, history: Sequence[Trial]) -> Self:
        """Return the same method for the candidates and what the history holds, which may be any configurations."""
        pool = self.past.configurations if candidates is None else candidates
        return self.over([*pool, *(trial.configuration for trial in history)])

    def over(self, configurations: Sequence[Configuration]) -> Self:
        """Return the same method with these configurations at hand, the last such remembered."""
        wanted = frozenset(configurations)
        if wanted == self._own:
            return self
        if wanted not in self._remembered:
            self._remembered.clear()
            past = PastTasks(limited(self.past.meta_dataset, tuple(wanted)))
            self._remembered[wanted] = replace(self, past=past)
        return self._remembered[wanted]

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return all that is eligible: the k of most expected improvement first, then by predicted loss."""
        mean = self.standardised(task)
        if not self.models:
            return np.argsort(~eligible, kind="stable")
        kept, k = self._kept(mean, eligible, tried), min(k, MAX_LIST)
        futures = self._futures(mean, kept)
        if np.isfinite(tried.losses).any():
            mixture = self._mixture(futures, kept, tried)
            best = pooled([(Improvement(mixture), 1.0)], eligible[kept], k, ties=mixture.expected)
        else:
            none_failed = np.zeros(futures.shape, dtype=bool)
            bounded = self.past.meta_dataset.metric.bounded
            regrets = normalized_regret(np.exp(self.departures.typical_scale * futures), none_failed, bounded=bounded)
            best = greedy_portfolio(regrets, eligible[kept], np.arange(len(tried.indices)), k)
        rest = np.lexsort((np.round(mean, 9), ~eligible))
        return np.concatenate([kept[best], rest[~np.isin(rest, kept[best])]])

    def predicted(self, task: Task, tried: Tried, weights: Floats, indices: Integers) -> tuple[Floats, Floats]:
        """Return mean and standard deviation (n,) of the losses at ``indices`` (n,), NaN outside the pool.

        Without bounds nothing is known of a task's level before something was tried: then those of the past tasks.
        """
        known = np.isfinite(tried.losses).any()
        if not self.models or not (known or self.past.meta_dataset.metric.bounded):
            return super().predicted(task, tried, weights, indices)
        mean = self.standardised(task)
        kept = self._kept(mean, np.ones(len(mean), dtype=bool), tried)
        found = np.full((2, len(mean)), np.nan)
        found[:, kept] = self._mixture(self._futures(mean, kept), kept, tried).moments()
        return np.maximum(found[0, indices] - SMALLEST_LOSS, 0.0), found[1, indices]

    def standardised(self, task: Task) -> Floats:
        """Return the trees' predictions (C,) of standardised log losses."""
        if not self.models:
            return np.zeros(len(self.past.configurations))
        own = self.past.meta_features_of(task)
        if own.tobytes() not in self._predictions:
            self._predictions.clear()  # one task after the other, each with many questions
            rows = _described(np.tile(own, (len(self._for_trees), 1)), self._for_trees)
            found = np.mean([trees.predict(rows, num_threads=1) for trees in self._boosters], axis=0)
            self._predictions[own.tobytes()] = found
        return self._predictions[own.tobytes()]

    def save_learned(self, folder: Path) -> None:
        """Write the trees as LightGBM's texts, and the departures, into ``folder``, which exists."""
        for number, model in enumerate(self.models):
            (folder / _MODEL.format(number)).write_text(model, encoding="utf-8")
        self.departures.save(folder)

    @classmethod
    def load_learned(cls, folder: Path, past: PastTasks) -> Self:
        """Read what ``save_learned`` wrote of these past tasks."""
        departures = Departures.load(folder, PastEvaluations.of(past))
        files = (folder / _MODEL.format(number) for number in range(N_PARTS))
        return cls(past, departures, tuple(file.read_text(encoding="utf-8") for file in files if file.exists()))

    def _kept(self, mean: Floats, eligible: Mask, tried: Tried) -> Integers:
        """Return the indices of what was tried, then of at most ``MAX_POOL`` others, eligible and of small means."""
        others = np.flatnonzero(eligible)
        best = others[np.argsort(mean[others], kind="stable")[:MAX_POOL]]
        return np.concatenate([tried.indices, np.setdiff1d(best, tried.indices)])

    def _futures(self, mean: Floats, kept: Integers) -> Floats:
        """Return the standardised log losses (T', n) of those kept, were the task to depart like each past one."""
        return mean[kept] + self._departures[:, kept]

    def _mixture(self, futures: Floats, kept: Integers, tried: Tried) -> LognormalMixture:
        """Return the mixture over those kept, given what was tried; a failure counts as the worst that was seen."""
        rows, bounded = self.departures.rows, self.past.meta_dataset.metric.bounded
        means = rows.levels[:, None] + rows.scales[:, None] * futures
        prior = np.full(len(means), 1 / len(means))
        level = float(np.var(rows.levels)) if bounded else FREE_LEVEL * self.departures.typical_scale**2
        covariance = level + self._covariance(kept)
        finished = np.flatnonzero(~np.isnan(tried.losses))
        losses = tried.losses[finished]
        if not np.isfinite(losses).any():
            return LognormalMixture(means, prior, np.diag(covariance))
        losses = np.where(np.isfinite(losses), losses, losses[np.isfinite(losses)].max())
        logs = log_losses(losses[None], bounded=bounded)[0]
        return LognormalMixture.given(means, prior, covariance, finished, logs)

    def _covariance(self, kept: Integers) -> Floats:
        """Return the covariance (n, n) of the deviations of those kept; that of a small pool is remembered."""
        if len(self._scaled) > MAX_POOL:
            return self.departures.covariance(self._scaled[kept], self._departures[:, kept])
        return self._whole_covariance[np.ix_(kept, kept)]

    def _evidence(self, configuration: int, weights: Floats, distances: Floats) -> tuple[Evidence, ...]:
        return super()._evidence(configuration, weights, distances) or (Evidence("no past task"),)

    @cached_property
    def _own(self) -> frozenset[Configuration]:
        return frozenset(self.past.configurations)

    @cached_property
    def _remembered(self) -> dict[frozenset[Configuration], Self]:
        return {}

    @cached_property
    def _predictions(self) -> dict[bytes, Floats]:
        return {}

    @cached_property
    def _boosters(self) -> list[Any]:
        return [_booster(model) for model in self.models]

    @cached_property
    def _for_trees(self) -> Floats:
        return self.departures.rows.table.for_trees(self.past.configurations)

    @cached_property
    def _scaled(self) -> Floats:
        return self.departures.scaled(self.past.configurations)

    @cached_property
    def _whole_covariance(self) -> Floats:
        return self.departures.covariance(self._scaled, self._departures)

    @cached_property
    def _departures(self) -> Floats:
        return self.departures.at(self._scaled)


def _described(meta_features: Floats, configurations: Floats) -> Floats:
    """Return what the trees see (N, d + F) of tasks (N, F) and configurations (N, d), the latter first."""
    return np.hstack([configurations, np.where(np.isfinite(meta_features), meta_features, np.nan)])


def _booster(model: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=model)
