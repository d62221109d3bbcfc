"""Taking a source, a dataset or a task out again."""

import pyarrow as pa
import pytest

from metalearn.core.records import Batch
from metalearn.errors import InputError, KnowledgeBaseError
from metalearn.store import KnowledgeBase
from tests.store.batches import SVC, TREE, make_batch


def table(*rows):
    return pa.Table.from_pylist(list(rows))


def extras(source, task="openml-dataset-1", partition="", configuration=TREE):
    """What a source may bring beside evaluations: one row of each table."""
    features = {"task_id": task, "extractor": source, "extractor_version": "1", "name": "rows", "value": 1.0}
    failure = {"task_id": task, "configuration_id": configuration.id, "status": "crashed", "message": f"of {source}"}
    flow = {"source": source, "id": 1, "name": "f", "class_name": "", "version": "1", "dependencies": ""}
    tables = {
        "spaces": table({"name": "sklearn"}),
        "meta_features": table(features),
        "failures": table(failure),
        "libraries": table({"source": source, "name": "numpy", "version": "2"}),
        "quarantine": table({"source": source, "raw": "?", "reason": "no number"}),
        "flows": table(flow | {"algorithm": "svc"}),
        "setups": table({"source": source, "id": 1, "flow_id": 1, "hyperparameters": "{}"}),
    }
    return Batch(source, tables, partition=partition, cursor="read", seen=2)


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as opened:
        yield opened


def contents(kb):
    """All rows, as sets, without when they came."""
    return {
        name: {
            tuple(sorted((k, v) for k, v in row.items() if k not in ("started", "finished"))) for row in t.to_pylist()
        }
        for name, t in kb.tables().items()
    }


def test_a_source_goes_with_all_that_it_brought_and_can_come_again(kb):
    empty = contents(kb)
    batches = [make_batch(source="a"), extras("a")]
    kb.append_all(batches)
    full = contents(kb)
    removed = kb.remove(source="a")
    assert removed == {
        "datasets": 2, "tasks": 2, "spaces": 1, "configurations": 2, "evaluations": 4, "meta_features": 1,
        "ingestions": 1, "quarantine": 1, "failures": 1, "libraries": 1, "flows": 1, "setups": 1,
    }  # fmt: skip
    assert contents(kb) == empty
    kb.append_all(batches)
    assert contents(kb) == full


def test_what_another_source_uses_stays_as_its_own(kb):
    kb.append(make_batch(source="b", values=((0.5, 0.6),)))
    alone = contents(kb)
    kb.remove(source="b")
    kb.append(make_batch(source="a"))
    kb.append(extras("a", configuration=SVC))
    kb.append(make_batch(source="b", values=((0.5, 0.6),)))
    removed = kb.remove(source="a")
    assert (removed["tasks"], removed["datasets"], removed["evaluations"]) == (1, 1, 4)
    assert "configurations" not in removed
    left = contents(kb)
    differing = {name for name in left if left[name] != alone[name]}
    assert differing == {"spaces"}  # which a has named, and b uses
    assert {dict(row)["source"] for row in left["tasks"] | left["datasets"]} == {"b"}
    assert kb.inconsistencies() == []
    kb.remove(source="b")
    assert [name for name, rows in contents(kb).items() if rows] == ["metrics"]


def test_a_failure_that_two_sources_saw_stays_with_the_other(kb):
    for source in ("a", "b"):
        kb.append(make_batch(source=source))
        kb.append(extras(source))
    kb.remove(source="a")
    messages = {dict(row)["message"] for row in contents(kb)["failures"]}
    assert messages == {"of a", "of b"}  # both are of one configuration on one task, which b evaluated too
    kb.remove(source="b")
    assert contents(kb)["failures"] == set()


def test_configurations_that_nobody_has_evaluated_yet_stay(kb):
    planned = {"id": "planned", "space": "ours", "algorithm": "svc", "hyperparameters": "{}", "origin": "design"}
    kb.append(Batch("a", {"configurations": table(planned), "spaces": table({"name": "ours"})}))
    kb.append(make_batch(source="a"))
    kb.remove(source="a")
    assert [dict(row)["id"] for row in contents(kb)["configurations"]] == ["planned"]
    assert [dict(row)["name"] for row in contents(kb)["spaces"]] == ["ours"]


@pytest.mark.parametrize("which", [{"task": "openml-dataset-1"}, {"dataset": "openml-1"}], ids=str)
def test_a_task_goes_with_its_dataset_and_all_sources_say_of_it(kb, which):
    for source in ("a", "b"):
        kb.append(make_batch(source=source))
        kb.append(extras(source, partition=f"function/accuracy/task/{'1,2' if source == 'a' else '11,21'}"))
        kb.append(extras(source, task="openml-dataset-0", partition="openml-1 and more"))
    removed = kb.remove(**which)
    counts = {"datasets": 1, "tasks": 1, "evaluations": 4, "meta_features": 2, "ingestions": 3, "failures": 2}
    assert removed == counts
    assert kb.inconsistencies() == []
    assert {dict(row)["task_id"] for row in contents(kb)["evaluations"]} == {"openml-dataset-0"}
    left = {(dict(row)["source"], dict(row)["partition"]) for row in contents(kb)["ingestions"]}
    assert left == {("a", ""), ("b", ""), ("b", "function/accuracy/task/11,21")}


def test_a_dataset_with_several_tasks_goes_with_all_of_them_and_stays_with_one(kb):
    tasks = [{"id": f"t{i}", "dataset_id": "d", "type": "classification", "source": "a"} for i in range(3)]
    kb.append(Batch("a", {"datasets": table({"id": "d", "source": "a"}), "tasks": table(*tasks)}))
    assert kb.remove(task="t0") == {"tasks": 1}
    assert kb.remove(dataset="d", dry_run=True) == {"datasets": 1, "tasks": 2}
    assert kb.remove(dataset="d") == {"datasets": 1, "tasks": 2}


def test_a_configuration_of_other_tasks_stays(kb):
    kb.append(make_batch())
    assert "configurations" not in kb.remove(task="openml-dataset-0")
    assert kb.remove(task="openml-dataset-1")["configurations"] == 2


def test_a_dry_run_counts_and_changes_nothing(kb):
    kb.append(make_batch(source="a"))
    kb.append(extras("a"))
    before = contents(kb)
    would = kb.remove(source="a", dry_run=True)
    assert contents(kb) == before
    assert kb.remove(source="a") == would


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ({"source": "tset"}, "no source 'tset'; did you mean 'test'?"),
        ({"task": "openml-dataset-11"}, "no task 'openml-dataset-11'; did you mean 'openml-dataset-1'?"),
        ({"dataset": "iris"}, "no dataset 'iris'; 'metalearn kb info' shows what it holds."),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(kb, which, message):
    kb.append(make_batch())
    before = contents(kb)
    with pytest.raises(KnowledgeBaseError, match=message.replace("?", r"\?")):
        kb.remove(**which)
    assert contents(kb) == before


def test_exactly_one_thing_is_removed_at_a_time_and_never_from_what_is_only_read(kb, tmp_path):
    for which in ({}, {"source": "a", "task": "t"}):
        with pytest.raises(InputError, match="a source, a dataset or a task"):
            kb.remove(**which)
    kb.publish(tmp_path / "snapshot")
    with KnowledgeBase.open(tmp_path / "snapshot") as frozen, pytest.raises(KnowledgeBaseError, match="reading only"):
        frozen.remove(source="test")


def test_the_space_of_what_was_removed_is_used_again(tmp_path):
    path = tmp_path / "kb.duckdb"
    n = 50_000
    columns = {"task_id": ["t"] * n, "metric": ["accuracy"] * n, "source": ["a"] * n, "value": [0.5] * n}
    big = Batch("a", {"evaluations": pa.table(columns | {"configuration_id": [f"{i:032x}" for i in range(n)]})})
    sizes = []
    with KnowledgeBase.open(path, read_only=False) as kb:
        for _ in range(4):
            kb.append(big)
            kb._connection.execute("CHECKPOINT")
            sizes.append(path.stat().st_size)
            kb.remove(source="a")
    assert max(sizes) <= 2 * sizes[0]
