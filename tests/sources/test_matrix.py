"""Wide tables, with OBOE's matrices as they are published."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalearn.core.records import Configuration
from metalearn.errors import InputError, UnknownNameError
from metalearn.sources import matrix
from metalearn.sources.matrix import read_matrix
from metalearn.store.knowledge_base import KnowledgeBase

NB = "{'algorithm': 'GNB', 'hyperparameters': {}}"
SVM = "{'algorithm': 'kSVM', 'hyperparameters': {'C': 1.0, 'kernel': 'rbf', 'gamma': None}}"
GAUSSIAN_NB = Configuration("sklearn", "gaussian_nb")
SVC = Configuration("sklearn", "svc", {"C": 1, "kernel": "rbf", "gamma": None})


def write(path, *lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def rows(batches, table):
    return [row for batch in batches for row in batch.tables[table].to_pylist()]


@pytest.fixture(scope="module")
def oboe(shared):
    return shared / "data" / "oboe"


@pytest.fixture(scope="module")
def batches(oboe):
    return list(read_matrix(oboe / "error_matrix.csv", runtimes=oboe / "runtime_matrix.csv"))


def test_all_of_oboe(batches):
    assert sum(batch.seen for batch in batches) == 68_547
    assert len(rows(batches, "evaluations")) == 313 * 219
    assert len({row["id"] for row in rows(batches, "tasks")}) == 313
    assert len({row["id"] for row in rows(batches, "configurations")}) == 219
    assert not rows(batches, "quarantine")


def test_every_value_and_cost_of_oboe(batches, oboe):
    """Against pandas, which reads both files its own way."""
    errors = pd.read_csv(oboe / "error_matrix.csv", index_col=0)
    seconds = pd.read_csv(oboe / "runtime_matrix.csv", index_col=0)
    assert list(errors.columns) == list(seconds.columns)
    evaluations = pd.concat([batch.tables["evaluations"].to_pandas() for batch in batches])
    dids = evaluations["task_id"].astype(str).str.removeprefix("openml-dataset-").astype(int).to_numpy()
    assert dids.tolist() == errors.index.repeat(219).tolist()
    np.testing.assert_allclose(evaluations["value"], (1 - errors).to_numpy().ravel(), rtol=1e-13)
    np.testing.assert_allclose(evaluations["cost_seconds"], seconds.loc[errors.index].to_numpy().ravel(), rtol=1e-13)


def test_oboes_algorithms_have_canonical_names(batches):
    algorithms = {row["algorithm"] for row in rows(batches, "configurations")}
    assert {"svc", "linear_svc", "gaussian_nb", "k_nearest_neighbors", "mlp"} <= algorithms
    assert len(algorithms) == 12
    assert {row["name"] for row in rows(batches, "spaces")} == {"sklearn"}


def test_a_small_matrix_by_hand(tmp_path):
    errors = write(tmp_path / "errors.csv", ["", NB, SVM], ["00011", "0.25", ""], ["61", "0.5", "0.125"])
    (batch,) = read_matrix(errors)
    assert batch.tables["evaluations"].to_pylist()[1:] == [
        {
            "task_id": "openml-dataset-61",
            "configuration_id": configuration.id,
            "metric": "balanced_accuracy",
            "value": value,
            "cost_seconds": None,
            "source": "errors.csv",
        }
        for configuration, value in ((GAUSSIAN_NB, 0.5), (SVC, 0.875))
    ]
    assert batch.tables["tasks"].to_pylist()[0] == {
        "id": "openml-dataset-11",
        "dataset_id": "openml-11",
        "type": "classification",
        "target": None,
        "procedure": "cross-validation",
        "source": "errors.csv",
    }
    assert batch.tables["datasets"]["id"].to_pylist() == ["openml-11", "openml-61"]
    assert (batch.seen, batch.cursor, batch.source) == (3, "row 2", "errors.csv")


def test_runtimes_are_matched_by_name_not_by_place(tmp_path):
    errors = write(tmp_path / "errors.csv", ["", NB, SVM], ["11", "0.1", "0.2"], ["61", "0.3", "0.4"], ["3", "0", "0"])
    respelled = SVM.replace("1.0", "1").replace(" ", "")
    runtimes = write(
        tmp_path / "runtimes.csv", ["", respelled, NB, "?"], ["0061", "4", "3", "9"], ["11", "-1", "nan", "9"]
    )
    costs = rows(read_matrix(errors, runtimes=runtimes), "evaluations")
    assert [row["cost_seconds"] for row in costs] == [None, None, 3, 4, None, None]


def test_the_metric_says_what_a_cell_means(tmp_path):
    path = write(tmp_path / "m.csv", ["", NB], ["1", "0.25"])

    def read(metric):
        row = rows(read_matrix(path, metric=metric, space="mine", source="me"), "evaluations")[0]
        return row["metric"], row["value"], row["source"], row["configuration_id"]

    id_ = Configuration("mine", "gaussian_nb").id
    assert read("balanced_accuracy") == ("balanced_accuracy", 0.25, "me", id_)
    assert read("error_rate") == ("accuracy", 0.75, "me", id_)
    assert read("1-roc_auc") == ("roc_auc", 0.75, "me", id_)
    assert read("rmse") == ("rmse", 0.25, "me", id_)
    assert rows(read_matrix(path, metric="rmse"), "tasks")[0]["type"] == "regression"
    with pytest.raises(UnknownNameError, match="did you mean 'balanced_error'"):
        read_matrix(path, metric="balanced_eror")


def test_what_cannot_be_read_is_quarantined(tmp_path):
    path = write(
        tmp_path / "errors.csv",
        ["", NB, "no configuration"],
        ["11", "1.5", "0.1"],
        ["iris", "0.2", ""],
        ["61", "abc", "nan"],
        ["3", "inf", ""],
        ["5", "0.5", ""],
    )
    (batch,) = read_matrix(path)
    quarantine = batch.tables["quarantine"].to_pylist()
    assert [(json.loads(row["raw"])[0], json.loads(row["raw"])[2], row["reason"]) for row in quarantine] == [
        ("11", "1.5", "the value of balanced_accuracy lies outside [0, 1]"),
        ("11", "0.1", "the column's name is no configuration"),
        ("iris", "0.2", "the row's first cell is no OpenML dataset id"),
        ("61", "abc", "the cell is no number"),
        ("3", "inf", "the value of balanced_accuracy is missing or not finite"),
    ]
    assert batch.seen == 6
    assert [row["task_id"] for row in batch.tables["evaluations"].to_pylist()] == ["openml-dataset-5"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "5",
        "{'algorithm': 'GNB'}",
        "{'algorithm': 'GNB', 'hyperparameters': {'x': {}}}",
        "{'algorithm': 3, 'hyperparameters': {}}",
        "{",
        "[1]",
        "{'algorithm': 'GNB', 'hyperparameters': 4}",
    ],
)
def test_names_that_are_no_configuration(tmp_path, name):
    with pytest.raises(InputError, match=r"No column of .* names a configuration"):
        list(read_matrix(write(tmp_path / "errors.csv", ["", name], ["1", "0.5"])))


def test_files_that_are_no_matrix(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a CSV file"):
        list(read_matrix(tmp_path / "nothing.csv"))
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(InputError, match="No column"):
        list(read_matrix(empty))
    with pytest.raises(InputError, match=r"Line 3 of .* has 1 cells where the first has 2; the file may be cut off"):
        list(read_matrix(write(tmp_path / "cut.csv", ["", NB], ["1", "0.5"], ["2"])))
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        list(read_matrix(binary))


def test_a_matrix_without_rows_gives_nothing(tmp_path):
    path = write(tmp_path / "errors.csv", ["", NB])
    assert list(read_matrix(path, runtimes=path)) == []


def test_a_matrix_of_which_nothing_can_be_read(tmp_path):
    path = write(tmp_path / "errors.csv", ["", NB], ["iris", "0.5"])
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        counts = knowledge_base.append_all(read_matrix(path))
    assert (counts.seen, counts.stored, counts.quarantined) == (1, 0, 1)


def test_big_matrices_come_in_pieces(batches, oboe, monkeypatch):
    monkeypatch.setattr(matrix, "_CELLS_PER_BATCH", 219 * 100)
    pieces = list(read_matrix(oboe / "error_matrix.csv", runtimes=oboe / "runtime_matrix.csv"))
    assert [piece.cursor for piece in pieces] == ["row 100", "row 200", "row 300", "row 313"]
    assert rows(pieces, "evaluations") == rows(batches, "evaluations")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(3)), columns=st.permutations(range(2)))
def test_order_is_irrelevant(tmp_path, order, columns):
    names, labels = [NB, SVM], ["11", "61", "3"]
    cells = [["0.1", "0.2"], ["", "0.4"], ["0.5", "7"]]
    shuffled = [[labels[i], *(cells[i][j] for j in columns)] for i in order]
    read = list(read_matrix(write(tmp_path / "errors.csv", ["", *(names[j] for j in columns)], *shuffled)))
    found = {(row["task_id"], row["configuration_id"]): row["value"] for row in rows(read, "evaluations")}
    assert found == pytest.approx(
        {
            ("openml-dataset-11", GAUSSIAN_NB.id): 0.9,
            ("openml-dataset-11", SVC.id): 0.8,
            ("openml-dataset-61", SVC.id): 0.6,
            ("openml-dataset-3", GAUSSIAN_NB.id): 0.5,
        }
    )


def test_the_knowledge_base_takes_it_once(tmp_path, oboe):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        first = knowledge_base.append_all(read_matrix(oboe / "error_matrix.csv"))
        assert (first.seen, first.stored) == (68_547, 68_547)
        second = knowledge_base.append_all(read_matrix(oboe / "error_matrix.csv"))
        assert (second.stored, second.already_there) == (0, 68_547)
        assert knowledge_base.meta_dataset().performance_matrix().shape == (313, 219)
