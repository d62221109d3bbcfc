"""A3R and the order of fronts: hand calculations, brute force, invariances, and what time is worth on real runtimes."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.checks import planted_meta_dataset, planted_task, recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Constraints, Task, Trial
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import AverageRank
from metalearn.recommenders.budgeted_rank import LossTimeRank, fronts
from metalearn.recommenders.tried import NOTHING_TRIED

NEW = Task("new", "new", "classification")


def history_of(losses, seconds=None, **options):
    pool = [Configuration("s", name) for name in "abcdefgh"[: len(losses[0])]]
    costs = None if seconds is None else np.array(seconds, dtype=float)
    return MetaDataset.from_matrix(
        losses, [f"openml-{i}" for i in range(len(losses))], pool, cost_seconds=costs, **options
    )


def recommended(past, k=9, task=NEW, recommender=None, options=None, **how):
    fitted = (recommender or LossTimeRank(**how)).meta_fit(past, rng=np.random.default_rng(0))
    return [r.configuration.algorithm for r in fitted.recommend(task, k, **(options or {}))]


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("recommender", [LossTimeRank(), LossTimeRank(pareto=True)], ids=repr)
def test_it_conforms(recommender, check):
    check(recommender)


def test_twice_the_time_needs_a_success_rate_one_percent_higher():
    """2 to the power of 1/64 is 1.0109."""
    for ratio, first in [(1.0105, "b"), (1.0113, "a")]:
        assert recommended(history_of([[1 - 0.8 * ratio, 1 - 0.8]], [[20.0, 10.0]]))[0] == first


@pytest.mark.parametrize("reference", range(6))
def test_the_order_is_that_of_the_average_rank_of_the_papers_ratio_whatever_the_reference(reference):
    rng = np.random.default_rng(3)
    losses, seconds = rng.uniform(0.05, 0.6, (7, 6)), np.exp(rng.normal(scale=4, size=(7, 6)))
    success = 1 - losses
    a3r = (success / success[:, [reference]]) / (seconds / seconds[:, [reference]]) ** (1 / 8)
    rank_sums = (a3r[:, :, None] < a3r[:, None, :]).sum(axis=(0, 2))
    assert len(set(rank_sums)) == 6  # no ties
    expected = ["abcdef"[i] for i in np.argsort(rank_sums)]
    past = history_of(losses, seconds)
    assert recommended(past, time_exponent=1 / 8) == expected
    assert recommended(past, recommender=AverageRank()) != expected


def test_without_costs_or_without_an_exponent_it_is_the_average_rank():
    past = planted_meta_dataset(missing=0.3)
    expected = recommended(past, recommender=AverageRank())
    assert recommended(past) == expected
    timed = replace(past, cost_seconds=np.random.default_rng(0).uniform(1, 1e6, len(past)))
    assert recommended(timed) != expected
    assert recommended(timed, time_exponent=0.0) == expected


def test_a_task_without_costs_counts_with_its_losses_alone():
    nan = [np.nan, np.nan]
    past = history_of([[0.100, 0.101], [0.100, 0.101], [0.100, 0.101]], [[900.0, 1.0], nan, nan])
    assert recommended(past) == ["a", "b"]
    assert recommended(past.select([True, False, False])) == ["b", "a"]


def test_an_unknown_time_is_neither_fast_nor_slow():
    past = history_of([[0.1, 0.1, 0.1]], [[100.0, np.nan, 1.0]])
    assert recommended(past) == ["c", "b", "a"]


@settings(max_examples=20)
@given(st.lists(st.floats(1e-1, 1e3), min_size=5, max_size=5))
def test_how_fast_the_machine_was_on_each_task_is_irrelevant(speeds):
    rng = np.random.default_rng(2)
    losses, seconds = rng.uniform(0.05, 0.6, (5, 8)), np.exp(rng.normal(scale=3, size=(5, 8))) + 0.1
    for how in ({}, {"pareto": True}):
        slower = history_of(losses, seconds * np.array(speeds)[:, None])
        assert recommended(slower, **how) == recommended(history_of(losses, seconds), **how)


def test_for_an_unbounded_loss_success_is_its_inverse_and_its_scale_irrelevant():
    losses, seconds = np.array([[1.00, 1.02, 5.0]]), [[64.0, 1.0, 1.0]]
    for scale in (1e-3, 1.0, 1e6):
        assert recommended(history_of(losses * scale, seconds, metric=METRICS["rmse"])) == ["b", "a", "c"]


def test_a_failure_ranks_last_however_fast_it_was():
    failed = np.array([[True, False, False]])
    past = history_of([[np.nan, 0.9, 1.0]], [[1e-9, 1e4, 0.0]], failed=failed)
    for how in ({}, {"pareto": True}):
        assert recommended(past, **how)[0] != "a"
    assert recommended(past) == ["b", "c", "a"]  # a success rate of 0 is the worst that is no failure


def test_fronts_are_those_of_peeling_off_what_nothing_dominates():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 8, (2, 40)).astype(float)
        pool = rng.random(40) < 0.8
        expected, left, number = np.full(40, 40), pool.copy(), 0
        while left.any():
            no_worse = (first[:, None] <= first) & (second[:, None] <= second) & left[:, None]
            better = (first[:, None] < first) | (second[:, None] < second)
            front = left & ~(no_worse & better).any(axis=0)
            expected[front] = number
            left, number = left & ~front, number + 1
        assert number > 3
        np.testing.assert_array_equal(fronts(first, second, pool), expected)


def test_pareto_goes_front_by_front_and_within_a_front_by_rank():
    """Ranks a < b < c < d; b and d are slower than a better one, c is the fastest."""
    past = history_of([[0.1, 0.2, 0.3, 0.4]] * 2, [[10.0, 20.0, 1.0, 15.0]] * 2)
    assert recommended(past, pareto=True) == ["a", "c", "b", "d"]
    assert recommended(past) == ["a", "b", "c", "d"]


def test_pareto_takes_the_fronts_of_what_may_be_recommended_and_of_what_was_tried():
    past = history_of([[0.1, 0.2, 0.3, 0.4]] * 2, [[10.0, 20.0, 30.0, 15.0]] * 2)
    assert recommended(past, pareto=True) == ["a", "b", "d", "c"]
    assert recommended(past, pareto=True, options={"constraints": Constraints(exclude=("b",))}) == ["a", "c", "d"]
    tried = [Trial(Configuration("s", name), loss=0.1, status="ok") for name in "ab"]
    assert recommended(past, pareto=True, options={"history": tried}) == ["d", "c"]


@pytest.mark.parametrize("how", [{}, {"pareto": True}])
def test_one_at_a_time_gives_the_same_list(how):
    rng = np.random.default_rng(3)
    past = history_of(rng.random((4, 8)), rng.random((4, 8)))
    history = []
    while answer := LossTimeRank(**how).meta_fit(past, rng=rng).recommend(NEW, 1, history=history):
        history.append(Trial(answer[0].configuration, loss=0.5, status="ok"))
    assert [t.configuration.algorithm for t in history] == recommended(past, **how)


def test_the_task_is_ignored():
    past = planted_meta_dataset()
    assert recommended(past, task=planted_task(0)) == recommended(past, task=planted_task(1))


@pytest.mark.parametrize("exponent", [-0.1, np.inf, np.nan])
def test_bad_options_are_refused(exponent):
    with pytest.raises(InputError, match="at least 0"):
        LossTimeRank(time_exponent=exponent)


def test_within_a_few_seconds_it_finds_more_than_the_average_rank(shared):
    """As its authors report: on OBOE's runtimes, at a small price after any number of trials."""
    matrices = []
    for name in ("error_matrix.csv", "runtime_matrix.csv"):
        with (shared / "data" / "oboe" / name).open() as file:
            header, *rows = csv.reader(file)
        matrices.append((header[1:], [r[0] for r in rows], np.array([[float(v) for v in r[1:]] for r in rows])))
    (names, ids, errors), (timed_names, timed_ids, seconds) = matrices
    assert (names, list(map(int, ids))) == (timed_names, list(map(int, timed_ids)))
    pool = [Configuration("oboe", name) for name in names]
    past = MetaDataset.from_matrix(errors, [f"openml-{int(i)}" for i in ids], pool, cost_seconds=seconds)
    losses, costs = past.performance_matrix(), past.cost_matrix()
    regrets = {"average": [], "a3r": []}
    for i in range(0, len(ids), 16):
        low, high = losses[i].min(), losses[i].max()
        training = past.select(np.arange(len(ids)) != i)
        for name, recommender in [("average", AverageRank()), ("a3r", LossTimeRank())]:
            fitted = recommender.meta_fit(training, rng=np.random.default_rng(0))
            order = fitted.order(past.tasks[i], np.ones(len(pool), dtype=bool), NOTHING_TRIED, len(pool))
            done = order[np.cumsum(costs[i, order]) <= 10.0]
            regrets[name].append((losses[i, done].min(initial=high) - low) / max(high - low, 1e-12))
    assert np.mean(regrets["a3r"]) < 0.5 * np.mean(regrets["average"])
