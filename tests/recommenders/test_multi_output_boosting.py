"""Boosted trees with vectors in their leaves, and the recommendations that they make."""

import numpy as np
import pytest
from sklearn.tree import ExtraTreeRegressor

from metalearn.checks import planted_meta_dataset, planted_task, recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.errors import InputError
from metalearn.recommenders.multi_output_boosting import (
    FEATURE_SHARE,
    MIN_LEAF,
    N_COMPONENTS,
    TASK_SHARE,
    BoostedTrees,
    FittedMultiOutputBoosting,
    MultiOutputBoosting,
)

BARE = Task("bare", "bare", "classification")


def fit(past, **options):
    return MultiOutputBoosting(**options).meta_fit(past, rng=np.random.default_rng(0))


def algorithms(fitted, task, k=10):
    return [r.configuration.algorithm for r in fitted.recommend(task, k)]


def examples(n_outputs, n_tasks=60, seed=0):
    """Two clusters told apart by the first of three features; the outputs have next to no noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_tasks, 3))
    features[:, 0] += 2 * np.sign(features[:, 0])
    low, high = rng.normal(size=(2, n_outputs))
    return features, np.where(features[:, :1] > 0, high, low) + rng.normal(scale=0.01, size=(n_tasks, n_outputs))


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
def test_it_conforms(check):
    check(MultiOutputBoosting())


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_the_trees_add_up_as_boosting_of_all_outputs_does(n_outputs):
    features, outputs = examples(n_outputs)
    new = np.random.default_rng(1).normal(size=(5, 3))
    trees = BoostedTrees.boost(features, outputs, 8, 0.3, np.random.default_rng(5))
    rng, left, expected = (
        np.random.default_rng(5),
        outputs - outputs.mean(axis=0),
        np.tile(outputs.mean(axis=0), (5, 1)),
    )
    loadings = trees.loadings  # a rotation, as there are no more outputs than components
    np.testing.assert_allclose(loadings.T @ loadings, np.eye(n_outputs), atol=1e-11)
    for _ in range(8):
        seen = rng.permutation(60)[: round(TASK_SHARE * 60)]
        seed = int(rng.integers(2**31))
        tree = ExtraTreeRegressor(min_samples_leaf=MIN_LEAF, max_features=FEATURE_SHARE, random_state=seed)
        tree.fit(features[seen], left[seen] @ loadings.T)
        left = left - 0.3 * tree.predict(features).reshape(60, -1) @ loadings
        expected = expected + 0.3 * tree.predict(new).reshape(5, -1) @ loadings
    for row, prediction in zip(new, expected, strict=True):
        np.testing.assert_allclose(trees.predict(row), prediction, atol=1e-9)


def test_each_tree_corrects_those_before_it():
    features, outputs = examples(6)
    errors = []
    for n_trees in (1, 5, 60):
        trees = BoostedTrees.boost(features, outputs, n_trees, 0.1, np.random.default_rng(0))
        errors.append(np.mean([(trees.predict(x) - y) ** 2 for x, y in zip(features, outputs, strict=True)]))
    assert errors[0] > errors[1] > 10 * errors[2]
    assert errors[2] < 0.02 * outputs.var(axis=0).mean()


def test_of_many_outputs_the_principal_components_are_kept():
    features, outputs = examples(N_COMPONENTS + 30)
    trees = BoostedTrees.boost(features, outputs, 60, 0.1, np.random.default_rng(0))
    assert trees.loadings.shape == (N_COMPONENTS, N_COMPONENTS + 30)
    error = np.mean([(trees.predict(x) - y) ** 2 for x, y in zip(features, outputs, strict=True)])
    assert error < 0.02 * outputs.var(axis=0).mean()


@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster(cluster):
    assert algorithms(fit(planted_meta_dataset(24)), planted_task(cluster), 2) == [f"best_{cluster}", "decent"]


def test_without_meta_features_the_smallest_mean_regret_comes_first():
    past = planted_meta_dataset(24)
    regrets = FittedMultiOutputBoosting(fit(past).past, None).past.regrets.mean(axis=0)
    expected = [past.configurations[i].algorithm for i in np.argsort(regrets)]
    assert algorithms(fit(past), BARE) == expected
    bare = MetaDataset.from_matrix(past.performance_matrix(), [t.dataset_id for t in past.tasks], past.configurations)
    assert fit(bare).trees is None
    assert algorithms(fit(bare), planted_task(0)) == expected


def test_a_configuration_nobody_evaluated_comes_last():
    losses = np.array([[0.1, 0.2, np.nan], [0.1, 0.2, np.nan]] * 4)
    tasks = [Task(str(i), f"openml-{i}", "classification", meta_features={"x": float(i)}) for i in range(8)]
    past = MetaDataset.from_matrix(losses, tasks, [Configuration("s", name) for name in "abc"], feature_names=["x"])
    assert algorithms(fit(past), tasks[0]) == ["a", "b", "c"]


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_files_give_back_the_same_trees(tmp_path, missing):
    fitted = fit(planted_meta_dataset(24, missing=missing), n_trees=5)
    fitted.save(tmp_path)
    loaded = FittedMultiOutputBoosting.load(tmp_path)
    for cluster in (0, 1):
        task = planted_task(cluster)
        np.testing.assert_array_equal(loaded.predicted_regrets(task), fitted.predicted_regrets(task))
    assert not list(tmp_path.glob("*.pkl"))


@pytest.mark.parametrize("options", [{"n_trees": 0}, {"learning_rate": 0.0}, {"learning_rate": 1.5}])
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match="n_trees must be at least 1"):
        MultiOutputBoosting(**options)
