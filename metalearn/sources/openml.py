"""Evaluations from OpenML (https://www.openml.org) or a server that speaks its REST API, through its own client.

A pull goes task by task, never deep into one list, because the server fails on large offsets
(https://github.com/openml/openml-python/issues/1528). Runtimes are joined by run, setups and flows are asked for once.
"""

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from metalearn.core.algorithms import algorithm_names, canonical_algorithm
from metalearn.core.metrics import Metric, canonical, source_names
from metalearn.core.records import Batch, Configuration
from metalearn.errors import ConfigurationError, InputError
from metalearn.sources import rows
from metalearn.sources.openml_calls import AbsentError, OpenMLCalls
from metalearn.sources.openml_client import OpenMLClient
from metalearn.sources.openml_tables import SOURCE, TASK_TYPES, task_tables
from metalearn.sources.rows import Check

_RUNTIME = "usercpu_time_millis"
# So many runs of a task are asked for one by one, for values in full precision, unless told otherwise.
_FEW_RUNS = 1_000
# The largest relative error of a number with six significant digits.
_ROUNDING = 5e-6
# How OpenML's scikit-learn extension writes a part of a pipeline where a value should stand.
_COMPONENT = ('"oml-python:serialized_object"', '"component_reference"')


def read_openml(
    *,
    suite: int | str | None = None,
    tasks: Sequence[int] = (),
    flows: Sequence[int] = (),
    measures: Sequence[str] = ("balanced_accuracy",),
    server: str | None = None,
    cache: Path | None = None,
    space: str | None = None,
    exact: bool | None = None,
    done: Container[str] = (),
    attempts: int = 5,
    pause_seconds: float = 1.0,
) -> Iterator[Batch]:
    """Return the evaluations of OpenML tasks, a batch for each task, with its dataset and its qualities.

    The tasks are those of ``suite`` (id or alias) and ``tasks``; without either, those on which ``flows`` ran. With
    ``flows`` only their evaluations are read. ``measures`` are names of metrics, ours or OpenML's. ``server`` is the
    URL of an API such as ``https://www.openml.org/api/v1/xml``, by default what the ``openml`` client is configured
    for; ``cache`` the root of that client's cache, by default its own.

    A batch's partition is ``task <id>``; those in ``done`` are skipped. Without it every task is read again, because
    its evaluations may have grown; the knowledge base keeps what it has. The configurations of flows of scikit-learn
    and of algorithms that metalearn knows belong to the space ``sklearn``, others to one named after their flow,
    unless ``space`` says otherwise. Values that are missing, not finite or out of bounds, setups that are no JSON,
    and unknown tasks, flows and setups are quarantined. ``Batch.seen`` counts evaluations, qualities and lost tasks.
    The server's lists give six significant digits; ``exact`` asks for each run too, one more request a run. By
    default that is done for tasks with at most 1,000 runs.
    A call is tried ``attempts`` times, with pauses that double from ``pause_seconds``.

    Raises:
        InputError: when neither suite nor tasks nor flows are given, or the server has no such measure.
        UnknownNameError: for a measure that metalearn does not know.
        SourceError: when the server gives no answer, while the batches are read.

    >>> read_openml()
    Traceback (most recent call last):
    ...
    metalearn.errors.InputError: Say what to read from OpenML: a suite, tasks or flows.
    """
    if suite is None and not tasks and not flows:
        raise InputError("Say what to read from OpenML: a suite, tasks or flows.")
    metrics = [canonical(measure)[0] for measure in measures]
    client = OpenMLClient(OpenMLCalls(server, cache, attempts, pause_seconds))
    return _batches(client, suite, tasks, flows, metrics, space, exact, done)


def _batches(
    client: OpenMLClient,
    suite: int | str | None,
    tasks: Sequence[int],
    flows: Sequence[int],
    metrics: Sequence[Metric],
    space: str | None,
    exact: bool | None,
    done: Container[str],
) -> Iterator[Batch]:
    measures = _measures(client, metrics)
    wanted = [*(client.tasks_of_suite(suite) if suite is not None else ()), *tasks]
    if suite is None and not tasks:
        wanted = [task for measure in measures for task in client.evaluations(measure, flows=flows)["task_id"]]
    pull = _Pull(client, measures, flows, space, exact=exact)
    for task in dict.fromkeys(wanted):
        if f"task {task}" not in done:
            yield pull.batch(int(task))


def _measures(client: OpenMLClient, metrics: Sequence[Metric]) -> dict[str, Metric]:
    """Return the server's measures that stand for the metrics."""
    known = frozenset(client.measures())
    found = {name: metric for metric in metrics for name in source_names(metric.name) if name in known}
    for metric in metrics:
        if metric not in found.values():
            raise InputError(f"The OpenML server has no measure for {metric.name}; choose another metric.")
    return found


class _Pull:
    """One pass over tasks. What many tasks share, flows and setups, is asked for once."""

    def __init__(
        self,
        client: OpenMLClient,
        measures: Mapping[str, Metric],
        flows: Sequence[int],
        space: str | None,
        *,
        exact: bool | None,
    ) -> None:
        self._client = client
        self._measures = measures
        self._flows = flows
        self._space = space
        self._exact = exact
        self._runs: dict[int, dict[str, float]] = {}  # measures of the runs of the task at hand
        # The space and algorithm of each flow and the configuration of each setup; text says what is wrong with one.
        self._algorithms: dict[int, tuple[str, str] | str] = {}
        self._configurations: dict[int, Configuration | str] = {}

    def batch(self, task_id: int) -> Batch:
        partition = f"task {task_id}"
        try:
            task = self._client.task(task_id)
            if task.type not in TASK_TYPES:
                raise AbsentError(f"Task {task_id} is neither a classification nor a regression.")
            dataset = self._client.dataset(task.dataset_id)
        except AbsentError as error:
            lost = rows.quarantine_table(SOURCE, [json.dumps({"task_id": task_id})], [str(error)])
            return Batch(SOURCE, {"quarantine": lost}, partition, cursor="absent", seen=1)
        tables = {**task_tables(task_id, task, dataset), **self._evaluation_tables(task_id)}
        seen = sum(len(tables[name]) for name in ("meta_features", "evaluations", "quarantine") if name in tables)
        return Batch(SOURCE, tables, partition, cursor="read", seen=seen)

    def _evaluation_tables(self, task_id: int) -> dict[str, pa.Table]:
        self._runs.clear()
        found = self._evaluations(task_id)
        if found.empty:
            return {}
        self._learn(dict(zip(found["setup_id"], found["flow_id"], strict=True)))
        index, setups = pd.factorize(found["setup_id"])
        configurations = [self._configurations[setup] for setup in setups]
        evaluations = pa.table(
            {
                "task_id": rows.repeated(f"openml-task-{task_id}", len(found)),
                "configuration_id": rows.taken([getattr(c, "id", "") for c in configurations], index),
                "metric": pa.array(found["metric"]),
                "value": rows.nullable(found["value"].to_numpy()),
                "cost_seconds": rows.durations(found["cost_seconds"].to_numpy()),
                "source": rows.repeated(SOURCE, len(found)),
                "source_run_id": pa.array(found["run_id"].astype(str)),
            }
        )
        wrong = np.array([c if isinstance(c, str) else "" for c in configurations], dtype=object)[index]
        reasons = rows.first_reason(len(found), (wrong != "", wrong), *self._value_checks(found))
        accepted, refused = rows.accepted(evaluations, reasons)
        raw = map(json.dumps, found.iloc[refused].drop(columns="cost_seconds").to_dict("records"))
        return {
            **rows.configuration_tables((c for c in configurations if isinstance(c, Configuration)), SOURCE),
            "evaluations": accepted,
            "quarantine": rows.quarantine_table(SOURCE, list(raw), reasons[refused]),
        }

    def _evaluations(self, task_id: int) -> pd.DataFrame:
        """Return a task's evaluations (N rows): run_id, task_id, setup_id, flow_id, value, metric, cost_seconds."""
        by_measure = [
            self._listed(measure, task_id).assign(metric=metric.name) for measure, metric in self._measures.items()
        ]
        found = pd.concat([frame for frame in by_measure if len(frame)] or by_measure[:1], ignore_index=True)
        if found.empty:
            return found
        runtimes = self._listed(_RUNTIME, task_id).set_index("run_id")["value"]
        milliseconds = found["run_id"].map(pd.to_numeric(runtimes))
        return found.assign(value=pd.to_numeric(found["value"]), cost_seconds=milliseconds / 1000)

    def _listed(self, measure: str, task_id: int) -> pd.DataFrame:
        """Return a task's evaluations by one measure, in the precision asked for."""
        found = self._client.evaluations(measure, tasks=[task_id], flows=self._flows)
        if not (len(found) <= _FEW_RUNS if self._exact is None else self._exact):
            return found
        for run in set(found["run_id"].astype(int)) - self._runs.keys():
            self._runs[run] = self._client.values(run)
        listed = pd.to_numeric(found["value"])
        whole = pd.Series([self._runs[run].get(measure, np.nan) for run in found["run_id"].astype(int)], listed.index)
        # What the list has otherwise than rounded (nothing, NaN, another number) stays as it has it.
        return found.assign(value=whole.where(np.isclose(whole, listed, rtol=_ROUNDING, atol=0), listed))

    def _value_checks(self, found: pd.DataFrame) -> list[Check]:
        """Return the checks of all rows' values, each against the bounds of its own metric."""
        values = found["value"].to_numpy()
        return [
            (wrong & (found["metric"] == metric.name).to_numpy(), reason)
            for metric in self._measures.values()
            for wrong, reason in rows.value_checks(metric, values)
        ]

    def _learn(self, flow_of: Mapping[int, int]) -> None:
        """Ask for the configurations of the setups that no task before has had."""
        new = [setup for setup in flow_of if setup not in self._configurations]
        parameters = self._client.setups(new)
        for setup in new:
            self._configurations[setup] = self._configuration(setup, flow_of[setup], parameters.get(setup))

    def _configuration(self, setup: int, flow: int, parameters: Mapping[str, str] | None) -> Configuration | str:
        if parameters is None:
            return f"the server does not know setup {setup}"
        algorithm = self._algorithm(flow)
        if isinstance(algorithm, str):
            return algorithm
        try:
            return Configuration(*algorithm, _decoded(parameters))
        except ConfigurationError as error:
            return f"setup {setup} cannot be read: {error}"

    def _algorithm(self, flow: int) -> tuple[str, str] | str:
        """Return the space and the algorithm of a flow, or why there is none."""
        if flow not in self._algorithms:
            try:
                self._algorithms[flow] = _vocabulary(*self._client.flow_names(flow), self._space)
            except AbsentError as error:
                self._algorithms[flow] = str(error)
        return self._algorithms[flow]


def _vocabulary(class_name: str, flow_name: str, space: str | None) -> tuple[str, str]:
    """Return the space and the canonical algorithm of a flow; one that metalearn does not know keeps its name.

    >>> _vocabulary("sklearn.svm.classes.SVC", "sklearn.svm.classes.SVC", None), _vocabulary("", "weka.J48", None)
    (('sklearn', 'svc'), ('weka.J48', 'weka.J48'))
    """
    named = (canonical_algorithm(name) for name in (class_name, flow_name))
    algorithm = next((name for name in named if name in algorithm_names()), flow_name)
    ours = algorithm != flow_name or flow_name.startswith("sklearn.")
    return space or ("sklearn" if ours else flow_name), algorithm


def _decoded(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Decode a setup's JSON values, without the components of a pipeline: its flow names these.

    >>> _decoded({"C": "1.0", "kernel": '"rbf"', "gamma": "null"})
    {'C': 1.0, 'kernel': 'rbf', 'gamma': None}
    """
    values = {}
    for name, text in parameters.items():
        try:
            value = json.loads(text)
        except (ValueError, TypeError):
            raise ConfigurationError(f"the value of {name} is no JSON, {text!r}") from None
        if not all(mark in text for mark in _COMPONENT):
            values[name] = value
    return values
