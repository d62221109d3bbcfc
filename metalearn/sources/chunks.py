"""Big tables, a chunk of rows at a time: CSV, Parquet or ARFF, told by the file's name."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import arff
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metalearn.errors import InputError, did_you_mean

# "None" and "null" are not among them: a hyperparameter may be None.
_MISSING = ["", "?", "NA", "N/A", "NaN", "nan", "<NA>"]


def read_chunks(path: Path, n_rows: int) -> Iterator[pd.DataFrame]:
    """Yield a table n_rows at a time; cells of a CSV file are text, missing ones are NaN or None everywhere.

    A nested cell of a Parquet file becomes JSON text.

    Raises:
        InputError: for a file that is missing, malformed, or of an unknown format.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "runs.csv")
    ...     _ = path.write_text("a,b\\n1,x\\n,None\\n3,z\\n")
    ...     [chunk["b"].to_list() for chunk in read_chunks(path, 2)]
    [['x', 'None'], ['z']]
    """
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    reader = _READERS.get(suffixes[-1].lower() if suffixes else "")
    if reader is None:
        raise InputError(f"{path} has none of the endings {', '.join(_READERS)}; convert it to one of these formats.")
    try:
        yield from reader(path, n_rows)
    except (OSError, UnicodeDecodeError, arff.ArffException, pd.errors.ParserError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read ({error}); check the path and the format.") from error
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


def _csv_chunks(path: Path, n_rows: int) -> Iterator[pd.DataFrame]:
    options: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": _MISSING, "encoding": "utf-8-sig"}
    with pd.read_csv(path, chunksize=n_rows, **options) as chunks:
        for chunk in chunks:
            if not isinstance(chunk.index, pd.RangeIndex):
                raise InputError(f"The lines of {path} have more cells than its first line has names; name them all.")
            yield chunk


def _parquet_chunks(path: Path, n_rows: int) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        nested = [field.name for field in file.schema_arrow if pa.types.is_nested(field.type)]
        for batch in file.iter_batches(batch_size=n_rows):
            flat = batch.drop_columns(nested).to_pandas()
            for name in nested:
                flat[name] = [None if cell is None else _json(cell) for cell in batch.column(name).to_pylist()]
            yield flat


def _json(cell: Any) -> str:
    """Return a nested cell as JSON, without a struct's empty fields: every row has all of a struct's fields."""
    return json.dumps({k: v for k, v in cell.items() if v is not None} if isinstance(cell, dict) else cell)


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
