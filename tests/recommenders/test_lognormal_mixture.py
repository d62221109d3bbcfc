"""Conditioning, weights, moments and expected improvement against independent calculations."""

import numpy as np
import pytest
from scipy import stats

from metalearn.recommenders import lognormal_mixture
from metalearn.recommenders.lognormal_mixture import (
    OWN_SHARE,
    TEMPER,
    Improvement,
    LognormalMixture,
    expected_improvement,
    heaviest,
    tempered,
)
from metalearn.recommenders.opinions import pooled


def choose(mixture, eligible, k, price=None):
    return pooled([(Improvement(mixture), 1.0)], eligible, k, price, ties=mixture.expected)


def normals(m=3, c=5, seed=0):
    """Return means, weights and the covariance of a mixture."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(c, c))
    return rng.normal(size=(m, c)), np.full(m, 1 / m), root @ root.T / c


def test_a_component_given_losses_is_the_conditional_normal():
    (means, weights, covariance), seen, logs = normals(), np.array([3, 1]), np.array([0.2, -0.4])
    posterior = LognormalMixture.given(means, weights, covariance, seen, logs)
    gain = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    for before, after in zip(means, posterior.means, strict=True):
        assert after == pytest.approx(before + gain @ (logs - before[seen]))
    assert posterior.variances == pytest.approx(np.diag(covariance - gain @ covariance[seen]))
    assert posterior.best == -0.4


def test_the_weights_follow_the_tempered_likelihood():
    (means, weights, covariance), seen, logs = normals(), np.array([0, 4]), np.array([0.1, 0.3])
    block = covariance[np.ix_(seen, seen)]
    likelihood = np.array([stats.multivariate_normal(mean[seen], block).pdf(logs) for mean in means]) ** TEMPER
    posterior = LognormalMixture.given(means, weights, covariance, seen, logs)
    assert posterior.weights == pytest.approx(likelihood / likelihood.sum())


def test_surprises_that_no_component_explains_leave_a_distribution():
    weights = tempered(np.array([0.5, 0.5, 0.0]), np.full((2, 3), 1e4))
    assert weights == pytest.approx([0.5, 0.5, 0.0])


def test_improvement_is_that_of_many_draws():
    posterior = LognormalMixture.given(*normals(), np.array([0]), np.array([0.5]))
    rng = np.random.default_rng(0)
    which = rng.choice(3, p=posterior.weights, size=400_000)
    sd = np.sqrt(posterior.variances)
    draws = np.exp(posterior.means[which, 2] + sd[2] * rng.normal(size=len(which)))
    gain = np.maximum(np.exp(0.5) - draws, 0).mean()
    assert posterior.weights @ expected_improvement(posterior.means[:, 2], sd[2], 0.5) == pytest.approx(gain, rel=0.02)


def test_moments_are_those_between_the_components_and_a_share_of_their_own():
    means = np.log([[0.1, 0.2], [0.3, 0.2]])
    mean, std = LognormalMixture(means, np.array([0.5, 0.5]), np.array([0.0, 0.09])).moments()
    assert mean == pytest.approx([0.2, 0.2])
    assert std == pytest.approx([0.1, 0.2 * np.sqrt(0.09 * OWN_SHARE)])


def test_an_improvement_is_weighed_against_its_price():
    means = np.log([[1.0, 0.5, 0.4]])
    posterior = LognormalMixture(means, np.ones(1), np.full(3, 1e-6), best=0.0)
    eligible = np.array([False, True, True])
    assert choose(posterior, eligible, 1).tolist() == [2]
    assert choose(posterior, eligible, 1, price=np.array([1.0, 1.0, 1.1])).tolist() == [2]
    assert choose(posterior, eligible, 1, price=np.array([1.0, 1.0, 1.3])).tolist() == [1]


def test_an_improvement_counts_in_units_of_the_components_own_width():
    """A gain of a half where losses go from 0.4 to 1.4, or one of 0.8 where they go up to 100: the former counts."""
    means = np.log([[1.0, 0.5, 1.4, 0.4], [1.0, 1.0, 0.2, 100.0]])
    posterior = LognormalMixture(means, np.array([0.5, 0.5]), np.full(4, 1e-6), best=0.0)
    assert choose(posterior, np.array([False, True, True, False]), 2).tolist() == [1, 2]


def test_later_choices_count_on_the_earlier_ones():
    """Two twins are the best in one component; the second choice goes to what is best in the other."""
    means = np.log([[1.0, 0.1, 0.1, 0.9], [1.0, 1.0, 1.0, 0.3]])
    posterior = LognormalMixture(means, np.array([0.6, 0.4]), np.full(4, 1e-6), best=0.0)
    assert choose(posterior, np.array([False, True, True, True]), 3).tolist() == [1, 3, 2]


def test_components_without_weight_are_left_out():
    posterior = LognormalMixture.given(
        np.array([[0.0, 1.0], [50.0, 1.0]]), np.array([0.5, 0.5]), np.eye(2), np.array([0]), np.array([0.0])
    )
    assert posterior.means.tolist() == [[0.0, 1.0]]
    assert posterior.weights.tolist() == [1.0]


def test_of_equal_weights_the_first_are_kept():
    rng = np.random.default_rng(0)
    for n in (1, 3, 8, 20, 30):
        weights = rng.integers(0, 4, 20) / 6
        assert heaviest(weights, n).tolist() == sorted(np.argsort(-weights, kind="stable")[:n].tolist())


@pytest.mark.parametrize(("cells", "n"), [(20, 4), (5, 3)])
def test_of_many_components_the_heaviest_are_kept(monkeypatch, cells, n):
    monkeypatch.setattr(lognormal_mixture, "_CELLS", cells)
    monkeypatch.setattr(lognormal_mixture, "_FEWEST", 3)
    (means, weights, covariance), seen, logs = normals(8), np.array([0, 4]), np.array([0.1, 0.3])
    block = covariance[np.ix_(seen, seen)]
    likelihood = [stats.multivariate_normal(mean[seen], block).pdf(logs) for mean in means]
    posterior = LognormalMixture.given(means, weights, covariance, seen, logs)
    assert posterior.components.tolist() == sorted(np.argsort(likelihood)[-n:].tolist())
    assert posterior.weights.sum() == pytest.approx(1.0)


def test_a_loss_that_is_known_for_certain_gains_what_it_is_smaller():
    posterior = LognormalMixture(np.log([[0.5, 0.2, 0.8]]), np.ones(1), np.zeros(3), best=np.log(0.5))
    assert Improvement(posterior).gains() == pytest.approx([0.0, 0.3 / 0.6, 0.0], abs=1e-5)
