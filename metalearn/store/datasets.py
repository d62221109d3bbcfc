"""Datasets and their tasks in a knowledge base: those whose own table was read, OpenML's numbers, and families."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metalearn.core.records import TaskType
from metalearn.store.connection import transaction
from metalearn.store.queries import query

if TYPE_CHECKING:
    import duckdb


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


def store_dataset(connection: "duckdb.DuckDBPyConnection", row: DatasetRow) -> None:
    """Store a dataset; of one that is there the fingerprint is replaced, and what is unknown filled in."""
    with transaction(connection):
        connection.execute(query("store_dataset"), vars(row))


def tasks_of_dataset(connection: "duckdb.DuckDBPyConnection", dataset_id: str) -> tuple[TaskRow, ...]:
    """Return the tasks of a dataset, by id."""
    text = "SELECT id, type, target FROM tasks WHERE dataset_id = ? ORDER BY id"
    return tuple(TaskRow(*row) for row in connection.execute(text, [dataset_id]).fetchall())


def tasks_of_openml_datasets(connection: "duckdb.DuckDBPyConnection") -> dict[int, list[str]]:
    """Return the task ids of each dataset that OpenML numbers."""
    tasks: defaultdict[int, list[str]] = defaultdict(list)
    for id_, dataset in connection.execute("SELECT id, dataset_id FROM tasks ORDER BY id").fetchall():
        if number := re.fullmatch(r"openml-(\d+)", dataset):
            tasks[int(number[1])].append(id_)
    return dict(tasks)


def set_families(connection: "duckdb.DuckDBPyConnection", families: Mapping[str, str]) -> None:
    """Store the family of datasets, by dataset id; those that have it already are left alone."""
    now = dict(connection.execute("SELECT id, family FROM datasets").fetchall())
    changed = [[family, id_] for id_, family in families.items() if now.get(id_, family) != family]
    if changed:
        with transaction(connection):
            connection.executemany("UPDATE datasets SET family = ? WHERE id = ?", changed)


def forget_meta_features(
    connection: "duckdb.DuckDBPyConnection", tasks: Sequence[str], extractor: str, version: str
) -> None:
    """Delete what one version of an extractor said of some tasks, so that it can be stored anew."""
    text = "DELETE FROM meta_features WHERE extractor = ? AND extractor_version = ? AND task_id IN (SELECT unnest(?))"
    with transaction(connection):
        connection.execute(text, [extractor, version, list(tasks)])
