"""What is loaded where nobody says which, and that neither pieces nor selections change a number."""

import numpy as np
import pyarrow as pa
import pytest

from metalearn.core.meta_dataset import ROW_COLUMNS
from metalearn.core.records import STATUSES, Batch, Configuration
from metalearn.errors import UnknownNameError
from metalearn.store import KnowledgeBase, loading
from tests.store.batches import make_batch


@pytest.fixture
def kb(tmp_path):
    """Two classification tasks with balanced accuracy and one regression task with R2."""
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as opened:
        opened.append(make_batch())
        numeric = make_batch(((0.5, 0.4),), metric="r2", source="other").tables
        renamed = numeric["evaluations"].set_column(0, "task_id", pa.array(["openml-dataset-9"] * 2))
        tasks = pa.table(
            {"id": ["openml-dataset-9"], "dataset_id": ["openml-0"], "type": ["regression"], "source": ["x"]}
        )
        opened.append(Batch("other", {"tasks": tasks, "evaluations": renamed}))
        yield opened


@pytest.mark.parametrize(
    ("metric", "task_type", "expected"),
    [
        (None, None, ("balanced_accuracy", 2)),
        ("r2", None, ("r2", 1)),
        (None, "regression", ("r2", 1)),
        ("balanced_accuracy", None, ("balanced_accuracy", 2)),
        ("accuracy", None, ("accuracy", 0)),
    ],
)
def test_the_task_type_is_the_one_with_most_tasks_under_the_metric(kb, metric, task_type, expected):
    loaded = kb.meta_dataset(metric=metric, task_type=task_type)
    assert (loaded.metric.name, len(loaded.tasks)) == expected


POOL = [Configuration("sklearn", ("svc", "mlp", "knn")[i % 3], {"C": i}) for i in range(12)]


def random_rows(rng, n):
    """n evaluations of 12 configurations on 7 tasks, in no order, some failed; the last configuration has none."""
    status = rng.choice(["ok", "ok", "ok", "pruned", "crashed"], n)
    known = np.isin(status, ["ok", "pruned"])
    return {
        "task_id": rng.choice([f"openml-dataset-{t}" for t in range(7)], n).tolist(),
        "configuration_id": rng.choice([c.id for c in POOL[:-1]], n).tolist(),
        "metric": rng.choice(["accuracy", "roc_auc"], n, p=[0.9, 0.1]).tolist(),
        "fidelity": rng.choice([0.5, 1.0], n).tolist(),
        "fold": rng.integers(0, 3, n).tolist(),
        "seed": rng.integers(0, 3, n).tolist(),
        "value": [float(v) if k else None for v, k in zip(rng.random(n), known, strict=True)],
        "cost_seconds": [float(v) if v < 0.9 else None for v in rng.random(n)],
        "status": status.tolist(),
        "source": rng.choice(["here", "there"], n).tolist(),
        "source_run_id": [str(i) for i in range(n)],
    }


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """2,000 random rows: the open knowledge base and the rows."""
    rows = random_rows(np.random.default_rng(0), 2000)
    tables = {
        "evaluations": pa.table(rows),
        "configurations": pa.Table.from_pylist(
            [
                {"id": c.id, "space": c.space, "algorithm": c.algorithm, "hyperparameters": c.hyperparameters_json}
                for c in POOL
            ]
        ),
        "tasks": pa.Table.from_pylist(
            [
                {"id": f"openml-dataset-{t}", "dataset_id": f"openml-{t}", "type": "classification", "source": "x"}
                for t in range(8)
            ]
        ),
        "datasets": pa.Table.from_pylist([{"id": f"openml-{t}", "source": "x"} for t in range(8)]),
    }
    path = tmp_path_factory.mktemp("many") / "kb.duckdb"
    with KnowledgeBase.open(path, read_only=False) as opened:
        opened.append(Batch("test", tables))
        yield opened, rows


def sorted_rows(rows, algorithms=("svc", "mlp", "knn")):
    """The rows of accuracy as plain Python sorts them."""
    algorithm = {c.id: c.algorithm for c in POOL}
    names = ("task_id", "configuration_id", "fidelity", "fold", "seed", "source", "source_run_id")
    kept = [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
    kept = [r for r in kept if r["metric"] == "accuracy" and algorithm[r["configuration_id"]] in algorithms]
    return sorted(kept, key=lambda row: tuple(row[name] for name in names))


def load(kb, algorithms=None):
    options = {"metric": "accuracy", "task_type": None, "split": "validation", "extractor": None, "snapshot_id": ""}
    return loading.load_meta_dataset(kb._connection, algorithms=algorithms, **options)


@pytest.mark.parametrize("rows_at_once", [1, 100, 1_000_000])
@pytest.mark.parametrize("algorithms", [None, ("mlp",), ("svc", "knn")])
def test_every_row_comes_in_its_place_whatever_the_pieces(many, monkeypatch, rows_at_once, algorithms):
    monkeypatch.setattr(loading, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(loading, "MOST_PIECES", 1000)
    kb, rows = many
    loaded = load(kb, algorithms)
    expected = sorted_rows(rows, algorithms or ("svc", "mlp", "knn"))
    assert loaded.task_id.tolist() == [row["task_id"] for row in expected]
    assert loaded.configuration_id.tolist() == [row["configuration_id"] for row in expected]
    for name in ("fidelity", "fold", "seed"):
        assert getattr(loaded, name).tolist() == [row[name] for row in expected]
    ok = [np.nan if row["value"] is None else 1 - row["value"] for row in expected]
    np.testing.assert_array_equal(loaded.loss, ok)
    costs = [np.nan if row["cost_seconds"] is None else row["cost_seconds"] for row in expected]
    np.testing.assert_array_equal(loaded.cost_seconds, costs)
    assert loaded.status_code.tolist() == [STATUSES.index(row["status"]) for row in expected]
    assert [getattr(loaded, name).dtype.kind + str(getattr(loaded, name).itemsize) for name in ROW_COLUMNS] == [
        "i8", "i8", "f8", "i8", "i8", "f8", "f8", "i8",
    ]  # fmt: skip


def test_only_what_was_evaluated_is_there(many):
    kb, _ = many
    assert load(kb).configurations == tuple(sorted(POOL[:-1], key=lambda c: c.id))
    assert [task.id for task in load(kb).tasks] == [f"openml-dataset-{t}" for t in range(7)]  # the eighth has no row
    assert load(kb, ("mlp",)).configurations == tuple(sorted(POOL[1::3], key=lambda c: c.id))


def test_a_task_that_an_algorithm_was_not_tried_on_is_left_out(tmp_path):
    batch = make_batch()
    first = batch.tables["evaluations"].slice(0, 3)  # both configurations on the first task, one on the second
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb.append(Batch("test", {**batch.tables, "evaluations": first}))
        loaded = loading.load_meta_dataset(
            kb._connection,
            metric=None,
            task_type=None,
            split="validation",
            extractor=None,
            snapshot_id="",
            algorithms=("decision_tree",),
        )
        assert len(kb.meta_dataset().tasks) == 2
    assert [task.id for task in loaded.tasks] == ["openml-dataset-0"]
    np.testing.assert_allclose(loaded.performance_matrix(), [[0.2]])


def test_an_unknown_algorithm_is_named_with_the_nearest(many):
    with pytest.raises(UnknownNameError, match="did you mean 'svc'"):
        load(many[0], ("svcc",))


def test_loading_leaves_no_table_behind(many):
    kb, _ = many
    load(kb)
    load(kb)
    temporary = "SELECT count(*) FROM duckdb_tables() WHERE temporary"
    assert kb._connection.execute(temporary).fetchall() == [(0,)]
