"""The kernel of what a regression leaves unexplained."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal

from metalearn.recommenders import residual_kernel
from metalearn.recommenders.residual_kernel import ResidualKernel, learn_kernel

GROUPS = np.array([0, 1, 1])


def points(n, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, 3))


def test_matern_of_five_halves_by_hand():
    kernel = ResidualKernel((4.0, 1.0), 2.0, 0.1)
    x = kernel.scaled(np.array([[0.0, 0.0, 0.0], [0.5, 0.3, 0.4]]), GROUPS)
    r = np.sqrt(5 * (4 * 0.25 + 0.25))
    expected = 2 * (1 + r + r**2 / 3) * np.exp(-r)
    np.testing.assert_allclose(kernel.between(x, x), [[2, expected], [expected, 2]])


def test_the_likelihood_is_that_of_a_normal_with_a_free_level_and_its_slope_is_right():
    x, residuals = points(7), np.random.default_rng(1).normal(size=7)
    squares = residual_kernel._squares(x, GROUPS, 2)
    logs = np.log([3.0, 0.7, 0.5, 0.2])
    kernel = ResidualKernel((3.0, 0.7), 0.5, 0.2)
    scaled = kernel.scaled(x, GROUPS)
    covariance = kernel.between(scaled, scaled) + 0.2 * np.eye(7) + residual_kernel._FREE_LEVEL
    expected = -multivariate_normal(np.zeros(7), covariance).logpdf(residuals) - 3.5 * np.log(2 * np.pi)

    def loss(logs):
        return residual_kernel._negative_log_likelihood(np.exp(logs), squares, residuals)

    assert loss(logs)[0] == pytest.approx(expected)
    assert check_grad(lambda p: loss(p)[0], lambda p: loss(p)[1], logs) < 1e-5


def test_learning_finds_the_hyperparameter_that_matters_and_the_noise():
    rng = np.random.default_rng(0)
    xs = [rng.uniform(size=(40, 3)) for _ in range(8)]
    residuals = [rng.normal() + np.sin(6 * x[:, 0] + rng.uniform(0, 6)) + rng.normal(scale=0.3, size=40) for x in xs]
    kernel = learn_kernel(xs, residuals, GROUPS)
    assert kernel.precisions[0] > 10 * kernel.precisions[1]
    assert kernel.noise == pytest.approx(0.09, rel=0.4)


def test_without_residuals_the_kernel_is_that_of_the_prior():
    kernel = learn_kernel([], [], GROUPS)
    np.testing.assert_allclose([*kernel.precisions, kernel.variance, kernel.noise], [4, 4, 0.3, 0.1])


def test_coefficients_give_the_posterior_mean_where_nothing_is_left_out():
    """With all n configurations as the inducing ones it is K (K + noise)^-1 of the centred residuals."""
    kernel = ResidualKernel((4.0, 4.0), 1.0, 0.1)
    x, residuals = kernel.scaled(points(15), GROUPS), np.random.default_rng(1).normal(size=15)
    among = kernel.between(x, x)
    found = among @ kernel.coefficients(among, among, residuals)
    expected = among @ np.linalg.solve(among + 0.1 * np.eye(15), residuals - residuals.mean())
    np.testing.assert_allclose(found, expected, atol=1e-3)
