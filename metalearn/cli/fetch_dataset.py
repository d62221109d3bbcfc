"""``metalearn kb fetch-dataset``: the table of an OpenML dataset, and what metalearn says of it."""

import json as json_text
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metalearn.cli.options import Json, Out, Server, Target, Wait, WriteKb
from metalearn.cli.output import print_json, progress, save_table
from metalearn.errors import InputError

if TYPE_CHECKING:
    from metalearn.core.records import Batch, Dataset
    from metalearn.sources.openml_datasets import OpenMLTable
    from metalearn.store import KnowledgeBase
    from metalearn.store.datasets import TaskRow

EXAMPLE = "Example: metalearn kb fetch-dataset --kb openml.duckdb 61 --out iris.parquet"
_SOURCE = "openml"


def fetch_dataset(
    dataset: Annotated[int, typer.Argument(metavar="ID", min=1, help="OpenML's number of the dataset.")],
    kb: WriteKb,
    target: Target = None,
    server: Server = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", metavar="DIR", help="[default: the openml client's own]")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Take what the cache holds, ask no server.")] = False,
    deactivated: Annotated[bool, typer.Option("--deactivated", help="Take it though OpenML has withdrawn it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Compute again what is stored.")] = False,
    out: Out = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Download an OpenML dataset, verify it, and store its fingerprint and the meta-features of its tasks.

    A task is described with the target that it names; --target is for tasks that name none, and for a dataset
    without a default target. What is stored already is neither downloaded nor computed again.
    """
    from metalearn.sources.openml_datasets import fetch_table
    from metalearn.store import KnowledgeBase

    start = time.perf_counter()
    with KnowledgeBase.open(kb, read_only=False, wait=wait) as opened, progress() as bar:
        report, tasks, todo = _state(opened, f"openml-{dataset}", force=force)
        if todo or out or force or report["fingerprint"] is None:
            bar.add_task(f"dataset {dataset}", total=None)
            table = fetch_table(dataset, server=server, cache=cache, offline=offline, deactivated=deactivated)
            main = table.dataset(target or _default_target(table, tasks))
            if out is not None:
                save_table(main.X.assign(**{str(main.y.name): main.y}), out)
            report |= _store(opened, table, main, todo)
    report |= {"out": out and str(out), "seconds": round(time.perf_counter() - start, 3)}
    if json:
        print_json(report)
    else:
        typer.echo(_in_words(report))


def _state(
    kb: "KnowledgeBase", dataset_id: str, *, force: bool
) -> "tuple[dict[str, Any], tuple[TaskRow, ...], tuple[TaskRow, ...]]":
    """Return what the knowledge base holds of a dataset, its tasks, and those of them that are to be described."""
    from metalearn.metafeatures.extract import Extractor

    known = {row[0]: row for row in kb.dataset_rows()}.get(dataset_id, (dataset_id, None, None))
    tasks = kb.tasks_of_dataset(dataset_id)
    described = set() if force else kb.described(Extractor.name, Extractor.version)
    todo = tuple(task for task in tasks if task.id not in described)
    report: dict[str, Any] = {
        "dataset": dataset_id,
        "name": known[1],
        "fingerprint": known[2],
        **dict.fromkeys(("rows", "columns", "target")),
        "tasks": len(tasks),
        "described": 0,
        "already_described": len(tasks) - len(todo),
        "refused": {},
    }
    return report, tasks, todo


def _default_target(table: "OpenMLTable", tasks: "Sequence[TaskRow]") -> str | None:
    """Return the target that all tasks name, where the server has no default."""
    named = {task.target for task in tasks if task.target}
    return named.pop() if len(table.targets) != 1 and len(named) == 1 else None


def _store(kb: "KnowledgeBase", table: "OpenMLTable", main: "Dataset", tasks: "Sequence[TaskRow]") -> dict[str, Any]:
    """Store a dataset and describe tasks of it; return what to report."""
    from metalearn.metafeatures.extract import Extractor
    from metalearn.store.datasets import DatasetRow

    batch, refused = _described(table, main, tasks) if tasks else (None, {})
    n, p = table.frame.shape
    dataset_id = f"openml-{table.id}"
    kb.store_dataset(DatasetRow(dataset_id, table.name, table.version, main.fingerprint, n, p, _SOURCE))
    if batch is not None:
        kb.forget_meta_features([task.id for task in tasks], Extractor.name, Extractor.version)
        kb.append(batch)
    return {
        "name": table.name,
        "fingerprint": main.fingerprint,
        "rows": n,
        "columns": p,
        "target": str(main.y.name),
        "described": len(tasks) - len(refused),
        "refused": refused,
    }


def _described(table: "OpenMLTable", main: "Dataset", tasks: "Sequence[TaskRow]") -> "tuple[Batch, Mapping[str, str]]":
    """Return the meta-features of tasks, computed once for those with the same target and type, and refusals."""
    import numpy as np
    import pyarrow as pa

    from metalearn.core.records import Batch
    from metalearn.core.rows import quarantine_table
    from metalearn.metafeatures.extract import Extractor, rows

    alike: defaultdict[tuple[str, Any], list[str]] = defaultdict(list)
    for task in tasks:
        alike[task.target or str(main.y.name), task.type].append(task.id)
    found: list[dict[str, Any]] = []
    refused: dict[str, str] = {}
    for (target, task_type), ids in alike.items():
        try:
            dataset = table.dataset(target, task_type=task_type)
        except InputError as error:
            refused |= dict.fromkeys(ids, str(error))
            continue
        extracted = Extractor().extract(dataset, rng=np.random.default_rng(0))
        found += [row for id_ in ids for row in rows(id_, Extractor(), extracted)]
    raw = [json_text.dumps({"task_id": id_}) for id_ in refused]
    tables = {"quarantine": quarantine_table(_SOURCE, raw, refused.values())}
    if found:
        tables["meta_features"] = pa.Table.from_pylist(found)
    partition = f"table of dataset {table.id}"
    return Batch(_SOURCE, tables, partition, cursor=main.fingerprint, seen=len(found) + len(raw)), refused


def _in_words(report: Mapping[str, Any]) -> str:
    size = f"{report['rows']} rows, {report['columns']} columns, " if report["rows"] else ""
    lines = [f"{report['dataset']} ({report['name']}): {size}fingerprint {report['fingerprint'][:16]}"]
    if report["tasks"]:
        lines.append(f"{report['described']} tasks described, {report['already_described']} were already")
    else:
        lines.append(
            "no task of this knowledge base holds it, so there is none to describe; ingest tasks and run again"
        )
    lines += [f"{task} refused: {reason}" for task, reason in report["refused"].items()]
    return "\n".join([*lines, *([f"saved as {report['out']}"] if report["out"] else [])])
