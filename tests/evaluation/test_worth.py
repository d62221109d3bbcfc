"""What a knowledge base can teach: planted gains, gaps and portfolio sizes, and no choice that sees its test part."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.core.meta_dataset import ROW_COLUMNS, MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Task
from metalearn.errors import InputError
from metalearn.evaluation.worth import (
    gain_over,
    pair,
    portfolio_gains,
    portfolio_losses,
    sufficient_size,
    summarise,
    validation_gaps,
)

A, B, C, D = sorted((Configuration("s", name) for name in "abcd"), key=lambda c: c.id)
POOL = [A, B, C, D]


def matrix(losses, split="validation", failed=(), **options):
    """One split of T tasks x C configurations; ``failed`` lists (task, configuration) positions."""
    losses = np.array(losses, dtype=float)
    crashed = np.zeros(losses.shape, dtype=bool)
    for cell in failed:
        crashed[cell] = True
    ids = [f"openml-{t}" for t in range(len(losses))]
    return MetaDataset.from_matrix(losses, ids, POOL[: losses.shape[1]], failed=crashed, split=split, **options)


def stacked(*parts):
    """One MetaDataset with the evaluations of several under the seeds 0, 1, ..."""
    rows = {name: np.concatenate([getattr(p, name) for p in parts]) for name in ROW_COLUMNS}
    rows["seed"] = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    return replace(parts[0], **rows)


def both(validation, test, **options):
    return pair(matrix(validation, **options), matrix(test, "test", **options))


def gains_of_portfolio(runs, validation, default):
    return portfolio_gains(runs, portfolio_losses(runs, validation), default)


def test_gain_is_that_of_the_validation_choice_on_the_test_part():
    runs = both([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]], [[0.25, 0.2, 0.4], [0.5, 0.1, 0.2]])
    np.testing.assert_array_equal(runs.chosen, [0, 2])
    np.testing.assert_allclose(gain_over(runs, B), [0.2 - 0.25, 0.1 - 0.2])
    np.testing.assert_allclose(gain_over(runs, C), [0.4 - 0.25, 0.0])


def test_a_choice_never_sees_its_test_part():
    """Scrambling the test losses moves no choice, neither the best of all nor that among a portfolio's first."""
    rng = np.random.default_rng(0)
    validation = matrix(rng.random((6, 4)))
    test = matrix(rng.random((6, 4)), "test")
    scrambled = replace(test, loss=rng.permutation(test.loss))
    np.testing.assert_array_equal(pair(validation, test).chosen, pair(validation, scrambled).chosen)


def test_each_seed_chooses_for_its_own_test_part():
    """On the mean over seeds B (0.3) beats A (0.35), but each seed must choose by itself: B under 0, A under 1."""
    validation = stacked(matrix([[0.6, 0.2, 0.9]]), matrix([[0.1, 0.4, 0.9]]))
    test = stacked(matrix([[0.5, 0.3, 0.9]], "test"), matrix([[0.2, 0.6, 0.8]], "test"))
    runs = pair(validation, test)
    np.testing.assert_array_equal(runs.chosen, [1, 0])
    np.testing.assert_allclose(gain_over(runs, C), [((0.9 - 0.3) + (0.8 - 0.2)) / 2])


def test_only_shared_tasks_configurations_seeds_and_the_full_fidelity_count():
    validation = stacked(matrix([[0.1, 0.2, 0.3], [0.4, 0.2, 0.6]]), matrix([[0.9, 0.1, 0.1], [0.9, 0.1, 0.1]]))
    low = replace(matrix([[0.9, 0.0, 0.9], [0.9, 0.0, 0.9]]), fidelity=np.full(6, 1 / 9), seed=np.zeros(6, dtype=int))
    rows = {name: np.concatenate([getattr(p, name) for p in (validation, low)]) for name in ROW_COLUMNS}
    unseen = MetaDataset.from_matrix([[0.3, 0.5]], ["openml-1"], [A, C], split="test")
    runs = pair(replace(validation, **rows), replace(unseen, seed=np.zeros(2, dtype=int)))
    assert [t.dataset_id for t in runs.tasks] == ["openml-1"]
    assert runs.configurations == (A, C)
    np.testing.assert_allclose(runs.validation, [[0.4, 0.6]])
    np.testing.assert_allclose(runs.test, [[0.3, 0.5]])


def test_failures_are_never_chosen_and_count_as_the_reference():
    validation = matrix([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]], failed=[(0, 0)])
    test = matrix([[0.1, 0.2, 0.4], [0.1, 0.2, 0.4]], "test", failed=[(1, 0)])
    runs = pair(validation, test)
    np.testing.assert_array_equal(runs.chosen, [1, 0])
    np.testing.assert_allclose(gain_over(runs, C), [0.4 - 0.2, 0.4 - 0.4])


def test_a_failure_under_an_unbounded_metric_counts_as_the_median():
    options = {"metric": METRICS["log_loss"]}
    runs = pair(matrix([[0.1, 0.2, 0.3, 0.4]], **options), matrix([[0, 1, 2, 90]], "test", failed=[(0, 0)], **options))
    np.testing.assert_allclose(gain_over(runs, C), [2 - 2])


def test_a_task_without_the_default_has_no_gain():
    validation = matrix([[0.1, 0.2], [0.1, 0.2]])
    runs = pair(validation, matrix([[0.1, 0.2], [0.1, np.nan]], "test"))
    np.testing.assert_allclose(gain_over(runs, B), [0.1, np.nan])


def test_splits_that_share_nothing_are_refused():
    validation = matrix([[0.1, 0.2]])
    with pytest.raises(InputError, match="one seed"):
        pair(validation, replace(matrix([[0.1, 0.2]], "test"), seed=np.array([5, 5])))
    with pytest.raises(InputError, match="both a validation and a test loss"):
        pair(validation, matrix([[0.1, 0.2]], "test", failed=[(0, 0), (0, 1)]))
    with pytest.raises(InputError, match=r"No run has evaluated new\(\)"):
        gain_over(pair(validation, matrix([[0.1, 0.2]], "test")), Configuration("s", "new"))


def test_gaps_of_the_chosen_and_of_all():
    """The chosen one was lucky by 0.2; the others are, in the median, as good on the test part as on validation."""
    chosen, every = validation_gaps(both([[0.1, 0.4, 0.5, 0.6]], [[0.3, 0.4, 0.5, 0.5]]))
    np.testing.assert_allclose(chosen, [0.2])
    np.testing.assert_allclose(every, [0.0], atol=1e-12)


def test_luck_alone_shows_as_optimism():
    """Equally good configurations with independent noise: all have no gap, the chosen one that of the minimum of C."""
    rng = np.random.default_rng(0)
    pool = [Configuration("s", "svc", {"C": i}) for i in range(20)]
    ids = [f"openml-{t}" for t in range(400)]
    known, unknown = (MetaDataset.from_matrix(0.5 + 0.1 * rng.normal(size=(400, 20)), ids, pool) for _ in range(2))
    chosen, every = validation_gaps(pair(known, unknown))
    expected_minimum_of_20 = 1.867  # of standard normals (Harter, Biometrika 1961)
    assert chosen.mean() == pytest.approx(0.1 * expected_minimum_of_20, abs=0.02)
    assert every.mean() == pytest.approx(0.0, abs=0.005)


def two_clusters(n_tasks=8):
    """A is best on even tasks, B on odd ones, C second on all; D is the default, bad everywhere."""
    losses = np.tile([0.9, 0.9, 0.3, 0.7], (n_tasks, 1))
    losses[np.arange(n_tasks), np.arange(n_tasks) % 2] = 0.1
    return losses


def test_portfolio_size_of_two_clusters():
    """C first (0.4 better than D), then what is best in the larger cluster that is left, then the other: k = 3."""
    losses = two_clusters()
    gains = gains_of_portfolio(both(losses, losses), matrix(losses), D)
    np.testing.assert_allclose(gains[:, 0], 0.4)
    np.testing.assert_allclose(gains[:, 2:], 0.6)
    assert sufficient_size(gains) == 3
    assert sufficient_size(gains, share=0.5) == 1


def test_the_last_of_the_curve_is_the_gain_of_choosing_among_all():
    rng = np.random.default_rng(1)
    validation = stacked(*(matrix(rng.integers(0, 4, (7, 4)) / 4, failed=[(s, s)]) for s in range(3)))
    test = stacked(*(matrix(rng.random((7, 4)), "test", failed=[(s + 1, s)]) for s in range(3)))
    runs = pair(validation, test)
    np.testing.assert_allclose(gains_of_portfolio(runs, validation, D)[:, -1], gain_over(runs, D))


def test_the_portfolio_learns_from_other_families_only():
    """Three siblings have A as the best, the only stranger has B: on a sibling, B comes first."""
    tasks = tuple(Task(f"t{i}", f"d{i}", "classification", family=f) for i, f in enumerate(("f", "f", "f", "stranger")))
    losses = [[0.1, 0.5, 0.6, 0.7]] * 3 + [[0.5, 0.1, 0.6, 0.7]]
    past, new = (MetaDataset.from_matrix(losses, tasks, POOL, split=s) for s in ("validation", "test"))
    np.testing.assert_allclose(gains_of_portfolio(pair(past, new), past, D)[:, 0], 0.7 - 0.5)


def test_a_portfolio_whose_first_all_failed_counts_as_the_reference():
    losses = np.tile([0.1, 0.3, 0.5, 0.7], (4, 1))
    validation = matrix(losses, failed=[(0, 0)])
    gains = gains_of_portfolio(pair(validation, matrix(losses, "test")), validation, D)
    np.testing.assert_allclose(gains[0, :2], [0.7 - 0.7, 0.7 - 0.3])


def test_a_configuration_that_a_task_lacks_takes_no_place():
    losses = np.tile([0.1, 0.3, 0.5, 0.7], (4, 1))
    losses[0, 0] = np.nan
    validation = matrix(losses)
    gains = gains_of_portfolio(pair(validation, matrix(losses, "test")), validation, D)
    np.testing.assert_allclose(gains[0], 0.7 - 0.3)


def test_no_gain_has_no_sufficient_size():
    assert sufficient_size(np.array([[0.1, 0.0], [0.0, -0.1]])) is None


def test_summary_of_known_values():
    tasks = [Task(f"t{i}", f"d{i}", "classification") for i in range(6)]
    summary = summarise(np.array([-0.1, 0.0, 1e-14, 0.1, 0.5, np.nan]), tasks, np.random.default_rng(0))
    assert summary.n_tasks == 5
    assert summary.mean == pytest.approx(0.1)
    assert summary.low < 0.1 < summary.high
    assert summary.quartiles == pytest.approx((0.0, 0.0, 0.1))
    assert (summary.positive, summary.negative) == (0.4, 0.2)


def test_the_interval_draws_families():
    """One family holds all that varies between tasks: whole families drawn, the mean of each is the same."""
    tasks = [Task(f"t{i}", f"d{i}", "classification", family="ab"[i // 2]) for i in range(4)]
    summary = summarise(np.array([0.0, 0.2, 0.2, 0.0]), tasks, np.random.default_rng(0))
    assert (summary.low, summary.high) == pytest.approx((0.1, 0.1))
    with pytest.raises(InputError, match="no task has a known value"):
        summarise(np.array([np.nan]), tasks[:1], np.random.default_rng(0))
