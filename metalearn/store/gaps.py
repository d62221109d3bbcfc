"""Filling gaps: what one source does not know of a dataset, a task or a space, another one tells later."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from metalearn.store.queries import query

if TYPE_CHECKING:
    import duckdb

# By table: its key, and the columns that may be unknown (NULL, or an empty text).
_FILLED = {
    "datasets": ("id", ("name", "version", "family", "fingerprint", "n_rows", "n_columns")),
    "tasks": ("id", ("target", "procedure")),
    "spaces": ("name", ("definition",)),
}


def fill_gaps(connection: "duckdb.DuckDBPyConnection", table: str, rows: str, given: Iterable[str]) -> int:
    """Fill in what ``table`` does not know and ``rows``, a table with the columns ``given``, tell.

    What is known stays as it is. Returns how many rows of the table have been filled.
    """
    key, columns = _FILLED.get(table, ("", ()))
    told = [name for name in columns if name in set(given)]
    if not told:
        return 0
    unknown = {name: f"coalesce({table}.{name}::VARCHAR, '') = ''" for name in told}
    parts = {
        "table": table,
        "rows": rows,
        "key": key,
        "told": ", ".join(f"any_value({name}) FILTER ({name}::VARCHAR <> '') AS {name}" for name in told),
        "filled": ", ".join(
            f"{name} = CASE WHEN {unknown[name]} THEN later.{name} ELSE {table}.{name} END" for name in told
        ),
        "gap": " OR ".join(f"{unknown[name]} AND later.{name} IS NOT NULL" for name in told),
    }
    return int(connection.execute(query("fill_gaps", **parts)).fetchall()[0][0])
