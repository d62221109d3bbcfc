"""MetaDataset: matrices from long form, canonical order, selections."""

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import STATUSES, Configuration, Task
from metalearn.errors import InputError, UnknownNameError

A, B = sorted((Configuration("s", "a"), Configuration("s", "b")), key=lambda c: c.id)
OK, CRASHED = STATUSES.index("ok"), STATUSES.index("crashed")


def long_form(**changes):
    """Task 1 x A: folds 0.1 and 0.3; task 1 x B: one fold crashed; task 2 x A at fidelity 1/3 only."""
    columns = {
        "tasks": (Task("1", "d1", "classification", family="f"), Task("2", "d2", "classification", family="f")),
        "configurations": (A, B),
        "task_index": np.array([0, 0, 0, 0, 1]),
        "configuration_index": np.array([0, 0, 1, 1, 0]),
        "fidelity": np.array([1, 1, 1, 1, 1 / 3]),
        "fold": np.array([0, 1, 0, 1, 0]),
        "seed": np.zeros(5, dtype=int),
        "loss": np.array([0.1, 0.3, 0.2, np.nan, 0.4]),
        "cost_seconds": np.array([1.0, 3.0, np.nan, np.nan, 0.5]),
        "status_code": np.array([OK, OK, OK, CRASHED, OK]),
        "meta_features": np.array([[1.0], [2.0]]),
        "feature_names": ("x",),
    }
    return MetaDataset(**columns | changes)


def test_losses_are_means_over_folds_and_a_failed_fold_fails_the_configuration():
    past = long_form()
    np.testing.assert_allclose(past.performance_matrix(), [[0.2, np.nan], [np.nan, np.nan]])
    assert past.failure_matrix().tolist() == [[False, True], [False, False]]
    np.testing.assert_allclose(past.cost_matrix(), [[2.0, np.nan], [np.nan, np.nan]])


def test_fidelities_are_kept_apart():
    np.testing.assert_allclose(long_form().performance_matrix(1 / 3), [[np.nan, np.nan], [0.4, np.nan]])


def test_a_loss_that_is_not_finite_is_a_failure():
    past = long_form(loss=np.array([0.1, np.inf, 0.2, np.nan, 0.4]))
    assert past.failure_matrix()[0, 0]
    assert np.isnan(past.performance_matrix()[0, 0])


def test_tasks_and_configurations_are_kept_in_the_order_of_their_ids():
    given = long_form()
    turned = MetaDataset(
        **{
            **vars(given),
            "tasks": given.tasks[::-1],
            "configurations": given.configurations[::-1],
            "task_index": 1 - given.task_index,
            "configuration_index": 1 - given.configuration_index,
            "meta_features": given.meta_features[::-1],
        }
    )
    assert turned.tasks == given.tasks
    assert turned.configurations == (A, B)
    np.testing.assert_array_equal(turned.meta_features, given.meta_features)
    np.testing.assert_array_equal(turned.performance_matrix(), given.performance_matrix())


def test_ids_and_statuses_are_columns():
    past = long_form()
    assert past.task_id.tolist() == ["1", "1", "1", "1", "2"]
    assert past.configuration_id[2] == B.id
    assert past.status.tolist() == ["ok", "ok", "ok", "crashed", "ok"]


def test_leaving_out_a_task_or_a_family():
    past = long_form()
    rest = past.without_task("1")
    assert [t.id for t in rest.tasks] == ["2"]
    np.testing.assert_allclose(rest.performance_matrix(1 / 3), [[0.4, np.nan]])
    assert rest.meta_features.tolist() == [[2.0]]
    assert len(past.without_family("f").tasks) == len(past.without_family("f")) == 0
    with pytest.raises(UnknownNameError, match="no task '3'"):
        past.without_task("3")


def test_some_evaluations_with_all_tasks_and_configurations():
    past = long_form()
    ok = past.filtered(past.status == "ok", snapshot_id="mine")
    assert (len(ok), ok.tasks, ok.configurations, ok.snapshot_id) == (4, past.tasks, past.configurations, "mine")
    assert ok.loss.tolist() == past.loss[past.status == "ok"].tolist()
    assert len(past.filtered(np.zeros(5, dtype=bool))) == 0


def test_columns_of_different_length_are_refused():
    with pytest.raises(InputError, match="one length"):
        long_form(loss=np.zeros(4))
    with pytest.raises(InputError, match=r"shape \(T, F\) = \(2, 1\)"):
        long_form(meta_features=np.zeros((2, 2)))


def test_a_matrix_gives_its_losses_back():
    losses = np.array([[0.1, np.nan], [0.3, 0.4]])
    failed = np.array([[False, True], [False, False]])
    past = MetaDataset.from_matrix(losses, ["openml-1", "openml-2"], [A, B], failed=failed)
    np.testing.assert_array_equal(past.performance_matrix(), losses)
    np.testing.assert_array_equal(past.failure_matrix(), failed)


def test_tasks_are_named_after_datasets_as_everywhere():
    past = MetaDataset.from_matrix([[0.1], [0.2], [0.3]], ["iris", "openml-61", "wine"], [A])
    assert [(t.id, t.dataset_id) for t in past.tasks] == [
        ("iris", "iris"), ("openml-dataset-61", "openml-61"), ("wine", "wine")
    ]  # fmt: skip
