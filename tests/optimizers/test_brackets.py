"""Hyperband's table against the paper's, and promotion within brackets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metalearn.optimizers.brackets import Brackets, hyperband, successive_halving
from metalearn.optimizers.fidelities import fidelity_levels
from metalearn.optimizers.promotion import History, Promotion

# Algorithm 1 for R = 81, eta = 3: (number of configurations, resource) of each rung of each bracket.
GOLDEN = [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],
    [(15, 9), (5, 27), (1, 81)],
    [(8, 27), (2, 81)],
    [(5, 81)],
]


def history(losses, asked=None):
    losses = np.array(losses, dtype=float)
    return History(np.zeros((len(losses), 1)), losses, ~np.isnan(losses) if asked is None else np.array(asked))


def test_the_table_of_r_81_and_eta_3_is_the_papers():
    table = [[(rung.n, 81 * rung.fidelity) for rung in bracket] for bracket in hyperband(3, 4)]
    assert [[n for n, _ in bracket] for bracket in table] == [[n for n, _ in bracket] for bracket in GOLDEN]
    np.testing.assert_allclose(
        [r for bracket in table for _, r in bracket], [r for bracket in GOLDEN for _, r in bracket]
    )


def test_the_table_of_r_27_and_eta_3():
    """By hand: n = ceil(4 * 27 / 4), ceil(4 * 9 / 3), ceil(4 * 3 / 2), 4."""
    assert [[r.n for r in bracket] for bracket in hyperband(3, 3)] == [[27, 9, 3, 1], [12, 4, 1], [6, 2], [4]]


def test_another_eta_need_not_be_whole():
    """By hand for eta = 2.5, s_max = 2: ceil(6.25) = 7, then 7 / 2.5 = 2.8, 7 / 6.25 = 1.12; ceil(3.75) = 4; 3."""
    assert [[r.n for r in bracket] for bracket in hyperband(2.5, 2)] == [[7, 2, 1], [4, 1], [3]]


@given(st.integers(2, 5), st.integers(0, 6))
def test_every_bracket_costs_about_the_same_and_reaches_the_top(eta, s_max):
    levels = set(fidelity_levels(eta, float(eta) ** -s_max).tolist())
    for s, bracket in zip(range(s_max, -1, -1), hyperband(eta, s_max), strict=True):
        assert len(bracket) == s + 1
        assert bracket[-1].fidelity == 1.0
        assert bracket[-1].n >= 1
        assert {rung.fidelity for rung in bracket} <= levels
        cost = sum(rung.n * rung.fidelity for rung in bracket)
        # what floors take and the ceiling adds is at most one configuration's worth at each rung
        assert cost <= s_max + 1 + (s + 1) * eta


def test_a_bracket_of_one_rung_promotes_nothing():
    rule = Brackets(((successive_halving(3, 0, 3)),), 3)
    assert rule.promotion(history([[1.0], [2.0], [3.0]]), exhausted=False) is None


def test_a_rung_is_promoted_from_when_it_is_complete():
    rule = Brackets((successive_halving(3, 1, 3),), 3)
    nan = np.nan
    assert rule.promotion(history([[0.2, nan], [0.1, nan]]), exhausted=False) is None
    waiting = history([[0.2, nan], [0.1, nan], [nan, nan]], asked=[[1, 0], [1, 0], [1, 0]])
    assert rule.promotion(waiting, exhausted=False) is None
    complete = history([[0.2, nan], [0.1, nan], [0.3, nan]])
    assert rule.promotion(complete, exhausted=False) == Promotion(1, 1)
    promoted = history([[0.2, nan], [0.1, 5.0], [0.3, nan]])
    assert rule.promotion(promoted, exhausted=False) is None


def test_each_rung_is_ranked_by_its_own_losses():
    rule = Brackets((successive_halving(4, 2, 2),), 2)
    nan = np.nan
    losses = [[1, 6, nan], [2, 5, nan], [3, nan, nan], [4, nan, nan]]
    assert rule.promotion(history(losses), exhausted=False) == Promotion(1, 2)


def test_what_failed_is_never_promoted():
    inf, nan = np.inf, np.nan
    rule = Brackets((successive_halving(4, 1, 2),), 2)
    only = history([[inf, nan], [0.9, nan], [inf, nan], [inf, nan]])
    assert rule.promotion(only, exhausted=False) == Promotion(1, 1)
    only.asked[1, 1] = True
    assert rule.promotion(only, exhausted=False) is None
    assert rule.promotion(history([[inf, nan]] * 4), exhausted=False) is None


def test_equals_are_promoted_in_the_order_of_their_start():
    rule = Brackets((successive_halving(4, 1, 2),), 2)
    assert rule.promotion(history([[0.5, np.nan]] * 4), exhausted=False) == Promotion(0, 1)


def test_a_later_bracket_starts_higher_and_is_promoted_from_apart():
    brackets = hyperband(3, 1)  # 3 at 1/3 and 1 at 1; then 2 at 1
    rule = Brackets(brackets, 3)
    assert [[r.n for r in bracket] for bracket in brackets] == [[3, 1], [2]]
    assert [rule.start(n) for n in range(9)] == [0, 0, 0, 1, 1, 0, 0, 0, 1]
    nan = np.nan
    # the second pass through the table: configurations 5 to 7, of which the last is best
    losses = [[1, 1], [2, nan], [3, nan], [nan, 9], [nan, 9], [0.9, nan], [0.8, nan], [0.7, nan]]
    assert rule.promotion(history(losses), exhausted=False) == Promotion(7, 1)


def test_a_bracket_that_cannot_be_filled_shrinks():
    """Of 9 planned there are 6: 2 go on and none of them would be left for fidelity 1."""
    rule = Brackets((successive_halving(9, 2, 3),), 3)
    nan = np.nan
    losses = [[i, nan, nan] for i in range(6)]
    assert rule.promotion(history(losses), exhausted=False) is None
    assert rule.promotion(history(losses), exhausted=True) == Promotion(0, 1)
    losses[0][1], losses[1][1] = 1.0, 2.0
    assert rule.promotion(history(losses), exhausted=True) is None
