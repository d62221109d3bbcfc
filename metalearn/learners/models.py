"""Each algorithm's classifier or regressor as an expression, for the installed libraries."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from metalearn.core.records import Configuration, TaskType
from metalearn.errors import ConfigurationError, did_you_mean
from metalearn.learners.catalog import LEARNERS, Learner, Model, find_learner
from metalearn.learners.expressions import Call, Name, build, call
from metalearn.learners.translations import translate

# What published runs hold and what says nothing about the model, or has gone from scikit-learn.
_IGNORED = frozenset({"n_jobs", "presort", "probability", "random_state", "verbose", "warm_start"})
# The forests that weigh classes: scikit-learn's own refuse labels that are texts of whole numbers.
_WEIGHING: Mapping[str, Name] = {
    "extra_trees": Name("metalearn.learners.encoded_forests", "EncodedExtraTreesClassifier"),
    "random_forest": Name("metalearn.learners.encoded_forests", "EncodedRandomForestClassifier"),
}


def modules(task_type: TaskType) -> tuple[str, ...]:
    """Return the modules that hold the estimators."""
    models = [model for learner in LEARNERS.values() if (model := learner.model(task_type))]
    return tuple(sorted({model.path.module for model in models}))


def estimator(
    configuration: Configuration,
    task_type: TaskType = "classification",
    *,
    n_classes: int | None = None,
    seed: int = 0,
    fidelity: float = 1.0,
) -> Call:
    """Return the call that makes the configuration's classifier or regressor.

    A ``fidelity`` below 1 shortens those that are trained tree by tree or epoch by epoch.

    Raises:
        ConfigurationError: for an algorithm or a hyperparameter that is not known, or of the other task type.

    >>> from metalearn.learners.expressions import render
    >>> render(estimator(Configuration("sklearn", "svc", {"C": 2, "probability": True})))
    'SVC(C=2, random_state=0)'
    >>> render(estimator(Configuration("sklearn", "extra_trees"), "regression", fidelity=1 / 9))
    'ExtraTreesRegressor(n_estimators=11, random_state=0)'
    """
    algorithm = configuration.algorithm
    learner = find_learner(algorithm)
    model = _model(algorithm, learner, task_type)
    # Published runs name a pipeline's step before its hyperparameter.
    step = f"{model.path.path.lower()}__"
    own = {name.removeprefix(step): value for name, value in configuration.hyperparameters.items()}
    given = {name: value for name, value in own.items() if name not in _IGNORED}
    values = translate(algorithm, given, task_type)
    _refuse_unknown(algorithm, model, values)
    if fidelity < 1 and learner.resource != "rows":
        values[learner.resource_argument] = amount(configuration, fidelity)
    seeded = {"random_state": seed} if "random_state" in _parameters(model) else {}
    path = model.path if values.get("class_weight") is None else _WEIGHING.get(algorithm, model.path)
    made = Call(path, keywords={**model.fixed, **values, **seeded})
    if values.get("solver") == "liblinear" and n_classes != 2:  # it separates two classes only
        return call("sklearn.multiclass", "OneVsRestClassifier", made)
    if task_type == "regression" and learner.scales_target:
        scaler = call("sklearn.preprocessing", "StandardScaler")
        return call("sklearn.compose", "TransformedTargetRegressor", regressor=made, transformer=scaler)
    return made


def amount(configuration: Configuration, fidelity: float) -> int:
    """Return how many trees or epochs a configuration trains at a fidelity: at least one.

    >>> amount(Configuration("sklearn", "lightgbm", {"n_estimators": 60}), 1 / 3)
    20
    """
    learner = find_learner(configuration.algorithm)
    # Published runs name a pipeline's step before its hyperparameter.
    given = {name.rpartition("__")[2]: value for name, value in configuration.hyperparameters.items()}
    full = given.get(learner.resource_argument, learner.full_resource)
    return max(1, round(fidelity * float(str(full))))


def _model(algorithm: str, learner: Learner, task_type: TaskType) -> Model:
    model = learner.model(task_type)
    if model is None:
        known = [name for name, other in LEARNERS.items() if other.model(task_type)]
        raise ConfigurationError(f"{algorithm} is not for {task_type}; algorithms that are: {', '.join(known)}.")
    return model


def _parameters(model: Model) -> tuple[str, ...]:
    return tuple(signature(build(model.path)).parameters)


def _refuse_unknown(algorithm: str, model: Model, values: Mapping[str, Any]) -> None:
    known = tuple(name for name in _parameters(model) if name not in _IGNORED | {"kwargs"})
    for name in values:
        if name not in known:
            raise ConfigurationError(
                f"{algorithm} has no hyperparameter {name!r}; {did_you_mean(name, known)}Known: {', '.join(known)}."
            )
