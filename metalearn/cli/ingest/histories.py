"""``metalearn ingest optuna``, ``smac``, ``ray``, ``syne`` and ``journal``: histories of optimizers, ours the last."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metalearn.cli.ingest.report import ingest_batches
from metalearn.cli.ingest.tables import Space
from metalearn.cli.options import Json, Wait, WriteKb, listed

if TYPE_CHECKING:
    from metalearn.sources.subjects import Subject

_Task = Annotated[str, typer.Option("--task", metavar="ID", help="The task: its id, or its number on OpenML.")]
_Metric = Annotated[
    str, typer.Option("--metric", metavar="M", help="What the numbers are, such as accuracy, error_rate or 1-roc_auc.")
]
_Algorithm = Annotated[str | None, typer.Option("--algorithm", metavar="A", help="What was optimized.")]
_AlgorithmColumn = Annotated[
    str | None, typer.Option("--algorithm-column", metavar="C", help="Or the hyperparameter that names the algorithm.")
]
_Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="ID", help="The task's dataset. [default: one of the task's own]")
]
_TaskType = Annotated[
    Literal["classification", "regression"] | None, typer.Option("--task-type", help="[default: told from the metric]")
]
_Resource = Annotated[
    str | None, typer.Option("--resource", metavar="R", help="What a step spends, such as epochs. [default: by tool]")
]
_Full = Annotated[
    float | None, typer.Option("--full", metavar="N", help="How much of it a full evaluation spends: reads every step.")
]
_Ignore = Annotated[
    str | None, typer.Option("--ignore", metavar="C,D", help="What is no hyperparameter, comma-separated.")
]
_Source = Annotated[
    str | None, typer.Option("--source", metavar="S", help="Name to store under. [default: the tool and its study]")
]
_Objective = Annotated[
    int | None, typer.Option("--objective", metavar="I", min=0, help="Which of several objectives, counted from 0.")
]
_ValueColumn = Annotated[
    str | None,
    typer.Option("--value-column", metavar="C", help="What trials reported the number as. [default: metric]"),
]


def _subject(
    *,
    task: _Task,
    metric: _Metric,
    algorithm: _Algorithm = None,
    algorithm_column: _AlgorithmColumn = None,
    dataset: _Dataset = None,
    task_type: _TaskType = None,
    space: Space = "sklearn",
    resource: _Resource = None,
    full: _Full = None,
    ignore: _Ignore = None,
    source: _Source = None,
) -> "Subject":
    from metalearn.sources.subjects import Subject

    if bool(algorithm) == bool(algorithm_column):
        raise typer.BadParameter("give either --algorithm or --algorithm-column")
    return Subject(
        task=task,
        metric=metric,
        algorithm=algorithm,
        algorithm_column=algorithm_column,
        dataset=dataset,
        task_type=task_type,
        space=space,
        resource=resource,
        full=full,
        ignore=listed(ignore, "--ignore") or (),
        source=source,
    )


def _about_a_subject(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``_subject`` in place of its parameter of that name."""
    shared = inspect.signature(_subject).parameters
    own = {name: p for name, p in inspect.signature(command).parameters.items() if name != "subject"}

    @wraps(command)
    def run(**given: Any) -> None:
        command(subject=_subject(**{name: given.pop(name) for name in shared}), **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (own | shared).values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


@_about_a_subject
def optuna(
    storage: Annotated[str, typer.Argument(help="URL of a storage, or the file of an SQLite or journal storage.")],
    kb: WriteKb,
    subject: "Subject",
    study: Annotated[
        str | None, typer.Option("--study", metavar="NAME", help="Needed where there are several.")
    ] = None,
    objective: _Objective = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest the trials of an Optuna study."""
    from metalearn.sources.optuna import read_optuna

    ingest_batches(kb, lambda _: read_optuna(storage, study, subject=subject, objective=objective), json, wait=wait)


@_about_a_subject
def smac(
    path: Annotated[Path, typer.Argument(help="runhistory.json of SMAC3 2.x, or its folder.")],
    kb: WriteKb,
    subject: "Subject",
    objective: _Objective = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest the trials of a SMAC3 run history."""
    from metalearn.sources.smac import read_smac

    ingest_batches(kb, lambda _: read_smac(path, subject=subject, objective=objective), json, wait=wait)


@_about_a_subject
def ray(
    path: Annotated[Path, typer.Argument(help="An experiment's folder, or CSV or Parquet of get_dataframe().")],
    kb: WriteKb,
    subject: "Subject",
    value_column: _ValueColumn = None,
    step_column: Annotated[
        str, typer.Option("--step-column", metavar="C", help="What counts the resource.")
    ] = "training_iteration",
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest the reports of a Ray Tune experiment."""
    from metalearn.sources.ray_tune import read_ray_tune

    read = {"value_column": value_column, "step_column": step_column}
    ingest_batches(kb, lambda _: read_ray_tune(path, subject=subject, **read), json, wait=wait)  # type: ignore[arg-type]


@_about_a_subject
def syne(
    path: Annotated[Path, typer.Argument(help="An experiment's folder, or its results.csv or results.csv.zip.")],
    kb: WriteKb,
    subject: "Subject",
    value_column: _ValueColumn = None,
    step_column: Annotated[
        str | None, typer.Option("--step-column", metavar="C", help="What counts the resource. [default: as tuned]")
    ] = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest the reports of a Syne Tune experiment."""
    from metalearn.sources.syne_tune import read_syne_tune

    read = {"value_column": value_column, "step_column": step_column}
    ingest_batches(kb, lambda _: read_syne_tune(path, subject=subject, **read), json, wait=wait)


def journal(
    path: Annotated[Path, typer.Argument(help="What `metalearn optimize --journal` or minimize() wrote.")],
    kb: WriteKb,
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="ID", help="Its id, or its number on OpenML. [default: that of the journal's dataset]"
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="M", help="What losses are of. [default: what the journal names]")
    ] = None,
    dataset: _Dataset = None,
    task_type: _TaskType = None,
    resource: _Resource = None,
    full: _Full = None,
    source: _Source = None,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Ingest the trials of an optimization of ours."""
    from metalearn.sources.optimizations import read_optimization

    about = {"task": task, "metric": metric, "dataset": dataset, "task_type": task_type, "source": source}
    spent = {name: given for name, given in (("resource", resource), ("full", full)) if given is not None}
    ingest_batches(kb, lambda _: read_optimization(path, **about, **spent), json, wait=wait)  # type: ignore[arg-type]
