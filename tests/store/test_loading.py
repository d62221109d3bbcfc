"""What is loaded where nobody says which."""

import pyarrow as pa
import pytest

from metalearn.core.records import Batch
from metalearn.store import KnowledgeBase
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
