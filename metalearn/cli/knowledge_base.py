"""``metalearn kb``: look into a knowledge base, check it, freeze it, merge others into it, take things out."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metalearn.cli import fetch_dataset
from metalearn.cli.options import ChangedKb, Json, ReadKb, Wait, WriteKb
from metalearn.cli.output import print_json, print_table, progress
from metalearn.errors import KnowledgeBaseError
from metalearn.store import KnowledgeBase, store_families
from metalearn.store import verify as verify_knowledge_base

if TYPE_CHECKING:
    from metalearn.store.merging import Merged

app = typer.Typer(no_args_is_help=True, help="Look into a knowledge base, check it, freeze it, change it.")
app.command(name="fetch-dataset", epilog=fetch_dataset.EXAMPLE)(fetch_dataset.fetch_dataset)


@app.command(epilog="Example: metalearn kb info --kb runs.duckdb")
def info(kb: ReadKb = None, json: Json = False) -> None:
    """Show what a knowledge base holds."""
    with KnowledgeBase.open(kb) as knowledge_base:
        found = knowledge_base.info()
    if json:
        print_json(found)
        return
    rows = [("snapshot", found["snapshot_id"]), ("families", found["families"]), *found["rows"].items()]
    rows.append(("tasks with evaluations", found["evaluated_tasks"]))
    for group in ("tasks", "sources", "metrics", "status", "algorithms", "extractors"):
        rows += [(f"{group}: {name}", count) for name, count in found[group].items()]
    print_table(found["location"], ("what", "number"), rows)


@app.command(epilog="Example: metalearn kb verify --kb metadata/knowledge_base")
def verify(kb: ReadKb = None, json: Json = False) -> None:
    """Check files against the manifest, and that no row points to nothing; exits 1 where something is wrong."""
    with progress() as bar:
        bar.add_task("verify", total=None)
        problems = verify_knowledge_base(kb)
    if json:
        print_json({"problems": problems})
    elif not problems:
        typer.echo("sound")
    if problems:
        raise KnowledgeBaseError(f"{kb or 'the bundled knowledge base'} is not sound: {'; '.join(problems)}.")


@app.command(epilog="Example: metalearn kb publish --kb runs.duckdb snapshot/")
def publish(
    folder: Annotated[str, typer.Argument(help="New folder or URL, or one that holds an older snapshot.")],
    kb: Annotated[str, typer.Option("--kb", metavar="KB", help="Knowledge base to freeze.")],
    json: Json = False,
) -> None:
    """Freeze a knowledge base into a Parquet snapshot with a manifest."""
    with KnowledgeBase.open(kb) as knowledge_base, progress() as bar:
        bar.add_task("publish", total=None)
        manifest = knowledge_base.publish(folder)
    if json:
        print_json({"snapshot_id": manifest.snapshot_id, "tables": manifest.tables})
    else:
        typer.echo(f"{folder}: snapshot {manifest.snapshot_id}")


@app.command(epilog="Example: metalearn kb families --kb runs.duckdb")
def families(kb: ChangedKb, wait: Wait = False, json: Json = False) -> None:
    """Find the datasets that must not be on both sides of a split, and store them as families."""
    _require(kb)
    with KnowledgeBase.open(kb, read_only=False, wait=wait) as knowledge_base, progress() as bar:
        bar.add_task("families", total=None)
        found = store_families(knowledge_base)
    if json:
        print_json(found)
        return
    members: dict[str, list[str]] = {}
    for dataset, family in found.items():
        members.setdefault(family, []).append(dataset)
    rows = [(family, ", ".join(ids)) for family, ids in members.items() if len(ids) > 1]
    print_table(f"{len(found)} datasets in {len(members)} families", ("family", "datasets"), rows)


@app.command(epilog="Example: metalearn kb merge --kb all.duckdb oboe.duckdb openml.duckdb snapshot/")
def merge(
    others: Annotated[list[str], typer.Argument(metavar="OTHER...", help=".duckdb files, snapshots' folders or URLs.")],
    kb: WriteKb,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Put other knowledge bases into one; what is there stays, and what they say otherwise is counted as a conflict."""
    merged = {}
    with KnowledgeBase.open(kb, read_only=False, wait=wait) as knowledge_base, progress() as bar:
        for other in others:
            shown = bar.add_task(other, total=None)
            merged[other] = knowledge_base.merge(other, report=partial(bar.advance, shown))
    if json:
        print_json([{"from": other, "tables": _as_json(tables)} for other, tables in merged.items()])
        return
    for other, tables in merged.items():
        rows = [(name, t.seen, t.stored, t.already_there, t.conflicts) for name, t in tables.items() if t.seen]
        print_table(other, ("table", "rows", "stored", "already there", "conflicts"), rows)


def _as_json(tables: "dict[str, Merged]") -> dict[str, dict[str, int]]:
    return {name: vars(t) | {"already_there": t.already_there} for name, t in tables.items()}


@app.command(epilog="Example: metalearn kb remove --kb all.duckdb --source oboe --dry-run")
def remove(
    kb: ChangedKb,
    source: Annotated[str | None, typer.Option("--source", metavar="S", help="What a source brought.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="ID", help="A dataset with its tasks.")] = None,
    task: Annotated[str | None, typer.Option("--task", metavar="ID", help="A task.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and leave it.")] = False,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Take out a source, a dataset or a task, with all that only it needs; what other sources use stays.

    A source's cursors go too, so that it can be ingested again. The file keeps its size: later rows take the space.
    """
    if sum(given is not None for given in (source, dataset, task)) != 1:
        raise typer.BadParameter("give one of --source, --dataset and --task")
    _require(kb)
    with KnowledgeBase.open(kb, read_only=False, wait=wait) as knowledge_base, progress() as bar:
        bar.add_task("remove", total=None)
        removed = knowledge_base.remove(source=source, dataset=dataset, task=task, dry_run=dry_run)
    if json:
        print_json({"dry_run": dry_run, "removed": removed})
    else:
        print_table("would be removed" if dry_run else "removed", ("table", "rows"), removed.items())


def _require(kb: Path) -> None:
    """Refuse a path that is none: opened for writing it would be made, and a mistyped name pass for an empty one."""
    if not kb.exists():
        raise KnowledgeBaseError(f"There is no knowledge base at {kb}; check the path.")
