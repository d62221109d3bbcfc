"""Storing what a source yields, batch by batch, and printing what became of it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from metalearn.cli.output import print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metalearn.core.records import Batch
    from metalearn.store import KnowledgeBase


def ingest_batches(
    path: Path,
    read: "Callable[[KnowledgeBase], Iterable[Batch]]",
    json: bool,
    *,
    wait: bool = False,
    more: "Callable[[], dict[str, Any]]" = dict,
) -> None:
    """Store what a source yields, batch by batch, and print what became of it, with ``more`` figures.

    A source that has a ``fraction`` says how much of it has been read.
    """
    from metalearn.store import Counts, KnowledgeBase

    start, counts, sources = time.perf_counter(), Counts(), set()
    kinds = dict.fromkeys(("evaluations", "meta_features"), 0)
    with KnowledgeBase.open(path, read_only=False, wait=wait) as kb, progress(rows=True) as bar:
        batches = read(kb)
        shown = bar.add_task("", total=1.0 if hasattr(batches, "fraction") else None, rows=0, rate=0.0)
        for batch in batches:
            counts += kb.append(batch)
            sources.add(batch.source)
            kinds = {kind: n + len(batch.tables.get(kind, ())) for kind, n in kinds.items()}
            rate = counts.seen / (time.perf_counter() - start)
            bar.update(shown, completed=getattr(batches, "fraction", 0.0), rows=counts.seen, rate=rate)
        refusals = [refusal for source in sorted(sources) for refusal in kb.ingested(source).refusals()]
    report = vars(counts) | more() | {"seconds": round(time.perf_counter() - start, 3)}
    if json:
        print_json(report | {"read": kinds, "in_quarantine": dict(refusals)})
        return
    texts = [f"{number} {name.replace('_', ' ')}" for name, number in report.items()]
    if all(kinds.values()):  # of one kind all are what the source holds
        texts[0] += f" ({kinds['evaluations']} evaluations, {kinds['meta_features']} meta-features)"
    typer.echo(", ".join(texts))
    if refusals:
        print_table("in quarantine", ("reason", "rows"), refusals)
