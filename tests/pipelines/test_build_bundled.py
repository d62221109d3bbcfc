"""The bundled knowledge base is built block by block, goes on where it stopped, and is published."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metalearn.learners.defaults import default_configurations
from metalearn.learners.rows import COSTS, SCORES
from metalearn.learners.splits import TEST
from metalearn.learners.stored_splits import read_splits
from metalearn.metafeatures.extract import Extractor
from metalearn.store import KnowledgeBase, verify
from pipelines.build_bundled import main

_ROOT = Path(__file__).resolve().parents[2]
_INDEX = """name,file,openml_id,task_type,target_column
oak,oak.csv,900001,classification,class
elm,elm.csv,900002,classification,class
lakes,lakes.csv,900003,classification,class
wine,not-there.csv,187,classification,class
wdbc,not-there.csv,1510,classification,class
breast-w,not-there.csv,15,classification,class
"""
_SIZES = {"oak": 40, "elm": 40, "lakes": 100, "lakes-depth": 100}  # the sample of the last two
_N_CONFIGURATIONS, _N_FITS = 2, 2 + 3 * 4
_SETTLED = ("task_id", "configuration_id", "metric", "split", "resource", "fidelity", "resource_value", "fold", "seed")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables with equal features and different targets, and one with a column that is worth predicting."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    trees = pd.DataFrame({"height": rng.normal(size=40).round(1), "leaf": rng.choice(["small", "big"], 40)})
    for name, sign in (("oak", 1), ("elm", -1)):
        target = np.where(trees["height"] + sign * rng.normal(size=40) > 0, "old", "young")
        trees.assign(**{"class": target}).to_csv(folder / f"{name}.csv", index=False)
    depth = rng.normal(size=110)
    lakes = pd.DataFrame({"depth": depth, "area": depth + rng.normal(size=110), "age": rng.integers(0, 9, 110)})
    target = np.where(depth + rng.normal(size=110) > 0, "cold", "warm")
    lakes.assign(**{"class": target}).to_csv(folder / "lakes.csv", index=False)
    (folder / "index.csv").write_text(_INDEX)
    return folder


def _options(tables: Path, home: Path, *more: str) -> list[str]:
    required = ["--datasets", str(tables), "--kb", str(home / "kb.duckdb"), "--out", str(home / "out")]
    few = ["--configurations", str(_N_CONFIGURATIONS), "--generated", "1", "--max-rows", "100"]
    return [*required, *few, *more]


@pytest.fixture(scope="module")
def whole(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an undisturbed run by one worker left the knowledge base and what it published."""
    home = tmp_path_factory.mktemp("whole")
    assert main(_options(tables, home)) == 0
    return home


@pytest.fixture(scope="module")
def begun(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run of the first configuration by two workers left them."""
    home = tmp_path_factory.mktemp("begun")
    assert main(_options(tables, home, "--configurations", "1", "--workers", "2")) == 0
    return home


def _rows(location: Path, table: str) -> list[dict[str, Any]]:
    with KnowledgeBase.open(location) as kb:
        return kb.tables()[table].to_pylist()


def _names(location: Path) -> dict[str, str]:
    """Return the name of each task's dataset by task id."""
    with KnowledgeBase.open(location) as kb:
        return kb.dataset_names()


def _scores(location: Path) -> dict[tuple[Any, ...], tuple[float | None, str]]:
    """Return value and status of every evaluation by its key; what it took differs from run to run."""
    rows = [row for row in _rows(location, "evaluations") if row["metric"] not in COSTS]
    return {tuple(row[column] for column in _SETTLED): (row["value"], row["status"]) for row in rows}


def _assert_same(home: Path, expected: Path) -> None:
    """All that two runs leave is equal, but for what time and memory they took."""
    for location in (home / "kb.duckdb", home / "out" / "knowledge_base"):
        assert _scores(location) == _scores(expected / "kb.duckdb")
        for table in ("metrics", "datasets", "tasks", "spaces", "configurations", "failures", "libraries"):
            found, other = (sorted(map(repr, _rows(where, table))) for where in (location, expected / "kb.duckdb"))
            assert found == other
        described = [_described(where) for where in (location, expected / "kb.duckdb")]
        assert described[0] == described[1]
        costs = [
            sorted((row["task_id"], row["configuration_id"], row["metric"]) for row in _rows(where, "evaluations"))
            for where in (location, expected / "kb.duckdb")
        ]
        assert costs[0] == costs[1]
    assert (home / "out" / "splits.parquet").read_bytes() == (expected / "out" / "splits.parquet").read_bytes()
    assert verify(home / "out" / "knowledge_base") == []


def _described(location: Path) -> dict[tuple[str, str], tuple[float | None, str]]:
    rows = _rows(location, "meta_features")
    return {(row["task_id"], row["name"]): (row["value"], row["status"]) for row in rows}


def test_everything_is_evaluated_and_published(whole: Path) -> None:
    with KnowledgeBase.open(whole / "out" / "knowledge_base") as kb:
        info = kb.info()
        past = kb.meta_dataset(task_type="classification")
    assert verify(whole / "out" / "knowledge_base") == []
    assert info["tasks"] == {"classification": 3, "regression": 1}
    assert info["status"] == {"ok": info["rows"]["evaluations"]}
    n_metrics = 3 * len(SCORES["classification"]) + len(SCORES["regression"])
    assert len(_scores(whole / "kb.duckdb")) == n_metrics * _N_CONFIGURATIONS * _N_FITS
    assert info["rows"]["configurations"] == 400  # the whole design, of which the first ones are evaluated
    assert {c.algorithm for c in past.configurations} == {
        c.algorithm for c in default_configurations("classification")[:_N_CONFIGURATIONS]
    }
    assert np.isfinite(past.performance_matrix()).all()
    assert past.performance_matrix().shape == (3, _N_CONFIGURATIONS)


def test_tasks_say_how_they_came_about(whole: Path) -> None:
    names = _names(whole / "kb.duckdb")
    tasks = {names[row["id"]]: row for row in _rows(whole / "kb.duckdb", "tasks")}
    assert set(tasks) == set(_SIZES)
    splits = "3 outer test parts of 20 %, 3-fold cross-validation on the rest, stratified, on "
    assert tasks["oak"]["procedure"] == splits + "all rows"
    assert tasks["lakes"]["procedure"] == splits + "a stratified sample of 100 of 110 rows"
    assert [tasks[name]["id"] for name in ("oak", "elm", "lakes")] == [f"openml-dataset-90000{i}" for i in (1, 2, 3)]
    generated = tasks["lakes-depth"]
    assert generated["id"] == generated["dataset_id"]
    assert generated["procedure"].startswith("generated from a column of openml-900003; 3 outer test parts")
    assert (generated["type"], generated["target"], generated["source"]) == ("regression", "depth", "generated")


def test_splits_are_published_as_they_were_used(whole: Path) -> None:
    stored = read_splits(whole / "out" / "splits.parquet")
    names = _names(whole / "kb.duckdb")
    assert {names[task]: len(splits.rows) for task, splits in stored.items()} == _SIZES
    for task, _, _, split, _, fidelity, rows, fold, seed in _scores(whole / "kb.duckdb"):
        parts = stored[task].parts[seed]
        trained = np.sum((parts != TEST) & (parts != (TEST if split == "test" else fold)))
        assert fidelity < 1 or rows in (trained, 100)  # the other two are forests and boosting, of 100 trees


def test_the_rows_that_are_evaluated_are_described(whole: Path) -> None:
    described = _described(whole / "kb.duckdb")
    names = _names(whole / "kb.duckdb")
    assert {name: described[task, "n_rows"][0] for task, name in names.items()} == _SIZES
    assert len(described) == len(_SIZES) * len(Extractor().names)


def test_families_are_of_equal_features_and_of_one_table(whole: Path) -> None:
    family = {row["name"]: row["family"] for row in _rows(whole / "kb.duckdb", "datasets")}
    assert family["oak"] == family["elm"] == "openml-900001"  # neither names nor losses link them
    assert family["lakes-depth"] == family["lakes"] != family["oak"]


def test_the_unseen_are_left_out(whole: Path) -> None:
    names = {row["name"] for row in _rows(whole / "kb.duckdb", "datasets")}
    assert names == set(_SIZES)  # the files of the others do not even exist


def test_two_workers_give_what_one_gives(whole: Path, begun: Path) -> None:
    expected, found = _scores(whole / "kb.duckdb"), _scores(begun / "kb.duckdb")
    assert len(found) == len(expected) / _N_CONFIGURATIONS
    assert found == {key: expected[key] for key in found}
    assert {key[0] for key in found} == set(
        _names(begun / "kb.duckdb")
    )  # a complete block: every task has had its turn
    assert _described(begun / "kb.duckdb") == _described(whole / "kb.duckdb")


def _copied(home: Path, to: Path, *, kb: bool = True) -> Path:
    shutil.copytree(home, to, dirs_exist_ok=True, ignore=None if kb else shutil.ignore_patterns("kb.duckdb*"))
    return to


def _snapshot_id(home: Path) -> str:
    with KnowledgeBase.open(home / "out" / "knowledge_base") as kb:
        return kb.snapshot_id


def test_a_second_run_stores_nothing_new(
    tables: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _copied(whole, tmp_path)
    assert main(_options(tables, home)) == 0
    log = capsys.readouterr().err.splitlines()
    assert log == ["2 families of 4 datasets", f"published as {_snapshot_id(whole)}"]
    assert _snapshot_id(home) == _snapshot_id(whole)


@pytest.mark.parametrize("empty", [False, True], ids=["no file", "a file that was just made"])
def test_without_the_file_what_is_published_is_not_computed_again(
    tables: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], empty: bool
) -> None:
    home = _copied(whole, tmp_path, kb=False)
    if empty:  # killed before the snapshot was read
        KnowledgeBase.open(home / "kb.duckdb", read_only=False).close()
    assert main(_options(tables, home)) == 0
    assert capsys.readouterr().err.splitlines() == ["2 families of 4 datasets", f"published as {_snapshot_id(whole)}"]
    _assert_same(home, whole)


def test_no_hours_begin_nothing_and_publish_what_is_there(tables: Path, begun: Path, tmp_path: Path) -> None:
    home = _copied(begun, tmp_path)
    shutil.rmtree(home / "out")
    assert main(_options(tables, home, "--hours", "0")) == 0  # one more configuration than there is
    assert _scores(home / "out" / "knowledge_base") == _scores(begun / "kb.duckdb")
    assert _snapshot_id(home) == _snapshot_id(begun)


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that are ended after the test, whatever becomes of it."""
    begun: list[subprocess.Popen[str]] = []
    yield begun
    for process in begun:
        process.kill()
        process.communicate()


def _members(group: int) -> list[int]:
    """Return the processes of a group that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, member_of, *_ = stat.read_text().rpartition(")")[2].split()
            if int(member_of) == group and state != "Z":
                found.append(int(stat.parent.name))
    return found


def test_a_run_that_is_killed_five_times_ends_like_one_that_is_not(
    tables: Path, begun: Path, tmp_path: Path, processes: list["subprocess.Popen[str]"]
) -> None:
    command = [sys.executable, "-m", "pipelines.build_bundled", *_options(tables, tmp_path, "--configurations", "1")]
    rng = np.random.default_rng()
    for _ in range(5):
        process = subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
        processes.append(process)
        assert process.stderr is not None
        for _ in range(rng.integers(0, 3)):  # that many evaluations are logged, and then some time goes by
            process.stderr.readline()
        time.sleep(rng.uniform(0, 1.5))
        process.kill()
        assert process.wait() in (-signal.SIGKILL, 0)
        deadline = time.monotonic() + 60
        while _members(process.pid):  # no child outlives it
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert main(_options(tables, tmp_path, "--configurations", "1")) == 0
    _assert_same(tmp_path, begun)
