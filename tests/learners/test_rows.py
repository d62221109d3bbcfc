"""Results become rows that the knowledge base takes."""

from pathlib import Path

import numpy as np

from metalearn.core.records import Batch, Configuration, Dataset
from metalearn.learners.folds import FoldResult
from metalearn.learners.rows import METRICS, configuration_tables, evaluation_table, task_tables
from metalearn.learners.space import search_space
from metalearn.store import KnowledgeBase

TREE = Configuration("sklearn", "decision_tree", {"min_samples_split": 8})


def test_rows_follow_the_schema(dataset: Dataset) -> None:
    scores = {"balanced_accuracy": 0.75, "accuracy": 0.8, "log_loss": 0.5}
    results = [FoldResult(0, 40, "ok", scores, 0.25), FoldResult(1, 40, "timeout", cost_seconds=10.0)]
    rows = evaluation_table("openml-dataset-1", TREE, results, seed=3).to_pylist()
    assert [(r["metric"], r["fold"], r["value"], r["status"]) for r in rows] == [
        *((metric, 0, scores[metric], "ok") for metric in METRICS),
        *((metric, 1, None, "timeout") for metric in METRICS),
    ]
    assert {(r["configuration_id"], r["seed"], r["resource"], r["resource_value"], r["fidelity"]) for r in rows} == {
        (TREE.id, 3, "rows", 40.0, 1.0)
    }
    described = task_tables("openml-dataset-1", "openml-1", dataset, procedure="3 folds")
    assert described["datasets"].to_pylist()[0]["n_rows"] == 60
    assert described["tasks"].to_pylist()[0]["type"] == "classification"
    configured = configuration_tables(search_space("classification"), [(TREE, "design")])
    assert configured["configurations"].to_pylist()[0]["hyperparameters"] == '{"min_samples_split":8}'


def test_the_knowledge_base_takes_them(dataset: Dataset, tmp_path: Path) -> None:
    results = [FoldResult(fold, 40, "ok", dict.fromkeys(METRICS, 0.5 + fold / 10), 0.25) for fold in range(3)]
    tables = {
        **task_tables("openml-dataset-1", "openml-1", dataset, procedure="3 folds"),
        **configuration_tables(search_space("classification"), [(TREE, "design")]),
        "evaluations": evaluation_table("openml-dataset-1", TREE, results, seed=0),
    }
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb.append(Batch("metalearn", tables))
        kb.append(Batch("metalearn", tables))
        assert kb.info()["rows"]["evaluations"] == 9
        past = kb.meta_dataset(metric="balanced_accuracy")
    assert past.configurations == (TREE,)
    np.testing.assert_allclose(past.performance_matrix(), [[0.4]])
    np.testing.assert_allclose(past.cost_matrix(), [[0.25]])
