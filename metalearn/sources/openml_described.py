"""What an OpenML server says of a dataset, and whether a file is the table that it describes."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from metalearn.sources.arff import read_arff
from metalearn.sources.frames import unique_names
from metalearn.sources.openml_calls import DamagedError

if TYPE_CHECKING:
    from openml.datasets import OpenMLDataFeature

# Names that differ in these alone differ in how their file format quotes them.
_QUOTING = re.compile(r"[\\'\"\s]")


@dataclass(frozen=True, eq=False)
class Described:
    """What the server says of a dataset: its description, its features in order, its qualities.

    >>> from types import SimpleNamespace
    >>> features = [SimpleNamespace(name=name) for name in ("url", "a,b", "class")]
    >>> described = Described(1, {"oml:ignore_attribute": ["url,class", "a,b"]}, features, {"NumberOfInstances": 9.0})
    >>> described.columns, described.n_rows, described.named("ignore_attribute")
    (['url', 'a,b', 'class'], 9, ('url', 'class', 'a,b'))
    """

    id: int
    about: Mapping[str, Any]
    features: Sequence["OpenMLDataFeature"]
    qualities: Mapping[str, float]

    @property
    def columns(self) -> list[str]:
        """The names of the columns, stripped and told apart as those of any file are."""
        return unique_names(feature.name for feature in self.features)

    @property
    def n_rows(self) -> int | None:
        """The number of rows, None where the server has not counted them."""
        n = self.qualities.get("NumberOfInstances", float("nan"))
        return None if n != n else int(n)

    def named(self, key: str) -> tuple[str, ...]:
        """Return the columns that the description names under a key, one by one or with commas between."""
        given = self.about.get(f"oml:{key}") or []
        names = [given] if isinstance(given, str) else list(given)
        known = set(self.columns)
        parts = (part.strip() for name in names for part in ([name] if name.strip() in known else name.split(",")))
        return tuple(part for part in parts if part)


def verified(path: Path, described: Described, *, keep: bool) -> pd.DataFrame:
    """Read a Parquet (.pq) or ARFF file as the table (n, p) that the server describes, under the server's names.

    Raises:
        DamagedError: when the file is not that table; it is deleted then, unless ``keep``.
        InputError: when an ARFF file has the right checksum, and is no ARFF.
    """
    try:
        frame = _read_parquet(path) if path.suffix == ".pq" else _read_arff(path, described)
        _require_described(frame, described)
    except DamagedError:
        if not keep:
            path.unlink(missing_ok=True)
        raise
    table = frame.set_axis(described.columns, axis=1)
    for column, feature in zip(described.columns, described.features, strict=True):
        if feature.data_type == "nominal" and pd.api.types.infer_dtype(table[column], skipna=True) == "boolean":
            table[column] = _as_labels(table[column], feature.nominal_values)
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except Exception as error:  # pyarrow raises its own errors, OSError and ValueError alike
        raise DamagedError(f"the file is no readable Parquet, {type(error).__name__}") from None


def _read_arff(path: Path, described: Described) -> pd.DataFrame:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DamagedError(f"the file cannot be read, {type(error).__name__}") from None
    checksum = described.about.get("oml:md5_checksum")
    if checksum and hashlib.md5(raw, usedforsecurity=False).hexdigest() != checksum:
        raise DamagedError("its checksum is another one than the server says")
    return read_arff(raw.decode("utf-8-sig").rstrip("\x1a"), f"The file of OpenML dataset {described.id}")[0]


def _require_described(frame: pd.DataFrame, described: Described) -> None:
    columns, given = described.columns, unique_names(frame.columns)
    if len(given) != len(columns):
        raise DamagedError(f"it has {len(given)} columns, and the server says {len(columns)}")
    for a, b in zip(given, columns, strict=True):
        if _QUOTING.sub("", a) != _QUOTING.sub("", b):
            raise DamagedError(f"it has a column {a!r} where the server says {b!r}")
    if described.n_rows not in (None, len(frame)):
        raise DamagedError(f"it has {len(frame)} rows, and the server says {described.n_rows}")


def _as_labels(column: "pd.Series[Any]", labels: Sequence[str]) -> "pd.Series[Any]":
    """Return booleans, as which Parquet holds nominal values such as FALSE and TRUE, in the server's spelling."""
    spelled = {label.casefold(): label for label in labels}
    return column.map({value: spelled.get(str(value).casefold(), str(value)) for value in (False, True)})
