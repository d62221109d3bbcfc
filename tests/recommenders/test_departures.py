"""How past tasks departed from a regression, at configurations that they have not evaluated."""

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration
from metalearn.recommenders.departures import N_INDUCING, Departures
from metalearn.recommenders.past_evaluations import MAX_ROWS, PastEvaluations, spread
from metalearn.recommenders.past_tasks import PastTasks


def svc(x):
    return Configuration("s", "svc", {"x": float(x)})


def evaluated(loss, n_tasks=10, n=30, **options):
    """Tasks with n configurations of their own each, and losses that depend on x and on whether the task is odd."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(n_tasks, n))
    losses = np.full((n_tasks, n_tasks * n), np.nan)
    for t in range(n_tasks):
        losses[t, t * n : (t + 1) * n] = loss(x[t], t)
    pool = [svc(v) for v in x.ravel()]
    return PastTasks(MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(n_tasks)], pool, **options))


def tilted(x, t):
    return 0.5 + 0.3 * (x - 0.5) * (1 if t % 2 else -1)


@pytest.fixture(scope="module")
def departures():
    rows = PastEvaluations.of(evaluated(tilted))
    return Departures.learned(rows, rows.losses)


def test_departures_are_known_between_the_configurations_evaluated(departures):
    scaled = departures.scaled([svc(x) for x in (0.1, 0.5, 0.9)])
    low, middle, high = departures.at(scaled).T
    sign = np.where(np.arange(10) % 2, 1, -1)
    # In standard deviations of uniform x, whose logarithms are nearly linear in x.
    assert np.mean(high * sign) == pytest.approx(0.4 * np.sqrt(12), rel=0.15)
    assert np.mean(low * sign) == pytest.approx(-0.4 * np.sqrt(12), rel=0.15)
    assert (high * sign > 0.5).all()
    assert (low * sign < -0.5).all()
    np.testing.assert_allclose(middle, 0.0, atol=0.4)


def test_a_new_task_deviates_as_past_ones_did(departures):
    scaled = departures.scaled([svc(x) for x in (0.05, 0.1, 0.9)])
    covariance = departures.covariance(scaled, departures.at(scaled))
    assert np.linalg.eigvalsh(covariance).min() > 0
    contrast = np.diag(covariance)[:, None] + np.diag(covariance) - 2 * covariance
    assert contrast[0, 2] > 3 * contrast[0, 1]


def test_what_is_saved_comes_back(departures, tmp_path):
    departures.save(tmp_path)
    loaded = Departures.load(tmp_path, departures.rows)
    scaled = departures.scaled([svc(0.3)])
    np.testing.assert_array_equal(loaded.at(scaled), departures.at(scaled))
    assert loaded.kernel == departures.kernel


def test_of_many_configurations_some_are_kept():
    rows = PastEvaluations.of(evaluated(tilted, n_tasks=3, n=100))
    assert Departures.learned(rows, rows.losses).coefficients.shape == (3, N_INDUCING)


def test_rows_are_standardised_within_the_task_and_failures_are_its_worst():
    losses = np.array([[0.09, 0.29, np.nan, 0.5], [0.2, 0.2, np.nan, 0.2], [np.nan] * 4])
    failed = np.zeros((3, 4), dtype=bool)
    failed[0, 2] = True
    pool = [svc(x) for x in range(4)]
    tasks = [f"openml-{i}" for i in range(3)]
    past = PastTasks(MetaDataset.from_matrix(losses, tasks, pool, failed=failed))
    rows = PastEvaluations.of(past)
    np.testing.assert_array_equal(rows.task, [0, 0, 0, 0])
    logs = np.log([0.1, 0.3, 0.51, 0.51])
    assert rows.levels == pytest.approx(logs.mean())
    assert rows.scales == pytest.approx(logs.std())
    np.testing.assert_allclose(sorted(rows.losses), (logs - logs.mean()) / logs.std())
    worst = max(rows.losses)
    found = dict(zip((rows.configurations[i] for i in rows.configuration), rows.losses, strict=True))
    assert found[svc(2)] == found[svc(3)] == worst


def test_of_a_task_with_many_evaluations_some_are_taken():
    rows = PastEvaluations.of(evaluated(tilted, n_tasks=2, n=MAX_ROWS + 50))
    assert [len(i) for i in rows.of_tasks] == [MAX_ROWS, MAX_ROWS]
    assert len(set(spread(np.arange(1000), 300).tolist())) == 300
