"""What trials reported while they ran."""

import math
from pathlib import Path

import pandas as pd
import pytest

from metalearn.errors import InputError
from metalearn.sources.histories import Measured, Refused
from metalearn.sources.reports import ReportColumns, Reports, reported, steps_from_one, table_reports
from metalearn.sources.subjects import Subject

OPEN, FULL = (Subject("59", "accuracy", algorithm="svc", full=full) for full in (None, 4))
COLUMNS = ReportColumns("trial", "acc", "epoch", "seconds", "config_")
C = {"C": 1}


def trial(run="0", n=4, status="ok", **options):
    steps = range(1, n + 1)
    return Reports(run, C, list(steps), [s / 10 for s in steps], [s * 2.0 for s in steps], status, **options)


def told(subject, *trials):
    return [
        (entry.run, entry.value, entry.status, entry.step)
        for entries in reported(subject, "the experiment", trials)
        for entry in entries
    ]


def test_every_report_where_the_full_resource_is_known():
    assert told(FULL, trial(n=2), trial("1", n=4)) == [
        ("0", 0.1, "ok", 1),
        ("0", 0.2, "ok", 2),
        *(("1", s / 10, "ok", s) for s in (1, 2, 3, 4)),
    ]


def test_a_crash_is_a_failed_full_evaluation():
    assert told(FULL, trial(n=1, status="crashed")) == [("0", 0.1, "ok", 1), ("0", None, "crashed", None)]
    assert told(FULL, trial(n=0, status="crashed")) == [("0", None, "crashed", None)]
    # What was measured in full does not count as a crash, whatever came after it.
    assert told(FULL, trial(n=4, status="crashed"))[-1] == ("0", 0.4, "ok", 4)
    (entries,) = reported(FULL, "", [trial(n=2, status="crashed", message="boom")])
    assert (entries[-1].cost_seconds, entries[-1].message) == (4.0, "boom")


def test_the_last_reports_where_nothing_says_what_is_full():
    assert told(OPEN, trial(n=3), trial("1", n=3), trial("2", n=2, status="crashed")) == [
        *[("0", None, "pending", None)] * 2,
        ("0", 0.3, "ok", None),
        *[("1", None, "pending", None)] * 2,
        ("1", 0.3, "ok", None),
        *[("2", None, "pending", None)] * 2,
        ("2", None, "crashed", None),
    ]


def test_trials_that_ended_at_different_steps_need_to_know_what_is_full():
    with pytest.raises(InputError, match="trials of the experiment ended at steps 2 to 3; say which is"):
        told(OPEN, trial(n=3), trial("1", n=2))
    unknown = Reports("1", C, [math.nan], [0.5], [math.nan])
    assert told(OPEN, unknown, trial("2", n=1))[0] == ("1", 0.5, "ok", None)


def test_a_trial_that_runs_says_what_it_has_reported_and_nothing_of_its_end():
    assert told(FULL, trial(n=2, status="pending")) == [("0", 0.1, "ok", 1), ("0", 0.2, "ok", 2)]
    assert told(OPEN, trial(n=2, status="pending")) == [("0", None, "pending", None)] * 2
    assert told(FULL, trial(n=0, status="pending")) == told(OPEN, trial(n=0)) == [("0", None, "pending", None)]


def test_others_go_along_and_stand_for_themselves():
    refused = Refused("x", "y")
    for subject in (FULL, OPEN):
        assert list(reported(subject, "", [trial(n=0, others=(refused,))])) == [[refused]]
        (entries,) = reported(subject, "", [trial(n=1, others=(refused,))])
        assert entries[0] is refused
        assert isinstance(entries[1], Measured)


def test_a_trial_with_a_step_0_counts_from_0():
    assert steps_from_one([0, 1, 2]) == [1, 2, 3]
    assert steps_from_one([0, 10]) == [1, 11]
    assert steps_from_one([1, 2]) == [1, 2]
    assert steps_from_one([]) == []
    counted = Reports("0", C, [0, 1, 2, 3], [0.1] * 4, [0.0] * 4)
    assert [step for *_, step in told(FULL, counted)] == [1, 2, 3, 4]


@pytest.fixture
def frame():
    """Two trials, one after the other and mixed."""
    return pd.DataFrame(
        {
            "trial": ["b", "a", "b", "a", None],
            "epoch": ["1", "1", "2", "2", "1"],
            "acc": ["0.1", "0.2", None, "0.4", "0.5"],
            "seconds": ["1", "2", "3", "x", "5"],
            "config_C": ["1.0", "2", "1.0", "2", "3"],
            "config_kernel": ["rbf", None, "rbf", None, "rbf"],
        }
    )


def test_trials_are_put_together_from_a_table(frame):
    nobody, *trials = table_reports(frame, Path("t.csv"), FULL, COLUMNS, failed=(frame["seconds"] == "x").to_numpy())
    assert [(t.run, t.hyperparameters, t.steps, t.values, t.status) for t in trials] == [
        ("b", {"C": 1, "kernel": "rbf"}, [1, 2], ["0.1", None], "ok"),
        ("a", {"C": 2}, [1, 2], ["0.2", "0.4"], "crashed"),
    ]
    assert [str(seconds) for t in trials for seconds in t.seconds] == ["1.0", "3.0", "2.0", "nan"]
    assert [refused.reason for refused in nobody.others] == ["the trial's id is missing"]
    assert not len(nobody.steps)


def test_steps_are_needed_only_where_the_full_resource_is_known(frame):
    without = frame.drop(columns=["epoch", "seconds"])
    with pytest.raises(InputError, match=r"t\.csv has no column 'epoch'"):
        list(table_reports(without, Path("t.csv"), FULL, COLUMNS))
    _, first, _ = table_reports(without, Path("t.csv"), OPEN, COLUMNS)
    assert all(map(math.isnan, [*first.steps, *first.seconds]))


def test_lacking_columns_name_the_nearest(frame):
    with pytest.raises(InputError, match=r"no column 'acc'; did you mean 'accu'\?"):
        list(table_reports(frame.rename(columns={"acc": "accu"}), Path("t.csv"), FULL, COLUMNS))
    ignoring = Subject("59", "accuracy", algorithm="svc", ignore=("kernal",))
    with pytest.raises(InputError, match=r"no hyperparameter 'kernal'; did you mean 'kernel'\? it has C, kernel"):
        list(table_reports(frame, Path("t.csv"), ignoring, COLUMNS))


def test_a_table_without_rows_has_no_trials(frame):
    assert list(table_reports(frame.iloc[:0], Path("t.csv"), FULL, COLUMNS)) == []
