"""OpenML's tasks with their datasets and qualities, each asked for once, ever."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from metalearn.core.protocols import Ingested
from metalearn.core.records import Batch
from metalearn.errors import AbsentError
from metalearn.sources import openml_entities as entities
from metalearn.sources.openml_entities import OpenMLDataset, OpenMLTask
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_tables import SOURCE, TASK_TYPES, quarantine_tables, task_tables

_TASKS_PER_BATCH = 100


class Tasks:
    """Describes tasks; ``lost`` says by task id why there is none, ``refused`` is what is in quarantine before."""

    def __init__(self, server: OpenMLServer, stored: Ingested) -> None:
        self._server = server
        self._known = {id_.removeprefix("openml-task-") for id_ in stored.tasks()}
        self._procedures: Mapping[str, str] | None = None
        self.lost: dict[int, str] = {}
        self.refused = stored.quarantined()

    def batches(self, task_ids: Iterable[int]) -> Iterator[Batch]:
        """Yield tasks that are not stored, with datasets and qualities; what the server does not know is lost."""
        new = [task for task in task_ids if str(task) not in self._known and task not in self.lost]
        for start in range(0, len(new), _TASKS_PER_BATCH):
            described, lost = self._asked(new[start : start + _TASKS_PER_BATCH])
            self._known.update(str(task.id) for task, _ in described)
            self.lost |= lost
            found = {json.dumps({"task_id": task.id}) for task, _ in described}
            released = [entry for entry in self.refused if entry[0] in found]
            tables = task_tables(described)
            tables |= quarantine_tables([{"task_id": task} for task in lost], list(lost.values()), released)
            seen = len(tables.get("meta_features", ())) + len(lost)
            yield Batch(SOURCE, tables, partition="tasks", seen=seen)

    def _asked(self, task_ids: Sequence[int]) -> tuple[list[tuple[OpenMLTask, OpenMLDataset]], dict[int, str]]:
        """Return what the server says about tasks, and why it says nothing of others."""
        if self._procedures is None:
            self._procedures = entities.procedures(self._server)
        tasks = entities.tasks(self._server, task_ids, self._procedures)
        lost = {id_: f"the OpenML server does not know task {id_}" for id_ in task_ids if id_ not in tasks}
        other = [task.id for task in tasks.values() if task.type not in TASK_TYPES]
        lost |= {id_: f"task {id_} is neither a classification nor a regression" for id_ in other}
        datasets = list(dict.fromkeys(task.dataset_id for task in tasks.values() if task.id not in lost))
        versions = entities.dataset_versions(self._server, datasets) if datasets else {}
        qualities = dict(zip(versions, self._server.map(self._qualities, versions), strict=True))
        described = []
        for id_ in (id_ for id_ in task_ids if id_ not in lost):
            dataset = tasks[id_].dataset_id
            if dataset in versions:
                described.append((tasks[id_], OpenMLDataset(*versions[dataset], qualities[dataset])))
            else:
                lost[id_] = f"the OpenML server does not know dataset {dataset} of task {id_}"
        return described, lost

    def _qualities(self, dataset_id: int) -> dict[str, float]:
        try:
            return entities.qualities(self._server, dataset_id)
        except AbsentError:
            return {}
