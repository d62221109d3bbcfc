"""The evaluation of one configuration on one dataset: every fit in a child process under hard limits."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from metalearn.core.execution import Outcome, run_limited
from metalearn.core.records import Configuration, Dataset, Status
from metalearn.errors import InputError
from metalearn.learners.catalog import Resource, exceeded_limit, find_learner
from metalearn.learners.models import amount
from metalearn.learners.splits import N_FOLDS, TEST, Integers, strata, stratified_rows

if TYPE_CHECKING:
    from metalearn.learners.folds import Fit, Part

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
    from metalearn.learners.folds import fit_and_score

    if not splits:
        raise InputError(f"There are no splits of {dataset.name} to evaluate on; make them with outer_splits.")
    if any(len(parts) != len(dataset.y) for parts in splits.values()):
        raise InputError(f"The splits are of another dataset than {dataset.name}; it has {len(dataset.y)} rows.")
    groups = strata(dataset)
    y = groups if dataset.task_type == "classification" else dataset.y.to_numpy(dtype=np.float64)
    limit = exceeded_limit(configuration.algorithm, len(y), dataset.n_classes)
    blocked, from_rows = Outcome(status="invalid", message=limit or ""), 0 if limit else math.inf

    def part(rows: Integers) -> "Part":
        return dataset.X.iloc[rows].reset_index(drop=True), y[rows]

    results = []
    for planned, train, test in _plan(configuration, groups, splits, fidelities):
        outcome = blocked
        if len(train) < from_rows:
            kind = (dataset.task_type, dataset.n_classes, planned.seed, planned.fidelity)
            task = (configuration, part(train), part(test), *kind)
            outcome = run_limited(fit_and_score, *task, seconds=seconds, memory_bytes=memory_bytes)
            if outcome.status in ("timeout", "memout"):
                blocked = Outcome(status=outcome.status, message=f"not started: {outcome.message} before")
                from_rows = len(train) - 1  # folds differ by a row
        results.append(_finished(planned, outcome, seconds))
    return tuple(results)


def _plan(
    configuration: Configuration, groups: Integers, splits: Mapping[int, Integers], fidelities: tuple[float, ...]
) -> Iterator[tuple[FoldResult, Integers, Integers]]:
    """Yield each fit, the small ones first: an empty result, the rows to train on and the rows to test on."""
    first = next(iter(splits))
    for fidelity in sorted(fidelities):
        yield _fit(configuration, groups, splits[first], first, 0, fidelity)
    for seed, parts in splits.items():
        for part in (*range(N_FOLDS), TEST):
            yield _fit(configuration, groups, parts, seed, part, 1.0)


def _fit(
    configuration: Configuration, groups: Integers, parts: Integers, seed: int, part: int, fidelity: float
) -> tuple[FoldResult, Integers, Integers]:
    learner = find_learner(configuration.algorithm)
    train = np.flatnonzero((parts != part) & (parts != TEST))
    n_rows = len(train)
    if fidelity < 1 and learner.resource == "rows":
        n_rows = max(2, round(fidelity * n_rows))
        train = train[stratified_rows(groups[train], n_rows, seed)]
    spent = n_rows if learner.resource == "rows" else amount(configuration, fidelity)
    split, fold = ("test", 0) if part == TEST else ("validation", part)
    planned = FoldResult(split, seed, fold, fidelity, learner.resource, float(spent))  # type: ignore[arg-type]
    return planned, train, np.flatnonzero(parts == part)


def _finished(planned: FoldResult, outcome: Outcome, seconds: float) -> FoldResult:
    if outcome.status != "ok":
        cost = seconds if outcome.status == "timeout" else None
        return replace(planned, status=outcome.status, cost_seconds=cost, message=outcome.message)
    fit: Fit = outcome.value
    scores = {**fit.scores, "predict_seconds": fit.predict_seconds}
    if outcome.peak_memory is not None:
        scores["peak_memory"] = outcome.peak_memory / _MEGABYTE
    return replace(planned, scores=scores, cost_seconds=fit.fit_seconds)
