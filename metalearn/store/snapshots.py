"""Snapshots: a knowledge base frozen as Parquet files with a manifest of row counts and SHA-256 sums.

A snapshot is a folder, or an object-store URL that fsspec knows; it is what papers and algorithms cite, by the
``snapshot_id`` in its ``manifest.json``. Each table is one file, ``tasks.parquet``; ``evaluations`` is a folder of
files that DuckDB, Dask, pandas, Polars and Spark read where they are::

    dask.dataframe.read_parquet("s3://bucket/kb/evaluations", filters=[("metric", "==", "accuracy")])
    SELECT * FROM read_parquet('kb/evaluations/**/*.parquet', hive_partitioning = true) WHERE metric = 'accuracy'

Up to ``ROWS_PER_FILE`` rows it holds one file. Beyond that there is a folder for each metric and split
(``metric=accuracy/split=validation/part-0.parquet``), with files of bounded size that are sorted by task and then by
configuration: who asks for one metric opens no other files, and who asks for one task skips the row groups, of 122,880
rows, that do not hold it. That costs a small knowledge base half as many bytes again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from metalearn.errors import KnowledgeBaseError, SnapshotError
from metalearn.store.files import Files, files_at, sha256
from metalearn.store.queries import TABLES, query, schema_versions

if TYPE_CHECKING:
    import duckdb

MANIFEST = "manifest.json"
ROW_GROUP = 122_880  # DuckDB's own size
ROWS_PER_FILE = 8 * ROW_GROUP  # about a million rows and 10 MB, what one task of Dask or one request takes at ease
_SPLIT_TABLE = "evaluations"


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says: per table the number of rows, and of each file its rows, bytes and SHA-256."""

    snapshot_id: str
    schema_version: int
    tables: dict[str, dict[str, Any]]


def write_snapshot(
    connection: "duckdb.DuckDBPyConnection", location: str | Path, *, rows_per_file: int = ROWS_PER_FILE
) -> Manifest:
    """Write every table into a folder or to a URL, replacing an older snapshot there.

    A folder is complete or not touched at all. To a URL go the files first and the manifest last; in between the
    snapshot does not open. Rows stream: DuckDB sorts what exceeds its ``memory_limit`` on disk. Equal content gives
    equal bytes, and so the same ``snapshot_id``. ``rows_per_file`` bounds the files of ``evaluations``, rounded up to
    whole row groups of at most 122,880 rows.

    Raises:
        KnowledgeBaseError: when the folder holds something else.
    """
    files = files_at(str(location))
    _refuse_other_files(files)
    with files.staging() as new:
        tables = _write_tables(connection, new, rows_per_file)
        # The dates in `ingestions` say how it came about, not what it holds.
        held = [file for table, entry in tables.items() if table != "ingestions" for file in entry["files"]]
        content = "".join(file["file"] + file["sha256"] for file in held)  # a metric may stand in the name alone
        manifest = Manifest(hashlib.sha256(content.encode()).hexdigest()[:16], max(schema_versions()), tables)
        (new / MANIFEST).write_text(json.dumps(manifest.__dict__, indent=2) + "\n", encoding="utf-8")
        files.replace(new, last=MANIFEST)
    return manifest


def _refuse_other_files(files: Files) -> None:
    """A folder that is replaced must be empty or a snapshot and nothing else."""
    ours = files.exists(MANIFEST)
    for name, _ in files.listed():  # ends at the first: somebody may have given a home folder
        if not (ours and (name == MANIFEST or name.endswith(".parquet"))):
            raise KnowledgeBaseError(f"{files.label} holds other files ({name}); publish into an empty or new folder.")


def _write_tables(
    connection: "duckdb.DuckDBPyConnection", folder: Path, rows_per_file: int
) -> dict[str, dict[str, Any]]:
    import duckdb

    # One thread keeps the rows, and so the bytes and the id, the same from run to run.
    connection.execute("SET threads TO 1")
    try:
        return {table: _write_table(connection, table, folder, rows_per_file) for table in TABLES}
    except duckdb.Error as error:
        raise KnowledgeBaseError(f"The snapshot could not be written: {str(error).splitlines()[0]}") from error
    finally:
        connection.execute("RESET threads")


def _write_table(
    connection: "duckdb.DuckDBPyConnection", table: str, folder: Path, rows_per_file: int
) -> dict[str, Any]:
    columns = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    target = folder / (table if table == _SPLIT_TABLE else f"{table}.parquet")
    if table != _SPLIT_TABLE:
        _copy(connection, columns, table, target)
    elif rows <= rows_per_file:
        _copy(connection, columns, table, target / "part-0.parquet")
    else:
        inside = [name for name in columns if name not in ("metric", "split")]
        for metric, split in connection.execute(f"SELECT DISTINCT metric, split FROM {table} ORDER BY ALL").fetchall():
            which = f"{table} WHERE metric = {_quoted(metric)} AND split = {_quoted(split)}"
            part = target / f"metric={quote(metric, safe='')}" / f"split={quote(split, safe='')}"
            _copy(connection, inside, which, part, rows_per_file)
    paths = [target] if target.is_file() else sorted(target.rglob("*.parquet"))
    return {"rows": rows, "columns": columns, "files": [_described(connection, path, folder) for path in paths]}


def _copy(
    connection: "duckdb.DuckDBPyConnection", columns: list[str], source: str, target: Path, rows_per_file: int = 0
) -> None:
    """Write sorted rows into one file, or with ``rows_per_file`` into a folder of files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    options = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 12"
    if rows_per_file:
        options += f", ROW_GROUP_SIZE {min(ROW_GROUP, rows_per_file)}, FILENAME_PATTERN 'part-{{i}}'"
        options += f", ROW_GROUPS_PER_FILE {max(1, rows_per_file // ROW_GROUP)}"
    # DuckDB marks a column as required where its statistics know of no NULL, and these remember rows that are gone.
    # A possible row of NULLs, which never comes, makes all columns optional, so that equal rows are equal bytes.
    nulls = f"SELECT {', '.join('NULL' for _ in columns)} WHERE random() < 0"
    rows = f"SELECT {_names(columns)} FROM {source} UNION ALL {nulls} ORDER BY ALL"
    connection.execute(f"COPY ({rows}) TO {_quoted(str(target))} ({options})")


def _described(connection: "duckdb.DuckDBPyConnection", path: Path, folder: Path) -> dict[str, Any]:
    rows = connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchall()[0][0]
    with path.open("rb") as file:
        sum_ = sha256(file)
    return {"file": path.relative_to(folder).as_posix(), "rows": rows, "bytes": path.stat().st_size, "sha256": sum_}


def is_snapshot(location: str) -> bool:
    """Whether the location is a URL or a folder, and so not a DuckDB file."""
    return "://" in location or Path(location).is_dir()


def attach_snapshot(connection: "duckdb.DuckDBPyConnection", location: str) -> Manifest:
    """Make the tables of a snapshot readable in ``connection`` as views; no data is read.

    Raises:
        SnapshotError: when a file is missing or of another size, or the schema is newer than this metalearn.
    """
    manifest = read_manifest(location)
    files = files_at(location)
    files.register(connection)
    connection.execute("SET parquet_metadata_cache = true")  # a snapshot does not change: each footer is read once
    # Beside no file of its own, DuckDB would sort what exceeds its memory in the current folder.
    connection.execute(f"SET temp_directory = {_quoted(str(Path(gettempdir(), f'metalearn-{uuid4().hex}')))}")
    _refuse_incomplete(files, manifest)
    for table, entry in manifest.tables.items():
        try:
            connection.execute(f"CREATE VIEW {table} AS {_select(files, entry)}")
        except Exception as error:
            raise _damaged(files, entry["files"][0]["file"]) from error
    for version, script in schema_versions().items():
        if version > manifest.schema_version:  # what came later stands empty
            connection.execute(query(script))
    return manifest


def read_manifest(location: str) -> Manifest:
    """Read and check ``manifest.json``; one file a table, as older snapshots have it, reads like many.

    Raises:
        SnapshotError: when there is none, it cannot be read, it is no JSON, or it is of a newer schema.
    """
    files = files_at(location)
    try:
        with files.open(MANIFEST) as file:
            text = file.read()
    except FileNotFoundError:
        raise SnapshotError(f"{files.label} is no snapshot: it has no {MANIFEST}; give the folder of one.") from None
    except Exception as error:  # each object store has its own
        raise SnapshotError(f"{files.label} cannot be read: {error}") from error
    if not text:
        raise SnapshotError(f"{files.label} is not whole: publishing has not finished; wait, or publish again.")
    try:
        manifest = Manifest(**json.loads(text))
        tables = {table: {**entry, "files": _files_of(table, entry)} for table, entry in manifest.tables.items()}
        newer = manifest.schema_version > max(schema_versions())
    except (ValueError, TypeError, AttributeError) as error:
        raise SnapshotError(f"{files.label}/{MANIFEST} is damaged ({error}); fetch the snapshot again.") from None
    if newer:
        raise SnapshotError(
            f"{files.label} has schema version {manifest.schema_version}; upgrade metalearn to read it."
        )
    return replace(manifest, tables=tables)


def _files_of(table: str, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a manifest says of the files of a table."""
    files: list[dict[str, Any]] = entry.get("files", [entry])
    if not files or not all(isinstance(file.get(key), str) for file in files for key in ("file", "sha256")):
        raise ValueError(f"it does not name the files of {table} with their sums")
    return files


def verify_snapshot(location: str) -> Iterator[str]:
    """Yield one sentence for each file that is missing, differs from the manifest, or is not in it."""
    files = files_at(location)
    expected = {file["file"]: file for entry in read_manifest(location).tables.values() for file in entry["files"]}
    listed = dict(files.listed())
    for name, entry in expected.items():
        if name not in listed and not files.exists(name):
            yield f"{name} is missing"
            continue
        with files.open(name) as file:
            if sha256(file) != entry["sha256"]:
                yield f"{name} differs from the manifest (SHA-256)"
    for name in sorted(listed.keys() - expected.keys()):
        if name.endswith(".parquet"):  # who reads the folder in place would read it too
            yield f"{name} is not in the manifest"


def _refuse_incomplete(files: Files, manifest: Manifest) -> None:
    """Raise for a file that a listing does not show, or shows with another size."""
    listed = dict(files.listed())
    for entry in manifest.tables.values():
        for file in entry["files"]:
            name = file["file"]
            if name not in listed and not files.exists(name):
                raise SnapshotError(f"The snapshot {files.label} lacks {name}; fetch it again.")
            if "bytes" in file and listed.get(name) not in (None, file["bytes"]):
                raise _damaged(files, name)


def _damaged(files: Files, name: str) -> SnapshotError:
    return SnapshotError(f"{files.label}/{name} is damaged; run 'metalearn kb verify', then fetch it again.")


def _select(files: Files, entry: dict[str, Any]) -> str:
    """Return the query that reads a table's files, by their names: a stray file is no part of it."""
    addresses = ", ".join(_quoted(files.address(file["file"])) for file in entry["files"])
    hive = "/metric=" in entry["files"][0]["file"]
    types = ", hive_types = {'metric': VARCHAR, 'split': VARCHAR}" if hive else ""
    # By name, because an outer folder called a=b would be a column too, and in the order of the table.
    columns = _names(entry["columns"]) if "columns" in entry else "*"
    return f"SELECT {columns} FROM read_parquet([{addresses}], hive_partitioning = {hive}{types})"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
