"""Wide tables of evaluations: a row for each OpenML dataset, a column for each configuration.

This is the layout of OBOE's published matrices (Yang et al., KDD 2019, https://github.com/udellgroup/oboe): the
first column holds OpenML dataset ids, each other column is named by a Python dict such as
``{'algorithm': 'kSVM', 'hyperparameters': {'C': 1, 'kernel': 'rbf'}}``, and an empty cell was not evaluated.
"""

import ast
import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa

from metalearn.core import rows
from metalearn.core.algorithms import canonical_algorithm
from metalearn.core.ids import task_of_dataset, whole_number
from metalearn.core.records import Batch, Configuration
from metalearn.core.rows import Floats, Integers, Mask
from metalearn.errors import InputError
from metalearn.sources.measures import Measure

_CELLS_PER_BATCH = 200_000
_PROCEDURE = "cross-validation"


def read_matrix(
    errors: Path,
    *,
    runtimes: Path | None = None,
    metric: str = "balanced_error",
    space: str = "sklearn",
    source: str | None = None,
) -> Iterator[Batch]:
    """Return the evaluations in a CSV of T datasets and C configurations, about 200,000 cells a batch.

    ``metric`` is what the cells measure, under any of its names, also as ``1-<name>`` or ``neg_<name>``. ``runtimes``
    is a matrix of seconds in the same layout, matched by dataset and configuration. Empty cells are no evaluations; a
    cell that is no number or lies outside the metric's bounds is quarantined, as is every cell whose column names no
    configuration or whose row names no dataset. ``source`` is the file's name by default; the cursor counts rows.

    Raises:
        InputError: when a file cannot be read, has rows of unequal length, or no column names a configuration.
        UnknownNameError: for a metric that metalearn does not know.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "errors.csv")
    ...     _ = path.write_text(',"{\\'algorithm\\': \\'GNB\\', \\'hyperparameters\\': {}}"\\n0011,0.25\\n')
    ...     batch = next(read_matrix(path))
    >>> batch.tables["tasks"]["id"].to_pylist(), batch.tables["evaluations"]["value"].to_pylist()
    (['openml-dataset-11'], [0.75])
    """
    return _Reader(source or errors.name, space, Measure.of(metric)).batches(errors, runtimes)


@dataclass(frozen=True)
class _Block:
    """Some rows of a matrix under its C columns; a dataset or configuration that cannot be told is None."""

    names: list[str]
    configurations: list[Configuration | None]
    lines: list[list[str]]

    @property
    def datasets(self) -> list[int | None]:
        return [whole_number(line[0]) for line in self.lines]

    def cells(self) -> tuple[Floats, Mask]:
        """Return the cells as numbers (n * C,), and where one cannot be read."""
        return rows.numbers(cell for line in self.lines for cell in line[1:])

    def raw(self, row: int, column: int) -> str:
        """Return what stands in a cell, with its row's and its column's name."""
        return json.dumps([self.lines[row][0], self.names[column], self.lines[row][1 + column]])


@dataclass(frozen=True)
class _Runtimes:
    """Seconds (T + 1, C + 1); the last row and column are NaN, for what is not there."""

    row_of: Mapping[int | None, int]
    column_of: Mapping[Configuration | None, int]
    seconds: Floats

    @classmethod
    def of(cls, block: _Block) -> "_Runtimes":
        shape = (len(block.lines), len(block.names))
        row_of = {dataset: i for i, dataset in enumerate(block.datasets)} | {None: -1}
        column_of = {configuration: i for i, configuration in enumerate(block.configurations)} | {None: -1}
        return cls(row_of, column_of, np.pad(block.cells()[0].reshape(shape), (0, 1), constant_values=np.nan))

    def at(self, block: _Block) -> Floats:
        """Return the seconds (n, C) of a block's datasets and configurations."""
        row = [self.row_of.get(dataset, -1) for dataset in block.datasets]
        column = [self.column_of.get(configuration, -1) for configuration in block.configurations]
        return self.seconds[np.ix_(row, column)]


_NO_RUNTIMES = _Runtimes({}, {}, np.full((1, 1), np.nan))


@dataclass(frozen=True)
class _Reader:
    source: str
    space: str
    measure: Measure

    def batches(self, errors: Path, runtimes: Path | None) -> Iterator[Batch]:
        whole = next(self._blocks(runtimes, cells=None), None) if runtimes else None
        seconds = _Runtimes.of(whole) if whole else _NO_RUNTIMES
        done = 0
        for block in self._blocks(errors, cells=_CELLS_PER_BATCH):
            done += len(block.lines)
            yield self._batch(block, seconds.at(block), f"row {done}")

    def _blocks(self, path: Path, cells: int | None) -> Iterator[_Block]:
        """Yield a matrix by about so many cells at a time, or whole."""
        with _open(path) as file:
            lines = _lines(file, path)
            names = next(lines, [""])[1:]
            configurations = [self._configuration(name) for name in names]
            if not any(configurations):
                expected = "{'algorithm': ..., 'hyperparameters': {...}}"
                raise InputError(f"No column of {path} names a configuration; name all but the first like {expected}.")
            size = cells and max(1, cells // len(names))
            while block := list(islice(lines, size)):
                yield _Block(names, configurations, block)

    def _configuration(self, name: str) -> Configuration | None:
        try:
            entry = ast.literal_eval(name)
            algorithm, values = entry["algorithm"], entry["hyperparameters"]
            named = isinstance(algorithm, str)
            return Configuration(self.space, canonical_algorithm(algorithm), values) if named else None
        except (ValueError, SyntaxError, TypeError, LookupError, AttributeError, RecursionError):
            return None

    def _batch(self, block: _Block, seconds: Floats, cursor: str) -> Batch:
        cells, unreadable = block.cells()
        given = np.flatnonzero(~np.isnan(cells) | unreadable)
        row, column = np.divmod(given, len(block.names))
        value = self.measure.values(cells[given])
        unnamed_row = np.array([dataset is None for dataset in block.datasets])
        unnamed_column = np.array([configuration is None for configuration in block.configurations])
        reasons = rows.first_reason(
            len(given),
            (unnamed_row[row], "the row's first cell is no OpenML dataset id"),
            (unnamed_column[column], "the column's name is no configuration"),
            (unreadable[given], "the cell is no number"),
            *rows.value_checks(self.measure.metric, value),
        )
        evaluations, refused = rows.accepted(self._evaluations(block, row, column, value, seconds), reasons)
        raw = [block.raw(row[i], column[i]) for i in refused]
        tables = {
            **self._task_tables(block),
            **rows.configuration_tables(filter(None, block.configurations), self.source),
            "evaluations": evaluations,
            "quarantine": rows.quarantine_table(self.source, raw, reasons[refused]),
        }
        return Batch(self.source, tables, cursor=cursor, seen=len(given))

    def _task_tables(self, block: _Block) -> dict[str, pa.Table]:
        known = [dataset for dataset in block.datasets if dataset is not None]
        task = {"type": rows.task_type(self.measure.metric), "procedure": _PROCEDURE, "source": self.source}
        datasets = [{"id": f"openml-{did}", "source": self.source} for did in known]
        tasks = [{"id": task_of_dataset(f"openml-{did}"), "dataset_id": f"openml-{did}", **task} for did in known]
        return {"datasets": rows.dataset_table(datasets), "tasks": rows.task_table(tasks)}

    def _evaluations(self, block: _Block, row: Integers, column: Integers, value: Floats, seconds: Floats) -> pa.Table:
        n = len(value)
        return pa.table(
            {
                "task_id": rows.taken([task_of_dataset(f"openml-{did}") for did in block.datasets], row),
                "configuration_id": rows.taken([c.id if c else "" for c in block.configurations], column),
                "metric": rows.repeated(self.measure.metric.name, n),
                "value": rows.nullable(value),
                "cost_seconds": rows.durations(seconds[row, column]),
                "source": rows.repeated(self.source, n),
            }
        )


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield file
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a CSV file ({error}); check the path and the format.") from error


def _lines(file: TextIO, path: Path) -> Iterator[list[str]]:
    """Yield the lines that are not empty, all as long as the first."""
    width = None
    reader = csv.reader(file)
    for line in filter(None, reader):
        width = width or len(line)
        if len(line) != width:
            where = f"Line {reader.line_num} of {path} has {len(line)} cells where the first has {width}"
            raise InputError(f"{where}; the file may be cut off, fetch it again.")
        yield line
