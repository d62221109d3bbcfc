"""Ray Tune experiments, in the layout that Ray 2.60 writes."""

import csv
import json
import math

import pandas as pd
import pytest

from metalearn.core.records import Configuration
from metalearn.errors import InputError
from metalearn.sources.ray_tune import read_ray_tune
from metalearn.sources.subjects import Subject
from metalearn.store import KnowledgeBase

OPEN = Subject("59", "accuracy", algorithm="mlp")
FULL = Subject("59", "accuracy", algorithm="mlp", full=4)
CONFIG = {"model": {"lr": 0.25, "layers": [64, 32]}, "act": "relu", "drop": None, "on": True}


def report(trial, step, acc, done=False, **more):
    """One line of result.json."""
    return {
        "acc": acc,
        "nested": {"loss": 1 - acc},
        "timestamp": 1795250935,
        "checkpoint_dir_name": None,
        "done": done,
        "training_iteration": step,
        "trial_id": trial,
        "date": "2026-11-21_08-48-55",
        "time_this_iter_s": 0.5,
        "time_total_s": 0.5 * step,
        "pid": 7515,
        "hostname": "vm",
        "config": CONFIG,
        "iterations_since_restore": step,
    } | more


class Experiment:
    """An experiment's folder in the making."""

    def __init__(self, folder):
        self.folder = folder
        self.states = []

    def add(self, id_, reports, state=None, config=CONFIG, error=None):
        trial = self.folder / f"train_{id_}_act=relu_2026-11-21_08-48-53"
        trial.mkdir(parents=True)
        (trial / "params.json").write_text(json.dumps(config, indent=2, sort_keys=True))
        (trial / "params.pkl").write_bytes(b"never opened")
        (trial / "result.json").write_text("".join(json.dumps(line) + "\n" for line in reports))
        if error:
            (trial / "error.txt").write_text(f"Failure # 1 (occurred at 2026-11-21)\nTraceback ...\n{error}\n")
        if state:
            known = {"trial_id": id_, "status": state, "relative_logdir": trial.name, "config": config}
            self.states.append([json.dumps(known), json.dumps({"start_time": 1.0})])
            text = json.dumps({"trial_data": self.states, "runner_data": {}, "stats": {}})
            (self.folder / "experiment_state-2026-11-21_08-48-53.json").write_text(text)
        return trial


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path / "tune lr")


def read(path, subject=FULL, value_column="acc", **options):
    return list(read_ray_tune(path, subject=subject, value_column=value_column, **options))


def rows(batches, table):
    return [row for batch in batches for row in batch.tables[table].to_pylist()]


def told(batches):
    names = ("source_run_id", "fidelity", "value", "status")
    return [tuple(row[name] for name in names) for row in rows(batches, "evaluations")]


def test_every_report_of_every_trial(experiment):
    experiment.add("a_0", [report("a_0", s, s / 8, done=s == 4) for s in (1, 2, 3, 4)], "TERMINATED")
    experiment.add("a_1", [report("a_1", 1, 0.125, done=True)], "TERMINATED")
    experiment.add("a_2", [report("a_2", 1, 0.25)], "ERROR", error="ValueError: boom")
    experiment.add("a_3", [], "ERROR", error="MemoryError")
    experiment.add("a_4", [report("a_4", 1, 0.5)], "RUNNING")
    experiment.add("a_5", [], "PENDING")
    batches = read(experiment.folder)
    assert told(batches) == [
        ("a_0", 0.25, 0.125, "ok"),
        ("a_0", 0.5, 0.25, "ok"),
        ("a_0", 0.75, 0.375, "ok"),
        ("a_0", 1.0, 0.5, "ok"),
        ("a_1", 0.25, 0.125, "ok"),
        ("a_2", 0.25, 0.25, "ok"),
        ("a_2", 1.0, None, "crashed"),
        ("a_3", 1.0, None, "crashed"),
        ("a_4", 0.25, 0.5, "ok"),
    ]
    assert {row["message"] for row in rows(batches, "failures")} == {"ValueError: boom", "MemoryError"}
    (batch,) = batches
    assert (batch.source, batch.seen, batch.skipped) == ("ray:tune lr", 10, 1)
    first = rows(batches, "evaluations")[1]
    assert (first["resource"], first["resource_value"], first["cost_seconds"]) == ("training_iteration", 2, 1.0)
    flat = {"model/lr": 0.25, "model/layers": [64, 32], "act": "relu", "drop": None, "on": True}
    assert {row["id"] for row in rows(batches, "configurations")} == {Configuration("sklearn", "mlp", flat).id}


def test_the_last_reports_where_nothing_says_what_is_full(experiment):
    experiment.add("a_0", [report("a_0", s, s / 8) for s in (1, 2)], "TERMINATED")
    experiment.add("a_1", [report("a_1", s, s / 4) for s in (1, 2)], "TERMINATED")
    experiment.add("a_2", [report("a_2", 1, 0.25)], "ERROR", error="ValueError: boom")
    experiment.add("a_3", [report("a_3", 1, 0.25)], "RUNNING")
    batches = read(experiment.folder, OPEN)
    assert told(batches) == [("a_0", 1, 0.25, "ok"), ("a_1", 1, 0.5, "ok"), ("a_2", 1, None, "crashed")]
    assert sum(batch.skipped for batch in batches) == 4
    experiment.add("a_4", [report("a_4", 1, 0.25)], "TERMINATED")
    with pytest.raises(InputError, match="tune lr ended at steps 1 to 2; say which is a full evaluation"):
        read(experiment.folder, OPEN)


def test_without_the_experiments_state_the_folders_tell(experiment):
    experiment.add("a_0", [report("a_0", 4, 0.5)])
    experiment.add("a_1", [report("a_1", 1, 0.5)], error="boom")
    experiment.add("a_2", [report("a_2", 4, 0.5, done=True)], error="once, and then no more")
    assert told(read(experiment.folder)) == [
        ("a_0", 1.0, 0.5, "ok"),
        ("a_1", 0.25, 0.5, "ok"),
        ("a_1", 1.0, None, "crashed"),
        ("a_2", 1.0, 0.5, "ok"),
    ]


def test_a_trial_that_was_restarted_tells_its_steps_once(experiment):
    lines = [report("a_0", s, acc) for s, acc in ((1, 0.1), (2, 0.2), (1, 0.3), (2, 0.4))]
    experiment.add("a_0", lines, "TERMINATED", error="once")
    (batch,) = read(experiment.folder)
    assert told([batch]) == [("a_0", 0.25, 0.3, "ok"), ("a_0", 0.5, 0.4, "ok")]
    assert (batch.seen, batch.skipped) == (4, 2)


def test_values_that_are_not_finite_are_crashes_and_absent_ones_are_nothing(experiment):
    lines = [report("a_0", 1, math.nan), report("a_0", 2, math.inf), report("a_0", 3, 0.5), report("a_0", 4, 0.5)]
    del lines[2]["acc"]
    lines[3]["acc"] = None
    experiment.add("a_0", lines, "TERMINATED")
    (batch,) = read(experiment.folder)
    assert told([batch]) == [("a_0", 0.25, None, "crashed"), ("a_0", 0.5, None, "crashed")]
    assert (batch.seen, batch.skipped) == (4, 2)


def test_torn_lines_are_quarantined(experiment):
    trial = experiment.add("a_0", [report("a_0", 1, 0.25), report("a_0", 2, 7.0)], "RUNNING")
    with (trial / "result.json").open("a") as file:
        file.write('[1]\n\n{"acc": 0.5, "training_it')
    (batch,) = read(experiment.folder)
    assert told([batch]) == [("a_0", 0.25, 0.25, "ok")]
    reasons = [row["reason"] for row in rows([batch], "quarantine")]
    assert [reason.partition(" (")[0] for reason in reasons[:2]] == ["the line is no report"] * 2
    assert "lies outside [0, 1]" in reasons[2]
    assert batch.seen == 4


def test_nested_numbers_other_steps_and_losses(experiment):
    lines = [report("a_0", 1, 0.25, epoch=0), report("a_0", 2, 0.5, epoch=1)]
    experiment.add("a_0", lines, "TERMINATED")
    subject = Subject("59", "error_rate", algorithm="mlp", full=2)
    (batch,) = read(experiment.folder, subject, "nested/loss", step_column="epoch")
    assert told([batch]) == [("a_0", 0.5, 0.25, "ok"), ("a_0", 1.0, 0.5, "ok")]
    assert {row["resource"] for row in rows([batch], "evaluations")} == {"epoch"}


def test_a_trial_that_kept_a_table_only(experiment):
    trial = experiment.add("a_0", [], "TERMINATED")
    (trial / "result.json").unlink()
    with (trial / "progress.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["acc", "training_iteration", "trial_id", "done", "time_total_s", "nested/x"])
        writer.writerows([[0.25, 1, "a_0", False, 0.5, ""], ["nan", 2, "a_0", False, 1.0, 3]])
    assert told(read(experiment.folder)) == [("a_0", 0.25, 0.25, "ok"), ("a_0", 0.5, None, "crashed")]
    with (trial / "progress.csv").open("a") as file:
        file.write("0.75,3,a_0,False,1.5,,surplus\n0.875")
    assert told(read(experiment.folder))[2:] == [("a_0", 0.75, 0.75, "ok")]


def test_an_experiments_state_that_names_no_trials(experiment):
    experiment.add("a_0", [report("a_0", 4, 0.5)])
    (experiment.folder / "experiment_state-2026.json").write_text('{"trial_data": null}')
    assert told(read(experiment.folder)) == [("a_0", 1.0, 0.5, "ok")]


def test_options_of_the_subject(experiment):
    experiment.add("a_0", [report("a_0", 4, 0.5)], "TERMINATED", config={"kind": "RF", "RF:depth": 3, "path": "/data"})
    subject = Subject("59", "accuracy", algorithm_column="kind", ignore=("path",), full=4, source="paper")
    (batch,) = read(experiment.folder, subject)
    (configuration,) = rows([batch], "configurations")
    assert (configuration["algorithm"], configuration["hyperparameters"]) == ("random_forest", '{"depth":3}')
    assert batch.source == "paper"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"value_column": "ac"}, r"No trial of .* reported 'ac'; did you mean 'acc'\? it has .*nested/loss"),
        ({"value_column": None}, "reported 'accuracy'"),
        ({"step_column": "iteration"}, r"reported 'iteration'; did you mean"),
        (
            {"subject": Subject("59", "accuracy", algorithm_column="model/l")},
            r"no hyperparameter 'model/l'; did you mean 'model/lr'\?",
        ),
    ],
)
def test_names_that_are_not_there(experiment, options, message):
    experiment.add("a_0", [], "ERROR")
    experiment.add("a_1", [report("a_1", 1, 0.5)], "TERMINATED")
    with pytest.raises(InputError, match=message):
        read(experiment.folder, **options)


def test_folders_that_are_no_experiment(tmp_path, experiment):
    with pytest.raises(InputError, match="holds no trials"):
        read(tmp_path)
    trial = experiment.add("a_0", [report("a_0", 1, 0.5)])
    for text in ("{", "[]"):
        (trial / "params.json").write_text(text)
        with pytest.raises(InputError, match=r"params\.json"):
            read(experiment.folder)


@pytest.fixture
def frame():
    """The last reports of three trials, as ``ResultGrid.get_dataframe()`` gives them."""
    return pd.DataFrame(
        {
            "acc": [0.5, 0.25, 0.75],
            "done": [False, True, False],
            "training_iteration": [4, 1, 4],
            "trial_id": ["6116b_00000", "6116b_00001", "6116b_00002"],
            "time_total_s": [2.0, 0.5, 2.5],
            "config/model/lr": [0.25, 0.5, 1.0],
            "config/model/layers": [[64, 32], [3], None],
            "config/act": ["relu", None, "tanh"],
            "logdir": ["6116b_00000", "6116b_00001", "6116b_00002"],
        }
    )


@pytest.mark.parametrize("name", ["grid.csv", "grid.parquet"])
def test_tables_of_last_reports(tmp_path, frame, name):
    path = tmp_path / name
    frame.to_csv(path) if name.endswith("csv") else frame.to_parquet(path)
    batches = read(path)
    assert told(batches) == [
        ("6116b_00000", 1.0, 0.5, "ok"),
        ("6116b_00001", 0.25, 0.25, "ok"),
        ("6116b_00002", 1.0, 0.75, "ok"),
    ]
    given = [
        {"model/lr": 0.25, "model/layers": [64, 32], "act": "relu"},
        {"model/lr": 0.5, "model/layers": [3]},
        {"model/lr": 1, "act": "tanh"},
    ]
    expected = [Configuration("sklearn", "mlp", hyperparameters).id for hyperparameters in given]
    assert [row["configuration_id"] for row in rows(batches, "evaluations")] == expected
    assert batches[0].source == "ray:grid"
    with pytest.raises(InputError, match="ended at steps 1 to 4"):
        read(path, OPEN)


def test_tables_with_gaps(tmp_path, frame):
    path = tmp_path / "grid.csv"
    frame.assign(acc=[0.5, None, 0.75], training_iteration=[4, 4, None]).to_csv(path)
    (batch,) = read(path)
    assert told([batch]) == [("6116b_00000", 1.0, 0.5, "ok")]
    assert [row["reason"] for row in rows([batch], "quarantine")] == [
        "the value is missing",
        "the step lies outside (0, 4]",
    ]
    frame.drop(columns=["training_iteration"]).to_csv(path)
    assert len(told(read(path, OPEN))) == 3
    with pytest.raises(InputError, match="no column 'training_iteration'"):
        read(path)
    frame.drop(columns=["trial_id"]).to_csv(path)
    with pytest.raises(InputError, match="no column 'trial_id'"):
        read(path)


def test_other_files_are_refused(tmp_path):
    for name, text in (("grid.txt", "a"), ("grid.csv", ""), ("grid.parquet", "PAR1")):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            read(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.csv")


def test_a_second_run_and_an_experiment_that_grew(experiment, tmp_path):
    experiment.add("a_0", [report("a_0", s, s / 8) for s in (1, 2, 3, 4)], "TERMINATED")
    trial = experiment.add("a_1", [report("a_1", 1, 0.125)], "RUNNING", config=CONFIG | {"act": "tanh"})
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        first, again = (kb.append_all(read(experiment.folder)) for _ in range(2))
        with (trial / "result.json").open("a") as file:
            file.write(json.dumps(report("a_1", 2, 0.25)) + "\n")
        grown = kb.append_all(read(experiment.folder))
        loaded = kb.meta_dataset(metric="accuracy")
        assert kb.inconsistencies() == []
    assert (first.stored, again.stored, again.already_there) == (5, 0, 5)
    assert (grown.stored, grown.already_there) == (1, 5)
    assert sorted(loaded.fidelity.tolist()) == [0.25, 0.25, 0.5, 0.5, 0.75, 1.0]
