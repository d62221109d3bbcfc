"""Opening a DuckDB file as a knowledge base: locks, the schema's versions, transactions."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metalearn.core.metrics import METRICS
from metalearn.errors import KnowledgeBaseError, KnowledgeBaseLockedError
from metalearn.store.queries import query, schema_versions

if TYPE_CHECKING:
    import duckdb


def connect(path: str, *, read_only: bool) -> "duckdb.DuckDBPyConnection":
    """Open a DuckDB file and bring its schema up to date; made, with ``read_only=False``, where it does not exist.

    Raises:
        KnowledgeBaseLockedError: when another process holds the file.
        KnowledgeBaseError: when there is no such file, or it is something else than a knowledge base.
    """
    import duckdb

    if read_only and not Path(path).exists():
        raise KnowledgeBaseError(f"There is no knowledge base at {path}; make one with 'metalearn ingest'.")
    try:
        connection = duckdb.connect(path, read_only=read_only)
    except duckdb.IOException as error:
        holder = re.search(r"lock is held in (.*?) \(PID (\d+)\)", str(error))
        if holder:
            message = f"{path} is held open by another process ({Path(holder[1]).name}, PID {holder[2]})"
            advice = "wait until it ends, or run 'metalearn kb publish' then and read the snapshot"
            raise KnowledgeBaseLockedError(f"{message}; {advice}.") from None
        raise KnowledgeBaseError(f"{path} cannot be opened as a knowledge base: {str(error).splitlines()[0]}") from None
    try:
        _upgrade(connection, path, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: "duckdb.DuckDBPyConnection", path: str, *, read_only: bool) -> None:
    """Run the schema's scripts that are newer than the file."""
    version = _schema_version(connection, path)
    newest = max(schema_versions())
    if version > newest:
        raise KnowledgeBaseError(f"{path} has schema version {version}; upgrade metalearn to read it.")
    if version < newest and read_only:
        raise KnowledgeBaseError(f"{path} is empty, or of an older schema; write into it once with 'metalearn ingest'.")
    for number, name in schema_versions().items():
        if number > version:
            with transaction(connection):
                connection.execute(query(name))
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", [str(number)])
                rows = [[m.name, m.direction, m.low, m.high, i] for i, m in enumerate(METRICS.values())]
                connection.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?)", rows)


def _schema_version(connection: "duckdb.DuckDBPyConnection", path: str) -> int:
    tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return 0
    if not {"meta", "tasks", "evaluations"} <= tables:
        raise KnowledgeBaseError(f"{path} is a DuckDB file of something else than metalearn.")
    return int(connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()[0][0])


def fetch(
    connection: "duckdb.DuckDBPyConnection", name: str, parameters: Mapping[str, Any]
) -> "duckdb.DuckDBPyConnection":
    """Run a named query with those of the parameters that it uses."""
    text = query(name)
    return connection.execute(text, {k: v for k, v in parameters.items() if re.search(rf"\${k}\b", text)})


@contextmanager
def transaction(connection: "duckdb.DuckDBPyConnection") -> Iterator[None]:
    """Commit what happens inside, or nothing of it.

    Raises:
        KnowledgeBaseError: when DuckDB refuses a statement.
    """
    import duckdb

    connection.begin()
    try:
        yield
        connection.commit()
    except duckdb.Error as error:
        connection.rollback()
        raise KnowledgeBaseError(f"The knowledge base refused these rows and stored none of them: {error}") from error
    except BaseException:
        connection.rollback()
        raise
