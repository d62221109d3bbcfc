"""What commands print: results on stdout, progress on stderr."""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from metalearn.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.progress import Progress


PARQUET = (".parquet", ".pq")
TABLE_ENDINGS = (*PARQUET, ".csv", ".csv.gz")
# What goes into a pipe has no width of its own; tables are folded here.
_PIPE_WIDTH = 160


def print_json(document: Any) -> None:
    """Print one JSON document; what is not finite becomes null, as JSON has no NaN."""
    typer.echo(json.dumps(_finite(document), indent=2))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, as wide as the terminal, or as its content where the output goes into a pipe."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    typer.echo(title)  # not the table's own, which would be folded to the table's width
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(shown(cell)) for cell in row))
    if sys.stdout.isatty():
        Console().print(table)
        return
    wide = Console(width=_PIPE_WIDTH, force_terminal=False)
    with wide.capture() as captured:
        wide.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def save_table(table: "pd.DataFrame", path: "Path") -> None:
    """Write a table as Parquet or CSV, as the file's name ends; it is there whole or not at all.

    Raises:
        InputError: when the file cannot be written.
    """
    part = path.with_name(f"part-{path.name}")
    try:
        if path.name.endswith(PARQUET):
            table.to_parquet(part, index=False)
        else:
            table.to_csv(part, index=False)
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); give another file.") from error


def shown(value: object) -> str:
    """Return a value as a person reads it: three significant digits, a dash for nothing.

    >>> shown(0.123456), shown(None), shown(12), shown("knn")
    ('0.123', '-', '12', 'knn')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@contextmanager
def progress(*, rows: bool = False) -> "Iterator[Progress]":
    """Show a progress bar on stderr where that is a terminal, and nothing in a pipe.

    With ``rows`` a task has the fields ``rows`` and ``rate``, rows a second.
    """
    from rich import progress as rich
    from rich.console import Console

    # Not what Console takes for a terminal: where FORCE_COLOR is set, as by notebooks, that is a pipe too.
    hidden = not sys.stderr.isatty()
    columns: tuple[rich.ProgressColumn, ...] = (rich.TextColumn("{task.description}"), rich.BarColumn())
    if rows:
        counted = rich.TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s")
        columns = (rich.BarColumn(), counted, rich.TimeElapsedColumn(), rich.TimeRemainingColumn())
    else:
        columns = (*columns, rich.MofNCompleteColumn(), rich.TimeElapsedColumn())
    with rich.Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        yield bar


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
