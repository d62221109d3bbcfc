"""What a knowledge base holds, in numbers, and whether its rows fit together."""

from typing import TYPE_CHECKING, Any

from metalearn.store.queries import EVALUATION_KEY, TABLES, query

if TYPE_CHECKING:
    import duckdb

_COUNTED = {
    "tasks": "SELECT type, count(*) FROM tasks",
    "sources": "SELECT source, count(*) FROM evaluations",
    "metrics": "SELECT metric, count(*) FROM evaluations",
    "status": "SELECT status, count(*) FROM evaluations",
    "algorithms": "SELECT algorithm, count(*) FROM configurations",
    "extractors": "SELECT extractor, count(DISTINCT task_id) FROM meta_features",
}


def summary(connection: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Return rows a table, counts by task type, source, metric, status, algorithm and extractor, and of tasks tried."""
    counted = {
        what: dict(connection.execute(f"{text} GROUP BY ALL ORDER BY ALL").fetchall())
        for what, text in _COUNTED.items()
    }
    rows = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in TABLES}
    evaluated = connection.execute("SELECT count(DISTINCT task_id) FROM evaluations").fetchall()[0][0]
    families = connection.execute("SELECT count(DISTINCT coalesce(family, id)) FROM datasets").fetchall()[0][0]
    return {"rows": rows, **counted, "families": families, "evaluated_tasks": evaluated}


def inconsistencies(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """Return one sentence for each kind of row that points to nothing or stands twice; a sound one has none."""
    rows = connection.execute(query("orphans", key=", ".join(EVALUATION_KEY))).fetchall()
    return [f"{count} {problem}" for problem, count in rows if count]
