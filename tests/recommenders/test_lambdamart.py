"""The LambdaMART ranker beyond what the conformance checks say of every recommender."""

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.errors import InputError
from metalearn.recommenders.lambdamart import FittedLambdaMart, LambdaMart, described_configurations
from metalearn.recommenders.past_tasks import PastTasks


def recommended(past, task, k=3, **options):
    fitted = LambdaMart(**options).meta_fit(past, rng=np.random.default_rng(0))
    return [r.configuration.algorithm for r in fitted.recommend(task, k)]


@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster(cluster):
    assert recommended(planted_meta_dataset(24), planted_task(cluster))[:2] == [f"best_{cluster}", "decent"]


def test_hyperparameters_are_seen_across_configurations():
    """A task is best served by the x nearest to its meta-feature, which no single configuration is."""
    rng = np.random.default_rng(0)
    pool = [Configuration("s", "svc", {"x": float(x)}) for x in np.linspace(0, 1, 9)]
    wanted = rng.uniform(size=60)
    losses = np.abs(wanted[:, None] - np.linspace(0, 1, 9)) + rng.normal(scale=0.01, size=(60, 9))
    tasks = [Task(str(i), f"openml-{i}", "classification", meta_features={"w": w}) for i, w in enumerate(wanted)]
    past = MetaDataset.from_matrix(losses, tasks, pool, feature_names=["w"])
    fitted = LambdaMart().meta_fit(past, rng=np.random.default_rng(0))
    for w in (0.1, 0.5, 0.9):
        new = Task("new", "new", "classification", meta_features={"w": w})
        assert fitted.recommend(new, 1)[0].configuration.hyperparameters["x"] == pytest.approx(w, abs=0.2)


def test_without_meta_features_the_good_ones_come_first():
    assert recommended(planted_meta_dataset(24), Task("bare", "bare", "classification"))[0] in (
        "decent",
        "best_0",
        "best_1",
    )


def test_a_configuration_nobody_evaluated_comes_last():
    losses = np.full((2, 3), np.nan)
    losses[:, :2] = [[0.1, 0.2], [0.1, 0.2]]
    configurations = [Configuration("s", name) for name in "abc"]
    past = MetaDataset.from_matrix(losses, ["openml-1", "openml-2"], configurations)
    assert recommended(past, Task("t", "d", "classification"), 3) == ["a", "b", "c"]


def test_the_model_is_lightgbms_own_text(tmp_path):
    fitted = LambdaMart(n_trees=5).meta_fit(planted_meta_dataset(), rng=np.random.default_rng(0))
    fitted.save(tmp_path)
    loaded = FittedLambdaMart.load(tmp_path)
    assert loaded.model == fitted.model
    assert loaded.model.startswith("tree\n")
    assert loaded.booster.num_trees() == 5


def test_inactive_hyperparameters_are_missing_and_other_values_are_codes():
    pool = [Configuration("s", "svc", {"kernel": k, "shrinking": True}) for k in ("rbf", "linear")]
    pool.append(Configuration("s", "knn", {"n": 3}))
    past = PastTasks(MetaDataset.from_matrix([[0.1, 0.2, 0.3]], ["openml-1"], pool))
    described = described_configurations(past)
    by_algorithm = {
        c.algorithm + str(c.hyperparameters.get("kernel")): row
        for c, row in zip(past.configurations, described, strict=True)
    }
    np.testing.assert_array_equal(by_algorithm["knnNone"][2:], [np.nan, 3.0, np.nan])
    np.testing.assert_array_equal(by_algorithm["svclinear"][2:], [0.0, np.nan, 0.0])
    np.testing.assert_array_equal(by_algorithm["svcrbf"][2:], [1.0, np.nan, 0.0])


@pytest.mark.parametrize("options", [{"n_trees": 0}, {"n_leaves": 1}, {"learning_rate": 0.0}])
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match="at least 1"):
        LambdaMart(**options)
