"""How a dataset's best pipeline is looked for: recommended configurations first, then an optimizer from there on."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.metrics import Metric
from metalearn.core.parallel import check_workers, executor
from metalearn.core.records import NO_CONSTRAINTS, Constraints, Dataset, Task, Trial
from metalearn.core.registry import create
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.learners.objective import SECONDS, CashObjective, base_memory, measure
from metalearn.learners.space import space_of
from metalearn.learners.splits import N_FOLDS, validation_splits
from metalearn.metafeatures.extract import meta_features
from metalearn.optimizers.journal import goes_on
from metalearn.optimizers.minimize import Callback, check_limits, minimize
from metalearn.optimizers.result import Result
from metalearn.recommending import Recommendations, Wishes, recommended, timed
from metalearn.store import KnowledgeBase

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# What is spent where nobody says how much.
N_TRIALS = 50
# No trial may take more than this share of all seconds: as in Auto-sklearn (Feurer et al., NeurIPS 2015), where a
# tenth of the time is one run's.
LARGEST_SHARE = 0.1
_GIGABYTE = 10**9


@dataclass(frozen=True)
class Budget:
    """What an optimization may take: no new trial begins after ``trials``, or ``seconds`` of searching.

    A trial is stopped after ``seconds_each`` (by default a tenth of ``seconds``), or where it needs more than
    ``memory`` GB. ``patience`` is how many trials in a row may bring no progress. ``workers`` are as in
    ``core.parallel``.

    Raises:
        InputError: for a limit that is not above 0, or workers that are neither a number nor an address.
    """

    trials: int | None = None
    seconds: float | None = None
    seconds_each: float | None = None
    memory: float | None = None
    patience: int | None = None
    workers: int | str = 1

    def __post_init__(self) -> None:
        check_workers(self.workers)
        check_limits(trials=self.trials, seconds=self.seconds, seconds_each=self.seconds_each)
        check_limits(memory=self.memory, patience=self.patience)

    @property
    def n_trials(self) -> int | None:
        """How many trials there may be, with a limit where nothing else is limited."""
        return N_TRIALS if self.trials is None and self.seconds is None else self.trials

    @property
    def of_a_trial(self) -> float:
        """How many seconds a trial may take."""
        return self.seconds_each or (SECONDS if self.seconds is None else LARGEST_SHARE * self.seconds)


@dataclass(frozen=True, eq=False)
class Search:
    """Where an optimization looks, and how.

    ``warm_start`` configurations of the ``recommender`` come first, 0 of them in a cold start. ``metric`` is what is to
    be good (default: balanced accuracy, or R2). ``constraints`` limits both by ``algorithms`` and ``exclude``; its
    ``space`` takes the place of the library's.

    Raises:
        InputError: when ``warm_start`` is below 0.
    """

    optimizer: str = "auto"
    warm_start: int = 5
    recommender: str = "auto"
    metric: str | None = None
    constraints: Constraints = NO_CONSTRAINTS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.warm_start < 0:
            raise InputError(f"warm_start is a number of configurations, 0 or more; got {self.warm_start}.")


_SEARCH, _BUDGET = Search(), Budget()


@dataclass(frozen=True, eq=False)
class Optimization:
    """What was found for a dataset, and how.

    ``warm_starts`` are what was recommended, and put in front of the queue, None in a cold start. ``estimator`` is the
    best pipeline, fitted to all rows; None where no trial ended well. ``notes`` say what was left out, and why.
    ``seconds`` are those of each stage: describe, load, fit, recommend, prepare, search, refit.
    """

    dataset: Dataset
    space: SearchSpace
    metric: Metric
    optimizer: str
    warm_starts: Recommendations | None
    result: Result
    estimator: "Pipeline | None" = None
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> Trial | None:
        """The best trial, at the largest fidelity that one ended well at."""
        return self.result.best

    @cached_property
    def statuses(self) -> dict[str, int]:
        """How many trials ended with each status, the most frequent one first."""
        return dict(Counter(trial.status for trial in self.result.trials).most_common())

    def value(self, loss: float) -> float:
        """Return the metric's value that a loss stands for."""
        return self.metric.loss(loss)  # what turns values into losses turns them back

    def loss_of(self, configuration_id: str) -> float | None:
        """Return the loss of a configuration at its largest fidelity, None where it failed or was not tried."""
        tried = [trial for trial in self.result.trials if trial.configuration.id == configuration_id]
        return max(tried, key=lambda trial: trial.fidelity).loss if tried else None

    def asdict(self) -> dict[str, Any]:
        """Return plain data, as ``metalearn optimize --json`` prints it."""
        return {
            "task": {"dataset_id": self.dataset.id, "name": self.dataset.name, "type": self.dataset.task_type},
            "metric": self.metric.name,
            "optimizer": self.optimizer,
            "best": None if self.best is None else self._best(self.best),
            "statuses": self.statuses,
            "stopped": self.result.stopped,
            "incumbents": [
                {"trials": best.n_trials, "seconds": best.elapsed_seconds, "loss": best.trial.loss}
                for best in self.result.incumbents
            ],
            "recommender": None if self.warm_starts is None else self.warm_starts.recommender,
            "reason": None if self.warm_starts is None else self.warm_starts.reason,
            "warm_starts": self._warm_starts(),
            "notes": list(self.notes),
            "seconds": dict(self.seconds),
        }

    def _best(self, best: Trial) -> dict[str, Any]:
        configuration, loss = best.configuration, best.loss
        return {
            "id": configuration.id,
            "space": configuration.space,
            "algorithm": configuration.algorithm,
            "hyperparameters": dict(configuration.hyperparameters),
            "loss": loss,
            self.metric.name: None if loss is None else self.value(loss),
            "fidelity": best.fidelity,
        }

    def _warm_starts(self) -> list[dict[str, Any]]:
        if self.warm_starts is None:
            return []
        return [item | {"loss": self.loss_of(item["id"])} for item in self.warm_starts.asdict()["recommendations"]]


def optimize(
    dataset: Dataset,
    search: Search = _SEARCH,
    budget: Budget = _BUDGET,
    *,
    kb: KnowledgeBase | str | Path | None = None,
    journal: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
) -> Optimization:
    """Search a dataset's space from what a knowledge base recommends on, and refit the best pipeline to all rows.

    The loss of a configuration is that of ``CashObjective``: the metric in repeated 3-fold cross-validation. ``kb`` is
    a knowledge base, or where one is (default: the bundled one); it is closed before the search. ``journal``,
    ``callbacks`` and ``progress`` are those of ``optimizers.minimize``: with a journal that exists, the search goes on
    where that ends, given the same data and options.

    Raises:
        InputError: for a metric or a limit that cannot be, when all of the first trials crashed, or when the journal
            belongs to another optimization.
        UnknownNameError: for an optimizer, recommender, metric or algorithm that is not known.
    """
    seconds: dict[str, float] = {}
    space, notes = space_of(dataset, search.constraints)
    create("optimizer", search.optimizer)  # refused now, not after what takes time
    measure(dataset, search.metric)
    found = _recommended(dataset, space, search, budget, kb, seconds) if search.warm_start else None
    with timed(seconds, "prepare"):
        splits, memory_bytes = validation_splits(dataset, search.seed), _prepared(budget.memory)
        objective = CashObjective(dataset, splits, search.metric, seconds=budget.of_a_trial, memory_bytes=memory_bytes)
    options: dict[str, Any] = {"journal": journal, "callbacks": callbacks, "progress": progress}
    options["objective_name"] = f"{objective.measure.name} on {dataset.id}"
    with timed(seconds, "search"), executor(budget.workers) as (pool, n_workers):
        result = minimize(
            objective,
            space,
            method=search.optimizer,
            n_trials=budget.n_trials,
            seconds=budget.seconds,
            # A search that goes on has its queue, whatever would be recommended today.
            queue=[] if goes_on(journal) else [item.configuration for item in found or ()],
            # One worker is this thread; several wait for child processes, whose limits are the objective's.
            workers=n_workers,
            executor=None if str(budget.workers) == "1" else pool,
            patience=budget.patience,
            seed=search.seed,
            **options,
        )
    with timed(seconds, "refit"):
        estimator, why_not = _refitted(dataset, result.best, search.seed)
    notes += why_not
    return Optimization(dataset, space, objective.measure, search.optimizer, found, result, estimator, notes, seconds)


def _recommended(
    dataset: Dataset,
    space: SearchSpace,
    search: Search,
    budget: Budget,
    kb: KnowledgeBase | str | Path | None,
    seconds: dict[str, float],
) -> Recommendations:
    """Return the first recommendations that the space holds, the library's default among them.

    What is predicted to need more memory than there is, or longer than a trial may take, is left out.
    """
    with timed(seconds, "describe"):
        features = meta_features(dataset, rng=np.random.default_rng(search.seed))
        task = Task(dataset.id, dataset.id, dataset.task_type, meta_features=features)
    # What is predicted is one fit of many.
    each = budget.of_a_trial / (N_FOLDS * len(validation_splits(dataset, search.seed)))
    wishes = Wishes(
        k=search.warm_start,
        recommender=search.recommender,
        metric=search.metric,
        history=(),
        candidates=None,
        constraints=replace(search.constraints, space=space, seconds=each),
        memory=budget.memory,
        diverse=False,
        include_default=True,
        seed=search.seed,
    )
    with timed(seconds, "load"):
        opened = kb if isinstance(kb, KnowledgeBase) else KnowledgeBase.open(kb)
    with nullcontext(opened) if isinstance(kb, KnowledgeBase) else opened:
        return recommended(task, opened, wishes, seconds)


def _prepared(memory: float | None) -> int | None:
    """Start what trials are forked from, so that none of them pays for it; return the limit of their address space."""
    if memory is None:
        with suppress(InputError):
            base_memory()
        return None
    return base_memory() + int(memory * _GIGABYTE)


def _refitted(dataset: Dataset, best: Trial | None, seed: int) -> "tuple[Pipeline | None, tuple[str, ...]]":
    """Return the best pipeline fitted to all rows; or None, and why: what was found is worth more than an exception."""
    from metalearn.learners.build import make_estimator

    if best is None:
        return None, ("no trial ended well: give trials more seconds or memory, or allow other algorithms",)
    options: dict[str, Any] = {"task_type": dataset.task_type, "n_classes": dataset.n_classes, "seed": seed}
    y = np.asarray(dataset.y)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make_estimator(best.configuration, **options).fit(dataset.X, y), ()
    except Exception as error:
        return None, (f"the best pipeline could not be fitted to all rows ({type(error).__name__}: {error})",)
