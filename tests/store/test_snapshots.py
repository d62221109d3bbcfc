"""Snapshots: the same bytes each time, readable from a folder or a URL, and damage is named."""

import json

import fsspec
import numpy as np
import pytest

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
