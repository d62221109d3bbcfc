"""``metalearn ingest openml``: evaluations from OpenML."""

from pathlib import Path
from typing import Annotated

import typer

from metalearn.cli.ingest.report import ingest_batches
from metalearn.cli.options import Json, WriteKb, listed, numbers


def openml(
    kb: WriteKb,
    suite: Annotated[str | None, typer.Option("--suite", metavar="ID", help="All tasks of a benchmark suite.")] = None,
    tasks: Annotated[str | None, typer.Option("--tasks", metavar="IDS", help="These tasks, comma-separated.")] = None,
    flows: Annotated[str | None, typer.Option("--flows", metavar="IDS", help="Only runs of these flows.")] = None,
    measure: Annotated[
        str, typer.Option("--measure", metavar="M", help="What was measured; several with commas.")
    ] = "balanced_accuracy",
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="[default: the openml client's own]")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", metavar="DIR", help="[default: the openml client's own]")
    ] = None,
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--listed",
            help="Ask for each run, or take the lists' six digits. [default: exact up to 1,000 runs a task]",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Ingest datasets, tasks, flows, setups, evaluations and qualities from OpenML."""
    from metalearn.sources.openml import read_openml

    if not (suite or tasks or flows):
        raise typer.BadParameter("give --suite, --tasks or --flows")
    ingest_batches(
        kb,
        lambda _: read_openml(
            suite=suite,
            tasks=numbers(tasks or "", "--tasks"),
            flows=numbers(flows or "", "--flows"),
            measures=listed(measure) or (),
            server=server,
            cache=cache,
            exact=exact,
        ),
        json,
    )
