"""Batches made of the trials of other optimizers."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.records import Configuration
from metalearn.sources import histories
from metalearn.sources.histories import Measured, Refused, batches
from metalearn.sources.subjects import Subject
from metalearn.store import KnowledgeBase

SUBJECT = Subject("59", "error_rate", algorithm="svc", dataset="61", full=10, resource="epochs")
C1, C2 = {"C": 1.0}, {"C": 2.0}


def rows(made, table):
    return [row for batch in made for row in batch.tables[table].to_pylist()]


def read(*trials, subject=SUBJECT):
    return list(batches(subject, "mine", trials))


def test_everything_that_an_evaluation_says():
    (batch,) = read([Measured("7", C1, 0.25, step=5, seed=3, cost_seconds=1.5)])
    assert rows([batch], "evaluations") == [
        {
            "task_id": "openml-task-59",
            "configuration_id": Configuration("sklearn", "svc", {"C": 1}).id,
            "metric": "accuracy",
            "resource": "epochs",
            "fidelity": 0.5,
            "resource_value": 5.0,
            "seed": 3,
            "value": 0.75,
            "cost_seconds": 1.5,
            "status": "ok",
            "source": "mine",
            "source_run_id": "7",
        }
    ]
    assert (batch.source, batch.partition, batch.cursor, batch.seen) == ("mine", "openml-task-59", "trial 1", 1)
    (task,) = rows([batch], "tasks")
    assert (task["id"], task["dataset_id"], task["type"]) == ("openml-task-59", "openml-61", "classification")
    assert [dataset["id"] for dataset in rows([batch], "datasets")] == ["openml-61"]
    assert [c["hyperparameters"] for c in rows([batch], "configurations")] == ['{"C":1}']


def test_without_a_step_an_evaluation_is_full():
    known = read([Measured("0", C1, 0.5)])
    unknown = read([Measured("0", C1, 0.5)], subject=Subject("59", "accuracy", algorithm="svc"))
    assert [(e["fidelity"], e["resource_value"]) for e in rows(known + unknown, "evaluations")] == [(1, 10), (1, None)]


def test_failures_have_no_value_and_keep_their_reason():
    trials = [
        [Measured("0", C1, 1e9, status="timeout", message="too slow\nby far")],
        [Measured("1", C1, status="memout")],
        [Measured("2", C2, math.nan)],
        [Measured("3", C2, math.inf, status="pruned")],
        [Measured("4", C2, 0.5, status="pruned", step=1)],
    ]
    made = read(*trials)
    assert [(e["source_run_id"], e["status"], e["value"]) for e in rows(made, "evaluations")] == [
        ("0", "timeout", None),
        ("1", "memout", None),
        ("2", "crashed", None),
        ("3", "crashed", None),
        ("4", "pruned", 0.5),
    ]
    assert [(f["status"], f["message"]) for f in rows(made, "failures")] == [
        ("timeout", "too slow"),
        ("crashed", "the value is nan"),
        ("crashed", "the value is inf"),
    ]


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (Measured("0", C1), "the value is missing"),
        (Measured("0", C1, "high"), "the value is no number"),
        (Measured("0", C1, [0.5]), "the value is no number"),
        (Measured("0", C1, 1.5), r"the value of accuracy lies outside [0, 1]"),
        (Measured("0", C1, 0.5, step=11), "the step lies outside (0, 10]"),
        (Measured("0", C1, 0.5, step=0), "the step lies outside (0, 10]"),
        (Measured("0", C1, 0.5, step=math.nan), "the step lies outside (0, 10]"),
        (Measured("0", {"C": math.inf}, 0.5), "A hyperparameter cannot be inf; use None for 'not set'."),
    ],
)
def test_what_cannot_be_stored_is_quarantined(measured, reason):
    made = read([measured], [Measured("1", C1, 0.5)])
    assert [e["source_run_id"] for e in rows(made, "evaluations")] == ["1"]
    (quarantined,) = rows(made, "quarantine")
    assert quarantined["reason"] == reason
    assert json.loads(quarantined["raw"])["run"] == "0"


def test_what_is_no_trial_goes_along():
    made = read([Refused("{broken", "the line is no report"), Measured("0", C1, 0.5)], [Refused("x", "y")])
    assert [(q["raw"], q["reason"]) for q in rows(made, "quarantine")] == [
        ("{broken", "the line is no report"),
        ("x", "y"),
    ]
    assert len(rows(made, "evaluations")) == 1


def test_the_last_number_at_a_step_counts():
    made = read(
        [Measured("0", C1, 0.1, step=1), Measured("0", C1, 0.2, step=1), Measured("0", C1, 0.3, step=10)],
        [Measured("1", C1, 0.4, step=1), Measured("1", C1, 0.5, step=1, seed=1), Measured("1", C1, status="pending")],
    )
    assert [e["value"] for e in rows(made, "evaluations")] == [0.8, 0.7, 0.6, 0.5]
    full = read([Measured("0", C1, 0.3, step=10), Measured("0", C1, status="crashed")])
    assert [e["status"] for e in rows(full, "evaluations")] == ["crashed"]
    assert [(batch.seen, batch.skipped) for batch in made + full] == [(6, 2), (2, 1)]


def test_a_history_of_nothing_but_pending_trials_stores_the_task_only():
    made = read([Measured("0", {}, status="pending")])
    assert (made[0].seen, made[0].skipped) == (1, 1)
    assert rows(made, "evaluations") == rows(made, "configurations") == []
    assert len(rows(made, "tasks")) == 1
    assert read() == []


def test_a_source_of_ones_own():
    (batch,) = read([Measured("0", C1, 0.5)], subject=Subject("59", "accuracy", algorithm="svc", source="paper"))
    assert {batch.source, *(e["source"] for e in rows([batch], "evaluations"))} == {"paper"}


def test_batches_end_between_trials(monkeypatch):
    trials = [[Measured(str(t), C1, s / 10, step=s + 1) for s in range(4)] for t in range(5)]
    whole = read(*trials)
    monkeypatch.setattr(histories, "_ROWS_PER_BATCH", 6)
    pieces = read(*trials)
    assert [(piece.cursor, piece.seen) for piece in pieces] == [("trial 2", 8), ("trial 4", 8), ("trial 5", 4)]
    assert rows(pieces, "evaluations") == rows(whole, "evaluations")


def test_a_second_run_and_one_that_has_grown(tmp_path):
    trials = [[Measured(str(t), C1 if t % 2 else C2, t / 10, cost_seconds=t)] for t in range(6)]
    trials[2] = [Measured("2", C1, math.nan)]
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        assert kb.append_all(read(*trials[:4], [Measured("4", C1, status="pending")])).stored == 4
        again = kb.append_all(read(*trials[:4]))
        assert (again.stored, again.already_there) == (0, 4)
        grown = kb.append_all(read(*trials))
        assert (grown.stored, grown.already_there) == (2, 4)
        loaded = kb.meta_dataset(metric="accuracy")
        assert kb.inconsistencies() == []
    assert len(loaded) == 6
    assert loaded.failure_matrix().sum() == 1


entries = st.one_of(
    st.builds(Refused, st.text(max_size=3), st.just("no")),
    st.builds(
        Measured,
        st.sampled_from("012"),
        st.sampled_from([C1, C2, {"C": math.nan}]),
        st.sampled_from([None, 0.25, 7, math.nan, "x"]),
        st.sampled_from(["ok", "pruned", "crashed", "pending"]),
        st.sampled_from([None, 1, 10, 11]),
        st.sampled_from([-1, 0]),
        st.sampled_from([math.nan, 1.5]),
        st.sampled_from(["", "boom"]),
    ),
)


@settings(max_examples=50)
@given(st.lists(st.lists(entries, max_size=4), max_size=6))
def test_counts_add_up(trials):
    made = read(*trials)
    seen = sum(batch.seen for batch in made)
    kept = sum(len(rows(made, table)) for table in ("evaluations", "quarantine"))
    assert seen == sum(map(len, trials)) == kept + sum(batch.skipped for batch in made)
    for evaluation in rows(made, "evaluations"):
        assert (evaluation["value"] is not None) == (evaluation["status"] in ("ok", "pruned"))
        assert 0 < evaluation["fidelity"] <= 1
