"""Storing what a source yields, batch by batch, and printing what became of it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from metalearn.cli.output import print_json, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metalearn.core.records import Batch
    from metalearn.store import KnowledgeBase


def ingest_batches(path: Path, read: "Callable[[KnowledgeBase], Iterable[Batch]]", json: bool) -> None:
    """Store what a source yields, batch by batch, and print what became of it."""
    from metalearn.store import Counts, KnowledgeBase

    start, counts = time.perf_counter(), Counts()
    with KnowledgeBase.open(path, read_only=False) as kb, progress() as bar:
        shown = bar.add_task("rows", total=None)
        for batch in read(kb):
            counts += kb.append(batch)
            bar.update(shown, completed=counts.seen)
    report = vars(counts) | {"seconds": round(time.perf_counter() - start, 3)}
    if json:
        print_json(report)
    else:
        typer.echo(", ".join(f"{number} {name.replace('_', ' ')}" for name, number in report.items()))
