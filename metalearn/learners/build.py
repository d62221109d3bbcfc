"""From a configuration to an unfitted scikit-learn pipeline for tables of mixed types with gaps."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from metalearn.core.records import Configuration, TaskType
from metalearn.errors import InputError, MissingDependencyError
from metalearn.learners.catalog import find_learner, missing_extra
from metalearn.learners.expressions import Call, build, call
from metalearn.learners.models import estimator
from metalearn.learners.preprocessing import Preprocessing, preprocessor

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# Platt (1999) scales the margins of 3-fold cross-validation.
_CALIBRATION_FOLDS = 3
# The one choice in preprocessing that published runs record, under the names of their pipelines' steps.
_IMPUTATION = re.compile(r"(.*__)?(simple)?imput(er|ation)__strategy")


def make_estimator(
    configuration: Configuration,
    *,
    task_type: TaskType | None = None,
    n_classes: int | None = None,
    probabilities: bool = False,
    seed: int = 0,
    fidelity: float = 1.0,
) -> "Pipeline":
    """Return the unfitted pipeline of a configuration: preprocessing, then the classifier or regressor.

    It fits a data frame (n, p) and a target (n,). ``task_type`` is by default the one of the configuration's space,
    classification where that does not say. ``n_classes`` spares a binary problem the wrapper that liblinear needs for
    more classes. With ``probabilities`` those classifiers that give margins only (svc, linear_svc, ridge, perceptron)
    are calibrated, at three times the cost; the others have ``predict_proba`` anyway. A ``fidelity`` below 1 shortens
    those that are trained tree by tree or epoch by epoch.

    Raises:
        ConfigurationError: for an algorithm or a hyperparameter that is not known.
        InputError: for what is no configuration.
        MissingDependencyError: when the algorithm's library is not installed.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"height": [1.0, 1.2, None, 3.1], "leaf": ["small", None, "big", "big"]})
    >>> pipeline = make_estimator(Configuration("sklearn", "decision_tree", {"min_samples_split": 2}))
    >>> pipeline.fit(table, ["elm", "elm", "oak", "oak"]).predict(table).tolist()
    ['elm', 'elm', 'oak', 'oak']
    """
    if not isinstance(configuration, Configuration):
        what = type(configuration).__name__
        raise InputError(f"Give one configuration, such as answer[0] of what recommend answers; got {what}.")
    extra = missing_extra(configuration.algorithm)
    if extra is not None:
        raise MissingDependencyError(find_learner(configuration.algorithm).module, extra)
    expression = estimator_expression(
        configuration,
        task_type=task_type,
        n_classes=n_classes,
        probabilities=probabilities,
        seed=seed,
        fidelity=fidelity,
    )
    pipeline: Pipeline = build(expression)
    return pipeline


def estimator_expression(
    configuration: Configuration,
    *,
    task_type: TaskType | None = None,
    n_classes: int | None = None,
    probabilities: bool = False,
    seed: int = 0,
    fidelity: float = 1.0,
) -> Call:
    """Return the description that ``make_estimator`` builds and ``to_python`` prints."""
    kind = task_type or task_type_of(configuration)
    model, choices = _split(configuration)
    last = estimator(model, kind, n_classes=n_classes, seed=seed, fidelity=fidelity)
    if probabilities and not find_learner(model.algorithm).has_probabilities:
        folds = call("metalearn.learners.splits", "StratifiedFolds", _CALIBRATION_FOLDS, seed)
        last = call("sklearn.calibration", "CalibratedClassifierCV", last, cv=folds)
    return call("sklearn.pipeline", "make_pipeline", *preprocessor(choices, kind, seed=seed), last)


def task_type_of(configuration: Configuration) -> TaskType:
    """Return the task type that the configuration's space names; classification where it names none.

    >>> task_type_of(Configuration("metalearn-regression-1", "ridge"))
    'regression'
    """
    return "regression" if "-regression-" in configuration.space else "classification"


def _split(configuration: Configuration) -> tuple[Configuration, Preprocessing]:
    """Return the configuration of the model alone, and what comes before the model."""
    given = configuration.hyperparameters
    if "encoding" in given:  # our own spaces say everything
        choices = Preprocessing.active(given)
        own = {n: v for n, v in given.items() if n not in Preprocessing.__annotations__}
    else:
        strategies = {n: str(v) for n, v in given.items() if _IMPUTATION.fullmatch(n)}
        choices = Preprocessing(imputation=next(iter(strategies.values()), "median"))
        own = {n: v for n, v in given.items() if n not in strategies}
    return replace(configuration, hyperparameters=own), choices
