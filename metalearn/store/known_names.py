"""The names that a user's table may use of what a knowledge base holds: tasks, datasets and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from metalearn.core.ids import dataset_of_task, named_id, task_of_dataset
from metalearn.core.metrics import Metric, canonical
from metalearn.errors import InputError, UnknownNameError
from metalearn.store.loading import stored_metrics

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Known:
    """What a knowledge base holds already: the dataset of each task, and its metrics by name."""

    tasks: Mapping[str, str]
    metrics: Mapping[str, Metric]

    @classmethod
    def of(cls, connection: "duckdb.DuckDBPyConnection") -> "Known":
        """Read them from a knowledge base."""
        tasks = dict(connection.execute("SELECT id, dataset_id FROM tasks").fetchall())
        return cls(tasks, stored_metrics(connection))

    def metric(self, cell: object) -> tuple[Metric, bool]:
        """Return the metric that a cell names, and whether its name stands for 1 - the value."""
        name = str(cell).strip()
        try:
            return canonical(name)
        except UnknownNameError:
            if name in self.metrics:
                return self.metrics[name], False
            raise

    def task(self, cell: object) -> str:
        """Return the id of the task that a cell names: by its id, OpenML's number, or its dataset where that has one.

        >>> known = Known({"t1": "d", "t2": "e", "t3": "e"}, {})
        >>> [known.task(cell) for cell in ("t1", "d", 59.0, "openml-61", "new")]
        ['t1', 't1', 'openml-task-59', 'openml-dataset-61', 'new']
        """
        name = named_id(cell, "openml-task")
        of_dataset = [name] if name in self.tasks else self._tasks_of.get(name, [])
        if len(of_dataset) > 1:
            raise InputError(
                f"The dataset {name} has several tasks here, {', '.join(of_dataset)}; name one in task_id."
            )
        return of_dataset[0] if of_dataset else task_of_dataset(name)

    def dataset(self, task: str, told: set[str]) -> str:
        """Return the dataset of a task, by what is known and what is told of it; by default it is of its own.

        >>> Known({}, {}).dataset("openml-dataset-61", set())
        'openml-61'
        """
        names = told | ({self.tasks[task]} if task in self.tasks else set())
        if len(names) > 1:
            raise InputError(
                f"The task {task} cannot be of several datasets, {', '.join(sorted(names))}; mend dataset_id."
            )
        return next(iter(names), dataset_of_task(task))

    @cached_property
    def _tasks_of(self) -> dict[str, list[str]]:
        tasks: dict[str, list[str]] = {}
        for task, dataset in sorted(self.tasks.items()):
            tasks.setdefault(dataset, []).append(task)
        return tasks
