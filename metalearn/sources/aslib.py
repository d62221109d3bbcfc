"""Algorithm selection scenarios in ASlib's format, and auto-sklearn's meta-data, which are in it too.

Bischl et al., "ASlib: A benchmark library for algorithm selection", Artificial Intelligence 237 (2016). Format:
https://github.com/coseal/aslib-spec; scenarios: https://github.com/coseal/aslib_data. auto-sklearn's folders have a
``configurations.csv`` besides, which says what hyperparameters a number among the algorithms stands for.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from metalearn.core import rows
from metalearn.core.algorithms import canonical_algorithm
from metalearn.core.records import Batch, Configuration
from metalearn.core.rows import Floats, Integers, Objects
from metalearn.errors import ConfigurationError, InputError
from metalearn.sources.aslib_features import read_features
from metalearn.sources.aslib_files import Description, MeasuredColumn, distinct, read_description, read_table
from metalearn.sources.chunks import read_chunks, require_columns

_DESCRIPTION = "description.txt"
_STATUS = {
    "ok": "ok",
    "timeout": "timeout",
    "memout": "memout",
    "not_applicable": "invalid",
    "crash": "crashed",
    "other": "crashed",
}
_KEY = ("instance_id", "repetition", "algorithm")
_EXTRACTORS = {"auto-sklearn": "autosklearn"}
# What auto-sklearn calls otherwise than we do; its gradient boosting is scikit-learn's histogram-based one.
_AUTO_SKLEARN = {
    "gradient_boosting": "hist_gradient_boosting",
    "libsvm_svc": "svc",
    "libsvm_svr": "svr",
    "liblinear_svc": "linear_svc",
    "liblinear_svr": "linear_svr",
}
_CHOICES = ("classifier:__choice__", "regressor:__choice__")
_ROWS_PER_CHUNK = 50_000


def read_aslib(
    folder: Path,
    *,
    extractor: str | None = None,
    space: str | None = None,
    openml_tasks: bool = False,
) -> Iterator[Batch]:
    """Return the evaluations and meta-features of a scenario, or of all scenarios in a folder, a batch for each.

    A scenario is a folder with ``description.txt`` and ``algorithm_runs.arff``; ``feature_values.arff``,
    ``feature_costs.arff`` and ``feature_runstatus.arff`` are read where they are. Its id is the source and, unless
    ``space`` says otherwise, the configurations' space. An instance is a task ``<id>-<type>-<instance>`` of the dataset
    ``<id>-<instance>``; with ``openml_tasks`` instances are ids of OpenML tasks. Scenarios of algorithms that do not
    learn have tasks of the type ``algorithm_selection``, so that nothing recommends a solver for a table.

    Measures become metrics as ``read_description`` says: one that metalearn does not know is the scenario's own. The
    run statuses ``crash`` and ``other`` become ``crashed``, ``not_applicable`` becomes ``invalid``. The first measure
    that is a runtime is the cost in seconds, where there is a cutoff. The repetition is the seed.

    Meta-features are means over repetitions, by ``extractor`` (default: the scenario's id; auto-sklearn's:
    ``autosklearn``). A step's costs are shared out evenly among its features; a feature without a value has the
    status of the step that failed. What cannot be parsed is quarantined. A batch's partition is the folder's name.
    ``Batch.seen`` counts measured values and meta-features.

    Raises:
        InputError: when there is no scenario, or a file of one is missing, malformed or lacks a column.

    >>> list(read_aslib(Path("nowhere")))
    Traceback (most recent call last):
    ...
    metalearn.errors.InputError: nowhere holds no ASlib scenario; give a folder with description.txt, or one of such.
    """
    inside = sorted(path.parent for path in folder.glob(f"*/{_DESCRIPTION}"))
    folders = [folder] if (folder / _DESCRIPTION).is_file() else inside
    if not folders:
        raise InputError(f"{folder} holds no ASlib scenario; give a folder with {_DESCRIPTION}, or one of such.")
    for path in folders:
        yield _Scenario(path, read_description(path / _DESCRIPTION), extractor, space, openml_tasks).batch()


@dataclass(frozen=True)
class _Scenario:
    folder: Path
    description: Description
    extractor: str | None
    space: str | None
    openml_tasks: bool

    def batch(self) -> Batch:
        source = self.description.id
        runs = _Runs.of(self.folder, self.description, self.space or source)
        features = read_features(self.folder, self.description.steps)
        extractor = self.extractor or _EXTRACTORS.get(source, source)
        parts = [runs.tables(column, self.task_id) for column in self.description.measured]
        parts += [features.tables(self.task_id, extractor, source)] if features else []
        instances = dict.fromkeys([*runs.instances, *(features.instances if features else [])])
        tables = {
            "metrics": rows.metric_table(column.metric for column in self.description.measured),
            **self._task_tables([instance for instance in instances if instance]),
            **rows.configuration_tables(runs.configurations, source),
        }
        for name in dict.fromkeys(name for part in parts for name in part):
            tables[name] = pa.concat_tables([part[name] for part in parts if name in part])
        seen = sum(len(table) for part in parts for table in part.values())
        return Batch(source, tables, partition=self.folder.resolve().name, cursor="read", seen=seen)

    def task_id(self, instance: str) -> str:
        own = f"{self.description.id}-{self.description.task_type}-{instance}"
        return f"openml-task-{instance}" if self.openml_tasks else own

    def _task_tables(self, instances: Sequence[str]) -> dict[str, pa.Table]:
        source, type_ = self.description.id, self.description.task_type
        tasks = [self.task_id(instance) for instance in instances]
        # Nothing here tells which dataset an OpenML task has: it counts as one of its own.
        datasets = tasks if self.openml_tasks else [f"{source}-{instance}" for instance in instances]
        names = [None if self.openml_tasks else instance for instance in instances]
        return {
            "datasets": rows.dataset_table(
                {"id": id_, "name": name, "source": source} for id_, name in zip(datasets, names, strict=True)
            ),
            "tasks": rows.task_table(
                {"id": id_, "dataset_id": dataset, "type": type_, "source": source}
                for id_, dataset in zip(tasks, datasets, strict=True)
            ),
        }


@dataclass(frozen=True, eq=False)
class _Runs:
    """The n rows of ``algorithm_runs.arff``; what is text among the configurations says what is wrong with one."""

    frame: pd.DataFrame
    source: str
    instances: list[str]
    instance: Integers
    algorithms: list[str]
    configurations: list[Configuration | str]
    algorithm: Integers
    status: Objects
    seconds: Floats

    @classmethod
    def of(cls, folder: Path, description: Description, space: str) -> "_Runs":
        measures = [column.name for column in description.measured]
        frame = read_table(folder / "algorithm_runs.arff", *_KEY, "runstatus", *measures)
        algorithms, algorithm = distinct(frame["algorithm"])
        known = _read_configurations(folder / "configurations.csv", space)
        words, word = distinct(frame["runstatus"])
        return cls(
            frame,
            description.id,
            *distinct(frame["instance_id"]),
            algorithms,
            [_configuration(name, known, space) for name in algorithms],
            algorithm,
            np.array([_STATUS.get(w, "") for w in words], dtype=object)[word],
            _cost(frame, description),
        )

    def tables(self, column: MeasuredColumn, task_id: Callable[[str], str]) -> dict[str, pa.Table]:
        """Return the tables ``evaluations`` and ``quarantine`` of one column of measurements."""
        n, ok = len(self.frame), self.status == "ok"
        cells, unreadable = rows.numbers(self.frame[column.name].to_numpy())
        value = np.where(ok, column.measure.values(cells), np.nan)
        repetition, no_repetition = rows.numbers(self.frame["repetition"].to_numpy())
        no_repetition = no_repetition | ~((repetition >= 0) & (repetition % 1 == 0))
        ids, unknown = rows.configuration_column(self.configurations, self.algorithm)
        reasons = rows.first_reason(
            n,
            (np.array([not name for name in self.instances], dtype=bool)[self.instance], "the instance_id is missing"),
            unknown,
            (self.status == "", f"the runstatus is none of {', '.join(_STATUS)}"),
            (no_repetition, "the repetition is no whole number"),
            (ok & unreadable, f"{column.name} is no number"),
            *((ok & failed, reason) for failed, reason in rows.value_checks(column.metric, value)),
        )
        columns = {
            "task_id": rows.taken([task_id(instance) for instance in self.instances], self.instance),
            "configuration_id": ids,
            "metric": rows.repeated(column.metric.name, n),
            "seed": pa.array(np.where(no_repetition, -1, repetition).astype(np.int64)),
            "value": rows.nullable(value),
            "cost_seconds": rows.durations(self.seconds),
            "status": pa.array(self.status, pa.string()),
            "source": rows.repeated(self.source, n),
            # Two algorithms of the scenario may be one to us.
            "source_run_id": rows.taken(self.algorithms, self.algorithm),
        }
        evaluations, refused = rows.accepted(pa.table(columns), reasons)
        shown = self.frame[[*_KEY, column.name, "runstatus"]]
        raw = [json.dumps(shown.iloc[i].to_dict(), default=str) for i in refused]
        return {"evaluations": evaluations, "quarantine": rows.quarantine_table(self.source, raw, reasons[refused])}


def _cost(frame: pd.DataFrame, description: Description) -> Floats:
    """Return the seconds of each run (n,): a penalised runtime, such as PAR10's, counts as the cutoff."""
    runtime = next((column.name for column in description.measured if column.runtime), None)
    if runtime is None or math.isnan(description.cutoff_seconds):  # without a cutoff in seconds, it may be anything
        return np.full(len(frame), np.nan)
    return np.minimum(rows.numbers(frame[runtime].to_numpy())[0], description.cutoff_seconds)


def _read_configurations(path: Path, space: str) -> dict[str, Configuration | str] | None:
    """Return auto-sklearn's configurations by their number, or what is wrong with one; None without the file.

    An empty cell is a hyperparameter that is not active.
    """
    if not path.exists():
        return None
    found: dict[str, Configuration | str] = {}
    for frame in read_chunks(path, _ROWS_PER_CHUNK):
        require_columns(frame, path, "idx")
        for record in frame.to_dict("records"):
            number = str(record.pop("idx"))
            found[number] = _auto_sklearn({str(k): cell for k, cell in record.items() if not pd.isna(cell)}, space)
    return found


def _auto_sklearn(cells: Mapping[str, Any], space: str) -> Configuration | str:
    choice = next((str(cells[name]) for name in _CHOICES if name in cells), None)
    if choice is None:
        return f"configurations.csv has neither {' nor '.join(_CHOICES)} for the algorithm"
    values: dict[str, Any] = {name: rows.decode(cell) for name, cell in cells.items()}
    try:
        return Configuration(space, canonical_algorithm(_AUTO_SKLEARN.get(choice, choice)), values)
    except ConfigurationError as error:
        return str(error)


def _configuration(name: str, known: Mapping[str, Configuration | str] | None, space: str) -> Configuration | str:
    if not name:
        return "the algorithm is missing"
    if known is None:
        return Configuration(space, canonical_algorithm(name), {})
    return known.get(name, f"configurations.csv has no algorithm {name}")
