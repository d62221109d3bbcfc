"""What an OpenML server says about suites, tasks, datasets, flows, setups and evaluations, as plain values.

Client: https://openml.github.io/openml-python (0.15.1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from metalearn.sources.openml_calls import AbsentError, OpenMLCalls

if TYPE_CHECKING:
    import pandas as pd
    from openml.setups import OpenMLSetup

# The server allows 1,000 setups an answer; this many ids fit into a URL.
_SETUPS_PER_CALL = 300
_EVALUATION_COLUMNS = ("run_id", "task_id", "setup_id", "flow_id", "value")


@dataclass(frozen=True)
class OpenMLTask:
    """A task as the server describes it; ``type`` is OpenML's number (1 classification, 2 regression)."""

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
class OpenMLClient:
    """Asks an OpenML server through the ``openml`` client.

    Every method raises ``AbsentError`` for what does not exist, and ``SourceError`` when the server gives no answer.

    >>> OpenMLClient(OpenMLCalls("http://localhost:8080/api/v1/xml")).calls.attempts
    5
    """

    calls: OpenMLCalls

    def measures(self) -> list[str]:
        """Return the names of the measures that the server knows."""
        import openml

        return self.calls.ask("the list of measures", lambda: list(openml.evaluations.list_evaluation_measures()))

    def tasks_of_suite(self, suite: int | str) -> list[int]:
        """Return the task ids of a benchmark suite, given by its id or alias."""
        import openml

        return self.calls.ask(f"suite {suite}", lambda: list(openml.study.get_suite(suite).tasks or []))

    def task(self, task_id: int) -> OpenMLTask:
        """Return a task."""
        from openml.tasks import functions

        # get_task also fetches all features of the dataset, for class labels, which takes half the time of a pull.
        describe = getattr(functions, "_get_task_description", functions.get_task)

        def answer() -> OpenMLTask:
            try:
                task = describe(task_id)
            except ValueError as error:  # a number that is no TaskType of the client's
                raise NotImplementedError from error
            procedure = getattr(task, "estimation_procedure", {})
            words = _procedure(procedure.get("type") or "", procedure.get("parameters") or {})
            return OpenMLTask(task.dataset_id, task.task_type_id.value, getattr(task, "target_name", ""), words)

        return self.calls.ask(f"task {task_id}", answer)

    def dataset(self, dataset_id: int) -> OpenMLDataset:
        """Return a dataset's name, version and qualities."""
        import openml

        def answer(*, download_qualities: bool) -> OpenMLDataset:
            found = openml.datasets.get_dataset(dataset_id, download_qualities=download_qualities)
            qualities = dict(found.qualities or {}) if download_qualities else {}
            return OpenMLDataset(found.name, int(found.version or 1), qualities)

        try:
            return self.calls.ask(f"dataset {dataset_id}", lambda: answer(download_qualities=True))
        except AbsentError:  # of the qualities; without them the dataset may be there
            return self.calls.ask(f"dataset {dataset_id}", lambda: answer(download_qualities=False))

    def flow_names(self, flow_id: int) -> tuple[str, str]:
        """Return the class that a flow runs ('' if it names none) and the flow's own name."""
        import openml

        def answer() -> tuple[str, str]:
            flow = openml.flows.get_flow(flow_id)
            return flow.class_name or "", flow.name

        return self.calls.ask(f"flow {flow_id}", answer)

    def setups(self, setup_ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """Return each setup's hyperparameters, their values as the server's text; unknown setups are left out."""
        found: dict[int, dict[str, str]] = {}
        for start in range(0, len(setup_ids), _SETUPS_PER_CALL):
            found |= self._setups(list(setup_ids[start : start + _SETUPS_PER_CALL]))
        return found

    def _setups(self, setup_ids: list[int]) -> dict[int, dict[str, str]]:
        import openml

        def answer() -> dict[int, dict[str, str]]:
            found = cast("dict[int, OpenMLSetup]", openml.setups.list_setups(setup=setup_ids))
            return {id_: _parameters(setup) for id_, setup in found.items()}

        return self.calls.ask(f"{len(setup_ids)} setups", answer)

    def evaluations(self, measure: str, *, tasks: Sequence[int] = (), flows: Sequence[int] = ()) -> "pd.DataFrame":
        """Return all evaluations of tasks (or flows), one row a run: run_id, task_id, setup_id, flow_id, value."""
        import openml

        def answer() -> "pd.DataFrame":
            # Without size=None the client stops at 10,000 and does not say so.
            found: pd.DataFrame = openml.evaluations.list_evaluations(
                measure, size=None, tasks=list(tasks) or None, flows=list(flows) or None, output_format="dataframe"
            )
            # Pages overlap where runs were added meanwhile.
            return found.reindex(columns=_EVALUATION_COLUMNS).drop_duplicates("run_id", ignore_index=True)

        of = f"tasks {', '.join(map(str, tasks))}" if tasks else "the flows"
        return self.calls.ask(f"the evaluations of {of} by {measure}", answer)

    def values(self, run_id: int) -> dict[str, float]:
        """Return the measures of one run in full precision, where the lists give six significant digits."""
        import openml

        return self.calls.ask(f"run {run_id}", lambda: dict(openml.runs.get_run(run_id).evaluations or {}))


def _procedure(kind: str, parameters: Mapping[str, str]) -> str:
    """Put an estimation procedure into words, such as "10-fold cross-validation" or "33% holdout"."""
    repeats = parameters.get("number_repeats") or "1"
    times = f"{repeats} times " if repeats != "1" else ""
    if kind == "crossvalidation":
        return f"{times}{parameters.get('number_folds')}-fold cross-validation"
    if kind == "holdout":
        return f"{times}{parameters.get('percentage')}% holdout"
    return f"{times}{kind}"


def _parameters(setup: "OpenMLSetup") -> dict[str, str]:
    """Return a setup's hyperparameters by name; those of a component are told apart by its flow's name."""
    given = (setup.parameters or {}).values()
    return {
        p.parameter_name if p.flow_id == setup.flow_id else f"{p.flow_name}__{p.parameter_name}": p.value for p in given
    }
