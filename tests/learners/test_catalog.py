"""What the catalog says of an algorithm is what its library does."""

from dataclasses import replace
from inspect import signature

import pytest

from metalearn.core.algorithms import algorithm_names
from metalearn.core.records import TaskType
from metalearn.errors import ConfigurationError
from metalearn.learners import catalog
from metalearn.learners.catalog import LEARNERS, exceeded_limit, find_learner, missing_extra
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.expressions import build

MODELS = [
    pytest.param(name, task_type, id=f"{name}-{task_type}")
    for name, learner in LEARNERS.items()
    for task_type in SPACE_NAMES
    if learner.model(task_type)
]


def test_it_holds_every_known_algorithm() -> None:
    assert sorted(LEARNERS) == list(algorithm_names())
    assert all(learner.classifier or learner.regressor for learner in LEARNERS.values())


@pytest.mark.parametrize(("algorithm", "task_type"), MODELS)
def test_fixed_arguments_and_resources_are_the_estimators(algorithm: str, task_type: TaskType) -> None:
    learner = LEARNERS[algorithm]
    model = learner.model(task_type)
    assert model is not None
    parameters = signature(build(model.path)).parameters
    known = {*parameters, "verbosity"} if "kwargs" in parameters else {*parameters}  # LightGBM's own, passed through
    assert set(model.fixed) <= known
    if learner.resource == "rows":
        assert (learner.resource_argument, learner.full_resource) == ("", 0)
    else:
        assert parameters[learner.resource_argument].default == learner.full_resource


@pytest.mark.parametrize(("algorithm", "task_type"), MODELS)
def test_gaps_are_taken_where_the_estimator_takes_them(algorithm: str, task_type: TaskType) -> None:
    model = LEARNERS[algorithm].model(task_type)
    assert model is not None
    # Single trees and forests take gaps too, but not all of their criteria and splitters: they are filled.
    takes = build(model.path)().__sklearn_tags__().input_tags.allow_nan
    trees = {"decision_tree", "random_forest", "extra_trees", "adaboost"}
    assert LEARNERS[algorithm].takes_gaps == (takes and algorithm not in trees)


@pytest.mark.parametrize("algorithm", [name for name in LEARNERS if LEARNERS[name].classifier])
def test_probabilities_are_there_where_the_catalog_says_so(algorithm: str) -> None:
    model = LEARNERS[algorithm].classifier
    assert model is not None
    assert hasattr(build(model.path)(**model.fixed), "predict_proba") is LEARNERS[algorithm].has_probabilities


@pytest.mark.parametrize(
    ("algorithm", "n_rows", "n_classes", "words"),
    [
        ("svc", 20_001, 2, "svc is limited to 20000 rows; there are 20001"),
        ("svr", 30_000, None, "svr is limited to 20000 rows; there are 30000"),
        ("lightgbm", 1_000, 101, "lightgbm is limited to 100 classes; there are 101"),
        ("gradient_boosting", 100_001, 200, "gradient_boosting is limited to 100000 rows; there are 100001"),
        ("svc", 20_000, 1_000, None),
        ("lightgbm", 10**9, 100, None),
        ("lightgbm", 10**9, None, None),
        ("random_forest", 10**9, 10**4, None),
    ],
)
def test_a_limit_is_told_in_words(algorithm: str, n_rows: int, n_classes: int | None, words: str | None) -> None:
    assert exceeded_limit(algorithm, n_rows, n_classes) == words


def test_an_extra_is_missing_where_its_module_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(catalog, "find_spec", asked.append)  # finds nothing
    assert {name: missing_extra(name) for name in LEARNERS if missing_extra(name)} == {"torch_mlp": "torch"}
    assert set(asked) == {"torch"}
    assert missing_extra("weka.J48") is None
    monkeypatch.setattr(catalog, "find_spec", lambda name: name)
    assert missing_extra("torch_mlp") is None


def test_an_unknown_algorithm_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no learner for the algorithm 'SVC'; did you mean 'svc'\? Known: "):
        find_learner("SVC")


def test_a_learner_of_one_task_type_has_no_model_for_the_other() -> None:
    assert find_learner("svc").model("regression") is None
    assert find_learner("svr").model("classification") is None
    both = replace(find_learner("svc"), regressor=find_learner("svr").regressor)
    assert [both.model(task_type) for task_type in SPACE_NAMES] == [both.classifier, both.regressor]
