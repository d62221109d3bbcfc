"""Opening a DuckDB file as a knowledge base: locks, the schema's versions, transactions."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metalearn.core.metrics import METRICS
from metalearn.core.resources import metadata_path
from metalearn.errors import KnowledgeBaseError, KnowledgeBaseLockedError
from metalearn.store.queries import TABLES, query, schema_versions

if TYPE_CHECKING:
    import duckdb


_LOG = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 5.0
# DuckDB compresses what was appended each time the journal is this long; at its own 16 MB that is every tenth page of
# 10,000 evaluations and a third of the time of appending them.
_JOURNAL = "64MB"
_IN_MEMORY = ":memory:"
# What DuckDB says of a file that something else wrote. The file itself is not looked into: closing it would take from
# this process the lock of a connection that it has to it (POSIX).
_FOREIGN = ("not a valid DuckDB database file", "Cannot launch in-memory database")


def resolved(location: str | Path | None) -> str:
    """Return where a knowledge base is: by default the bundled one."""
    where = metadata_path("knowledge_base") if location is None else location
    return str(Path(where).expanduser()) if str(where).startswith("~") else str(where)


def connect(path: str, *, read_only: bool, wait: bool = False) -> "duckdb.DuckDBPyConnection":
    """Open a DuckDB file and bring its schema up to date; made, with ``read_only=False``, where it does not exist.

    With ``wait`` a file that another process holds is tried again until it is free, with pauses that double up to five
    seconds; a log line says once who holds it.

    Raises:
        KnowledgeBaseLockedError: when another process holds the file.
        KnowledgeBaseError: when there is no such file, or it is something else than a knowledge base.
    """
    if read_only and not Path(path).exists():
        raise KnowledgeBaseError(f"There is no knowledge base at {path}; make one with 'metalearn ingest'.")
    connection = _wait_and_open(path, read_only=read_only) if wait else _open(path, read_only=read_only)
    try:
        _check_kept(connection, path)
        if not read_only:
            connection.execute(f"SET checkpoint_threshold = '{_JOURNAL}'")
            connection.execute("SET max_vacuum_tasks = 0")
        _upgrade(connection, path, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def discard_empty(connection: "duckdb.DuckDBPyConnection", path: str) -> None:
    """Remove a file into which nothing was written but the schema, while it is held: nobody else can write into it."""
    import duckdb

    rows = " + ".join(f"(SELECT count(*) FROM {table})" for table in TABLES if table != "metrics")
    with suppress(duckdb.Error, OSError):
        if not connection.execute(f"SELECT {rows}").fetchall()[0][0]:
            connection.execute("CHECKPOINT")  # the journal is empty then, and closing writes no other one
            Path(path).unlink()


def _wait_and_open(path: str, *, read_only: bool) -> "duckdb.DuckDBPyConnection":
    from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

    def say_so(state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome:
            holder = str(state.outcome.exception()).partition(";")[0]
            _LOG.warning("%s; waiting for it to end (Ctrl-C gives up)", holder)

    retrying = Retrying(
        retry=retry_if_exception_type(KnowledgeBaseLockedError),
        wait=wait_exponential(multiplier=0.05, max=_LONGEST_PAUSE_SECONDS),
        before_sleep=say_so,
    )
    return retrying(_open, path, read_only=read_only)


def _open(path: str, *, read_only: bool) -> "duckdb.DuckDBPyConnection":
    import duckdb

    try:
        return duckdb.connect(path, read_only=read_only)
    except duckdb.Error as error:
        raise opening_error(path, error) from None


def _check_kept(connection: "duckdb.DuckDBPyConnection", path: str) -> None:
    """Check that what is written goes to the file: DuckDB opens a CSV file in memory, as a table."""
    kept = connection.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()")
    if path != _IN_MEMORY and kept.fetchall() == [(None,)]:
        raise _foreign(path)


def _foreign(path: str) -> KnowledgeBaseError:
    return KnowledgeBaseError(f"{path} is no knowledge base, which is a file of DuckDB's; check the path.")


def opening_error(path: str, error: Exception) -> KnowledgeBaseError:
    """Return what to raise where DuckDB cannot open or attach a file."""
    if holder := re.search(r"lock is held in (.*?) \(PID (\d+)\)", str(error)):
        message = f"{path} is held open by another process ({Path(holder[1]).name}, PID {holder[2]})"
        advice = "wait until it ends, or run 'metalearn kb publish' then and read the snapshot"
        return KnowledgeBaseLockedError(f"{message}; {advice}.")
    if any(said in str(error) for said in _FOREIGN):
        return _foreign(path)
    return KnowledgeBaseError(f"{path} cannot be opened as a knowledge base: {str(error).splitlines()[0]}")


def reclaim_space(connection: "duckdb.DuckDBPyConnection") -> None:
    """Give the space of deleted rows back to the file, for later rows; what is free at its end is cut off.

    At any other time rows keep their numbers, which ``row_blocks`` relies on: DuckDB closes gaps by moving rows.
    """
    connection.execute("RESET max_vacuum_tasks")
    connection.execute("CHECKPOINT")
    connection.execute("SET max_vacuum_tasks = 0")


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
    except BaseException as error:
        with suppress(duckdb.Error):  # where the commit failed, there is nothing left to roll back
            connection.rollback()
        if isinstance(error, duckdb.Error):
            message = f"The knowledge base refused these rows and stored none of them: {error}"
            raise KnowledgeBaseError(message) from error
        raise
