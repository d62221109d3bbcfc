"""Appends: doubles are told by the whole key, wherever their rows stand, and later batches fill gaps."""

import numpy as np
import pyarrow as pa
import pytest

from metalearn.core.records import Batch
from metalearn.errors import KnowledgeBaseError
from metalearn.store import Counts, KnowledgeBase
from metalearn.store import row_blocks as row_blocks_module
from metalearn.store.queries import EVALUATION_KEY
from tests.store.batches import make_batch

KEY_VALUES = {
    "task_id": ("a", "b"),
    "configuration_id": ("c", "d"),
    "metric": ("accuracy", "rmse"),
    "split": ("train", "test"),
    "resource": ("rows", "epochs"),
    "fidelity": (0.5, 1.0),
    "fold": (0, -1),
    "seed": (2**40, -1),
    "source": ("here", "there"),
    "source_run_id": ("", "7"),
}


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as opened:
        yield opened


def evaluations(rows, **more):
    """Rows of the key as a batch; each has a value of its own."""
    table = pa.Table.from_pylist([{**row, "value": i / 1000, **more} for i, row in enumerate(rows)])
    return Batch("test", {"evaluations": table}, seen=len(rows))


def stored_keys(kb):
    return [tuple(row[name] for name in EVALUATION_KEY) for row in kb.tables()["evaluations"].to_pylist()]


def test_each_key_is_stored_once_whatever_comes_together(kb):
    rng = np.random.default_rng(0)
    expected = set()
    for n in rng.integers(1, 40, size=25):
        rows = [{name: values[rng.integers(2)] for name, values in KEY_VALUES.items()} for _ in range(n)]
        for name in rng.choice(EVALUATION_KEY, size=6, replace=False):  # columns in which a batch does not vary
            rows = [row | {name: rows[0][name]} for row in rows]
        keys = {tuple(row[name] for name in EVALUATION_KEY) for row in rows}
        new = len(keys - expected)
        assert kb.append(evaluations(rows)) == Counts(len(rows), new, len(rows) - new)
        expected |= keys
    assert sorted(stored_keys(kb)) == sorted(expected)
    assert len(expected) > 50


def test_one_column_of_the_key_is_enough_to_tell_two_rows_apart(kb):
    same = {column: values[0] for column, values in KEY_VALUES.items()}
    assert kb.append(evaluations([same])).stored == 1
    for name in EVALUATION_KEY:
        other = same | {name: KEY_VALUES[name][1]}
        assert kb.append(evaluations([other])).stored == 1
        assert kb.append(evaluations([other, same])) == Counts(seen=2, already_there=2)


def test_a_key_that_is_missing_in_one_row_is_refused(kb):
    row = {column: values[0] for column, values in KEY_VALUES.items()}
    for name in ("task_id", "configuration_id", "metric", "source"):
        with pytest.raises(KnowledgeBaseError, match="stored none of them"):
            kb.append(evaluations([row, row | {name: None}]))
    assert stored_keys(kb) == []


def test_numbers_as_text_and_text_as_numbers_are_the_same_key(kb):
    row = {column: values[0] for column, values in KEY_VALUES.items()}
    assert kb.append(evaluations([row | {"source_run_id": 7, "fold": "3", "seed": 5.0}])).stored == 1
    assert kb.append(evaluations([row | {"source_run_id": "7", "fold": 3, "seed": 5}])).already_there == 1


def test_an_append_finds_doubles_in_blocks_far_apart(kb, monkeypatch):
    monkeypatch.setattr(row_blocks_module, "ROWS_PER_BLOCK", 3)
    rng = np.random.default_rng(0)
    rows = [
        {"task_id": f"t{rng.integers(40)}", "configuration_id": f"c{i}", "metric": "accuracy", "source": "s"}
        for i in range(600)
    ]
    for start in range(0, 600, 50):
        assert kb.append(evaluations(rows[start : start + 50])).stored == 50
    mixed = [rows[i] for i in rng.permutation(600)]
    for start in range(0, 600, 30):
        fresh = [row | {"configuration_id": f"new{start}{i}"} for i, row in enumerate(mixed[:5])]
        assert kb.append(evaluations([*mixed[start : start + 30], *fresh])) == Counts(35, 5, 30)


def test_what_another_session_or_connection_appended_is_found(tmp_path):
    path = tmp_path / "kb.duckdb"
    with KnowledgeBase.open(path, read_only=False) as first, KnowledgeBase.open(path, read_only=False) as second:
        assert first.append(make_batch(run="1")).stored == 4
        assert second.append(make_batch(run="1")).already_there == 4
        assert second.append(make_batch(run="2")).stored == 4
        assert first.append(make_batch(run="2")).already_there == 4
    with KnowledgeBase.open(path, read_only=False) as later:
        assert later.append(make_batch(run="2")).already_there == 4


def test_rows_are_found_after_others_were_deleted(kb, monkeypatch):
    monkeypatch.setattr(row_blocks_module, "ROWS_PER_BLOCK", 1000)

    def batch(task, n=3_000):
        columns = {"task_id": [task] * n, "configuration_id": [f"c{i}" for i in range(n)], "value": np.zeros(n)}
        return Batch(
            "s", {"evaluations": pa.table(columns | {"metric": ["accuracy"] * n, "source": ["s"] * n})}, seen=n
        )

    tables = {
        "datasets": [{"id": "d", "source": "s"}],
        "tasks": [{"id": f"t{i}", "dataset_id": "d", "type": "classification", "source": "s"} for i in range(12)],
    }
    kb.append(Batch("s", {name: pa.Table.from_pylist(rows) for name, rows in tables.items()}))
    for i in range(12):
        kb.append(batch(f"t{i}"))
    for i in (0, 3, 4, 7, 10):
        kb.remove(task=f"t{i}")
    for i in (1, 2, 5, 6, 8, 9, 11):
        assert kb.append(batch(f"t{i}")).already_there == 3_000
    for i in (0, 3):
        assert kb.append(batch(f"t{i}")).stored == 3_000
        assert kb.append(batch("t11")).already_there == 3_000


DATASET = {"id": "openml-61", "name": None, "version": None, "n_rows": None, "source": "first"}
TASK = {"id": "openml-task-59", "dataset_id": "openml-61", "type": "classification", "target": None, "source": "first"}


def described(source, **tables):
    return Batch(source, {name: pa.Table.from_pylist(rows) for name, rows in tables.items()})


def test_a_later_batch_fills_what_is_unknown_of_datasets_and_tasks(kb):
    kb.append(described("first", datasets=[DATASET], tasks=[TASK]))
    more = {"name": "iris", "version": 1, "n_rows": 150, "source": "second"}
    kb.append(
        described(
            "second",
            datasets=[DATASET | more | {"fingerprint": "f", "family": "openml-60"}],
            tasks=[TASK | {"target": "class", "procedure": "10 folds", "source": "second"}],
        )
    )
    [dataset], [task] = (kb.tables()[name].to_pylist() for name in ("datasets", "tasks"))
    known = {"id": "openml-61", "name": "iris", "version": 1, "family": "openml-60", "fingerprint": "f"}
    assert dataset == known | {"n_rows": 150, "n_columns": None, "source": "first"}
    assert task == TASK | {"target": "class", "procedure": "10 folds"}


def test_what_is_known_stays_and_gaps_do_not_spread(kb):
    kb.append(described("first", datasets=[DATASET | {"name": "iris", "version": 1}]))
    kb.append(described("second", datasets=[DATASET | {"name": "flowers", "n_rows": 150}]))
    kb.append(described("third", datasets=[{"id": "openml-61", "source": "third"}]))
    [dataset] = kb.tables()["datasets"].to_pylist()
    assert (dataset["name"], dataset["version"], dataset["n_rows"], dataset["source"]) == ("iris", 1, 150, "first")


def test_gaps_are_filled_within_one_batch_too(kb):
    kb.append(described("first", datasets=[DATASET, DATASET | {"name": "iris"}, DATASET | {"version": 1}]))
    [dataset] = kb.tables()["datasets"].to_pylist()
    assert (dataset["name"], dataset["version"]) == ("iris", 1)


def test_a_space_gets_its_definition_later(kb):
    kb.append(described("first", spaces=[{"name": "ours", "definition": None}]))
    kb.append(described("second", spaces=[{"name": "ours", "definition": "{}"}]))
    assert kb.tables()["spaces"].to_pylist() == [{"name": "ours", "definition": "{}"}]
