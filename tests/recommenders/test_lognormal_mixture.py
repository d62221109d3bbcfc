"""Conditioning, weights, moments and expected improvement against independent calculations."""

import numpy as np
import pytest
from scipy import stats

from metalearn.recommenders.lognormal_mixture import TEMPER, LognormalMixture, expected_improvement, tempered


def mixture(m=3, c=5, seed=0):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(c, c))
    return LognormalMixture.prior(rng.normal(size=(m, c)), np.full(m, 1 / m), root @ root.T / c)


def test_a_component_given_losses_is_the_conditional_normal():
    prior, seen, logs = mixture(), np.array([3, 1]), np.array([0.2, -0.4])
    posterior = prior.given(seen, logs)
    covariance = prior.covariance
    gain = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    for before, after in zip(prior.means, posterior.means, strict=True):
        assert after == pytest.approx(before + gain @ (logs - before[seen]))
    assert posterior.covariance == pytest.approx(covariance - gain @ covariance[seen])
    assert posterior.best == -0.4


def test_the_weights_follow_the_tempered_likelihood():
    prior, seen, logs = mixture(), np.array([0, 4]), np.array([0.1, 0.3])
    block = prior.covariance[np.ix_(seen, seen)]
    likelihood = np.array([stats.multivariate_normal(mean[seen], block).pdf(logs) for mean in prior.means]) ** TEMPER
    assert prior.given(seen, logs).weights == pytest.approx(likelihood / likelihood.sum())


def test_seeing_two_losses_at_once_or_in_turn_gives_the_same_components():
    at_once = mixture().given(np.array([0, 2]), np.array([0.3, -0.1]))
    in_turn = mixture().given(np.array([0]), np.array([0.3])).given(np.array([2]), np.array([-0.1]))
    assert in_turn.means == pytest.approx(at_once.means)
    assert in_turn.weights == pytest.approx(at_once.weights)
    assert in_turn.covariance == pytest.approx(at_once.covariance)


def test_surprises_that_no_component_explains_leave_a_distribution():
    weights = tempered(np.array([0.5, 0.5, 0.0]), np.full((2, 3), 1e4))
    assert weights == pytest.approx([0.5, 0.5, 0.0])


def test_moments_and_improvement_are_those_of_many_draws():
    posterior = mixture().given(np.array([0]), np.array([0.5]))
    rng = np.random.default_rng(0)
    which = rng.choice(3, p=posterior.weights, size=400_000)
    sd = np.sqrt(np.diag(posterior.covariance))
    draws = np.exp(posterior.means[which, 2] + sd[2] * rng.normal(size=len(which)))
    mean, std = posterior.moments()
    assert mean[2] == pytest.approx(draws.mean(), rel=0.02)
    assert std[2] == pytest.approx(draws.std(), rel=0.05)
    gain = np.maximum(np.exp(0.5) - draws, 0).mean()
    assert posterior.weights @ expected_improvement(posterior.means[:, 2], sd[2], 0.5) == pytest.approx(gain, rel=0.02)


def test_an_improvement_counts_in_units_of_the_components_own_width():
    """A gain of a half where losses go from 0.4 to 1.5, or one of 2 where they go from 100 down: the former counts."""
    means = np.log([[1.0, 0.5, 1.4, 0.4], [1.0, 1.0, 0.2, 100.0]])
    prior = LognormalMixture.prior(means, np.array([0.5, 0.5]), 1e-6 * np.eye(4))
    chosen = prior.given(np.array([0]), np.array([0.0])).choose(np.array([False, True, True, False]), 2)
    assert chosen.tolist() == [1, 2]


def test_later_choices_count_on_the_earlier_ones():
    """Two twins are the best in one component; the second choice goes to what is best in the other."""
    means = np.log([[1.0, 0.1, 0.1, 0.9], [1.0, 1.0, 1.0, 0.3]])
    prior = LognormalMixture.prior(means, np.array([0.6, 0.4]), 1e-6 * np.eye(4))
    chosen = prior.given(np.array([0]), np.array([0.0])).choose(np.array([False, True, True, True]), 3)
    assert chosen.tolist() == [1, 3, 2]


def test_components_without_weight_are_left_out():
    prior = LognormalMixture.prior(np.zeros((3, 2)), np.array([0.5, 0.0, 0.5]), np.eye(2))
    assert len(prior.means) == 2
