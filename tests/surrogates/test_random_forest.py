"""SMAC's forest: the mixture of its leaves, what is inactive, choices, and an independent forest."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

from metalearn.core.encoded_space import EncodedColumn, Encoding
from metalearn.errors import InputError
from metalearn.surrogates.random_forest import RandomForest

LINE = Encoding((EncodedColumn("x", "numeric"),))
PLANE = Encoding(tuple(EncodedColumn(name, "numeric") for name in "abcd"))
CHOICES = Encoding(
    (
        EncodedColumn("kind", "categorical", ("p", "q", "r"), None, False, 3.0),
        EncodedColumn("x", "numeric", (), "kind"),
    )
)


def fitted(encoding, X, loss, seed=0, **options):
    return RandomForest(encoding, **options).fit(X, loss, rng=np.random.default_rng(seed))


def wavy(X):
    return np.sin(5 * X[:, 0]) + X[:, 1] ** 2 + 0.5 * (X[:, 2] > 0.6)


def test_mean_and_variance_are_those_of_the_mixture_of_leaves():
    X = np.random.default_rng(1).random((60, 4))
    loss = wavy(X)
    forest = fitted(PLANE, X, loss, n_trees=4, min_samples_leaf=5, min_samples_split=10, warp=False)
    new = np.random.default_rng(2).random((7, 4))
    leaves = [tree.apply(new.astype(np.float32)) for tree in forest.trees]
    means = np.array([tree.value[leaf, 0, 0] for tree, leaf in zip(forest.trees, leaves, strict=True)])
    variances = np.array([tree.impurity[leaf] for tree, leaf in zip(forest.trees, leaves, strict=True)])
    mean, std = forest.predict(new)
    np.testing.assert_allclose(mean, loss.mean() + loss.std() * means.mean(axis=0))
    # Hutter et al. (2014): the second moment of the mixture less the squared mean.
    variance = (variances + means**2).mean(axis=0) - means.mean(axis=0) ** 2
    np.testing.assert_allclose(std**2, loss.var() * variance, rtol=1e-6)


def test_a_warp_keeps_the_order_and_the_median_and_shrinks_the_tail():
    X = np.random.default_rng(1).random((80, 4))
    loss = np.exp(3 * wavy(X))
    plain, warped = (fitted(PLANE, X, loss, n_trees=30, warp=warp) for warp in (False, True))
    assert (np.diff(warped.warping.forward(np.sort(loss))) > 0).all()
    new = np.random.default_rng(2).random((300, 4))
    middle = warped.warping.inverse(warped.predict_warped(new)[0])
    errors = [np.median(np.abs(np.log(m / np.exp(3 * wavy(new))))) for m in (middle, plain.predict(new)[0])]
    assert errors[0] < errors[1]
    # Means lie above medians where the tail is on the side of large losses.
    assert (warped.predict(new)[0] >= middle - 1e-9).mean() > 0.9


def test_it_predicts_as_well_as_an_independent_forest():
    rng = np.random.default_rng(3)
    X, new = rng.random((200, 4)), rng.random((300, 4))
    own, _ = fitted(PLANE, X, wavy(X), n_trees=50).predict(new)
    other = RandomForestRegressor(50, max_features=5 / 6, min_samples_split=3, random_state=0).fit(X, wavy(X))
    errors = [np.sqrt(np.mean((mean - wavy(new)) ** 2)) for mean in (own, other.predict(new))]
    assert errors[0] < 1.15 * errors[1]  # random thresholds cost a little
    assert errors[0] < 0.3 * wavy(new).std()


def test_thresholds_vary_between_what_they_separate_and_not_beyond():
    X = np.array([[0.2], [0.8]]).repeat(20, axis=0)
    forest = fitted(LINE, X, (X[:, 0] > 0.5).astype(float), n_trees=200)
    thresholds = np.array([tree.threshold[0] for tree in forest.trees])
    assert thresholds.min() >= np.float32(0.2)
    assert thresholds.max() < np.float32(0.8)
    assert thresholds.mean() == pytest.approx(0.5, abs=0.05)
    # The mean of many trees runs straight from one observation to the other.
    mean, std = forest.predict(np.array([[0.1], [0.35], [0.5], [0.65], [0.9]]))
    np.testing.assert_allclose(mean, [0, 0.25, 0.5, 0.75, 1], atol=0.1)
    assert std[2] > 0.4
    assert std[0] < 0.01


def test_it_is_less_certain_away_from_what_it_saw():
    X = np.concatenate([np.linspace(0, 0.3, 20), np.linspace(0.7, 1, 20)])[:, None]
    _, std = fitted(LINE, X, 3 * X[:, 0], n_trees=50).predict(np.array([[0.15], [0.5], [0.85]]))
    assert std[1] > 3 * max(std[0], std[2])


def test_an_inactive_number_is_apart_from_every_active_one():
    active = np.linspace(0.3, 1, 20)
    X = np.concatenate([active, np.full(20, np.nan)])[:, None]
    loss = np.concatenate([np.ones(20), np.zeros(20)])
    child = Encoding((EncodedColumn("x", "numeric", parent="kind"),))
    mean, _ = fitted(child, X, loss, n_trees=30).predict(np.array([[0.0], [0.3], [1.0], [np.nan]]))
    np.testing.assert_allclose(mean, [1, 1, 1, 0], atol=1e-12)


def test_the_order_of_choices_does_not_matter():
    # The middle choice is the good one: one threshold cannot single it out, one one-hot column does.
    kinds = np.repeat([0.0, 0.5, 1.0], 10)
    X = np.column_stack([kinds, np.full(30, 0.5)])
    loss = np.where(kinds == 0.5, 0.0, 1.0)
    forest = fitted(CHOICES, X, loss, max_features=1.0)
    assert all(tree.max_depth == 1 for tree in forest.trees)
    mean, _ = forest.predict(np.array([[0.0, 0.5], [0.5, 0.5], [1.0, 0.5]]))
    np.testing.assert_allclose(mean, [1, 0, 1], atol=1e-12)


@pytest.mark.parametrize("factor", [2.0**-60, 2.0**20])
def test_the_unit_of_the_loss_does_not_matter(factor):
    X = np.random.default_rng(5).random((40, 4))
    mean, std = fitted(PLANE, X, wavy(X)).predict(X)
    other_mean, other_std = fitted(PLANE, X, factor * wavy(X)).predict(X)
    np.testing.assert_allclose(other_mean, factor * mean, rtol=1e-9)
    np.testing.assert_allclose(other_std, factor * std, rtol=1e-9)


def test_draws_have_the_moments_that_it_predicts():
    rng = np.random.default_rng(6)
    X, new = rng.random((80, 4)), rng.random((5, 4))
    forest = fitted(PLANE, X, wavy(X), min_samples_leaf=4, min_samples_split=8)
    draws = forest.sample(new, 20_000, np.random.default_rng(0))
    mean, std = forest.predict(new)
    assert draws.shape == (20_000, 5)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(draws.std(axis=0), std, rtol=0.05)


def test_draws_are_joint():
    X = np.random.default_rng(7).random((50, 4))
    forest = fitted(PLANE, X, wavy(X), min_samples_leaf=4, min_samples_split=8)
    near = np.array([[0.5, 0.5, 0.3, 0.5], [0.5, 0.5, 0.3, 0.5]])
    draws = forest.sample(near, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])


def test_noise_is_found_where_there_is_some():
    rng = np.random.default_rng(8)
    X = rng.random((400, 4))
    quiet, noisy = (
        fitted(PLANE, X, X[:, 0] + s * rng.standard_normal(400), min_samples_leaf=10, min_samples_split=20)
        for s in (0.0, 0.5)
    )
    assert noisy.noise_std == pytest.approx(0.5, rel=0.3)  # a leaf fits some of it
    assert quiet.noise_std < 0.1


@pytest.mark.parametrize("n", [1, 2, 3])
def test_of_equal_losses_it_is_nearly_sure(n):
    _, std = fitted(PLANE, np.random.default_rng(0).random((n, 4)), np.full(n, 2.0)).predict(np.full((2, 4), 0.5))
    assert (std < 0.01).all()


def test_another_generator_grows_another_forest():
    X = np.random.default_rng(9).random((40, 4))
    one, other = (fitted(PLANE, X, wavy(X), seed).predict(X)[0] for seed in (0, 1))
    assert (one != other).any()


def test_it_orders_a_conditional_space():
    rng = np.random.default_rng(11)
    kinds = rng.integers(3, size=150) / 2
    X = np.column_stack([kinds, np.where(kinds == 1, np.nan, rng.random(150))])
    loss = np.where(kinds == 1, 0.5, np.abs(np.nan_to_num(X[:, 1]) - kinds))
    mean, _ = fitted(CHOICES, X[:100], loss[:100]).predict(X[100:])
    assert spearmanr(mean, loss[100:]).statistic > 0.95


@pytest.mark.parametrize(
    "options",
    [{"n_trees": 0}, {"max_features": 0.0}, {"max_features": 1.5}, {"min_samples_split": 1}, {"min_samples_leaf": 0}],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(InputError, match=next(iter(options))):
        RandomForest(LINE, **options)
