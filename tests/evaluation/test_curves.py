"""Score curves: golden values, and where a score is not defined."""

from dataclasses import replace

import numpy as np

from metalearn.checks import planted_meta_dataset
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration
from metalearn.evaluation.benchmark import Settings, run_bench
from metalearn.evaluation.curves import SCORES, Worth, score

POOL = sorted((Configuration("s", name) for name in "abcd"), key=lambda c: c.id)


def meta_dataset(losses, failed=None, costs=None, **options):
    names = [f"openml-{i}" for i in range(len(losses))]
    failed = None if failed is None else np.array(failed)
    costs = None if costs is None else np.array(costs)
    return MetaDataset.from_matrix(losses, names, POOL, failed=failed, cost_seconds=costs, **options)


def scores(data, chosen, ks=(1, 2)):
    return score(Worth.of(data), np.array(chosen), ks, np.ones(len(data.tasks), dtype=bool))


def test_all_scores_by_hand():
    """One task; tried are the second best, then the best."""
    found = scores(meta_dataset([[0.1, 0.2, 0.3, 0.5]], costs=[[8.0, 1.0, 41.0, 50.0]]), [[[1, 0]]])
    np.testing.assert_allclose(found["normalized_regret"], [[0.25, 0]])
    np.testing.assert_allclose(found["area_over_log_k"], [[0.25, 0.125]])
    np.testing.assert_allclose(found["regret_against_median"], [[0.1 / 0.15, 0]])
    np.testing.assert_allclose(found["rank"], [[2, 1]])
    discounted = (0.75 + 1 / np.log2(3)) / (1 + 0.75 / np.log2(3))
    np.testing.assert_allclose(found["ndcg"], [[0.75, discounted]])
    np.testing.assert_allclose(found["solved"], [[0, 1]])
    until_nine = np.log(9) / np.log(100)
    np.testing.assert_allclose(found["regret_time_area"], [[0.25, 0.25 * until_nine]])


def test_a_failure_is_last_and_as_bad_as_the_reference():
    found = scores(meta_dataset([[0.1, np.nan, 0.3, 0.5]], [[False, True, False, False]]), [[[1, 2]]])
    np.testing.assert_allclose(found["normalized_regret"], [[1, 0.5]])
    np.testing.assert_allclose(found["rank"], [[4, 2]])
    np.testing.assert_allclose(found["ndcg"][0, 0], 0)


def test_ties_share_their_rank():
    np.testing.assert_allclose(scores(meta_dataset([[0.1, 0.2, 0.2, 0.5]]), [[[2, 3]]])["rank"], [[2.5, 2.5]])


def test_where_half_are_the_best_the_median_is_no_reference():
    found = scores(meta_dataset([[0.1, 0.1, 0.1, 0.5], [0.1, 0.2, 0.3, 0.4]]), [[[3, 0], [3, 0]]])
    np.testing.assert_allclose(found["regret_against_median"], [[np.nan, np.nan], [1, 0]])
    ended = scores(meta_dataset([[0.1, 0.1, 0.1, 0.5]]), [[[-1, -1]]])
    assert np.isnan(ended["regret_against_median"]).all()


def test_for_an_unbounded_metric_both_regrets_are_against_the_median():
    found = scores(meta_dataset([[0.1, 0.2, 0.3, 50.0]], metric=METRICS["log_loss"]), [[[1, 2]]])
    np.testing.assert_allclose(found["normalized_regret"], found["regret_against_median"])


def test_seeds_are_averaged_within_a_task():
    found = scores(meta_dataset([[0.1, 0.2, 0.3, 0.5]]), [[[0]], [[3]]], ks=(1,))
    assert {name: found[name].item() for name in ("normalized_regret", "rank", "solved")} == {
        "normalized_regret": 0.5,
        "rank": 2.5,
        "solved": 0.5,
    }


def test_a_k_beyond_the_pool_is_the_pool():
    found = scores(meta_dataset([[0.1, 0.2, 0.3, 0.5]]), [[[3, 2, 1, 0]]], ks=(3, 4, 1000))
    np.testing.assert_allclose(found["normalized_regret"], [[0.25, 0, 0]])


def test_tasks_that_were_not_tested_have_no_score():
    data = meta_dataset([[0.1, 0.2, 0.3, 0.5]] * 2)
    found = score(Worth.of(data), np.array([[[0], [0]]]), (1,), np.array([True, False]))
    assert list(found) == list(SCORES)
    assert all(np.isnan(values[1]).all() for values in found.values())


def test_scores_put_methods_in_the_right_order():
    """On planted tasks the nearest know the best, the average knows the decent, and chance knows nothing."""
    past = planted_meta_dataset()
    timed = replace(past, cost_seconds=np.random.default_rng(0).uniform(5, 6, len(past)))
    found = run_bench(timed, ["knn", "average_rank", "random"], Settings(ks=(1, 2), n_folds=4))
    for name in SCORES:
        knn, average, chance = (float(found.scores[m][name][:, -1].mean()) for m in found.scores)
        if name in ("ndcg", "solved"):
            assert knn > chance, name
            assert average > chance or name == "solved"
        else:
            assert knn < average < chance, name
