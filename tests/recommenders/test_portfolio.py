"""The greedy portfolio: lazily evaluated it is the plain one, prices count, and time in all is spent where it gains."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Constraints, Task, Trial
from metalearn.recommenders.auto import Auto
from metalearn.recommenders.portfolio import GreedyPortfolio, greedy_portfolio
from tests.recommenders.by_name import recommended


def plain(regrets, eligible, tried, k, weights, price):
    """Look at every configuration at every step."""
    best, chosen = regrets[:, tried].min(axis=1, initial=1.0), []
    remaining = set(np.flatnonzero(eligible).tolist())
    while len(chosen) < k and remaining:
        gain = {c: weights @ (best - np.minimum(best, regrets[:, c])) / price[c] for c in remaining}
        chosen.append(min(remaining, key=lambda c: (-round(gain[c], 10), weights @ regrets[:, c], c)))
        best = np.minimum(best, regrets[:, chosen[-1]])
        remaining.remove(chosen[-1])
    return chosen


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 120))
def test_looking_only_where_it_may_pay_finds_the_same(seed, n_tasks, n_configurations):
    rng = np.random.default_rng(seed)
    regrets = rng.random((n_tasks, n_configurations))
    eligible, tried = rng.random(n_configurations) < 0.8, rng.permutation(n_configurations)[: rng.integers(3)]
    eligible[tried] = False
    weights, price = rng.dirichlet(np.ones(n_tasks)), np.exp(rng.normal(size=n_configurations))
    expected = plain(regrets, eligible, tried, 7, weights, price)
    assert greedy_portfolio(regrets, eligible, tried, 7, weights, price).tolist() == expected


def test_a_little_less_gain_for_a_much_smaller_price_comes_first():
    regrets = np.array([[0.0, 0.1], [0.0, 0.1]])
    both, nothing = np.array([True, True]), np.zeros(0, dtype=int)
    assert greedy_portfolio(regrets, both, nothing, 2).tolist() == [0, 1]
    assert greedy_portfolio(regrets, both, nothing, 2, price=np.array([10.0, 1.0])).tolist() == [1, 0]


def test_with_seconds_in_all_the_cheap_ones_come_first():
    slow, quick, poor = (Configuration("s", name) for name in ("slow", "quick", "poor"))
    n = 20
    losses = np.tile([0.10, 0.11, 0.5], (n, 1))
    seconds = np.tile([50.0, 1.0, 1.0], (n, 1))
    past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(n)], [slow, quick, poor], cost_seconds=seconds)
    new = Task("new", "new", "classification")
    for method in (GreedyPortfolio(), Auto()):
        fitted = method.meta_fit(past, rng=np.random.default_rng(0))
        names = [r.configuration.algorithm for r in fitted.recommend(new, 3)]
        assert names[0] == "slow"
        hurried = fitted.recommend(new, 3, constraints=Constraints(total_seconds=100.0))
        assert hurried[0].configuration.algorithm == "quick"


def test_a_portfolio_covers_both_clusters():
    assert recommended("portfolio", planted_meta_dataset(), planted_task(0))[0] == "decent"
    assert set(recommended("portfolio", planted_meta_dataset(), planted_task(0))) == {"decent", "best_0", "best_1"}


def test_the_greedy_portfolio_is_optimal_step_by_step():
    rng = np.random.default_rng(0)
    regrets = rng.random((20, 8))
    chosen = greedy_portfolio(regrets, np.ones(8, dtype=bool), np.array([], dtype=int), 4).tolist()
    for step in range(4):
        value = {j: regrets[:, [*chosen[:step], j]].min(axis=1).mean() for j in range(8) if j not in chosen[:step]}
        assert chosen[step] == min(value, key=value.get)


def test_a_portfolio_goes_on_from_what_was_tried():
    past = planted_meta_dataset()
    best_0 = next(c for c in past.configurations if c.algorithm == "best_0")
    history = [Trial(best_0, loss=0.9, status="ok")]
    assert recommended("portfolio", past, planted_task(0), 1, history=history) == ["best_1"]


def test_a_portfolio_of_allowed_algorithms_only_is_built_from_them():
    only = Constraints(algorithms=("best_0", "noise_0"))
    assert recommended("portfolio", planted_meta_dataset(), planted_task(0), constraints=only) == ["best_0", "noise_0"]
