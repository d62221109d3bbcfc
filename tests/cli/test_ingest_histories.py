"""``metalearn ingest optuna``, ``smac``, ``ray``, ``syne`` and ``journal``."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import optuna
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from metalearn.cli.ingest import histories
from metalearn.core.journal import Asked, FinishedTrial, Header, objective_on, to_line
from metalearn.core.records import Configuration, Trial
from metalearn.errors import InputError, UnknownNameError
from metalearn.store import KnowledgeBase

COMMANDS = ("optuna", "smac", "ray", "syne")


@pytest.fixture
def run(tmp_path):
    """Run a command on the knowledge base of the test."""
    app = typer.Typer()
    for name in (*COMMANDS, "journal"):
        app.command(name)(getattr(histories, name))

    def call(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments] + ["--kb", str(tmp_path / "kb.duckdb")])

    return call


ABOUT = ("--task", "59", "--algorithm", "svc", "--metric", "error_rate")


@pytest.fixture
def study(tmp_path):
    """The path of a journal with a study of three trials, which report three steps."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = str(tmp_path / "journal.log")
    backend = optuna.storages.journal.JournalFileBackend(path)
    study = optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="svm")

    def objective(trial):
        for step in range(3):
            trial.report(0.5, step)
        return trial.suggest_float("C", 0.25, 0.75)

    study.optimize(objective, n_trials=3)
    optuna.logging.set_verbosity(before)
    return path


@pytest.fixture
def run_history(tmp_path):
    """The path of a run history with one trial."""
    trial = {"config_id": 1, "instance": None, "seed": 0, "budget": 3.0, "cost": 0.25, "time": 1.0, "status": 1}
    trial |= {"starttime": 0.0, "endtime": 1.0, "additional_info": {}}
    path = tmp_path / "runhistory.json"
    path.write_text(json.dumps({"stats": {}, "data": [trial], "configs": {"1": {"C": 1.0}}}))
    return path


@pytest.fixture
def experiment(tmp_path):
    """An experiment's folder of Ray Tune with one trial."""
    trial = tmp_path / "exp" / "train_0"
    trial.mkdir(parents=True)
    (trial / "params.json").write_text('{"C": 1.0}')
    reports = [{"err": 0.5 / step, "training_iteration": step, "trial_id": "0"} for step in (1, 2)]
    (trial / "result.json").write_text("\n".join(map(json.dumps, reports)))
    return trial.parent


@pytest.fixture
def results(tmp_path):
    """A results table of Syne Tune with one trial."""
    path = tmp_path / "results.csv"
    pd.DataFrame({"trial_id": 0, "err": [0.5, 0.25], "epoch": [1, 2], "config_C": 1.0}).to_csv(path, index=False)
    return path


def test_each_tool_s_history_is_stored_once(run, study, run_history, experiment, results, tmp_path):
    given = {
        "optuna": [study, "--study", "svm", "--full", "3"],
        "smac": [run_history, "--full", "9", "--source", "mine"],
        "ray": [experiment, "--value-column", "err"],
        "syne": [results, "--value-column", "err", "--step-column", "epoch", "--full", "2"],
    }
    expected = {"optuna": (12, 9, 3), "smac": (1, 1, 0), "ray": (2, 1, 1), "syne": (2, 2, 0)}
    for name, arguments in given.items():
        first, again = (json.loads(run(name, *arguments, *ABOUT, "--json").stdout) for _ in range(2))
        assert (first["seen"], first["stored"], first["skipped"]) == expected[name]
        assert (again["stored"], again["already_there"]) == (0, first["stored"])
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        loaded = kb.meta_dataset(metric="accuracy")
        assert kb.inconsistencies() == []
    assert len(loaded) == 13
    assert [task.id for task in loaded.tasks] == ["openml-task-59"]


def test_our_own_journals(run, tmp_path):
    trial = Trial(Configuration("svm-1", "svm-1", {"C": 1}), fidelity=0.5)
    now = datetime(2026, 11, 21, tzinfo=UTC)
    ended = FinishedTrial(0, replace(trial, loss=0.25, status="ok"), now, now, 1.0)
    path = tmp_path / "svm.jsonl"
    path.write_text("".join(map(to_line, (Header("svm-1", "", "RandomSearch()", 0), Asked(0, trial), ended))))
    about = ("--task", "59", "--metric", "accuracy")
    assert "1 seen, 1 stored" in run("journal", path, *about).stdout
    assert "1 stored" in run("journal", path, *about, "--source", "s", "--resource", "epochs", "--full", "8").stdout
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        stored = kb.tables()["evaluations"].sort_by("source").to_pylist()
    told = [(row["source"], row["resource"], row["fidelity"], row["resource_value"], row["value"]) for row in stored]
    assert told == [("metalearn:svm", "fidelity", 0.5, 0.5, 0.75), ("s", "epochs", 0.5, 4, 0.75)]
    assert "positive amount" in str(run("journal", path, *about, "--full", "0").exception)
    assert "name the metric" in str(run("journal", path, *about[:2]).exception)


def test_a_journal_of_optimize_says_itself_what_it_is_about(run, tmp_path):
    trial = Trial(Configuration("svm-1", "svm-1", {"C": 1}))
    header = Header("svm-1", "", "RandomSearch()", 0, objective=objective_on("r2", "data-0123456789abcdef"))
    now = datetime(2026, 11, 21, tzinfo=UTC)
    ended = FinishedTrial(0, replace(trial, loss=0.25, status="ok"), now, now, 1.0)
    path = tmp_path / "w.jsonl"
    path.write_text("".join(map(to_line, (header, Asked(0, trial), ended))))
    assert "are of r2, not of rmse" in str(run("journal", path, "--metric", "rmse").exception)
    assert "1 stored" in run("journal", path).stdout
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        (task,) = kb.meta_dataset(metric="r2").tasks
    assert (task.id, task.dataset_id, task.type) == ("data-0123456789abcdef", "data-0123456789abcdef", "regression")


def test_what_the_trials_were_about(run, study, tmp_path):
    about = ("--task", "mine", "--dataset", "data-0a", "--metric", "rmse", "--algorithm", "SVR", "--space", "other")
    printed = run("optuna", study, *about, "--task-type", "regression", "--resource", "epochs", "--full", "4").stdout
    assert "12 seen, 12 stored" in printed
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        loaded = kb.meta_dataset()
        (task,) = loaded.tasks
        stored = kb.tables()["evaluations"]
    assert (task.id, task.dataset_id, task.type) == ("mine", "data-0a", "regression")
    assert {(c.space, c.algorithm) for c in loaded.configurations} == {("other", "svr")}
    assert set(stored["resource"].to_pylist()) == {"epochs"}
    assert set(stored["source"].to_pylist()) == {"optuna:svm"}


def test_an_algorithm_s_own_column_and_what_is_ignored(run, run_history, tmp_path):
    history = json.loads(run_history.read_text()) | {"configs": {"1": {"model": "RF", "RF:depth": 3, "path": "x"}}}
    run_history.write_text(json.dumps(history))
    about = ("--task", "59", "--metric", "1-roc_auc", "--algorithm-column", "model", "--ignore", "path", "--full", "3")
    assert run("smac", run_history, *about).exit_code == 0
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        (configuration,) = kb.meta_dataset(metric="roc_auc").configurations
    assert str(configuration) == "random_forest(depth=3)"


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("missing", [("--task", "59"), ("--metric", "error_rate"), ("--algorithm", "svc")])
def test_what_must_be_said(run, name, missing, tmp_path):
    rest = [a for a in ABOUT if a not in missing]
    result = run(name, "history", *rest)
    assert result.exit_code == 2
    assert missing[0] in result.stderr
    assert not (tmp_path / "kb.duckdb").exists()


def test_one_algorithm_only(run):
    result = run("optuna", "history", *ABOUT, "--algorithm-column", "model")
    assert result.exit_code == 2
    assert "either --algorithm or --algorithm-column" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--metric", "acuracy"], UnknownNameError, "did you mean 'accuracy'"),
        (["--full", "-1"], InputError, "positive amount"),
        (["--task-type", "regression"], InputError, "accuracy is no metric of regression"),
        ([], InputError, "history cannot be read"),
    ],
)
def test_errors_are_metalearn_s_own(run, arguments, error, message):
    result = run("optuna", "history", *ABOUT, *arguments)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_every_option(run, name):
    printed = run(name, "--help").stdout
    for option in ("--kb", "--task", "--dataset", "--task-type", "--metric", "--algorithm", "--algorithm-column"):
        assert option in printed
    for option in ("--space", "--resource", "--full", "--ignore", "--source", "--wait", "--json"):
        assert option in printed
