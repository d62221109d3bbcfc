"""Published names and values become arguments of the installed libraries; our own stand-ins do too."""

import copy
from typing import Any

import pytest

from metalearn.core.records import TaskType
from metalearn.learners.expressions import Name, call
from metalearn.learners.translations import translate


@pytest.mark.parametrize(
    ("algorithm", "task_type", "given", "expected"),
    [
        ("logistic_regression", "classification", {"penalty": "none"}, {"C": Name("math", "inf")}),
        ("logistic_regression", "classification", {"penalty": "l2", "C": 3}, {"C": 3}),
        ("logistic_regression", "classification", {"C": 3}, {"C": 3}),
        (
            "adaboost",
            "classification",
            {"max_depth": 2},
            {"estimator": call("sklearn.tree", "DecisionTreeClassifier", max_depth=2)},
        ),
        (
            "adaboost",
            "regression",
            {"max_depth": 2},
            {"estimator": call("sklearn.tree", "DecisionTreeRegressor", max_depth=2)},
        ),
        (
            "adaboost",
            "regression",
            {"max_depth": 1},
            {"estimator": call("sklearn.tree", "DecisionTreeRegressor", max_depth=1)},
        ),
        ("adaboost", "classification", {"max_depth": 1}, {}),  # the library's own
        ("adaboost", "regression", {"max_depth": 3, "loss": "square"}, {"loss": "square"}),
        ("svr", "regression", {"gamma_kind": "value", "gamma": 0.5}, {"gamma": 0.5}),
        ("svr", "regression", {"gamma_kind": "scale"}, {}),
        ("lda", "classification", {"shrinkage": None}, {"shrinkage": None}),
        ("lda", "classification", {"shrinkage": 0.3}, {"shrinkage": 0.3, "solver": "lsqr"}),
        ("random_forest", "regression", {"max_features": None}, {"max_features": None}),
        ("random_forest", "regression", {"max_features": 1}, {"max_features": 1.0}),
        ("decision_tree", "classification", {"min_impurity_split": 0.1}, {}),
        ("mlp", "regression", {"hidden_width": 8}, {"hidden_layer_sizes": (8,)}),
        ("mlp", "regression", {"hidden_layers": 3}, {"hidden_layer_sizes": (100, 100, 100)}),
        ("hist_gradient_boosting", "classification", {"loss": "binary_crossentropy"}, {"loss": "log_loss"}),
        ("hist_gradient_boosting", "regression", {"loss": "absolute_error"}, {"loss": "absolute_error"}),
        ("gaussian_nb", "classification", {"var_smoothing": 1e-9}, {"var_smoothing": 1e-9}),
    ],
)
def test_translations(algorithm: str, task_type: TaskType, given: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy(given)
    assert translate(algorithm, given, task_type) == expected
    assert given == before


def test_a_whole_share_becomes_a_float() -> None:
    # A configuration writes 1.0 as 1, which scikit-learn would read as one feature or one row.
    for name in ("max_features", "min_samples_split"):
        assert isinstance(translate("extra_trees", {name: 1}, "classification")[name], float)
        assert translate("extra_trees", {name: 2}, "classification") == {name: 2}
