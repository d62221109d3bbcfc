"""``metalearn ingest matrix``, ``runs`` and ``metafeatures``: tables in files."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from metalearn.cli.ingest.report import ingest_batches
from metalearn.cli.options import Json, Wait, WriteKb

Space = Annotated[str, typer.Option("--space", help="Vocabulary of the configurations.")]


def matrix(
    errors: Annotated[Path, typer.Argument(metavar="ERRORS.csv", help="Rows are datasets, columns configurations.")],
    kb: WriteKb,
    runtimes: Annotated[
        Path | None, typer.Option("--runtimes", metavar="CSV", help="Seconds, in the same layout.")
    ] = None,
    metric: Annotated[str, typer.Option("--metric", metavar="M", help="What the cells measure.")] = "balanced_error",
    space: Space = "sklearn",
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest a wide table of evaluations: a row for each OpenML dataset, a column for each configuration."""
    from metalearn.sources.matrix import read_matrix

    ingest_batches(kb, lambda _: read_matrix(errors, runtimes=runtimes, metric=metric, space=space), json, wait=wait)


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
            "--value-column", metavar="C", help="Column of the measurements. [default: the metric's name, value, or y]"
        ),
    ] = None,
    tasks: Annotated[
        Path | None, typer.Option("--tasks", metavar="CSV", help="task_id, dataset_id and name of the tasks.")
    ] = None,
    space: Space = "sklearn",
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest a long table of evaluations: one a row, a column for each hyperparameter."""
    from metalearn.sources.runs import read_runs

    options = {"task_column": task_column, "value_column": value_column, "tasks": tasks, "space": space}
    read = partial(read_runs, file, algorithm=algorithm, metric=metric, **options)  # type: ignore[arg-type]
    ingest_batches(kb, lambda _: read(), json, wait=wait)


def metafeatures(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="First column: OpenML dataset id.")],
    kb: WriteKb,
    extractor: Annotated[str, typer.Option("--extractor", metavar="NAME", help="What computed them.")],
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest published meta-features, which go to every task of their dataset."""
    from metalearn.sources.metafeatures import read_meta_features

    ingest_batches(
        kb, lambda opened: read_meta_features(file, extractor, opened.tasks_of_openml_datasets()), json, wait=wait
    )
