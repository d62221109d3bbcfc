"""Datasets whose own table was read: what is stored of it, and which tasks it describes."""

from collections.abc import Sequence
from dataclasses import dataclass

from metalearn.core.records import TaskType
from metalearn.store.connection import transaction
from metalearn.store.knowledge_base import KnowledgeBase
from metalearn.store.queries import query


@dataclass(frozen=True)
class DatasetRow:
    """A row of the table ``datasets``, without its family; ``n_columns`` counts the target."""

    id: str
    name: str
    version: int | None
    fingerprint: str
    n_rows: int
    n_columns: int
    source: str


@dataclass(frozen=True)
class TaskRow:
    """What a task asks of its dataset; ``target`` is None where its source does not say."""

    id: str
    type: TaskType
    target: str | None


def store_dataset(knowledge_base: KnowledgeBase, row: DatasetRow) -> None:
    """Store a dataset; of one that is there the fingerprint is replaced, and what is unknown filled in.

    Raises:
        KnowledgeBaseError: when the knowledge base is open for reading only.
    """
    with transaction(knowledge_base._connection):
        knowledge_base._connection.execute(query("store_dataset"), vars(row))


def tasks_of_dataset(knowledge_base: KnowledgeBase, dataset_id: str) -> tuple[TaskRow, ...]:
    """Return the tasks of a dataset, by id.

    >>> with KnowledgeBase.open() as bundled:
    ...     tasks_of_dataset(bundled, "openml-61")[0].target
    'class'
    """
    text = "SELECT id, type, target FROM tasks WHERE dataset_id = ? ORDER BY id"
    found = knowledge_base._connection.execute(text, [dataset_id]).fetchall()
    return tuple(TaskRow(*row) for row in found)


def forget_meta_features(knowledge_base: KnowledgeBase, tasks: Sequence[str], extractor: str, version: str) -> None:
    """Delete what one version of an extractor said of some tasks, so that it can be stored anew.

    Raises:
        KnowledgeBaseError: when the knowledge base is open for reading only.
    """
    text = "DELETE FROM meta_features WHERE extractor = ? AND extractor_version = ? AND task_id IN (SELECT unnest(?))"
    with transaction(knowledge_base._connection):
        knowledge_base._connection.execute(text, [extractor, version, list(tasks)])
