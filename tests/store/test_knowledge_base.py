"""The knowledge base: idempotent appends, loading, families, locks and bad files."""

import itertools
import multiprocessing
import subprocess
import sys

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from metalearn.core.metrics import METRICS
from metalearn.core.records import Batch
from metalearn.errors import KnowledgeBaseError, KnowledgeBaseLockedError, UnknownNameError
from metalearn.store import Counts, KnowledgeBase, store_families
from metalearn.store.connection import discard_empty
from tests.store.batches import SVC, TREE, make_batch


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        yield knowledge_base


def test_an_append_is_idempotent_and_adds_up(kb):
    assert kb.append(make_batch()) == Counts(seen=4, stored=4)
    assert kb.append(make_batch()) == Counts(seen=4, already_there=4)
    assert kb.append(make_batch(run="another")) == Counts(seen=4, stored=4)
    assert kb.info()["rows"]["evaluations"] == 8
    assert kb.info()["rows"]["ingestions"] == 1


def test_tasks_without_evaluations_are_not_counted_among_those_with(kb):
    kb.append(make_batch())
    n_tasks = kb.info()["rows"]["tasks"]
    assert kb.info()["evaluated_tasks"] == n_tasks
    bare = [{"id": "openml-task-999", "dataset_id": "openml-999", "type": "classification", "source": "test"}]
    kb.append(Batch("test", {"tasks": pa.Table.from_pylist(bare)}))
    assert (kb.info()["rows"]["tasks"], kb.info()["evaluated_tasks"]) == (n_tasks + 1, n_tasks)


def test_doubles_within_a_batch_are_stored_once(kb):
    batch = make_batch()
    doubled = {"evaluations": pa.concat_tables([batch.tables["evaluations"]] * 2)}
    counts = kb.append(Batch("test", {**batch.tables, **doubled}, seen=8))
    assert counts == Counts(seen=8, stored=4, already_there=4)


def test_gaps_are_filled_with_the_defaults_of_the_schema(kb):
    kb.append(make_batch())
    past = kb.meta_dataset()
    assert set(past.fidelity) == {1.0}
    assert set(past.fold) == {-1}
    assert past.split == "validation"


def test_a_row_that_breaks_the_schema_stores_nothing_of_its_batch(kb):
    batch = make_batch()
    wrong = batch.tables["evaluations"].set_column(0, "task_id", pa.nulls(4, pa.string()))
    with pytest.raises(KnowledgeBaseError, match="stored none of them"):
        kb.append(Batch("test", {**batch.tables, "evaluations": wrong}, seen=4))
    assert kb.info()["rows"]["configurations"] == 0


def test_the_meta_dataset_holds_losses_and_failures(kb):
    kb.append(make_batch())
    past = kb.meta_dataset()
    svc, tree = past.configurations.index(SVC), past.configurations.index(TREE)
    np.testing.assert_allclose(past.performance_matrix()[:, svc], [0.1, 0.3])
    np.testing.assert_allclose(past.performance_matrix()[:, tree], [0.2, np.nan])
    assert past.failure_matrix()[:, tree].tolist() == [False, True]


def test_the_default_metric_is_the_one_with_most_evaluations_then_the_preferred(kb):
    kb.append(make_batch(metric="log_loss"))
    assert kb.meta_dataset().metric.name == "log_loss"
    kb.append(make_batch(metric="accuracy"))
    assert kb.meta_dataset().metric.name == "accuracy"
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        kb.meta_dataset(metric="acuracy")


def test_an_empty_knowledge_base_gives_an_empty_meta_dataset(kb):
    assert len(kb.meta_dataset()) == 0
    assert kb.meta_dataset().performance_matrix().shape == (0, 0)
    assert kb.inconsistencies() == []


def test_meta_features_of_the_chosen_extractor_are_loaded_as_a_matrix(kb):
    kb.append(make_batch())
    rows = [
        {"task_id": f"openml-dataset-{t}", "extractor": e, "extractor_version": "1", "name": n, "value": v}
        for e, n, t, v in [("pmf", "rows", 0, 10.0), ("pmf", "rows", 1, None), ("metalearn", "n_rows", 0, 11.0)]
    ]
    kb.append(Batch("features", {"meta_features": pa.Table.from_pylist(rows)}, seen=3))
    assert kb.meta_dataset().feature_names == ("n_rows",)
    past = kb.meta_dataset(extractor="pmf")
    np.testing.assert_array_equal(past.meta_features, [[10.0], [np.nan]])
    with pytest.raises(UnknownNameError, match="pmf"):
        kb.meta_dataset(extractor="pfm")


def test_verify_finds_rows_that_point_to_nothing(kb):
    batch = make_batch()
    kb.append(Batch("test", {"evaluations": batch.tables["evaluations"]}, seen=4))
    assert kb.inconsistencies() == ["4 evaluations of unknown tasks", "4 evaluations of unknown configurations"]


def failures_and_libraries():
    """Why one configuration failed on a task, and two versions of a library, as batches bring them."""
    failure = {"task_id": "openml-dataset-1", "configuration_id": TREE.id, "status": "crashed", "message": "no"}
    libraries = [{"source": "test", "name": "numpy", "version": v} for v in ("2.0", "2.1")]
    tables = {"failures": [failure, failure], "libraries": libraries}
    return Batch("test", {name: pa.Table.from_pylist(rows) for name, rows in tables.items()})


def test_failures_and_libraries_are_stored_once(kb):
    for _ in range(2):
        kb.append(failures_and_libraries())
    rows = kb.info()["rows"]
    assert (rows["failures"], rows["libraries"]) == (1, 2)


def test_the_tables_of_one_are_a_batch_of_another(kb, tmp_path):
    kb.append(make_batch())
    kb.append(failures_and_libraries())
    rows = [{"task_id": "openml-dataset-0", "extractor": "pmf", "extractor_version": "1", "name": "rows", "value": 1.0}]
    kb.append(Batch("features", {"meta_features": pa.Table.from_pylist(rows)}, seen=1))
    tables = kb.tables()
    assert {name: len(table) for name, table in tables.items()} == kb.info()["rows"]
    with KnowledgeBase.open(tmp_path / "copy.duckdb", read_only=False) as copy:
        assert copy.append(Batch("copy", tables, seen=5)) == Counts(seen=5, stored=5)
        again = copy.tables()
        for name in set(tables) - {"ingestions"}:
            key = [(column, "ascending") for column in tables[name].column_names]
            assert again[name].sort_by(key) == tables[name].sort_by(key)
        assert copy.append(Batch("copy", tables, seen=5)) == Counts(seen=5, already_there=5)


def test_described_are_the_tasks_of_this_version_of_the_extractor(kb):
    rows = [
        {"task_id": f"task {t}", "extractor": e, "extractor_version": v, "name": name, "value": 1.0}
        for t, e, v, name in [(0, "m", "1", "a"), (0, "m", "1", "b"), (1, "m", "2", "a"), (2, "pmf", "1", "a")]
    ]
    kb.append(Batch("features", {"meta_features": pa.Table.from_pylist(rows)}, seen=4))
    assert kb.described("m", "1") == {"task 0"}
    assert kb.described("m", "2") == {"task 1"}
    assert kb.described("m", "3") == set()


def make_version_1(path):
    """A file as the first version of the schema left it: without what came later, and with fewer metrics."""
    with KnowledgeBase.open(path, read_only=False) as kb:
        kb.append(make_batch())
    with duckdb.connect(str(path)) as connection:
        for table in ("failures", "libraries", "flows", "setups"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM metrics WHERE name = 'mae'")
        connection.execute("UPDATE metrics SET preference = 99 WHERE name = 'accuracy'")
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")


def test_a_file_of_version_1_is_upgraded_in_place(tmp_path):
    path = tmp_path / "old.duckdb"
    make_version_1(path)
    with pytest.raises(KnowledgeBaseError, match=r"old\.duckdb is empty, or of an older schema; write into it once"):
        KnowledgeBase.open(path)
    for _ in range(2):  # once is enough, and twice does no harm
        with KnowledgeBase.open(path, read_only=False) as kb:
            kb.append(failures_and_libraries())
            rows = kb.info()["rows"]
            assert (rows["evaluations"], rows["failures"], rows["libraries"]) == (4, 1, 2)
            assert [row["name"] for row in sorted(kb.tables()["metrics"].to_pylist(), key=preference)] == [*METRICS]
            np.testing.assert_allclose(np.nanmean(kb.meta_dataset().performance_matrix()), 0.2)
    with KnowledgeBase.open(path) as kb:
        assert kb.inconsistencies() == []


def preference(row):
    return row["preference"]


def test_an_upgrade_that_is_refused_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "old.duckdb"
    make_version_1(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE libraries (note VARCHAR)")  # somebody's own
    with pytest.raises(KnowledgeBaseError, match="stored none of them"):
        KnowledgeBase.open(path, read_only=False)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT value FROM meta").fetchall() == [("1",)]
        assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'failures'").fetchone() == (
            0,
        )


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "new.duckdb"
    KnowledgeBase.open(path, read_only=False).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET value = '99'")
    for read_only in (True, False):
        with pytest.raises(KnowledgeBaseError, match="schema version 99; upgrade metalearn"):
            KnowledgeBase.open(path, read_only=read_only)


def test_families_join_what_belongs_together(kb):
    kb.append(make_batch())
    assert set(store_families(kb).values()) == {"openml-0"}  # set0x and set1x share the stem "set"
    assert {t.family for t in kb.meta_dataset().tasks} == {"openml-0"}


def test_a_file_held_by_another_process_is_one_sentence_with_its_name_and_the_process(tmp_path):
    path = tmp_path / "held.duckdb"
    KnowledgeBase.open(path, read_only=False).close()
    hold = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    command = [sys.executable, "-c", hold, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(KnowledgeBaseLockedError, match=rf"held\.duckdb is held open.*PID {holder.pid}.*publish"):
            KnowledgeBase.open(path)
        holder.communicate("\n")


def test_bad_files_are_named(tmp_path):
    with pytest.raises(KnowledgeBaseError, match="no knowledge base at"):
        KnowledgeBase.open(tmp_path / "none.duckdb")
    text = tmp_path / "text.duckdb"
    text.write_text("not a database" * 500)
    with pytest.raises(KnowledgeBaseError, match="is no knowledge base"):
        KnowledgeBase.open(text)
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE cats (name VARCHAR)")
    with pytest.raises(KnowledgeBaseError, match="something else"):
        KnowledgeBase.open(other, read_only=False)


def test_a_path_may_begin_with_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with KnowledgeBase.open("~/kb.duckdb", read_only=False) as kb:
        kb.publish("~/frozen")
    assert {path.name for path in tmp_path.iterdir()} == {"kb.duckdb", "frozen"}
    with KnowledgeBase.open("~/frozen") as frozen:
        assert frozen.location == str(tmp_path / "frozen")


def append_forever(path, acknowledge):
    with KnowledgeBase.open(path, read_only=False) as knowledge_base:
        for i in itertools.count():
            knowledge_base.append(make_batch(run=str(i)))
            acknowledge.send(i)


def test_a_killed_writer_leaves_whole_batches(tmp_path):
    path = tmp_path / "killed.duckdb"
    mine, theirs = multiprocessing.Pipe()
    writer = multiprocessing.get_context("fork").Process(target=append_forever, args=(path, theirs))
    writer.start()
    acknowledged = [mine.recv() for _ in range(5)][-1]
    writer.kill()
    writer.join()
    with KnowledgeBase.open(path) as knowledge_base:
        rows = knowledge_base.info()["rows"]["evaluations"]
        assert rows % 4 == 0
        assert rows >= 4 * (acknowledged + 1)
        assert knowledge_base.inconsistencies() == []


def test_a_file_that_was_made_in_vain_goes_again(tmp_path):
    def fail(name, *batches, error=KeyboardInterrupt):
        def broken():
            yield from batches
            raise error

        with pytest.raises(error), KnowledgeBase.open(tmp_path / name, read_only=False) as kb:
            kb.append_all(broken())

    fail("new.duckdb")
    assert list(tmp_path.iterdir()) == []
    KnowledgeBase.open(tmp_path / "there.duckdb", read_only=False).close()
    fail("there.duckdb")
    fail("stored.duckdb", make_batch(), error=ValueError)
    fail("cursor.duckdb", Batch("source", {}, "partition", "cursor"))
    assert {path.name for path in tmp_path.iterdir()} == {"there.duckdb", "stored.duckdb", "cursor.duckdb"}
    with KnowledgeBase.open(tmp_path / "stored.duckdb") as kb:
        assert kb.info()["rows"]["evaluations"] > 0


def test_what_another_makes_where_a_file_was_made_in_vain_is_left_alone(tmp_path):
    path, journal = tmp_path / "kb.duckdb", tmp_path / "kb.duckdb.wal"
    kb = KnowledgeBase.open(path, read_only=False)
    discard_empty(kb._connection, str(path))
    assert not path.exists()
    path.write_text("another")
    journal.write_text("another's")
    kb.close()
    assert (path.read_text(), journal.read_text()) == ("another", "another's")
