"""The files that ship are what the module defines; defaults are the libraries'; what makes no difference is off."""

import math
from typing import Any

import numpy as np
import pytest

from metalearn.core.records import Configuration, TaskType
from metalearn.core.resources import metadata_path
from metalearn.core.spaces import SearchSpace
from metalearn.learners.build import make_estimator
from metalearn.learners.catalog import LEARNERS
from metalearn.learners.definition import SPACE_NAMES, define_space
from metalearn.learners.expressions import build

EVERY = [(task_type, name) for task_type in SPACE_NAMES for name in define_space(task_type).algorithms]
# What stands for a default that the hyperparameter's scale or meaning has no place for: ours, the library's.
STAND_INS = {
    ("hist_gradient_boosting", "l2_regularization"): (1e-10, 0),
    ("lightgbm", "reg_lambda"): (1e-10, 0),
    ("linear_svr", "epsilon"): (1e-3, 0),
    ("random_forest", "max_features"): (None, 1.0),
    ("extra_trees", "max_features"): (None, 1.0),
}


@pytest.fixture(scope="module", params=list(SPACE_NAMES))
def task_type(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def sampled(task_type: TaskType) -> tuple[Configuration, ...]:
    return define_space(task_type).sample(3000, np.random.default_rng(0))


def test_the_file_is_what_the_module_defines(task_type: TaskType) -> None:
    space = define_space(task_type)
    text = metadata_path("search_spaces", f"{SPACE_NAMES[task_type]}.json").read_text(encoding="utf-8")
    assert text == space.to_json()
    assert SearchSpace.from_json(text).to_json() == text
    assert space.name == SPACE_NAMES[task_type]


def test_the_default_is_a_random_forest_on_a_plain_table(task_type: TaskType) -> None:
    default = define_space(task_type).default()
    assert default == define_space(task_type).default("random_forest")
    choices = {n: default.hyperparameters[n] for n in ("encoding", "imputation", "reduction")}
    assert choices == {"encoding": "one_hot", "imputation": "mean", "reduction": "none"}


def _parameters(estimator: Any) -> dict[str, Any]:
    return {name: value for name, value in estimator.get_params().items() if "__" not in name}


@pytest.mark.parametrize(("task_type", "algorithm"), EVERY, scope="function")
def test_defaults_are_the_librarys(task_type: TaskType, algorithm: str) -> None:
    made = make_estimator(define_space(task_type).default(algorithm), seed=5)[-1]
    model = LEARNERS[algorithm].model(task_type)
    assert model is not None
    ours, bare = _parameters(getattr(made, "regressor", made)), _parameters(build(model.path)())
    differing = {name: (ours[name], bare.get(name)) for name in ours if ours[name] != bare.get(name)}
    assert differing.pop("random_state", (5,))[0] == 5
    for name, value in model.fixed.items():
        assert differing.pop(name, (value,))[0] == value
    assert all(STAND_INS[algorithm, name] == pair for name, pair in differing.items()), differing


def test_what_an_algorithm_has_no_use_for_is_inactive(sampled: tuple[Configuration, ...], task_type: TaskType) -> None:
    for configuration in sampled:
        algorithm, given = configuration.algorithm, configuration.hyperparameters
        assert ("imputation" in given) is (algorithm not in {"lightgbm", "hist_gradient_boosting"})
        assert ("scaling" in given) is LEARNERS[algorithm].scaled
        assert {"encoding", "reduction"} <= set(given)
        assert ("pca_variance" in given) is (given["reduction"] == "pca")
        assert ("percentile" in given) is (given["reduction"] == "univariate")
    trees = {"adaboost", "decision_tree", "extra_trees", "hist_gradient_boosting", "lightgbm", "random_forest"}
    unscaled = {c.algorithm for c in sampled if "scaling" not in c.hyperparameters}
    assert unscaled == trees
    assert {c.algorithm for c in sampled} == set(define_space(task_type).algorithms)


def test_gamma_is_active_only_as_a_value(sampled: tuple[Configuration, ...], task_type: TaskType) -> None:
    kernel = "svc" if task_type == "classification" else "svr"
    machines = [c.hyperparameters for c in sampled if c.algorithm == kernel]
    assert {h["gamma_kind"] for h in machines} == {"scale", "value"}
    assert all(("gamma" in h) == (h["gamma_kind"] == "value") for h in machines)
    assert not any("gamma" in c.hyperparameters for c in sampled if c.algorithm != kernel)


def test_most_configurations_reduce_nothing(sampled: tuple[Configuration, ...]) -> None:
    shares = [
        np.mean([c.hyperparameters["reduction"] == kind for c in sampled]) for kind in ("none", "pca", "univariate")
    ]
    np.testing.assert_allclose(shares, [0.7, 0.15, 0.15], atol=5 * math.sqrt(0.25 / len(sampled)))
