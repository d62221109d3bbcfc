"""The Gaussian prior against dense formulas written out anew, its edge cases, and its figures on real errors."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from metalearn.checks import planted_meta_dataset, planted_task, recommender_checks
from metalearn.core.improvement import expected_improvement
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task, Trial
from metalearn.errors import InputError
from metalearn.recommenders.gaussian import N_BELIEVED, FittedGaussianPrior, GaussianPrior, completed
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.tried import NOTHING_TRIED, Tried

NEW = Task("new", "new", "classification")


def matrix(losses, **options):
    pool = [Configuration("s", "a", {"i": i}) for i in range(len(losses[0]))]
    pool.sort(key=lambda c: c.id)  # so that column j is configuration j
    return MetaDataset.from_matrix(losses, [f"openml-{i:03}" for i in range(len(losses))], pool, **options)


def low_rank(n_tasks=40, n_configurations=12, seed=0):
    """Errors that two factors explain, but for a little noise."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_tasks, 2)) @ rng.normal(size=(2, n_configurations)) + rng.normal(size=n_configurations)
    return 1 / (1 + np.exp(-logits - rng.normal(scale=0.1, size=logits.shape)))


def fit(losses, *, failed=None, **how):
    return GaussianPrior(**how).meta_fit(matrix(losses, failed=failed), rng=np.random.default_rng(0))


def trial(past, index, loss):
    """A trial of a configuration by its index: crashed without a loss, pending with NaN."""
    if loss is None:
        return Trial(past.configurations[index], status="crashed")
    return Trial(past.configurations[index], loss=loss, status="ok")


def chosen(fitted, k=1, history=()):
    past = fitted.past.meta_dataset
    answer = fitted.recommend(NEW, k, history=[trial(past, i, loss) for i, loss in history])
    return [past.position[r.configuration.id] for r in answer]


def dense(losses, transform, shrinkage=0.1, noise=1e-4):
    """The mean and the whole covariance of the prior."""
    values = np.log(losses + 0.01) if transform == "log" else losses
    sample = np.cov(values, rowvar=False)
    return values.mean(axis=0), (1 - shrinkage) * sample + np.diag(shrinkage * np.diag(sample) + noise)


def conditional(mean, covariance, told, values):
    """The textbook conditional of a normal distribution."""
    gain = np.linalg.solve(covariance[np.ix_(told, told)], covariance[told])
    return mean + (values - mean[told]) @ gain, covariance - covariance[:, told] @ gain


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("recommender", [GaussianPrior(), GaussianPrior("none")], ids=["log", "none"])
def test_it_conforms(recommender, check):
    check(recommender)


@pytest.mark.parametrize("transform", ["log", "none"])
def test_what_is_believed_is_the_conditional_of_the_shrunken_sample_covariance(transform):
    losses = low_rank()
    fitted = fit(losses, transform=transform, shrinkage=0.3, noise=0.02)
    mean, covariance = dense(losses, transform, 0.3, 0.02)
    np.testing.assert_allclose(fitted.covariance(np.arange(12)), covariance, atol=1e-12)
    told, measured = np.array([4, 0, 7]), np.array([0.2, 0.5, 0.1])
    values = np.log(measured + 0.01) if transform == "log" else measured
    expected, left = conditional(mean, covariance, told, values)
    belief = fitted.belief(Tried(told, measured))
    np.testing.assert_allclose(belief.mean, expected, atol=1e-10)
    np.testing.assert_allclose(belief.variance, np.maximum(np.diag(left), 1e-12), atol=1e-10)
    one_by_one = fitted.belief(NOTHING_TRIED)
    for index, value in zip(told, values, strict=True):
        one_by_one = one_by_one.told(index, fitted.covariance(np.array([index]))[0], value)
    np.testing.assert_allclose(one_by_one.mean, expected, atol=1e-10)
    np.testing.assert_allclose(one_by_one.variance, belief.variance, atol=1e-10)
    np.testing.assert_allclose(one_by_one.factor, belief.factor, atol=1e-10)


@pytest.mark.parametrize("transform", ["log", "none"])
@pytest.mark.parametrize("row", [0, 5, 9])
def test_one_step_after_the_other_maximises_the_expected_improvement(transform, row):
    losses = low_rank()
    past, own = np.delete(losses, row, axis=0), losses[row]
    mean, covariance = dense(past, transform)
    values = np.log(own + 0.01) if transform == "log" else own
    regrets = (past - past.min(axis=1)[:, None]) / np.ptp(past, axis=1)[:, None]
    expected = [int(regrets.mean(axis=0).argmin())]
    for _ in range(7):
        m, v = conditional(mean, covariance, expected, values[expected])
        std = np.sqrt(np.maximum(np.diag(v), 1e-12))
        z = (values[expected].min() - m) / std
        gain = std * (z * norm.cdf(z) + norm.pdf(z))
        gain[expected] = -1
        if gain.max() < 1e-9:
            break
        expected.append(int(gain.argmax()))
    assert len(expected) > 4
    fitted, history = fit(past, transform=transform), []
    for _ in expected:
        (index,) = chosen(fitted, history=history)
        history.append((index, own[index]))
    assert [index for index, _ in history] == expected


def test_in_a_list_each_entry_is_believed_to_give_its_mean():
    losses = low_rank()
    mean, covariance = dense(losses, "log")
    expected = chosen(fit(losses))
    for _ in range(4):
        m, v = conditional(mean, covariance, expected, mean[expected])
        np.testing.assert_allclose(m, mean)
        gain = expected_improvement(m, np.sqrt(np.maximum(np.diag(v), 1e-12)), mean[expected].min())
        gain[expected] = -1
        expected.append(int(gain.argmax()))
    assert chosen(fit(losses), k=5) == expected


def test_a_twin_of_what_disappointed_is_passed_over_and_its_opposite_is_taken():
    rng = np.random.default_rng(0)
    good = rng.random(60) < 0.6
    first = np.where(good, 0.1, 0.5) + rng.uniform(0, 0.01, 60)
    losses = np.stack([first, first + 0.001, 0.61 - first, np.full(60, 0.45)], axis=1)
    for transform in ("log", "none"):
        fitted = fit(losses, transform=transform)
        assert chosen(fitted) == [0]
        assert chosen(fitted, history=[(0, 0.5)]) == [2]


def test_a_failure_speaks_against_those_that_fail_with_it():
    rng = np.random.default_rng(1)
    losses = 0.3 + rng.uniform(0, 0.02, (40, 4))
    losses[:, 3] = 0.9  # what a failure counts as
    failed = np.zeros((40, 4), dtype=bool)
    failed[::3, :2] = True
    fitted = fit(losses, failed=failed)
    before = fitted.belief(Tried(np.array([2]), np.array([0.31]))).mean
    crashed = fitted.belief(Tried(np.array([0, 2]), np.array([np.inf, 0.31])))
    assert crashed.mean[0] == pytest.approx(before.max())
    assert crashed.mean[1] > before[1] + 0.3


def test_what_runs_is_believed_to_give_its_mean():
    fitted = fit(low_rank())
    before = fitted.belief(Tried(np.array([2]), np.array([0.3])))
    after = fitted.belief(Tried(np.array([5, 2]), np.array([np.nan, 0.3])))
    np.testing.assert_allclose(after.mean, before.mean)
    assert after.variance[5] == pytest.approx(1e-12)
    assert (after.variance <= before.variance + 1e-15).all()
    past = fitted.past.meta_dataset
    answer = fitted.recommend(NEW, 1, history=[Trial(past.configurations[chosen(fitted)[0]])])
    assert past.position[answer[0].configuration.id] == chosen(fitted, k=2)[1]


def test_until_something_succeeds_the_smallest_mean_regret_is_next():
    losses = low_rank()
    regrets = (losses - losses.min(axis=1)[:, None]) / np.ptp(losses, axis=1)[:, None]
    order = np.argsort(regrets.mean(axis=0)).tolist()
    assert chosen(fit(losses)) == order[:1]
    assert chosen(fit(losses), history=[(order[0], None)]) == order[1:2]
    assert chosen(fit(losses), history=[(order[0], None), (order[1], None)]) == order[2:3]


def test_predicted_losses_are_those_of_the_log_normal_distribution():
    losses, tried = low_rank(), Tried(np.array([1]), np.array([0.25]))
    fitted = fit(losses)
    weights, _ = fitted.weights(NEW, tried)
    mean, std = fitted.predicted(NEW, tried, weights, np.arange(losses.shape[1]))
    m, v = conditional(*dense(losses, "log"), [1], np.log([0.26]))
    draws = np.exp(np.random.default_rng(0).normal(m[3], np.sqrt(v[3, 3]), 400_000)) - 0.01
    assert mean[3] == pytest.approx(draws.mean(), rel=0.01)
    assert std[3] == pytest.approx(draws.std(), rel=0.02)
    assert (mean[1], std[1]) == (pytest.approx(0.25), pytest.approx(0.0, abs=1e-5))
    (answer,) = fitted.recommend(NEW, 1, history=[trial(fitted.past.meta_dataset, 1, 0.25)])
    index = fitted.past.meta_dataset.position[answer.configuration.id]
    assert (answer.loss, answer.std) == (mean[index], std[index])
    raw_mean, raw_std = fit(losses, transform="none").predicted(NEW, tried, weights, np.arange(losses.shape[1]))
    m, v = conditional(*dense(losses, "none"), [1], np.array([0.25]))
    np.testing.assert_allclose(raw_mean, m)
    np.testing.assert_allclose(raw_std, np.sqrt(np.maximum(np.diag(v), 1e-12)), atol=1e-7)


def test_holes_in_a_sum_of_offsets_are_nearly_filled_and_nothing_else_is_touched():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 1)) + rng.normal(size=9)
    holes = rng.random(values.shape) < 0.4
    holes[7] = True
    gappy = np.where(holes, np.nan, values)
    filled = completed(gappy)
    kept = ~holes.all(axis=1)
    rest = np.abs(filled - values[kept])[holes[kept]]
    assert rest.mean() < 0.15 * np.abs(values[kept][holes[kept]]).mean()  # offsets are damped
    np.testing.assert_array_equal(filled[~holes[kept]], values[kept][~holes[kept]])
    np.testing.assert_array_equal(completed(values), values)
    assert completed(np.full((3, 2), np.nan)).shape == (0, 2)


def test_one_lucky_evaluation_does_not_come_first():
    losses = np.array([[np.nan, 0.1, 0.5]] * 9 + [[0.05, 0.1, 0.5]])
    assert chosen(fit(losses)) == [1]


def test_what_nobody_evaluated_comes_last():
    losses = low_rank()
    losses[:, 3] = np.nan
    fitted = fit(losses)
    for history in ([], [(0, 0.9)], [(0, None)]):
        assert chosen(fitted, k=12, history=history)[-1] == 3
    *others, last = fitted.recommend(NEW, 12)
    assert (last.loss, last.std) == (None, None)
    assert all(r.loss > 0 and r.std > 0 for r in others)


def test_a_long_list_is_complete_and_its_beginning_is_that_of_a_short_one():
    fitted = fit(low_rank(n_tasks=10, n_configurations=N_BELIEVED + 20))
    everything = chosen(fitted, k=N_BELIEVED + 20)
    assert sorted(everything) == list(range(N_BELIEVED + 20))
    for k in (N_BELIEVED - 1, N_BELIEVED + 3):
        assert chosen(fitted, k=k) == everything[:k]


@pytest.mark.parametrize("n_tasks", [1, 2])
def test_one_or_two_tasks_are_enough_to_say_something(n_tasks):
    fitted = fit(np.array([[0.3, 0.1, 0.2], [0.5, 0.4, 0.2]])[:n_tasks])
    assert chosen(fitted, k=3)[0] == (1 if n_tasks == 1 else 2)
    assert len(chosen(fitted, k=3, history=[(0, 0.5)])) == 2


def test_the_probes_tell_the_clusters_apart_without_meta_features():
    past = planted_meta_dataset(24)
    fitted = GaussianPrior().meta_fit(replace(past, meta_features=past.meta_features * np.nan), rng=None)
    best = {c.algorithm: c for c in past.configurations}
    for cluster in (0, 1):
        wrong = Trial(best[f"best_{1 - cluster}"], loss=0.8, status="ok")
        history = [wrong, Trial(best["decent"], loss=0.2, status="ok")]
        answer = fitted.recommend(planted_task(cluster), 1, history=history)
        assert answer[0].configuration.algorithm == f"best_{cluster}"


@pytest.mark.parametrize(
    "options", [{"transform": "rank"}, {"shrinkage": 1.1}, {"shrinkage": -0.1}, {"noise": 0.0}, {"noise": np.inf}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match=r"transform is one of|shrinkage lies in"):
        GaussianPrior(**options)


# Mean normalized regrets after 1, 2, 3, 5 and 10 choices, by an independent implementation, on every eighth dataset.
INDEPENDENT = {
    "log": [0.17187, 0.10732, 0.0942, 0.0841, 0.04802],
    "none": [0.17187, 0.11363, 0.09163, 0.06134, 0.04153],
}


def test_it_scores_what_an_independent_implementation_scores(shared):
    with (shared / "data" / "oboe" / "error_matrix.csv").open() as file:
        header, *rows = csv.reader(file)
    pool = [Configuration("oboe", name) for name in header[1:]]
    errors = np.array([[float(v) for v in r[1:]] for r in rows]).round(10)
    everything = MetaDataset.from_matrix(errors, [f"openml-{int(r[0])}" for r in rows], pool)
    position = {t.dataset_id: i for i, t in enumerate(everything.tasks)}
    losses, regrets = everything.performance_matrix(), {"log": [], "none": []}
    for i in [position[f"openml-{int(r[0])}"] for r in rows[::8]]:
        past = PastTasks(everything.select(np.arange(len(losses)) != i))
        low, high = losses[i].min(), losses[i].max()
        for transform, found in regrets.items():
            fitted = FittedGaussianPrior(past, transform, 0.1, 1e-4)
            eligible, tried = np.ones(len(pool), dtype=bool), NOTHING_TRIED
            for _ in range(10):
                index = fitted.order(everything.tasks[i], eligible, tried, 1)[:1]
                tried = Tried(np.append(tried.indices, index), np.append(tried.losses, losses[i, index]))
                eligible[index] = False
            found.append((np.minimum.accumulate(tried.losses) - low) / (high - low))
    for transform, found in regrets.items():
        figures = np.mean(found, axis=0)[[0, 1, 2, 4, 9]]
        np.testing.assert_allclose(figures, INDEPENDENT[transform], atol=1e-4)
