"""What a pull from OpenML will take, from a look at a few of its lists."""

import math
import sys
import time
from dataclasses import dataclass

from metalearn.core.protocols import Ingested
from metalearn.sources import openml_entities as entities
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_lists import MOST_ROWS
from metalearn.sources.openml_selection import Selection

_SAMPLE = 5
_FIRST_PROBE, _STRIDE = 1_000, 4
# The number of rows of a sampled list is found to a tenth.
_PRECISION = 0.1


@dataclass(frozen=True)
class Plan:
    """An estimate: ``rows`` by all measures, between ``rows_low`` and ``rows_high`` if all are like the sample's ends.

    ``known`` of the ``lists`` (one a task or flow and measure) have been read before; they are asked for what is new,
    of which nothing can be said. ``requests`` leaves out those for setups, flows and exact values. ``seconds`` is the
    server's time for pages, going by the largest one sampled.
    """

    lists: int
    known: int
    rows_low: int
    rows: int
    rows_high: int
    requests: int
    seconds: float


def plan_openml(selection: Selection, server: OpenMLServer, stored: Ingested) -> Plan:
    """Estimate what a pull of the selection will take, from at most five lists that have not been read yet.

    The number of rows of a list is found by asking for single rows at growing offsets, then by bisection.

    Raises:
        InputError: when the server has no such measure.
        SourceError: when the server gives no answer.
    """
    measures, runtimes = selection.known_measures(server)
    of_suite = entities.tasks_of_suite(server, selection.suite) if selection.suite is not None else []
    ids = selection.flows if selection.by_flow else list(dict.fromkeys([*of_suite, *selection.tasks]))
    read = [(m, of_list) for m in measures for of_list in selection.names.known(stored.cursors(), m, ids)]
    known = {(m, id_) for m, of_list in read for id_ in of_list}
    new = [(m, id_) for m in measures for id_ in ids if (m, id_) not in known]
    paths = [selection.names.path(m, [id_]) for m, id_ in new[:: max(1, -(-len(new) // _SAMPLE))]]
    counts = [_count_rows(server, path) for path in paths] or [0]
    seconds_a_row = _seconds_a_row(server, paths[counts.index(max(counts))]) if max(counts) else 0.0
    low, mean, high = (
        min(len(new) * count, selection.max_runs or sys.maxsize)
        for count in (min(counts), sum(counts) / len(counts), max(counts))
    )
    there = set() if selection.by_flow else {f"openml-task-{id_}" for id_ in ids}.difference(stored.tasks())
    # Lists that share a page, or pages of one list; runtimes as well; then the tasks, by the hundred, and qualities.
    pages = max(mean / MOST_ROWS, len(new) * (mean > len(new) * MOST_ROWS)) * (1 + runtimes)
    return Plan(
        lists=len(ids) * len(measures),
        known=len(known),
        rows_low=round(low),
        rows=round(mean),
        rows_high=round(high),
        requests=math.ceil(pages) + len(read) + len(there) + 2 * math.ceil(len(there) / 100),
        seconds=mean * (1 + runtimes) * seconds_a_row,
    )


def _count_rows(server: OpenMLServer, path: str) -> int:
    """Return about how many rows a list has."""

    def reaches(offset: int) -> bool:
        return bool(entities.evaluations(server, f"{path}/limit/1/offset/{offset}", "one evaluation"))

    low, high = 0, _FIRST_PROBE
    if not reaches(0):
        return 0
    while reaches(high):
        low, high = high, high * _STRIDE
    while high - low > max(1, _PRECISION * low):
        middle = (low + high) // 2
        low, high = (middle, high) if reaches(middle) else (low, middle)
    return high


def _seconds_a_row(server: OpenMLServer, path: str) -> float:
    start = time.perf_counter()
    found = entities.evaluations(server, f"{path}/limit/{MOST_ROWS}", "a page of evaluations")
    return (time.perf_counter() - start) / max(1, len(found))
