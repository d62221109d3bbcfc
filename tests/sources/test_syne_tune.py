"""Syne Tune experiments, in the layout that Syne Tune 0.16 writes."""

import json

import pandas as pd
import pytest

from metalearn.core.records import Configuration
from metalearn.errors import InputError, UnknownNameError
from metalearn.sources.subjects import Subject
from metalearn.sources.syne_tune import read_syne_tune
from metalearn.store import KnowledgeBase

SUBJECT = Subject("59", "accuracy", algorithm="mlp", ignore=("epochs",))
FULL = Subject("59", "accuracy", algorithm="mlp", full=4)
METADATA = {
    "st_tuner_creation_timestamp": 1795250955.9,
    "entrypoint": "train",
    "backend": "LocalBackend",
    "scheduler_name": "ASHA",
    "scheduler_kwargs": {"metric": "acc", "max_t": 4, "time_attr": "epoch", "config_space": {"epochs": 4}},
    "metric": "acc",
    "metric_names": ["acc"],
    "metric_mode": "max",
}


def report(trial, epoch, acc, status="InProgress", decision="CONTINUE", act="relu"):
    """One row of the table."""
    return {
        "epoch": epoch,
        "acc": acc,
        "st_worker_timestamp": 1795250957.08,
        "st_worker_time": 0.5 * epoch,
        "st_worker_iter": epoch - 1,
        "st_decision": decision,
        "st_status": status,
        "trial_id": trial,
        "config_lr": 0.25 * (trial + 1),
        "config_act": act,
        "config_epochs": 4,
        "st_tuner_time": 5.0,
    }


REPORTS = [
    report(0, 1, 0.125),
    report(1, 1, 0.25, decision="STOP", act=None),
    report(0, 2, 0.25),
    report(2, 1, 0.5, status="Failed", decision="STOP"),
    report(0, 3, 0.375),
    report(0, 4, 0.5, status="Completed", decision="STOP"),
]


@pytest.fixture
def experiment(tmp_path):
    """Write an experiment's folder."""

    def write(reports, metadata=METADATA, name="results.csv.zip"):
        folder = tmp_path / "syne-tune" / "tune-lr-2026-11-21"
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(reports).to_csv(folder / name, index=False)
        (folder / "metadata.json").unlink(missing_ok=True)
        if metadata is not None:
            (folder / "metadata.json").write_text(json.dumps(metadata))
        (folder / "tuner.dill").write_bytes(b"never opened")
        return folder

    return write


def read(path, subject=SUBJECT, **options):
    return list(read_syne_tune(path, subject=subject, **options))


def rows(batches, table):
    return [row for batch in batches for row in batch.tables[table].to_pylist()]


def told(batches):
    names = ("source_run_id", "fidelity", "value", "status")
    return [tuple(row[name] for name in names) for row in rows(batches, "evaluations")]


def test_an_experiment_says_of_itself_what_is_needed(experiment):
    (batch,) = read(experiment(REPORTS))
    assert told([batch]) == [
        ("0", 0.25, 0.125, "ok"),
        ("0", 0.5, 0.25, "ok"),
        ("0", 0.75, 0.375, "ok"),
        ("0", 1.0, 0.5, "ok"),
        ("1", 0.25, 0.25, "ok"),
        ("2", 0.25, 0.5, "ok"),
        ("2", 1.0, None, "crashed"),
    ]
    assert (batch.source, batch.seen, batch.skipped) == ("syne:tune-lr-2026-11-21", 7, 0)
    last = rows([batch], "evaluations")[3]
    assert (last["resource"], last["resource_value"], last["cost_seconds"]) == ("epoch", 4, 2.0)
    given = [{"lr": 0.25, "act": "relu"}, {"lr": 0.5}, {"lr": 0.75, "act": "relu"}]
    expected = [Configuration("sklearn", "mlp", hyperparameters).id for hyperparameters in given]
    assert [row["id"] for row in rows([batch], "configurations")] == expected


def test_every_way_to_name_the_table_gives_the_same(experiment):
    folder = experiment(REPORTS)
    whole = read(folder)
    assert told(read(folder / "results.csv.zip")) == told(whole)
    (folder / "results.csv.zip").unlink()
    assert told(read(experiment(REPORTS, name="results.csv"))) == told(whole)


def test_without_metadata_the_options_say_it(experiment):
    folder = experiment(REPORTS, metadata=None)
    named = read(folder, FULL, value_column="acc", step_column="epoch")
    # st_worker_iter counts from 0.
    counted = read(folder, FULL, value_column="acc")
    assert told(named) == told(counted)
    assert {row["resource"] for row in rows(counted, "evaluations")} == {"st_worker_iter"}
    with pytest.raises(InputError, match="ended at steps 0 to 3; say which is a full evaluation"):
        read(folder, value_column="acc")
    with pytest.raises(InputError, match="no column 'accuracy'"):
        read(folder, FULL)
    ended = [row for row in REPORTS if row["trial_id"] != 1]
    last = read(experiment(ended, metadata=None), value_column="acc")
    assert told(last) == [("0", 1.0, 0.5, "ok"), ("2", 1.0, None, "crashed")]


def test_what_is_given_goes_before_what_the_experiment_says(experiment):
    folder = experiment([row | {"err": 1 - row["acc"]} for row in REPORTS])
    half = Subject("59", "error_rate", algorithm="mlp", full=8, resource="epochs")
    batches = read(folder, half, value_column="err")
    assert told(batches)[3] == ("0", 0.5, 0.5, "ok")
    assert {row["resource"] for row in rows(batches, "evaluations")} == {"epochs"}
    # The scheduler's max_t counts its own attribute only.
    with pytest.raises(InputError, match=r"ended at steps 0\.5 to 2; say which"):
        read(folder, step_column="st_worker_time")


@pytest.mark.parametrize(
    ("mode", "metric", "message"),
    [
        ("max", "error_rate", "'acc' of .* is maximized, which makes error_rate worse"),
        ("min", "accuracy", "'acc' of .* is minimized, which makes accuracy worse"),
        (["min", "max"], "error_rate", "maximized"),
    ],
)
def test_an_experiment_that_went_the_other_way(experiment, mode, metric, message):
    names = ["acc"] if isinstance(mode, str) else ["seconds", "acc"]
    folder = experiment(REPORTS, METADATA | {"metric_mode": mode, "metric_names": names})
    with pytest.raises(InputError, match=message):
        read(folder, Subject("59", metric, algorithm="mlp"), value_column="acc")


def test_gaps_are_quarantined(experiment):
    reports = [report(0, 1, None), report(0, 2, 0.5), report(1, 1, "high"), report(1, 2, 7.0), report(1, 9, 0.5)]
    (batch,) = read(experiment(reports))
    assert told([batch]) == [("0", 0.5, 0.5, "ok")]
    assert [row["reason"].split(" of ")[0] for row in rows([batch], "quarantine")] == [
        "the value is missing",
        "the value is no number",
        "the value",
        "the step lies outside (0, 4]",
    ]
    assert batch.seen == 5


def test_a_table_that_was_cut_off(experiment):
    path = experiment(REPORTS, name="results.csv") / "results.csv"
    path.write_text(path.read_text() + "4,0.5,17952")
    (batch,) = read(path)
    assert len(told([batch])) == 7
    assert [row["reason"] for row in rows([batch], "quarantine")] == ["the trial's id is missing"]


@pytest.mark.parametrize("metadata", ["{", "[]", '{"scheduler_kwargs": 3, "metric_names": "acc", "metric_mode": [1]}'])
def test_metadata_that_says_nothing(experiment, metadata):
    folder = experiment(REPORTS)
    (folder / "metadata.json").write_text(metadata)
    assert len(told(read(folder, FULL, value_column="acc", step_column="epoch"))) == 7


def test_names_that_are_not_there(experiment):
    folder = experiment(REPORTS)
    with pytest.raises(InputError, match=r"no column 'ac'; did you mean 'acc'\?"):
        read(folder, value_column="ac")
    with pytest.raises(InputError, match=r"no hyperparameter 'model'; .*it has act, epochs, lr"):
        read(folder, Subject("59", "accuracy", algorithm_column="model"))
    with pytest.raises(UnknownNameError, match="no metric"):
        Subject("59", "acc", algorithm="mlp")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("results.csv.zip", b"PK\x03\x04"),
        ("results.csv", b""),
        ("results.csv", b"\xff\xfe\x00"),
        ("results.csv", b"trial_id,acc\n0,1\n1,2,3\n"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"results\.csv.* (cannot be read|is empty)") as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"none/results\.csv\.zip cannot be read|none cannot be read"):
        read(tmp_path / "none")


def test_an_experiment_that_reported_nothing_yet(experiment):
    assert read(experiment(pd.DataFrame(columns=list(REPORTS[0])))) == []


def test_a_second_run_and_an_experiment_that_grew(experiment, tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        first = kb.append_all(read(experiment(REPORTS[:3])))
        again = kb.append_all(read(experiment(REPORTS[:3])))
        grown = kb.append_all(read(experiment(REPORTS)))
        loaded = kb.meta_dataset(metric="accuracy")
        assert kb.inconsistencies() == []
    assert (first.stored, again.stored, again.already_there) == (3, 0, 3)
    assert (grown.stored, grown.already_there) == (4, 3)
    assert loaded.failure_matrix().sum() == 1
