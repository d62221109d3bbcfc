"""Weights of meta-features: what tells that tasks rank alike gets them, and little data leads back to equal ones."""

import numpy as np
import pytest

from metalearn.core.relevance import feature_weights, rank_correlations


def planted(n_tasks, *, seed=0, n_noise=4):
    """Tasks whose rankings move with their first meta-feature alone."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_tasks, 1 + n_noise))
    slopes = rng.normal(size=12)
    ranks = np.argsort(np.argsort(np.outer(features[:, 0], slopes), axis=1), axis=1)
    return features, (ranks + 0.5) / 12


def test_the_meta_feature_that_predicts_alike_rankings_weighs_most():
    features, ranks = planted(80)
    weights = feature_weights(features, ranks)
    assert weights.argmax() == 0
    assert weights[0] > 1.5 * weights[1:].max()
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


def test_more_tasks_move_further_from_equal_weights():
    weights = [feature_weights(*planted(n))[0] for n in (6, 40, 200)]
    assert 0.2 <= weights[0] < weights[1] < weights[2]


def test_copies_share_the_weight_of_what_they_copy():
    features, ranks = planted(80)
    copied = np.hstack([features[:, :1], features[:, :1], features])
    weights = feature_weights(copied, ranks)
    np.testing.assert_allclose(weights[:3], weights[0])
    assert weights[:3].sum() > feature_weights(features, ranks)[0]


def test_differences_that_are_the_same_in_all_pairs_tell_nothing():
    ranks = planted(3)[1]
    only_in_two = np.array([[1.0, np.nan], [2.0, 5.0], [np.nan, 7.0]])
    np.testing.assert_array_equal(feature_weights(only_in_two, ranks), [0.5, 0.5])


@pytest.mark.parametrize("n_tasks", [0, 1, 2])
def test_nothing_to_learn_from_leaves_equal_weights(n_tasks):
    features, ranks = planted(n_tasks)
    expected = np.full(5, 0.2) if n_tasks > 1 else np.zeros(5)
    np.testing.assert_allclose(feature_weights(features, ranks), expected)


def test_what_does_not_vary_or_is_unknown_weighs_nothing():
    features, ranks = planted(30)
    features[:, 1] = 3.0
    features[:, 2] = np.nan
    weights = feature_weights(features, ranks)
    np.testing.assert_array_equal(weights[1:3], 0.0)
    assert (weights[[0, 3, 4]] > 0).any()


def test_gaps_neither_drop_a_task_nor_hide_what_matters():
    features, ranks = planted(80)
    rng = np.random.default_rng(1)
    features[rng.random(features.shape) < 0.3] = np.nan
    ranks[rng.random(ranks.shape) < 0.2] = np.nan
    weights = feature_weights(features, ranks)
    assert weights.argmax() == 0
    assert np.isfinite(weights).all()


def test_correlations_of_ranks_are_of_shared_configurations_only(monkeypatch):
    monkeypatch.setattr("metalearn.core.relevance._BLOCK", 2)
    _, ranks = planted(6)
    ranks[0, 7:] = np.nan
    ranks[1, :3] = np.nan  # four in common with task 0
    far, one, other = rank_correlations(ranks, np.array([0, 2, 3]), np.array([1, 3, 2]))
    assert np.isnan(far)
    deviations = ranks[[2, 3]] - 0.5
    expected = (deviations[0] @ deviations[1]) / np.sqrt(
        (deviations[0] @ deviations[0]) * (deviations[1] @ deviations[1])
    )
    assert one == other == pytest.approx(expected)
