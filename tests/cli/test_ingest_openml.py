"""``metalearn ingest openml`` as a user runs it: the plan, the report, kills, locks and no network."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from metalearn.store.knowledge_base import KnowledgeBase
from tests.sources.openml_world import build_world, emulator_module, write_oboe

N_TASKS = 3


@pytest.fixture(scope="session")
def world(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    return build_world(shared, write_oboe(shared, folder / "oboe", N_TASKS), folder / "world")


@pytest.fixture
def server(shared, world, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with emulator_module(shared).Emulator(world) as running:
        yield running


@pytest.fixture
def ingest(run, server, tmp_path):
    """Run the command on the server; return its exit status, what it printed, and its errors."""

    def call(*arguments, kb=tmp_path / "kb.duckdb"):
        return run("ingest", "openml", "--kb", kb, "--server", server.url, "--suite", "oboe", *arguments)

    return call


def test_the_report_adds_up_and_a_second_run_finds_nothing_new(ingest, server, tmp_path):
    code, out, _ = ingest("--listed", "--json")
    assert code == 0
    report = json.loads(out)
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        rows = kb.info()["rows"]
    assert rows["evaluations"] == N_TASKS * 219
    assert report["seen"] == report["stored"] == rows["evaluations"] + rows["meta_features"]
    assert report["read"] == {"evaluations": rows["evaluations"], "meta_features": rows["meta_features"]}
    assert (report["already_there"], report["quarantined"], report["in_quarantine"]) == (0, 0, {})
    assert report["requests"] == server.stats.asdict()["requests"]
    code, out, _ = ingest("--listed")
    assert code == 0
    assert out.startswith("0 seen, 0 stored, 0 already there, 0 quarantined, 0 skipped")


def test_what_is_refused_is_told_with_the_reasons(ingest, server, shared):
    server.faults = server.api.faults = emulator_module(shared).Faults(
        "eval_range=#2000003,2000005;setup_json=#20001", 0
    )
    code, out, _ = ingest("--listed")
    assert code == 0
    assert f"{N_TASKS + 2} quarantined" in out
    assert "lies outside [#, #]" in out
    assert "is no JSON" in out


def test_the_plan_is_printed_and_nothing_is_read(ingest, server, tmp_path, monkeypatch):
    bundled = []  # a new knowledge base is empty, whatever the bundled one holds
    monkeypatch.setattr("metalearn.store.connection.metadata_path", bundled.append)
    code, out, _ = ingest("--dry-run", "--json")
    assert code == 0
    plan = json.loads(out)
    assert (plan["lists"], plan["known"]) == (N_TASKS, 0)
    assert plan["rows_low"] <= plan["rows"] <= plan["rows_high"]
    assert plan["rows"] == pytest.approx(N_TASKS * 219, rel=0.1)
    assert plan["seconds"] > 0
    assert not (tmp_path / "kb.duckdb").exists()
    assert bundled == []
    ingest("--listed")
    asked = server.stats.asdict()["requests"]
    code, out, _ = ingest("--dry-run")
    assert code == 0
    assert "3 of them read before" in out
    assert "about 0 new rows" in out
    assert server.stats.asdict()["requests"] - asked < 5


def test_without_the_network_what_is_stored_is_told(ingest, server):
    code, _, err = ingest("--offline")
    assert code == 1
    assert "There is no knowledge base" in err
    ingest("--listed", "--max-runs", "300")
    code, _, err = ingest("--offline")
    assert code == 1
    assert "Not read to the end yet: tasks" in err
    ingest("--listed")
    asked = server.stats.asdict()["requests"]
    code, out, _ = ingest("--offline")
    assert code == 0
    assert f"{N_TASKS * 219} evaluations of {N_TASKS} tasks" in out
    code, _, err = ingest("--offline", "--measure", "accuracy")
    assert code == 1
    assert server.stats.asdict()["requests"] == asked


def test_a_task_that_the_server_does_not_know_is_told_and_no_failure(ingest):
    ingest("--listed", "--tasks", "424242")
    code, out, _ = ingest("--offline", "--tasks", "424242")
    assert code == 0
    assert "all of it is stored, but tasks 424242, which the server could not describe; " in out
    assert json.loads(ingest("--offline", "--tasks", "424242", "--json")[1])["lost"] == [424242]
    assert json.loads(ingest("--offline", "--json")[1])["lost"] == []


def test_a_failure_before_anything_is_stored_leaves_no_file(run, ingest, server, tmp_path, monkeypatch):
    assert run("ingest", "runs", tmp_path / "none.csv", "--kb", tmp_path / "kb.duckdb")[0] == 1
    with monkeypatch.context() as patched:
        patched.setattr("metalearn.sources.openml_entities.measures", lambda server: [])
        assert ingest("--listed")[0] == 1
    assert list(tmp_path.glob("kb.duckdb*")) == []
    ingest("--listed")
    before = (tmp_path / "kb.duckdb").read_bytes()
    monkeypatch.setattr("metalearn.sources.openml_entities.measures", lambda server: [])
    assert ingest("--listed")[0] == 1
    assert (tmp_path / "kb.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "0"], "above 0"),
        (["--since", "yesterday"], "yesterday"),
        (["--max-runs", "0"], "--max-runs"),
        (["--tasks", "3,x"], "whole numbers"),
    ],
)
def test_wrong_options_are_usage_errors(ingest, arguments, message):
    code, _, err = ingest(*arguments)
    assert code == 2
    assert message in err


def test_a_second_ingester_is_refused_or_waits(ingest, server, tmp_path):
    path = tmp_path / "kb.duckdb"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb, time; c = duckdb.connect({str(path)!r}); print(1, flush=True); time.sleep(4)",
        ],
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline()
        code, _, err = ingest("--listed")
        assert code == 1
        assert f"PID {holder.pid}" in err
        code, _, _ = ingest("--listed", "--wait")
        assert code == 0
        assert holder.poll() is not None


def test_killed_at_any_moment_it_goes_on(ingest, server, tmp_path):
    ingest("--listed", kb=tmp_path / "undisturbed.duckdb")
    server.latency = 30
    command = [sys.executable, "-m", "metalearn", "ingest", "openml", "--kb", str(tmp_path / "kb.duckdb")]
    command += ["--server", server.url, "--suite", "oboe", "--listed"]
    for reached in ("study", "data/qualities/{id}", "evaluation/list"):
        server.stats.reset()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"no_proxy": "*"}) as process:
            while process.poll() is None and not any(reached in e for e in list(server.stats.endpoints)):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
    server.latency = 0
    assert ingest("--listed")[0] == 0
    assert content(tmp_path / "kb.duckdb") == content(tmp_path / "undisturbed.duckdb")


def content(path):
    with KnowledgeBase.open(path) as kb:
        assert kb.inconsistencies() == []
        tables = {name: sorted(map(repr, table.to_pylist())) for name, table in kb.tables().items()}
    return {name: rows for name, rows in tables.items() if name != "ingestions"}
