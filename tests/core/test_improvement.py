"""Expected improvement against its integral and a sample, and where nothing is uncertain."""

import numpy as np
import pytest
from scipy.stats import norm

from metalearn.core.improvement import expected_improvement


def test_expected_improvement_is_the_integral_that_it_is_named_after():
    x = np.linspace(-12, 12, 200_001)
    for mean, std, best in [(0.3, 0.5, 0.1), (-1.0, 2.0, 0.0), (0.0, 0.7, 1.5)]:
        integral = np.sum(np.maximum(best - x, 0) * norm.pdf(x, mean, std)) * (x[1] - x[0])
        assert expected_improvement(np.array([mean]), np.array([std]), best)[0] == pytest.approx(integral, rel=1e-6)


def test_expected_improvement_is_the_mean_of_the_improvements():
    draws = np.random.default_rng(0).standard_normal(400_000)
    mean, std, best = np.array([0.3, -0.2, 1.5]), np.array([1.0, 0.1, 2.0]), 0.1
    sampled = [np.maximum(best - (m + s * draws), 0).mean() for m, s in zip(mean, std, strict=True)]
    np.testing.assert_allclose(expected_improvement(mean, std, best), sampled, rtol=0.01)


def test_what_is_certain_improves_by_what_it_is_lower():
    np.testing.assert_array_equal(expected_improvement(np.array([0.5, 2.0]), np.zeros(2), 1.0), [0.5, 0.0])


def test_it_is_never_negative():
    assert (expected_improvement(np.linspace(0, 60, 601), np.ones(601), 0.0) >= 0).all()
