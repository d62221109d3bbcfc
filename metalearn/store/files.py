"""The files of a snapshot: in a folder of this machine, or behind a URL that fsspec knows."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from metalearn.errors import KnowledgeBaseError, SnapshotError

if TYPE_CHECKING:
    import duckdb


class Files(Protocol):
    """Files by their names relative to one place, ``folder/file``."""

    label: str

    def address(self, name: str) -> str:
        """Return what DuckDB opens."""

    def listed(self) -> Iterator[tuple[str, int | None]]:
        """Yield name and bytes of what a listing shows; not every web server has one, or tells sizes."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""

    def replace(self, new: Path, last: str) -> None:
        """Put the files of a local folder here and take away all others; the file ``last`` comes last."""

    def staging(self) -> Any:
        """Return a context manager of an empty local folder to write into before ``replace``."""

    def register(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Teach DuckDB to open the addresses."""


def files_at(location: str) -> Files:
    """Return the files below a folder or a URL.

    Keys and endpoints of an object store come from fsspec's configuration (``FSSPEC_S3_KEY``, ``~/.config/fsspec``).

    Raises:
        SnapshotError: when fsspec has no filesystem for the URL.
    """
    local = location.removeprefix("file://")
    return _RemoteFiles(location) if "://" in local else _LocalFiles(Path(local).expanduser())


class _LocalFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.label = str(folder)

    def address(self, name: str) -> str:
        return str(self.folder / name)

    def listed(self) -> Iterator[tuple[str, int | None]]:
        for path in self.folder.rglob("*"):
            if path.is_file():
                yield path.relative_to(self.folder).as_posix(), path.stat().st_size

    def exists(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def open(self, name: str) -> BinaryIO:
        return (self.folder / name).open("rb")

    @contextmanager
    def staging(self) -> Iterator[Path]:
        if self.folder.is_file():
            raise KnowledgeBaseError(f"{self.folder} is a file; give a folder.")
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            beside = tempfile.TemporaryDirectory(dir=self.folder.parent)  # so that a rename is enough
        except OSError as error:
            said = f"{self.folder} cannot be written ({error.strerror})"
            raise KnowledgeBaseError(f"{said}; give a folder that you may write.") from error
        with beside as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            yield new

    def replace(self, new: Path, last: str) -> None:  # noqa: ARG002 -- a folder is renamed at once
        if self.folder.exists():
            self.folder.rename(new.parent / "old")
        new.rename(self.folder)

    def register(self, connection: "duckdb.DuckDBPyConnection") -> None:
        pass


class _RemoteFiles:
    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")
        self.label = re.sub(r"//[^/@]*@", "//", self.location)  # a password in a URL is never shown
        self._filesystem, self._root = _filesystem(self.location)
        self._filesystem.invalidate_cache()  # another process may have published since the last listing

    def address(self, name: str) -> str:
        return f"{self.location}/{name}"

    def listed(self) -> Iterator[tuple[str, int | None]]:
        try:
            found = self._filesystem.find(self._root, detail=True)
        except Exception:  # a plain web server lists nothing, and says so in its own way
            return
        for path, about in found.items():
            yield path.removeprefix(f"{self._root}/"), about.get("size")

    def exists(self, name: str) -> bool:
        return bool(self._filesystem.exists(f"{self._root}/{name}"))

    def open(self, name: str) -> BinaryIO:
        opened: BinaryIO = self._filesystem.open(f"{self._root}/{name}", "rb")
        return opened

    @contextmanager
    def staging(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch)

    def replace(self, new: Path, last: str) -> None:
        paths = {path.relative_to(new).as_posix(): str(path) for path in new.rglob("*") if path.is_file()}
        stale = [f"{self._root}/{name}" for name, _ in self.listed() if name not in paths]
        final = paths.pop(last)
        try:
            # An object store renames no folder: until all is there, `last` is empty, and nobody takes it for whole.
            self._filesystem.pipe_file(f"{self._root}/{last}", b"")
            self._filesystem.put(list(paths.values()), [f"{self._root}/{name}" for name in paths])
            if stale:
                self._filesystem.rm(stale)
            self._filesystem.put_file(final, f"{self._root}/{last}")
        except Exception as error:  # each object store has its own
            raise KnowledgeBaseError(f"Writing to {self.label} broke off ({error}); publish again.") from error

    def register(self, connection: "duckdb.DuckDBPyConnection") -> None:
        connection.register_filesystem(self._filesystem)


def sha256(file: BinaryIO) -> str:
    """Return the SHA-256 of a file as 64 hex digits, read a megabyte at a time.

    >>> from io import BytesIO
    >>> sha256(BytesIO(b"abc"))[:8]
    'ba7816bf'
    """
    sum_ = hashlib.sha256()
    while block := file.read(1 << 20):
        sum_.update(block)
    return sum_.hexdigest()


def _filesystem(location: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        filesystem, root = url_to_fs(location)
    except (ImportError, ValueError) as error:
        protocol = location.split("://")[0]
        raise SnapshotError(f"There is no fsspec filesystem for {protocol}:// ({error}); install one.") from error
    return filesystem, str(root).rstrip("/")
