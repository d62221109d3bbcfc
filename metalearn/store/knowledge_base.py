"""KnowledgeBase: the evaluations of many configurations on many tasks, in DuckDB."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Batch, Task, TaskType
from metalearn.core.resources import metadata_path
from metalearn.errors import KnowledgeBaseError
from metalearn.store.connection import connect, transaction
from metalearn.store.loading import load_meta_dataset, load_task
from metalearn.store.queries import EVALUATION_KEY, TABLES, query
from metalearn.store.snapshots import Manifest, attach_snapshot, is_snapshot, verify_snapshot, write_snapshot

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class Counts:
    """What became of the rows that a source gave: seen = stored + already_there + quarantined + skipped.

    >>> Counts(seen=3, stored=2, already_there=1) + Counts(seen=1, quarantined=1)
    Counts(seen=4, stored=2, already_there=1, quarantined=1, skipped=0)
    """

    seen: int = 0
    stored: int = 0
    already_there: int = 0
    quarantined: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


class KnowledgeBase:
    """One knowledge base, open for reading or for writing; a context manager.

    A DuckDB file has one writer and then no readers; a snapshot is only ever read. See ``open``.

    >>> with KnowledgeBase.open() as bundled:
    ...     bundled.meta_dataset().metric.name
    'balanced_accuracy'
    """

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", location: str, manifest: Manifest | None, *, read_only: bool
    ) -> None:
        self._connection = connection
        self.location = location
        self.read_only = read_only
        self.snapshot_id = manifest.snapshot_id if manifest else ""

    @classmethod
    def open(cls, location: str | Path | None = None, *, read_only: bool = True) -> Self:
        """Open a DuckDB file, a snapshot's folder or its URL; without a location, the bundled snapshot.

        With ``read_only=False`` a file that does not exist is made, and one of an older schema is brought up to date.

        Raises:
            KnowledgeBaseLockedError: when another process holds the file.
            SnapshotError: when a snapshot is incomplete.
            KnowledgeBaseError: when there is no such knowledge base, or it is something else.
        """
        import duckdb

        where = _resolved(location)
        if is_snapshot(where):
            if not read_only:
                raise KnowledgeBaseError(f"{where} is a snapshot, which is never written; give a .duckdb file.")
            connection = duckdb.connect()
            return cls(connection, where, attach_snapshot(connection, where), read_only=True)
        return cls(connect(where, read_only=read_only), where, None, read_only=read_only)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, batch: Batch) -> Counts:
        """Store what is new in a batch and move the source's cursor, in one transaction.

        Raises:
            KnowledgeBaseError: when the knowledge base is read-only or a row breaks the schema; nothing is stored then.
        """
        if self.read_only:
            raise KnowledgeBaseError(f"{self.location} is open for reading only.")
        with transaction(self._connection):
            stored = {t: self._append_table(t, batch.tables[t]) for t in TABLES if t in batch.tables}
            counts = self._count(batch, stored)
            position = {"source": batch.source, "partition": batch.partition, "cursor": batch.cursor}
            tally = {k: v for k, v in vars(counts).items() if k != "skipped"}
            self._connection.execute(query("record_ingestion"), position | tally)
        return counts

    def append_all(self, batches: Iterable[Batch]) -> Counts:
        """Store one batch after the other and return what became of all of them."""
        return reduce(Counts.__add__, map(self.append, batches), Counts())

    def meta_dataset(
        self,
        *,
        metric: str | None = None,
        task_type: TaskType | None = None,
        split: str = "validation",
        extractor: str | None = None,
    ) -> MetaDataset:
        """Load the evaluations under one metric, with the meta-features of one extractor.

        Defaults: the task type with most tasks (under the metric, if given), the metric with most evaluations,
        metalearn's own extractor where it was used, else the one that describes most tasks. An empty knowledge base
        gives an empty MetaDataset.

        Raises:
            UnknownNameError: when nothing was evaluated under this metric, or no such extractor was used.
        """
        return load_meta_dataset(
            self._connection,
            metric=metric,
            task_type=task_type,
            split=split,
            extractor=extractor,
            snapshot_id=self.snapshot_id,
        )

    def extractor_of(self, task: Task) -> str | None:
        """Return the extractor whose meta-features a task brings most of, None where it brings none."""
        text = "SELECT extractor, list(DISTINCT name) FROM meta_features GROUP BY extractor ORDER BY extractor"
        known = {e: set(names) & set(task.meta_features) for e, names in self._connection.execute(text).fetchall()}
        best = max(known, key=lambda extractor: len(known[extractor]), default=None)
        return best if best is not None and known[best] else None

    def task(self, task_id: str) -> Task:
        """Return a stored task with the meta-features of the default extractor.

        Raises:
            KnowledgeBaseError: when there is no such task.
        """
        return load_task(self._connection, task_id)

    def dataset_names(self) -> dict[str, str]:
        """Return the name of each task's dataset by task id, where it is known."""
        text = "SELECT tasks.id, name FROM tasks JOIN datasets ON datasets.id = dataset_id WHERE name IS NOT NULL"
        return dict(self._connection.execute(text).fetchall())

    def evaluated(self, source: str) -> set[tuple[str, str]]:
        """Return the (task id, configuration id) pairs that a source has stored already."""
        text = "SELECT DISTINCT task_id, configuration_id FROM evaluations WHERE source = ?"
        return set(self._connection.execute(text, [source]).fetchall())

    def described(self, extractor: str, version: str) -> set[str]:
        """Return the ids of the tasks that have meta-features of this version of an extractor."""
        text = "SELECT DISTINCT task_id FROM meta_features WHERE extractor = ? AND extractor_version = ?"
        return {row[0] for row in self._connection.execute(text, [extractor, version]).fetchall()}

    def tasks_of_openml_datasets(self) -> dict[int, list[str]]:
        """Return the task ids of each dataset that OpenML numbers."""
        tasks: defaultdict[int, list[str]] = defaultdict(list)
        for id_, dataset in self._connection.execute("SELECT id, dataset_id FROM tasks ORDER BY id").fetchall():
            if number := re.fullmatch(r"openml-(\d+)", dataset):
                tasks[int(number[1])].append(id_)
        return dict(tasks)

    def dataset_rows(self) -> list[tuple[str, str | None, str | None, str]]:
        """Return id, name, fingerprint and family of every dataset."""
        text = "SELECT id, name, fingerprint, coalesce(family, id) FROM datasets ORDER BY id"
        return self._connection.execute(text).fetchall()

    def set_families(self, families: Mapping[str, str]) -> None:
        """Store the family of datasets, by dataset id."""
        with transaction(self._connection):
            for dataset, family in families.items():
                self._connection.execute("UPDATE datasets SET family = ? WHERE id = ?", [family, dataset])

    def info(self) -> dict[str, Any]:
        """Return what the knowledge base holds: rows a table, and evaluations by metric, task type and algorithm."""

        def counted(text: str) -> dict[str, int]:
            return dict(self._connection.execute(text).fetchall())

        return {
            "location": self.location,
            "snapshot_id": self.snapshot_id or None,
            "rows": {t: self._connection.execute(f"SELECT count(*) FROM {t}").fetchall()[0][0] for t in TABLES},
            "tasks": counted("SELECT type, count(*) FROM tasks GROUP BY ALL ORDER BY ALL"),
            "metrics": counted("SELECT metric, count(*) FROM evaluations GROUP BY ALL ORDER BY ALL"),
            "status": counted("SELECT status, count(*) FROM evaluations GROUP BY ALL ORDER BY ALL"),
            "algorithms": counted("SELECT algorithm, count(*) FROM configurations GROUP BY ALL ORDER BY ALL"),
            "extractors": counted(
                "SELECT extractor, count(DISTINCT task_id) FROM meta_features GROUP BY ALL ORDER BY ALL"
            ),
            "families": self._connection.execute(
                "SELECT count(DISTINCT coalesce(family, id)) FROM datasets"
            ).fetchall()[0][0],
        }

    def inconsistencies(self) -> list[str]:
        """Return one sentence for each kind of row that points to nothing or stands twice; a sound one has none."""
        rows = self._connection.execute(query("orphans", key=", ".join(EVALUATION_KEY))).fetchall()
        return [f"{count} {problem}" for problem, count in rows if count]

    def tables(self) -> "dict[str, pa.Table]":
        """Return all rows of every table, as one batch that another knowledge base can append."""
        return {table: self._connection.sql(f"SELECT * FROM {table}").to_arrow_table() for table in TABLES}

    def publish(self, folder: str | Path) -> Manifest:
        """Freeze everything into a Parquet snapshot with a manifest of row counts and SHA-256 sums."""
        return write_snapshot(self._connection, Path(folder))

    def _append_table(self, table: str, rows: "pa.Table") -> int:
        """Insert the new rows of one table and return how many they were."""
        self._connection.register("batch", rows)
        if table == "evaluations":
            parts = {"key": ", ".join(EVALUATION_KEY), "columns": self._filled_columns(rows.column_names)}
            inserted = self._connection.execute(query("append_evaluations", **parts))
        else:
            inserted = self._connection.execute(query("append_small", table=table))
        count = int(inserted.fetchall()[0][0])
        self._connection.unregister("batch")
        return count

    def _filled_columns(self, given: Sequence[str]) -> str:
        """Return a select list of the evaluations' columns, with the table's defaults where a batch leaves gaps."""
        text = "SELECT column_name, column_default FROM duckdb_columns() WHERE table_name = 'evaluations'"
        defaults = dict(self._connection.execute(text).fetchall())
        return ", ".join(
            (f"coalesce({name}, {default}) AS {name}" if default else name)
            if name in given
            else f"{default or 'NULL'} AS {name}"
            for name, default in defaults.items()
        )

    @staticmethod
    def _count(batch: Batch, stored: dict[str, int]) -> Counts:
        rows = {t: len(batch.tables.get(t, ())) for t in ("evaluations", "meta_features", "quarantine")}
        new = stored.get("evaluations", 0) + stored.get("meta_features", 0)
        already = rows["evaluations"] + rows["meta_features"] - new
        return Counts(batch.seen, new, already, rows["quarantine"], batch.skipped)


def verify(location: str | Path | None = None) -> list[str]:
    """Return one sentence for each problem of a knowledge base: files that differ from the manifest, else bad rows.

    >>> verify()
    []
    """
    where = _resolved(location)
    damaged = list(verify_snapshot(where)) if is_snapshot(where) else []
    if damaged:
        return damaged
    with KnowledgeBase.open(where) as knowledge_base:
        return knowledge_base.inconsistencies()


def _resolved(location: str | Path | None) -> str:
    """Return where a knowledge base is: by default the bundled one."""
    return str(metadata_path("knowledge_base") if location is None else location)
