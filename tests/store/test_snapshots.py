"""Snapshots: the same bytes each time, readable from a folder or a URL, and damage is named."""

import json

import fsspec
import numpy as np
import pyarrow as pa
import pytest

from metalearn.core.records import Batch
from metalearn.errors import KnowledgeBaseError, SnapshotError
from metalearn.store import KnowledgeBase, verify
from tests.store.batches import make_batch


@pytest.fixture
def snapshot(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb.append(make_batch())
        kb.publish(tmp_path / "it's a snapshot")
    return tmp_path / "it's a snapshot"


def test_a_snapshot_gives_the_same_meta_dataset(snapshot, tmp_path):
    with KnowledgeBase.open(snapshot) as frozen, KnowledgeBase.open(tmp_path / "kb.duckdb") as live:
        a, b = frozen.meta_dataset(), live.meta_dataset()
        np.testing.assert_array_equal(a.performance_matrix(), b.performance_matrix())
        assert a.configurations == b.configurations
        assert a.snapshot_id == json.loads((snapshot / "manifest.json").read_text())["snapshot_id"] != ""
        assert frozen.inconsistencies() == []
        with pytest.raises(KnowledgeBaseError, match="reading only"):
            frozen.append(make_batch())


def test_publishing_again_gives_the_same_id(snapshot, tmp_path):
    before = json.loads((snapshot / "manifest.json").read_text())
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        assert kb.publish(snapshot).snapshot_id == before["snapshot_id"]
    assert json.loads((snapshot / "manifest.json").read_text()) == before


def test_publishing_never_overwrites_other_files(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("years of work")
    with (
        KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb,
        pytest.raises(KnowledgeBaseError, match="other"),
    ):
        kb.publish(tmp_path / "folder")


def test_a_snapshot_opens_from_a_url(snapshot):
    memory = fsspec.filesystem("memory")
    memory.put(str(snapshot), "/shared-kb", recursive=True)
    with KnowledgeBase.open("memory://shared-kb") as kb:
        assert kb.meta_dataset().performance_matrix().shape == (2, 2)
        assert kb.inconsistencies() == []
    assert verify("memory://shared-kb") == []


def test_verify_names_a_truncated_file(snapshot):
    path = snapshot / "evaluations.parquet"
    path.write_bytes(path.read_bytes()[:-7])
    assert verify(snapshot) == ["evaluations.parquet differs from the manifest (SHA-256)"]
    with pytest.raises(SnapshotError, match=r"evaluations\.parquet is damaged.*kb verify"):
        KnowledgeBase.open(snapshot)


def test_a_missing_file_or_manifest_is_named(snapshot):
    (snapshot / "tasks.parquet").unlink()
    with pytest.raises(SnapshotError, match=r"lacks tasks\.parquet"):
        KnowledgeBase.open(snapshot)
    assert verify(snapshot) == ["tasks.parquet is missing"]
    (snapshot / "manifest.json").unlink()
    with pytest.raises(SnapshotError, match=r"no manifest\.json"):
        KnowledgeBase.open(snapshot)


def test_a_newer_schema_is_refused(snapshot):
    manifest = json.loads((snapshot / "manifest.json").read_text())
    (snapshot / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}))
    with pytest.raises(SnapshotError, match="upgrade metalearn"):
        KnowledgeBase.open(snapshot)


@pytest.fixture
def version_1(snapshot):
    """The snapshot as the first version of the schema would have published it."""
    path = snapshot / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["schema_version"] == 2
    for table in ("failures", "libraries"):
        (snapshot / manifest["tables"].pop(table)["file"]).unlink()
    path.write_text(json.dumps(manifest | {"schema_version": 1}))
    return snapshot


def test_a_snapshot_of_version_1_opens_with_what_came_later_empty(version_1, tmp_path):
    assert verify(version_1) == []
    with KnowledgeBase.open(version_1) as old, KnowledgeBase.open(tmp_path / "kb.duckdb") as live:
        rows = old.info()["rows"]
        assert rows == live.info()["rows"]
        assert (rows["failures"], rows["libraries"], rows["evaluations"]) == (0, 0, 4)
        a, b = old.meta_dataset(), live.meta_dataset()
        np.testing.assert_array_equal(a.performance_matrix(), b.performance_matrix())


def test_a_snapshot_of_version_1_can_be_read_into_a_file_and_published_anew(version_1, tmp_path):
    with (
        KnowledgeBase.open(version_1) as old,
        KnowledgeBase.open(tmp_path / "new.duckdb", read_only=False) as kb,
    ):
        counts = kb.append(Batch("old", old.tables(), seen=4))
        assert (counts.stored, counts.already_there) == (4, 0)
        kb.publish(tmp_path / "new")
    assert json.loads((tmp_path / "new" / "manifest.json").read_text())["schema_version"] == 2
    with KnowledgeBase.open(tmp_path / "new") as new:
        assert new.inconsistencies() == []
        assert new.info()["rows"]["evaluations"] == 4


def test_the_new_tables_are_published_with_the_rest(tmp_path):
    tables = {
        "failures": [{"task_id": "t", "configuration_id": "c", "status": "timeout", "message": "stopped after 30 s"}],
        "libraries": [{"source": "test", "name": "numpy", "version": "2.0"}],
    }
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        before = kb.publish(tmp_path / "before")
        kb.append(Batch("test", {name: pa.Table.from_pylist(rows) for name, rows in tables.items()}))
        after = kb.publish(tmp_path / "after")
    assert before.snapshot_id != after.snapshot_id
    assert [after.tables[name]["rows"] for name in tables] == [1, 1]
    with KnowledgeBase.open(tmp_path / "after") as frozen:
        assert {name: frozen.tables()[name].to_pylist() for name in tables} == tables
