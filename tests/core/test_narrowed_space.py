"""What is left of a space when choices are taken away."""

import json

import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    NotEqualsCondition,
    OrConjunction,
)

from metalearn.core.narrowed_space import without_unreachable
from metalearn.core.spaces import SearchSpace
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.space import search_space


@pytest.fixture
def space():
    kind, count = Categorical("kind", ["a", "b", "c"]), Integer("count", (1, 5))
    both, either, among, deeper = (Float(name, (0, 1)) for name in ("both", "either", "among", "deeper"))
    made = ConfigurationSpace(space=[kind, count, both, either, among, deeper])
    made.add(
        AndConjunction(EqualsCondition(both, kind, "a"), GreaterThanCondition(both, count, 2)),
        OrConjunction(EqualsCondition(either, kind, "a"), EqualsCondition(either, kind, "b")),
        InCondition(among, kind, ["a", "b"]),
        GreaterThanCondition(deeper, both, 0.25),
        ForbiddenAndConjunction(ForbiddenInClause(kind, ["a", "c"]), ForbiddenInClause(count, [1, 2])),
        ForbiddenEqualsClause(kind, "b"),
    )
    return SearchSpace("odd-1", made)


@pytest.mark.parametrize(
    ("taken", "left", "n_forbidden"),
    [
        ("", {"kind", "count", "both", "either", "among", "deeper"}, 2),
        ("c", {"kind", "count", "both", "either", "among", "deeper"}, 2),
        ("b", {"kind", "count", "both", "either", "among", "deeper"}, 1),
        ("ab", {"kind", "count"}, 1),
    ],
)
def test_what_can_no_longer_be_active_goes_with_the_choice(space, taken, left, n_forbidden):
    document = json.loads(space.to_json())
    kind = next(h for h in document["space"]["hyperparameters"] if h["name"] == "kind")
    kind["choices"] = [choice for choice in kind["choices"] if choice not in taken]
    narrowed = SearchSpace.from_json(json.dumps(document))
    assert {h.name for h in narrowed.cube.hyperparameters} == left
    assert len(narrowed.config_space.forbidden_clauses) == n_forbidden
    drawn = narrowed.sample(50, np.random.default_rng(0))
    assert not {c.hyperparameters["kind"] for c in drawn} & set(taken)


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_each_algorithm_of_our_spaces_can_be_taken_away(task_type):
    space = search_space(task_type)
    for algorithm in space.algorithms:
        document = json.loads(space.to_json())
        choice = next(h for h in document["space"]["hyperparameters"] if h["name"] == "algorithm")
        choice["choices"].remove(algorithm)
        narrowed = SearchSpace.from_json(json.dumps(document))
        assert set(narrowed.algorithms) == set(space.algorithms) - {algorithm}
        assert not [h.name for h in narrowed.cube.hyperparameters if h.name.startswith(f"{algorithm}:")]


def test_a_whole_space_stays_as_it_is():
    for task_type in SPACE_NAMES:
        document = json.loads(search_space(task_type).to_json())["space"]
        assert without_unreachable(document) == document


@pytest.mark.parametrize(
    ("left", "active"), [("abc", {0, 1}), ("bc", {1}), ("ab", {0, 1}), ("a", {0})], ids=["all", "others", "some", "it"]
)
def test_what_depends_on_all_values_but_one_is_active_with_those_left(left, active):
    kind, x = Categorical("kind", ["a", "b", "c"]), Float("x", (0, 1))
    made = ConfigurationSpace(space=[kind, x])
    made.add(NotEqualsCondition(x, kind, "a"))
    document = json.loads(SearchSpace("unequal-1", made).to_json())
    next(h for h in document["space"]["hyperparameters"] if h["name"] == "kind")["choices"] = list(left)
    drawn = SearchSpace.from_json(json.dumps(document)).sample(40, np.random.default_rng(0))
    assert {int("x" in c.hyperparameters) for c in drawn} == active
    assert all(("x" in c.hyperparameters) == (c.hyperparameters["kind"] != "a") for c in drawn)


def test_a_default_outside_of_its_range_is_the_nearest_end():
    x = {"name": "x", "type": "uniform_float", "lower": 0.2, "upper": 0.4, "default_value": 0.5}
    assert without_unreachable({"hyperparameters": [x]})["hyperparameters"][0]["default_value"] == 0.4
