"""``metalearn kb fetch-dataset``: what it stores of a dataset, and that it does so once."""

import json

import numpy as np
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from metalearn.cli.fetch_dataset import EXAMPLE, fetch_dataset
from metalearn.core.records import Batch
from metalearn.errors import AbsentError, InputError, SourceError
from metalearn.metafeatures.extract import Extractor, meta_features
from metalearn.sources.files import load_dataset
from metalearn.store import KnowledgeBase, verify
from tests.sources.openml_world import emulator_module, write_odd_world


@pytest.fixture
def server(shared, tmp_path, monkeypatch):
    """An OpenML that holds iris (61)."""
    monkeypatch.setenv("no_proxy", "*")
    world = write_odd_world(tmp_path / "world")
    with emulator_module(shared).Emulator(world, datasets=shared / "datasets") as emulator:
        yield emulator


@pytest.fixture
def run(server, tmp_path):
    """Run the command on a knowledge base; return what it printed, as JSON unless told otherwise."""
    app = typer.Typer()
    app.command(epilog=EXAMPLE)(fetch_dataset)

    def call(*arguments, text=False, code=0):
        where = ["--kb", tmp_path / "kb.duckdb", "--server", server.url, "--cache", tmp_path / "cache"]
        asked = [str(a) for a in (*arguments, *where, *([] if text else ["--json"]))]
        result = CliRunner().invoke(app, asked)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code
        return result.output if text or code else json.loads(result.stdout)

    return call


@pytest.fixture
def tasks(tmp_path):
    """Put tasks of iris into the knowledge base: (id, type, target)."""

    def put(*rows):
        columns = ("id", "type", "target")
        table = [dict(zip(columns, row, strict=True)) | {"dataset_id": "openml-61", "source": "test"} for row in rows]
        dataset = {"id": "openml-61", "name": "Iris", "n_rows": 151, "source": "test"}
        tables = {"tasks": pa.Table.from_pylist(table), "datasets": pa.Table.from_pylist([dataset])}
        with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
            kb.append(Batch("test", tables))

    return put


@pytest.fixture
def iris(shared):
    return load_dataset(shared / "datasets" / "iris.arff", "class")


def stored(tmp_path, table):
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        return kb.tables()[table].to_pylist()


def features_of(tmp_path, task):
    return {row["name"]: row["value"] for row in stored(tmp_path, "meta_features") if row["task_id"] == task}


def requests(server):
    return server.stats.asdict()["requests"]


def test_every_task_is_described_by_its_own_target(run, tasks, iris, shared, tmp_path):
    tasks(
        ("openml-task-59", "classification", "class"),
        ("openml-dataset-61", "classification", None),
        ("openml-task-60", "regression", "petallength"),
    )
    report = run(61)
    assert report | {"seconds": None} == {
        "dataset": "openml-61",
        "name": "iris",
        "fingerprint": iris.fingerprint,
        "rows": 150,
        "columns": 5,
        "target": "class",
        "tasks": 3,
        "described": 3,
        "already_described": 0,
        "refused": {},
        "out": None,
        "seconds": None,
    }
    other = load_dataset(shared / "datasets" / "iris.arff", "petallength")
    for task, dataset in {"openml-task-59": iris, "openml-dataset-61": iris, "openml-task-60": other}.items():
        expected = meta_features(dataset, rng=np.random.default_rng(0))
        found = features_of(tmp_path, task)
        assert found.keys() == expected.keys()
        assert all(np.isnan(v) if found[name] is None else found[name] == v for name, v in expected.items())
    [row] = stored(tmp_path, "datasets")
    assert (row["fingerprint"], row["version"], row["n_columns"]) == (iris.fingerprint, 2, 5)
    assert (row["name"], row["n_rows"], row["source"]) == ("Iris", 151, "test")  # what was known stays
    assert verify(tmp_path / "kb.duckdb") == []


def test_a_second_call_asks_for_nothing_and_computes_nothing(run, tasks, server, tmp_path, monkeypatch):
    tasks(("openml-task-59", "classification", "class"))
    run(61)
    before, rows = requests(server), stored(tmp_path, "meta_features")
    monkeypatch.setattr(Extractor, "extract", None)
    report = run(61)
    assert (report["described"], report["already_described"]) == (0, 1)
    assert requests(server) == before
    assert stored(tmp_path, "meta_features") == rows
    assert "0 tasks described, 1 were already" in run(61, text=True)


def test_a_task_that_came_later_is_described_alone(run, tasks, tmp_path):
    tasks(("openml-task-59", "classification", "class"))
    run(61)
    tasks(("openml-task-60", "regression", "petallength"))
    report = run(61)
    assert (report["described"], report["already_described"]) == (1, 1)
    assert features_of(tmp_path, "openml-task-60")["n_rows"] == 150


def test_a_newer_extractor_describes_again(run, tasks, tmp_path, monkeypatch):
    tasks(("openml-task-59", "classification", "class"))
    run(61)
    current = Extractor.version
    monkeypatch.setattr(Extractor, "version", "newer")
    assert run(61)["described"] == 1
    assert {row["extractor_version"] for row in stored(tmp_path, "meta_features")} == {current, "newer"}


def test_force_computes_again_and_replaces(run, tasks, tmp_path):
    tasks(("openml-task-59", "classification", "class"))
    run(61)
    right = features_of(tmp_path, "openml-task-59")
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb._connection.execute("UPDATE meta_features SET value = 7 WHERE name = 'n_rows'")
    assert run(61)["described"] == 0
    assert features_of(tmp_path, "openml-task-59")["n_rows"] == 7
    assert run(61, "--force")["described"] == 1
    assert features_of(tmp_path, "openml-task-59") == right


def test_a_dataset_without_tasks_is_stored_and_says_so(run, iris, server, tmp_path):
    assert "no task of this knowledge base holds it" in run(61, text=True)
    [row] = stored(tmp_path, "datasets")
    assert (row["id"], row["name"], row["fingerprint"], row["n_rows"]) == ("openml-61", "iris", iris.fingerprint, 150)
    assert not stored(tmp_path, "meta_features")
    before = requests(server)
    assert run(61)["tasks"] == 0
    assert requests(server) == before


def test_a_task_that_does_not_fit_is_refused_with_the_reason(run, tasks, tmp_path):
    tasks(
        ("openml-task-1", "classification", "klass"),
        ("openml-task-2", "regression", "class"),
        ("openml-task-59", "classification", "class"),
    )
    report = run(61)
    assert report["described"] == 1
    assert "no column 'klass' in iris; did you mean 'class'" in report["refused"]["openml-task-1"]
    assert "is not numeric" in report["refused"]["openml-task-2"]
    assert {(json.loads(row["raw"])["task_id"], row["reason"]) for row in stored(tmp_path, "quarantine")} == set(
        report["refused"].items()
    )
    assert "openml-task-1 refused: " in run(61, text=True)
    [row] = [row for row in stored(tmp_path, "ingestions") if row["source"] == "openml"]
    assert row["seen"] == row["stored"] + row["already_there"] + row["quarantined"]


def test_the_target_that_is_asked_for(run, shared, tmp_path):
    other = load_dataset(shared / "datasets" / "iris.arff", "petallength")
    assert run(61, "--target", "petallength")["fingerprint"] == other.fingerprint


@pytest.mark.parametrize("target", [None, "petallength"])
def test_without_a_default_target_the_tasks_may_name_one(run, tasks, server, tmp_path, target):
    server.world.datasets[61]["target"] = ""
    if target is None:
        with pytest.raises(InputError, match="no default target; name one column with --target"):
            run(61)
        assert not (tmp_path / "kb.duckdb").exists()
    else:
        tasks(("openml-task-60", "regression", target))
        assert run(61)["target"] == target
        assert run(61, "--out", tmp_path / "iris.csv")["target"] == target


@pytest.mark.parametrize("name", ["iris.parquet", "iris.pq", "iris.csv", "iris.csv.gz"])
def test_the_saved_table_is_the_same_dataset(run, iris, tmp_path, name):
    report = run(61, "--out", tmp_path / name)
    assert report["out"] == str(tmp_path / name)
    read = load_dataset(tmp_path / name, "class")
    assert (read.fingerprint, read.kinds) == (iris.fingerprint, iris.kinds)
    assert not list(tmp_path.glob("part-*"))


def test_the_table_is_saved_also_where_all_is_stored_already(run, tasks, tmp_path):
    tasks(("openml-task-59", "classification", "class"))
    run(61)
    assert run(61, "--out", tmp_path / "iris.csv")["described"] == 0
    assert (tmp_path / "iris.csv").exists()


def test_a_file_that_cannot_be_written_is_told(run, server, tmp_path):
    assert "give a name that ends in" in run(61, "--out", tmp_path / "iris.xlsx", text=True, code=2)
    assert requests(server) == 0
    with pytest.raises(InputError, match=r"nowhere/iris\.parquet cannot be written"):
        run(61, "--out", tmp_path / "nowhere" / "iris.parquet")
    with pytest.raises(InputError, match=r"nowhere/iris\.csv cannot be written"):
        run(61, "--out", tmp_path / "nowhere" / "iris.csv")


def test_what_cannot_be_fetched_leaves_nothing_behind(run, server, tmp_path):
    with pytest.raises(SourceError, match="not whole in the cache"):
        run(61, "--offline")
    assert requests(server) == 0
    with pytest.raises(AbsentError, match="Unknown dataset"):
        run(12345)
    with pytest.raises(SourceError, match="is deactivated"):
        run(40)
    assert not (tmp_path / "kb.duckdb").exists()
    run(61)
    assert run(61, "--offline", "--force")["rows"] == 150


def test_help_has_an_example(run):
    assert "metalearn kb fetch-dataset --kb" in " ".join(run("--help", text=True).split())
    assert "Invalid value" in run(0, text=True, code=2)
