"""The mixture over past tasks beyond what the conformance checks say of every recommender."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Task, Trial
from metalearn.errors import InputError
from metalearn.recommenders.opinions import pooled
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.task_mixture import FittedTaskMixture, TaskMixture, deviation_covariance
from metalearn.recommenders.tried import NOTHING_TRIED

BARE = Task("bare", "bare", "classification")


def fit(past, **options):
    return TaskMixture(**options).meta_fit(past, rng=np.random.default_rng(0))


def trial(past, algorithm, loss):
    configuration = next(c for c in past.configurations if c.algorithm == algorithm)
    return Trial(configuration, loss=loss, status="ok") if loss < 1 else Trial(configuration, status="crashed")


@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster(cluster):
    found = fit(planted_meta_dataset(24)).recommend(planted_task(cluster), 1)
    assert found[0].configuration.algorithm == f"best_{cluster}"


def test_one_loss_tells_the_cluster_of_a_task_without_meta_features():
    past = planted_meta_dataset(24)
    for other, best in (("best_0", "best_1"), ("best_1", "best_0")):
        assert fit(past).recommend(BARE, 1, history=[trial(past, other, 0.7)])[0].configuration.algorithm == best


def test_no_answer_waits_for_something_to_be_learned(monkeypatch):
    past = planted_meta_dataset(24, missing=0.3)
    fitted = fit(past)

    def learned_late(*_, **__):
        raise AssertionError("something is learned when it is asked for")

    monkeypatch.setattr("metalearn.recommenders.latent_kernel.LatentKernel.learn", learned_late)
    monkeypatch.setattr("metalearn.core.completion.factorize", learned_late)
    assert len(fitted.recommend(planted_task(0), 3)) == 3
    assert len(fitted.recommend(planted_task(0), 3, history=[trial(past, "decent", 0.2)])) == 3


def test_what_was_measured_overrules_misleading_meta_features():
    past = planted_meta_dataset(24)
    history = [trial(past, "best_0", 0.8), trial(past, "decent", 0.2)]
    assert fit(past).recommend(planted_task(0), 1, history=history)[0].configuration.algorithm == "best_1"


def test_a_crash_counts_as_the_worst_that_was_seen():
    past = planted_meta_dataset(24)
    crashed = [trial(past, "best_0", 1.0), trial(past, "decent", 0.2), trial(past, "noise_0", 0.9)]
    bad = [trial(past, "best_0", 0.9), *crashed[1:]]
    for k in (1, 5):
        answers = [fit(past).recommend(BARE, k, history=history) for history in (crashed, bad)]
        assert [r.configuration for r in answers[0]] == [r.configuration for r in answers[1]]


def test_only_crashes_so_far_leave_the_portfolio():
    past = planted_meta_dataset(24)
    assert fit(past).recommend(BARE, 1, history=[trial(past, "noise_0", 1.0)])[0].configuration.algorithm == "decent"


@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_without_bounds_the_unit_of_the_losses_does_not_matter(scale):
    past = replace(planted_meta_dataset(24), metric=METRICS["rmse"])
    history = [trial(past, "decent", 0.2), trial(past, "best_0", 0.1)]
    large = [replace(t, loss=t.loss * scale) for t in history]
    chosen = [fit(past).recommend(BARE, 8, history=h) for h in (history, large)]
    assert [r.configuration for r in chosen[0]] == [r.configuration for r in chosen[1]]


def test_trees_and_past_survive_files(tmp_path):
    past = planted_meta_dataset(24)
    fitted = fit(past, n_trees=20)
    fitted.save(tmp_path)
    loaded = type(fitted).load(tmp_path)
    history = [trial(past, "decent", 0.2)]
    for task in (planted_task(1), BARE):
        assert loaded.recommend(task, 5, history=history) == fitted.recommend(task, 5, history=history)


def test_a_failed_evaluation_is_the_worst_of_its_task():
    pool = [Configuration("s", name) for name in "abc"]
    failed = np.array([[False, False, True]])
    past = MetaDataset.from_matrix([[0.18, 0.48, np.nan]], ["openml-1"], pool, failed=failed)
    logs = dict(zip([c.algorithm for c in past.configurations], PastTasks(past).log_losses[0], strict=True))
    assert {name: round(float(np.exp(value)), 9) for name, value in logs.items()} == {"a": 0.19, "b": 0.49, "c": 0.49}


def test_the_covariance_of_deviations_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    values, alike = rng.normal(size=(4, 3)), rng.random((4, 4))
    pairs = [alike[i, j] * np.outer(values[i] - values[j], values[i] - values[j]) for i in range(4) for j in range(4)]
    assert deviation_covariance(values, alike) == pytest.approx(sum(pairs) / 4)


@pytest.mark.parametrize("n_bare", [0, 1, 5, 12])
def test_tasks_without_meta_features_deviate_from_all_others_alike(n_bare):
    past = planted_meta_dataset()
    tasks = [replace(t, meta_features={}) if i < n_bare else t for i, t in enumerate(past.tasks)]
    names = past.feature_names
    past = MetaDataset.from_matrix(past.performance_matrix(), tasks, past.configurations, feature_names=names)
    fitted = fit(past, n_trees=30, shrinkage=0.0, spread=1.0)
    alike = (np.ones((12, 12)) - np.eye(12)) / 11
    described = past.described
    if described.any():
        alike[described] = 0.0
        alike[np.ix_(described, described)] = fitted.forest.weights_of_tasks.toarray()
    expected = deviation_covariance(fitted.log_losses, alike)
    off_diagonal = ~np.eye(10, dtype=bool)
    assert fitted.covariance[off_diagonal] == pytest.approx(expected[off_diagonal])


@pytest.mark.parametrize(
    "options",
    [
        {"n_trees": 0},
        {"uniform_share": 1.1},
        {"shrinkage": -0.1},
        {"spread": 0.0},
        {"temper": 0.0},
        {"temper": -0.5},
        {"half_say": 0.0},
        {"hedge_share": 2.0},
    ],
)
def test_options_that_cannot_be(options):
    with pytest.raises(InputError, match="n_trees is at least 1"):
        TaskMixture(**options)


def test_options_change_what_is_believed_and_are_saved(tmp_path):
    past = planted_meta_dataset(24)
    shares = [fit(past, uniform_share=share).weights(planted_task(0), NOTHING_TRIED)[0] for share in (0.0, 0.5, 1.0)]
    assert shares[1] == pytest.approx((shares[0] + shares[2]) / 2)
    assert shares[2] == pytest.approx(np.full(24, 1 / 24))
    fit(past, spread=0.1, temper=0.5, half_say=3.0).save(tmp_path)
    again = FittedTaskMixture.load(tmp_path)
    assert (again.uniform_share, again.spread, again.shrinkage) == (0.05, 0.1, 0.2)
    assert (again.temper, again.half_say) == (0.5, 3.0)


@pytest.mark.parametrize(("n_past", "hedge"), [(24, 0.2), (120, 0.0)])
def test_who_has_which_share_of_the_say(monkeypatch, n_past, hedge):
    """The more was tried the latent Gaussian, and with fewer than 100 past tasks the list that they would make."""
    past = planted_meta_dataset(n_past)
    shares = []

    def recorded(opinions, *rest, **named):
        shares.append([round(share, 6) for _, share in opinions])
        return pooled(opinions, *rest, **named)

    monkeypatch.setattr("metalearn.recommenders.task_mixture.pooled", recorded)
    history = [trial(past, name, 0.2) for name in ("decent", "noise_0", "noise_1")]
    fitted = fit(past, n_trees=5, half_say=2.0)
    for n in (1, 2, 3):
        fitted.recommend(BARE, 1, history=history[:n])
    latent = np.array([0.2, 0.5, 9 / 13])
    expected = [(1 - latent) * (1 - hedge), latent, *([(1 - latent) * hedge] if hedge else [])]
    np.testing.assert_allclose(shares, np.transpose(expected), atol=1e-6)


def test_the_latent_gaussian_decides_where_it_alone_is_asked():
    past = planted_meta_dataset(24)
    history = [trial(past, "decent", 0.2), trial(past, "best_0", 0.7)]
    mixture = fit(past, half_say=1e-9)
    latent = replace(mixture.latent, n_initial=1)
    known = [mixture.recommend(BARE, 1, history=history), latent.recommend(BARE, 1, history=history)]
    assert known[0][0].configuration == known[1][0].configuration


def test_with_bounds_predictions_follow_what_was_tried_without_them_the_past_tasks():
    """A loss of 0.1 of best_0 tells its cluster, on whose tasks best_1 is bad; on the others it has 0.1, too."""
    bounded = planted_meta_dataset(24)
    history = [trial(bounded, "best_0", 0.1)]
    column = bounded.position[next(c.id for c in bounded.configurations if c.algorithm == "best_1")]
    losses = bounded.performance_matrix()[:, column]
    only = [bounded.configurations[column]]
    (answer,) = fit(bounded).recommend(BARE, 1, history=history, candidates=only)
    assert answer.loss == pytest.approx(losses[losses > 0.1].mean(), rel=0.05)
    (answer,) = fit(replace(bounded, metric=METRICS["rmse"])).recommend(BARE, 1, history=history, candidates=only)
    assert (answer.loss, answer.std) == pytest.approx((losses.mean(), losses.std()))


def test_of_many_past_tasks_those_of_most_weight_make_the_list(monkeypatch):
    past, seen = planted_meta_dataset(24), []

    def recorded(opinions, *rest, **named):
        seen.append(opinions[0][0].weights)
        return pooled(opinions, *rest, **named)

    monkeypatch.setattr("metalearn.recommenders.task_mixture.pooled", recorded)
    monkeypatch.setattr("metalearn.recommenders.task_mixture.AT_MOST_CELLS", 5 * len(past.configurations))
    fitted = fit(past)
    fitted.recommend(planted_task(0), 1)
    fitted.recommend(BARE, 1)
    prior, _ = fitted.weights(planted_task(0), NOTHING_TRIED)
    assert sorted(seen[0]) == pytest.approx(np.sort(prior)[-5:] / np.sort(prior)[-5:].sum())
    assert seen[1] == pytest.approx(np.full(24, 1 / 24))  # all weigh alike


def test_a_single_past_task_leaves_an_order():
    past = MetaDataset.from_matrix([[0.3, 0.1, 0.2]], ["openml-1"], [Configuration("s", name) for name in "abc"])
    answer = fit(past).recommend(BARE, 2, history=[trial(past, "a", 0.3)])
    assert [r.configuration.algorithm for r in answer] == ["b", "c"]
