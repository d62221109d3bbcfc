"""``metalearn evaluate recommenders``: its files, its cache, its errors."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from metalearn.store import KnowledgeBase
from tests.store.batches import make_batch

BENCH = ["evaluate", "recommenders", "--leave-out", "dataset"]
QUICK = [*BENCH, "--recommenders", "average_rank,portfolio", "--k", "1,3", "--folds", "4"]
# The first of two configurations is the better on most of eight tasks, on one it crashed; all are of one family.
SCORES = ((0.9, 0.8), (0.8, 0.7), (0.7, 0.6), (0.6, 0.9), (0.9, None), (0.8, 0.5), (0.9, 0.7), (0.8, 0.6))


@pytest.fixture(scope="module")
def changing(tmp_path_factory):
    """A knowledge base that may change."""
    path = tmp_path_factory.mktemp("kb") / "kb.duckdb"
    with KnowledgeBase.open(path, read_only=False) as knowledge_base:
        knowledge_base.append(make_batch(SCORES))
    return path


@pytest.fixture(scope="module")
def frozen(changing):
    """The same as a snapshot."""
    with KnowledgeBase.open(changing) as knowledge_base:
        knowledge_base.publish(changing.parent / "snapshot")
    return changing.parent / "snapshot"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for each test."""
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "answers"


def test_files_agree_with_what_is_printed(run, tmp_path, frozen):
    curves, report = tmp_path / "curves.parquet", tmp_path / "report.html"
    code, out, err = run(*QUICK, "--kb", frozen, "--json", "--curves", curves, "--report", report)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert set(found) == {"protocol", "results"}
    assert found["protocol"]["n_folds"] == 4
    frame = pq.read_table(curves).to_pandas()
    for row in found["results"]:
        rows = frame[(frame.recommender == row["recommender"]) & (frame.k == row["k"])]
        assert len(rows) == row["n_tasks"] == found["protocol"]["n_tasks"]
        assert rows.normalized_regret.mean() == pytest.approx(row["mean_normalized_regret"])
        assert rows.ndcg.mean() == pytest.approx(row["scores"]["ndcg"]["mean"])
        assert np.mean(list(row["per_task"].values())) == pytest.approx(row["mean_normalized_regret"])
    assert f"{100 * found['results'][0]['mean_normalized_regret']:.2f}" in report.read_text()


def test_a_snapshot_is_answered_from_the_cache_the_second_time(run, cache, frozen, monkeypatch):
    quick = [*QUICK, "--kb", frozen]
    first = run(*quick)
    assert first[0] == 0
    assert "average_rank" in first[1]
    assert len(list(cache.iterdir())) == 8
    monkeypatch.setattr("metalearn.evaluation.answers.Job.run", None)
    assert run(*quick) == first
    assert run(*quick, "--no-cache")[0] == 1


def test_without_a_cache_nothing_is_written(run, cache, frozen):
    assert run(*QUICK, "--kb", frozen, "--no-cache")[0] == 0
    assert not cache.exists()


def test_what_may_change_is_cached_only_on_request(run, changing, cache, tmp_path):
    assert run(*QUICK, "--kb", changing)[0] == 0
    assert not cache.exists()
    assert run(*QUICK, "--kb", changing, "--cache", tmp_path / "mine")[0] == 0
    assert list((tmp_path / "mine").rglob("*.parquet"))


def test_workers_change_nothing(run, changing):
    options = [*BENCH, "--kb", changing, "--recommenders", "portfolio,random", "--k", "1", "--json"]
    one, two = (run(*options, "--workers", w) for w in (1, 2))
    assert one[0] == 0
    assert one == two


def test_options_and_their_choice(run, changing):
    methods = "knn:n_neighbors=1,knn:n_neighbors=1/20"
    code, out, _ = run(*BENCH, "--kb", changing, "--recommenders", methods, "--k", "1", "--folds", "2", "--json")
    assert code == 0
    assert [row["recommender"] for row in json.loads(out)["results"]] == methods.split(",")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--recommenders", ","], 2, "give one at least"),
        (["--recommenders", "knn", "--baseline", "random"], 2, "not among --recommenders"),
        (["--curves", "/nowhere/curves.parquet"], 2, "no folder"),
        (["--report", "report.pdf"], 1, ".html or .md"),
        (["--folds", "1"], 2, "--folds"),
        (["--folds", "1000"], 1, "at most one for each dataset"),
        (["--k", "0"], 1, "positive"),
        (["--recommenders", "knnn"], 1, "did you mean 'knn'"),
        (["--recommenders", "knn:neighbors=3"], 1, "did you mean 'n_neighbors'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors(run, changing, options, code, message):
    found, out, err = run(*BENCH, "--kb", changing, *options)
    assert (found, out) == (code, "")
    assert message in " ".join(err.replace("│", " ").split())


def test_one_family_leaves_nothing_to_learn_from(run, changing):
    code, _, err = run("evaluate", "recommenders", "--kb", changing, "--recommenders", "portfolio")
    assert code == 1
    assert "leaves out every family" in err


def test_an_empty_knowledge_base(run, tmp_path):
    KnowledgeBase.open(tmp_path / "empty.duckdb", read_only=False).close()
    code, _, err = run("evaluate", "recommenders", "--kb", tmp_path / "empty.duckdb")
    assert code == 1
    assert "No task of this knowledge base" in err


def test_ctrl_c_leaves_a_cache_that_the_next_run_goes_on_with(run, cache):
    options = ["evaluate", "recommenders", "--recommenders", "portfolio,task_mixture", "--protocol", "sequential"]
    command = [sys.executable, "-m", "metalearn", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    while process.poll() is None and not (cache.exists() and list(cache.glob("*.parquet"))):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert [path.suffix for path in cache.iterdir() if path.suffix != ".parquet"] == []
    assert all(pq.read_table(path).num_rows for path in cache.iterdir())


def test_a_class_of_the_current_folder_is_a_recommender(tmp_path, frozen):
    text = "from metalearn.recommenders.portfolio import GreedyPortfolio\nclass Mine(GreedyPortfolio): pass\n"
    (tmp_path / "mine.py").write_text(text)
    command = [sys.executable, "-P", "-c", "from metalearn.cli import main; main()"]  # Python would add the folder
    given = [*BENCH, "--recommenders", "mine.Mine", "--k", "1", "--folds", "4", "--kb", str(frozen), "--json"]
    done = subprocess.run([*command, *given], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["recommender"] == "mine.Mine"
