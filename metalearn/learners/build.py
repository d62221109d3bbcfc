"""From a configuration to an unfitted scikit-learn pipeline for tables of mixed types with gaps."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from metalearn.core.records import Configuration
from metalearn.learners.classifiers import WITHOUT_PROBABILITIES, classifier
from metalearn.learners.expressions import Call, build, call
from metalearn.learners.preprocessing import preprocessor

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# Platt (1999) scales the margins of 3-fold cross-validation.
_CALIBRATION_FOLDS = 3
# The one choice in preprocessing that published runs record, under the names of their pipelines' steps.
_IMPUTATION = re.compile(r"(.*__)?(simple)?imput(er|ation)__strategy")


def make_estimator(
    configuration: Configuration, *, n_classes: int | None = None, probabilities: bool = False, seed: int = 0
) -> "Pipeline":
    """Return the unfitted pipeline of a configuration: preprocessing, then the classifier.

    It fits a data frame (n, p) and a target (n,). ``n_classes`` spares a binary problem the wrapper that liblinear
    needs for more classes. With ``probabilities`` those algorithms that give margins only (svc, linear_svc,
    perceptron) are calibrated, at three times the cost; the others have ``predict_proba`` anyway.

    Raises:
        ConfigurationError: for an algorithm or a hyperparameter that is not known.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"height": [1.0, 1.2, None, 3.1], "leaf": ["small", None, "big", "big"]})
    >>> pipeline = make_estimator(Configuration("sklearn", "decision_tree", {"min_samples_split": 2}))
    >>> pipeline.fit(table, ["elm", "elm", "oak", "oak"]).predict(table).tolist()
    ['elm', 'elm', 'oak', 'oak']
    """
    expression = estimator_expression(configuration, n_classes=n_classes, probabilities=probabilities, seed=seed)
    pipeline: Pipeline = build(expression)
    return pipeline


def estimator_expression(
    configuration: Configuration, *, n_classes: int | None = None, probabilities: bool = False, seed: int = 0
) -> Call:
    """Return the description that ``make_estimator`` builds and ``to_python`` prints."""
    configuration, strategy = _without_imputation(configuration)
    last = classifier(configuration, n_classes=n_classes, seed=seed)
    if probabilities and configuration.algorithm in WITHOUT_PROBABILITIES:
        folds = call("metalearn.learners.splits", "StratifiedFolds", _CALIBRATION_FOLDS, seed)
        last = call("sklearn.calibration", "CalibratedClassifierCV", last, cv=folds)
    return call("sklearn.pipeline", "make_pipeline", preprocessor(strategy), last)


def _without_imputation(configuration: Configuration) -> tuple[Configuration, str]:
    """Return the configuration without its imputation, and the strategy of that."""
    strategies = {n: str(v) for n, v in configuration.hyperparameters.items() if _IMPUTATION.fullmatch(n)}
    others = {n: v for n, v in configuration.hyperparameters.items() if n not in strategies}
    return replace(configuration, hyperparameters=others), next(iter(strategies.values()), "median")
