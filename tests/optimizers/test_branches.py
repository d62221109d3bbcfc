"""Branches that were not tried: those of a choice that is always made and that others depend on."""

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.branches import untried_branch
from metalearn.optimizers.state import Gaps, Row, State, Table

NOTHING = Table.of([], 4)


def space(weights=None):
    """Return a space of columns kind (a, b, c), plain (u, v), x where kind is a, and inner where kind is b."""
    found = ConfigurationSpace()
    kind, plain = Categorical("kind", ["a", "b", "c"], weights=weights), Categorical("plain", ["u", "v"])
    x, inner = Float("x", (0, 1)), Categorical("inner", ["s", "t"])
    found.add(kind, plain, x, inner, EqualsCondition(x, kind, "a"), EqualsCondition(inner, kind, "b"))
    return EncodedSpace(found)


def state(tried, cube, pending=(), candidates=None, gaps=None):
    """Return the state after the choices tried, by their number, as told and as pending trials."""
    told, waiting = (
        Table.of(
            [Row(np.array(cube.nearest(np.array([[number / 2, 0.0, 0.5, 0.0]]))[0]), loss=0.1) for number in of], 4
        )
        for of in (tried, pending)
    )
    n = len(tried) + len(pending)
    return State(cube, told, waiting, candidates, np.empty((0, 4)), n, n, 0, gaps or Gaps())


def kinds(found, n=50):
    """Return which kinds are drawn in n times; None for no branch."""
    drawn = [untried_branch(found, np.random.default_rng(seed)) for seed in range(n)]
    return {None if x is None else float(x[0]) for x in drawn}


def test_the_columns_are_as_the_tests_think():
    assert [c.hyperparameter for c in space().encoding.columns] == ["kind", "plain", "inner", "x"]


@pytest.mark.parametrize(
    ("tried", "pending", "left"),
    [([], [], {0.0, 0.5, 1.0}), ([0, 0], [], {0.5, 1.0}), ([0], [2], {0.5}), ([2, 0, 1], [], {None})],
)
def test_only_what_no_trial_was_of(tried, pending, left):
    assert kinds(state(tried, space(), pending)) == left


def test_choices_that_nothing_depends_on_or_that_are_not_always_made_are_no_branches():
    assert untried_branch(state([0, 1, 2], space()), np.random.default_rng(0)) is None


def test_a_choice_that_is_never_drawn_is_not_asked_for():
    assert kinds(state([0, 1], space(weights=[0.5, 0.5, 0.0]))) == {None}


def test_candidates_limit_the_branches():
    cube = space()
    rows = cube.sample(30, np.random.default_rng(0))
    without_c = rows[rows[:, 0] < 1]
    found = untried_branch(state([0], cube, candidates=without_c), np.random.default_rng(1))
    assert any(np.array_equal(found, row, equal_nan=True) for row in without_c)
    assert kinds(state([0], cube, candidates=without_c)) == {0.5}
    assert kinds(state([0], cube, candidates=rows[:0])) == {None}


def test_what_lies_in_a_gap_is_not_asked_for():
    cube = space()
    c = cube.nearest(np.array([[1.0, 0.0, 0.5, 0.5]]))[0]
    assert kinds(state([0], cube, gaps=Gaps().and_around(c, 1.2))) == {0.5}
