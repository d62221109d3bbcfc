"""``metalearn kb``: look into a knowledge base, check it, freeze it."""

from pathlib import Path
from typing import Annotated

import typer

from metalearn.cli.options import Json, ReadKb, WriteKb
from metalearn.cli.output import print_json, print_table
from metalearn.errors import KnowledgeBaseError
from metalearn.store import KnowledgeBase, store_families
from metalearn.store import verify as verify_knowledge_base

app = typer.Typer(no_args_is_help=True, help="Look into a knowledge base, check it, freeze it.")


@app.command(epilog="Example: metalearn kb info --kb runs.duckdb")
def info(kb: ReadKb = None, json: Json = False) -> None:
    """Show what a knowledge base holds."""
    with KnowledgeBase.open(kb) as knowledge_base:
        found = knowledge_base.info()
    if json:
        print_json(found)
        return
    rows = [("snapshot", found["snapshot_id"]), ("families", found["families"]), *found["rows"].items()]
    for group in ("tasks", "metrics", "status", "algorithms", "extractors"):
        rows += [(f"{group}: {name}", count) for name, count in found[group].items()]
    print_table(found["location"], ("what", "number"), rows)


@app.command(epilog="Example: metalearn kb verify --kb metadata/knowledge_base")
def verify(kb: ReadKb = None, json: Json = False) -> None:
    """Check files against the manifest, and that no row points to nothing; exits 1 where something is wrong."""
    problems = verify_knowledge_base(kb)
    if json:
        print_json({"problems": problems})
    elif not problems:
        typer.echo("sound")
    if problems:
        raise KnowledgeBaseError(f"{kb or 'the bundled knowledge base'} is not sound: {'; '.join(problems)}.")


@app.command(epilog="Example: metalearn kb publish --kb runs.duckdb snapshot/")
def publish(
    folder: Annotated[Path, typer.Argument(help="New folder, or one that holds an older snapshot.")],
    kb: WriteKb,
    json: Json = False,
) -> None:
    """Freeze a knowledge base into a Parquet snapshot with a manifest."""
    with KnowledgeBase.open(kb) as knowledge_base:
        manifest = knowledge_base.publish(folder)
    if json:
        print_json({"snapshot_id": manifest.snapshot_id, "tables": manifest.tables})
    else:
        typer.echo(f"{folder}: snapshot {manifest.snapshot_id}")


@app.command(epilog="Example: metalearn kb families --kb runs.duckdb")
def families(kb: WriteKb, json: Json = False) -> None:
    """Find the datasets that must not be on both sides of a split, and store them as families."""
    if not kb.exists():  # opened for writing it would be made, and a mistyped name would pass for an empty one
        raise KnowledgeBaseError(f"There is no knowledge base at {kb}; check the path.")
    with KnowledgeBase.open(kb, read_only=False) as knowledge_base:
        found = store_families(knowledge_base)
    if json:
        print_json(found)
        return
    members: dict[str, list[str]] = {}
    for dataset, family in found.items():
        members.setdefault(family, []).append(dataset)
    rows = [(family, ", ".join(ids)) for family, ids in members.items() if len(ids) > 1]
    print_table(f"{len(found)} datasets in {len(members)} families", ("family", "datasets"), rows)
