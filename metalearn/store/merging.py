"""Putting another knowledge base into one: what is new goes in, what is there stays, and differences are counted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metalearn.core.families import families
from metalearn.errors import KnowledgeBaseError
from metalearn.store.appending import Appender
from metalearn.store.connection import transaction
from metalearn.store.datasets import set_families
from metalearn.store.queries import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import duckdb
    import pyarrow as pa

# What the rows of two knowledge bases may say differently of the same thing. Who brought it is no difference, nor is
# a family: those of both are joined.
_TOLD = {
    "datasets": ("name", "version", "fingerprint", "n_rows", "n_columns"),
    "tasks": ("dataset_id", "type", "target"),
    "metrics": ("direction", "low", "high"),
    "spaces": ("definition",),
    "configurations": ("space", "algorithm", "hyperparameters"),
    "evaluations": ("value", "status", "resource_value", "cost_seconds"),
    "meta_features": ("value", "status"),
    "flows": ("name", "version"),
    "setups": ("flow_id", "hyperparameters"),
}
_ROWS_AT_ONCE = 250_000


@dataclass(frozen=True)
class Merged:
    """What became of the rows of one table: seen = stored + already_there, and conflicts of these say otherwise.

    >>> Merged(seen=3, stored=1, conflicts=1).already_there
    2
    """

    seen: int = 0
    stored: int = 0
    conflicts: int = 0

    @property
    def already_there(self) -> int:
        """Rows whose key was there."""
        return self.seen - self.stored

    def __add__(self, other: "Merged") -> "Merged":
        return Merged(self.seen + other.seen, self.stored + other.stored, self.conflicts + other.conflicts)


def merge(
    connection: "duckdb.DuckDBPyConnection",
    appender: Appender,
    other: "duckdb.DuckDBPyConnection",
    report: "Callable[[int], object] | None" = None,
) -> dict[str, Merged]:
    """Put the tables of another knowledge base in, and return what became of their rows, by table.

    Rows come 250,000 at a time, each piece in a transaction of its own, and the cursors of ingestions last: where a
    merge is interrupted, the next one completes it. ``report`` is called with the number of rows of each piece.

    Raises:
        KnowledgeBaseError: when the two turn a metric in different directions.
    """
    _require_same_directions(connection, other)
    linked = _joined_families(connection, other)
    merged = {}
    for table in sorted(TABLES, key="ingestions".__eq__):
        merged[table] = Merged()
        for rows in _pieces(other, table):
            merged[table] += _merge(connection, appender, table, rows)
            if report:
                report(len(rows))
        if table == "datasets":
            _join_families(connection, linked)
    return {table: merged[table] for table in TABLES}


def _merge(connection: "duckdb.DuckDBPyConnection", appender: Appender, table: str, rows: "pa.Table") -> Merged:
    with transaction(connection):
        stored = appender.insert(table, rows)
    compared = table in _TOLD and stored < len(rows)
    conflicts = appender.conflicts(table, rows, _TOLD[table]) if compared else 0
    return Merged(len(rows), stored, conflicts)


def _pieces(other: "duckdb.DuckDBPyConnection", table: str) -> "Iterator[pa.Table]":
    import pyarrow as pa

    for piece in other.sql(f"SELECT * FROM {table}").to_arrow_reader(_ROWS_AT_ONCE):
        yield pa.Table.from_batches([piece])


def _require_same_directions(connection: "duckdb.DuckDBPyConnection", other: "duckdb.DuckDBPyConnection") -> None:
    text = "SELECT name, direction FROM metrics"
    ours, theirs = (dict(side.execute(text).fetchall()) for side in (connection, other))
    for name in ours.keys() & theirs.keys():
        if ours[name] != theirs[name]:
            said = f"One knowledge base says {ours[name]} of the metric {name}, the other {theirs[name]}"
            raise KnowledgeBaseError(f"{said}; they cannot be merged.")


def _joined_families(connection: "duckdb.DuckDBPyConnection", other: "duckdb.DuckDBPyConnection") -> dict[str, str]:
    """Return the family of every dataset of both: datasets that one of the two has in one family stay together."""
    text = "SELECT id, coalesce(family, id) FROM datasets ORDER BY id"
    rows = [row for side in (connection, other) for row in side.execute(text).fetchall()]
    ids = sorted({dataset for dataset, _ in rows})
    first: dict[str, str] = {}
    links = [(first.setdefault(family, dataset), dataset) for dataset, family in rows]
    return families(ids, [None] * len(ids), [None] * len(ids), links)


def _join_families(connection: "duckdb.DuckDBPyConnection", linked: "Mapping[str, str]") -> None:
    """Store the families that are others than now; a dataset without one is its own family."""
    now = dict(connection.execute("SELECT id, coalesce(family, id) FROM datasets").fetchall())
    set_families(connection, {dataset: family for dataset, family in linked.items() if now[dataset] != family})
