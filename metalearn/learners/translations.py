"""Hyperparameters of every vocabulary we know as arguments of the installed estimators.

Two vocabularies name hyperparameters: our own search spaces, and scikit-learn's (``space="sklearn"``), in which runs
since 2018 are published. Their names do not clash, so one translation to the installed library serves both.
"""

from collections.abc import Callable, Mapping
from typing import Any

from metalearn.core.records import TaskType
from metalearn.learners.expressions import Name, call

Values = dict[str, Any]


def translate(algorithm: str, values: Values, task_type: TaskType) -> Values:
    """Return the arguments of the algorithm's estimator that the hyperparameters stand for.

    >>> translate("logistic_regression", {"penalty": "l1", "multi_class": "auto"}, "classification")
    {'l1_ratio': 1.0}
    """
    if algorithm == "adaboost":
        return _adaboost(dict(values), task_type)
    return _TRANSLATIONS.get(algorithm, _unchanged)(dict(values))


def _unchanged(values: Values) -> Values:
    return values


def _tree(values: Values) -> Values:
    # A configuration's id writes 1.0 as 1. There the fraction is meant: one feature, or one row to split, is no choice.
    shares: Values = {name: 1.0 for name in ("max_features", "min_samples_split") if values.get(name) == 1}
    if values.get("max_features") == "auto":  # until 1.3
        shares["max_features"] = "sqrt"
    values.pop("min_impurity_split", None)  # until 1.0
    return values | shares


def _gradient_boosting(values: Values) -> Values:
    if values.get("loss") == "deviance":  # until 1.3
        values["loss"] = "log_loss"
    values.pop("criterion", None)  # its choices were equivalent, and are deprecated since 1.9
    return _tree(values)


def _hist_gradient_boosting(values: Values) -> Values:
    if values.get("loss") in ("auto", "binary_crossentropy", "categorical_crossentropy"):  # until 1.3
        values["loss"] = "log_loss"
    return values | ({"max_features": 1.0} if values.get("max_features") == 1 else {})


def _adaboost(values: Values, task_type: TaskType) -> Values:
    values.pop("algorithm", None)  # SAMME.R went in 1.6
    depths = [values.pop(name, None) for name in ("max_depth", "base_estimator__max_depth", "estimator__max_depth")]
    depth = next((d for d in depths if d is not None), None)
    tree, usual = ("DecisionTreeClassifier", 1) if task_type == "classification" else ("DecisionTreeRegressor", 3)
    return values if depth in (None, usual) else values | {"estimator": call("sklearn.tree", tree, max_depth=depth)}


def _logistic_regression(values: Values) -> Values:
    values.pop("multi_class", None)  # until 1.7
    penalty = values.pop("penalty", "l2")  # deprecated since 1.8
    if penalty in (None, "none"):
        return values | {"C": Name("math", "inf")}
    return values | ({"l1_ratio": 1.0} if penalty == "l1" else {})


def _mlp(values: Values) -> Values:
    layers, width = values.pop("hidden_layers", None), values.pop("hidden_width", None)
    if layers is None and width is None:
        return values
    return values | {"hidden_layer_sizes": (width or 100,) * (layers or 1)}


def _lda(values: Values) -> Values:
    # The library's default solver, singular value decomposition, knows no shrinkage.
    return values | ({"solver": "lsqr"} if values.get("shrinkage") is not None else {})


def _kernel(values: Values) -> Values:
    values.pop("gamma_kind", None)  # of our space: where it says "scale", there is no gamma
    return values


_TRANSLATIONS: Mapping[str, Callable[[Values], Values]] = {
    "decision_tree": _tree,
    "extra_trees": _tree,
    "gradient_boosting": _gradient_boosting,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "lda": _lda,
    "logistic_regression": _logistic_regression,
    "mlp": _mlp,
    "random_forest": _tree,
    "svc": _kernel,
    "svr": _kernel,
}
