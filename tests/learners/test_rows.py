"""Results become rows that the knowledge base takes."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metalearn.core.metrics import METRICS
from metalearn.core.records import Batch, Configuration, Dataset
from metalearn.learners.evaluate import FoldResult
from metalearn.learners.rows import (
    COSTS,
    GENERATED,
    SCORES,
    configuration_tables,
    evaluation_table,
    library_table,
    result_tables,
    task_tables,
)
from metalearn.learners.space import search_space
from metalearn.store import KnowledgeBase

TREE = Configuration("sklearn", "decision_tree", {"min_samples_split": 8})
TASK = "openml-dataset-1"
_SCORES = {"balanced_accuracy": 0.75, "accuracy": 0.8, "log_loss": 0.5, "roc_auc": 0.9}


def _ok(fold: int = 0, **changes: float) -> FoldResult:
    return FoldResult("validation", 3, fold, 1.0, "rows", 32.0, scores=_SCORES | changes, cost_seconds=0.25)


def _failed(status: str, message: str, fold: int = 0) -> FoldResult:
    return FoldResult("test", 3, fold, 1.0, "rows", 48.0, status=status, message=message)  # type: ignore[arg-type]


def test_each_fit_and_metric_is_a_row() -> None:
    costs = {"predict_seconds": 0.01, "peak_memory": 12.0}
    results = [_ok(0, **costs), _failed("timeout", "stopped after 30 s")]
    rows = evaluation_table(TASK, "classification", TREE, results).to_pylist()
    assert [(r["metric"], r["split"], r["fold"], r["value"], r["status"]) for r in rows] == [
        *((metric, "validation", 0, _SCORES[metric], "ok") for metric in SCORES["classification"]),
        *((metric, "validation", 0, costs[metric], "ok") for metric in COSTS),
        *((metric, "test", 0, None, "timeout") for metric in SCORES["classification"]),
    ]
    assert {(r["task_id"], r["configuration_id"], r["seed"], r["resource"], r["fidelity"]) for r in rows} == {
        (TASK, TREE.id, 3, "rows", 1.0)
    }
    assert {(r["split"], r["resource_value"], r["cost_seconds"]) for r in rows} == {
        ("validation", 32.0, 0.25),
        ("test", 48.0, None),
    }


def test_every_metric_is_known_and_a_regression_has_its_own() -> None:
    assert {*COSTS, *SCORES["classification"], *SCORES["regression"]} <= set(METRICS)
    result = FoldResult("test", 0, 0, 1 / 3, "trees", 33.0, scores={"r2": -2.5, "rmse": 4.0, "mae": 3.0})
    rows = evaluation_table(TASK, "regression", TREE, [result]).to_pylist()
    assert [(r["metric"], r["value"], r["status"]) for r in rows] == [
        ("r2", -2.5, "ok"),
        ("rmse", 4.0, "ok"),
        ("mae", 3.0, "ok"),
    ]
    assert {(r["resource"], r["fidelity"], r["resource_value"]) for r in rows} == {("trees", 1 / 3, 33.0)}


def test_what_is_noise_is_rounded_away() -> None:
    result = FoldResult(
        "test",
        0,
        0,
        1 / 9,
        "rows",
        7.0,
        scores={"r2": 0.123456789, "rmse": 1234567.89, "mae": 1.23456789e-7, "predict_seconds": 0.0123456},
        cost_seconds=123.456,
    )
    rows = {r["metric"]: r for r in evaluation_table(TASK, "regression", TREE, [result]).to_pylist()}
    values = [rows[metric]["value"] for metric in ("r2", "rmse", "mae", "predict_seconds")]
    assert values == [0.12346, 1234600.0, 1.2346e-7, 0.012]
    assert {r["cost_seconds"] for r in rows.values()} == {120.0}
    assert {r["fidelity"] for r in rows.values()} == {1 / 9}  # part of the key: it stays as it is


@pytest.mark.parametrize("undefined", [float("nan"), float("inf"), 1.5, -0.5])
def test_a_metric_that_is_undefined_or_out_of_bounds_is_invalid_alone(undefined: float) -> None:
    rows = evaluation_table(TASK, "classification", TREE, [_ok(roc_auc=undefined)]).to_pylist()
    assert [(r["metric"], r["status"]) for r in rows if r["value"] is None] == [("roc_auc", "invalid")]
    assert [r["status"] for r in rows if r["value"] is not None] == ["ok"] * 3


def test_failures_are_first_lines_each_once() -> None:
    results = [
        _ok(),
        _failed("crashed", "ValueError: too few rows\nTraceback ...", 0),
        _failed("crashed", "ValueError: too few rows\nTraceback of another line", 1),
        _failed("crashed", "x" * 1000, 2),
        _failed("timeout", "ValueError: too few rows", 2),
    ]
    tables = result_tables(TASK, "classification", TREE, results)
    assert [(r["status"], r["message"]) for r in tables["failures"].to_pylist()] == [
        ("crashed", "ValueError: too few rows"),
        ("crashed", "x" * 200),
        ("timeout", "ValueError: too few rows"),
    ]
    assert {(r["task_id"], r["configuration_id"]) for r in tables["failures"].to_pylist()} == {(TASK, TREE.id)}
    assert len(tables["evaluations"]) == 5 * 4
    assert "failures" not in result_tables(TASK, "classification", TREE, [_ok()])


def test_the_libraries_are_those_installed() -> None:
    rows = {row["name"]: row["version"] for row in library_table().to_pylist()}
    assert rows["scikit-learn"] == version("scikit-learn")
    assert rows["numpy"] == np.__version__
    assert rows["python"].startswith("3.")


def test_a_task_is_described_with_its_dataset(dataset: Dataset) -> None:
    tables = task_tables(TASK, "openml-1", dataset, procedure="halves", family="openml-0")
    assert tables["datasets"].to_pylist() == [
        {
            "id": "openml-1",
            "name": "mixed",
            "fingerprint": "f" * 64,
            "n_rows": 60,
            "n_columns": dataset.X.shape[1],
            "family": "openml-0",
            "source": "metalearn",
        }
    ]
    task = tables["tasks"].to_pylist()[0]
    assert (task["id"], task["dataset_id"], task["type"], task["procedure"]) == (
        TASK,
        "openml-1",
        "classification",
        "halves",
    )
    target = pd.Series(np.arange(60.0), name="height")
    generated = Dataset(dataset.X, target, "m", dataset.kinds, "e" * 64)
    task = task_tables("d", "d", generated, procedure="", family="d", source=GENERATED)["tasks"].to_pylist()[0]
    assert (task["type"], task["target"], task["source"]) == ("regression", "height", "generated")


def test_the_knowledge_base_takes_them(dataset: Dataset, tmp_path: Path) -> None:
    results = [_ok(fold, **dict.fromkeys(_SCORES, 0.5 + fold / 10)) for fold in range(3)]
    results.append(_failed("crashed", "ValueError: no"))
    tables = {
        **task_tables(TASK, "openml-1", dataset, procedure="3 folds", family="openml-1"),
        **configuration_tables(search_space("classification"), [(TREE, "design")]),
        **result_tables(TASK, "classification", TREE, results),
        "libraries": library_table(),
    }
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        for _ in range(2):
            kb.append(Batch("metalearn", tables))
        rows = kb.info()["rows"]
        assert (rows["evaluations"], rows["failures"], rows["configurations"]) == (4 * 4, 1, 1)
        assert rows["libraries"] == len(tables["libraries"])
        assert kb.tables()["configurations"].to_pylist()[0]["hyperparameters"] == '{"min_samples_split":8}'
        assert kb.inconsistencies() == []
        past = kb.meta_dataset(metric="balanced_accuracy")
    assert past.configurations == (TREE,)
    np.testing.assert_allclose(past.performance_matrix(), [[0.4]])
    np.testing.assert_allclose(past.cost_matrix(), [[0.25]])


def test_all_failed_is_stored_too(dataset: Dataset, tmp_path: Path) -> None:
    # No value and no cost anywhere: their columns have no type of their own.
    tables = task_tables(TASK, "openml-1", dataset, procedure="", family="openml-1")
    tables |= configuration_tables(search_space("classification"), [(TREE, "design")])
    tables |= result_tables(TASK, "classification", TREE, [_failed("memout", "MemoryError: ")])
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb.append(Batch("metalearn", tables))
        assert kb.info()["status"] == {"memout": 4}
        assert kb.info()["rows"]["failures"] == 1
        assert kb.tables()["evaluations"]["value"].null_count == 4
