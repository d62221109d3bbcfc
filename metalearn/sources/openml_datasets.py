"""The table behind an OpenML dataset id: downloaded by the ``openml`` client, verified, and made a ``Dataset``.

The client takes a dataset's Parquet file, which has no checksum, or its ARFF file, which has one; once a file is in
its cache it checks neither. Here each file is held against what the server says of it whenever it is read, and one
that is damaged is deleted and asked for again. It is read as any other file is (``metalearn.sources.files``) and not
by the client, which cuts sparse tables to float32, breaks on their nominal columns, and keeps pickles; so the same
table has the same fingerprint from Parquet, ARFF and CSV.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from xml.parsers import expat

import pandas as pd

from metalearn.core.records import Dataset, TaskType
from metalearn.errors import AbsentError, InputError, SourceError
from metalearn.sources.frames import make_dataset, quoted_names
from metalearn.sources.openml_calls import DamagedError, OpenMLCalls
from metalearn.sources.openml_described import Described, verified

_SKIP_PARQUET = "OPENML_SKIP_PARQUET"
# Then the ARFF file is asked for, which comes from another server.
_PARQUET_ATTEMPTS = 2
# A sparse table is read as a dense one, which takes up to some 25 bytes a cell meanwhile.
_MAX_CELLS = 200_000_000
# The client's configuration is one for the whole process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class OpenMLTable:
    """A verified table of n rows with all its columns, and what the server says about these.

    ``targets`` are its default targets, mostly one; ``left_out`` the columns to ignore and the row ids.

    >>> frame = pd.DataFrame({"id": range(12), "x": [1.5, 2.5] * 6, "y": ["a", "b"] * 6})
    >>> OpenMLTable(1, "toy", 1, frame, ("y",), ("y",), ("id",)).dataset().X.columns.tolist()
    ['x']
    """

    id: int
    name: str
    version: int
    frame: pd.DataFrame
    nominal: tuple[str, ...]
    targets: tuple[str, ...]
    left_out: tuple[str, ...]

    def dataset(self, target: str | None = None, *, task_type: TaskType | None = None) -> Dataset:
        """Return the dataset of predicting ``target``, by default the server's; see ``sources.frames.make_dataset``.

        Raises:
            InputError: when there is no such column or no single default, or the table cannot be used; says why.
        """
        if target is None:
            target = self._default_target()
        frame = self.frame.drop(columns=[c for c in self.left_out if c != target])
        nominal = [c for c in self.nominal if c in frame]
        return make_dataset(frame, target, name=self.name, task_type=task_type, nominal=nominal)

    def _default_target(self) -> str:
        if len(self.targets) == 1:
            return self.targets[0]
        columns = [str(c) for c in self.frame if c not in self.left_out]
        several = f"several default targets ({quoted_names(self.targets)})" if self.targets else "no default target"
        raise InputError(
            f"OpenML dataset {self.id} ({self.name}) has {several}; "
            f"name one column with --target (in Python: target=), of {quoted_names(columns)}."
        )


def fetch_table(
    dataset_id: int,
    *,
    server: str | None = None,
    cache: Path | None = None,
    offline: bool = False,
    deactivated: bool = False,
    attempts: int = 5,
    pause_seconds: float = 1.0,
    timeout_seconds: float = 900.0,
) -> OpenMLTable:
    """Return the table of an OpenML dataset, from the cache of the ``openml`` client where that has it whole.

    Verified are the names and the number of the columns, the number of rows (where the server knows it), and the
    checksum of an ARFF file. Parquet is asked for twice, then ARFF ``attempts`` times, with pauses that double from
    ``pause_seconds``; a try that takes longer than ``timeout_seconds``, reading included, has failed. ``server`` and
    ``cache`` are by default the client's own. ``offline`` asks no server; ``deactivated`` takes also what the server
    has withdrawn. Threads wait for each other, processes where they want the same dataset.

    Raises:
        AbsentError: when the server knows no such dataset, or keeps it from us.
        SourceError: when it cannot be had whole, or is deactivated.
        InputError: when its file is no ARFF, it is sparse and too large as a dense table, or the cache is no folder
            that can be written.

    >>> fetch_table(61, cache=Path("/nowhere"), offline=True)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    metalearn.errors.SourceError: OpenML dataset 61 is not whole in the cache at /nowhere/...
    """
    calls = OpenMLCalls(server, cache, attempts, pause_seconds, timeout_seconds)
    with _ONE_AT_A_TIME:
        folder = calls.ask("the place of its cache", lambda: _cache_of(dataset_id))
        with nullcontext() if offline else _locked(folder):
            if offline:
                _require_cached(dataset_id, folder)
            described = _described(calls, dataset_id, folder, offline=offline)
            _require_usable(described, deactivated=deactivated)
            frame = _cached(described, folder, keep=offline)
            if frame is None and offline:
                raise _not_cached(dataset_id, folder)
            return _table(described, _downloaded(calls, described) if frame is None else frame)


def _cache_of(dataset_id: int) -> Path:
    """Return the folder in which the client, as configured, keeps a dataset."""
    import openml

    return Path(openml.config.get_cache_directory()) / "datasets" / str(dataset_id)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes away from a dataset's folder, which the client deletes when a download fails."""
    lock = folder.parent.parent / "locks" / f"dataset_{folder.name}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise InputError(f"The cache at {lock.parent} cannot be written ({error.strerror}); name another.") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        yield


def _require_cached(dataset_id: int, folder: Path) -> None:
    """Make sure that the client need not ask for a description, nor delete one that it cannot ask for again."""
    if not (_is_xml(folder / "description.xml") and _is_xml(folder / "features.xml")):
        raise _not_cached(dataset_id, folder)


def _not_cached(dataset_id: int, folder: Path) -> SourceError:
    return SourceError(f"OpenML dataset {dataset_id} is not whole in the cache at {folder}; fetch it while online.")


def _is_xml(path: Path) -> bool:
    try:
        expat.ParserCreate().Parse(path.read_bytes(), True)
    except (OSError, expat.ExpatError):
        return False
    return True


def _described(calls: OpenMLCalls, dataset_id: int, folder: Path, *, offline: bool) -> Described:
    def answer(*, qualities: bool) -> Described:
        import openml
        import xmltodict

        found = openml.datasets.get_dataset(
            dataset_id, download_data=False, download_qualities=qualities, download_features_meta_data=True
        )
        # The client's object leaves the status out.
        about = xmltodict.parse((folder / "description.xml").read_text("utf-8"))["oml:data_set_description"]
        return Described(dataset_id, about, list(found.features.values()), found.qualities or {} if qualities else {})

    what = f"dataset {dataset_id}"
    if offline and not _is_xml(folder / "qualities.xml"):
        return calls.ask(what, lambda: answer(qualities=False))
    try:
        return calls.ask(what, lambda: answer(qualities=True))
    except AbsentError:  # of the qualities; without them the dataset may be there
        return calls.ask(what, lambda: answer(qualities=False))


def _require_usable(described: Described, *, deactivated: bool) -> None:
    name = f"OpenML dataset {described.id} ({described.about['oml:name']})"
    if described.about.get("oml:status") == "deactivated" and not deactivated:
        raise SourceError(
            f"{name} is deactivated: something was found to be wrong with it; take another version of it, "
            "or use it all the same with --deactivated (in Python: deactivated=True)."
        )
    n, p = described.n_rows or 0, len(described.features)
    if "sparse" in str(described.about["oml:format"]).lower() and n * p > _MAX_CELLS:
        raise InputError(f"{name} is sparse, and its {n} x {p} cells are too many for a dense table; choose another.")


def _cached(described: Described, folder: Path, *, keep: bool) -> pd.DataFrame | None:
    """Return the table in the client's cache, None where there is none; damaged files are deleted unless ``keep``."""
    for name in (f"dataset_{described.id}.pq", "dataset.pq", "dataset.arff"):
        path = folder / name
        if path.is_file():
            with suppress(DamagedError):
                return verified(path, described, keep=keep)
    return None


def _downloaded(calls: OpenMLCalls, described: Described) -> pd.DataFrame:
    def answer() -> pd.DataFrame:
        import openml

        found = openml.datasets.get_dataset(
            described.id,
            download_data=True,
            download_qualities=bool(described.qualities),  # a failure before has deleted them from the cache
            download_features_meta_data=True,
        )
        return verified(Path(str(found.parquet_file or found.data_file)), described, keep=False)

    wanted = os.environ.get(_SKIP_PARQUET, "").casefold() != "true"
    if wanted and described.about.get("oml:parquet_url"):
        few = replace(calls, attempts=min(_PARQUET_ATTEMPTS, calls.attempts))
        with suppress(SourceError):
            return few.ask(f"the Parquet file of dataset {described.id}", answer)
    with _without_parquet():
        return calls.ask(f"the ARFF file of dataset {described.id}", answer)


@contextmanager
def _without_parquet() -> Iterator[None]:
    """Have the client ask for ARFF, which only its environment variable can tell it."""
    before = os.environ.get(_SKIP_PARQUET)
    os.environ[_SKIP_PARQUET] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SKIP_PARQUET]
        else:
            os.environ[_SKIP_PARQUET] = before


def _table(described: Described, frame: pd.DataFrame) -> OpenMLTable:
    kinds = zip(described.columns, described.features, strict=True)
    return OpenMLTable(
        id=described.id,
        name=described.about["oml:name"],
        version=int(described.about["oml:version"]),
        frame=frame,
        nominal=tuple(column for column, feature in kinds if feature.data_type == "nominal"),
        targets=described.named("default_target_attribute"),
        left_out=tuple(
            c for key in ("ignore_attribute", "row_id_attribute") for c in described.named(key) if c in frame
        ),
    )
