"""Families across knowledge bases."""

import numpy as np
import pyarrow as pa
import pytest

from metalearn.core.records import Batch, Configuration
from metalearn.store import KnowledgeBase, related_datasets, store_families

POOL = [Configuration("s", "a", {"x": i}) for i in range(120)]


def batch(datasets, losses):
    """Datasets as (id, name, fingerprint), each with one task and the losses (T, 120) of the pool."""
    tables = {
        "datasets": [{"id": d, "name": n, "fingerprint": f, "source": "t"} for d, n, f in datasets],
        "tasks": [
            {"id": f"task {d}", "dataset_id": d, "type": "classification", "source": "t"} for d, _, _ in datasets
        ],
        "configurations": [
            {"id": c.id, "space": c.space, "algorithm": c.algorithm, "hyperparameters": c.hyperparameters_json}
            for c in POOL
        ],
        "evaluations": [
            {"task_id": f"task {d}", "configuration_id": c.id, "metric": "accuracy", "value": 1 - loss, "source": "t"}
            for (d, _, _), row in zip(datasets, losses, strict=True)
            for c, loss in zip(POOL, row, strict=True)
        ],
    }
    return Batch("t", {name: pa.Table.from_pylist(rows) for name, rows in tables.items()})


@pytest.fixture
def two(tmp_path):
    """Training: a, b (a stranger to all), c. Test: c again, and a twin each by name, fingerprint and losses."""
    rng = np.random.default_rng(0)
    losses = rng.random((7, 120))
    losses[6] = 0.5 * losses[0]
    with (
        KnowledgeBase.open(tmp_path / "train.duckdb", read_only=False) as train,
        KnowledgeBase.open(tmp_path / "test.duckdb", read_only=False) as test,
    ):
        train.append(batch([("a", "oak", "fa"), ("b", "elm", None), ("c", "monks-1", None)], losses[:3]))
        held_out = [("c", None, None), ("d", "monks-2", None), ("e", "yew", "fa"), ("f", "ash", None)]
        test.append(batch(held_out, losses[3:]))
        yield train, test


def test_kin_are_found_by_id_name_fingerprint_and_losses(two):
    found = related_datasets(*two)
    assert found["a"] == found["e"] == found["f"]
    assert found["c"] == found["d"]
    assert len(set(found.values())) == 3


def test_families_that_are_stored_stay_together(two):
    train, test = two
    train.set_families({"a": "trees", "b": "trees", "c": "c"})
    assert related_datasets(train, test)["b"] == related_datasets(train, test)["f"]
    assert store_families(train) == {"a": "a", "b": "a", "c": "c"}


def test_without_any_dataset_there_is_no_family(tmp_path):
    with KnowledgeBase.open(tmp_path / "empty.duckdb", read_only=False) as empty:
        assert related_datasets(empty) == {}
