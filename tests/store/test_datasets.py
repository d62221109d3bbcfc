"""Datasets whose table was read, in the knowledge base."""

import pyarrow as pa
import pytest

from metalearn.core.records import Batch
from metalearn.errors import KnowledgeBaseError
from metalearn.store.datasets import DatasetRow, TaskRow
from metalearn.store.knowledge_base import KnowledgeBase
from tests.store.batches import make_batch

ROW = DatasetRow("openml-0", "iris", 1, "f" * 64, 150, 5, "openml")


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as opened:
        opened.append(make_batch())
        yield opened


def rows(kb, table):
    return kb.tables()[table].to_pylist()


def test_a_new_dataset_is_stored(kb):
    kb.store_dataset(DatasetRow("openml-9", "new", None, "a" * 64, 10, 3, "openml"))
    [row] = [row for row in rows(kb, "datasets") if row["id"] == "openml-9"]
    assert (row["name"], row["version"], row["fingerprint"], row["n_columns"]) == ("new", None, "a" * 64, 3)


def test_of_a_known_dataset_gaps_are_filled_and_the_fingerprint_is_replaced(kb):
    kb.set_families({"openml-0": "kin"})
    for fingerprint in ("e" * 64, "f" * 64):
        kb.store_dataset(DatasetRow(**vars(ROW) | {"fingerprint": fingerprint}))
    row, other = sorted(rows(kb, "datasets"), key=lambda row: row["id"])
    assert (row["name"], row["family"], row["source"]) == ("set0x", "kin", "test")
    assert (row["version"], row["fingerprint"], row["n_rows"]) == (1, "f" * 64, 150)
    assert other["fingerprint"] is None


def test_the_tasks_of_a_dataset(kb):
    assert kb.tasks_of_dataset("openml-1") == (TaskRow("openml-dataset-1", "classification", None),)
    assert kb.tasks_of_dataset("openml-11") == ()


def test_meta_features_are_forgotten_of_one_extractor_and_version_and_can_come_again(kb):
    keys = [(t, e, v) for t in (0, 1) for e in ("mine", "other") for v in ("1", "2")]
    found = [
        {"task_id": f"openml-dataset-{t}", "extractor": e, "extractor_version": v, "name": "x", "value": 1.0}
        for t, e, v in keys
    ]
    batch = Batch("test", {"meta_features": pa.Table.from_pylist(found)}, seen=len(found))
    kb.append(batch)
    kb.forget_meta_features(["openml-dataset-0"], "mine", "1")
    assert len(rows(kb, "meta_features")) == len(keys) - 1
    assert kb.append(batch).stored == 1
    kb.forget_meta_features([], "mine", "1")
    assert len(rows(kb, "meta_features")) == len(keys)


def test_a_knowledge_base_that_is_read_only_is_not_written(kb, tmp_path):
    kb.close()
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as opened:
        with pytest.raises(KnowledgeBaseError, match="reading only"):
            opened.store_dataset(ROW)
        with pytest.raises(KnowledgeBaseError, match="reading only"):
            opened.forget_meta_features(["openml-dataset-0"], "mine", "1")
        with pytest.raises(KnowledgeBaseError, match="reading only"):
            opened.set_families({"openml-0": "kin"})
