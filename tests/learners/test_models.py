"""Published hyperparameters become those of the installed library."""

import math
from typing import Any

import pytest

from metalearn.core.algorithms import algorithm_names
from metalearn.core.records import Configuration
from metalearn.errors import ConfigurationError
from metalearn.learners.classifiers import classifier
from metalearn.learners.expressions import build


def _made(algorithm: str, hyperparameters: dict[str, Any] | None = None) -> Any:
    return build(classifier(Configuration("sklearn", algorithm, hyperparameters or {}), n_classes=2, seed=7))


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_every_known_algorithm_has_a_learner(algorithm: str) -> None:
    made = _made(algorithm)
    assert made.get_params().get("random_state", 7) == 7
    assert hasattr(made, "fit")


@pytest.mark.parametrize(
    ("algorithm", "given", "expected"),
    [
        ("logistic_regression", {"penalty": "l1", "solver": "saga"}, {"l1_ratio": 1.0, "solver": "saga"}),
        ("logistic_regression", {"penalty": "l2", "C": 3}, {"l1_ratio": 0.0, "C": 3}),
        ("logistic_regression", {"penalty": None}, {"C": math.inf}),
        ("logistic_regression", {"penalty": "elasticnet", "l1_ratio": 0.5, "solver": "saga"}, {"l1_ratio": 0.5}),
        ("logistic_regression", {"multi_class": "ovr", "max_iter": 50}, {"max_iter": 50}),
        ("random_forest", {"max_features": "auto"}, {"max_features": "sqrt"}),
        ("random_forest", {"randomforestclassifier__max_features": 0.3}, {"max_features": 0.3}),
        ("extra_trees", {"min_samples_split": 1.0}, {"min_samples_split": 1.0}),
        ("gradient_boosting", {"loss": "deviance", "presort": True}, {"loss": "log_loss"}),
        ("gradient_boosting", {"criterion": "friedman_mse", "max_depth": 6}, {"max_depth": 6}),
        ("hist_gradient_boosting", {"loss": "auto"}, {"loss": "log_loss", "early_stopping": False}),
        ("adaboost", {"algorithm": "SAMME.R", "n_estimators": 100}, {"n_estimators": 100, "estimator": None}),
        ("adaboost", {"base_estimator__max_depth": 4}, {"estimator__max_depth": 4}),
        ("adaboost", {"max_depth": 2}, {"estimator__max_depth": 2}),
        ("mlp", {"hidden_layers": 2, "hidden_width": 32}, {"hidden_layer_sizes": (32, 32)}),
        ("mlp", {"hidden_layer_sizes": [50, 50]}, {"hidden_layer_sizes": [50, 50]}),
        ("svc", {"gamma_kind": "scale", "C": 2}, {"gamma": "scale", "C": 2}),
        ("svc", {"gamma_kind": "value", "gamma": 0.25}, {"gamma": 0.25}),
        ("svc", {"probability": True}, {"kernel": "rbf"}),
        ("linear_svc", {"C": 4}, {"C": 4, "dual": "auto"}),
    ],
)
def test_translations(algorithm: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    parameters = _made(algorithm, given).get_params()
    assert {name: parameters[name] for name in expected} == expected


def test_a_whole_share_stays_a_share() -> None:
    # A configuration writes 1.0 as 1, which scikit-learn would read as one feature.
    for algorithm in ("random_forest", "hist_gradient_boosting"):
        assert isinstance(_made(algorithm, {"max_features": 1.0}).max_features, float)


@pytest.mark.parametrize(("n_classes", "wrapped"), [(2, False), (3, True), (None, True)])
def test_liblinear_separates_two_classes_only(n_classes: int | None, wrapped: bool) -> None:
    configuration = Configuration("sklearn", "logistic_regression", {"solver": "liblinear"})
    made = classifier(configuration, n_classes=n_classes)
    assert (made.function.path == "OneVsRestClassifier") is wrapped


def test_an_unknown_algorithm_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'random_forrest'; did you mean 'random_forest'\? Known: adaboost, "):
        classifier(Configuration("sklearn", "random_forrest"))


@pytest.mark.parametrize(("name", "nearest"), [("Gamma", "gamma"), ("max_itr", "max_iter")])
def test_an_unknown_hyperparameter_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError, match=f"svc has no hyperparameter '{name}'; did you mean '{nearest}'"):
        classifier(Configuration("sklearn", "svc", {name: 1}))
