"""Cross-validation of one configuration in this process: what ``evaluate`` runs in a child.

Importing this module imports everything heavy and fits once, so that the server that children are forked from has
done so already: a child starts at once, and its first fold is charged for no imports.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from time import process_time

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from metalearn.core.records import Configuration, Status
from metalearn.learners.build import make_estimator
from metalearn.learners.classifiers import modules
from metalearn.learners.scores import accuracy, balanced_accuracy, log_loss

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class FoldResult:
    """How a configuration did on one fold: metrics by name with status ``ok``, else none and a message.

    ``cost_seconds`` is the processor time of the fit on ``train_rows`` rows; with status ``timeout`` the limit.
    """

    fold: int
    train_rows: int
    status: Status = "ok"
    scores: Mapping[str, float] = field(default_factory=dict)
    cost_seconds: float | None = None
    message: str = ""


def evaluate_folds(
    configuration: Configuration, X: pd.DataFrame, y: Integers, folds: Integers, seed: int
) -> tuple[FoldResult, ...]:
    """Train and test once for each fold. X (n, p), y (n,) from 0 to K - 1, folds (n,) with -1 for training only."""
    with warnings.catch_warnings(), threadpool_limits(1):
        # That a solver stops early or overflows is a property of the configuration: its score shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        return tuple(_evaluate_fold(configuration, X, y, folds, fold, seed) for fold in range(folds.max() + 1))


def _evaluate_fold(
    configuration: Configuration, X: pd.DataFrame, y: Integers, folds: Integers, fold: int, seed: int
) -> FoldResult:
    train, test = folds != fold, folds == fold
    rows = int(train.sum())
    try:
        scores, seconds = _train_and_test(configuration, (X[train], y[train]), (X[test], y[test]), seed)
    except MemoryError as error:
        return FoldResult(fold, rows, "memout", message=f"MemoryError: {error}")
    except Exception as error:
        return FoldResult(fold, rows, "crashed", message=f"{type(error).__name__}: {error}")
    return FoldResult(fold, rows, "ok", scores, seconds)


def _train_and_test(
    configuration: Configuration, train: tuple[pd.DataFrame, Integers], test: tuple[pd.DataFrame, Integers], seed: int
) -> tuple[dict[str, float], float]:
    n_classes = len(np.unique(train[1]))
    estimator = make_estimator(configuration, n_classes=n_classes, seed=seed)
    started = process_time()
    estimator.fit(*train)
    seconds = process_time() - started
    X, y = test
    predicted = estimator.predict(X)
    if not hasattr(estimator, "predict_proba"):
        # Calibration changes predictions: the classes stay those of the plain estimator.
        estimator = make_estimator(configuration, n_classes=n_classes, probabilities=True, seed=seed).fit(*train)
    probabilities = np.asarray(estimator.predict_proba(X), dtype=np.float64)  # (n, K): training sets hold all classes
    scores = {
        "balanced_accuracy": balanced_accuracy(y, predicted),
        "accuracy": accuracy(y, predicted),
        "log_loss": log_loss(y, probabilities),
    }
    return _finite(scores), seconds


def _finite(scores: dict[str, float]) -> dict[str, float]:
    bad = [name for name, value in scores.items() if not np.isfinite(value)]
    if bad:
        raise ArithmeticError(f"the predictions are not finite, and neither is {', '.join(bad)}")
    return scores


def _warm_up() -> None:
    for module in (*modules(), "sklearn.calibration", "sklearn.multiclass"):
        import_module(module)
    table = pd.DataFrame({"number": [0.0, 1.0, None], "category": ["a", "b", None]})
    make_estimator(Configuration("sklearn", "decision_tree")).fit(table, [0, 1, 1]).predict(table)


_warm_up()
