"""The evaluation of one configuration on one dataset: every fit in a child process under hard limits."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from metalearn.core.execution import Outcome, run_limited
from metalearn.core.records import Configuration, Dataset, Status
from metalearn.errors import InputError
from metalearn.learners.catalog import Resource, exceeded_limit, find_learner
from metalearn.learners.models import amount
from metalearn.learners.splits import N_FOLDS, TEST, Integers, strata, stratified_rows

if TYPE_CHECKING:
    from metalearn.learners.folds import Fit, Labels, Part

# The lower rungs of successive halving with eta = 3 (Li et al., JMLR 2018).
FIDELITIES = (1 / 9, 1 / 3)
_MEGABYTE = 2**20


@dataclass(frozen=True)
class FoldResult:
    """How a configuration did in one fit: metrics by name with status ``ok``, else none and a message.

    ``seed`` is that of the outer split, and of the fit. ``resource_value`` is what ``fidelity`` came to: rows, trees
    or epochs. ``cost_seconds`` is the processor time of the fit; with status ``timeout`` the limit. Beside the scores
    stand ``predict_seconds`` and ``peak_memory`` (MB, above what the process needed before).
    """

    split: Literal["validation", "test"]
    seed: int
    fold: int
    fidelity: float
    resource: Resource
    resource_value: float
    status: Status = "ok"
    scores: Mapping[str, float] = field(default_factory=dict)
    cost_seconds: float | None = None
    message: str = ""


def evaluate(
    configuration: Configuration,
    dataset: Dataset,
    splits: Mapping[int, Integers],
    *,
    fidelities: tuple[float, ...] = FIDELITIES,
    seconds: float = 30.0,
    memory_bytes: int | None = None,
) -> tuple[FoldResult, ...]:
    """Evaluate a configuration on a dataset: one result a fit, whatever happens.

    ``splits`` are those of ``outer_splits``, the same for all configurations. For each of them, 3-fold cross-validation
    without the test part gives results with split ``validation``, one fit on all but the test part one with split
    ``test``. Fold 0 of the first also runs at the lower ``fidelities``. Scores are balanced accuracy, accuracy, log
    loss (nats) and ROC AUC (of the calibrated estimator where the plain one has no probabilities), or R2, RMSE and MAE.

    A fit runs on one core, and is stopped after ``seconds`` of wall time or where its process needs more than
    ``memory_bytes``. After a timeout or a memout, fits on as many rows or more are not started: they get its status.
    A dataset beyond the algorithm's limits gives status ``invalid``.

    Raises:
        InputError: where there are no splits, or they are not of this dataset.

    >>> import pandas as pd
    >>> from metalearn.learners.splits import outer_splits
    >>> X, y = pd.DataFrame({"x": range(30)}), pd.Series(["low", "high"], dtype="category").repeat(15)
    >>> dataset = Dataset(X, y.reset_index(drop=True), "halves", ("numeric",), fingerprint="")
    >>> results = evaluate(Configuration("sklearn", "decision_tree"), dataset, outer_splits(dataset))
    >>> [(r.split, r.seed, r.fold, r.resource_value, r.scores["accuracy"]) for r in results if r.fidelity == 1][2:5]
    [('validation', 0, 2, 16.0, 0.875), ('test', 0, 0, 24.0, 1.0), ('validation', 1, 0, 16.0, 1.0)]
    """
    fits = Fits(dataset, splits, memory_bytes)
    limit = fits.exceeded_limit(configuration)
    blocked, from_rows = Outcome(status="invalid", message=limit or ""), 0 if limit else math.inf
    results = []
    for fit in _plan(fits, configuration, fidelities):
        outcome = blocked
        if len(fit.train) < from_rows:
            outcome = fits.outcome(configuration, fit, seconds)
            if outcome.status in ("timeout", "memout"):
                blocked = Outcome(status=outcome.status, message=f"not started: {outcome.message} before")
                from_rows = len(fit.train) - 1  # folds differ by a row
        results.append(finished(fit.planned, outcome, seconds))
    return tuple(results)


class Planned(NamedTuple):
    """A fit that is to be: a result still empty, the rows to train on and the rows to test on."""

    planned: FoldResult
    train: Integers
    test: Integers


@dataclass(frozen=True, eq=False)
class Fits:
    """The fits of configurations on the parts of a dataset, each in a child process under limits.

    ``splits`` holds each split's parts (n,) by its seed, as ``outer_splits`` and ``validation_splits`` make them.

    Raises:
        InputError: where there are no splits, or they are not of this dataset.
    """

    dataset: Dataset
    splits: Mapping[int, Integers]
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        name, n_rows = self.dataset.name, len(self.dataset.y)
        if not self.splits:
            raise InputError(f"There are no splits of {name} to evaluate on; make them with outer_splits.")
        if any(len(parts) != n_rows for parts in self.splits.values()):
            raise InputError(f"The splits are of another dataset than {name}; it has {n_rows} rows.")

    @cached_property
    def groups(self) -> Integers:
        """The stratum (n,) of each row."""
        return strata(self.dataset)

    @cached_property
    def target(self) -> "Labels":
        """What is predicted (n,): classes from 0 to K - 1, or numbers."""
        classes = self.dataset.task_type == "classification"
        return self.groups if classes else self.dataset.y.to_numpy(dtype=np.float64)

    @cached_property
    def n_classes(self) -> int | None:
        """How many classes the whole dataset has."""
        return self.dataset.n_classes

    def exceeded_limit(self, configuration: Configuration) -> str | None:
        """Return which limit of the algorithm the dataset passes, in words."""
        return exceeded_limit(configuration.algorithm, len(self.target), self.n_classes)

    def plan(
        self,
        configuration: Configuration,
        seed: int,
        part: int,
        fidelity: float = 1.0,
        *,
        resource: Resource | None = None,
    ) -> Planned:
        """Plan the fit that one part of a split tests, on (a stratified share of) all others but its ``TEST``.

        ``fidelity`` is a fraction of the training rows where ``resource`` is ``rows``; by default it is one of what
        the algorithm is trained with.
        """
        parts, resource = self.splits[seed], resource or find_learner(configuration.algorithm).resource
        train = np.flatnonzero((parts != part) & (parts != TEST))
        n_rows = len(train)
        if fidelity < 1 and resource == "rows":
            n_rows = max(2, round(fidelity * n_rows))
            train = train[stratified_rows(self.groups[train], n_rows, seed)]
        spent = n_rows if resource == "rows" else amount(configuration, fidelity)
        split, fold = ("test", 0) if part == TEST else ("validation", part)
        planned = FoldResult(split, seed, fold, fidelity, resource, float(spent))  # type: ignore[arg-type]
        return Planned(planned, train, np.flatnonzero(parts == part))

    def outcome(self, configuration: Configuration, fit: Planned, seconds: float) -> Outcome:
        """Run a fit in a child process; the value of an outcome that is ok is a ``folds.Fit``."""
        from metalearn.learners.folds import fit_and_score

        planned, train, test = fit
        # A share of the rows trains whole models.
        fidelity = 1.0 if planned.resource == "rows" else planned.fidelity
        kind = (self.dataset.task_type, self.n_classes, planned.seed, fidelity)
        task = (configuration, self._part(train), self._part(test), *kind)
        return run_limited(fit_and_score, *task, seconds=seconds, memory_bytes=self.memory_bytes)

    def _part(self, rows: Integers) -> "Part":
        return self.dataset.X.iloc[rows].reset_index(drop=True), self.target[rows]


def _plan(fits: Fits, configuration: Configuration, fidelities: tuple[float, ...]) -> Iterator[Planned]:
    """Yield each fit, the small ones first."""
    first = next(iter(fits.splits))
    for fidelity in sorted(fidelities):
        yield fits.plan(configuration, first, 0, fidelity)
    for seed in fits.splits:
        for part in (*range(N_FOLDS), TEST):
            yield fits.plan(configuration, seed, part)


def finished(planned: FoldResult, outcome: Outcome, seconds: float) -> FoldResult:
    """Return the result of a fit whose outcome is known, and that was allowed so many seconds."""
    if outcome.status != "ok":
        cost = seconds if outcome.status == "timeout" else None
        return replace(planned, status=outcome.status, cost_seconds=cost, message=outcome.message)
    fit: Fit = outcome.value
    scores = {**fit.scores, "predict_seconds": fit.predict_seconds}
    if outcome.peak_memory is not None:
        scores["peak_memory"] = outcome.peak_memory / _MEGABYTE
    return replace(planned, scores=scores, cost_seconds=fit.fit_seconds)
