"""Appending a batch: what is new goes in, what is there stays, and the source's cursor moves; all or nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from metalearn.core.records import Batch
from metalearn.store.connection import transaction
from metalearn.store.gaps import fill_gaps
from metalearn.store.queries import EVALUATION_KEY, TABLES, query
from metalearn.store.row_blocks import RowBlocks

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# More ranges of rows than this are read as one: each row is compared with all of them.
_MOST_RANGES = 32
_ENDS = ("low", "high")


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


@dataclass(frozen=True)
class _Matching:
    """How rows of a batch are matched with stored ones of the same key.

    ``columns`` is a select list of the batch's columns with all gaps filled in, ``key`` names the columns to join by,
    ``near`` is a condition on the stored rows that can have a key of the batch, with its parameters.
    """

    columns: str
    key: list[str]
    near: str
    parameters: dict[str, Any]


class Appender:
    """Appends batches to a knowledge base that is open for writing.

    A batch of evaluations is freed of doubles within itself and joined with those rows of the table that can have the
    same keys: in the blocks of its own tasks, and between its least and greatest value of every column of the key.
    So the time of an append depends on what is stored of its tasks, not on the size of the table.
    """

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        self._blocks = RowBlocks(connection)

    def append(self, batch: Batch) -> Counts:
        """Store what is new in a batch and move the source's cursor, in one transaction."""
        with transaction(self._connection):
            if "released" in batch.tables:
                self._release(batch.tables["released"])
            stored = {table: self.insert(table, batch.tables[table]) for table in TABLES if table in batch.tables}
            counts = _counts(batch, stored)
            position = {"source": batch.source, "partition": batch.partition, "cursor": batch.cursor}
            tally = {k: v for k, v in vars(counts).items() if k != "skipped"}
            self._connection.execute(query("record_ingestion"), position | tally)
        return counts

    def insert(self, table: str, rows: "pa.Table") -> int:
        """Insert the new rows of one table, fill gaps in its old ones, and return how many were new."""
        if not len(rows):
            return 0
        self._connection.register("batch", rows)
        if table == "evaluations":
            same = self._matching(rows.column_names)
            parts = {"columns": same.columns, "key": ", ".join(same.key), "near": same.near}
            inserted = self._number(query("append_evaluations", **parts), same.parameters)
        else:
            inserted = self._number(query("append_small", table=table))
            if inserted < len(rows):
                fill_gaps(self._connection, table, "batch", rows.column_names)
        self._connection.unregister("batch")
        return inserted

    def conflicts(self, table: str, rows: "pa.Table", told: Iterable[str]) -> int:
        """Return how many of the rows are in a table with the same key, and another value in the columns ``told``."""
        self._connection.register("batch", rows)
        if table == "evaluations":
            same = self._matching(rows.column_names)
        else:
            same = _Matching("*", self._primary_keys[table], "true", {})
        differ = " OR ".join(f"ours.{name} <> theirs.{name}" for name in told)
        parts = {"table": table, "columns": same.columns, "key": ", ".join(same.key), "near": same.near}
        found = self._number(query("conflicts", **parts, differ=differ), same.parameters)
        self._connection.unregister("batch")
        return found

    def _matching(self, given: Iterable[str]) -> "_Matching":
        """Return how the rows of "batch" with the columns ``given`` are matched with stored evaluations."""
        columns = self._filled_columns(given)
        limits = ", ".join(f"[min({name}), max({name})], bool_or({name} IS NULL)" for name in EVALUATION_KEY)
        found = self._connection.execute(query("limits_of_batch", columns=columns, limits=limits)).fetchall()[0]
        ends, gaps = dict(zip(EVALUATION_KEY, found[1::2], strict=True)), found[2::2]
        # A column in which the batch does not vary is settled by its limits, and dear to join by.
        varying = [name for name, gap in zip(EVALUATION_KEY, gaps, strict=True) if gap or len(set(ends[name])) > 1]
        return _Matching(columns, varying or ["task_id"], *self._near(found[0], ends))

    def _near(self, tasks: Iterable[str], ends: Mapping[str, list[Any]]) -> tuple[str, dict[str, Any]]:
        """Return a condition on rows of the table that can have keys of the batch, and its parameters."""
        ranges = self._blocks.ranges(tasks)
        if not ranges:
            return "false", {}
        if len(ranges) > _MOST_RANGES:
            ranges = [(ranges[0][0], ranges[-1][1])]
        # DuckDB passes over blocks that lie outside of a range; a list of values or a join does not spare it them.
        within = [f"{name} BETWEEN $low_{name} AND $high_{name}" for name in ends]
        blocks = " OR ".join(f"rowid BETWEEN {first} AND {last}" for first, last in ranges)
        parameters = {
            f"{end}_{name}": value for name, pair in ends.items() for end, value in zip(_ENDS, pair, strict=True)
        }
        return " AND ".join([*within, f"({blocks})"]), parameters

    def _filled_columns(self, given: Iterable[str]) -> str:
        """Return a select list of the evaluations' columns, with the table's defaults where a batch leaves gaps."""
        known = set(given)
        return ", ".join(
            f"coalesce({name if name in known else 'NULL'}::{type_}, {default or 'NULL'}) AS {name}"
            for name, type_, default in self._columns
        )

    @cached_property
    def _columns(self) -> list[tuple[str, str, str | None]]:
        """Name, type and default of the evaluations' columns."""
        text = "SELECT column_name, data_type, column_default FROM duckdb_columns() WHERE table_name = 'evaluations'"
        return self._connection.execute(text).fetchall()

    def _release(self, refused: "pa.Table") -> None:
        """Take rows out of quarantine."""
        self._connection.register("batch", refused)
        self._connection.execute(query("release"))
        self._connection.unregister("batch")

    @cached_property
    def _primary_keys(self) -> dict[str, list[str]]:
        text = (
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'"
        )
        return dict(self._connection.execute(text).fetchall())

    def _number(self, text: str, parameters: Mapping[str, Any] | None = None) -> int:
        return int(self._connection.execute(text, parameters).fetchall()[0][0])


def _counts(batch: Batch, stored: Mapping[str, int]) -> Counts:
    rows = {t: len(batch.tables.get(t, ())) for t in ("evaluations", "meta_features", "quarantine")}
    new = stored.get("evaluations", 0) + stored.get("meta_features", 0)
    already = rows["evaluations"] + rows["meta_features"] - new
    return Counts(batch.seen, new, already, rows["quarantine"], batch.skipped)
