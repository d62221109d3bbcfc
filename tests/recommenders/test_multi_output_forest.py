"""The multi-output forest: what it predicts, its edge cases, and its figures on real errors."""

import csv

import numpy as np
import pytest
from sklearn.tree import ExtraTreeRegressor

from metalearn.checks import planted_meta_dataset, planted_task, recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.core.transforms import RobustScaler
from metalearn.errors import InputError
from metalearn.recommenders.multi_output_forest import FittedMultiOutputForest, MultiOutputForest
from metalearn.recommenders.task_forest import GROWN_SHARE, MIN_LEAF
from metalearn.recommenders.tried import NOTHING_TRIED

BARE = Task("bare", "bare", "classification")


def fit(past, **options):
    return MultiOutputForest(**options).meta_fit(past, rng=np.random.default_rng(0))


def algorithms(fitted, task, k=10):
    return [r.configuration.algorithm for r in fitted.recommend(task, k)]


def described(losses, seed=0, n_features=3, **options):
    """A meta-dataset whose tasks have random meta-features; column j is configuration j."""
    features = np.random.default_rng(seed).normal(size=(len(losses), n_features))
    names = [f"f{j}" for j in range(n_features)]
    tasks = [
        Task(f"{i:03}", f"openml-{i:03}", "classification", meta_features=dict(zip(names, row, strict=True)))
        for i, row in enumerate(features)
    ]
    pool = sorted((Configuration("s", "a", {"i": i}) for i in range(len(losses[0]))), key=lambda c: c.id)
    return MetaDataset.from_matrix(losses, tasks, pool, feature_names=names, **options)


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("recommender", [MultiOutputForest(), MultiOutputForest("rank")], ids=["regret", "rank"])
def test_it_conforms(recommender, check):
    check(recommender)


def test_it_orders_by_the_predictions_of_scikit_learns_trees():
    losses = np.random.default_rng(1).random((40, 7))
    past = described(losses)
    regrets = (losses - losses.min(axis=1)[:, None]) / np.ptp(losses, axis=1)[:, None]
    scaled = RobustScaler.fit(past.meta_features).transform(past.meta_features)
    rng, predictions = np.random.default_rng(0), np.zeros((40, 7))
    for _ in range(5):
        used = np.isin(np.arange(40), rng.permutation(40)[: round(GROWN_SHARE * 40)])
        seed = int(rng.integers(2**31))
        tree = ExtraTreeRegressor(min_samples_leaf=MIN_LEAF, max_features=3, random_state=seed)
        predictions += tree.fit(scaled[used], regrets[used]).predict(scaled) / 5
    fitted = fit(past, n_trees=5)
    for row in range(10):
        order = fitted.order(past.tasks[row], np.ones(7, dtype=bool), NOTHING_TRIED, 7)
        assert order.tolist() == np.argsort(predictions[row]).tolist()


@pytest.mark.parametrize("target", ["regret", "rank"])
@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster(target, cluster):
    fitted = fit(planted_meta_dataset(24), target=target)
    assert algorithms(fitted, planted_task(cluster), 2) == [f"best_{cluster}", "decent"]


def test_regrets_punish_what_is_sometimes_very_bad_and_ranks_do_not():
    losses = [[0.10, 0.11, 0.9], [0.10, 0.11, 0.9], [0.9, 0.12, 0.11]] * 10
    past = described(losses, n_features=1)
    assert fit(past).order(BARE, np.ones(3, dtype=bool), NOTHING_TRIED, 3)[0] == 1
    assert fit(past, target="rank").order(BARE, np.ones(3, dtype=bool), NOTHING_TRIED, 3)[0] == 0


def test_a_task_without_meta_features_gets_the_smallest_mean_regret():
    losses = np.random.default_rng(2).random((30, 6))
    regrets = (losses - losses.min(axis=1)[:, None]) / np.ptp(losses, axis=1)[:, None]
    order = fit(described(losses)).order(BARE, np.ones(6, dtype=bool), NOTHING_TRIED, 6)
    assert order.tolist() == np.argsort(regrets.mean(axis=0)).tolist()


def test_one_lucky_evaluation_does_not_come_first_and_none_comes_last():
    losses = np.random.default_rng(3).uniform(0.3, 0.4, size=(30, 5))
    losses[:, 2] = 0.2
    losses[:, 3] = np.nan
    losses[7, 3] = 0.1  # once evaluated, once the best
    losses[:, 4] = np.nan
    fitted = fit(described(losses))
    for task in (*fitted.past.meta_dataset.tasks[:5], BARE):
        order = fitted.order(task, np.ones(5, dtype=bool), NOTHING_TRIED, 5).tolist()
        assert order[0] == 2
        assert order[-1] == 4


def test_evidence_comes_from_tasks_that_share_leaves():
    first = fit(planted_meta_dataset(24)).recommend(planted_task(1, 1), 1)[0]
    assert first.loss == pytest.approx(0.1)
    assert {e.task_id for e in first.evidence} <= {f"openml-task-{i}" for i in range(1, 24, 2)}
    assert all(0 <= e.distance < 1 for e in first.evidence)


def test_files_give_back_the_forest_and_the_target(tmp_path):
    fitted = fit(planted_meta_dataset(24, missing=0.2), target="rank", n_trees=10)
    fitted.save(tmp_path)
    loaded = FittedMultiOutputForest.load(tmp_path)
    assert loaded.target == "rank"
    for cluster in (0, 1):
        assert loaded.recommend(planted_task(cluster), 10) == fitted.recommend(planted_task(cluster), 10)


@pytest.mark.parametrize("options", [{"target": "loss"}, {"n_trees": 0}])
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match="target is one of regret, rank"):
        MultiOutputForest(**options)


def test_on_real_errors_it_scores_what_scikit_learns_forest_scores(shared):
    """Within the published 95 % interval, at each k: forests differ by their draws, and so do the folds."""
    with (shared / "yardsticks" / "results" / "recommend.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["method"] == "ExtraTrees on meta-features"]
    regrets = left_out_regrets(oboe(shared), MultiOutputForest(n_trees=30))
    assert [int(row["K"]) for row in rows] == [1, 2, 3, 5, 10, 20]
    for row in rows:
        assert float(row["lo95"]) < regrets[:, int(row["K"]) - 1].mean() < float(row["hi95"])


def oboe(shared):
    """The real errors of the datasets that have meta-features."""
    with (shared / "data" / "pmf" / "metafeatures.csv").open() as file:
        names, *rows = csv.reader(file)
    features = {
        int(float(r[0])): {n: float(v) for n, v in zip(names[1:], r[1:], strict=True) if v not in ("", "nan")}
        for r in rows
    }
    with (shared / "data" / "oboe" / "error_matrix.csv").open() as file:
        header, *errors = csv.reader(file)
    kept = [r for r in errors if int(r[0]) in features]
    tasks = [Task(f"t{r[0]}", f"openml-{r[0]}", "classification", meta_features=features[int(r[0])]) for r in kept]
    pool = [Configuration("oboe", name) for name in header[1:]]
    values = np.array([[float(v) for v in r[1:]] for r in kept]).round(10)
    return MetaDataset.from_matrix(values, tasks, pool, feature_names=names[1:])


def left_out_regrets(past, recommender, n_folds=5):
    """Regrets of the best of the first 1, ..., 20 on each task, learned from the other folds."""
    regrets, matrix = np.full((len(past.tasks), 20), np.nan), past.performance_matrix()
    for fold in range(n_folds):
        tested = np.arange(len(past.tasks)) % n_folds == fold
        fitted = recommender.meta_fit(past.select(~tested), rng=np.random.default_rng(fold))
        for i in np.flatnonzero(tested):
            losses = matrix[i]
            order = fitted.order(past.tasks[i], np.ones(len(losses), dtype=bool), NOTHING_TRIED, 20)[:20]
            if np.ptp(losses) > 0:
                regrets[i] = (np.minimum.accumulate(losses[order]) - losses.min()) / np.ptp(losses)
    return regrets[np.isfinite(regrets).all(axis=1)]
