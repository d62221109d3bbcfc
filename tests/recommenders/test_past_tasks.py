"""The matrices of past tasks: what a failure counts as, and what is not known."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Task
from metalearn.recommenders.past_tasks import PastTasks

POOL = sorted((Configuration("s", name) for name in "abcd"), key=lambda c: c.id)
TASKS = [Task(f"t{i}", f"d{i}", "classification", meta_features={"x": float(i)}) for i in range(3)]
NAN = np.nan


def past(**options):
    """A task with a failure and a gap, one where all failed, one of which nothing is known but one loss."""
    losses = [[0.09, 0.49, NAN, NAN], [NAN] * 4, [NAN, 0.2, NAN, NAN]]
    failed = np.array([[False, False, True, False], [True, True, True, False], [False] * 4])
    return MetaDataset.from_matrix(losses, TASKS, POOL, failed=failed, feature_names=["x"], **options)


def test_a_failure_is_as_bad_as_the_worst_and_tells_nothing_where_all_failed():
    tasks = PastTasks(past())
    np.testing.assert_allclose(np.exp(tasks.log_losses), [[0.1, 0.5, 0.5, NAN], [NAN] * 4, [NAN, 0.21, NAN, NAN]])
    np.testing.assert_allclose(tasks.regrets, [[0, 1, 1, NAN], [1, 1, 1, NAN], [NAN, 0, NAN, NAN]])
    np.testing.assert_allclose(tasks.known_regrets, [[0, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1]])
    np.testing.assert_allclose(tasks.ranks, [[1 / 6, 1 / 2, 5 / 6, NAN], [0.5, 0.5, 0.5, NAN], [NAN, 0.5, NAN, NAN]])


def test_what_failed_everywhere_was_evaluated():
    assert PastTasks(past()).evaluated.tolist() == [True, True, True, False]
    assert PastTasks(MetaDataset.from_matrix([], [], POOL)).evaluated.tolist() == [False] * 4


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf])
def test_a_meta_feature_that_is_no_number_is_unknown(value):
    tasks = PastTasks(past())
    new = Task("new", "new", "classification", meta_features={"x": value, "other": 1.0})
    assert np.isnan(tasks.meta_features_of(new)).all()
    assert not tasks.knows(new)
    assert tasks.knows(TASKS[0])
    assert not PastTasks(replace(past(), meta_features=np.full((3, 1), value))).knows(TASKS[0])


def test_without_bounds_regrets_are_against_the_median():
    losses = [[0.1, 0.2, 0.3, 9.0]]
    unbounded = MetaDataset.from_matrix(losses, TASKS[:1], POOL, metric=METRICS["log_loss"])
    np.testing.assert_allclose(PastTasks(unbounded).regrets, [[0, 2 / 3, 1, 1]])
