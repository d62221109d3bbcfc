import numpy as np
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    Integer,
)
from scipy.stats.qmc import Sobol, discrepancy

from metalearn.core.encoded_space import EncodedSpace
from metalearn.core.spaces import SearchSpace
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.sobol import SobolSearch, sobol_point

SQUARE = EncodedSpace(ConfigurationSpace(space=[Float("x", (0, 1)), Float("y", (1e-3, 1e3), log=True)]))


def points(space, seed, n):
    return np.array([sobol_point(space, seed, i) for i in range(n)])


def test_it_is_scipys_sequence():
    expected = Sobol(2, scramble=True, rng=np.random.default_rng([3, 0])).random(64)
    np.testing.assert_allclose(points(SQUARE, 3, 64), expected)


def test_an_index_means_the_same_point_in_any_order_and_length():
    late = sobol_point(SQUARE, 5, 9_999)
    early = points(SQUARE, 5, 70)
    fresh = EncodedSpace(SQUARE.config_space)
    np.testing.assert_array_equal(sobol_point(fresh, 5, 69), early[69])
    np.testing.assert_array_equal(sobol_point(fresh, 5, 9_999), late)


def test_a_seed_scrambles():
    assert not np.allclose(points(SQUARE, 0, 8), points(SQUARE, 1, 8))


def test_it_fills_the_cube_more_evenly_than_random_draws():
    random = np.random.default_rng(0).random((128, 2))
    assert discrepancy(points(SQUARE, 0, 128)) < 0.2 * discrepancy(random)


def test_a_point_that_is_given_away_can_be_written_to():
    point = sobol_point(SQUARE, 0, 3)
    expected = point.copy()
    point[:] = -1
    np.testing.assert_array_equal(sobol_point(SQUARE, 0, 3), expected)


def test_conditions_and_choices():
    kind, x = Categorical("kind", ["a", "b"], weights=[0.75, 0.25]), Float("x", (0, 1))
    space = ConfigurationSpace(space=[kind, x])
    space.add(EqualsCondition(x, kind, "b"))
    rows = points(EncodedSpace(space), 0, 64)
    assert (rows[:, 0] == 0).sum() == 48  # the shares of the choices, exactly
    np.testing.assert_array_equal(np.isnan(rows[:, 1]), rows[:, 0] == 0)


def test_forbidden_points_are_skipped():
    space = ConfigurationSpace(space=[Integer("n", (1, 4)), Float("x", (0, 1))])
    space.add(ForbiddenEqualsClause(space["n"], 3))
    free = EncodedSpace(ConfigurationSpace(space=[Integer("n", (1, 4)), Float("x", (0, 1))]))
    expected = [row for row in points(free, 0, 128) if not np.isclose(row[0], 2 / 3)]
    np.testing.assert_array_equal(points(EncodedSpace(space), 0, len(expected)), expected)


def test_a_needle_in_a_forbidden_haystack_is_found():
    space = ConfigurationSpace(space=[Integer("n", (1, 1000), default=1000), Categorical("c", list("abcdefghij"))])
    space.add(ForbiddenInClause(space["n"], list(range(1, 1000))))
    row = sobol_point(EncodedSpace(space), 0, 40)
    assert row[1] == 1  # the columns are in the order of their names


def test_a_run_is_the_sequence():
    space = SearchSpace("square-1", SQUARE.config_space)
    optimizer = AskTell(space, SobolSearch(), rng=np.random.default_rng(0))
    asked = space.encode([trial.configuration for trial in optimizer.ask(20)])
    np.testing.assert_allclose(asked, points(space.cube, optimizer.seed, 20), atol=1e-9)
