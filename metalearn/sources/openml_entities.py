"""What an OpenML server says about suites, tasks, datasets, flows and setups, as plain values.

REST API: https://www.openml.org/apis. Lists are asked for by many ids at once, so that a thousand tasks take ten
requests and not a thousand.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metalearn.core.ids import whole_number
from metalearn.core.rows import numbers
from metalearn.sources.openml_http import OpenMLServer, list_items, several, text_of

# The server allows 1,000 setups an answer; servers and proxies bear some 8,000 characters of URL.
_IDS_PER_REQUEST = 1000
_CHARACTERS_PER_REQUEST = 6000


@dataclass(frozen=True)
class OpenMLTask:
    """A task as the server describes it; ``type`` is OpenML's number (1 classification, 2 regression)."""

    id: int
    dataset_id: int
    type: int
    target: str
    procedure: str


@dataclass(frozen=True)
class OpenMLDataset:
    """A dataset as the server describes it, with its qualities (empty where there are none)."""

    name: str
    version: int
    qualities: Mapping[str, float]


@dataclass(frozen=True)
class OpenMLFlow:
    """A flow as the server describes it; ``class_name`` is empty where it names none."""

    name: str
    class_name: str
    version: str
    dependencies: str


@dataclass(frozen=True)
class OpenMLSetup:
    """A setup: its flow and its hyperparameters, their values as the server's text."""

    flow_id: int
    hyperparameters: Mapping[str, str]


def chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield ids in pieces that a URL can hold.

    >>> [len(chunk) for chunk in chunks(range(10_000, 11_200))]
    [1000, 200]
    """
    chunk: list[int] = []
    length = 0
    for id_ in ids:
        size = len(str(id_)) + 1
        if chunk and (len(chunk) == _IDS_PER_REQUEST or length + size > _CHARACTERS_PER_REQUEST):
            yield chunk
            chunk, length = [], 0
        chunk.append(id_)
        length += size
    if chunk:
        yield chunk


def joined(ids: Iterable[int]) -> str:
    """Write ids as a filter's value.

    >>> joined([3, 6])
    '3,6'
    """
    return ",".join(map(str, ids))


def named(what: str, ids: Sequence[int], limit: int = 3) -> str:
    """Name ids in an error, at most ``limit`` of them.

    >>> named("tasks", [3, 6, 11, 12])
    'tasks 3,6,11 and 1 more'
    """
    return f"{what} {joined(ids[:limit])}" + (f" and {len(ids) - limit} more" if len(ids) > limit else "")


def measures(server: OpenMLServer) -> list[str]:
    """Return the names of the measures that the server knows."""
    content = server.get("evaluationmeasure/list", "the list of measures")
    groups = list_items(content, "evaluation_measures", "measures")
    return [name for group in groups for name in several(group.get("measure"))]


def tasks_of_suite(server: OpenMLServer, suite: int | str) -> list[int]:
    """Return the task ids of a benchmark suite, given by its id or alias."""
    study = server.get(f"study/{suite}", f"suite {suite}")["study"]
    return [int(task) for group in several(study.get("tasks")) for task in several(group.get("task_id"))]


def procedures(server: OpenMLServer) -> dict[str, str]:
    """Return the estimation procedures in words, such as "10-fold cross-validation", by their ids."""
    content = server.get("estimationprocedure/list", "the list of estimation procedures")
    return {str(p["id"]): _in_words(p) for p in list_items(content, "estimationprocedures", "estimationprocedure")}


def tasks(server: OpenMLServer, task_ids: Sequence[int], in_words: Mapping[str, str]) -> dict[int, OpenMLTask]:
    """Return the tasks that the server knows, by id; ``in_words`` is what ``procedures`` returns."""
    path = f"task/list/task_id/{joined(task_ids)}/status/all"
    found = (_task(task, in_words) for task in list_items(server.get(path, named("tasks", task_ids)), "tasks", "task"))
    return {task.id: task for task in found}


def dataset_versions(server: OpenMLServer, dataset_ids: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Return name and version of the datasets that the server knows, by id."""
    path = f"data/list/data_id/{joined(dataset_ids)}/status/all"
    found = list_items(server.get(path, named("datasets", dataset_ids)), "data", "dataset")
    return {int(d["did"]): (text_of(d.get("name")), whole_number(d.get("version")) or 1) for d in found}


def qualities(server: OpenMLServer, dataset_id: int) -> dict[str, float]:
    """Return the qualities of a dataset, NaN where one is no number.

    Raises:
        AbsentError: when there are none.
    """
    content = server.get(f"data/qualities/{dataset_id}", f"the qualities of dataset {dataset_id}")
    found = list_items(content, "data_qualities", "quality")
    values, _ = numbers([text_of(quality.get("value")) for quality in found])
    return dict(zip((quality["name"] for quality in found), map(float, values), strict=True))


def flow(server: OpenMLServer, flow_id: int) -> OpenMLFlow:
    """Return a flow.

    Raises:
        AbsentError: when the server does not know it.
    """
    found = server.get(f"flow/{flow_id}", f"flow {flow_id}")["flow"]
    version = text_of(found.get("external_version")) or text_of(found.get("version"))
    return OpenMLFlow(
        text_of(found["name"]), text_of(found.get("class_name")), version, text_of(found.get("dependencies"))
    )


def setups(server: OpenMLServer, setup_ids: Sequence[int]) -> dict[int, OpenMLSetup]:
    """Return the setups that the server knows, by id."""
    path = f"setup/list/setup/{joined(setup_ids)}"
    found = list_items(server.get(path, named("setups", setup_ids)), "setups", "setup")
    return {int(s["setup_id"]): OpenMLSetup(int(s["flow_id"]), _hyperparameters(s)) for s in found}


def evaluations(
    server: OpenMLServer, path: str | Callable[[], str], what: str, overloaded: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """Return the rows of a list of evaluations, by its path below ``evaluation/list``; see ``OpenMLServer.get``."""
    below = (lambda: f"evaluation/list/{path()}") if callable(path) else f"evaluation/list/{path}"
    return list_items(server.get(below, what, overloaded), "evaluations", "evaluation")


def evaluations_of_runs(
    server: OpenMLServer, measure: str, runs: Sequence[int], *, per_fold: bool = False
) -> list[dict[str, Any]]:
    """Return the rows of some runs by one measure; ``per_fold`` gives those that have them the values of folds."""
    path = f"function/{measure}/run/{joined(runs)}" + ("/per_fold/true" if per_fold else "")
    return evaluations(server, path, f"the {'folds' if per_fold else 'evaluations'} of {len(runs)} runs")


def run_values(server: OpenMLServer, run_id: int) -> dict[str, float]:
    """Return the measures of one run in full precision, where the lists give six significant digits.

    Raises:
        AbsentError: when the server does not know the run.
    """
    output = server.get(f"run/{run_id}", f"run {run_id}")["run"].get("output_data") or {}
    overall = [e for e in several(output.get("evaluation")) if "fold" not in e]
    values, _ = numbers([text_of(e.get("value")) for e in overall])
    return dict(zip((e["name"] for e in overall), map(float, values), strict=True))


def _task(task: Mapping[str, Any], in_words: Mapping[str, str]) -> OpenMLTask:
    inputs = {given["name"]: text_of(given.get("value")) for given in several(task.get("input"))}
    return OpenMLTask(
        id=int(task["task_id"]),
        dataset_id=int(task["did"]),
        type=int(task["task_type_id"]),
        target=inputs.get("target_feature", ""),
        procedure=in_words.get(inputs.get("estimation_procedure", ""), ""),
    )


def _in_words(procedure: Mapping[str, Any]) -> str:
    repeats = text_of(procedure.get("repeats")) or "1"
    times = f"{repeats} times " if repeats != "1" else ""
    kind = text_of(procedure.get("type"))
    if kind == "crossvalidation":
        return f"{times}{text_of(procedure.get('folds'))}-fold cross-validation"
    if kind == "holdout":
        return f"{times}{text_of(procedure.get('percentage'))}% holdout"
    return f"{times}{kind}"


def _hyperparameters(setup: Mapping[str, Any]) -> dict[str, str]:
    """Return a setup's hyperparameters by name; those of a component are told apart by its flow's name."""
    own = str(setup["flow_id"])
    return {
        p["parameter_name"] if str(p.get("flow_id")) == own else f"{p['flow_name']}__{p['parameter_name']}": text_of(
            p.get("value")
        )
        for p in several(setup.get("parameter"))
    }
