"""``metalearn ingest``: published runs go in."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metalearn.cli.options import Json, WriteKb, listed, numbers
from metalearn.cli.output import print_json, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metalearn.core.records import Batch
    from metalearn.store import KnowledgeBase

app = typer.Typer(no_args_is_help=True, help="Put published runs and meta-features into a knowledge base.")

Space = Annotated[str, typer.Option("--space", help="Vocabulary of the configurations.")]


@app.command(epilog="Example: metalearn ingest matrix --kb oboe.duckdb error_matrix.csv --runtimes runtime_matrix.csv")
def matrix(
    errors: Annotated[Path, typer.Argument(metavar="ERRORS.csv", help="Rows are datasets, columns configurations.")],
    kb: WriteKb,
    runtimes: Annotated[
        Path | None, typer.Option("--runtimes", metavar="CSV", help="Seconds, in the same layout.")
    ] = None,
    metric: Annotated[str, typer.Option("--metric", metavar="M", help="What the cells measure.")] = "balanced_error",
    space: Space = "sklearn",
    json: Json = False,
) -> None:
    """Ingest a wide table of evaluations: a row for each OpenML dataset, a column for each configuration."""
    from metalearn.sources.matrix import read_matrix

    _ingest(kb, lambda _: read_matrix(errors, runtimes=runtimes, metric=metric, space=space), json)


@app.command(epilog="Example: metalearn ingest runs --kb svm.duckdb svm.arff --algorithm svc --metric accuracy")
def runs(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or ARFF; one evaluation a row.")],
    kb: WriteKb,
    algorithm: Annotated[str | None, typer.Option("--algorithm", metavar="A", help="Where no column says it.")] = None,
    metric: Annotated[str, typer.Option("--metric", metavar="M", help="What was measured.")] = "accuracy",
    task_column: Annotated[
        str, typer.Option("--task-column", metavar="C", help="Column of OpenML task ids.")
    ] = "task_id",
    value_column: Annotated[
        str | None,
        typer.Option(
            "--value-column", metavar="C", help="Column of the measurements. [default: value, y, or the metric's name]"
        ),
    ] = None,
    tasks: Annotated[
        Path | None, typer.Option("--tasks", metavar="CSV", help="task_id, dataset_id and name of the tasks.")
    ] = None,
    space: Space = "sklearn",
    json: Json = False,
) -> None:
    """Ingest a long table of evaluations: one a row, a column for each hyperparameter."""
    from metalearn.sources.runs import read_runs

    options = {"task_column": task_column, "value_column": value_column, "tasks": tasks, "space": space}
    _ingest(kb, lambda _: read_runs(file, algorithm=algorithm, metric=metric, **options), json)  # type: ignore[arg-type]


@app.command(epilog="Example: metalearn ingest metafeatures --kb oboe.duckdb metafeatures.csv --extractor pmf")
def metafeatures(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="First column: OpenML dataset id.")],
    kb: WriteKb,
    extractor: Annotated[str, typer.Option("--extractor", metavar="NAME", help="What computed them.")],
    json: Json = False,
) -> None:
    """Ingest published meta-features, which go to every task of their dataset."""
    from metalearn.sources.metafeatures import read_meta_features

    _ingest(kb, lambda opened: read_meta_features(file, extractor, opened.tasks_of_openml_datasets()), json)


@app.command(epilog="Example: metalearn ingest openml --kb openml.duckdb --suite 99 --measure balanced_accuracy")
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
    _ingest(
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


def _ingest(path: Path, read: "Callable[[KnowledgeBase], Iterable[Batch]]", json: bool) -> None:
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
