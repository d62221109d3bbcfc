"""Evaluations from OpenML (https://www.openml.org) or a server that speaks its REST API.

A pull describes the tasks first, then reads lists of evaluations page by page, several at once, and joins them with
runtimes, setups and flows. Every page is one transaction that also moves its list's cursor.
"""

import json
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from metalearn.core import rows
from metalearn.core.protocols import Ingested
from metalearn.core.records import Batch, Configuration
from metalearn.sources import openml_entities as entities
from metalearn.sources.openml_folds import with_folds
from metalearn.sources.openml_http import OpenMLServer, text_of
from metalearn.sources.openml_lists import EvaluationLists, Page, Row, ids_of
from metalearn.sources.openml_runs import exact_parts
from metalearn.sources.openml_selection import Selection
from metalearn.sources.openml_setups import Setups
from metalearn.sources.openml_tables import SOURCE, Evaluations, Refused, quarantine_tables
from metalearn.sources.openml_tasks import Tasks


class OpenMLPull:
    """The evaluations of a selection, a batch a page, after their tasks, with datasets and qualities; iterate over it.

    ``stored`` is what the knowledge base holds of OpenML (``KnowledgeBase.ingested``): tasks, flows and setups that
    are in it are not asked for again, and lists are read on from where they ended. With ``retry`` the runs in
    quarantine are asked for again; those that have been mended are stored and released.

    The configurations of flows of scikit-learn and of algorithms that metalearn knows belong to the space ``sklearn``,
    others to one named after their flow, unless ``space`` says otherwise. Values that are missing, not finite or out of
    bounds, setups that are no JSON, and unknown tasks, flows and setups are quarantined. ``Batch.seen`` counts
    evaluations, qualities and lost tasks. The server's lists give six significant digits; ``exact`` asks for each run
    too, one more request a run; by default that is done for tasks with at most 1,000 runs.

    Raises:
        InputError: when the server has no such measure.
        SourceError: when the server gives no answer; while the batches are read, too.

    ::

        with KnowledgeBase.open("runs.duckdb", read_only=False) as kb, OpenMLServer() as server:
            kb.append_all(OpenMLPull(Selection(suite=99), server, kb.ingested("openml")))
    """

    def __init__(
        self,
        selection: Selection,
        server: OpenMLServer,
        stored: Ingested,
        *,
        space: str | None = None,
        exact: bool | None = None,
        retry: bool = True,
    ) -> None:
        self._selection, self._server, self._stored = selection, server, stored
        # Folds are listed in full precision.
        self._exact, self._retry = False if selection.per_fold else exact, retry
        self._measures, runtimes = selection.known_measures(server)
        self._setups = Setups(server, stored, space)
        self._tasks = Tasks(server, stored)
        cursors = stored.cursors()
        self._cursors = dict(cursors)  # moves on with the pages
        self._lists = EvaluationLists(server, selection.names, cursors, runtimes=runtimes, max_rows=selection.max_runs)

    @property
    def fraction(self) -> float:
        """The share of the selection's lists that has been read so far."""
        return self._lists.fraction

    def __iter__(self) -> Iterator[Batch]:
        wanted = yield from self._tasks_wanted()
        ids = self._selection.flows if self._selection.by_flow else [t for t in wanted if t not in self._tasks.lost]
        readers = self._lists.readers(list(self._measures), ids)
        # One list after the other where not all is read, so that the same is read each time.
        for page in self._server.interleaved(readers, at_once=1 if self._selection.max_runs else None):
            yield from self._batches(page)
            self._cursors[page.partition] = str(page.cursor)
        if self._retry:
            yield from self._quarantined(set(wanted))

    def _tasks_wanted(self) -> Generator[Batch, None, list[int]]:
        """Yield the tasks of the selection that are not stored yet; return the ids of all."""
        suite = self._selection.suite
        of_suite = entities.tasks_of_suite(self._server, suite) if suite is not None else []
        if suite is not None:
            yield Batch(SOURCE, {}, partition=f"suite {suite}", cursor=json.dumps(of_suite))
        wanted = list(dict.fromkeys([*of_suite, *self._selection.tasks]))
        yield from self._tasks.batches(wanted)
        return wanted

    def _quarantined(self, tasks: set[int]) -> Iterator[Batch]:
        """Yield runs that were in quarantine before, and with them the release of what was refused then."""
        flows = set(self._selection.flows)
        refused: dict[str, dict[int, list[Refused]]] = {measure: {} for measure in self._measures}
        for entry in self._tasks.refused:
            row = json.loads(entry[0])
            run, task, flow = (ids_of([row], f"{name}_id").item() for name in ("run", "task", "flow"))
            wanted = (
                (self._selection.by_flow or task in tasks) and (not flows or flow in flows) and self._late_enough(row)
            )
            if wanted and run >= 0 and row.get("function") in refused:
                refused[row["function"]].setdefault(run, []).append(entry)
        for measure, of_run in refused.items():
            for page in self._lists.runs(measure, sorted(of_run)):
                found = [entry for run in ids_of(page.rows, "run_id").tolist() for entry in of_run.get(run, ())]
                yield from self._batches(page, released=found)

    def _batches(self, page: Page, released: Sequence[Refused] = ()) -> Iterator[Batch]:
        """Yield a page: one batch, or one a task where runs are asked for one by one."""
        metric = self._measures[page.measure]
        raw = [row for row in page.rows if self._late_enough(row)]
        found = Evaluations.read(raw, page.runtimes)
        yield from self._tasks.batches(np.unique(found.tasks[found.tasks >= 0]).tolist())
        named = found.taken((found.setups >= 0) & (found.flows >= 0))
        known, tables = self._setups.configurations(dict(zip(named.setups.tolist(), named.flows.tolist(), strict=True)))
        reasons = found.reasons(metric, known, self._tasks.lost)
        fine, refused = found.taken(reasons == ""), [raw[i] for i in np.flatnonzero(reasons != "")]
        why = reasons[reasons != ""].tolist()
        if self._selection.per_fold:
            fine, without, reason = with_folds(self._server, fine, page.measure, metric)
            refused, why = refused + without, why + reason
        tables |= rows.configuration_tables((c for c in known.values() if isinstance(c, Configuration)), SOURCE)
        tables |= quarantine_tables(refused, why, released)
        skipped = len(page.rows) - len(raw)
        for part, last in exact_parts(self._server, self._stored, fine, page.measure, self._exact):
            tables["evaluations"] = part.table(metric, known)
            # The cursor stays where it was until the whole page is stored.
            cursor = str(page.cursor) if last else self._cursors.get(page.partition, "")
            seen = len(part) + len(tables.get("quarantine", ())) + skipped
            yield Batch(SOURCE, tables, page.partition, cursor, seen, skipped)
            tables, skipped = {}, 0

    def _late_enough(self, row: Row) -> bool:
        since = self._selection.since
        return since is None or text_of(row.get("upload_time")) >= str(since)
