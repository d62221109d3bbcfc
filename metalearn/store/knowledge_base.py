"""KnowledgeBase: the evaluations of many configurations on many tasks, in DuckDB."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Batch, Task, TaskType
from metalearn.errors import InputError, KnowledgeBaseError
from metalearn.store import datasets
from metalearn.store.appending import Appender, Counts
from metalearn.store.connection import connect, discard_empty, resolved
from metalearn.store.ingested import StoredOf
from metalearn.store.loading import extractors, load_meta_dataset, load_task
from metalearn.store.merging import Merged, merge
from metalearn.store.queries import TABLES
from metalearn.store.removal import Kind, remove
from metalearn.store.snapshots import Manifest, attach_snapshot, is_snapshot, write_snapshot
from metalearn.store.summary import inconsistencies, summary

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa


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
        self._appender = Appender(connection)
        self.location = location
        self.read_only = read_only
        self.snapshot_id = manifest.snapshot_id if manifest else ""
        self._made = False

    @classmethod
    def open(cls, location: str | Path | None = None, *, read_only: bool = True, wait: bool = False) -> Self:
        """Open a DuckDB file, a snapshot's folder or its URL; without a location, the bundled snapshot.

        With ``read_only=False`` a file that does not exist is made, and one of an older schema is brought up to date;
        made for a ``with`` block that fails before anything is stored, it is removed again.
        With ``wait`` a file that another process holds is waited for, however long; a log line says who holds it.

        Raises:
            KnowledgeBaseLockedError: when another process holds the file.
            SnapshotError: when a snapshot is incomplete.
            KnowledgeBaseError: when there is no such knowledge base, or it is something else.
        """
        import duckdb

        where = resolved(location)
        if is_snapshot(where):
            if not read_only:
                raise KnowledgeBaseError(f"{where} is a snapshot, which is never written; give a .duckdb file.")
            connection = duckdb.connect()
            return cls(connection, where, attach_snapshot(connection, where), read_only=True)
        there = Path(where).exists()
        opened = cls(connect(where, read_only=read_only, wait=wait), where, None, read_only=read_only)
        opened._made = not there
        return opened

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None and self._made:
            discard_empty(self._connection, self.location)
        self.close()

    def append(self, batch: Batch) -> Counts:
        """Store what is new in a batch and move the source's cursor, in one transaction.

        Raises:
            KnowledgeBaseError: when the knowledge base is read-only or a row breaks the schema; nothing is stored then.
        """
        self._require_writable()
        return self._appender.append(batch)

    def append_all(self, batches: Iterable[Batch]) -> Counts:
        """Store one batch after the other and return what became of all of them."""
        return sum(map(self.append, batches), Counts())

    def add_evaluations(
        self, frame: "pd.DataFrame", *, source: str, space: str = "sklearn", task_type: TaskType | None = None
    ) -> Counts:
        """Store evaluations from a pandas data frame in long form: a row for each value that was measured.

        It has the columns ``task_id`` (the id of a task, OpenML's number of one, or a dataset that has one task),
        ``algorithm``, ``metric`` (by any of its names: ``error_rate`` becomes accuracy) and ``value``. It may have
        ``hyperparameters`` (a dict or JSON; only active ones), ``dataset_id`` (of tasks that are unknown here),
        ``split`` (default validation), ``resource`` (rows), ``fidelity`` (1), ``resource_value``, ``fold`` (-1, the
        mean over folds), ``seed`` (-1, unknown), ``cost_seconds``, ``status`` (ok) and ``run_id``. A task that is
        unknown is made, of ``task_type`` or of the type that its metric measures. ``space`` is the vocabulary of the
        hyperparameters. A row that cannot be right is quarantined with the reason; ``source`` names where the
        evaluations come from, and whom ``remove`` takes out again.

        Raises:
            InputError: when a column is lacking or unknown, or a task cannot be told; nothing is stored then.
            UnknownNameError: for a metric that is not known; names the nearest.

        >>> import pandas as pd, tempfile
        >>> frame = pd.DataFrame({"task_id": ["mine"], "algorithm": ["svc"], "hyperparameters": [{"C": 1.0}],
        ...                       "metric": ["accuracy"], "value": [0.9]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with KnowledgeBase.open(f"{folder}/kb.duckdb", read_only=False) as kb:
        ...         kb.add_evaluations(frame, source="notebook")
        Counts(seen=1, stored=1, already_there=0, quarantined=0, skipped=0)
        """
        from metalearn.store.frames import evaluation_batch
        from metalearn.store.known_names import Known

        known = Known.of(self._connection)
        return self.append(evaluation_batch(frame, known, source=source, space=space, task_type=task_type))

    def merge(self, other: str | Path, *, report: Callable[[int], object] | None = None) -> dict[str, Merged]:
        """Put the rows of another knowledge base or snapshot in, and return what became of them, by table.

        A row whose key is there stays as it is; where the other one says otherwise, that is a conflict, and counted.
        What is unknown here of a dataset, a task or a space is filled in, datasets that are of one family in either
        stay together, and of the cursors of ingestions those of partitions that are unknown here come along. Rows
        stream, and ``report`` is told how many; where a merge is interrupted, the next one completes it.

        Raises:
            KnowledgeBaseError: when this one is read-only, or the other is of another schema, held or itself.
        """
        self._require_writable()
        if Path(resolved(other)).resolve() == Path(self.location).resolve():
            raise KnowledgeBaseError(f"{self.location} cannot be merged into itself; give another knowledge base.")
        with KnowledgeBase.open(other) as opened:
            return merge(self._connection, self._appender, opened._connection, report)

    def remove(
        self,
        *,
        source: str | None = None,
        dataset: str | None = None,
        task: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, int]:
        """Take out a source, a dataset or a task, and return how many rows of each table went; all or nothing.

        With it goes what only it needs: evaluations, failures, tasks and datasets, meta-features of these tasks,
        configurations and spaces that nothing refers to any more; of a source also its own meta-features, quarantine,
        libraries, flows, setups and cursors, so that it can be ingested again. What other sources use stays, as
        theirs. Of a dataset or task, the cursors go of those partitions of its sources that name it. The file keeps
        its size: later rows take the space. ``dry_run`` only counts.

        Raises:
            InputError: when not exactly one of the three is given.
            KnowledgeBaseError: when there is no such thing, or the knowledge base is read-only.
        """
        given: dict[Kind, str | None] = {"source": source, "dataset": dataset, "task": task}
        chosen = [(kind, id_) for kind, id_ in given.items() if id_ is not None]
        if len(chosen) != 1:
            raise InputError("Say what to remove: a source, a dataset or a task, one of them.")
        self._require_writable()
        removed = remove(self._connection, *chosen[0], dry_run=dry_run)
        self._appender = Appender(self._connection)  # rows have moved
        return removed

    def meta_dataset(
        self,
        *,
        metric: str | None = None,
        task_type: TaskType | None = None,
        split: str = "validation",
        extractor: str | None = None,
        algorithms: tuple[str, ...] | None = None,
    ) -> MetaDataset:
        """Load the evaluations under one metric, of all algorithms or of some, with the meta-features of one extractor.

        Defaults: the task type with most tasks (under the metric, if given), the metric with most evaluations,
        metalearn's own extractor where it was used, else the one that describes most tasks. An empty knowledge base
        gives an empty MetaDataset.

        Raises:
            UnknownNameError: when nothing was evaluated under this metric or with such an algorithm, or no such
                extractor was used.
        """
        return load_meta_dataset(
            self._connection,
            metric=metric,
            task_type=task_type,
            split=split,
            extractor=extractor,
            algorithms=algorithms,
            snapshot_id=self.snapshot_id,
        )

    def extractors(self) -> dict[str, frozenset[str]]:
        """Return the names of the meta-features of each extractor, the default one's first."""
        return extractors(self._connection)

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

    def ingested(self, source: str) -> StoredOf:
        """Return what is stored of a source, for it to go on from (``core.protocols.Ingested``)."""
        return StoredOf(self._connection, source)

    def described(self, extractor: str, version: str) -> set[str]:
        """Return the ids of the tasks that have meta-features of this version of an extractor."""
        text = "SELECT DISTINCT task_id FROM meta_features WHERE extractor = ? AND extractor_version = ?"
        return {row[0] for row in self._connection.execute(text, [extractor, version]).fetchall()}

    def forget_meta_features(self, tasks: Sequence[str], extractor: str, version: str) -> None:
        """Delete what one version of an extractor said of some tasks, so that it can be stored anew.

        Raises:
            KnowledgeBaseError: when the knowledge base is read-only.
        """
        self._require_writable()
        datasets.forget_meta_features(self._connection, tasks, extractor, version)

    def store_dataset(self, row: datasets.DatasetRow) -> None:
        """Store a dataset; of one that is there the fingerprint is replaced, and what is unknown filled in.

        Raises:
            KnowledgeBaseError: when the knowledge base is read-only.
        """
        self._require_writable()
        datasets.store_dataset(self._connection, row)

    def tasks_of_dataset(self, dataset_id: str) -> tuple[datasets.TaskRow, ...]:
        """Return the tasks of a dataset, by id.

        >>> with KnowledgeBase.open() as bundled:
        ...     bundled.tasks_of_dataset("openml-61")[0].target
        'class'
        """
        return datasets.tasks_of_dataset(self._connection, dataset_id)

    def tasks_of_openml_datasets(self) -> dict[int, list[str]]:
        """Return the task ids of each dataset that OpenML numbers."""
        return datasets.tasks_of_openml_datasets(self._connection)

    def dataset_rows(self) -> list[tuple[str, str | None, str | None, str]]:
        """Return id, name, fingerprint and family of every dataset."""
        text = "SELECT id, name, fingerprint, coalesce(family, id) FROM datasets ORDER BY id"
        return self._connection.execute(text).fetchall()

    def set_families(self, families: Mapping[str, str]) -> None:
        """Store the family of datasets, by dataset id.

        Raises:
            KnowledgeBaseError: when the knowledge base is read-only.
        """
        self._require_writable()
        datasets.set_families(self._connection, families)

    def info(self) -> dict[str, Any]:
        """Return what the knowledge base holds: rows a table, and evaluations by metric, task type and algorithm."""
        return {"location": self.location, "snapshot_id": self.snapshot_id or None} | summary(self._connection)

    def inconsistencies(self) -> list[str]:
        """Return one sentence for each kind of row that points to nothing or stands twice; a sound one has none."""
        return inconsistencies(self._connection)

    def tables(self) -> "dict[str, pa.Table]":
        """Return all rows of every table, as one batch that another knowledge base can append."""
        return {table: self._connection.sql(f"SELECT * FROM {table}").to_arrow_table() for table in TABLES}

    def publish(self, folder: str | Path) -> Manifest:
        """Freeze everything into a Parquet snapshot with a manifest of row counts and SHA-256 sums: a folder or URL."""
        return write_snapshot(self._connection, folder)

    def _require_writable(self) -> None:
        if self.read_only:
            raise KnowledgeBaseError(f"{self.location} is open for reading only; open it with read_only=False.")
