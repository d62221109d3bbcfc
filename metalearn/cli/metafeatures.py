"""``metalearn metafeatures``: describe a table, or all tables of a folder, by numbers."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metalearn.cli.options import Json, Out, Seed, Target, Workers, listed
from metalearn.cli.output import PARQUET, print_json, print_table, progress, save_table
from metalearn.errors import InputError, MetalearnError

if TYPE_CHECKING:
    from metalearn.metafeatures.extract import Extractor

EXAMPLE = "Example: metalearn metafeatures data.csv --target class --groups simple,statistical"
_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".arff", ".arff.gz", *PARQUET)
Document = dict[str, Any]


def metafeatures(
    file: Annotated[Path, typer.Argument(help="CSV, ARFF or Parquet file, or a folder of them.")],
    target: Target = None,
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="G", help="Only these groups, comma-separated; 'all' for every one."),
    ] = None,
    summaries: Annotated[
        str | None,
        typer.Option("--summaries", metavar="S", help="Only these summaries of a measure with many values, or 'all'."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", min=0.0, help="Seconds for each table.")
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option("--memory", metavar="GB", min=0.001, help="Memory for each table; more rows are sampled."),
    ] = None,
    workers: Workers = "1",
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Compute the meta-features of a table: each a value, the seconds it took, and why where there is none.

    Without --target the columns alone are described. Of a folder every table is, with the same target; a file that
    cannot be read is named at the end with the reason, and the others are described all the same. --out saves the
    values of each table as one row, its name first.
    """
    extractor = _extractor(groups, summaries)
    names = [group.name for group in extractor.groups]
    settings = (target, names, extractor.summaries, seed, timeout, memory)
    documents, failures = _folder(file, settings, workers) if file.is_dir() else (_file(file, settings), {})
    if out is not None:
        _save(documents, extractor.names, out)
    if json:
        print_json({"datasets": documents} if file.is_dir() else next(iter(documents.values())))
    elif file.is_dir():
        _print_datasets(documents)
    else:
        _print_dataset(documents)
    for name, document in documents.items():
        for note in document.get("notes", ()):
            typer.echo(f"{name}: {note}", err=True)
    for name, reason in failures.items():
        typer.echo(f"{name}: {reason}", err=True)
    if not documents:
        raise typer.Exit(1)


def _extractor(groups: str | None, summaries: str | None) -> "Extractor":
    from metalearn.metafeatures.extract import GROUPS, Extractor
    from metalearn.metafeatures.measures import ALL_SUMMARIES, SUMMARIES

    wanted = listed(summaries, "--summaries") or SUMMARIES
    return Extractor(
        GROUPS if groups == "all" else listed(groups, "--groups"),
        summaries=ALL_SUMMARIES if summaries == "all" else wanted,
    )


def _described(
    path: Path,
    target: str | None,
    groups: Sequence[str],
    summaries: Sequence[str],
    seed: int,
    budget: float | None,
    memory: float | None,
) -> Document:
    """Return the document of one table, of plain numbers and words: what a worker process sends back."""
    import numpy as np

    from metalearn.metafeatures.extract import Extractor
    from metalearn.sources.files import load_dataset

    dataset = load_dataset(path, target, lenient=True)
    extractor = Extractor(groups, summaries=summaries)
    start = time.perf_counter()
    extracted = extractor.extract(dataset, budget=budget, memory=memory, rng=np.random.default_rng(seed))
    spent = time.perf_counter() - start
    values, seconds, status = extracted[0].tolist(), extracted[1].tolist(), extracted[2]
    entries = zip(extractor.names, values, seconds, status, strict=True)
    features = {name: {"value": v, "seconds": s, "status": why} for name, v, s, why in entries}
    n, p = dataset.X.shape
    document = {"rows": n, "columns": p, "seconds": spent, "meta_features": features}
    return document | ({"notes": list(dataset.notes)} if dataset.notes else {})


def _described_or_reason(path: Path, *settings: Any) -> Document | str:
    """Return a table's document, or why there is none: one bad file must not stop the others."""
    try:
        return _described(path, *settings)
    except MetalearnError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _file(path: Path, settings: tuple[Any, ...]) -> dict[str, Document]:
    return {path.name.split(".")[0]: _described(path, *settings)}


def _folder(folder: Path, settings: tuple[Any, ...], workers: str) -> tuple[dict[str, Document], dict[str, str]]:
    """Return the documents of a folder's tables by name, and the reasons of the files without one."""
    from metalearn.core.parallel import completed, executor

    paths = _names(
        [path for path in sorted(folder.iterdir()) if path.is_file() and path.name.lower().endswith(_TABLES)]
    )
    if not paths:
        raise InputError(f"{folder} holds no table; its files must end in {', '.join(_TABLES)}.")
    found: dict[str, Document] = {}
    failures: dict[str, str] = {}
    with executor(workers, processes=workers != "1") as (pool, n_workers), progress() as bar:
        shown = bar.add_task("tables", total=len(paths))
        calls = ((name, (path.resolve(), *settings)) for name, path in paths.items())
        for name, outcome in completed(pool, n_workers, _described_or_reason, calls):
            (failures if isinstance(outcome, str) else found)[name] = outcome
            bar.advance(shown)
    in_order = [name for name in paths if name in found]
    return {name: found[name] for name in in_order}, {paths[n].name: failures[n] for n in paths if n in failures}


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """Return files by the names of their tables, by their own where two tables have one name."""
    tables = [path.name.split(".")[0] for path in paths]
    return {table if tables.count(table) == 1 else path.name: path for table, path in zip(tables, paths, strict=True)}


def _save(documents: Mapping[str, Document], names: Sequence[str], path: Path) -> None:
    """Write one row a table: its name and the values, empty where there is none."""
    import pandas as pd

    values = [[document["meta_features"][name]["value"] for name in names] for document in documents.values()]
    frame = pd.DataFrame(values, columns=pd.Index(names), dtype="float64")
    frame.insert(0, "dataset", list(documents))
    save_table(frame, path)


def _print_dataset(documents: Mapping[str, Document]) -> None:
    for name, document in documents.items():
        rows = [(feature, e["value"], e["status"]) for feature, e in document["meta_features"].items()]
        print_table(name, ("meta-feature", "value", "status"), rows)


def _print_datasets(documents: Mapping[str, Document]) -> None:
    """Print one line a table: its size, and how many of its meta-features have a value, or which reason for none."""
    counts = {n: Counter(e["status"] for e in d["meta_features"].values()) for n, d in documents.items()}
    reasons = sorted({reason for counted in counts.values() for reason in counted} - {"ok"})
    rows = [
        (name, d["rows"], d["columns"], d["seconds"], *(counts[name][status] for status in ("ok", *reasons)))
        for name, d in documents.items()
    ]
    title = f"{len(documents)} tables; --json or --out FILE gives the values"
    print_table(title, ("dataset", "rows", "columns", "seconds", "ok", *reasons), rows)
