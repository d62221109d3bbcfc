"""The design starts with the defaults, is distinct and deterministic, and fills space, each algorithm its share."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.stats import qmc

from metalearn.core.records import Configuration, TaskType
from metalearn.learners import design as module
from metalearn.learners.defaults import default_configurations
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.design import design
from metalearn.learners.space import search_space


@pytest.fixture(scope="module", params=list(SPACE_NAMES))
def task_type(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def chosen(task_type: TaskType) -> tuple[tuple[Configuration, str], ...]:
    return design(task_type, rng=np.random.default_rng(0))


def test_200_distinct_configurations_that_are_valid(
    task_type: TaskType, chosen: tuple[tuple[Configuration, str], ...]
) -> None:
    assert len(chosen) == len({c.id for c, _ in chosen}) == 200
    for configuration, _ in chosen:
        search_space(task_type).validate(configuration)


def test_defaults_come_first(task_type: TaskType, chosen: tuple[tuple[Configuration, str], ...]) -> None:
    defaults = default_configurations(task_type)
    assert chosen[: len(defaults)] == tuple((c, "default") for c in defaults)
    assert {origin for _, origin in chosen[len(defaults) :]} == {"design"}


def test_equal_seeds_give_equal_designs_and_others_do_not(
    task_type: TaskType, chosen: tuple[tuple[Configuration, str], ...]
) -> None:
    assert design(task_type, rng=np.random.default_rng(0)) == chosen
    other = design(task_type, rng=np.random.default_rng(1))
    drawn = {c for c, origin in chosen if origin == "design"}
    assert len(drawn & {c for c, _ in other}) < 20
    assert len(other) == len({c.id for c, _ in other}) == 200


def test_each_algorithm_has_its_share(task_type: TaskType, chosen: tuple[tuple[Configuration, str], ...]) -> None:
    drawn = Counter(c.algorithm for c, origin in chosen if origin == "design")
    assert drawn == module._POINTS[task_type]
    assert set(drawn) == set(search_space(task_type).algorithms)
    assert drawn["lightgbm"] == drawn.most_common(1)[0][1]


def test_the_order_mixes_the_algorithms(task_type: TaskType, chosen: tuple[tuple[Configuration, str], ...]) -> None:
    drawn = [c.algorithm for c, origin in chosen if origin == "design"]
    # The larger algorithms turn up in both halves.
    half = len(drawn) // 2
    assert {"lightgbm", "torch_mlp", "extra_trees"} <= set(drawn[:half]) & set(drawn[half:])
    assert drawn != sorted(drawn)


@pytest.mark.parametrize("algorithm", ["lightgbm", "hist_gradient_boosting"])
def test_points_lie_more_evenly_than_random_ones(algorithm: str, task_type: TaskType) -> None:
    space = search_space(task_type)
    columns = space.encoding.columns
    numeric = [j for j, c in enumerate(columns) if c.kind == "numeric" and c.hyperparameter.startswith(f"{algorithm}:")]
    assert len(numeric) >= 4

    def discrepancies(configurations: list[Configuration]) -> Any:
        points = space.encode(configurations)[:, numeric]
        return np.array([qmc.discrepancy(column[:, None], method="L2-star") for column in points.T])

    designs, samples = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        drawn = [c for c, origin in design(task_type, rng=rng) if origin == "design" and c.algorithm == algorithm]
        random = space.from_unit_cube(rng.random((len(drawn), len(columns))), algorithm)
        designs.append(discrepancies(drawn))
        samples.append(discrepancies(list(random)))
    # In every hyperparameter, on average over seeds: less than two thirds of what random points have.
    assert (np.mean(designs, axis=0) < 2 / 3 * np.mean(samples, axis=0)).all()


def test_few_points_that_are_taken_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # A point may stand for a default or for what was drawn before: then more are drawn, as often as it takes.
    space = search_space("regression")
    taken: tuple[Configuration, ...] = ()
    for seed in range(12):
        found = module._fill("regression", "decision_tree", 1, np.random.default_rng(0), taken)
        assert len(found) == 1, seed
        assert found[0] not in taken
        space.validate(found[0])
        taken += tuple(found)
