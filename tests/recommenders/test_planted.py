"""Planted answers and invariances that tell the methods apart; the checks that all share are in tests/conformance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Constraints, Task, Trial
from metalearn.core.registry import create
from metalearn.errors import InputError, UnknownNameError
from metalearn.recommenders.auto import MIN_FAMILIES
from metalearn.recommenders.knn import NearestTasks
from metalearn.recommenders.portfolio import greedy_portfolio


def recommended(name, past, task, k=3, **options):
    fitted = create("recommender", name).meta_fit(past, rng=np.random.default_rng(0))
    return [r.configuration.algorithm for r in fitted.recommend(task, k, **options)]


def test_average_rank_prefers_what_is_good_everywhere():
    past = planted_meta_dataset()
    assert recommended("average_rank", past, planted_task(0))[0] in ("decent", "best_0", "best_1")
    shifted = replace(past, loss=np.where(past.loss == 0.2, 0.05, past.loss))
    assert recommended("average_rank", shifted, planted_task(0))[0] == "decent"


def test_a_portfolio_covers_both_clusters():
    assert recommended("portfolio", planted_meta_dataset(), planted_task(0))[0] == "decent"
    assert set(recommended("portfolio", planted_meta_dataset(), planted_task(0))) == {"decent", "best_0", "best_1"}


@pytest.mark.parametrize("name", ["knn", "auto"])
@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster_where_average_rank_cannot(name, cluster):
    past = planted_meta_dataset(MIN_FAMILIES)
    assert recommended(name, past, planted_task(cluster))[0] == f"best_{cluster}"
    both = {recommended("average_rank", past, planted_task(c))[0] for c in (0, 1)}
    assert len(both) == 1  # it ignores the task, so it is wrong on one of the clusters


def test_random_search_draws_anew_for_each_seed():
    past = planted_meta_dataset()
    orders = set()
    for seed in range(20):
        fitted = create("recommender", "random").meta_fit(past, rng=np.random.default_rng(seed))
        orders.add(tuple(r.configuration.id for r in fitted.recommend(planted_task(0), 10)))
    assert len(orders) == 20


@pytest.mark.parametrize("name", ["average_rank", "knn"])
@settings(max_examples=15)
@given(scale=st.floats(0.1, 10), power=st.floats(0.3, 3))
def test_rank_methods_ignore_a_monotone_map_of_each_tasks_losses(name, scale, power):
    past = planted_meta_dataset()
    factor = 1 + scale * past.task_index
    mapped = replace(past, loss=factor * past.loss**power)
    assert recommended(name, mapped, planted_task(1), 10) == recommended(name, past, planted_task(1), 10)


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


def test_predictions_and_evidence_come_from_the_neighbours():
    fitted = NearestTasks(n_neighbors=2).meta_fit(planted_meta_dataset(), rng=np.random.default_rng(0))
    first = fitted.recommend(planted_task(1, 1), 1)[0]
    assert first.loss == pytest.approx(0.1)
    assert first.std == pytest.approx(0.0, abs=1e-7)
    assert len(first.evidence) == 2
    assert first.evidence[0].task_id in {f"openml-task-{i}" for i in range(1, 12, 2)}
    assert first.evidence[0].rank == 1.0
    assert first.evidence[0].loss == pytest.approx(0.1)
    assert first.evidence[0].distance <= first.evidence[1].distance


def test_a_task_with_gaps_is_compared_by_what_it_knows():
    past = planted_meta_dataset()
    gaps = np.array(past.meta_features)
    gaps[::3, 1] = np.nan  # of each cluster some tasks do not know the noise
    gaps[::5, 0] = np.nan  # and some do not know the cluster
    past = replace(past, meta_features=gaps)
    for cluster in (0, 1):
        new = Task("new", "new", "classification", meta_features={"cluster": 10.0 * cluster})
        assert recommended("knn", past, new)[0] == f"best_{cluster}"


def test_what_neighbours_agree_on_comes_first_and_then_what_serves_the_others():
    losses = [[0.1, 0.2, 0.9, 0.9]] * 3 + [[0.9, 0.8, 0.1, 0.7]] * 2
    tasks = [Task(str(i), f"openml-{i}", "classification", meta_features={"x": 1.0 + i / 100}) for i in range(5)]
    past = MetaDataset.from_matrix(losses, tasks, [Configuration("s", n) for n in "abcd"], feature_names=["x"])
    assert recommended("knn", past, tasks[2], 3) == ["a", "c", "b"]
    tried = [Trial(Configuration("s", "c"), loss=0.5, status="ok")]
    assert recommended("knn", past, tasks[2], 2, history=tried) == ["a", "b"]


def test_knn_without_meta_features_is_the_average_rank():
    past = planted_meta_dataset()
    bare = Task("bare", "bare", "classification")
    assert recommended("knn", past, bare, 10) == recommended("average_rank", past, bare, 10)


def test_one_evaluation_is_not_enough_to_be_the_best_on_average():
    lucky, solid, rest = (Configuration("s", name) for name in ("lucky", "solid", "rest"))
    losses = [[np.nan, 0.1, 0.5]] * 9 + [[0.05, 0.1, 0.5]]
    past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(10)], [lucky, solid, rest])
    assert recommended("average_rank", past, Task("t", "d", "classification"))[0] == "solid"


@pytest.mark.parametrize(
    ("past", "task", "method"),
    [
        (planted_meta_dataset(MIN_FAMILIES), planted_task(0), "task_mixture"),
        (planted_meta_dataset(MIN_FAMILIES), Task("bare", "bare", "classification"), "task_mixture"),
        (planted_meta_dataset(MIN_FAMILIES - 1), planted_task(0), "portfolio"),
        (MetaDataset.from_matrix([], [], []), planted_task(0), "defaults"),
    ],
)
def test_auto_says_what_it_takes_and_why(past, task, method):
    fitted = create("recommender", "auto").meta_fit(past, rng=np.random.default_rng(0))
    chosen, reason = fitted.explain(task)
    assert chosen == method
    assert len(reason.split()) > 5
    assert fitted.recommend(task, 3)


def test_auto_recommends_the_learners_defaults_from_nothing():
    names = recommended("auto", MetaDataset.from_matrix([], [], []), planted_task(0), 5)
    assert names[0] == "random_forest"
    assert len(set(names)) == 5
    without = Constraints(exclude=("random_forest",))
    assert "random_forest" not in recommended(
        "auto", MetaDataset.from_matrix([], [], []), planted_task(0), 99, constraints=without
    )


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        NearestTasks(n_neighbors=0)
    with pytest.raises(UnknownNameError):
        create("recommender", "nearest")
