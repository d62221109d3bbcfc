"""Lists of evaluations on an OpenML server, page by page.

A list is what one path below ``evaluation/list`` gives: one measure, on some tasks (or of some flows). It is read by
offset, which stays small because lists are cut by task: the server fails on large ones
(https://github.com/openml/openml-python/issues/1528). It promises no order and rows may come in between, so each page
overlaps the one before by a row, and one that does not hold that row makes the list begin anew.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from metalearn.core.rows import Floats, Integers, numbers
from metalearn.errors import SourceError
from metalearn.sources.openml_entities import chunks, evaluations, evaluations_of_runs, joined
from metalearn.sources.openml_http import OpenMLServer, text_of

Row = dict[str, Any]
RUNTIME = "usercpu_time_millis"
MOST_ROWS = 10_000
# Three times halved. A server that fails on less has another trouble than the size of its answers.
_FEWEST_ROWS = 1_250
_GROWTH = 1.25
_MOST_RESTARTS = 5
# Lists of so many tasks at most are asked for at once, filled so far on the average.
_MOST_TASKS = 100
_FILLED = 0.8
# Up to so many new runs, their runtimes are asked for by run; beyond, the whole list of runtimes is read.
_FEW_RUNS = 1_500


@dataclass(frozen=True)
class Cursor:
    """How far a list has been read: rows, the run of the last one, and whether its end was seen."""

    rows: int = 0
    last: str = ""
    complete: bool = False

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Return the cursor that ``str`` wrote; the beginning for an empty text."""
        return cls(**json.loads(text)) if text else cls()

    def __str__(self) -> str:
        return json.dumps(vars(self))


@dataclass(frozen=True)
class Runtimes:
    """Seconds of runs: distinct, ascending run ids (R,) and seconds (R,)."""

    runs: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    seconds: Floats = field(default_factory=lambda: np.empty(0))

    @classmethod
    def read(cls, rows: Sequence[Row]) -> "Runtimes":
        """Return the runtimes in a list's rows, in which milliseconds may be missing or no number."""
        milliseconds, _ = numbers([row.get("value") for row in rows])
        runs, first = np.unique(ids_of(rows, "run_id"), return_index=True)
        return cls(runs, milliseconds[first] / 1000)

    def __or__(self, other: "Runtimes") -> "Runtimes":
        runs, first = np.unique(np.concatenate([self.runs, other.runs]), return_index=True)
        return Runtimes(runs, np.concatenate([self.seconds, other.seconds])[first])

    def of(self, runs: Integers) -> Floats:
        """Return the seconds of runs (n,), NaN where unknown.

        >>> Runtimes(np.array([3, 5]), np.array([0.1, 0.2])).of(np.array([5, 4]))
        array([0.2, nan])
        """
        if not len(self.runs):
            return np.full(len(runs), np.nan)
        at = np.searchsorted(self.runs, runs).clip(max=len(self.runs) - 1)
        return np.where(self.runs[at] == runs, self.seconds[at], np.nan)


@dataclass(frozen=True)
class Page:
    """Rows of a list that no page before has had, and where the list's cursor stands after them."""

    measure: str
    partition: str
    cursor: Cursor
    rows: list[Row]
    runtimes: Runtimes


def ids_of(rows: Sequence[Row], name: str) -> Integers:
    """Return one kind of ids of rows (n,), -1 where a row has none.

    >>> ids_of([{"run_id": "7"}, {}], "run_id")
    array([ 7, -1])
    """
    cells = [row.get(name) for row in rows]
    try:
        return np.array([*map(int, cells)], dtype=np.int64)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        texts = map(text_of, cells)
        return np.array([int(text) if text.isdigit() else -1 for text in texts], dtype=np.int64)


@dataclass(frozen=True)
class ListNames:
    """How lists are called: by their paths on the server, and as partitions of the knowledge base.

    ``kind`` says what the lists are cut by. ``narrowed`` is a path that narrows every list, such as ``/flow/8000``;
    ``mark`` tells the names of partitions apart where more than the path decides what is stored.
    """

    kind: Literal["task", "flow"]
    narrowed: str = ""
    mark: str = ""

    def path(self, measure: str, ids: Sequence[int]) -> str:
        """Return the path of a list, below ``evaluation/list``.

        >>> ListNames("task", "/flow/8000").path("predictive_accuracy", [3, 6])
        'function/predictive_accuracy/task/3,6/flow/8000'
        """
        return f"function/{measure}/{self.kind}/{joined(ids)}{self.narrowed}"

    def partition(self, measure: str, ids: Sequence[int]) -> str:
        """Return the name of a list's partition."""
        return self.path(measure, ids) + self.mark

    def known(self, cursors: Mapping[str, str], measure: str, ids: Collection[int]) -> list[tuple[int, ...]]:
        """Return the ids of lists that have cursors, and hold none but wanted ids, each at most once."""
        head, tail = self.path(measure, ()).removesuffix(self.narrowed), self.narrowed + self.mark
        pattern = re.compile(rf"{re.escape(head)}([\d,]+){re.escape(tail)}")
        wanted, known = set(ids), []
        for partition in cursors:
            if matched := pattern.fullmatch(partition):
                of_list = tuple(map(int, matched[1].split(",")))
                if wanted.issuperset(of_list):
                    wanted.difference_update(of_list)
                    known.append(of_list)
        return known


class EvaluationLists:
    """Reads lists of evaluations by some measures, each with the runtimes of its runs.

    ``cursors`` are those of partitions already read; ``runtimes`` says whether the server knows them; ``max_rows`` is
    how many rows are read at most.
    """

    def __init__(
        self,
        server: OpenMLServer,
        names: ListNames,
        cursors: Mapping[str, str],
        *,
        runtimes: bool = True,
        max_rows: int | None = None,
    ) -> None:
        self._server, self._names, self._cursors = server, names, cursors
        self._runtimes_known = runtimes
        self._rows_left = max_rows
        self._most_rows = self._page_size = MOST_ROWS if max_rows is None else max(1, min(MOST_ROWS, max_rows))
        self._ids_wanted = self._ids_read = self._rows_read = 0

    @property
    def fraction(self) -> float:
        """The share of the wanted lists that has been read."""
        return self._ids_read / self._ids_wanted if self._ids_wanted else 1.0

    def readers(self, measures: Sequence[str], ids: Sequence[int]) -> Iterator[Iterator[Page]]:
        """Yield iterators over pages that together read all ids by all measures.

        Lists read before are continued as they are; what is in none of them is read in new ones, of as many ids as one
        page seems to hold, going by what has been read until then.
        """
        self._ids_wanted = len(ids) * len(measures)
        known: dict[tuple[int, ...], list[str]] = {}
        unknown: dict[tuple[int, ...], list[str]] = {}
        for measure in measures:
            lists = self._names.known(self._cursors, measure, ids)
            for of_list in lists:
                known.setdefault(of_list, []).append(measure)
            taken = {id_ for of_list in lists for id_ in of_list}
            unknown.setdefault(tuple(id_ for id_ in ids if id_ not in taken), []).append(measure)
        for of_list, of_measures in known.items():
            yield self._read(of_measures, of_list)
        for rest, of_measures in unknown.items():
            left = list(rest)
            while left:
                group = tuple(left[: self._group_size()])
                del left[: len(group)]
                yield self._read(of_measures, group)

    def runs(self, measure: str, ids: Sequence[int]) -> Iterator[Page]:
        """Yield pages of single runs; they have no cursor."""
        for chunk in chunks(ids):
            rows = evaluations_of_runs(self._server, measure, chunk)
            yield Page(measure, "", Cursor(), rows, self._runtimes_of(chunk))

    def _group_size(self) -> int:
        if not self._ids_read or self._rows_left is not None:
            return 1
        return max(1, min(_MOST_TASKS, int(_FILLED * self._page_size * self._ids_read / max(1, self._rows_read))))

    def _read(self, measures: Sequence[str], ids: tuple[int, ...]) -> Iterator[Page]:
        runtimes: Runtimes | None = None
        if self._rows_left == 0:
            return
        for i, measure in enumerate(measures):
            partition = self._names.partition(measure, ids)
            before = Cursor.read(self._cursors.get(partition, ""))
            for rows, cursor in self._pages(measure, ids, before):
                if not before.rows and len(ids) > 1 and not cursor.complete:  # more than a page: each half on its own
                    for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                        yield from self._read(measures[i:], half)
                    return
                kept, cursor_then = self._allowed(rows, cursor)
                if kept and runtimes is None:
                    runtimes = self._runtimes(ids, kept, before)
                yield Page(measure, partition, cursor_then, kept, runtimes or Runtimes())
                if self._rows_left == 0:
                    return
            self._ids_read += len(ids)
            self._rows_read += cursor.rows

    def _allowed(self, rows: list[Row], cursor: Cursor) -> tuple[list[Row], Cursor]:
        """Return those of the rows that may be read yet, and the cursor after them."""
        if self._rows_left is None:
            return rows, cursor
        kept = rows[: self._rows_left]
        self._rows_left -= len(kept)
        if len(kept) < len(rows):
            cursor = Cursor(cursor.rows - len(rows) + len(kept), text_of(kept[-1].get("run_id")))
        return kept, cursor

    def _pages(self, measure: str, ids: Sequence[int], cursor: Cursor) -> Iterator[tuple[list[Row], Cursor]]:
        """Yield the rows after a cursor, a page at a time, and the cursor after each."""
        restarts, path = 0, self._names.path(measure, ids)
        while True:
            overlap = 1 if cursor.last else 0
            rows, full = self._page(path, cursor.rows - overlap)
            places = [i for i, row in enumerate(rows) if text_of(row.get("run_id")) == cursor.last] if overlap else [-1]
            if not places:
                restarts, cursor = restarts + 1, Cursor()
                if restarts > _MOST_RESTARTS:
                    raise SourceError(f"The OpenML server changes {path} while it is read; run it again later.")
                continue
            new = rows[places[-1] + 1 :]
            last = text_of(rows[-1].get("run_id")) if rows else ""
            cursor = Cursor(max(0, cursor.rows - overlap) + len(rows), last, complete=not full)
            yield new, cursor
            if cursor.complete:
                return

    def _page(self, path: str, offset: int) -> tuple[list[Row], bool]:
        """Return the rows at an offset, and whether there may be more."""
        asked = 0

        def page() -> str:
            nonlocal asked
            asked = self._page_size
            return f"{path}/limit/{asked}/offset/{offset}"

        rows = evaluations(self._server, page, f"the evaluations in {path}", self._ask_for_less)
        self._page_size = min(self._most_rows, max(self._page_size + 1, int(self._page_size * _GROWTH)))
        return rows, len(rows) >= asked

    def _ask_for_less(self) -> None:
        self._page_size = max(min(_FEWEST_ROWS, self._most_rows), self._page_size // 2)

    def _runtimes(self, ids: Sequence[int], rows: Sequence[Row], before: Cursor) -> Runtimes:
        """Return the runtimes of a list's runs, or only of the new ones where these are few."""
        if self._rows_left is not None or (before.complete and len(rows) <= _FEW_RUNS):
            return self._runtimes_of(ids_of(rows, "run_id").tolist())
        found = Runtimes()
        if self._runtimes_known:
            for page, _ in self._pages(RUNTIME, ids, Cursor()):
                found |= Runtimes.read(page)
        return found

    def _runtimes_of(self, runs: Sequence[int]) -> Runtimes:
        found = Runtimes()
        for chunk in chunks(runs) if self._runtimes_known else ():
            found |= Runtimes.read(evaluations_of_runs(self._server, RUNTIME, chunk))
        return found
