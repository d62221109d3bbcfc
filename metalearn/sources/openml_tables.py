"""What OpenML says as rows of the knowledge base: tasks with datasets and qualities, and evaluations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from metalearn.core import rows
from metalearn.core.metrics import Metric
from metalearn.core.records import Configuration, TaskType
from metalearn.core.rows import Check, Floats, Integers, Mask, Objects
from metalearn.sources.openml_entities import OpenMLDataset, OpenMLTask
from metalearn.sources.openml_lists import Row, Runtimes, ids_of

SOURCE = "openml"
# Raw text and reason of a row in quarantine.
Refused = tuple[str, str]
TASK_TYPES: Mapping[int, TaskType] = {1: "classification", 2: "regression"}
_EXTRACTOR_VERSION = "1"


def task_tables(described: Sequence[tuple[OpenMLTask, OpenMLDataset]]) -> dict[str, pa.Table]:
    """Return tasks with their datasets, whose columns count the target as OpenML does, and their qualities."""
    asked = [
        {
            "id": f"openml-task-{task.id}",
            "dataset_id": f"openml-{task.dataset_id}",
            "type": TASK_TYPES[task.type],
            "target": task.target,
            "procedure": task.procedure,
            "source": SOURCE,
        }
        for task, _ in described
    ]
    features = [
        rows.meta_feature_table(
            [f"openml-task-{task.id}"],
            list(dataset.qualities),
            np.array([list(dataset.qualities.values())], dtype=np.float64),
            extractor=SOURCE,
            version=_EXTRACTOR_VERSION,
        )
        for task, dataset in described
        if dataset.qualities
    ]
    tables = {
        "datasets": rows.dataset_table(_dataset_row(task.dataset_id, dataset) for task, dataset in described),
        "tasks": rows.task_table(asked),
    }
    return tables | ({"meta_features": pa.concat_tables(features).unify_dictionaries()} if features else {})


@dataclass(frozen=True)
class Evaluations:
    """A page's rows as columns of shape (N,); ids are -1 where a row has none, values NaN where missing.

    ``folds`` are -1 for means over folds.
    """

    raw: Sequence[Row]
    runs: Integers
    tasks: Integers
    setups: Integers
    flows: Integers
    values: Floats
    seconds: Floats
    folds: Integers

    @classmethod
    def read(cls, raw: Sequence[Row], runtimes: Runtimes) -> Self:
        """Return rows of a list with the runtimes of their runs."""
        runs, tasks, setups, flows = (ids_of(raw, f"{name}_id") for name in ("run", "task", "setup", "flow"))
        values, _ = rows.numbers([row.get("value") for row in raw])
        return cls(raw, runs, tasks, setups, flows, values, runtimes.of(runs), np.full(len(raw), -1))

    def __len__(self) -> int:
        return len(self.raw)

    def taken(self, index: Integers | Mask) -> Self:
        """Return some of the rows."""
        at = np.arange(len(self))[index]
        arrays: dict[str, Any] = {name: array[at] for name, array in vars(self).items() if name != "raw"}
        return type(self)([self.raw[i] for i in at], **arrays)

    def reasons(
        self, metric: Metric, configurations: Mapping[int, Configuration | str], lost: Mapping[int, str]
    ) -> Objects:
        """Return why rows are refused (N,), empty where one is not; ``lost`` says why tasks are."""
        wrong = {setup: text for setup, text in configurations.items() if isinstance(text, str)}
        unreadable = np.array([wrong.get(setup, "") for setup in self.setups.tolist()], dtype=object)
        nameless = (self.runs < 0) | (self.tasks < 0) | (self.setups < 0) | (self.flows < 0)
        strayed = np.array([lost.get(task, "") for task in self.tasks.tolist()], dtype=object)
        checks: list[Check] = [(nameless, "an id is missing"), (strayed != "", strayed), (unreadable != "", unreadable)]
        return rows.first_reason(len(self), *checks, *rows.value_checks(metric, self.values))

    def table(self, metric: Metric, configurations: Mapping[int, Configuration | str]) -> pa.Table:
        """Return the rows, none of them refused, as the table ``evaluations``."""
        setups, setup = np.unique(self.setups, return_inverse=True)
        tasks, task = np.unique(self.tasks, return_inverse=True)
        found = [configurations[id_] for id_ in setups.tolist()]
        return pa.table(
            {
                "task_id": rows.taken([f"openml-task-{id_}" for id_ in tasks], task),
                "configuration_id": rows.taken([c.id for c in found if isinstance(c, Configuration)], setup),
                "metric": rows.repeated(metric.name, len(self)),
                "fold": pa.array(self.folds.astype(np.int32)),
                "value": rows.nullable(self.values),
                "cost_seconds": rows.durations(self.seconds),
                "source": rows.repeated(SOURCE, len(self)),
                "source_run_id": pa.array(self.runs).cast(pa.string()),
            }
        )


def quarantine_tables(
    raw: Sequence[Mapping[str, Any]], reasons: Sequence[str] | Objects, released: Sequence[Refused]
) -> dict[str, pa.Table]:
    """Return the tables of rows that go into quarantine, as the server gave them, and of those that leave it."""
    texts = [json.dumps(row, sort_keys=True) for row in raw]
    both = {
        "quarantine": (texts, list(reasons)),
        "released": ([text for text, _ in released], [reason for _, reason in released]),
    }
    return {name: rows.quarantine_table(SOURCE, *columns) for name, columns in both.items() if columns[0]}


def _dataset_row(dataset_id: int, dataset: OpenMLDataset) -> dict[str, Any]:
    return {
        "id": f"openml-{dataset_id}",
        "name": dataset.name,
        "version": dataset.version,
        "n_rows": _count(dataset, "NumberOfInstances"),
        "n_columns": _count(dataset, "NumberOfFeatures"),
        "source": SOURCE,
    }


def _count(dataset: OpenMLDataset, quality: str) -> int | None:
    value = dataset.qualities.get(quality, np.nan)
    return int(value) if np.isfinite(value) else None
