"""What a selection asks for, and what of it is stored, without a server."""

import json
from datetime import date

import pytest

from metalearn.errors import InputError
from metalearn.sources.openml_lists import Cursor
from metalearn.sources.openml_selection import Selection

READ = str(Cursor(5, "7", complete=True))


class Stored:
    """The cursors of partitions, and what is in quarantine."""

    def __init__(self, cursors, *refused):
        self.cursors = lambda: cursors
        self.quarantined = lambda: [(json.dumps(raw), "for a reason") for raw in refused]


def partition(selection, measure, *ids):
    return selection.names.partition(measure, ids)


def test_the_names_of_lists_tell_selections_apart():
    selections = [
        Selection(tasks=(3,)),
        Selection(tasks=(3,), flows=(8,)),
        Selection(tasks=(3,), uploaders=(8,)),
        Selection(tasks=(3,), since=date(2016, 6, 1)),
        Selection(tasks=(3,), per_fold=True),
        Selection(flows=(3,)),
    ]
    assert len({partition(selection, "auc", 3) for selection in selections}) == len(selections)
    # Neither the measures nor how much is read makes a list another one.
    assert partition(Selection(tasks=(3,), measures=("accuracy",), max_runs=5), "auc", 3) == partition(
        selections[0], "auc", 3
    )


def test_what_has_not_been_read_to_its_end_is_missing():
    selection = Selection(tasks=(3, 6, 11), measures=("accuracy",))
    cursors = {
        partition(selection, "predictive_accuracy", 3, 6): READ,
        partition(selection, "predictive_accuracy", 11): str(Cursor(5, "7")),
        "tasks": "",
    }
    assert selection.missing(Stored(cursors)) == (11,)
    assert Selection(tasks=(3, 6)).missing(Stored(cursors)) == (3, 6)  # by another measure
    assert Selection(tasks=(6, 3), measures=("predictive_accuracy",)).missing(Stored(cursors)) == ()


def test_a_suite_must_have_been_read():
    selection = Selection(suite=99, tasks=(11,), measures=("accuracy",))
    with pytest.raises(InputError, match="Suite 99 has not been read yet; run it without --offline first"):
        selection.missing(Stored({}))
    cursors = {"suite 99": json.dumps([3, 6]), partition(selection, "predictive_accuracy", 3): READ}
    assert selection.missing(Stored(cursors)) == (6, 11)


def test_tasks_that_the_server_could_not_describe_have_no_lists_to_wait_for():
    selection = Selection(suite=99, tasks=(11, 14), measures=("accuracy",))
    cursors = {"suite 99": json.dumps([3, 6]), partition(selection, "predictive_accuracy", 3): READ}
    # A row of an evaluation says nothing of its task, nor does a task that nobody asked for.
    stored = Stored(cursors, {"task_id": 6}, {"task_id": 14, "run_id": 2}, {"task_id": 15})
    assert selection.lost(stored) == (6,)
    assert selection.missing(stored) == (11, 14)
    flows = Selection(flows=(6,), measures=("accuracy",))
    assert (flows.lost(stored), flows.missing(stored)) == ((), (6,))
