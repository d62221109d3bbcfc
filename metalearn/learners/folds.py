"""One fit of one configuration and its scores, in this process: what ``evaluate`` runs in a child.

Importing this module imports everything heavy and fits once, so that the server that children are forked from has
done so already: a child starts at once, and its first fit is charged for no imports.
"""

import resource
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from metalearn.core.records import Configuration, TaskType
from metalearn.learners.build import make_estimator
from metalearn.learners.models import modules
from metalearn.learners.scores import accuracy, balanced_accuracy, log_loss, mae, r2, rmse, roc_auc

Labels = NDArray[Any]
Part = tuple[pd.DataFrame, Labels]


@dataclass(frozen=True)
class Fit:
    """Scores by metric, and the processor seconds that fitting and predicting took."""

    scores: Mapping[str, float]
    fit_seconds: float
    predict_seconds: float


def fit_and_score(
    configuration: Configuration,
    train: Part,
    test: Part,
    task_type: TaskType,
    n_classes: int | None,
    seed: int,
    fidelity: float,
) -> Fit:
    """Fit on one part and score on the other, on one core: X (n, p), y (n,), classes from 0 to K - 1.

    Raises:
        ArithmeticError: when predictions are not finite.
        Exception: whatever the estimator raises.
    """
    options: dict[str, Any] = {"task_type": task_type, "n_classes": n_classes, "seed": seed, "fidelity": fidelity}
    (X, y), (X_test, y_test) = train, test
    with warnings.catch_warnings(), threadpool_limits(1):
        # That a solver stops early or overflows is a property of the configuration: its score shows it.
        warnings.simplefilter("ignore")
        pipeline = make_estimator(configuration, **options)
        # Step by step, so that each table is prepared once for all that is asked of the model.
        prepare, model = pipeline[:-1], pipeline[-1]
        started = process_time()
        Z = prepare.fit_transform(X, y)
        model.fit(Z, y)
        fitted = process_time()
        Z_test = prepare.transform(X_test)
        predicted = np.asarray(model.predict(Z_test))
        predict_seconds = process_time() - fitted
        if task_type == "regression":
            scores = _number_scores(y_test, predicted.astype(np.float64).ravel())
        else:
            if not hasattr(model, "predict_proba"):
                # Calibration changes predictions: the classes stay those of the plain model.
                model = make_estimator(configuration, probabilities=True, **options)[-1].fit(Z, y)
            probabilities = np.zeros((len(y_test), n_classes or 0))  # a small training part may lack a class
            probabilities[:, model.classes_] = model.predict_proba(Z_test)
            scores = _class_scores(y_test, predicted, probabilities)
    return Fit(scores, fitted - started, predict_seconds)


def address_space() -> int:
    """Return how many bytes of addresses this process uses (Linux, proc(5))."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _class_scores(y: Labels, predicted: Labels, probabilities: NDArray[np.float64]) -> dict[str, float]:
    if not np.isfinite(probabilities).all():
        raise ArithmeticError("the predicted probabilities are not finite")
    return {
        "balanced_accuracy": balanced_accuracy(y, predicted),
        "accuracy": accuracy(y, predicted),
        "log_loss": log_loss(y, probabilities),
        "roc_auc": roc_auc(y, probabilities),
    }


def _number_scores(y: Labels, predicted: NDArray[np.float64]) -> dict[str, float]:
    scores = {"r2": r2(y, predicted), "rmse": rmse(y, predicted), "mae": mae(y, predicted)}
    if not np.isfinite(scores["rmse"]):
        raise ArithmeticError("the predictions are not finite, or so large that their squares are not")
    return scores


def _warm_up() -> None:
    for module in (*modules("classification"), *modules("regression"), "sklearn.calibration", "sklearn.multiclass"):
        import_module(module)
    with suppress(ImportError):  # an extra, which torch_mlp imports when it fits
        import_module("torch")
    table = pd.DataFrame({"number": [0.0, 1.0, None], "category": ["a", "b", None]})
    make_estimator(Configuration("sklearn", "decision_tree")).fit(table, [0, 1, 1]).predict(table)


_warm_up()
