"""What lists are called, how far they were read, and runtimes found by run; reading them is in ``test_openml``."""

import numpy as np
import pytest

from metalearn.sources.openml_lists import Cursor, ListNames, Runtimes, ids_of

NAMES = ListNames("task", "/flow/8000", "/per_fold")


def test_a_cursor_is_read_as_it_was_written():
    assert Cursor.read(str(Cursor(7, "12", complete=True))) == Cursor(7, "12", complete=True)
    assert Cursor.read("") == Cursor()


def test_lists_that_were_read_are_known_by_the_names_of_their_partitions():
    cursors = dict.fromkeys((NAMES.partition("auc", ids) for ids in ([3, 6], [11], [12, 20])), "")
    assert NAMES.known(cursors, "auc", [3, 6, 11, 12]) == [(3, 6), (11,)]  # 20 is not wanted
    assert NAMES.known(cursors, "mae", [3, 6, 11, 12]) == []


@pytest.mark.parametrize("other", [ListNames("flow"), ListNames("task"), ListNames("task", "/flow/8000")])
def test_lists_of_another_selection_are_not_known(other):
    assert NAMES.known({other.partition("auc", [3]): ""}, "auc", [3]) == []


def test_a_task_in_two_lists_is_read_in_one_of_them():
    cursors = dict.fromkeys((NAMES.partition("auc", ids) for ids in ([3, 6], [6, 11])), "")
    assert NAMES.known(cursors, "auc", [3, 6, 11]) == [(3, 6)]


def test_runtimes_of_two_pages():
    pages = [[{"run_id": "5", "value": "20"}, {"run_id": "3", "value": []}], [{"run_id": 4, "value": 1500}]]
    first, second = map(Runtimes.read, pages)
    np.testing.assert_array_equal((first | second).of(np.array([5, 4, 3, 9])), [0.02, 1.5, np.nan, np.nan])
    assert np.isnan(Runtimes().of(np.array([5]))).all()


def test_ids_that_are_missing_or_none():
    assert ids_of([{"id": "7"}, {"id": 8}, {"id": []}, {}, {"id": "x"}], "id").tolist() == [7, 8, -1, -1, -1]
