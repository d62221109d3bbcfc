"""Snapshots: the same bytes each time, readable from a folder or a URL and in place, and damage is named."""

import json
import shutil

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metalearn.core.records import Batch, Configuration
from metalearn.core.resources import metadata_path
from metalearn.errors import KnowledgeBaseError, SnapshotError
from metalearn.store import KnowledgeBase, verify
from metalearn.store.queries import schema_versions
from metalearn.store.snapshots import read_manifest, write_snapshot
from tests.store.batches import make_batch

EVALUATIONS = "evaluations/part-0.parquet"
OF_DASK = pytest.mark.filterwarnings("ignore:The inplace keyword")  # it resets the index of what it has read
LIMIT = 2048  # the least that DuckDB writes at once


@pytest.fixture
def snapshot(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb.append(make_batch())
        kb.publish(tmp_path / "it's a snapshot")
    return tmp_path / "it's a snapshot"


def big_batch(n_tasks=3, n_runs=1000, metrics=("accuracy", "a / b = c")):
    """Each task with n_runs of one configuration under every metric, and one more run in another split."""
    svc = Configuration("sklearn", "svc")
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame(
            {
                "task_id": f"openml-task-{t}",
                "configuration_id": svc.id,
                "metric": metric,
                "split": ["validation"] * n_runs + ["test"],
                "value": rng.random(n_runs + 1),
                "source": "test",
                "source_run_id": [str(i) for i in range(n_runs + 1)],
            }
        )
        for t in range(n_tasks)
        for metric in metrics
    ]
    tables = {
        "metrics": [{"name": m, "direction": "maximize", "low": 0.0, "high": 1.0, "preference": 99} for m in metrics],
        "configurations": [{"id": svc.id, "space": "sklearn", "algorithm": "svc", "hyperparameters": "{}"}],
        "tasks": [
            {"id": f"openml-task-{t}", "dataset_id": f"openml-{t}", "type": "classification", "source": "test"}
            for t in range(n_tasks)
        ],
        "datasets": [{"id": f"openml-{t}", "source": "test"} for t in range(n_tasks)],
    }
    arrow = {name: pa.Table.from_pylist(rows) for name, rows in tables.items()}
    # The rows come in no order.
    evaluations = pd.concat(frames).sample(frac=1, random_state=0)
    return Batch("test", arrow | {"evaluations": pa.Table.from_pandas(evaluations, preserve_index=False)})


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A knowledge base of 6,006 evaluations in a file, and its snapshot in files of at most 2,048 rows."""
    folder = tmp_path_factory.mktemp("big")
    with KnowledgeBase.open(folder / "kb.duckdb", read_only=False) as kb:
        kb.append(big_batch())
        write_snapshot(kb._connection, folder / "run=3", rows_per_file=LIMIT)  # a folder that looks like a column
    return folder


def rows_of(location):
    with KnowledgeBase.open(location) as kb:
        return sorted(map(repr, kb.tables()["evaluations"].to_pylist()))


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


def test_the_id_tells_what_is_held_and_not_how_it_came_about(snapshot, tmp_path):
    """Neither rows that are gone again, nor their order, nor being read from a snapshot change the bytes."""
    with KnowledgeBase.open(tmp_path / "other.duckdb", read_only=False) as kb:
        kb.append(make_batch(((None, None), (None, 0.1)), run="gone", source="gone"))
        for table in ("evaluations", "tasks", "datasets"):
            kb._connection.execute(f"DELETE FROM {table} WHERE source = 'gone'")
        for table, rows in make_batch().tables.items():
            kb.append(Batch("test", {table: rows.take(list(range(len(rows)))[::-1])}))
        again = kb.publish(tmp_path / "again")
    with KnowledgeBase.open(snapshot) as frozen:
        copied = write_snapshot(frozen._connection, tmp_path / "copied")
    assert again.snapshot_id == copied.snapshot_id == read_manifest(str(snapshot)).snapshot_id


def test_the_same_values_under_another_metric_are_another_snapshot(tmp_path):
    ids = set()
    for metric in ("accuracy", "roc_auc"):
        with KnowledgeBase.open(tmp_path / f"{metric}.duckdb", read_only=False) as kb:
            kb.append(Batch("test", {"evaluations": big_batch(1, 3000, (metric,)).tables["evaluations"]}))
            ids.add(write_snapshot(kb._connection, tmp_path / metric, rows_per_file=LIMIT).snapshot_id)
    assert len(ids) == 2


def test_publishing_never_overwrites_other_files(tmp_path, snapshot):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("years of work")
    (snapshot / "thesis.tex").write_text("beside an older snapshot")
    (tmp_path / "file").write_text("")
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        for taken in (tmp_path / "folder", snapshot):
            with pytest.raises(KnowledgeBaseError, match=r"other files \(thesis\.tex\)"):
                kb.publish(taken)
            assert (taken / "thesis.tex").exists()
        with pytest.raises(KnowledgeBaseError, match="is a file"):
            kb.publish(tmp_path / "file")


def test_a_snapshot_opens_from_a_url(snapshot):
    memory = fsspec.filesystem("memory")
    memory.put(str(snapshot), "/shared-kb", recursive=True)
    with KnowledgeBase.open("memory://shared-kb") as kb:
        assert kb.meta_dataset().performance_matrix().shape == (2, 2)
        assert kb.inconsistencies() == []
    assert verify("memory://shared-kb") == []


def test_a_web_server_that_lists_nothing_is_asked_for_each_file(snapshot, monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    def refuse(self, *arguments, **options):
        raise NotImplementedError

    MemoryFileSystem().put(str(snapshot), "/unlisted-kb", recursive=True)
    monkeypatch.setattr(MemoryFileSystem, "find", refuse)
    with KnowledgeBase.open("memory://unlisted-kb") as kb:
        assert len(kb.meta_dataset()) == 4
    assert verify("memory://unlisted-kb") == []
    MemoryFileSystem().rm("/unlisted-kb/tasks.parquet")
    with pytest.raises(SnapshotError, match=r"lacks tasks\.parquet"):
        KnowledgeBase.open("memory://unlisted-kb")


def test_verify_names_a_truncated_file(snapshot):
    path = snapshot / EVALUATIONS
    path.write_bytes(path.read_bytes()[:-7])
    assert verify(snapshot) == [f"{EVALUATIONS} differs from the manifest (SHA-256)"]
    with pytest.raises(SnapshotError, match=r"part-0\.parquet is damaged.*kb verify"):
        KnowledgeBase.open(snapshot)


def test_verify_names_an_altered_file_of_the_same_size(snapshot):
    path = snapshot / EVALUATIONS
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert verify(snapshot) == [f"{EVALUATIONS} differs from the manifest (SHA-256)"]


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


def _manifest(tables, version=1):
    return json.dumps({"snapshot_id": "x", "schema_version": version, "tables": tables})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"snapshot_id": "x"}',
        _manifest([]),
        _manifest({}, "one"),
        _manifest({"tasks": {"rows": 3}}),
        _manifest({"tasks": {"files": []}}),
        _manifest({"tasks": {"files": [{"file": "tasks.parquet"}]}}),
        _manifest({"tasks": {"files": ["tasks.parquet"]}}),
        _manifest({"tasks": ["tasks.parquet"]}),
    ],
)
def test_a_damaged_manifest_is_named(snapshot, text):
    (snapshot / "manifest.json").write_text(text)
    with pytest.raises(SnapshotError, match=r"manifest\.json is damaged"):
        KnowledgeBase.open(snapshot)


class TestManyFiles:
    def test_the_files_are_bounded_listed_and_sorted(self, big):
        entry = read_manifest(str(big / "run=3")).tables["evaluations"]
        files = entry["files"]
        assert entry["rows"] == sum(file["rows"] for file in files) == 6006
        assert sorted(file["rows"] for file in files) == [3, 3, 952, 952, 2048, 2048]
        assert {file["file"] for file in files} == {
            f"evaluations/metric={metric}/split={split}/part-{i}.parquet"
            for metric in ("accuracy", "a%20%2F%20b%20%3D%20c")
            for split, count in (("validation", 2), ("test", 1))
            for i in range(count)
        }
        for file in files:
            path = big / "run=3" / file["file"]
            assert path.stat().st_size == file["bytes"]
            tasks = pq.ParquetFile(path).read(columns=["task_id"])["task_id"].to_pylist()
            assert tasks == sorted(tasks)
            assert len(tasks) == file["rows"]

    def test_all_rows_come_back_with_their_types(self, big):
        assert rows_of(big / "run=3") == rows_of(big / "kb.duckdb")
        assert verify(big / "run=3") == []
        with KnowledgeBase.open(big / "run=3") as frozen, KnowledgeBase.open(big / "kb.duckdb") as live:
            a, b = (kb.tables()["evaluations"].schema for kb in (frozen, live))
            assert (a.names, a.types) == (b.names, b.types)
            for metric in ("accuracy", "a / b = c"):
                c, d = (kb.meta_dataset(metric=metric).loss for kb in (frozen, live))
                np.testing.assert_array_equal(c, d)
                assert len(c) == 3000

    @OF_DASK
    def test_dask_reads_in_place(self, big):
        dd = pytest.importorskip("dask.dataframe")
        memory = fsspec.filesystem("memory")
        memory.put(str(big / "run=3"), "/dask-kb", recursive=True)
        for where in (str(big / "run=3"), "memory://dask-kb"):
            frame = dd.read_parquet(f"{where}/evaluations")
            assert frame.npartitions == 6
            found = frame.dtypes.astype(str).to_dict()
            assert (found["value"], found["fold"], found["seed"]) == ("float64", "int32", "int64")
            counts = frame.groupby(["metric", "split"], observed=True).value.count().compute()
            assert counts.to_dict() == {
                (m, s): n for m in ("accuracy", "a / b = c") for s, n in (("test", 3), ("validation", 3000))
            }
        some = dd.read_parquet(f"{big / 'run=3'}/evaluations", filters=[("metric", "==", "accuracy")])
        assert some.npartitions == 3

    def test_duckdb_reads_in_place(self, big):
        import duckdb

        text = f"read_parquet('{big / 'run=3'}/evaluations/**/*.parquet', hive_partitioning = true)"
        with duckdb.connect() as connection:
            rows = connection.execute(f"SELECT metric, split, count(*), avg(value) FROM {text} GROUP BY ALL").fetchall()
            types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE FROM {text}").fetchall()}
            plan = connection.execute(f"EXPLAIN ANALYZE FROM {text} WHERE metric = 'accuracy'").fetchall()[0][1]
        with KnowledgeBase.open(big / "kb.duckdb") as kb:
            expected = kb._connection.execute(
                "SELECT metric, split, count(*), avg(value) FROM evaluations GROUP BY ALL"
            ).fetchall()
            wanted = {row[0]: row[1] for row in kb._connection.execute("DESCRIBE evaluations").fetchall()}
        assert [row[:3] for row in sorted(rows)] == [row[:3] for row in sorted(expected)]
        np.testing.assert_allclose([row[3] for row in sorted(rows)], [row[3] for row in sorted(expected)])
        assert types.pop("run") is not None  # the outer folder
        assert types == wanted
        assert "3/6" in plan.replace(" ", "")  # files that were opened

    @OF_DASK
    def test_a_small_snapshot_reads_in_place_too(self, snapshot):
        dd = pytest.importorskip("dask.dataframe")
        assert len(dd.read_parquet(snapshot / "evaluations").compute()) == 4
        assert pd.read_parquet(snapshot / "evaluations").metric.tolist() == ["balanced_accuracy"] * 4

    def test_each_missing_truncated_or_added_file_is_named(self, big, tmp_path):
        shutil.copytree(big / "run=3", tmp_path / "copy")
        folder = "evaluations/metric=accuracy/split=validation"
        last = tmp_path / "copy" / folder / "part-1.parquet"
        whole = last.read_bytes()
        shutil.copy(last, last.with_name("part-2.parquet"))
        last.write_bytes(whole[:-9])
        assert verify(tmp_path / "copy") == [
            f"{folder}/part-1.parquet differs from the manifest (SHA-256)",
            f"{folder}/part-2.parquet is not in the manifest",
        ]
        with pytest.raises(SnapshotError, match=r"part-1\.parquet is damaged"):
            KnowledgeBase.open(tmp_path / "copy")
        last.unlink()
        with pytest.raises(SnapshotError, match=rf"lacks {folder}/part-1\.parquet"):
            KnowledgeBase.open(tmp_path / "copy")
        last.write_bytes(whole)
        assert rows_of(tmp_path / "copy") == rows_of(big / "kb.duckdb")  # what is not listed is not read

    def test_opening_reads_no_evaluations(self, big, tmp_path):
        """All files of evaluations but the first, which tells the columns, may be unreadable until they are asked."""
        shutil.copytree(big / "run=3", tmp_path / "copy")
        manifest = read_manifest(str(tmp_path / "copy"))
        for file in manifest.tables["evaluations"]["files"][1:]:
            path = tmp_path / "copy" / file["file"]
            path.write_bytes(bytes(path.stat().st_size))
        with KnowledgeBase.open(tmp_path / "copy") as kb:
            assert kb.dataset_names() == {}

    def test_the_id_is_the_same_again_and_from_the_snapshot(self, big, tmp_path):
        ids = {read_manifest(str(big / "run=3")).snapshot_id}
        for source in ("kb.duckdb", "run=3"):
            with KnowledgeBase.open(big / source) as kb:
                ids.add(write_snapshot(kb._connection, tmp_path / source, rows_per_file=LIMIT).snapshot_id)
        assert len(ids) == 1

    def test_an_older_snapshot_is_replaced_with_all_its_files(self, big, tmp_path):
        for target in (str(tmp_path / "target"), "memory://target-kb"):
            with KnowledgeBase.open(big / "kb.duckdb") as kb:
                write_snapshot(kb._connection, target, rows_per_file=LIMIT)
                assert rows_of(target) == rows_of(big / "kb.duckdb")
                write_snapshot(kb._connection, target)
            assert [file["file"] for file in read_manifest(target).tables["evaluations"]["files"]] == [EVALUATIONS]
            assert verify(target) == []
            assert rows_of(target) == rows_of(big / "kb.duckdb")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["target"]
        assert [path.name for path in (tmp_path / "target" / "evaluations").iterdir()] == ["part-0.parquet"]


def test_a_place_that_cannot_be_written_is_one_sentence(big, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with KnowledgeBase.open(big / "kb.duckdb") as kb, pytest.raises(KnowledgeBaseError, match=r"frozen cannot be writ"):
        kb.publish(tmp_path / "file" / "frozen")


def test_publishing_to_a_url_gives_the_same_id_and_spares_other_files(snapshot, tmp_path):
    memory = fsspec.filesystem("memory")
    with KnowledgeBase.open(tmp_path / "kb.duckdb") as kb:
        published = write_snapshot(kb._connection, "memory://new-kb")
        assert published.snapshot_id == read_manifest(str(snapshot)).snapshot_id
        memory.pipe_file("/taken/thesis.tex", b"years of work")
        with pytest.raises(KnowledgeBaseError, match="other files"):
            write_snapshot(kb._connection, "memory://taken")
    assert verify("memory://new-kb") == []
    with KnowledgeBase.open("memory://new-kb") as frozen:
        assert frozen.snapshot_id == published.snapshot_id
        assert len(frozen.meta_dataset()) == 4


def test_an_upload_that_breaks_off_leaves_nothing_that_opens(big, monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    with KnowledgeBase.open(big / "kb.duckdb") as kb:
        write_snapshot(kb._connection, "memory://broken-kb", rows_per_file=LIMIT)
        with monkeypatch.context() as patch:

            def refuse(self, *arguments, **options):
                raise OSError("the connection is lost")

            patch.setattr(MemoryFileSystem, "put", refuse)
            with pytest.raises(KnowledgeBaseError, match="connection is lost"):
                write_snapshot(kb._connection, "memory://broken-kb")
        with pytest.raises(SnapshotError, match="not finished"):
            KnowledgeBase.open("memory://broken-kb")
        write_snapshot(kb._connection, "memory://broken-kb")
    assert verify("memory://broken-kb") == []


def test_a_url_that_nobody_serves_is_one_sentence():
    with pytest.raises(SnapshotError, match=r"no fsspec filesystem for nowhere://"):
        KnowledgeBase.open("nowhere://bucket/kb")
    with pytest.raises(SnapshotError, match=r"memory://nothing-here is no snapshot"):
        KnowledgeBase.open("memory://user:secret@nothing-here")  # a password is never shown


def test_the_bundled_snapshot_opens_and_verifies_as_it_is():
    manifest = json.loads((metadata_path("knowledge_base") / "manifest.json").read_text())
    with KnowledgeBase.open() as kb:
        assert kb.snapshot_id == manifest["snapshot_id"]
        assert kb.info()["rows"]["evaluations"] == manifest["tables"]["evaluations"]["rows"] > 0
    assert verify() == []


@pytest.fixture
def version_1(snapshot):
    """The snapshot as the first version of the schema would have published it: one file a table, and fewer tables."""
    path = snapshot / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["schema_version"] == max(schema_versions())
    (snapshot / EVALUATIONS).rename(snapshot / "evaluations.parquet")
    (snapshot / "evaluations").rmdir()
    for table in ("failures", "libraries", "flows", "setups"):
        (snapshot / f"{table}.parquet").unlink()
        del manifest["tables"][table]
    for table, entry in manifest["tables"].items():
        sum_ = entry["files"][0]["sha256"]
        manifest["tables"][table] = {"file": f"{table}.parquet", "rows": entry["rows"], "sha256": sum_}
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


def test_a_truncated_file_of_version_1_is_named(version_1):
    path = version_1 / "evaluations.parquet"
    path.write_bytes(path.read_bytes()[:-7])
    assert verify(version_1) == ["evaluations.parquet differs from the manifest (SHA-256)"]
    with pytest.raises(SnapshotError, match=r"evaluations\.parquet is damaged.*kb verify"):
        KnowledgeBase.open(version_1)


def test_a_snapshot_of_version_1_can_be_read_into_a_file_and_published_anew(version_1, tmp_path):
    with (
        KnowledgeBase.open(version_1) as old,
        KnowledgeBase.open(tmp_path / "new.duckdb", read_only=False) as kb,
    ):
        counts = kb.append(Batch("old", old.tables(), seen=4))
        assert (counts.stored, counts.already_there) == (4, 0)
        kb.publish(tmp_path / "new")
    assert read_manifest(str(tmp_path / "new")).schema_version == max(schema_versions())
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
