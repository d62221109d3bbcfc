"""The forest's weights: what shares a leaf, who may weigh whom, and that files give back the same trees."""

import numpy as np
import pytest
from sklearn.tree import ExtraTreeRegressor

from metalearn.core.transforms import RobustScaler
from metalearn.recommenders.task_forest import GROWN_SHARE, MIN_LEAF, TaskForest, views

N_TASKS = 40


def grown(n_trees=100, *, families=None, seed=0):
    """Return a forest whose outputs depend on the first of three meta-features, and the meta-features."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N_TASKS, 3))
    features[3, 1] = np.nan
    outputs = np.where(features[:, :1] > 0, [1.0, 0.0], [0.0, 1.0])
    families = np.arange(N_TASKS) if families is None else families
    return TaskForest.grow(features, outputs, families, n_trees, rng), features


def test_tasks_of_the_same_cluster_have_the_weight():
    forest, features = grown()
    for sign in (-1.0, 1.0):
        weights = forest.weights(np.array([2 * sign, 0.0, 0.0]))
        assert weights.sum() == pytest.approx(1.0)
        assert weights[features[:, 0] * sign > 0].sum() > 0.8


def test_the_weights_give_the_predictions_of_scikit_learns_trees():
    rng = np.random.default_rng(1)
    features, outputs = rng.normal(size=(N_TASKS, 2)), rng.normal(size=(N_TASKS, 4))
    forest = TaskForest.grow(features, outputs, np.arange(N_TASKS), 1, np.random.default_rng(5))
    again = np.random.default_rng(5)
    used = np.isin(np.arange(N_TASKS), again.permutation(N_TASKS)[: round(GROWN_SHARE * N_TASKS)])
    tree = ExtraTreeRegressor(min_samples_leaf=MIN_LEAF, max_features=2, random_state=int(again.integers(2**31)))
    scaled = RobustScaler.fit(features).transform(features)
    tree.fit(scaled[used], outputs[used])
    for row in range(5):
        assert forest.weights(features[row]) @ outputs == pytest.approx(tree.predict(scaled[[row]])[0])


def test_a_task_is_not_weighed_by_trees_that_its_family_grew():
    families = np.repeat(np.arange(N_TASKS // 2), 2)
    forest, _ = grown(families=families)
    assert (forest.grown[:, ::2] == forest.grown[:, 1::2]).all()
    assert (forest.grown.sum(axis=1) == GROWN_SHARE * N_TASKS).all()
    siblings = families[:, None] == families
    weights = forest.weights_of_tasks.toarray()
    assert (weights[siblings] == 0).all()
    assert weights.sum(axis=1) == pytest.approx(1.0)


def test_what_is_unknown_counts_as_the_median():
    forest, features = grown()
    known = np.array([2.0, np.nanmedian(features[:, 1]), 0.0])
    assert forest.weights(np.array([2.0, np.nan, 0.0])) == pytest.approx(forest.weights(known))


def test_files_give_back_the_same_forest(tmp_path):
    forest, features = grown()
    forest.save(tmp_path)
    loaded = TaskForest.load(tmp_path, features)
    new = np.array([0.3, -0.2, 1.0])
    assert (loaded.weights(new) == forest.weights(new)).all()
    assert (loaded.weights_of_tasks.toarray() == forest.weights_of_tasks.toarray()).all()


def test_views_have_unit_variance_and_do_not_see_the_level():
    rng = np.random.default_rng(0)
    logs, ranks, regrets = (rng.normal(size=(12, 5)) for _ in range(3))
    logs[2, 3] = np.nan
    found = views(logs, ranks, regrets)
    assert (found**2).sum(axis=1).mean() == pytest.approx(3.0, abs=1e-5)
    harder = views(logs + np.arange(12)[:, None], ranks, regrets)
    assert np.abs(harder) == pytest.approx(np.abs(found), abs=1e-5)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4)])
def test_views_keep_the_distances_of_tasks(shape):
    """Twenty components are all there are of so few tasks or configurations."""
    ranks = np.random.default_rng(0).normal(size=shape)
    found = views(np.zeros(shape), ranks, np.zeros(shape))
    scale = np.sqrt(np.mean(np.sum((ranks - ranks.mean(axis=0)) ** 2, axis=1)))
    expected = np.linalg.norm(ranks[0] - ranks[1]) / scale
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(expected, abs=1e-5)


def test_views_do_not_depend_on_the_last_digits_in_which_processors_differ():
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(12, 30)) for _ in range(3)]
    errors = (rng.choice([-1, 1], size=(12, 30)) * 1e-14 for _ in given)
    assert (np.abs(views(*given)) == np.abs(views(*(g + e for g, e in zip(given, errors, strict=True))))).all()


def test_a_meta_feature_drives_what_its_splits_tell():
    # One tree by hand: the root splits 8 tasks 4 : 4 on feature 1, its low child 4 tasks 3 : 1 on feature 0.
    tasks = np.array([[-1, -1], [-1, -1], [-1, -1], [1, -1], [0, 1], [0, 1], [0, 1], [0, 1]], dtype=np.float64)
    nodes = {
        "feature": np.array([1, 0, -1, -1, -1]),
        "threshold": np.zeros(5),
        "left": np.array([1, 3, -1, -1, -1]),
        "right": np.array([2, 4, -1, -1, -1]),
        "roots": np.array([0]),
    }
    scaler = RobustScaler(np.zeros(2), np.ones(2))
    forest = TaskForest(scaler, tasks, **nodes, grown=np.ones((1, 8), dtype=bool))
    told = np.array([np.log(4 / 3), np.log(8 / 4)])
    assert forest.drivers(np.array([-1.0, -1.0])) == pytest.approx(told / told.sum())
    assert forest.drivers(np.array([-1.0, 1.0])) == pytest.approx([0.0, 1.0])
    assert forest.drivers(np.array([1.0, np.nan])) == pytest.approx([np.log(4), np.log(2)] / np.log(8))


def test_a_forest_without_splits_has_no_drivers():
    features = np.ones((6, 3))
    forest = TaskForest.grow(features, np.zeros((6, 1)), np.arange(6), 5, np.random.default_rng(0))
    assert forest.drivers(features[0]).tolist() == [0.0, 0.0, 0.0]
