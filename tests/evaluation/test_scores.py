"""Scores against hand calculations and independent implementations, and the order that they put methods in."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from metalearn.evaluation.scores import (
    area_over_log_k,
    best_so_far,
    bootstrap_interval,
    known_seconds,
    log_k_weights,
    ndcg,
    regret_time_area,
    solved,
)

REGRETS = np.array([[0.5, 0.0, 1.0, 0.2], [0.0, 1.0, np.nan, 0.4]])


def test_best_so_far_keeps_the_best_and_a_list_that_ends_keeps_its_own():
    chosen = np.array([[2, 0, 1], [3, -1, -1]])
    np.testing.assert_array_equal(best_so_far(REGRETS, chosen), [[1, 0.5, 0], [0.4, 0.4, 0.4]])


def test_an_empty_list_has_what_it_starts_with():
    chosen = np.full((2, 3), -1)
    np.testing.assert_array_equal(best_so_far(REGRETS, chosen), np.ones((2, 3)))
    np.testing.assert_array_equal(best_so_far(REGRETS, chosen, np.array([4, 3]))[:, 2], [4, 3])


def test_seeds_are_a_leading_axis():
    chosen = np.array([[[0, 1], [1, 0]], [[1, 2], [3, 0]]])
    seconds = np.array([[1.0, 3.0, 9.0, 2.0], [4.0, 2.0, np.nan, 1.0]])
    for score in (
        lambda lists: best_so_far(REGRETS, lists),
        lambda lists: ndcg(1 - REGRETS, lists),
        lambda lists: regret_time_area(REGRETS, seconds, lists),
    ):
        np.testing.assert_array_equal(score(chosen), [score(chosen[0]), score(chosen[1])])


def test_a_task_is_solved_within_one_percent_ties_in_the_last_digits_included():
    within = (0.11 - 0.1) / (1.1 - 0.1)
    np.testing.assert_array_equal(solved(np.array([0.0, within, 0.01 + 1e-13, 0.0101])), [1, 1, 1, 0])


def test_ndcg_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    relevance, order = rng.random((5, 9)), np.array([rng.permutation(9) for _ in range(5)])
    found = ndcg(relevance, order)
    scores = np.empty_like(relevance)
    np.put_along_axis(scores, order, np.arange(9, 0, -1, dtype=float)[None], axis=1)
    for k in range(1, 10):
        expected = [ndcg_score(relevance[[t]], scores[[t]], k=k, ignore_ties=True) for t in range(5)]
        np.testing.assert_allclose(found[:, k - 1], expected)


def test_ndcg_by_hand_with_an_early_end_and_what_was_not_evaluated():
    relevance = np.array([[1.0, 0.5, np.nan]])
    ideal = 1 + 0.5 / np.log2(3)
    np.testing.assert_allclose(ndcg(relevance, np.array([[1, -1, -1]])), [[0.5, 0.5 / ideal, 0.5 / ideal]])
    np.testing.assert_allclose(ndcg(relevance, np.array([[0, 1, -1]])), [[1, 1, 1]])
    assert np.isnan(ndcg(np.zeros((1, 2)), np.array([[0, 1]]))).all()


def test_ndcg_of_a_longer_list_than_there_are_configurations():
    assert ndcg(np.array([[1.0, 0.5]]), np.array([[0, 1, -1, -1]])).tolist() == [[1, 1, 1, 1]]


def test_regret_time_area_by_hand():
    """From 1 s to 100 s, two decades: regret 1 until 10 s, 0.4 until 100 s."""
    regrets, seconds = np.array([[1.0, 0.4, 0.0]]), np.array([[1.0, 9.0, 90.0]])
    found = regret_time_area(regrets, seconds, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(found, [[1.0, (1 + 0.4) / 2, (1 + 0.4) / 2]])


def test_the_cheapest_is_the_cheapest_that_takes_any_time():
    regrets, seconds = np.array([[1.0, 0.4, 0.0]]), np.array([[0.0, 1.0, 9.0]])
    np.testing.assert_allclose(regret_time_area(regrets, seconds, np.array([[0, 1, 2]])), [[1.0, 0.4, 0.4]])


def test_seconds_of_what_was_not_evaluated_do_not_count():
    """From 1 s to 10 s, one decade: regret 1 until 9 s."""
    found = regret_time_area(np.array([[1.0, 0.4, np.nan]]), np.array([[1.0, 9.0, 50.0]]), np.array([[1, 0]]))
    np.testing.assert_allclose(found, 1 - 0.6 * (1 - np.log10(9)))


def test_a_fast_list_has_less_area_than_a_slow_one_with_the_same_regrets():
    regrets, seconds = np.array([[0.1, 0.1, 0.9]]), np.array([[1.0, 50.0, 10.0]])
    fast, slow = (regret_time_area(regrets, seconds, np.array([[c, 2]]))[0, -1] for c in (0, 1))
    assert fast == pytest.approx(0.1)
    assert slow > fast + 0.5


def test_regret_time_area_needs_the_seconds_of_what_was_evaluated():
    chosen = np.array([[0, 1]])
    assert np.isnan(regret_time_area(np.array([[0.0, 1.0]]), np.array([[1.0, np.nan]]), chosen)).all()
    assert np.isnan(regret_time_area(np.array([[0.0, 1.0]]), np.zeros((1, 2)), chosen)).all()
    unknown_elsewhere = regret_time_area(np.array([[0.0, 1.0, np.nan]]), np.array([[1.0, 9.0, np.nan]]), chosen)
    np.testing.assert_allclose(unknown_elsewhere, [[0, 0]])


def test_an_empty_list_has_the_whole_area():
    np.testing.assert_allclose(regret_time_area(np.array([[0.0, 1.0]]), np.array([[1.0, 9.0]]), np.array([[-1]])), 1)


def test_a_failure_without_seconds_costs_as_much_as_the_most_expensive():
    seconds, failed = np.array([[2.0, np.nan, np.nan], [np.nan] * 3]), np.array([[False, True, False], [True] * 3])
    np.testing.assert_array_equal(known_seconds(seconds, failed), [[2, 2, np.nan], [np.nan] * 3])


def test_the_area_over_log_k_is_the_integral():
    ks = np.array([1, 2, 3, 5, 10, 20])
    values = np.random.default_rng(0).random((4, 6))
    expected = np.trapezoid(values, np.log(ks), axis=1) / np.log(20)
    np.testing.assert_allclose(values @ log_k_weights(ks), expected)
    areas = area_over_log_k(values, ks)
    np.testing.assert_allclose(areas[:, -1], expected)
    np.testing.assert_array_equal(areas[:, 0], values[:, 0])
    np.testing.assert_allclose(areas[:, 3], np.trapezoid(values[:, :4], np.log(ks[:4]), axis=1) / np.log(5))


def test_the_area_of_a_constant_is_the_constant():
    np.testing.assert_allclose(area_over_log_k(np.full((2, 3), 0.3), [1, 4, 9]), 0.3)
    np.testing.assert_array_equal(log_k_weights([7]), [1])


def test_a_wider_level_gives_a_wider_interval():
    values, families = np.random.default_rng(0).random(30), [str(i) for i in range(30)]
    narrow, wide = (bootstrap_interval(values, families, np.random.default_rng(0), level=v) for v in (0.5, 0.99))
    assert wide[0] < narrow[0] < values.mean() < narrow[1] < wide[1]
