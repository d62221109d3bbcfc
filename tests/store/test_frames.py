"""Evaluations from a pandas data frame."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metalearn.core.records import Batch, Configuration
from metalearn.errors import InputError, UnknownNameError
from metalearn.store import Counts, KnowledgeBase
from tests.store.batches import SVC, TREE, make_batch


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as opened:
        yield opened


def frame(n=1, **columns):
    """Rows that are right, each of a fold of its own, with some columns replaced."""
    usual = {"task_id": "mine", "algorithm": "svc", "metric": "accuracy", "value": 0.9, "fold": range(n)}
    return pd.DataFrame(usual | columns, index=range(n))


def stored(kb, *names):
    rows = sorted(kb.tables()["evaluations"].to_pylist(), key=lambda row: (row["fold"], row["value"] or 0))
    return [tuple(row[name] for name in names) if len(names) > 1 else row[names[0]] for row in rows]


def reasons(kb):
    return sorted(row["reason"] for row in kb.tables()["quarantine"].to_pylist())


def test_a_frame_as_a_user_has_it_goes_all_the_way(kb):
    table = pd.DataFrame(
        {
            "task_id": ["openml-task-59"] * 2 + ["mine"] * 2,
            "algorithm": ["SVC", "decision_tree"] * 2,
            "hyperparameters": [{"C": np.float64(1.0)}, {}, '{"C": 1}', "{}"],
            "metric": "balanced_accuracy",
            "value": [0.9, 0.8, 0.7, np.nan],
            "status": ["ok", None, "ok", "timeout"],
            "cost_seconds": [1.5, np.nan, 2, 30],
            "seed": [3, 4, 5, 6],
            "run_id": [1.0, 2.0, 3.0, np.nan],
        },
        index=[7, 7, 8, 9],
    )
    before = table.copy(deep=True)
    assert kb.add_evaluations(table, source="thesis") == Counts(seen=4, stored=4)
    assert kb.add_evaluations(table, source="thesis") == Counts(seen=4, already_there=4)
    pd.testing.assert_frame_equal(table, before)
    past = kb.meta_dataset()
    assert set(past.configurations) == {SVC, TREE}
    matrix = {t.id: row for t, row in zip(past.tasks, past.performance_matrix(), strict=True)}
    order = [past.configurations.index(c) for c in (SVC, TREE)]
    np.testing.assert_allclose(matrix["openml-task-59"][order], [0.1, 0.2])
    np.testing.assert_allclose(matrix["mine"][order], [0.3, np.nan])
    rows = sorted(kb.tables()["evaluations"].to_pylist(), key=lambda row: row["seed"])
    assert [row["source_run_id"] for row in rows] == ["1", "2", "3", ""]
    assert [row["cost_seconds"] for row in rows] == [1.5, None, 2.0, 30.0]
    assert {row["source"] for row in rows} == {"thesis"}
    assert kb.inconsistencies() == []
    assert kb.remove(source="thesis")["evaluations"] == 4


def test_optional_columns_have_the_defaults_of_the_schema(kb):
    kb.add_evaluations(frame().drop(columns="fold"), source="s")
    [row] = kb.tables()["evaluations"].to_pylist()
    assert (row["split"], row["resource"], row["fidelity"], row["fold"], row["seed"]) == (
        "validation",
        "rows",
        1,
        -1,
        -1,
    )
    assert (row["resource_value"], row["cost_seconds"], row["status"], row["source_run_id"]) == (None, None, "ok", "")
    given = {"split": "test", "resource": "epochs", "fidelity": 0.5, "resource_value": 50, "fold": 2, "seed": 9}
    kb.add_evaluations(frame(**given), source="s")
    row = max(kb.tables()["evaluations"].to_pylist(), key=lambda row: row["fold"])
    assert {name: row[name] for name in given} == given


def test_metrics_go_by_any_of_their_names_and_are_turned(kb):
    names = ["predictive_accuracy", "error_rate", "balanced_error", "area_under_roc_curve", "log_loss"]
    kb.add_evaluations(frame(5, metric=names, value=[0.9, 0.3, 0.25, 0.8, 2.5]), source="s")
    assert stored(kb, "metric", "value") == [
        ("accuracy", 0.9), ("accuracy", 0.7), ("balanced_accuracy", 0.75), ("roc_auc", 0.8), ("log_loss", 2.5)
    ]  # fmt: skip


def test_a_metric_that_a_source_has_brought_is_known(kb):
    gini = {"name": "gini", "direction": "maximize", "low": -1.0, "high": 1.0, "preference": 99}
    kb.append(Batch("s", {"metrics": pa.Table.from_pylist([gini])}))
    counts = kb.add_evaluations(frame(2, metric="gini", value=[-0.5, -1.5]), source="s")
    assert (counts.stored, counts.quarantined) == (1, 1)


def test_rows_that_cannot_be_right_are_quarantined_with_the_reason(kb):
    bad = {
        "the value of accuracy is missing or not finite": {"value": np.nan},
        "the value of accuracy lies outside [0, 1]": {"value": 1.5},
        "value is no number": {"value": "high"},
        "the status is none of ok, pruned, crashed, timeout, memout, invalid": {"status": "done"},
        "the split is none of train, validation, test": {"split": "holdout"},
        "fidelity is no number, or out of range": {"fidelity": 0.0},
        "fold is no whole number": {"fold": 0.5},
        "seed is no whole number": {"seed": "x"},
        "task_id is missing": {"task_id": None},
        "algorithm is missing": {"algorithm": None},
        "metric is missing": {"metric": None},
        "hyperparameters are neither a dict nor a JSON object; give {} for none": {"hyperparameters": np.nan},
    }
    usual = {"hyperparameters": {}, "status": "ok", "split": "train", "fidelity": 1.0, "seed": 1, "run_id": ""}
    good = frame().iloc[0].to_dict() | usual
    table = pd.DataFrame(
        [good | wrong | {"run_id": str(i)} for i, wrong in enumerate([{}, *bad.values()])], dtype=object
    )
    assert kb.add_evaluations(table, source="s") == Counts(seen=len(bad) + 1, stored=1, quarantined=len(bad))
    assert reasons(kb) == sorted(bad)
    raw = [json.loads(row["raw"]) for row in kb.tables()["quarantine"].to_pylist()]
    assert sorted(int(row["run_id"]) for row in raw) == [*range(1, len(bad) + 1)]
    assert kb.inconsistencies() == []


@pytest.mark.parametrize("cell", ["rbf", "[1]", "3", {"C": float("nan")}, {"f": len}, ["C", 1], None, {1: 1, "a": 2}])
def test_hyperparameters_that_are_none_are_quarantined(kb, cell):
    table = frame(2).assign(hyperparameters=pd.Series([cell, {"C": 2}], dtype=object))
    counts = kb.add_evaluations(table, source="s")
    assert (counts.stored, counts.quarantined) == (1, 1)
    assert stored(kb, "configuration_id") == [Configuration("sklearn", "svc", {"C": 2}).id]


def test_failures_need_no_value_and_keep_none(kb):
    kb.add_evaluations(frame(3, status=["crashed", "memout", "pruned"], value=[np.nan, 0.5, 0.6]), source="s")
    assert stored(kb, "status", "value") == [("crashed", None), ("memout", None), ("pruned", 0.6)]


def test_rows_that_contradict_each_other_are_not_taken_for_doubles(kb):
    table = frame(4, fold=[0, 0, 0, 1], value=[0.9, 0.9, 0.8, 0.8])
    assert kb.add_evaluations(table, source="s") == Counts(seen=4, stored=2, already_there=1, quarantined=1)
    assert stored(kb, "value") == [0.9, 0.8]
    assert "tell them apart by fold, seed or run_id" in reasons(kb)[0]


def test_the_same_task_under_two_names_is_one(kb):
    kb.add_evaluations(frame(3, task_id=[59, "59", "openml-task-59"]), source="s")
    assert set(stored(kb, "task_id")) == {"openml-task-59"}
    assert [row["id"] for row in kb.tables()["tasks"].to_pylist()] == ["openml-task-59"]


def test_a_task_goes_by_its_dataset_where_that_has_one(kb):
    kb.append(make_batch())
    before = kb.info()["rows"]
    kb.add_evaluations(frame(task_id="openml-1"), source="s")
    assert kb.info()["rows"]["tasks"] == before["tasks"]
    assert {r["task_id"] for r in kb.tables()["evaluations"].to_pylist() if r["source"] == "s"} == {"openml-dataset-1"}
    second = {"id": "t", "dataset_id": "openml-1", "type": "regression", "source": "s"}
    kb.append(Batch("s", {"tasks": pa.Table.from_pylist([second])}))
    with pytest.raises(InputError, match="openml-1 has several tasks here, openml-dataset-1, t; name one"):
        kb.add_evaluations(frame(task_id="openml-1"), source="s")


def test_new_tasks_are_made_with_their_datasets_and_types(kb):
    table = frame(
        5,
        task_id=[59, "mine", "openml-61", "theirs", "theirs"],
        dataset_id=[61, None, None, "d", "d"],
        metric=["accuracy", "rmse", "r2", "log_loss", "mae"],
    )
    kb.add_evaluations(table, source="s")
    tasks = {row["id"]: (row["dataset_id"], row["type"]) for row in kb.tables()["tasks"].to_pylist()}
    assert tasks == {
        "openml-task-59": ("openml-61", "classification"),
        "mine": ("mine", "regression"),
        "openml-dataset-61": ("openml-61", "regression"),
        "theirs": ("d", "classification"),
    }
    assert {row["id"] for row in kb.tables()["datasets"].to_pylist()} == {"openml-61", "mine", "d"}
    kb.add_evaluations(frame(task_id="given", metric="predict_seconds"), source="s", task_type="regression")
    assert {r["id"]: r["type"] for r in kb.tables()["tasks"].to_pylist()}["given"] == "regression"
    assert kb.inconsistencies() == []


def test_a_task_of_refused_rows_alone_is_not_made(kb):
    kb.add_evaluations(frame(task_id="nothing", value=np.nan), source="s")
    rows = kb.info()["rows"]
    assert (rows["tasks"], rows["datasets"], rows["configurations"], rows["quarantine"]) == (0, 0, 0, 1)


def test_the_space_and_the_algorithm_make_the_configuration(kb):
    table = frame(2, algorithm=["sklearn.svm.SVC", "my_net"])
    kb.add_evaluations(table, source="s", space="lab-1")
    made = [Configuration("lab-1", algorithm).id for algorithm in ("svc", "my_net")]
    assert stored(kb, "configuration_id") == made
    assert [row["name"] for row in kb.tables()["spaces"].to_pylist()] == ["lab-1"]


@pytest.mark.parametrize("dtype", ["string", "category", object])
def test_columns_of_text_may_have_any_dtype(kb, dtype):
    columns = {name: pd.Series([value] * 2, dtype=dtype) for name, value in (("task_id", "t"), ("status", "ok"))}
    assert kb.add_evaluations(frame(2, **columns), source="s").stored == 2


def test_missing_cells_of_nullable_columns_are_missing(kb):
    table = frame(2, seed=pd.array([None, 5], dtype="Int64"), value=pd.array([0.5, None], dtype="Float64"))
    assert kb.add_evaluations(table, source="s") == Counts(seen=2, stored=1, quarantined=1)
    assert stored(kb, "seed") == [-1]


def test_an_empty_frame_adds_nothing(kb):
    assert kb.add_evaluations(frame(2).iloc[:0], source="s") == Counts()
    assert kb.info()["rows"]["evaluations"] == 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame().rename(columns={"task_id": "task"}), "no column 'task_id'; did you mean 'task'?"),
        (frame().drop(columns="metric"), "no column 'metric'; it has task_id, algorithm, value, fold."),
        (frame(fideliti=0.5), "'fideliti' of the data frame means nothing; did you mean 'fidelity'?"),
        (frame(C=1.0), "'C' of the data frame means nothing; what belongs to a configuration goes into 'hyper"),
        (pd.concat([frame(), frame()], axis=1), "columns of the same name"),
        ([{"task_id": 1}], "as a pandas data frame; got list"),
        (frame(status=pd.Series([["ok"]])), "'status' holds lists or objects"),
        (frame(2, dataset_id=["a", "b"]), "task mine cannot be of several datasets, a, b"),
    ],
)
def test_a_frame_that_cannot_be_understood_stores_nothing(kb, table, message):
    with pytest.raises(InputError) as refused:
        kb.add_evaluations(table, source="s")
    assert message in str(refused.value)
    assert kb.info()["rows"] | {"metrics": 0} == dict.fromkeys(kb.info()["rows"], 0)


def test_other_refusals(kb):
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        kb.add_evaluations(frame(metric="acuracy"), source="s")
    with pytest.raises(InputError, match="where the evaluations come from"):
        kb.add_evaluations(frame(), source="")
    kb.append(make_batch())
    with pytest.raises(InputError, match="cannot be of several datasets, openml-1, other"):
        kb.add_evaluations(frame(task_id="openml-dataset-1", dataset_id="other"), source="s")
    assert kb.info()["rows"]["evaluations"] == 4
