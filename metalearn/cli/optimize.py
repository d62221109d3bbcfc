"""``metalearn optimize``: the best pipeline for a dataset."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metalearn.cli.options import (
    METRIC_HELP,
    Algorithms,
    Exclude,
    Json,
    ReadKb,
    RecommenderOption,
    Seed,
    Space,
    Target,
    TaskTypeOption,
    Workers,
    constraints_of,
)
from metalearn.cli.output import print_json, print_table
from metalearn.cli.recommend import evidence_shown, hyperparameters_shown
from metalearn.core.registry import names as registered

if TYPE_CHECKING:
    from metalearn.optimization import Optimization
    from metalearn.recommendations import Recommendations

EXAMPLE = "Example: metalearn optimize data.csv --target class --seconds 60"


def optimize(
    file: Annotated[Path, typer.Argument(help="CSV, ARFF or Parquet file.")],
    target: Target = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="S", min=0.01, help="Begin no trial after so many.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", metavar="N", min=1, help="Configurations to try. [default: 50 without --seconds]"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option("--patience", metavar="N", min=1, help="Stop when so many in a row brought no progress."),
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(
            "--optimizer",
            metavar="O",
            help=f"The method that goes on: {', '.join(registered('optimizer'))}; or a class of your own "
            "as in mine.MyMethod.",
        ),
    ] = "auto",
    warm_start: Annotated[
        int, typer.Option("--warm-start", metavar="K", min=0, help="Recommended configurations to begin with.")
    ] = 5,
    recommender: RecommenderOption = "auto",
    journal: Annotated[
        Path | None, typer.Option("--journal", metavar="FILE", help="Write what happens there, or go on where it ends.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="HTML", help="Write a report: an .html page, or .md and figures."),
    ] = None,
    workers: Workers = "1",
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="M", help=f"{METRIC_HELP} [default: balanced_accuracy, or r2]"),
    ] = None,
    seconds_each: Annotated[
        float | None,
        typer.Option("--seconds-each", metavar="S", min=0.01, help="Stop a trial then. [default: --seconds / 10]"),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option("--memory", metavar="GB", min=1e-6, help="Stop a trial whose fits need more."),
    ] = None,
    algorithms: Algorithms = None,
    exclude: Exclude = None,
    space: Space = None,
    kb: ReadKb = None,
    task_type: TaskTypeOption = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Look for the pipeline that is best on a dataset in cross-validation, and print its code."""
    from metalearn.evaluation.optimization_report import check_report
    from metalearn.optimizing import Budget, Search
    from metalearn.optimizing import optimize as search_and_refit
    from metalearn.sources.files import load_dataset

    if report is not None:
        check_report(report)
    search = Search(optimizer, warm_start, recommender, metric, constraints_of(algorithms, exclude, space), seed)
    budget = Budget(trials, seconds, seconds_each, memory, patience, workers)
    dataset = load_dataset(file, target, task_type=task_type)
    for note in dataset.notes:
        typer.echo(f"{dataset.name}: {note}", err=True)
    with _quiet():
        found = search_and_refit(dataset, search, budget, kb=kb, journal=journal, progress=True)
    if report is not None:
        _write_report(found, report)
    code = None if found.best is None else _python(found, file)
    if json:
        print_json(found.asdict() | {"python": code})
    else:
        _print(found, code)
    if found.result.stopped == "interrupted" and journal is not None:
        typer.echo(f"Interrupted: the same command with --journal {journal} goes on from here.", err=True)
    _exit(found)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep crashed trials out of the log: they are counted at the end, with what they said."""
    logger = logging.getLogger("metalearn.optimizers.minimize")

    def is_other(record: logging.LogRecord) -> bool:
        return getattr(record, "status", None) != "crashed"

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _write_report(found: "Optimization", path: Path) -> None:
    from metalearn.evaluation.optimization_report import write_report

    warm = [item.configuration.id for item in found.warm_starts or ()]
    about: dict[str, Any] = {
        "dataset": found.dataset.name,
        "optimizer": found.optimizer,
        "metric": found.metric.name,
        "warm starts": len(warm),
        "stopped by": found.result.stopped,
    }
    name = found.metric.name.replace("_", " ")
    turned = found.metric.direction == "maximize"
    options: dict[str, Any] = {"warm_starts": warm, "loss_name": f"{found.metric.high:g} - {name}" if turned else name}
    write_report(found.result, found.space, path, title=f"Optimization of {found.dataset.name}", about=about, **options)


def _python(found: "Optimization", file: Path) -> str:
    from metalearn.learners.code import to_python

    assert found.best is not None  # noqa: S101  for the type checker; the caller has asked
    options: dict[str, Any] = {"task_type": found.dataset.task_type, "n_classes": found.dataset.n_classes}
    options |= {"path": str(file), "target": str(found.dataset.y.name), "metric": found.metric.name}
    return str(to_python(found.best.configuration, **options))


def _print(found: "Optimization", code: str | None) -> None:
    counts = ", ".join(f"{n} {status}" for status, n in found.statuses.items())
    took = f"{found.seconds['search']:.0f} s"
    n, n_before = len(found.result.trials), found.n_from_journal
    resumed = f", {n - n_before} new, {n_before} from the journal" if n_before else ""
    typer.echo(f"{found.optimizer}: {n} trials ({counts}{resumed}) in {took}")
    for note in (*found.notes, *found.failures):
        typer.echo(f"- {note}")
    if found.warm_starts is not None:
        _print_warm_starts(found.warm_starts, found)
    best = found.best
    if best is not None and best.loss is not None:
        metric = found.metric.name.replace("_", " ")
        at = "" if best.fidelity == 1 else f" at fidelity {best.fidelity:.3g}"
        values = best.configuration.hyperparameters.items()
        rows = [(name, "None" if value is None else value) for name, value in values]
        title = f"Best: {best.configuration.algorithm}, {metric} {found.value(best.loss):.4f} in cross-validation{at}"
        print_table(title, ("hyperparameter", "value"), rows)
    if code is not None:
        typer.echo(code)


def _print_warm_starts(warm_starts: "Recommendations", found: "Optimization") -> None:
    rows = [
        (
            rank,
            item.configuration.algorithm,
            hyperparameters_shown(item.configuration),
            found.loss_of(item.configuration.id),
            "\n".join(evidence_shown(evidence, warm_starts.names) for evidence in item.evidence[:1]),
        )
        for rank, item in enumerate(warm_starts, start=1)
    ]
    title = f"Warm starts, by {warm_starts.title}"
    print_table(title, ("", "algorithm", "hyperparameters", "loss here", "evidence"), rows)


def _exit(found: "Optimization") -> None:
    """End as what happened: on Ctrl-C, after what was found by then is printed; or where nothing was found."""
    from metalearn.errors import InputError

    if found.result.stopped == "interrupted":
        raise typer.Exit(130)
    if found.best is None:
        raise InputError(f"Nothing was found: {found.notes[-1]}.")
