"""Where the rows of a task stand in the table ``evaluations``, which has no index.

DuckDB numbers the rows of a table (``rowid``) and finds a range of them at once; looking through the task ids of 100
million rows takes half a second. What one session appends stands together, so a few blocks hold a task.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

ROWS_PER_BLOCK = 122_880  # DuckDB's own row group


class RowBlocks:
    """The blocks of ``evaluations`` that hold each task, as bits of an integer; kept up to date as rows come in.

    The first question reads the task ids of the whole table (0.2 s for 5 million rows), later ones those of the rows
    that have come since. Rows keep their numbers as long as the file is open for writing (``connection.connect``),
    but where some are deleted; the number of gaps tells, and everything is read anew.
    """

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        self._blocks: dict[str, int] = {}
        self._end = 0  # one more than the number of the last row that is known
        self._gaps = 0

    def ranges(self, tasks: Iterable[str]) -> list[tuple[int, int]]:
        """Return the first and last numbers of the rows among which all stored rows of some tasks are."""
        self._read_new_rows()
        blocks = 0
        for task in tasks:
            blocks |= self._blocks.get(task, 0)
        return [(first * ROWS_PER_BLOCK, last * ROWS_PER_BLOCK - 1) for first, last in runs_of_ones(blocks)]

    def _read_new_rows(self) -> None:
        count = self._connection.execute("SELECT count(*) FROM evaluations").fetchall()[0][0]
        found = self._blocks_from(self._end - 1)  # the last known row too: whether it is still there says much
        if _end(found) - count != self._gaps:
            self._blocks.clear()
            found = self._blocks_from(0)
        for task, block, _ in found:
            self._blocks[task] = self._blocks.get(task, 0) | 1 << block
        self._end = _end(found)
        self._gaps = self._end - count

    def _blocks_from(self, first: int) -> list[tuple[str, int, int]]:
        """Return tasks with their blocks, and the number of their last row there, among the rows from one on."""
        text = "SELECT task_id, rowid // ?, max(rowid) FROM evaluations WHERE rowid >= ? GROUP BY ALL"
        return self._connection.execute(text, [ROWS_PER_BLOCK, first]).fetchall()


def _end(found: list[tuple[str, int, int]]) -> int:
    return max((last for _, _, last in found), default=-1) + 1


def runs_of_ones(bits: int) -> list[tuple[int, int]]:
    """Return where each run of ones in an integer begins and where it has ended, the lowest bit being 0.

    >>> runs_of_ones(0b1110_0101)
    [(0, 1), (2, 3), (5, 8)]
    """
    runs, position = [], 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        bits >>= ones
        runs.append((position + zeros, position + zeros + ones))
        position += zeros + ones
    return runs
