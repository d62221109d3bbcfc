"""Each algorithm's classifier as an expression, from the hyperparameters of every vocabulary we know.

Two vocabularies name hyperparameters: our own search spaces, and scikit-learn's (``space="sklearn"``), in which runs
since 2018 are published. Their names do not clash, so one translation to the installed library serves both.
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from metalearn.core.records import Configuration
from metalearn.errors import ConfigurationError, did_you_mean
from metalearn.learners.expressions import Call, Name, build, call

Values = dict[str, Any]

_CLASSES: Mapping[str, Name] = {
    "adaboost": Name("sklearn.ensemble", "AdaBoostClassifier"),
    "decision_tree": Name("sklearn.tree", "DecisionTreeClassifier"),
    "extra_trees": Name("sklearn.ensemble", "ExtraTreesClassifier"),
    "gaussian_nb": Name("sklearn.naive_bayes", "GaussianNB"),
    "gradient_boosting": Name("sklearn.ensemble", "GradientBoostingClassifier"),
    "hist_gradient_boosting": Name("sklearn.ensemble", "HistGradientBoostingClassifier"),
    "k_nearest_neighbors": Name("sklearn.neighbors", "KNeighborsClassifier"),
    "lightgbm": Name("lightgbm", "LGBMClassifier"),
    "linear_svc": Name("sklearn.svm", "LinearSVC"),
    "logistic_regression": Name("sklearn.linear_model", "LogisticRegression"),
    "mlp": Name("sklearn.neural_network", "MLPClassifier"),
    "perceptron": Name("sklearn.linear_model", "Perceptron"),
    "random_forest": Name("sklearn.ensemble", "RandomForestClassifier"),
    "svc": Name("sklearn.svm", "SVC"),
}
WITHOUT_PROBABILITIES = frozenset({"linear_svc", "perceptron", "svc"})
WITHOUT_SEED = frozenset({"gaussian_nb", "k_nearest_neighbors"})

# What published runs hold and what says nothing about the model, or has gone from scikit-learn.
_IGNORED = frozenset({"n_jobs", "presort", "probability", "random_state", "verbose", "warm_start"})

_DEFAULTS: Mapping[str, Values] = {
    # Its stratified split fails where a class has one member, and it would set in beyond 10,000 rows only.
    "hist_gradient_boosting": {"early_stopping": False},
    "lightgbm": {"n_jobs": 1, "verbosity": -1},
    # The smaller of the two problems; the solution is the same.
    "linear_svc": {"dual": "auto"},
    # The library's 100 iterations end before convergence on many one-hot encoded tables.
    "logistic_regression": {"max_iter": 1000},
}


def modules() -> tuple[str, ...]:
    """Return the modules that hold the classifiers."""
    return tuple(sorted({name.module for name in _CLASSES.values()}))


def classifier(configuration: Configuration, *, n_classes: int | None = None, seed: int = 0) -> Call:
    """Return the call that makes the configuration's classifier.

    Raises:
        ConfigurationError: for an algorithm or a hyperparameter that is not known.

    >>> from metalearn.learners.expressions import render
    >>> render(classifier(Configuration("sklearn", "svc", {"C": 2, "probability": True})))
    'SVC(C=2, random_state=0)'
    """
    algorithm = configuration.algorithm
    if algorithm not in _CLASSES:
        raise ConfigurationError(
            f"There is no learner for the algorithm {algorithm!r}; {did_you_mean(algorithm, _CLASSES)}"
            f"Known: {', '.join(_CLASSES)}."
        )
    # Published runs name a pipeline's step before its hyperparameter.
    step = f"{_CLASSES[algorithm].path.lower()}__"
    own = {name.removeprefix(step): value for name, value in configuration.hyperparameters.items()}
    given = {name: value for name, value in own.items() if name not in _IGNORED}
    values = _TRANSLATIONS.get(algorithm, _unchanged)(given)
    _refuse_unknown(algorithm, values)
    seeded = {} if algorithm in WITHOUT_SEED else {"random_state": seed}
    made = Call(_CLASSES[algorithm], keywords=_DEFAULTS.get(algorithm, {}) | values | seeded)
    if values.get("solver") == "liblinear" and n_classes != 2:  # it separates two classes only
        return call("sklearn.multiclass", "OneVsRestClassifier", made)
    return made


def _refuse_unknown(algorithm: str, values: Mapping[str, Any]) -> None:
    parameters = signature(build(_CLASSES[algorithm])).parameters
    known = tuple(name for name in parameters if name not in _IGNORED | {"kwargs"})
    for name in values:
        if name not in known:
            raise ConfigurationError(
                f"{algorithm} has no hyperparameter {name!r}; {did_you_mean(name, known)}Known: {', '.join(known)}."
            )


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


def _adaboost(values: Values) -> Values:
    values.pop("algorithm", None)  # SAMME.R went in 1.6
    depths = [values.pop(name, None) for name in ("max_depth", "base_estimator__max_depth", "estimator__max_depth")]
    depth = next((d for d in depths if d is not None), 1)
    tree = {"estimator": call("sklearn.tree", "DecisionTreeClassifier", max_depth=depth)} if depth != 1 else {}
    return values | tree


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


def _svc(values: Values) -> Values:
    values.pop("gamma_kind", None)  # of our space: where it says "scale", there is no gamma
    return values


_TRANSLATIONS: Mapping[str, Callable[[Values], Values]] = {
    "adaboost": _adaboost,
    "decision_tree": _tree,
    "extra_trees": _tree,
    "gradient_boosting": _gradient_boosting,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "logistic_regression": _logistic_regression,
    "mlp": _mlp,
    "random_forest": _tree,
    "svc": _svc,
}
