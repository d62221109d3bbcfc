"""The evaluation of one configuration on one dataset: cross-validation in a child process under hard limits."""

from typing import TYPE_CHECKING

import numpy as np

from metalearn.core.execution import run_limited
from metalearn.core.records import Configuration, Dataset
from metalearn.errors import InputError
from metalearn.learners.splits import Integers, assign_folds

if TYPE_CHECKING:
    from metalearn.learners.folds import FoldResult


def evaluate(
    configuration: Configuration,
    dataset: Dataset,
    *,
    n_folds: int = 3,
    seed: int = 0,
    seconds_per_fold: float = 60.0,
    memory_bytes: int | None = None,
) -> "tuple[FoldResult, ...]":
    """Cross-validate a configuration on a classification dataset: one result a fold, whatever happens.

    Splits are stratified and follow from the seed alone, so that all configurations meet the same ones. Scores are
    balanced accuracy, accuracy and log loss (in nats; of the calibrated estimator where the plain one has no
    probabilities). One child process does all folds, on one core; it is stopped after ``n_folds * seconds_per_fold``
    seconds, or where it needs more than ``memory_bytes``, and then every fold has the status ``timeout``, ``memout``
    or ``crashed``. A fold that fails by itself leaves the others alone.

    Raises:
        InputError: for a regression dataset, or where the classes are too small for any fold to be tested on.

    >>> import pandas as pd
    >>> X, y = pd.DataFrame({"x": range(30)}), pd.Series(["low", "high"], dtype="category").repeat(15)
    >>> dataset = Dataset(X, y.reset_index(drop=True), "halves", ("numeric",), fingerprint="")
    >>> results = evaluate(Configuration("sklearn", "decision_tree"), dataset)
    >>> [(r.fold, r.train_rows, r.status, r.scores["accuracy"]) for r in results]
    [(0, 20, 'ok', 0.9), (1, 20, 'ok', 1.0), (2, 20, 'ok', 1.0)]
    """
    from metalearn.learners.folds import FoldResult, evaluate_folds

    y, folds = _classes_and_folds(dataset, n_folds, seed)
    limit = n_folds * seconds_per_fold
    task = (configuration, dataset.X, y, folds, seed)
    outcome = run_limited(evaluate_folds, *task, seconds=limit, memory_bytes=memory_bytes)
    if outcome.status == "ok":
        results: tuple[FoldResult, ...] = outcome.value
        return results
    cost = seconds_per_fold if outcome.status == "timeout" else None
    return tuple(
        FoldResult(fold, int((folds != fold).sum()), outcome.status, {}, cost, outcome.message)
        for fold in range(n_folds)
    )


def _classes_and_folds(dataset: Dataset, n_folds: int, seed: int) -> tuple[Integers, Integers]:
    if dataset.task_type != "classification":
        raise InputError(f"{dataset.name} is a regression dataset; only classification is covered so far.")
    _, y = np.unique(dataset.y.astype("str").to_numpy(), return_inverse=True)
    folds = assign_folds(y, n_folds, seed)
    if n_folds < 2 or len(np.unique(folds[folds >= 0])) < n_folds:
        raise InputError(
            f"{dataset.name} cannot be tested in {n_folds} folds: take at least 2, and at most as many as"
            " there are rows in classes of two or more."
        )
    return y, folds
