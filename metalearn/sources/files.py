"""Raw files as datasets: delimited text (.csv, .tsv, .csv.gz), ARFF and Parquet.

The format is told by the file's name: ``.arff`` and ``.parquet`` (or ``.pq``), everything else is delimited text.
A gzipped file is unpacked whatever its name. Between semicolons, numbers may have decimal commas. What a table's
columns are is decided in ``metalearn.sources.frames``.
"""

import csv
import gzip
import io
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from metalearn.core.records import Dataset, TaskType
from metalearn.core.rows import first_line
from metalearn.errors import InputError
from metalearn.sources.arff import read_arff
from metalearn.sources.columns import MISSING_MARKERS
from metalearn.sources.frames import make_dataset

_SEPARATORS = (",", ";", "\t", "|")
_SNIFFED_CHARACTERS = 50_000
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# A number with a decimal comma, or a whole one; and one whose comma might be a thousand's.
_DECIMAL = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?|[+-]?inf", re.IGNORECASE)
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
# No text holds these: NUL and its neighbours. (26 is Ctrl-Z, DOS' end of file, which old data sets carry.)
_BINARY_CHARACTER = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")


def load_dataset(
    path: str | Path,
    target: str | None = None,
    *,
    name: str | None = None,
    task_type: TaskType | None = None,
    nominal: Sequence[str] = (),
    lenient: bool = False,
) -> Dataset:
    """Read a file into a dataset with features of shape (n, p) and a target of shape (n,).

    ``nominal`` names columns that are nominal although their values are numbers; columns declared nominal in ARFF
    are so without it. ``name`` is the file's by default. ``task_type`` is decided from the target where not given:
    see :func:`metalearn.sources.frames.make_dataset`, which also says what becomes of the columns, and what a table
    that is only to be described (``lenient``) may lack.

    Raises:
        InputError: for a file that is missing, a directory, empty, binary or malformed, without a target, or whose
            table is unusable.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "plants.csv")
    ...     _ = path.write_text("height;kind\\n" + "1.5;oak\\n?;elm\\n" * 5)
    ...     dataset = load_dataset(path, "kind")
    >>> dataset.name, dataset.task_type, dataset.kinds, int(dataset.X["height"].isna().sum())
    ('plants', 'classification', ('numeric',), 5)
    """
    path = Path(path).expanduser()
    frame, declared = _read(path)
    label = path.name.split(".")[0] if name is None else name
    return make_dataset(frame, target, name=label, task_type=task_type, nominal=[*declared, *nominal], lenient=lenient)


def _read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the table and the columns that the file itself declares nominal."""
    if path.is_dir():
        raise InputError(f"{path} is a directory; give one file.")
    if not path.exists():
        raise InputError(f"There is no file {path}; check the path.")
    endings = set(map(str.lower, path.suffixes))
    if path.suffix.lower() in (".json", ".jsonl"):
        raise InputError(f"{path} is JSON, which is no table; give a CSV, ARFF or Parquet file.")
    if {".parquet", ".pq"} & endings:
        return _read_parquet(path), []
    text = _text(path)
    if ".arff" in endings:
        return read_arff(text, str(path))
    return _read_delimited(text, path), []


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except Exception as error:  # pyarrow raises its own errors, OSError and ValueError alike
        reason = first_line(str(error).strip())
        raise InputError(f"{path} is not a readable Parquet file ({reason}); write it again.") from error


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw.startswith(_GZIP_MAGIC) else raw
        text = _decoded(raw)
    except (OSError, EOFError, UnicodeError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); check that it is whole and that you may read it."
        ) from error
    if _BINARY_CHARACTER.search(text):
        raise InputError(f"{path} holds binary data, not text; give a CSV, ARFF or Parquet file with its own ending.")
    text = text.rstrip("\x1a")
    if not text.strip():
        raise InputError(f"{path} is empty; give a file with a header and at least 10 rows.")
    return text


def _decoded(raw: bytes) -> str:
    if raw.startswith(_UTF16_MARKS):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # never fails; binary data shows in its control characters


def _read_delimited(text: str, path: Path) -> pd.DataFrame:
    separator = _separator(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # else surplus fields are cut off in silence
            frame = pd.read_csv(
                io.StringIO(text),
                sep=separator,
                index_col=False,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=list(MISSING_MARKERS),
                dtype="str",  # parsed in one place for all formats, so that they have the same fingerprint
            )
    except (ValueError, pd.errors.ParserWarning) as error:  # ParserError and EmptyDataError are ValueErrors
        reason = first_line(str(error).strip()).rstrip(".")
        raise InputError(
            f"{path} is not a table of delimited text ({reason}); mend that line or its header."
        ) from error
    # As they stand there: pandas renames in silence what is there twice.
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    header = next((line for line in lines if line), [])
    frame = _with_decimal_points(frame) if separator == ";" else frame
    if len(header) == frame.shape[1]:
        frame.columns = pd.Index([given or name for given, name in zip(header, frame.columns, strict=True)])
    return frame


def _with_decimal_points(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of texts with points for the decimal commas of columns in which all texts are numbers.

    1,234 may be 1.234 or 1234: it is left alone unless some other number tells that the file has decimal commas.
    """
    columns, certain = [], False
    for name in frame:
        texts = {text.strip() for text in frame[name].dropna().unique()}.difference(MISSING_MARKERS)
        with_commas = [text for text in texts if "," in text]
        if with_commas and all(map(_DECIMAL.fullmatch, texts)):
            columns.append(name)
            certain = certain or not all(map(_MAYBE_THOUSANDS.fullmatch, with_commas))
    return frame.assign(**{str(n): frame[n].str.replace(",", ".") for n in columns}) if certain else frame


def _separator(text: str) -> str:
    """Return the separator that cuts the first lines into equally many fields, the more the better."""
    sample = io.StringIO(text[:_SNIFFED_CHARACTERS], newline="").readlines()
    whole_lines = sample[:-1] or sample  # the last may be cut

    def regularity(separator: str) -> tuple[bool, int]:
        rows = csv.reader(whole_lines, delimiter=separator, skipinitialspace=True)
        widths = [len(row) for row in rows if row]
        return min(widths, default=0) == max(widths, default=0) > 1, max(widths[:1], default=0)

    return max(_SEPARATORS, key=regularity)
