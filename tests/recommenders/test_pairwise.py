"""Pairwise votes against a count by hand, where they differ from mean ranks, and their edge cases."""

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task, recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.errors import InputError
from metalearn.recommenders import pairwise
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.pairwise import PairwiseVotes, votes
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.tried import NOTHING_TRIED

BARE = Task("bare", "bare", "classification")


def matrix(losses, **options):
    pool = sorted((Configuration("s", "a", {"i": i}) for i in range(len(losses[0]))), key=lambda c: c.id)
    return MetaDataset.from_matrix(losses, [f"openml-{i:03}" for i in range(len(losses))], pool, **options)


def fit(past, **options):
    return PairwiseVotes(**options).meta_fit(past, rng=np.random.default_rng(0))


def order(past, task=BARE):
    n = len(past.configurations)
    return fit(past, n_trees=20).order(task, np.ones(n, dtype=bool), NOTHING_TRIED, n).tolist()


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
def test_it_conforms(check):
    check(PairwiseVotes())


def test_votes_are_counted_pair_by_pair_over_the_tasks_that_evaluated_both():
    rng = np.random.default_rng(0)
    losses = rng.integers(0, 4, size=(12, 6)).astype(float)  # with ties
    losses[rng.random(losses.shape) < 0.3] = np.nan
    losses[:, 5] = np.where(np.arange(12) < 6, losses[:, 5], np.nan)
    losses[:6, 4] = np.nan  # 4 and 5 never meet
    weights = rng.random(12)
    wins, margins = np.zeros(6), np.zeros(6)
    for i in range(6):
        for j in range(6):
            met = [t for t in range(12) if i != j and np.isfinite(losses[t, i] + losses[t, j])]
            total = sum(weights[t] for t in met)
            ahead = sum(weights[t] * ((losses[t, i] < losses[t, j]) + (losses[t, i] == losses[t, j]) / 2) for t in met)
            share = ahead / total if met else 0.5
            wins[i] += np.sign(round(share - 0.5, 9))
            margins[i] += 2 * share - 1
    found = votes(PastTasks(matrix(losses)).ranks, weights)
    np.testing.assert_array_equal(found[0], wins)
    np.testing.assert_allclose(found[1], margins, atol=1e-12)


def test_what_beats_every_other_comes_first_though_its_mean_rank_is_not_the_best():
    # 0 beats each of the others on 3 of 5 tasks and is the last on 2; 1 is never far behind.
    losses = [[0.1, 0.2, 0.3, 0.4, 0.5]] * 3 + [[0.9, 0.1, 0.2, 0.3, 0.4]] * 2
    past = matrix(losses)
    assert average_rank(PastTasks(past).ranks).argmin() == 1
    assert order(past) == [0, 1, 2, 3, 4]


def test_equal_votes_go_to_the_larger_margins():
    # 0 beats 1, 1 beats 2, 2 beats 0, with margins of 0.2, 0.4 and 0.4.
    losses = [[0.1, 0.2, 0.3]] * 3 + [[0.2, 0.3, 0.1]] * 3 + [[0.3, 0.1, 0.2]] * 4
    wins, margins = votes(PastTasks(matrix(losses)).ranks, np.full(10, 0.1))
    assert wins.tolist() == [0, 0, 0]
    np.testing.assert_allclose(margins, [-0.2, 0.2, 0.0], atol=1e-12)
    assert order(matrix(losses)) == [1, 2, 0]


@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster(cluster):
    found = fit(planted_meta_dataset(24)).recommend(planted_task(cluster), 2)
    assert [r.configuration.algorithm for r in found] == [f"best_{cluster}", "decent"]


def test_pairs_that_no_like_task_has_evaluated_are_decided_by_the_others():
    past = planted_meta_dataset(24)
    losses = past.performance_matrix()
    names = [c.algorithm for c in past.configurations]
    first, second = names.index("noise_0"), names.index("noise_1")
    one = past.meta_features[:, past.feature_names.index("cluster")] > 0
    losses[:, first], losses[:, second] = 0.7, 0.8
    losses[one, first] = np.nan  # never met on the tasks of cluster 1
    swapped = MetaDataset.from_matrix(losses, past.tasks, past.configurations, feature_names=past.feature_names)
    found = [r.configuration.algorithm for r in fit(swapped).recommend(planted_task(1), 10)]
    assert found.index("noise_0") < found.index("noise_1")


def test_a_failure_loses_to_what_worked_and_ties_with_a_failure():
    failed = np.array([[True, True, False], [True, True, False]])
    past = matrix([[np.nan, np.nan, 0.9]] * 2, failed=failed)
    wins, margins = votes(PastTasks(past).ranks, np.array([0.5, 0.5]))
    assert wins.tolist() == [-1, -1, 2]
    assert margins.tolist() == [-1, -1, 2]


def test_a_monotone_map_of_each_tasks_losses_changes_nothing():
    rng = np.random.default_rng(4)
    losses = rng.random((15, 8))
    assert order(matrix(losses)) == order(matrix((losses * rng.uniform(1, 9, size=(15, 1))) ** 3))


def test_only_so_many_take_part_and_the_others_follow_by_mean_rank(monkeypatch):
    losses = np.random.default_rng(5).random((20, 9)) + np.arange(9)[::-1] / 5
    everyone = order(matrix(losses))
    monkeypatch.setattr(pairwise, "MAX_CONTESTANTS", 4)
    few = order(matrix(losses))
    best = np.argsort(PastTasks(matrix(losses)).ranks.mean(axis=0))
    assert sorted(few[:4]) == sorted(best[:4])
    assert few[4:] == best[4:].tolist()
    assert sorted(few) == sorted(everyone)


def test_what_nobody_evaluated_comes_last():
    losses = np.random.default_rng(6).random((10, 5))
    losses[:, 1] = np.nan
    assert order(matrix(losses))[-1] == 1


def test_at_least_one_tree_is_needed():
    with pytest.raises(InputError, match="n_trees must be at least 1"):
        PairwiseVotes(n_trees=0)
