"""Published meta-features, given to every task of their dataset."""

import csv

import numpy as np
import pandas as pd
import pytest

from metalearn.errors import InputError
from metalearn.sources import metafeatures
from metalearn.sources.matrix import read_matrix
from metalearn.sources.metafeatures import read_meta_features
from metalearn.store.knowledge_base import KnowledgeBase


def write(folder, *lines):
    path = folder / "pmf.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


@pytest.fixture(scope="module")
def pmf(shared):
    return shared / "data" / "pmf" / "metafeatures.csv"


def test_all_of_pmf(pmf):
    """Against pandas."""
    table = pd.read_csv(pmf, index_col=0)
    tasks = {int(did): [f"openml-dataset-{did}"] for did in table.index}
    batches = list(read_meta_features(pmf, "pmf", tasks))
    stored = pd.concat([batch.tables["meta_features"].to_pandas() for batch in batches])
    assert len(stored) == table.size == sum(batch.seen for batch in batches)
    stored = stored.astype({"task_id": str, "name": str}).pivot(index="task_id", columns="name", values="value")
    expected = table.set_axis([f"openml-dataset-{did}" for did in table.index]).replace([np.inf, -np.inf], np.nan)
    # What pandas reads before 3.1 is off by 9e-13 at most.
    np.testing.assert_allclose(stored.loc[expected.index, expected.columns], expected, rtol=1e-12)


def test_values_go_to_every_task_and_other_rows_are_counted(tmp_path):
    path = write(tmp_path, ["", "n_rows", "skewness"], ["00011", "625", ""], ["61", "150", "inf"], ["7", "1", "1"])
    (batch,) = read_meta_features(path, "pmf", {11: ["a", "b"], 61: ["c"]}, version="2")
    table = batch.tables["meta_features"].to_pylist()
    assert [(row["task_id"], row["name"], row["value"], row["status"]) for row in table] == [
        ("a", "n_rows", 625, "ok"),
        ("a", "skewness", None, "not finite"),
        ("b", "n_rows", 625, "ok"),
        ("b", "skewness", None, "not finite"),
        ("c", "n_rows", 150, "ok"),
        ("c", "skewness", None, "not finite"),
    ]
    assert {(row["extractor"], row["extractor_version"]) for row in table} == {("pmf", "2")}
    assert (batch.seen, batch.skipped, batch.source, batch.cursor) == (7, 1, "pmf.csv", "row 3")


def test_what_cannot_be_read_is_quarantined(tmp_path):
    path = write(tmp_path, ["", "n_rows", "skewness"], ["11", "many", "1"], ["iris", "150", "0"])
    (batch,) = read_meta_features(path, "pmf", {11: ["a"]})
    assert [row["name"] for row in batch.tables["meta_features"].to_pylist()] == ["skewness"]
    assert [(row["raw"], row["reason"]) for row in batch.tables["quarantine"].to_pylist()] == [
        ('["a", "n_rows", "many"]', "the value is no number"),
        ('["iris", "150", "0"]', "the row's first cell is no OpenML dataset id"),
    ]
    assert (batch.seen, batch.skipped) == (3, 0)


def test_no_row_is_known(tmp_path):
    (batch,) = read_meta_features(write(tmp_path, ["", "n_rows"], ["11", "625"]), "pmf", {})
    assert batch.tables["meta_features"].num_rows == 0
    assert (batch.seen, batch.skipped) == (1, 1)


def test_files_that_hold_no_meta_features(tmp_path):
    with pytest.raises(InputError, match="has no meta-features"):
        list(read_meta_features(write(tmp_path, ["did"], ["11"]), "pmf", {}))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_meta_features(tmp_path / "nothing.csv", "pmf", {}))


def test_big_tables_come_in_pieces(pmf, monkeypatch):
    tasks = {did: [f"openml-dataset-{did}"] for did in range(100)}
    (whole,) = read_meta_features(pmf, "pmf", tasks)
    monkeypatch.setattr(metafeatures, "_ROWS_PER_BATCH", 200)
    pieces = list(read_meta_features(pmf, "pmf", tasks))
    assert len(pieces) == 3
    for count in ("seen", "skipped"):
        assert sum(getattr(piece, count) for piece in pieces) == getattr(whole, count)


def test_the_knowledge_base_adds_up(pmf, shared, tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        knowledge_base.append_all(read_matrix(shared / "data" / "oboe" / "error_matrix.csv"))
        tasks = knowledge_base.tasks_of_openml_datasets()
        counts = knowledge_base.append_all(read_meta_features(pmf, "pmf", tasks))
        known = set(pd.read_csv(pmf, index_col=0).index) & set(tasks)
        assert counts.stored == 46 * len(known)
        assert counts.seen == counts.stored + counts.already_there + counts.quarantined + counts.skipped
        assert knowledge_base.meta_dataset(extractor="pmf").meta_features.shape == (313, 46)
