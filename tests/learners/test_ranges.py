"""Every hyperparameter is one of its algorithm, over a range whose ends can be fitted."""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ConfigSpace.hyperparameters import CategoricalHyperparameter
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from metalearn.core.records import TaskType
from metalearn.learners.build import make_estimator
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.ranges import algorithm_spaces, choice, integer, make_space, real
from metalearn.learners.space import search_space

EVERY = [(task_type, name) for task_type in SPACE_NAMES for name in algorithm_spaces(task_type)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine make fits this small ten times slower."""
    with threadpool_limits(1):
        yield


def test_algorithms_are_sorted_and_of_their_task_type() -> None:
    names = {task_type: list(algorithm_spaces(task_type)) for task_type in SPACE_NAMES}
    assert all(found == sorted(found) for found in names.values())
    assert set(names["classification"]) - set(names["regression"]) == {
        "gaussian_nb",
        "lda",
        "linear_svc",
        "logistic_regression",
        "qda",
        "svc",
    }
    assert set(names["regression"]) - set(names["classification"]) == {"linear_svr", "svr"}


@pytest.mark.parametrize(("task_type", "algorithm"), EVERY)
def test_a_first_choice_is_the_default_and_numbers_lie_inside(task_type: TaskType, algorithm: str) -> None:
    space = algorithm_spaces(task_type)[algorithm]
    assert len(space) > 0
    for hyperparameter in space.values():
        if isinstance(hyperparameter, CategoricalHyperparameter):
            assert hyperparameter.default_value == hyperparameter.choices[0]
            assert len(set(hyperparameter.choices)) == len(hyperparameter.choices) > 1
        else:
            assert hyperparameter.lower <= hyperparameter.default_value <= hyperparameter.upper
            assert hyperparameter.lower < hyperparameter.upper


def test_weights_of_classes_are_for_classification_only() -> None:
    weighted = {t: {n for n, space in algorithm_spaces(t).items() if "class_weight" in space} for t in SPACE_NAMES}
    assert weighted["regression"] == set()
    assert {"svc", "lightgbm", "random_forest", "ridge"} < weighted["classification"]


@pytest.mark.parametrize(
    ("algorithm", "hyperparameter", "low", "middle", "high"),
    [
        ("svc", "gamma", 2**-15, 2**-6, 2**3),
        ("logistic_regression", "C", 2**-10, 1, 2**10),
        ("lightgbm", "colsample_bytree", 0.3, 0.65, 1),
        ("lightgbm", "num_leaves", 4, 32, 255),
        ("torch_mlp", "dropout", 0, 0.25, 0.5),
        ("k_nearest_neighbors", "n_neighbors", 1, 7, 50),
    ],
)
def test_the_middle_of_a_scale(algorithm: str, hyperparameter: str, low: float, middle: float, high: float) -> None:
    found = algorithm_spaces("classification")[algorithm][hyperparameter]
    assert [found.to_value(u) for u in (0.0, 0.5, 1.0)] == pytest.approx([low, middle, high])


@pytest.mark.parametrize("corner", [0.0, 1.0], ids=["low", "high"])
@pytest.mark.parametrize(("task_type", "algorithm"), EVERY)
def test_the_ends_of_every_range_fit(task_type: TaskType, algorithm: str, corner: float) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 5)), columns=list("abcde"))
    score = table["a"] + table["b"] ** 2
    y: Any = score if task_type == "regression" else np.where(score > 1, "up", "down")
    space = search_space(task_type)
    (configuration,) = space.from_unit_cube(np.full((1, len(space.encoding.columns)), corner), algorithm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        predicted = make_estimator(configuration, n_classes=2, fidelity=1 / 3).fit(table, y).predict(table)
    assert predicted.shape == (120,)
    assert set(predicted) <= {"up", "down"} if task_type == "classification" else np.isfinite(predicted).all()


def test_the_makers_of_hyperparameters() -> None:
    space = make_space(
        choice("kind", ["b", "a"], [0.75, 0.25]),
        integer("n", 1, 100, 5),
        integer("m", 1, 101, 5, log=False),
        real("x", 1e-4, 1, 0.1),
    )
    assert space["kind"].default_value == "b"
    assert dict(zip(space["kind"].choices, space["kind"].probabilities, strict=True)) == {"b": 0.75, "a": 0.25}
    assert [space[name].to_value(0.5) for name in "nmx"] == [10, 51, pytest.approx(math.sqrt(1e-4))]
    assert [space[name].default_value for name in "nmx"] == [5, 5, 0.1]
