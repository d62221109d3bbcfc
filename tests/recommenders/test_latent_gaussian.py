"""The latent Gaussian process: what it believes, what it asks for next, its edge cases, and real errors."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from metalearn.checks import planted_meta_dataset, planted_task, recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Task, Trial
from metalearn.errors import InputError
from metalearn.recommenders.latent_gaussian import FittedLatentGaussian, LatentGaussian
from metalearn.recommenders.portfolio import GreedyPortfolio, greedy_portfolio
from metalearn.recommenders.tried import NOTHING_TRIED, Tried

BARE = Task("bare", "bare", "classification")


def matrix(losses, **options):
    pool = sorted((Configuration("s", "a", {"i": i}) for i in range(len(losses[0]))), key=lambda c: c.id)
    return MetaDataset.from_matrix(losses, [f"openml-{i:03}" for i in range(len(losses))], pool, **options)


def fit(past, **options):
    return LatentGaussian(**options).meta_fit(past, rng=np.random.default_rng(0))


def smooth_losses(n_tasks=40, n_configurations=12, seed=0):
    """Errors of configurations on a line, where neighbours do alike; each task has a valley of its own."""
    rng = np.random.default_rng(seed)
    line, valley = np.linspace(0, 1, n_configurations), rng.uniform(size=(n_tasks, 1))
    levels = rng.uniform(0.05, 0.2, size=(n_tasks, 1))
    return levels + np.abs(line - valley) / 2 + rng.uniform(0, 0.01, size=(n_tasks, n_configurations))


def conditional(fitted, told, values):
    """The textbook conditional of a normal distribution, with the learned kernel written out anew."""
    positions, (signal, level, noise) = np.array(fitted.positions), np.exp(fitted.logs)
    squares = ((positions[:, None] - positions) ** 2).sum(axis=2)
    covariance = signal * np.exp(-squares / 2) + level + noise * np.eye(len(positions))
    mean = np.array(fitted.means)
    if not told:
        return mean, covariance
    gain = np.linalg.solve(covariance[np.ix_(told, told)], covariance[told])
    return mean + (values - mean[told]) @ gain, covariance - covariance[:, told] @ gain


def improvement(mean, covariance, best):
    std = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    z = (best - mean) / std
    return std * (z * norm.cdf(z) + norm.pdf(z))


def trials(past, history):
    return [
        Trial(past.configurations[i], loss=loss, status="ok")
        if loss is not None
        else Trial(past.configurations[i], status="crashed")
        for i, loss in history
    ]


def chosen(fitted, history=(), k=1, task=BARE):
    past = fitted.past.meta_dataset
    return [past.position[r.configuration.id] for r in fitted.recommend(task, k, history=trials(past, history))]


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("recommender", [LatentGaussian(), LatentGaussian(n_dimensions=2, n_initial=1)], ids=["5", "1"])
def test_it_conforms(recommender, check):
    check(recommender)


def test_what_is_believed_is_the_conditional_of_the_learned_kernel():
    fitted, told, losses = fit(matrix(smooth_losses())), [4, 0, 7], np.array([0.2, 0.5, 0.1])
    mean, covariance = conditional(fitted, told, np.log(losses + 0.01))
    belief = fitted.belief(Tried(np.array(told), losses))
    np.testing.assert_allclose(belief.mean, mean, atol=1e-9)
    np.testing.assert_allclose(belief.variance, np.maximum(np.diag(covariance), 1e-12), atol=1e-9)


@pytest.mark.parametrize("row", [0, 5, 9])
def test_after_the_first_few_the_expected_improvement_is_maximised(row):
    losses = smooth_losses()
    past, own = matrix(np.delete(losses, row, axis=0)), losses[row]
    fitted = fit(past, n_initial=2)
    regrets = fitted.past.known_regrets
    expected = greedy_portfolio(regrets, np.ones(12, dtype=bool), NOTHING_TRIED.indices, 2).tolist()
    values = np.log(own + 0.01)
    for _ in range(4):
        gain = improvement(*conditional(fitted, expected, values[expected]), values[expected].min())
        gain[expected] = -1
        if gain.max() < 1e-9:
            break
        expected.append(int(gain.argmax()))
    assert len(expected) > 3
    history = []
    for _ in expected:
        (index,) = chosen(fitted, history)
        history.append((index, own[index]))
    assert [index for index, _ in history] == expected


def test_in_a_list_each_entry_is_believed_to_give_its_mean():
    losses = smooth_losses()
    fitted = fit(matrix(losses[1:]), n_initial=1)
    seen, values = [3], [np.log(losses[0, 3] + 0.01)]
    for _ in range(4):
        mean, covariance = conditional(fitted, seen, np.array(values))
        gain = improvement(mean, covariance, min(values))
        gain[seen] = -1
        seen.append(int(gain.argmax()))
        values.append(mean[seen[-1]])
    assert chosen(fitted, [(3, losses[0, 3])], k=4) == seen[1:]


def test_one_loss_tells_where_the_valley_is():
    losses = smooth_losses(n_tasks=60)
    fitted = fit(matrix(losses), n_initial=1)
    left, right = np.argmax(losses[:, 0]), np.argmin(losses[:, 0])
    assert chosen(fitted, [(0, float(losses[left, 0]))])[0] > 5
    assert chosen(fitted, [(0, float(losses[right, 0]))])[0] < 3


@pytest.mark.parametrize("cluster", [0, 1])
def test_the_first_ones_serve_the_tasks_with_like_meta_features(cluster):
    fitted = fit(planted_meta_dataset(24))
    names = [r.configuration.algorithm for r in fitted.recommend(planted_task(cluster), 3)]
    assert names[0] == f"best_{cluster}"


def test_without_meta_features_the_first_ones_are_a_portfolio():
    past = planted_meta_dataset(24)
    portfolio = GreedyPortfolio().meta_fit(past, rng=np.random.default_rng(0))
    first = [r.configuration for r in fit(past).recommend(BARE, 8)]
    assert first == [r.configuration for r in portfolio.recommend(BARE, 8)]
    crashed = trials(past, [(0, None), (1, None), (2, None), (3, None), (4, None), (5, None)])
    assert (
        fit(past).recommend(BARE, 1, history=crashed)[0].configuration
        == portfolio.recommend(BARE, 1, history=crashed)[0].configuration
    )


def test_a_failure_speaks_against_its_neighbours():
    losses = smooth_losses(n_tasks=60)
    fitted = fit(matrix(losses))
    before = fitted.belief(Tried(np.array([0]), np.array([0.3])))
    after = fitted.belief(Tried(np.array([6, 0]), np.array([np.inf, 0.3])))
    assert after.mean[6] == pytest.approx(max(before.mean.max(), np.log(0.31)))
    assert after.mean[5] > before.mean[5]
    assert after.mean[7] > before.mean[7]


def test_what_runs_is_believed_to_give_its_mean():
    fitted = fit(matrix(smooth_losses()))
    before = fitted.belief(Tried(np.array([2]), np.array([0.3])))
    after = fitted.belief(Tried(np.array([5, 2]), np.array([np.nan, 0.3])))
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-12)
    assert after.variance[5] == pytest.approx(1e-12)
    assert (after.variance <= before.variance + 1e-12).all()


def test_predicted_losses_are_those_of_the_log_normal_distribution():
    fitted = fit(matrix(smooth_losses()))
    tried = Tried(np.array([1]), np.array([0.25]))
    weights, _ = fitted.weights(BARE, tried)
    everything = np.arange(len(fitted.past.configurations))
    mean, std = fitted.predicted(BARE, tried, weights, everything)
    m, v = conditional(fitted, [1], np.log([0.26]))
    draws = np.exp(np.random.default_rng(0).normal(m[3], np.sqrt(v[3, 3]), 400_000)) - 0.01
    assert mean[3] == pytest.approx(draws.mean(), rel=0.01)
    assert std[3] == pytest.approx(draws.std(), rel=0.03)
    assert (mean[1], std[1]) == (pytest.approx(0.25), pytest.approx(0.0, abs=1e-5))
    uniform = fitted.predicted(BARE, NOTHING_TRIED, weights, everything)[0]
    np.testing.assert_allclose(uniform, fitted.past.losses.mean(axis=0))


@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_without_bounds_the_unit_of_the_losses_does_not_matter(scale):
    past = replace(matrix(smooth_losses()), metric=METRICS["rmse"])
    history = [(0, 0.3), (4, 0.1), (8, 0.2)]
    large = [(i, loss * scale) for i, loss in history]
    fitted = fit(past, n_initial=2)
    assert chosen(fitted, large, k=1) == chosen(fitted, history, k=1)


def test_what_nobody_evaluated_comes_last():
    losses = smooth_losses()
    losses[:, 3] = np.nan
    fitted = fit(matrix(losses), n_initial=1)
    for history in ([], [(0, 0.2)], [(0, None)]):
        assert chosen(fitted, history, k=12)[-1] == 3
    last = fitted.recommend(BARE, 12, history=trials(fitted.past.meta_dataset, [(0, 0.2)]))[-1]
    assert (last.loss, last.std) == (None, None)


def test_gaps_lead_to_nearly_the_same_choices():
    losses = smooth_losses(n_tasks=80)
    gappy = np.where(np.random.default_rng(1).random(losses.shape) < 0.4, np.nan, losses)
    gappy[0] = np.nan
    complete, other = fit(matrix(losses)), fit(matrix(gappy))
    tried = Tried(np.array([0, 6]), np.array([0.4, 0.2]))
    believed = complete.belief(tried).mean
    assert np.corrcoef(believed, other.belief(tried).mean)[0, 1] > 0.95
    assert abs(int(believed.argmin()) - int(other.belief(tried).mean.argmin())) <= 1


def test_files_give_back_the_same_positions(tmp_path):
    fitted = fit(matrix(smooth_losses()), n_initial=1)
    fitted.save(tmp_path)
    loaded = FittedLatentGaussian.load(tmp_path)
    assert (loaded.positions, loaded.logs, loaded.means) == (fitted.positions, fitted.logs, fitted.means)
    assert chosen(loaded, [(4, 0.2)], k=6) == chosen(fitted, [(4, 0.2)], k=6)


@pytest.mark.parametrize("options", [{"n_dimensions": 0}, {"n_initial": 0}])
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match="must be at least 1"):
        LatentGaussian(**options)


def test_on_real_errors_five_losses_tell_more_than_the_level_of_the_others(shared):
    """Every eighth dataset is left out, all of them at once; five losses are told, the others are to be foreseen."""
    with (shared / "data" / "oboe" / "error_matrix.csv").open() as file:
        _, *rows = csv.reader(file)
    losses = np.array([[float(v) for v in r[1:]] for r in rows]).round(10)
    losses = losses[np.ptp(losses, axis=1) > 0]
    left_out = np.arange(len(losses)) % 8 == 0
    fitted = fit(matrix(losses[~left_out]))
    told, mean = np.array(chosen(fitted, k=5)), np.array(fitted.means)
    ours, level = [], []
    for own in losses[left_out]:
        logs = np.log(own + 0.01)
        ours.append(np.mean((fitted.belief(Tried(told, own[told])).mean - logs) ** 2))
        level.append(np.mean((mean + np.mean(logs[told] - mean[told]) - logs) ** 2))
    assert np.mean(ours) < 0.8 * np.mean(level)
