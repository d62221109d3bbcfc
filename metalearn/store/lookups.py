"""Small questions to a knowledge base, and the one small change: families."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from metalearn.core.records import Task
from metalearn.store.connection import transaction

if TYPE_CHECKING:
    import duckdb


def extractor_of(connection: "duckdb.DuckDBPyConnection", task: Task) -> str | None:
    """Return the extractor whose meta-features a task brings most of, None where it brings none."""
    text = "SELECT extractor, list(DISTINCT name) FROM meta_features GROUP BY extractor ORDER BY extractor"
    known = {e: set(names) & set(task.meta_features) for e, names in connection.execute(text).fetchall()}
    best = max(known, key=lambda extractor: len(known[extractor]), default=None)
    return best if best is not None and known[best] else None


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
