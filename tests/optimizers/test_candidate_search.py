"""Maximising acquisition functions: planted maxima in numbers, choices, conditions and forbidden corners."""

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    ForbiddenGreaterThanRelation,
    ForbiddenInClause,
    Integer,
    OrdinalHyperparameter,
)
from scipy.optimize import minimize

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.candidate_search import CandidateSearch


def cube(*hyperparameters, extra=()):
    space = ConfigurationSpace(space=list(hyperparameters))
    space.add(*extra)
    return EncodedSpace(space)


NOTHING = np.empty((0, 0))
PLANE = cube(Float("x", (0, 1)), Float("y", (0, 1)))
KIND = Categorical("kind", ["a", "b", "c", "d"])
DEEP = Float("deep", (0, 1))
MIXED = cube(
    KIND,
    Integer("n", (1, 9)),
    OrdinalHyperparameter("size", [1, 2, 4, 8, 16]),
    DEEP,
    extra=[EqualsCondition(DEEP, KIND, "c")],
)


def maximize(score, space, *, best=None, tried=None, seed=0, **options):
    empty = np.empty((0, len(space.encoding.columns)))
    best, tried = empty if best is None else best, empty if tried is None else tried
    return CandidateSearch(**options).maximize(score, space, best, tried, np.random.default_rng(seed))


def mixed_score(X):
    """Largest for kind c, n = 7, size 4 and deep = 0.123, one step at a time."""
    kind, n, size, deep = X.T
    inner = np.where(np.rint(3 * kind) == 2, 1 - np.abs(np.nan_to_num(deep, nan=9.0) - 0.123), 0.0)
    return inner - np.abs(8 * n - 6) - np.abs(4 * size - 2)


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_the_same_maximum_as_gradient_search_from_many_starts(seed):
    def bumps(X):
        x, y = np.atleast_2d(X).T
        return np.exp(-50 * ((x - 0.83) ** 2 + (y - 0.12) ** 2)) + 0.9 * np.exp(-9 * ((x - 0.2) ** 2 + (y - 0.7) ** 2))

    starts = np.random.default_rng(seed).random((40, 2))
    peer = max((minimize(lambda p: -bumps(p)[0], s, bounds=[(0, 1)] * 2) for s in starts), key=lambda r: -r.fun)
    found = maximize(bumps, PLANE, seed=seed)
    assert bumps(found)[0] == pytest.approx(-peer.fun, abs=1e-6)


def test_it_climbs_along_a_narrow_curved_ridge():
    def ridge(X):
        x, y = 2 * X.T
        return -100 * (y - x**2) ** 2 - (1 - x) ** 2

    assert -ridge(maximize(ridge, PLANE)[None])[0] < 0.01


@pytest.mark.parametrize("seed", range(4))
def test_local_search_finds_a_maximum_over_all_kinds_of_hyperparameters(seed):
    # Two candidates leave all the work to the local search.
    found = maximize(mixed_score, MIXED, seed=seed, n_global=2, n_starts=1, n_steps=60)
    np.testing.assert_allclose(found, [2 / 3, 6 / 8, 2 / 4, 0.123], atol=1e-3)


def test_local_search_needs_no_random_directions():
    found = maximize(mixed_score, MIXED, n_global=2, n_starts=1, n_steps=60, n_directions=0)
    np.testing.assert_allclose(found, [2 / 3, 6 / 8, 2 / 4, 0.123], atol=1e-3)


def test_steps_are_as_long_along_the_axes_as_in_random_directions():
    calls = []

    def score(X):
        calls.append(X)
        return -np.abs(X - 0.5).sum(axis=1)

    maximize(score, PLANE, n_starts=1, n_steps=1, n_directions=2000)
    candidates, near = calls
    moved = near - candidates[score(candidates).argmax()]
    np.testing.assert_allclose(np.abs(moved[:4]).max(axis=1), 0.1)
    np.testing.assert_allclose(moved[4:].std(axis=0), 0.1, rtol=0.05)


@pytest.mark.parametrize(
    "hyperparameter",
    [KIND, OrdinalHyperparameter("level", list(range(9))), Integer("n", (0, 4)), Integer("bit", (0, 1))],
    ids=lambda hyperparameter: hyperparameter.name,
)
def test_local_search_gets_to_every_value_from_any_other(hyperparameter):
    space = cube(hyperparameter)
    for target in np.linspace(0, 1, int(hyperparameter.size)):

        def score(X, target=target):
            off = np.abs(X[:, 0] - target)
            return -1.0 * (off > 1e-9) if hyperparameter is KIND else -off

        for seed in range(5):
            found = maximize(score, space, seed=seed, n_global=1, n_starts=1, n_directions=0)
            np.testing.assert_allclose(found, [target])


def test_a_constant_stays_what_it_is():
    space = cube(Constant("one", 7), Float("x", (0, 1)))
    found = maximize(lambda X: -np.abs(X[:, 1] - 0.3), space, best=space.default[None])
    np.testing.assert_allclose(found, [space.default[0], 0.3], atol=1e-3)


def test_local_search_ends_where_ever_smaller_steps_find_nothing_better():
    calls = []

    def flat(X):
        calls.append(len(X))
        return np.zeros(len(X))

    maximize(flat, PLANE, n_steps=100)
    assert len(calls) == 1 + 7  # the candidates, then steps of 0.1, 0.1 / 3, ... 1.4e-4


def test_candidates_near_the_best_change_few_choices_and_move_numbers_a_little():
    plane = CandidateSearch(n_global=1, n_near=4000).candidates(PLANE, np.full((1, 2), 0.5), np.random.default_rng(0))
    moved = plane[1:] - 0.5
    # Normal errors of scales log-uniform from 0.001 to 0.3; the mean logarithm of a standard normal size is -0.635.
    assert np.log(np.abs(moved)).mean() == pytest.approx((np.log(0.001) + np.log(0.3)) / 2 - 0.635, abs=0.08)
    assert moved.std() == pytest.approx(np.sqrt((0.3**2 - 0.001**2) / (2 * np.log(300))), rel=0.07)
    best = np.array([[2 / 3, 0.5, 0.5, 0.5]])
    mixed = CandidateSearch(n_global=1, n_near=4000).candidates(MIXED, best, np.random.default_rng(0))[1:]
    # One choice in four is drawn anew, of which about one in four, or in five, is the same again.
    assert (np.abs(mixed[:, 0] - best[0, 0]) > 1e-9).mean() == pytest.approx(3 / 16, abs=0.03)
    assert (np.abs(mixed[:, 2] - best[0, 2]) > 1e-9).mean() == pytest.approx(4 / 20, abs=0.03)
    # All others as often, those at the ends too.
    _, counts = np.unique(np.round(3 * mixed[:, 0]), return_counts=True)
    np.testing.assert_allclose(np.delete(counts / counts.sum(), 2), 1 / 16, atol=0.015)


def test_where_clauses_forbid_nearly_all_candidates_are_drawn_until_some_are_valid():
    n = Integer("n", (1, 50), default=50)
    space = cube(n, Float("x", (0, 1)), extra=[ForbiddenInClause(n, list(range(1, 50)))])
    rows = CandidateSearch(n_global=4).candidates(space, np.empty((0, 2)), np.random.default_rng(0))
    np.testing.assert_array_equal(rows[:, 0], np.ones(4))
    # Without such clauses they are spread evenly: one in each quarter of each hyperparameter's range.
    even = CandidateSearch(n_global=4).candidates(PLANE, np.empty((0, 2)), np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.floor(4 * even), axis=0), np.repeat(np.arange(4)[:, None], 2, axis=1))


def test_candidates_alone_do_without_local_search():
    with_search, without = (mixed_score(maximize(mixed_score, MIXED, n_steps=n)[None])[0] for n in (20, 0))
    assert with_search > without > -3


def test_what_is_inactive_stays_so_and_what_becomes_active_gets_a_value():
    def not_c(X):
        return -np.abs(X[:, 0] - 1 / 3)

    assert np.isnan(maximize(not_c, MIXED)[3])
    assert not np.isnan(maximize(mixed_score, MIXED)[3])


def test_every_row_it_scores_is_valid_and_allowed():
    a, b = Integer("a", (1, 6)), Integer("b", (1, 6))
    space = cube(a, b, KIND, extra=[ForbiddenGreaterThanRelation(a, b), ForbiddenEqualsClause(KIND, "c")])
    seen = []

    def score(X):
        seen.append(X.copy())
        return X[:, 0] - X[:, 1] - np.abs(X[:, 2] - 2 / 3)

    found = maximize(score, space, best=np.array([[0.4, 0.4, 1.0]]))
    rows = np.concatenate(seen)
    assert space.allowed(rows).all()
    np.testing.assert_allclose(space.nearest(rows), rows, atol=1e-9)
    # a = b is the best that is allowed, next to the forbidden choice.
    assert found[0] == pytest.approx(found[1])
    assert np.rint(3 * found[2]) in (1, 3)


def test_it_looks_near_the_best_known():
    peak = np.array([0.61803, 0.27182])

    def needle(X):
        return -np.log(np.linalg.norm(X - peak, axis=1) + 1e-9)

    far, near = (
        needle(maximize(needle, PLANE, best=best, n_global=1, n_steps=0)[None])[0] for best in (None, peak[None] + 0.01)
    )
    assert near > far + 1


def test_what_was_tried_is_not_proposed_again_but_the_next_best_is():
    space = cube(Integer("n", (0, 4)))
    order = []
    for _ in range(5):
        tried = np.array(order).reshape(-1, 1)
        order.append(maximize(lambda X: -np.abs(X[:, 0] - 0.8), space, tried=tried))
    np.testing.assert_allclose(np.concatenate(order), [0.75, 1.0, 0.5, 0.25, 0.0])
    assert maximize(lambda X: X[:, 0], space, tried=np.array(order)) is None


def test_of_equal_scores_the_farthest_from_what_was_tried_wins():
    def cell(X):
        return (X[:, 0] > 0.5) * 1.0

    found = maximize(cell, PLANE, tried=np.array([[0.5, 0.5], [0.9, 0.1]]))
    assert found[0] > 0.8
    assert found[1] > 0.8


def test_a_flat_function_is_no_obstacle():
    assert maximize(lambda X: np.full(len(X), -np.inf), MIXED) is not None
    assert maximize(lambda X: np.zeros(len(X)), MIXED) is not None


def test_it_is_deterministic_and_scores_in_few_calls():
    calls = []

    def score(X):
        calls.append(len(X))
        return mixed_score(X)

    np.testing.assert_array_equal(maximize(score, MIXED), maximize(mixed_score, MIXED))
    assert len(calls) <= 21
    assert not np.array_equal(maximize(mixed_score, MIXED, seed=1), maximize(mixed_score, MIXED))
