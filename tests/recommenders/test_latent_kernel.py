"""The latent kernel: its likelihood and derivatives, what it learns of planted positions, and gaps."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from metalearn.recommenders import latent_kernel
from metalearn.recommenders.latent_kernel import NUGGET, LatentKernel, batch, known_alike

LOGS = np.log([0.8, 0.3, 0.1])


def drawn_kernel(n_configurations=6, n_dimensions=2, seed=0):
    return LatentKernel(np.random.default_rng(seed).normal(size=(n_configurations, n_dimensions)), LOGS)


def dense(kernel):
    """The covariance by its definition, entry by entry."""
    signal, level, noise = np.exp(kernel.logs)
    n = len(kernel.positions)
    distance = np.array([[np.linalg.norm(x - y) for y in kernel.positions] for x in kernel.positions])
    return signal * np.exp(-(distance**2) / 2) + level + noise * np.eye(n)


def planted(n_tasks=150, n_configurations=14, seed=1):
    """Draws from a kernel over a line, and the kernel."""
    kernel = LatentKernel(np.linspace(-3, 3, n_configurations)[:, None], np.log([1.0, 0.5, 0.05]))
    draws = np.random.default_rng(seed).multivariate_normal(np.arange(n_configurations) / 5, dense(kernel), n_tasks)
    return draws, kernel


def with_gaps(values, share=0.4, seed=2):
    return np.where(np.random.default_rng(seed).random(values.shape) < share, np.nan, values)


def learned(values, n_dimensions=2):
    return LatentKernel.learn(values, n_dimensions, np.random.default_rng(0))


def test_rows_of_the_covariance_are_those_of_its_definition():
    kernel = drawn_kernel()
    np.testing.assert_allclose(kernel.covariance(np.array([4, 1])), dense(kernel)[[4, 1]], atol=1e-12)


def test_the_surprise_is_the_negative_log_density_but_for_a_constant():
    kernel, indices = drawn_kernel(), np.array([0, 3, 5])
    values = np.random.default_rng(3).normal(size=(4, 3))
    loss, _, _ = kernel.surprise(indices, values)
    density = multivariate_normal(np.zeros(3), dense(kernel)[np.ix_(indices, indices)])
    assert loss == pytest.approx(-density.logpdf(values).sum() - values.size * np.log(2 * np.pi) / 2)


def test_derivatives_are_those_of_the_surprise_of_all_groups_per_value():
    kernel = drawn_kernel()
    groups = known_alike(with_gaps(np.random.default_rng(4).normal(size=(7, 6))))
    parameters = np.append(kernel.positions.ravel(), kernel.logs)

    def surprise(p):
        moved = LatentKernel(p[:-3].reshape(6, 2), p[-3:])
        return sum(moved.surprise(*group)[0] for group in groups) / sum(rows.size for _, rows in groups)

    np.testing.assert_allclose(kernel.mean_gradient(groups), approx_fprime(parameters, surprise, 1e-7), atol=1e-5)


def test_every_known_value_is_in_one_group_and_equal_patterns_share_it():
    values = np.array([[1.0, np.nan, 2.0], [np.nan, 3.0, 4.0], [5.0, np.nan, 6.0]])
    groups = {tuple(indices.tolist()): rows.tolist() for indices, rows in known_alike(values)}
    assert groups == {(0, 2): [[1.0, 2.0], [5.0, 6.0]], (1, 2): [[3.0, 4.0]]}


@pytest.mark.parametrize(("n_groups", "work"), [(2, 1e9), (9, 50.0)])  # 50 is less than two cubes of 3
def test_a_step_is_limited_in_groups_in_entries_and_in_work(monkeypatch, n_groups, work):
    monkeypatch.setattr(latent_kernel, "MAX_GROUPS", n_groups)
    monkeypatch.setattr(latent_kernel, "MAX_ENTRIES", 3)
    monkeypatch.setattr(latent_kernel, "MAX_WORK", work)
    groups = known_alike(with_gaps(np.random.default_rng(0).normal(size=(30, 8)), 0.2))
    values = {float(v) for _, rows in groups for v in rows.ravel()}
    rng, seen = np.random.default_rng(0), set()
    for _ in range(200):
        drawn = list(batch(groups, rng))
        assert len(drawn) == 2
        assert all(rows.shape[1] == len(indices) == 3 for indices, rows in drawn)
        seen |= {float(v) for _, rows in drawn for v in rows.ravel()}
    assert seen == values


@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_planted_covariances_are_found(gaps):
    values, truth = planted()
    mean, kernel = learned(with_gaps(values, gaps))
    np.testing.assert_allclose(mean, np.arange(14) / 5, atol=0.35)
    found, expected = dense(kernel), dense(truth)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
    assert np.abs(found - expected).mean() < 0.25 * expected.mean()


def test_what_is_learned_predicts_new_draws_better_than_the_sample_covariance():
    values, _ = planted(n_tasks=20)
    new, _ = planted(n_tasks=200, seed=9)
    mean, kernel = learned(values)
    sample = np.cov(values, rowvar=False) + 0.05 * np.eye(14)
    ours = multivariate_normal(mean, dense(kernel)).logpdf(new).mean()
    assert ours > multivariate_normal(values.mean(axis=0), sample).logpdf(new).mean() + 0.5


def test_small_batches_learn_nearly_the_same(monkeypatch):
    values, truth = planted()
    monkeypatch.setattr(latent_kernel, "MAX_ENTRIES", 8)
    _, kernel = learned(values)
    assert np.corrcoef(dense(kernel).ravel(), dense(truth).ravel())[0, 1] > 0.9


def test_twins_do_not_draw_the_noise_to_zero():
    values = np.repeat(np.random.default_rng(0).normal(size=(50, 4)), 2, axis=1)
    _, kernel = learned(values)
    within = values - values.mean(axis=0)
    variance = np.mean((within - within.mean(axis=1, keepdims=True)) ** 2)
    assert np.exp(kernel.logs[2]) == pytest.approx(NUGGET * variance)
    assert np.linalg.norm(kernel.positions[0] - kernel.positions[1]) < 0.05


def test_the_order_of_tasks_does_not_matter_when_nothing_is_missing():
    values, _ = planted(n_tasks=20)
    for a, b in zip(learned(values), learned(values[::-1]), strict=True):
        a, b = (dense(x) if isinstance(x, LatentKernel) else x for x in (a, b))
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [np.empty((0, 3)), np.full((2, 3), np.nan), np.ones((4, 3)), np.array([[1.0, np.nan, 2.0]]), np.ones((2, 1))],
    ids=["none", "unknown", "constant", "one task", "one configuration"],
)
def test_with_next_to_nothing_to_learn_from_all_is_finite(values):
    mean, kernel = learned(values)
    assert mean.shape == (values.shape[1],)
    assert kernel.positions.shape == (values.shape[1], 2)
    assert np.isfinite(mean).all()
    np.linalg.cholesky(dense(kernel))


def test_estimates_that_are_at_hand_are_not_made_again(monkeypatch):
    draws, _ = planted()
    values = with_gaps(draws)
    values[3] = np.nan  # a task that knows nothing
    made = latent_kernel.filled(values[np.isfinite(values).any(axis=1)], 2)
    expected = learned(values)
    monkeypatch.setattr(latent_kernel, "filled", None)
    mean, kernel = LatentKernel.learn(values, 2, np.random.default_rng(0), np.insert(made, 3, 0.0, axis=0))
    np.testing.assert_array_equal(mean, expected[0])
    np.testing.assert_array_equal(kernel.positions, expected[1].positions)
