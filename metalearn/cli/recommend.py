"""``metalearn recommend``: configurations to try on a new dataset."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metalearn.cli.options import (
    Algorithms,
    Exclude,
    Json,
    Metric,
    ReadKb,
    RecommenderOption,
    Seed,
    Server,
    Space,
    Target,
    TaskTypeOption,
    constraints_of,
)
from metalearn.cli.output import print_json, print_table, progress, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metalearn.core.records import Configuration, Dataset, Evidence, Task
    from metalearn.recommendations import Recommendations

EXAMPLE = "Example: metalearn recommend data.csv --target class -k 5"
_UNUSABLE = "give exactly one of FILE, --openml-task and --meta-features"


def recommend(
    file: Annotated[Path | None, typer.Argument(help="CSV, ARFF or Parquet file.")] = None,
    target: Target = None,
    openml_task: Annotated[
        int | None,
        typer.Option("--openml-task", metavar="ID", min=1, help="A task of the knowledge base, else of OpenML's."),
    ] = None,
    meta_features: Annotated[
        Path | None, typer.Option("--meta-features", metavar="JSON", help="A file of names and values.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many configurations.")] = 10,
    recommender: RecommenderOption = "auto",
    kb: ReadKb = None,
    task_type: TaskTypeOption = None,
    metric: Metric = None,
    history: Annotated[
        str | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="What was tried on it: JSON, CSV or Parquet of algorithm, hyperparameters, loss; a journal of "
            "optimize; or a knowledge base.",
        ),
    ] = None,
    seconds_each: Annotated[
        float | None,
        typer.Option("--seconds-each", metavar="S", min=0.0, help="Leave out what is predicted to take longer."),
    ] = None,
    seconds_total: Annotated[
        float | None,
        typer.Option("--seconds-total", metavar="S", min=0.0, help="Pass over what does not fit into so many in all."),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option("--memory", metavar="GB", min=1e-6, help="Leave out what is predicted to need more."),
    ] = None,
    algorithms: Algorithms = None,
    exclude: Exclude = None,
    space: Space = None,
    diverse: Annotated[bool, typer.Option("--diverse", help="Each next one good, and unlike those before it.")] = False,
    no_default: Annotated[
        bool, typer.Option("--no-default", help="Without the library's default at the second place.")
    ] = False,
    to: Annotated[
        Literal["table", "json", "python"], typer.Option("--to", help="python: a script with the first one.")
    ] = "table",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show nearest tasks, what drove the choice, and seconds.")
    ] = False,
    server: Server = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Recommend configurations to try on a dataset, the most promising first."""
    from metalearn import api
    from metalearn.learners.space import unusable
    from metalearn.recommending import timed

    if sum(given is not None for given in (file, openml_task, meta_features)) != 1:
        raise typer.BadParameter(_UNUSABLE)
    if file is None and target is not None:
        raise typer.BadParameter("--target is a column of FILE; leave it out, or give FILE alone")
    if to == "python":
        _check_script(file, json=json, explain=explain)
    constraints = constraints_of(algorithms, exclude, space, seconds=seconds_each, total_seconds=seconds_total)
    read: dict[str, float] = {}
    with progress() as bar:
        bar.add_task("recommend", total=None)
        with timed(read, "read"):
            data, note = _data(file, target, openml_task, meta_features, task_type, kb, server)
        found = api.recommend(
            data,
            k=k,
            recommender=recommender,
            kb=kb,
            metric=metric,
            history=history or (),
            constraints=constraints,
            memory=memory,
            diverse=diverse,
            include_default=not no_default,
            seed=seed,
        )
    found = replace(found, reason=f"{found.reason}; {note}") if note else found
    if json or to == "json":
        document = found.asdict(explain=explain)
        print_json(document | ({"seconds": read | document["seconds"]} if explain else {}))
    elif to == "python":
        typer.echo(_python(found, file, target, data, metric))
        for why in unusable([found[0].configuration.algorithm], 0, None).values():
            typer.echo(f"{found[0].configuration.algorithm}: {why}", err=True)
    else:
        _print(found, explain=explain)
        if explain:
            _print_explanation(found, read | dict(found.seconds))


def _check_script(file: Path | None, *, json: bool, explain: bool) -> None:
    if file is None:
        raise typer.BadParameter("--to python needs FILE, which the script reads")
    if json or explain:
        other = "--json" if json else "--explain"
        raise typer.BadParameter(f"--to python prints a script and nothing else; leave out {other}")


def _data(
    file: Path | None,
    target: str | None,
    openml_task: int | None,
    meta_features: Path | None,
    task_type: Any,
    kb: str | None,
    server: str | None,
) -> "tuple[Dataset | Task, str]":
    """Return what is to be recommended for, and what else there is to say of it."""
    from metalearn import api
    from metalearn.errors import KnowledgeBaseError
    from metalearn.sources.files import load_dataset
    from metalearn.store import KnowledgeBase

    if file is not None:
        return load_dataset(file, target, task_type=task_type), ""
    with KnowledgeBase.open(kb) as opened:
        if openml_task is None:
            task = _described_task(_read_json(meta_features), task_type)
            return task, _unknown_names(list(task.meta_features), opened.extractors())
        try:
            return opened.task(f"openml-task-{openml_task}"), ""
        except KnowledgeBaseError:  # it does not hold that one
            pass
    return api.fetch_task(openml_task, server=server), ""


def _described_task(document: Any, task_type: Any) -> "Task":
    """Return the task of a JSON object of names and numbers, or of what ``metafeatures --json`` prints."""
    from metalearn.core.records import Task
    from metalearn.errors import InputError

    features = document.get("meta_features", document) if isinstance(document, dict) else None
    if isinstance(features, dict):
        features = {name: v.get("value") if isinstance(v, dict) else v for name, v in features.items()}
    if not isinstance(features, dict) or not all(isinstance(v, int | float | None) for v in features.values()):
        printed = "or what metalearn metafeatures --json prints of one table"
        raise InputError(f'--meta-features needs a JSON object of names and numbers, as {{"n_rows": 150}}, {printed}.')
    values = {str(name): float("nan") if v is None else float(v) for name, v in features.items()}
    return Task("new", "new", task_type or "classification", meta_features=values)


def _unknown_names(given: "Sequence[str]", extractors: "Mapping[str, frozenset[str]]") -> str:
    """Return a note on names of meta-features that the knowledge base has no values of.

    Raises:
        InputError: when it knows none of them.
    """
    from metalearn.errors import InputError, did_you_mean
    from metalearn.sources.frames import quoted_names

    known = frozenset().union(*extractors.values())
    unknown = [name for name in given if name not in known]
    if not known or not unknown:
        return ""
    if len(unknown) == len(given):
        hint = did_you_mean(unknown[0], sorted(known)).strip() or f"known are {quoted_names(sorted(known), 5)}."
        said = f"--meta-features names none that the knowledge base knows, but {quoted_names(unknown, 5)}"
        raise InputError(f"{said}; {hint}")
    return f"the knowledge base does not know the meta-features {quoted_names(unknown, 5)}"


def _read_json(path: Path | None) -> Any:
    import json

    from metalearn.errors import InputError

    try:
        return json.loads(Path(path or "").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no file {path}; check the path.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error


def _python(found: "Recommendations", file: Path | None, target: str | None, data: Any, metric: str | None) -> str:
    from metalearn.learners.code import to_python

    options = {"task_type": data.task_type, "n_classes": data.n_classes, "metric": metric}
    code: str = to_python(found[0].configuration, path=str(file), target=str(target), **options)
    return code


def _print(found: "Recommendations", *, explain: bool) -> None:
    rows = [
        (
            rank,
            item.configuration.algorithm,
            hyperparameters_shown(item.configuration),
            item.loss,
            item.cost_seconds,
            "\n".join(evidence_shown(e, found.names) for e in (item.evidence if explain else item.evidence[:1])),
        )
        for rank, item in enumerate(found, start=1)
    ]
    title = f"{found.title}\n{found.question}"
    print_table(title, ("", "algorithm", "hyperparameters", "loss", "seconds", "evidence"), rows)


def _print_explanation(found: "Recommendations", seconds: "Mapping[str, float]") -> None:
    if found.drivers:
        values = found.task.meta_features
        told = ", ".join(f"{name} = {shown(values[name])} ({share:.1%})" for name, share in found.drivers)
        typer.echo(f"What told most which past tasks are alike, and its share: {told}")
    spent = ", ".join(f"{stage} {value:.2f}" for stage, value in seconds.items())
    typer.echo(f"Seconds: {spent}")


def hyperparameters_shown(configuration: "Configuration") -> str:
    """Return hyperparameters as a person reads them."""
    values = configuration.hyperparameters.items()
    return ", ".join(f"{name}={f'{v:.3g}' if isinstance(v, float) else v}" for name, v in values)


def evidence_shown(evidence: "Evidence", names: "Mapping[str, str]") -> str:
    """Say on which past task a configuration was tried, how far that task is, and how it did there."""
    if evidence.task_id is None:
        return "the library's default" if evidence.kind == "default" else evidence.kind
    distance = "" if evidence.distance is None else f" at {evidence.distance:.2f}"
    where = names.get(evidence.task_id, evidence.task_id)
    return f"{where}{distance}: rank {shown(evidence.rank)}, loss {shown(evidence.loss)}"
