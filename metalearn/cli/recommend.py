"""``metalearn recommend``: configurations to try on a new dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metalearn.cli.options import Json, Metric, ReadKb, Seed, Target, TaskTypeOption, listed
from metalearn.cli.output import print_json, print_table, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metalearn.api import Recommendations
    from metalearn.core.records import Dataset, Evidence, Task, Trial

EXAMPLE = "Example: metalearn recommend data.csv --target class -k 5"
_UNUSABLE = "give exactly one of FILE, --openml-task and --meta-features"


def recommend(
    file: Annotated[Path | None, typer.Argument(help="CSV, ARFF or Parquet file.")] = None,
    target: Target = None,
    openml_task: Annotated[
        int | None, typer.Option("--openml-task", metavar="ID", help="A task in the knowledge base.")
    ] = None,
    meta_features: Annotated[
        Path | None, typer.Option("--meta-features", metavar="JSON", help="A file of names and values.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many configurations.")] = 10,
    recommender: Annotated[str, typer.Option("--recommender", metavar="R", help="The method.")] = "auto",
    kb: ReadKb = None,
    task_type: TaskTypeOption = None,
    metric: Metric = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="JSON list of what was tried: algorithm, hyperparameters, space, loss, status.",
        ),
    ] = None,
    seconds_each: Annotated[
        float | None,
        typer.Option("--seconds-each", metavar="S", min=0.0, help="Leave out what is predicted to take longer."),
    ] = None,
    algorithms: Annotated[str | None, typer.Option("--algorithms", metavar="A,B", help="Only these.")] = None,
    exclude: Annotated[str | None, typer.Option("--exclude", metavar="A,B", help="Not these.")] = None,
    to: Annotated[
        Literal["table", "json", "python"], typer.Option("--to", help="python: a script with the first one.")
    ] = "table",
    explain: Annotated[bool, typer.Option("--explain", help="Show how each did on the nearest tasks.")] = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Recommend configurations to try on a dataset, the most promising first."""
    from metalearn import api
    from metalearn.core.algorithms import algorithm_names
    from metalearn.core.records import Constraints
    from metalearn.errors import UnknownNameError
    from metalearn.store import KnowledgeBase

    if sum(given is not None for given in (file, openml_task, meta_features)) != 1:
        raise typer.BadParameter(_UNUSABLE)
    if to == "python" and file is None:
        raise typer.BadParameter("--to python needs FILE, which the script reads")
    for name in (*(listed(algorithms) or ()), *(listed(exclude) or ())):
        if name not in algorithm_names():
            raise UnknownNameError("algorithm", name, algorithm_names())
    data = _data(file, target, openml_task, meta_features, task_type, kb)
    found = api.recommend(
        data,
        k=k,
        recommender=recommender,
        kb=kb,
        metric=metric,
        history=_history(history) if history else (),
        constraints=Constraints(listed(algorithms), listed(exclude) or (), seconds_each),
        seed=seed,
    )
    if json or to == "json":
        print_json(found.asdict())
    elif to == "python":
        typer.echo(_python(found, file, target, data))
    else:
        with KnowledgeBase.open(kb) as knowledge_base:
            _print(found, explain, knowledge_base.dataset_names())


def _data(
    file: Path | None,
    target: str | None,
    openml_task: int | None,
    meta_features: Path | None,
    task_type: Any,
    kb: str | None,
) -> "Dataset | Task":
    from metalearn.store import KnowledgeBase

    if file is not None:
        from metalearn.sources.files import load_dataset

        return load_dataset(file, target, task_type=task_type)
    if openml_task is not None:
        with KnowledgeBase.open(kb) as knowledge_base:
            return knowledge_base.task(f"openml-task-{openml_task}")
    return _described_task(_read_json(meta_features), task_type)


def _described_task(features: Any, task_type: Any) -> "Task":
    from metalearn.core.records import Task
    from metalearn.errors import InputError

    if not isinstance(features, dict) or not all(isinstance(v, int | float | None) for v in features.values()):
        raise InputError('--meta-features needs a JSON object of names and numbers, such as {"n_rows": 150}.')
    values = {str(name): float("nan") if v is None else float(v) for name, v in features.items()}
    return Task("new", "new", task_type or "classification", meta_features=values)


def _history(path: Path) -> "list[Trial]":
    from metalearn.core.records import Configuration, Trial
    from metalearn.errors import InputError

    try:
        return [
            Trial(
                Configuration(entry["space"], entry["algorithm"], entry.get("hyperparameters", {})),
                loss=entry.get("loss"),
                status=entry.get("status", "ok" if entry.get("loss") is not None else "crashed"),
            )
            for entry in _read_json(path)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} needs a list of objects with space, algorithm, hyperparameters and loss: {error!r}."
        ) from error


def _read_json(path: Path | None) -> Any:
    import json

    from metalearn.errors import InputError

    try:
        return json.loads(Path(path or "").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error


def _python(found: "Recommendations", file: Path | None, target: str | None, data: Any) -> str:
    from metalearn.learners.code import to_python

    options = {"task_type": data.task_type, "n_classes": data.n_classes}
    code: str = to_python(found[0].configuration, path=str(file), target=str(target), **options)
    return code


def _print(found: "Recommendations", explain: bool, names: "Mapping[str, str]") -> None:
    rows = [
        (
            rank,
            item.configuration.algorithm,
            ", ".join(f"{name}={_value(v)}" for name, v in item.configuration.hyperparameters.items()),
            item.loss,
            item.cost_seconds,
            "\n".join(_evidence(e, names) for e in (item.evidence if explain else item.evidence[:1])),
        )
        for rank, item in enumerate(found, start=1)
    ]
    columns = ("", "algorithm", "hyperparameters", "loss", "seconds", "evidence")
    print_table(f"{found.recommender}: {found.reason}", columns, rows)


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _evidence(evidence: "Evidence", names: "Mapping[str, str]") -> str:
    """Say on which past task a configuration was tried, how far that task is, and how it did there."""
    if evidence.task_id is None:
        return evidence.kind
    distance = "" if evidence.distance is None else f" at {evidence.distance:.2f}"
    where = names.get(evidence.task_id, evidence.task_id)
    return f"{where}{distance}: rank {shown(evidence.rank)}, loss {shown(evidence.loss)}"
