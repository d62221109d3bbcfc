"""``metalearn ingest openml``: evaluations from OpenML."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metalearn.cli.ingest.report import ingest_batches
from metalearn.cli.options import Json, Server, Wait, WriteKb, listed, numbers
from metalearn.cli.output import print_json, progress

if TYPE_CHECKING:
    from metalearn.sources.openml_selection import Selection

_SOURCE = "openml"


def openml(
    kb: WriteKb,
    suite: Annotated[str | None, typer.Option("--suite", metavar="ID", help="All tasks of a benchmark suite.")] = None,
    tasks: Annotated[str | None, typer.Option("--tasks", metavar="IDS", help="These tasks, comma-separated.")] = None,
    flows: Annotated[str | None, typer.Option("--flows", metavar="IDS", help="Only runs of these flows.")] = None,
    measure: Annotated[
        str, typer.Option("--measure", metavar="M", help="What was measured; several with commas.")
    ] = "balanced_accuracy",
    uploader: Annotated[str | None, typer.Option("--uploader", metavar="IDS", help="Only runs of these users.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only runs uploaded from this day on.")
    ] = None,
    max_runs: Annotated[
        int | None, typer.Option("--max-runs", metavar="N", min=1, help="Stop after so many evaluations.")
    ] = None,
    per_fold: Annotated[
        bool, typer.Option("--per-fold", help="The value of each fold, where the server has them.")
    ] = False,
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--listed",
            help="Ask for each run, or take the lists' six digits. [default: exact up to 1,000 runs a task]",
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry/--no-retry", help="Ask again for what is in quarantine.")] = True,
    server: Server = None,
    connections: Annotated[int, typer.Option("--connections", metavar="N", min=1, help="Requests at a time.")] = 4,
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="R", help="Requests a second. [default: 10; none to this machine's own server]"),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", help="Seconds without an answer until a request has failed.")
    ] = 120.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and read nothing.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no server: say what is stored.")] = False,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest datasets, tasks, flows, setups, evaluations and qualities from OpenML.

    What is stored is not asked for again: run it again after a failure, or for what is new.
    """
    from metalearn.sources.openml_http import OpenMLServer
    from metalearn.sources.openml_selection import Selection

    if suite is None and tasks is None and flows is None:
        raise typer.BadParameter("give --suite, --tasks or --flows")
    if rate is not None and rate <= 0:
        raise typer.BadParameter("give a number above 0", param_hint="--rate")
    selection = Selection(
        suite=suite,
        tasks=numbers(tasks, "--tasks"),
        flows=numbers(flows, "--flows"),
        measures=listed(measure, "--measure") or (),
        uploaders=numbers(uploader, "--uploader"),
        since=since.date() if since else None,
        max_runs=max_runs,
        per_fold=per_fold,
    )
    if offline:
        _print_stored(kb, selection, json)
        return
    with OpenMLServer(server, connections=connections, rate=rate, timeout_seconds=timeout) as asked:
        if dry_run:
            _print_plan(kb, selection, asked, json)
            return

        from metalearn.sources.openml import OpenMLPull

        ingest_batches(
            kb,
            lambda opened: OpenMLPull(selection, asked, opened.ingested(_SOURCE), exact=exact, retry=retry),
            json,
            wait=wait,
            more=lambda: {"requests": asked.requests},
        )


def _print_stored(path: Path, selection: "Selection", json: bool) -> None:
    """Print what is stored of a selection; what is missing is an error, but for tasks that are in quarantine."""
    from metalearn.errors import SourceError
    from metalearn.sources.openml_entities import named
    from metalearn.store import KnowledgeBase

    with KnowledgeBase.open(path) as kb:
        stored = kb.ingested(_SOURCE)
        missing, lost, info = selection.missing(stored), selection.lost(stored), kb.info()
    if missing:
        what = "flows" if selection.by_flow else "tasks"
        raise SourceError(f"Not read to the end yet: {named(what, missing, limit=10)}; run it without --offline.")
    if json:
        print_json({"missing": missing, "lost": lost, "rows": info["rows"]})
        return
    refused = f", but {named('tasks', lost, limit=10)}, which the server could not describe" if lost else ""
    holds = f"{path} holds {info['rows']['evaluations']} evaluations of {info['evaluated_tasks']} tasks"
    typer.echo(f"all of it is stored{refused}; {holds}")


def _print_plan(path: Path, selection: "Selection", server: Any, json: bool) -> None:
    from metalearn.sources.openml_plan import plan_openml
    from metalearn.store import KnowledgeBase

    there = path.exists()
    with KnowledgeBase.open(path if there else ":memory:", read_only=there) as kb, progress() as bar:
        bar.add_task("plan", total=None)
        plan = plan_openml(selection, server, kb.ingested(_SOURCE))
    if json:
        print_json(asdict(plan))
        return
    typer.echo(f"{plan.lists} lists of evaluations, {plan.known} of them read before")
    typer.echo(f"about {plan.rows:,} new rows (between {plan.rows_low:,} and {plan.rows_high:,})")
    typer.echo(f"about {plan.requests:,} requests, {plan.seconds:,.0f} seconds of the server's time for pages")
