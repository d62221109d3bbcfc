import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, ForbiddenEqualsClause, Integer
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.checks.optimizers import planted_space
from metalearn.core.encoded_space import EncodedSpace
from metalearn.core.spaces import SearchSpace
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.population import filled, lanes, new_proposal, reflected, to_unit_cube
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.state import Row, Table

PLANTED = planted_space().cube


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_unit_cube_is_the_inverse_of_from_unit_cube(seed):
    rng = np.random.default_rng(seed)
    rows = PLANTED.sample(50, rng)
    back = PLANTED.from_unit_cube(filled(to_unit_cube(PLANTED, rows), rng))
    np.testing.assert_allclose(back, rows, atol=1e-12)


def test_the_unit_cube_leaves_its_input_unchanged():
    rows = PLANTED.sample(20, np.random.default_rng(0))
    before = rows.copy()
    to_unit_cube(PLANTED, rows)
    np.testing.assert_array_equal(rows, before)


@given(st.floats(-1, 2))
def test_reflection_stays_inside_and_leaves_the_inside_alone(x):
    inside = reflected(np.array([x]))[0]
    assert 0 <= inside <= 1
    assert inside == pytest.approx(x if 0 <= x <= 1 else min(abs(x), abs(2 - x)))


def state_of(space, n_told=0):
    optimizer = AskTell(SearchSpace("s-1", space), RandomSearch(), rng=np.random.default_rng(0))
    optimizer.ask(max(n_told, 1))
    return optimizer.state()


def test_a_proposal_is_the_first_draw_that_is_allowed_and_new():
    space = ConfigurationSpace(space=[Integer("n", (1, 5), default=1)])
    space.add(ForbiddenEqualsClause(space["n"], 3))
    state = state_of(space)
    tried = state.pending.X[0, 0]
    new = next(x for x in (0.0, 0.25, 0.75, 1.0) if abs(x - tried) > 0.1)
    draws = iter([[0.5], [tried], [new], [0.5]])
    assert new_proposal(state, lambda: np.array(next(draws)), np.random.default_rng(0)).x == pytest.approx(new)
    assert list(draws) == [[0.5]]


def test_rows_that_are_taken_are_not_new():
    state = state_of(ConfigurationSpace(space=[Float("x", (0, 1))]))
    draws = iter([[0.25], [0.75]])
    found = new_proposal(state, lambda: np.array(next(draws)), np.random.default_rng(0), taken=np.array([[0.25]]))
    assert found.x == 0.75


def test_where_all_draws_are_known_it_is_one_at_random():
    state = state_of(ConfigurationSpace(space=[Float("x", (0, 1))]))
    found = new_proposal(state, lambda: state.pending.X[0], np.random.default_rng(0))
    assert found.x != state.pending.X[0]


def test_what_was_given_stands_in_for_the_members_that_are_never_proposed():
    numbers = (-1, -1, 0, 1, 2, 3, 4, 5)
    table = Table.of([Row(np.zeros(1), number=number) for number in numbers], 1)
    assert lanes(table, 4).tolist() == [3, 2, 0, 1, 2, 3, 0, 1]


def test_a_choice_is_hit_as_often_as_it_is_drawn():
    space = EncodedSpace(ConfigurationSpace(space=[Categorical("c", list("abc"), weights=[6, 3, 1])]))
    np.testing.assert_allclose(to_unit_cube(space, np.array([[0.0], [0.5], [1.0]]))[:, 0], [0.3, 0.75, 0.95])
