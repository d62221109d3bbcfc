"""The bundled knowledge base is built block by block, resumes where it stopped, and is published."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metalearn.store import KnowledgeBase, verify
from pipelines.build_bundled import main

_ROOT = Path(__file__).resolve().parents[2]
_INDEX = """name,file,openml_id,task_type,target_column
hills,hills.csv,900001,classification,class
dales,dales.csv,900002,classification,class
wine,not-there.csv,187,classification,class
stock,not-there.csv,223,regression,y
wide,wide.csv,900003,classification,class
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two datasets to evaluate; others that are left out: unseen, regression, too many columns and classes."""
    rng = np.random.default_rng(0)
    for name, n_rows in (("hills", 60), ("dales", 90)):
        table = pd.DataFrame({"x": rng.normal(size=n_rows), "colour": rng.choice(["red", "green"], n_rows)})
        table["class"] = np.where(table["x"] + rng.normal(size=n_rows) > 0, "up", "down")
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    wide = pd.DataFrame(rng.normal(size=(40, 250))).assign(**{"class": list("abcdefghij") * 4})
    wide.to_csv(tmp_path / "wide.csv", index=False)
    (tmp_path / "index.csv").write_text(_INDEX)
    return tmp_path


def _options(folder: Path, kb: str, *more: str) -> list[str]:
    return ["--datasets", str(folder), "--kb", str(folder / kb), "--configurations", "3", "--max-rows", "80", *more]


def _scores(location: Path) -> Any:
    with KnowledgeBase.open(location) as kb:
        return kb.meta_dataset(metric="log_loss").performance_matrix()


def test_builds_and_publishes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_options(folder, "a.duckdb", "--out", str(folder / "snapshot"), "--workers", "2")) == 0
    log = capsys.readouterr().err
    assert "wide is left out: 250 columns, 10 classes" in log
    assert "2 families of 2 datasets" in log
    with KnowledgeBase.open(folder / "snapshot") as kb:
        info = kb.info()
        past = kb.meta_dataset()
    assert verify(folder / "snapshot") == []
    n_folds, n_metrics = 3, 3
    assert info["rows"]["evaluations"] == 2 * 3 * n_folds * n_metrics
    assert info["status"] == {"ok": 2 * 3 * n_folds * n_metrics}
    assert [task.id for task in past.tasks] == ["openml-dataset-900001", "openml-dataset-900002"]
    assert past.tasks[1].procedure == "3-fold stratified cross-validation on a stratified sample of 80 of 90 rows"
    assert [task.meta_features["n_rows"] for task in past.tasks] == [60, 80]
    assert np.isfinite(past.performance_matrix()).all()


def test_goes_on_after_a_kill_and_gives_the_same_scores(folder: Path) -> None:
    command = [sys.executable, "-m", "pipelines.build_bundled", *_options(folder, "killed.duckdb")]
    with subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.startswith("random_forest(") for line in process.stderr)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    with KnowledgeBase.open(folder / "killed.duckdb") as kb:
        assert 18 <= kb.info()["rows"]["evaluations"] < 54
    main(_options(folder, "killed.duckdb"))
    main(_options(folder, "whole.duckdb"))
    np.testing.assert_array_equal(_scores(folder / "killed.duckdb"), _scores(folder / "whole.duckdb"))


def test_a_second_run_stores_nothing_new(folder: Path) -> None:
    main(_options(folder, "a.duckdb"))
    with KnowledgeBase.open(folder / "a.duckdb") as kb:
        before = kb.info()["rows"]
    main(_options(folder, "a.duckdb"))
    with KnowledgeBase.open(folder / "a.duckdb") as kb:
        assert kb.info()["rows"] == before
