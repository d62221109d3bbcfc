from dataclasses import replace

import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    OrdinalHyperparameter,
)
from ConfigSpace.util import generate_grid
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.checks.optimizers import planted_space
from metalearn.core.encoded_space import EncodedSpace
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers import grid as module
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.grid import Grid, GridSearch, shuffled


def nested():
    """A space whose conditions look at a choice, at a whole number, and at two parents at once."""
    kind, n = Categorical("a_kind", ["x", "y", "z"]), Integer("b_n", (1, 3))
    deep, both = Float("c_deep", (0, 1)), OrdinalHyperparameter("d_both", [1, 2, 4])
    space = ConfigurationSpace(space=[kind, n, deep, both, Constant("e_fixed", 7)])
    space.add(
        InCondition(n, kind, ["y", "z"]),
        GreaterThanCondition(deep, n, 1),
        AndConjunction(EqualsCondition(both, kind, "z"), EqualsCondition(both, n, 3)),
    )
    return space


def sweep(space, method, n=10_000, **options):
    optimizer = AskTell(SearchSpace("s-1", space), method, rng=np.random.default_rng(0), **options)
    return [dict(trial.configuration.hyperparameters) for trial in optimizer.ask(n)]


def test_only_active_combinations_each_once_in_sorted_order():
    rows = [
        tuple(values.get(name) for name in ("a_kind", "b_n", "c_deep", "d_both"))
        for values in sweep(nested(), GridSearch(2))
    ]
    # Two levels of b_n, 1 and 3; at 3 two levels of c_deep; and d_both of all its three values below z only.
    assert rows == [
        ("x", None, None, None),
        ("y", 1, None, None),
        ("y", 3, 0, None),
        ("y", 3, 1, None),
        ("z", 1, None, None),
        *[("z", 3, deep, both) for deep in (0, 1) for both in (1, 2, 4)],
    ]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_it_is_the_grid_of_configspace(n):
    space = planted_space().config_space
    numbers = {h.name: n for h in space.values() if hasattr(h, "lower")}
    expected = {tuple(sorted(dict(c).items())) for c in generate_grid(space, numbers)}
    ours = {tuple(sorted(space_values(values).items())) for values in sweep_named(space, GridSearch(n))}
    assert len(ours) == len(expected)
    assert approximately(ours) == approximately(expected)


def approximately(rows):
    return {tuple((k, f"{v:.6g}" if isinstance(v, int | float) else str(v)) for k, v in row) for row in rows}


def space_values(values):
    return {name: value for name, value in values.items() if value is not None}


def sweep_named(space, method):
    search = SearchSpace("planted-1", space)
    trials = AskTell(search, method, rng=np.random.default_rng(0)).ask(10_000)
    return [search._to_named_values(trial.configuration) for trial in trials]


def test_one_value_of_a_number_is_its_default():
    space = ConfigurationSpace(space=[Float("x", (0, 1), default=0.3), Categorical("y", ["a", "b"])])
    assert sweep(space, GridSearch(n_per_number=1)) == [{"x": 0.3, "y": "a"}, {"x": 0.3, "y": "b"}]


def test_a_whole_number_with_few_values_has_them_all_and_no_value_comes_twice():
    space = ConfigurationSpace(space=[Integer("n", (1, 9), log=True)])
    assert [row["n"] for row in sweep(space, GridSearch(n_per_number=9))] == list(range(1, 10))
    few = [row["n"] for row in sweep(space, GridSearch(n_per_number=8))]
    assert few == sorted(set(few))
    assert {1, 9} <= set(few)


def test_shuffled_is_another_order_of_the_same():
    rows, mixed = sweep(nested(), GridSearch(3)), sweep(nested(), GridSearch(3, order="shuffled"))
    assert mixed != rows
    assert sorted(map(str, mixed)) == sorted(map(str, rows))


@settings(max_examples=25)
@given(st.integers(1, 150), st.integers(0, 2**63 - 1))
def test_shuffling_is_a_permutation(size, seed):
    assert sorted(shuffled(i, size, seed) for i in range(size)) == list(range(size))


def test_shuffling_is_uniform():
    first = np.array([shuffled(0, 10, seed) for seed in range(2_000)])
    counts = np.bincount(first, minlength=10)
    assert ((counts - 200) ** 2 / 200).sum() < 27.9  # chi-squared, 9 degrees of freedom, p = 0.001


def test_each_place_of_the_shuffled_order_is_looked_up_once(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "shuffled", lambda *place: calls.append(place) or shuffled(*place))
    sweep(nested(), GridSearch(3, order="shuffled"), n=10)
    assert len(calls) == len(set(calls)) == 10


def test_a_grid_too_large_to_hold():
    algorithm = Categorical("algorithm", [f"a{i}" for i in range(6)])
    numbers = [Float(f"a{i}:x{j:02}", (0, 1)) for i in range(6) for j in range(12)]
    space = ConfigurationSpace(space=[algorithm, *numbers])
    space.add(*(EqualsCondition(number, algorithm, number.name.split(":")[0]) for number in numbers))
    grid = Grid(EncodedSpace(space), 10)
    assert grid.size == 6 * 10**12
    assert grid.row(10**12 + 7)[0] == 1 / 5
    last = grid.row(grid.size - 1)
    assert np.nansum(last) == 13
    assert np.isfinite(last).sum() == 13
    wide = EncodedSpace(ConfigurationSpace(space=[Float(f"x{j:03}", (0, 1)) for j in range(60)]))
    assert Grid(wide, 10).size == 10**60
    asked = sweep(wide.config_space, GridSearch(10, order="shuffled"), n=3)
    assert len({str(values) for values in asked}) == 3


def test_forbidden_and_tried_combinations_are_skipped():
    space = ConfigurationSpace(space=[Integer("m", (1, 3), default=1), Integer("n", (1, 3), default=1)])
    space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(space["m"], 2), ForbiddenEqualsClause(space["n"], 2)))
    search = SearchSpace("s-1", space)
    warm = search.default()
    optimizer = AskTell(search, GridSearch(3), queue=[warm], rng=np.random.default_rng(0))
    values = [tuple(trial.configuration.hyperparameters.values()) for trial in optimizer.ask(20)]
    assert values == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (3, 3)]
    assert optimizer.ask() == ()


def test_candidates_are_tried_in_their_order():
    search = planted_space()
    candidates = search.sample(12, np.random.default_rng(1))
    optimizer = AskTell(search, GridSearch(), candidates=candidates, rng=np.random.default_rng(0))
    assert [trial.configuration for trial in optimizer.ask(20)] == list(candidates)
    mixed = AskTell(search, GridSearch(order="shuffled"), candidates=candidates, rng=np.random.default_rng(0)).ask(20)
    assert [trial.configuration for trial in mixed] != list(candidates)
    assert {trial.configuration for trial in mixed} == set(candidates)


def test_what_failed_is_not_tried_again():
    optimizer = AskTell(SearchSpace("s-1", nested()), GridSearch(2), rng=np.random.default_rng(0))
    optimizer.tell([replace(trial, status="crashed") for trial in optimizer.ask(4)])
    assert len({trial.configuration for trial in optimizer.ask(20) + optimizer.trials}) == 11


@pytest.mark.parametrize("options", [{"n_per_number": 0}, {"order": "random"}])
def test_bad_options(options):
    with pytest.raises(InputError):
        GridSearch(**options)
