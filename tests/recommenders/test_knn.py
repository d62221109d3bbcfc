"""Nearest tasks: what was best on those that look alike, merged; by what both know; else the average rank."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task, Trial
from metalearn.errors import InputError
from metalearn.recommenders.auto import MIN_FAMILIES
from metalearn.recommenders.knn import NearestTasks
from tests.recommenders.by_name import recommended


@pytest.mark.parametrize("name", ["knn", "auto"])
@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster_where_average_rank_cannot(name, cluster):
    past = planted_meta_dataset(MIN_FAMILIES)
    assert recommended(name, past, planted_task(cluster))[0] == f"best_{cluster}"
    both = {recommended("average_rank", past, planted_task(c))[0] for c in (0, 1)}
    assert len(both) == 1  # it ignores the task, so it is wrong on one of the clusters


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


def test_no_neighbours_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        NearestTasks(n_neighbors=0)
