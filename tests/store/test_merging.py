"""Merging knowledge bases: nothing twice, nothing lost, conflicts counted."""

import duckdb
import pytest

from metalearn.core.records import Batch
from metalearn.core.resources import metadata_path
from metalearn.errors import KnowledgeBaseError, SnapshotError
from metalearn.store import KnowledgeBase
from metalearn.store import merging as module
from metalearn.store.merging import Merged
from tests.store.batches import make_batch
from tests.store.test_removal import contents, extras, table


def made(path, *batches):
    """A knowledge base with some batches; its path."""
    with KnowledgeBase.open(path, read_only=False) as kb:
        kb.append_all(batches)
    return path


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as opened:
        yield opened


@pytest.fixture
def full(tmp_path):
    """A knowledge base with rows in every table."""
    return made(tmp_path / "it's full.duckdb", make_batch(source="a"), extras("a"), make_batch(source="b", run="7"))


@pytest.mark.parametrize("as_snapshot", [False, True])
def test_an_empty_one_becomes_a_copy_and_a_second_merge_adds_nothing(kb, full, tmp_path, as_snapshot, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 3)
    with KnowledgeBase.open(full) as other:
        expected = contents(other)
        other.publish(tmp_path / "snapshot")
    source = tmp_path / "snapshot" if as_snapshot else full
    reported = []
    first = kb.merge(source, report=reported.append)
    assert contents(kb) == expected
    assert {name: t.seen for name, t in first.items()} == {name: len(rows) for name, rows in expected.items()}
    assert all(t.stored == t.seen for name, t in first.items() if name != "metrics")
    assert sum(reported) == sum(t.seen for t in first.values())
    second = kb.merge(source)
    assert all((t.stored, t.conflicts) == (0, 0) and t.already_there == t.seen for t in second.values())
    assert contents(kb) == expected
    assert kb.inconsistencies() == []


def test_merging_is_like_appending_what_the_other_appended(kb, full, tmp_path):
    ours = make_batch(values=((0.9, 0.8), (0.7, None), (0.5, 0.6)), source="a")
    kb.append(ours)
    kb.merge(full)
    again = made(tmp_path / "again.duckdb", ours, make_batch(source="a"), extras("a"), make_batch(source="b", run="7"))
    with KnowledgeBase.open(again) as expected:
        without = {"ingestions"}
        assert {n: r for n, r in contents(kb).items() if n not in without} == {
            n: r for n, r in contents(expected).items() if n not in without
        }


def test_the_same_key_with_another_value_is_a_conflict_and_what_is_there_stays(kb, tmp_path):
    kb.append(make_batch(values=((0.9, 0.8), (0.7, None))))
    before = contents(kb)["evaluations"]
    other = made(tmp_path / "other.duckdb", make_batch(values=((0.9, 0.1), (0.7, 0.2), (0.5, None))))
    assert kb.merge(other)["evaluations"] == Merged(seen=6, stored=2, conflicts=2)
    assert contents(kb)["evaluations"] > before
    assert kb.merge(other)["evaluations"] == Merged(seen=6, stored=0, conflicts=2)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("datasets", {"id": "d", "name": "iris", "source": "a"}, {"id": "d", "name": "flowers", "source": "b"}),
        ("tasks", {"id": "t", "type": "regression"}, {"id": "t", "type": "classification"}),
        ("tasks", {"id": "t", "dataset_id": "d"}, {"id": "t", "dataset_id": "e"}),
        ("spaces", {"name": "s", "definition": "{}"}, {"name": "s", "definition": "[]"}),
        ("metrics", {"name": "gini", "low": 0.0}, {"name": "gini", "low": -1.0}),
    ],
)
def test_conflicts_in_small_tables(kb, tmp_path, name, ours, theirs):
    usual = {
        "datasets": {},
        "tasks": {"dataset_id": "d", "type": "classification", "source": "a"},
        "metrics": {"direction": "maximize", "high": 1.0, "preference": 9},
    }.get(name, {})
    kb.append(Batch("a", {name: table(usual | ours)}))
    before = contents(kb)[name]
    assert kb.merge(made(tmp_path / "o.duckdb", Batch("b", {name: table(usual | theirs)})))[name].conflicts == 1
    assert contents(kb)[name] == before


def test_what_is_unknown_here_is_filled_in_and_no_conflict(kb, tmp_path):
    dataset = {"id": "d", "name": None, "n_rows": 150, "source": "a"}
    kb.append(Batch("a", {"datasets": table(dataset), "spaces": table({"name": "s", "definition": None})}))
    theirs = {"datasets": table({"id": "d", "name": "iris", "version": 2, "n_rows": None, "source": "b"})}
    other = made(tmp_path / "o.duckdb", Batch("b", theirs | {"spaces": table({"name": "s", "definition": "{}"})}))
    merged = kb.merge(other)
    assert (merged["datasets"].conflicts, merged["spaces"].conflicts) == (0, 0)
    [row] = kb.tables()["datasets"].to_pylist()
    assert (row["name"], row["version"], row["n_rows"], row["source"]) == ("iris", 2, 150, "a")
    assert kb.tables()["spaces"].to_pylist() == [{"name": "s", "definition": "{}"}]


def test_cursors_of_unknown_partitions_come_along_and_ours_stay(kb, tmp_path):
    kb.append(Batch("a", {}, partition="both", cursor="ours"))
    batches = [Batch("a", {}, partition=p, cursor="theirs") for p in ("both", "new")]
    merged = kb.merge(made(tmp_path / "o.duckdb", *batches))
    assert merged["ingestions"] == Merged(seen=2, stored=1)
    assert kb.ingested("a").cursors() == {"both": "ours", "new": "theirs"}


def families(kb):
    return {row[0]: row[3] for row in kb.dataset_rows()}


def test_datasets_that_are_of_one_family_in_either_stay_together(kb, tmp_path):
    def datasets(*ids):
        return Batch("a", {"datasets": table(*({"id": id_, "source": "a"} for id_ in ids))})

    kb.append(datasets("a", "b", "c", "x"))
    kb.set_families({"a": "a", "b": "a"})
    with KnowledgeBase.open(tmp_path / "o.duckdb", read_only=False) as other:
        other.append(datasets("b", "d", "e", "f"))
        other.set_families({"b": "b", "d": "b", "e": "e", "f": "e"})
    kb.merge(tmp_path / "o.duckdb")
    assert families(kb) == {"a": "a", "b": "a", "c": "c", "d": "a", "e": "e", "f": "e", "x": "x"}
    assert {row["id"] for row in kb.tables()["datasets"].to_pylist() if row["family"] is None} == {"c", "x"}


def test_a_metric_that_is_turned_otherwise_is_refused(kb, tmp_path):
    other = made(tmp_path / "o.duckdb", make_batch())
    with duckdb.connect(str(other)) as connection:
        connection.execute("UPDATE metrics SET direction = 'minimize' WHERE name = 'accuracy'")
    with pytest.raises(KnowledgeBaseError, match="maximize of the metric accuracy, the other minimize"):
        kb.merge(other)
    assert contents(kb)["evaluations"] == set()


def test_what_cannot_be_merged_is_refused(kb, tmp_path, full):
    with pytest.raises(KnowledgeBaseError, match="cannot be merged into itself"):
        kb.merge(tmp_path / "." / "kb.duckdb")
    with pytest.raises(KnowledgeBaseError, match="no knowledge base at"):
        kb.merge(tmp_path / "none.duckdb")
    with duckdb.connect(str(full)) as connection:
        connection.execute("UPDATE meta SET value = '99'")
    with pytest.raises(KnowledgeBaseError, match="schema version 99; upgrade metalearn"):
        kb.merge(full)
    with duckdb.connect(str(full)) as connection:
        connection.execute("UPDATE meta SET value = '1'")
    with pytest.raises(KnowledgeBaseError, match="of an older schema; write into it once"):
        kb.merge(full)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SnapshotError, match="is no snapshot"):
        kb.merge(tmp_path / "folder")
    with KnowledgeBase.open() as bundled, pytest.raises(KnowledgeBaseError, match="reading only"):
        bundled.merge(full)


def test_an_interrupted_merge_is_completed_by_the_next_one(kb, full, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 1)

    def interrupt(rows):
        if contents(kb)["evaluations"]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kb.merge(full, report=interrupt)
    assert len(contents(kb)["evaluations"]) == 1
    assert contents(kb)["ingestions"] == set()  # no cursor before its rows
    assert kb.inconsistencies() == []
    kb.merge(full)
    with KnowledgeBase.open(full) as other:
        assert contents(kb) == contents(other)


def test_the_bundled_snapshot_of_an_older_schema_merges(kb):
    merged = kb.merge(metadata_path("knowledge_base"))
    assert merged["evaluations"].stored == merged["evaluations"].seen > 10_000
    assert kb.inconsistencies() == []
    with KnowledgeBase.open() as bundled:
        assert kb.info()["rows"] | {"metrics": 0} == bundled.info()["rows"] | {"metrics": 0}
