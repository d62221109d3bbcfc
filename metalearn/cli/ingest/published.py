"""``metalearn ingest aslib``, ``curves`` and ``taskset``: published collections of meta-data."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from metalearn.cli.ingest.report import ingest_batches
from metalearn.cli.ingest.tables import Space
from metalearn.cli.options import Json, Wait, WriteKb


def aslib(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A scenario's folder, or one that holds several.")],
    kb: WriteKb,
    extractor: Annotated[
        str | None,
        typer.Option("--extractor", metavar="NAME", help="What computed the meta-features. [default: the scenario]"),
    ] = None,
    space: Annotated[
        str | None, typer.Option("--space", help="Vocabulary of the configurations. [default: the scenario]")
    ] = None,
    openml_tasks: Annotated[bool, typer.Option("--openml-tasks", help="Instances are ids of OpenML tasks.")] = False,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest algorithm selection scenarios in ASlib's format, such as auto-sklearn's meta-data."""
    from metalearn.sources.aslib import read_aslib

    read = partial(read_aslib, folder, extractor=extractor, space=space, openml_tasks=openml_tasks)
    ingest_batches(kb, lambda _: read(), json, wait=wait)


def curves(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="LCDB's folder, with meta.json and er.")],
    kb: WriteKb,
    space: Space = "sklearn",
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest learning curves over the number of training rows, of LCDB 1.1; files that are in already are skipped."""
    from metalearn.sources.curves import read_curves

    read = partial(read_curves, folder, space=space)
    ingest_batches(kb, lambda opened: read(done=opened.ingested("lcdb").cursors()), json, wait=wait)


def taskset(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A .json.gz file, or the folder of such files.")],
    kb: WriteKb,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest training curves of neural networks, of TaskSet; files that are in already are skipped."""
    from metalearn.sources.taskset import read_taskset

    ingest_batches(kb, lambda opened: read_taskset(path, done=opened.ingested("taskset").cursors()), json, wait=wait)
