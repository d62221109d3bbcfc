"""How a dataset's best pipeline is looked for: recommended configurations first, then an optimizer from there on."""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.execution import leave_if_imported
from metalearn.core.journal import objective_on
from metalearn.core.metrics import Metric
from metalearn.core.parallel import check_workers, executor
from metalearn.core.records import NO_CONSTRAINTS, Configuration, Constraints, Dataset, Recommendation, Task, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.describing import described
from metalearn.errors import InputError
from metalearn.learners.objective import SECONDS, CashObjective, base_memory, measure
from metalearn.learners.space import space_of
from metalearn.learners.splits import N_FOLDS, validation_splits
from metalearn.optimization import Optimization
from metalearn.optimizers.journal import header, resumable
from metalearn.optimizers.minimize import Callback, check_limits, minimize
from metalearn.optimizers.state import method_of
from metalearn.recommendations import Recommendations
from metalearn.recommending import Wishes, recommended, timed
from metalearn.store import KnowledgeBase, opened

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
        limits = ("trials", "seconds", "seconds_each", "memory", "patience")
        check_limits(**{name: getattr(self, name) for name in limits})

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
        MetalearnError: when no child process can start, as where a script calls this without a guard.
    """
    leave_if_imported()
    seconds: dict[str, float] = {}
    space, notes = space_of(dataset, search.constraints)
    # Refused now, not after what takes time.
    metric = measure(dataset, search.metric)
    objective_name = objective_on(metric.name, dataset.id)
    method = method_of(search.optimizer)
    before = resumable(journal, header(space, method, search.seed, objective=objective_name))
    splits = validation_splits(dataset, search.seed)
    n_fits = N_FOLDS * len(splits)
    found = _recommended(dataset, space, search, budget, n_fits, kb, seconds) if search.warm_start else None
    with timed(seconds, "prepare"):
        memory_bytes = _prepared(budget.memory)
        objective = CashObjective(dataset, splits, search.metric, seconds=budget.of_a_trial, memory_bytes=memory_bytes)
    queue = [item.configuration for item in found or ()]
    if before is not None and list(before.queue) != queue:
        begun = f"{len(before.queue)} warm starts" if before.queue else "no warm starts"
        notes += (f"the journal began with {begun}, and the search goes on from there, whatever is asked for now",)
        found = _of_journal(before.queue, found, dataset, metric)
    options: dict[str, Any] = {"journal": journal, "callbacks": callbacks, "progress": progress}
    with timed(seconds, "search"), executor(budget.workers) as (pool, n_workers):
        result = minimize(
            objective,
            space,
            method=method,
            n_trials=budget.n_trials,
            seconds=budget.seconds,
            queue=queue if before is None else [],
            # One worker is this thread; several wait for child processes, whose limits are the objective's.
            workers=n_workers,
            executor=None if str(budget.workers) == "1" else pool,
            patience=budget.patience,
            seed=search.seed,
            objective_name=objective_name,
            **options,
        )
    with timed(seconds, "refit"):
        estimator, why_not = _refitted(dataset, result.best, search.seed)
    about: dict[str, Any] = {"notes": notes + why_not, "seconds": seconds}
    about["n_from_journal"] = len(before.finished) if before else 0
    return Optimization(dataset, space, objective.measure, search.optimizer, found, result, estimator, **about)


def _recommended(
    dataset: Dataset,
    space: SearchSpace,
    search: Search,
    budget: Budget,
    n_fits: int,
    kb: KnowledgeBase | str | Path | None,
    seconds: dict[str, float],
) -> Recommendations:
    """Return the first recommendations that the space holds, the library's default among them.

    What is predicted to need more memory than there is, or longer than a trial may take, which is ``n_fits`` fits, is
    left out.
    """
    wishes = Wishes(
        k=search.warm_start,
        recommender=search.recommender,
        metric=search.metric,
        history=(),
        candidates=None,
        constraints=replace(search.constraints, space=space, seconds=budget.of_a_trial / n_fits),
        memory=budget.memory,
        diverse=False,
        include_default=True,
        seed=search.seed,
    )
    with opened(kb) as known:
        with timed(seconds, "describe"):
            task = described(dataset, known, seed=search.seed)
        return recommended(task, known, wishes, seconds)


def _of_journal(
    queue: Sequence[Configuration], found: Recommendations | None, dataset: Dataset, metric: Metric
) -> Recommendations | None:
    """Return the warm starts that a journal began with, None where there were none.

    Evidence is that of today's recommendations, where one is among them.
    """
    if not queue:
        return None
    items = {item.configuration: item for item in found or ()}
    task = Task(dataset.id, dataset.id, dataset.task_type) if found is None else found.task
    names = {} if found is None else found.names
    begun = tuple(items.get(configuration) or Recommendation(configuration) for configuration in queue)
    return Recommendations(task, "the journal", "what it began with", begun, metric=metric, names=names)


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
