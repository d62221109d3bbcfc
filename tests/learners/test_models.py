"""A configuration becomes the installed library's classifier or regressor."""

import math
from typing import Any

import numpy as np
import pytest

from metalearn.core.records import Configuration, TaskType
from metalearn.errors import ConfigurationError
from metalearn.learners.catalog import LEARNERS
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.expressions import build
from metalearn.learners.models import amount, estimator, modules

EVERY = [(name, task_type) for task_type in SPACE_NAMES for name in LEARNERS if LEARNERS[name].model(task_type)]
SHORTENED = [(name, task_type) for name, task_type in EVERY if LEARNERS[name].resource != "rows"]


def _made(algorithm: str, hyperparameters: dict[str, Any] | None = None, **options: Any) -> Any:
    options = {"n_classes": 2, "seed": 7} | options
    return build(estimator(Configuration("sklearn", algorithm, hyperparameters or {}), **options))


def _model(made: Any) -> Any:
    """The model itself, without what scales its target."""
    return getattr(made, "regressor", made)


@pytest.mark.parametrize(("algorithm", "task_type"), EVERY)
def test_every_algorithm_has_its_estimators(algorithm: str, task_type: TaskType) -> None:
    made = _made(algorithm, task_type=task_type)
    assert made.__sklearn_tags__().estimator_type == ("classifier" if task_type == "classification" else "regressor")
    parameters = _model(made).get_params()
    assert parameters.get("random_state", 7) == 7
    fixed = LEARNERS[algorithm].model(task_type).fixed
    assert {name: parameters[name] for name in fixed} == fixed


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
        ("logistic_regression", {"max_iter": 20}, {"max_iter": 20}),
        ("lda", {"shrinkage": "auto"}, {"solver": "lsqr", "shrinkage": "auto"}),
        ("elastic_net", {"l1_ratio": 0.5}, {"loss": "log_loss", "penalty": "elasticnet", "l1_ratio": 0.5}),
    ],
)
def test_hyperparameters_become_arguments(algorithm: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    parameters = _made(algorithm, given).get_params()
    assert {name: parameters[name] for name in expected} == expected


def test_a_step_is_named_after_the_estimator_of_the_task_type() -> None:
    name = "randomforestregressor__min_samples_leaf"
    assert _made("random_forest", {name: 4}, task_type="regression").min_samples_leaf == 4
    with pytest.raises(ConfigurationError, match=f"no hyperparameter '{name}'"):
        _made("random_forest", {name: 4})


def test_a_whole_share_stays_a_share() -> None:
    # A configuration writes 1.0 as 1, which scikit-learn would read as one feature.
    for algorithm in ("random_forest", "hist_gradient_boosting"):
        assert isinstance(_made(algorithm, {"max_features": 1.0}).max_features, float)


@pytest.mark.parametrize(("n_classes", "wrapped"), [(2, False), (3, True), (None, True)])
def test_liblinear_separates_two_classes_only(n_classes: int | None, wrapped: bool) -> None:
    configuration = Configuration("sklearn", "logistic_regression", {"solver": "liblinear"})
    made = estimator(configuration, n_classes=n_classes)
    assert (made.function.path == "OneVsRestClassifier") is wrapped


@pytest.mark.parametrize("algorithm", ["elastic_net", "linear_svr", "mlp", "svr"])
def test_whose_hyperparameters_are_in_units_of_the_target_get_it_scaled(algorithm: str) -> None:
    x = np.linspace(-1, 1, 80)[:, None]
    y = 3 * x.ravel()
    options = {"task_type": "regression", "seed": 0}
    small, large = (_made(algorithm, **options).fit(x, unit * y + unit).predict(x) for unit in (1, 1e6))
    np.testing.assert_allclose(large, 1e6 * small, rtol=1e-3, atol=1e3)
    assert np.std(large) > 1e5


@pytest.mark.parametrize(("algorithm", "task_type"), SHORTENED)
@pytest.mark.parametrize("fidelity", [1 / 9, 1 / 3])
def test_a_fidelity_shortens_trees_and_epochs(algorithm: str, task_type: TaskType, fidelity: float) -> None:
    configuration = Configuration("sklearn", algorithm)
    learner = LEARNERS[algorithm]
    parameters = _model(build(estimator(configuration, task_type, fidelity=fidelity))).get_params()
    assert parameters[learner.resource_argument] == amount(configuration, fidelity)
    assert amount(configuration, fidelity) == round(fidelity * learner.full_resource)
    others = _model(build(estimator(configuration, task_type))).get_params()
    assert {n for n in others if others[n] != parameters[n]} == {learner.resource_argument}


@pytest.mark.parametrize(("algorithm", "task_type"), sorted(set(EVERY) - set(SHORTENED)))
def test_a_fidelity_of_rows_leaves_the_estimator_alone(algorithm: str, task_type: TaskType) -> None:
    configuration = Configuration("sklearn", algorithm)
    assert estimator(configuration, task_type, fidelity=1 / 9) == estimator(configuration, task_type)


def test_a_fidelity_is_a_share_of_what_the_configuration_says() -> None:
    for name in ("n_estimators", "lgbmclassifier__n_estimators"):
        configuration = Configuration("sklearn", "lightgbm", {name: 90})
        assert [amount(configuration, fidelity) for fidelity in (1.0, 1 / 3, 1 / 9, 1e-6)] == [90, 30, 10, 1]
        assert build(estimator(configuration, fidelity=1 / 3)).n_estimators == 30
        assert build(estimator(configuration)).n_estimators == 90


def test_a_shortened_fit_is_shorter() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    fitted = {
        name: _made(name, fidelity=1 / 9).fit(X, X[:, 0] > 0)
        for name in ("random_forest", "lightgbm", "hist_gradient_boosting", "torch_mlp")
    }
    assert len(fitted["random_forest"].estimators_) == 11
    assert fitted["lightgbm"].booster_.num_trees() == 11
    assert fitted["hist_gradient_boosting"].n_iter_ == 11
    assert fitted["torch_mlp"].n_epochs_ <= 11


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_the_modules_are_those_of_every_estimator(task_type: TaskType) -> None:
    of_type = [model.path.module for learner in LEARNERS.values() if (model := learner.model(task_type))]
    assert modules(task_type) == tuple(sorted(set(of_type)))
    assert ("sklearn.naive_bayes" in modules(task_type)) is (task_type == "classification")


def test_an_unknown_algorithm_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'random_forrest'; did you mean 'random_forest'\? Known: adaboost, "):
        estimator(Configuration("sklearn", "random_forrest"))


@pytest.mark.parametrize(("algorithm", "task_type"), [("svc", "regression"), ("svr", "classification")])
def test_an_algorithm_of_the_other_task_type_is_refused(algorithm: str, task_type: TaskType) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{algorithm} is not for {task_type}; .* are: adaboost, .*\.$"):
        estimator(Configuration("sklearn", algorithm), task_type)


@pytest.mark.parametrize(("name", "nearest"), [("Gamma", "gamma"), ("max_itr", "max_iter")])
def test_an_unknown_hyperparameter_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError, match=f"svc has no hyperparameter '{name}'; did you mean '{nearest}'"):
        estimator(Configuration("sklearn", "svc", {name: 1}))
