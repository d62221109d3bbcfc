"""``metalearn ingest aslib``, ``curves`` and ``taskset``."""

import json

import pytest
import typer
from typer.testing import CliRunner

from metalearn.cli.ingest import published
from metalearn.errors import InputError
from metalearn.store import KnowledgeBase
from tests.sources import test_curves as lcdb
from tests.sources import test_taskset as settings
from tests.sources.aslib_scenario import learners_scenario, write_scenario


@pytest.fixture
def run(tmp_path):
    """Run a command into one knowledge base; return what it printed."""
    app = typer.Typer(pretty_exceptions_enable=False)
    for command in (published.aslib, published.curves, published.taskset):
        app.command()(command)

    def call(*arguments):
        words = [*map(str, arguments), "--kb", str(tmp_path / "kb.duckdb")]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    return call


@pytest.fixture
def stored(tmp_path):
    def rows():
        with KnowledgeBase.open(tmp_path / "kb.duckdb") as knowledge_base:
            return knowledge_base.info()

    return rows


def test_aslib(run, stored, tmp_path):
    folder = write_scenario(tmp_path / "sat")
    report = json.loads(run("aslib", folder, "--json"))
    assert (report["seen"], report["stored"], report["already_there"]) == (27, 27, 0)
    report = json.loads(run("aslib", folder, "--json"))
    assert (report["seen"], report["stored"], report["already_there"]) == (27, 0, 27)
    assert stored()["tasks"] == {"algorithm_selection": 3}


def test_aslibs_options(run, stored, tmp_path):
    folder = learners_scenario(tmp_path / "weka", ["31,1,GNB,0.5,ok"])
    assert "1 stored" in run("aslib", folder, "--openml-tasks", "--space", "weka", "--extractor", "mine")
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as knowledge_base:
        past = knowledge_base.meta_dataset()
    assert [task.id for task in past.tasks] == ["openml-task-31"]
    assert [configuration.space for configuration in past.configurations] == ["weka"]


def test_curves(run, stored, tmp_path):
    folder = lcdb.write(tmp_path / "lcdb")
    report = json.loads(run("curves", folder, "--json"))
    assert (report["seen"], report["stored"], report["quarantined"]) == (20, 17, 3)
    # What was read already is not read again, unless it is to be stored otherwise.
    assert json.loads(run("curves", folder, "--json"))["seen"] == 0
    assert json.loads(run("curves", folder, "--json", "--space", "mine"))["stored"] == 17
    assert stored()["status"] == {"crashed": 14, "ok": 20}


def test_taskset(run, stored, tmp_path):
    path = settings.write(tmp_path / "classification.json.gz", [settings.setting()])
    report = json.loads(run("taskset", path, "--json"))
    assert (report["seen"], report["stored"], report["skipped"]) == (153, 150, 3)
    assert json.loads(run("taskset", tmp_path, "--json"))["seen"] == 0
    assert stored()["metrics"] == {"log_loss": 150}


@pytest.mark.parametrize("command", ["aslib", "curves", "taskset"])
def test_a_path_that_is_not_there(run, tmp_path, command):
    with pytest.raises(InputError, match="nowhere"):
        run(command, tmp_path / "nowhere")
