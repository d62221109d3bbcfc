"""Snapshots: a knowledge base frozen as Parquet files with a manifest of row counts and SHA-256 sums.

A snapshot is a folder, or an object-store URL that fsspec knows; it is what papers and algorithms cite, by the
``snapshot_id`` in its ``manifest.json``.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metalearn.errors import KnowledgeBaseError, MissingDependencyError, SnapshotError
from metalearn.store.queries import TABLES, query, schema_versions

if TYPE_CHECKING:
    import duckdb

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says: per table the number of rows and the file's SHA-256."""

    snapshot_id: str
    schema_version: int
    tables: dict[str, dict[str, Any]]


def write_snapshot(connection: "duckdb.DuckDBPyConnection", folder: Path) -> Manifest:
    """Write every table into ``folder``, replacing an older snapshot there; complete or not at all.

    Raises:
        KnowledgeBaseError: when the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise KnowledgeBaseError(f"{folder} holds other files; publish into an empty or new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        new = Path(scratch) / folder.name
        new.mkdir()
        # One thread keeps the rows, and so the bytes and the id, the same from run to run.
        connection.execute("SET threads TO 1")
        tables = {table: _write_table(connection, table, new) for table in TABLES}
        connection.execute("RESET threads")
        # The dates in `ingestions` say how it came about, not what it holds.
        content = "".join(entry["sha256"] for table, entry in tables.items() if table != "ingestions")
        manifest = Manifest(hashlib.sha256(content.encode()).hexdigest()[:16], max(schema_versions()), tables)
        text = json.dumps(manifest.__dict__, indent=2) + "\n"
        (new / MANIFEST).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    return manifest


def _write_table(connection: "duckdb.DuckDBPyConnection", table: str, folder: Path) -> dict[str, Any]:
    path = folder / f"{table}.parquet"
    format_ = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 12"
    connection.execute(f"COPY (SELECT * FROM {table} ORDER BY ALL) TO {_quoted(str(path))} ({format_})")
    rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return {"file": path.name, "rows": rows[0] if rows else 0, "sha256": _sha256(path.read_bytes())}


def is_snapshot(location: str) -> bool:
    """Whether the location is a URL or a folder, and so not a DuckDB file."""
    return "://" in location or Path(location).is_dir()


def attach_snapshot(connection: "duckdb.DuckDBPyConnection", location: str) -> Manifest:
    """Make the tables of a snapshot readable in ``connection`` as views.

    Raises:
        SnapshotError: when a file is missing, or the schema is newer than this version of metalearn.
    """
    manifest = read_manifest(location)
    files = _Files(location)
    files.register(connection)
    for table, entry in manifest.tables.items():
        path = files.path(entry["file"])
        if not files.exists(entry["file"]):
            raise SnapshotError(f"The snapshot {location} lacks {entry['file']}; fetch it again.")
        try:
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({_quoted(path)})")
        except Exception as error:
            raise SnapshotError(f"{path} is damaged; run 'metalearn kb verify', then fetch it again.") from error
    for version, script in schema_versions().items():
        if version > manifest.schema_version:  # what came later stands empty
            connection.execute(query(script))
    return manifest


def read_manifest(location: str) -> Manifest:
    """Read and check ``manifest.json``.

    Raises:
        SnapshotError: when there is none, it is no JSON, or it is of a newer schema.
    """
    try:
        manifest = Manifest(**json.loads(_Files(location).read(MANIFEST)))
    except FileNotFoundError:
        raise SnapshotError(f"{location} is no snapshot: it has no {MANIFEST}; give the folder of one.") from None
    except (ValueError, TypeError) as error:
        raise SnapshotError(f"{location}/{MANIFEST} is damaged ({error}); fetch the snapshot again.") from None
    if manifest.schema_version > max(schema_versions()):
        raise SnapshotError(f"{location} has schema version {manifest.schema_version}; upgrade metalearn to read it.")
    return manifest


def verify_snapshot(location: str) -> Iterator[str]:
    """Yield one sentence for each file that is missing or differs from the manifest."""
    files = _Files(location)
    for entry in read_manifest(location).tables.values():
        name = entry["file"]
        if not files.exists(name):
            yield f"{name} is missing"
        elif _sha256(files.read(name)) != entry["sha256"]:
            yield f"{name} differs from the manifest (SHA-256)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Files:
    """The files of a snapshot, local or behind fsspec."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")
        self.remote = "://" in location

    def _filesystem(self) -> Any:
        import fsspec

        protocol = self.location.split("://")[0]
        try:
            return fsspec.filesystem(protocol)
        except (ImportError, ValueError) as error:
            raise MissingDependencyError(f"an fsspec filesystem for {protocol}:// ({error})", "all") from error

    def register(self, connection: "duckdb.DuckDBPyConnection") -> None:
        if self.remote:
            connection.register_filesystem(self._filesystem())

    def path(self, name: str) -> str:
        return f"{self.location}/{name}"

    def exists(self, name: str) -> bool:
        return bool(self._filesystem().exists(self.path(name)) if self.remote else Path(self.path(name)).exists())

    def read(self, name: str) -> bytes:
        return (
            bytes(self._filesystem().cat_file(self.path(name))) if self.remote else Path(self.path(name)).read_bytes()
        )
