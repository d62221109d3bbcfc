"""Where the rows of a task stand: through appends, deletions and checkpoints."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.store import row_blocks as module
from metalearn.store.connection import connect
from metalearn.store.row_blocks import RowBlocks, runs_of_ones

_INSERT = """INSERT INTO evaluations BY NAME
SELECT 't' || (range // 1000) AS task_id, range::VARCHAR AS configuration_id, 'accuracy' AS metric, 0.5 AS value,
    's' AS source
FROM range($first, $last)"""


def insert(connection, first, last):
    """Rows of tasks of 1,000 rows each, written to the file at once."""
    connection.execute(_INSERT, {"first": first, "last": last})
    connection.execute("CHECKPOINT")


def missed(connection, blocks):
    """Tasks some of whose rows are outside of the ranges that are given for them."""
    text = "SELECT task_id, list(DISTINCT rowid // 1000) FROM evaluations GROUP BY ALL"
    found = connection.execute(text).fetchall()
    ranges = {task: blocks.ranges([task]) for task, _ in found}
    return [t for t, held in found if not all(any(a <= 1000 * b <= z for a, z in ranges[t]) for b in held)]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_BLOCK", 1000)
    return str(tmp_path / "kb.duckdb")


def test_an_empty_table_and_unknown_tasks_have_no_rows(path):
    with connect(path, read_only=False) as connection:
        blocks = RowBlocks(connection)
        assert blocks.ranges(["t0"]) == []
        insert(connection, 0, 3000)
        assert blocks.ranges(["t0", "t2", "other"]) == [(0, 999), (2000, 2999)]
        assert blocks.ranges(["t0", "t1"]) == [(0, 1999)]
        assert blocks.ranges([]) == blocks.ranges(["other"]) == []


def test_rows_keep_their_numbers_while_gaps_are_there(path):
    """DuckDB moves rows into gaps in a checkpoint if it may, which nothing else would tell."""
    with connect(path, read_only=False) as connection:
        insert(connection, 0, 400_000)
        connection.execute("DELETE FROM evaluations WHERE rowid BETWEEN 100000 AND 280000 OR rowid % 5 = 3")
        connection.execute("CHECKPOINT")
    with connect(path, read_only=False) as connection:
        blocks = RowBlocks(connection)
        assert missed(connection, blocks) == []
        insert(connection, 400_000, 430_000)
        assert missed(connection, blocks) == []


def test_rows_that_are_deleted_and_come_again_are_seen(path):
    with connect(path, read_only=False) as connection:
        blocks = RowBlocks(connection)
        insert(connection, 0, 5000)
        assert missed(connection, blocks) == []
        for some in ("rowid < 2000", "rowid > 3500", "true"):
            connection.execute(f"DELETE FROM evaluations WHERE {some}")
            assert missed(connection, blocks) == []
            insert(connection, 3000, 9000)
            assert missed(connection, blocks) == []


@given(st.integers(min_value=0, max_value=2**70))
def test_runs_of_ones_are_the_ones(bits):
    runs = runs_of_ones(bits)
    assert sum((1 << end) - (1 << first) for first, end in runs) == bits
    assert all(ended < begins for (_, ended), (begins, _) in pairwise(runs))
