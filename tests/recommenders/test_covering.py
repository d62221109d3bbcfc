"""Lists that cover what past tasks wish for: half a portfolio, half hedged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.recommenders.covering import STRICTNESS, Hedge, chances, diversified, reciprocal_ranks
from metalearn.recommenders.opinions import pooled


def hedged(regrets, wishes, weights, eligible, tried, k, price=None):
    return pooled([(Hedge(regrets, wishes, weights, tried), 1.0)], eligible, k, price)


def example(seed, n_tasks=5, n_configurations=9):
    rng = np.random.default_rng(seed)
    regrets = rng.random((n_tasks, n_configurations))
    ranks = (np.argsort(np.argsort(regrets, axis=1), axis=1) + 0.5) / n_configurations
    return regrets, ranks, rng.dirichlet(np.ones(n_tasks))


def test_chances_are_three_wishes_of_each_task():
    regrets, ranks, _ = example(0)
    found = chances(regrets, ranks)
    np.testing.assert_allclose(found[0], 1 - regrets)
    np.testing.assert_allclose(found[1], (1 - regrets) ** STRICTNESS)
    np.testing.assert_allclose(found[2], reciprocal_ranks(ranks))


@given(st.integers(0, 10_000))
def test_each_choice_gains_most_of_what_is_left_open(seed):
    regrets, ranks, weights = example(seed)
    wishes, eligible = chances(regrets, ranks), np.arange(9) > 0
    chosen = hedged(regrets, wishes, weights, eligible, np.array([0]), 4).tolist()
    done = [0]
    for winner in chosen:
        best = regrets[:, done].min(axis=1)
        left = weights * np.prod(1 - wishes[:, :, done], axis=2)
        gain = [
            1
            - weights @ np.minimum(best, regrets[:, c]) / (weights @ best)
            + (left * wishes[:, :, c]).sum() / left.sum()
            for c in range(9)
        ]
        assert gain[winner] == pytest.approx(max(gain[c] for c in range(9) if c not in done))
        done.append(winner)


def test_what_is_not_eligible_is_not_chosen_and_a_price_counts():
    regrets = np.array([[0.0, 0.05, 0.6], [0.0, 0.05, 0.6]])
    wishes, weights = chances(regrets, np.array([[0.2, 0.5, 0.8]] * 2)), np.array([0.5, 0.5])
    nothing, eligible = np.zeros(0, dtype=int), np.array([True, True, True])
    assert hedged(regrets, wishes, weights, eligible, nothing, 9)[0] == 0
    assert hedged(regrets, wishes, weights, eligible, nothing, 9, price=np.array([9.0, 1.0, 1.0]))[0] == 1
    assert hedged(regrets, wishes, weights, ~eligible, nothing, 9).tolist() == []
    assert sorted(hedged(regrets, wishes, weights, eligible, nothing, 9).tolist()) == [0, 1, 2]


def test_where_nothing_is_left_open_the_smaller_index_comes_first():
    regrets, wishes = np.zeros((2, 3)), np.ones((3, 2, 3))
    chosen = hedged(regrets, wishes, np.array([0.5, 0.5]), np.ones(3, dtype=bool), np.zeros(0, dtype=int), 3)
    assert chosen.tolist() == [0, 1, 2]


@given(st.integers(0, 10_000))
def test_each_of_a_diversified_list_satisfies_most_of_what_is_left(seed):
    regrets, _, weights = example(seed)
    satisfaction, eligible, done = 1 - regrets, np.arange(9) > 0, [0]
    for winner in diversified(satisfaction, weights, eligible, np.array([0]), 4).tolist():
        left = weights * np.prod(1 - satisfaction[:, done], axis=1)
        gains = {c: left @ satisfaction[:, c] for c in range(9) if c not in done}
        assert gains[winner] == pytest.approx(max(gains.values()))
        done.append(winner)
    assert len(done) == 5
