"""The plan of a pull, from a server that counts what it is asked; the command is in ``tests/cli``."""

import re

import pytest

from metalearn.sources.openml_plan import plan_openml
from metalearn.sources.openml_selection import Selection


class Server:
    """Says of each task how many evaluations it has, and gives no more than that."""

    def __init__(self, sizes):
        self.sizes, self.asked = sizes, 0

    def get(self, path, what, overloaded=None):
        self.asked += 1
        if path == "evaluationmeasure/list":
            return {"evaluation_measures": {"measures": {"measure": ["predictive_accuracy", "usercpu_time_millis"]}}}
        task, limit, offset = re.search(r"task/(\d+)/limit/(\d+)(?:/offset/(\d+))?", path).groups()
        left = max(0, self.sizes[int(task)] - int(offset or 0))
        return {"evaluations": {"evaluation": [{"run_id": i} for i in range(min(int(limit), left))]}} if left else None


class Stored:
    """What is stored already: nothing, or lists by their partitions."""

    def __init__(self, *partitions):
        self.partitions = partitions

    def cursors(self):
        return dict.fromkeys(self.partitions, "")

    def tasks(self):
        return ()


def plan(sizes, *stored, **selection):
    server = Server(sizes)
    return plan_openml(Selection(tasks=tuple(sizes), measures=("accuracy",), **selection), server, Stored(*stored))


@pytest.mark.parametrize("n", [1, 7, 999, 1000, 1001, 4_321, 98_765])
def test_rows_are_counted_to_a_tenth_or_to_the_row(n):
    found = plan({3: n})
    assert found.rows_low == found.rows == found.rows_high
    assert n <= found.rows <= 1.1 * n + 1


def test_a_sample_stands_for_all_lists():
    found = plan({task: 100 * (1 + task % 2) for task in range(20)})
    assert (found.lists, found.known) == (20, 0)
    assert 20 * 100 <= found.rows_low <= found.rows <= found.rows_high <= 20 * 220


def test_nothing_to_read():
    found = plan({3: 0, 6: 0})
    assert (found.lists, found.rows_low, found.rows, found.rows_high, found.seconds) == (2, 0, 0, 0, 0)


def test_what_was_read_before_is_asked_for_what_is_new_and_not_counted():
    found = plan({3: 50, 6: 70}, "function/predictive_accuracy/task/3")
    assert (found.lists, found.known) == (2, 1)
    assert 70 <= found.rows <= 78


def test_a_limit_holds_for_the_estimate_too():
    assert plan({3: 5_000, 6: 5_000}, max_runs=70).rows_high == 70
