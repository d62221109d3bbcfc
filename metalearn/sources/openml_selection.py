"""Which of a server's evaluations a pull reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from metalearn.core.metrics import Metric, canonical, source_names
from metalearn.core.protocols import Ingested
from metalearn.errors import InputError
from metalearn.sources import openml_entities as entities
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_lists import RUNTIME, Cursor, ListNames


@dataclass(frozen=True)
class Selection:
    """Which evaluations to read: those of a suite (id or alias), of tasks, or of flows, by some measures.

    With tasks, ``flows`` narrows down whose evaluations are read, as ``uploaders`` does and ``since``, the first day of
    upload. ``measures`` are names of metrics, ours or OpenML's. ``per_fold`` asks for the value of each fold where the
    server has them. ``max_runs`` ends the pull after so many evaluations.

    Raises:
        InputError: when neither suite nor tasks nor flows are given, or ``max_runs`` is none.
        UnknownNameError: for a measure that metalearn does not know.

    >>> Selection(tasks=(3,)).metrics[0].name
    'balanced_accuracy'
    >>> Selection()
    Traceback (most recent call last):
    ...
    metalearn.errors.InputError: Say what to read from OpenML: a suite, tasks or flows.
    """

    suite: int | str | None = None
    tasks: tuple[int, ...] = ()
    flows: tuple[int, ...] = ()
    measures: tuple[str, ...] = ("balanced_accuracy",)
    uploaders: tuple[int, ...] = ()
    since: date | None = None
    max_runs: int | None = None
    per_fold: bool = False

    def __post_init__(self) -> None:
        if self.suite is None and not self.tasks and not self.flows:
            raise InputError("Say what to read from OpenML: a suite, tasks or flows.")
        if self.max_runs is not None and self.max_runs < 1:
            raise InputError(f"The most runs to read are a number from 1 on; got {self.max_runs}.")
        _ = self.metrics

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that the measures stand for."""
        return tuple(canonical(measure)[0] for measure in self.measures)

    @property
    def by_flow(self) -> bool:
        """Whether lists are cut by flow, for want of tasks."""
        return self.suite is None and not self.tasks

    def known_measures(self, server: OpenMLServer) -> tuple[dict[str, Metric], bool]:
        """Return the server's measures that stand for the metrics, and whether it knows runtimes.

        Raises:
            InputError: when it has none for one of the metrics.
        """
        known = frozenset(entities.measures(server))
        found = {name: metric for metric in self.metrics for name in source_names(metric.name) if name in known}
        for metric in self.metrics:
            if metric not in found.values():
                raise InputError(f"The OpenML server has no measure for {metric.name}; choose another metric.")
        return found, RUNTIME in known

    @property
    def names(self) -> ListNames:
        """What this selection's lists are called."""
        filters = [("flow", () if self.by_flow else self.flows), ("uploader", self.uploaders)]
        return ListNames(
            kind="flow" if self.by_flow else "task",
            narrowed="".join(f"/{name}/{entities.joined(ids)}" for name, ids in filters if ids),
            mark=(f"/since/{self.since}" if self.since else "") + ("/per_fold" if self.per_fold else ""),
        )

    def missing(self, stored: Ingested) -> tuple[int, ...]:
        """Return the ids of tasks (or flows) whose lists have not been read to their end, without asking the server.

        Tasks that are ``lost`` are none of them: a pull asks for these again each time, but has no list of theirs.

        Raises:
            InputError: when the tasks of the suite are not known.
        """
        cursors, lost = stored.cursors(), self.lost(stored)
        ids = [id_ for id_ in (self.flows if self.by_flow else self._tasks_wanted(cursors)) if id_ not in lost]
        whole = {
            partition: text
            for partition, text in cursors.items()
            if partition.startswith("function/") and Cursor.read(text).complete
        }
        missing: set[int] = set()
        for metric in self.metrics:
            lists = [of_list for name in source_names(metric.name) for of_list in self.names.known(whole, name, ids)]
            missing |= set(ids).difference(*lists)
        return tuple(sorted(missing))

    def lost(self, stored: Ingested) -> tuple[int, ...]:
        """Return the ids of tasks that the server could not describe when it was asked last: they are in quarantine.

        Raises:
            InputError: when the tasks of the suite are not known.
        """
        if self.by_flow:
            return ()
        refused = {raw for raw, _ in stored.quarantined()}
        ids = set(self._tasks_wanted(stored.cursors()))
        return tuple(sorted(id_ for id_ in ids if json.dumps({"task_id": id_}) in refused))

    def _tasks_wanted(self, cursors: Mapping[str, str]) -> list[int]:
        if self.suite is None:
            return list(self.tasks)
        if (of_suite := cursors.get(f"suite {self.suite}")) is None:
            raise InputError(f"Suite {self.suite} has not been read yet; run it without --offline first.")
        return [*json.loads(of_suite), *self.tasks]
