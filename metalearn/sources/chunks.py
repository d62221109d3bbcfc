"""Big tables, a chunk of rows at a time: CSV, Parquet or ARFF, told by the file's name."""

import json
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import arff
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metalearn.core.rows import first_line
from metalearn.errors import InputError, did_you_mean

# "None" and "null" are not among them: a hyperparameter may be None.
_MISSING = ["", "?", "NA", "N/A", "NaN", "nan", "<NA>"]
_SEPARATORS = (",", ";", "\t", "|")
_DECIMAL_COMMA = r"^\s*([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)\s*$"
_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    UnicodeDecodeError,
    arff.ArffException,
    pd.errors.ParserError,
    pa.ArrowException,
)


def is_table(path: Path) -> bool:
    """Whether a file's name has an ending that ``read_chunks`` knows.

    >>> is_table(Path("runs.v2.CSV.gz")), is_table(Path("runs.json"))
    (True, False)
    """
    return _ending(path) in _READERS


def read_chunks(path: Path, n_rows: int) -> Iterator[pd.DataFrame]:
    """Yield a table n_rows at a time; cells of a CSV file are text, missing ones are NaN or None everywhere.

    The cells of a CSV file may be separated by semicolons, tabs or bars too; with semicolons numbers may have decimal
    commas. A nested cell of a Parquet file becomes JSON text.

    Raises:
        InputError: for a file that is missing, malformed, or of an unknown format.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "runs.csv")
    ...     _ = path.write_text("a,b\\n1,x\\n,None\\n3,z\\n")
    ...     [chunk["b"].to_list() for chunk in read_chunks(path, 2)]
    [['x', 'None'], ['z']]
    """
    if not is_table(path):
        raise InputError(f"{path} has none of the endings {', '.join(_READERS)}; convert it to one of these formats.")
    try:
        yield from _READERS[_ending(path)](path, n_rows)
    except _UNREADABLE as error:
        reason = first_line(str(error).strip())
        raise InputError(f"{path} cannot be read ({reason}); check the path and the format.") from error
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty; give a file with a line of column names.") from None


def require_columns(frame: pd.DataFrame, path: Path, *names: str) -> None:
    """Check that a table has these columns.

    Raises:
        InputError: when it lacks one; names the nearest.
    """
    for name in names:
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            raise InputError(f"{path} has no column {name!r}; {did_you_mean(name, known)}it has {', '.join(known)}.")


def _ending(path: Path) -> str:
    """Return what a file's name ends in, in small letters and without .gz; empty where it has no ending."""
    suffixes = [suffix for suffix in map(str.lower, path.suffixes) if suffix != ".gz"]
    return suffixes[-1] if suffixes else ""


def _csv_chunks(path: Path, n_rows: int) -> Iterator[pd.DataFrame]:
    options: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": _MISSING, "encoding": "utf-8-sig"}
    separator = _separator(path)
    with pd.read_csv(path, chunksize=n_rows, sep=separator, **options) as chunks:
        for chunk in chunks:
            if not isinstance(chunk.index, pd.RangeIndex):
                raise InputError(f"The lines of {path} have more cells than its first line has names; name them all.")
            yield chunk.replace(_DECIMAL_COMMA, r"\1.\2", regex=True) if separator == ";" else chunk


def _separator(path: Path) -> str:
    """Return what cuts the first line into most names."""
    header: dict[str, Any] = {"nrows": 0, "encoding": "utf-8-sig"}
    return max(_SEPARATORS, key=lambda separator: pd.read_csv(path, sep=separator, **header).shape[1])


def _parquet_chunks(path: Path, n_rows: int) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise InputError(f"{path} has columns of the same name: {', '.join(names)}; keep one of each.")
        nested = [field.name for field in file.schema_arrow if pa.types.is_nested(field.type)]
        for batch in file.iter_batches(batch_size=n_rows):
            flat = batch.drop_columns(nested).to_pandas()
            for name in nested:
                flat[name] = [None if cell is None else _json(cell) for cell in batch.column(name).to_pylist()]
            yield flat


def _json(cell: Any) -> str:
    """Return a nested cell as JSON, without a struct's empty fields: every row has all of a struct's fields."""
    known = {k: v for k, v in cell.items() if v is not None} if isinstance(cell, dict) else cell
    return json.dumps(known, default=str)  # dates and the like


def _arff_chunks(path: Path, n_rows: int) -> Iterator[pd.DataFrame]:
    with path.open(encoding="utf-8-sig") as file:
        table = arff.load(file, return_type=arff.DENSE_GEN)
        names = [name for name, _ in table["attributes"]]
        lines = iter(table["data"])
        while block := list(islice(lines, n_rows)):
            yield pd.DataFrame(block, columns=names)


_READERS: dict[str, Callable[[Path, int], Iterator[pd.DataFrame]]] = {
    ".csv": _csv_chunks,
    ".parquet": _parquet_chunks,
    ".pq": _parquet_chunks,
    ".arff": _arff_chunks,
}
