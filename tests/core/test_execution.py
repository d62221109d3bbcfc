"""Every way in which a call can end gives a value or a status."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from metalearn.core.execution import run_limited

GENEROUS = 60.0


def _double(x: int) -> int:
    return 2 * x


def _refuse(text: str) -> None:
    raise ValueError(text)


def _allocate(n_bytes: int) -> int:
    return len(bytearray(n_bytes))


def _make_lambda() -> Callable[[], int]:
    return lambda: 1


def test_returns_the_value() -> None:
    outcome = run_limited(_double, 21, seconds=GENEROUS)
    assert (outcome.value, outcome.status, outcome.message) == (42, "ok", "")


def test_runs_in_another_process() -> None:
    assert run_limited(os.getpid, seconds=GENEROUS).value != os.getpid()


def test_an_exception_is_a_crash_with_its_text() -> None:
    outcome = run_limited(_refuse, "no such column", seconds=GENEROUS)
    assert (outcome.status, outcome.message) == ("crashed", "ValueError: no such column")


@pytest.mark.parametrize(
    ("function", "arguments", "statuses"),
    [
        (os._exit, (3,), {"crashed"}),
        (os.abort, (), {"crashed"}),
        # pebble loses a dead worker's exit code about once in 150 times on a busy machine.
        (signal.raise_signal, (signal.SIGKILL,), {"memout", "crashed"}),
    ],
)
def test_a_dead_child_is_a_status(function: Callable[..., Any], arguments: tuple[Any, ...], statuses: set[str]) -> None:
    outcome = run_limited(function, *arguments, seconds=GENEROUS)
    assert outcome.status in statuses
    assert outcome.value is None


def test_a_hanging_child_is_killed() -> None:
    outcome = run_limited(time.sleep, 3600, seconds=0.5)
    assert (outcome.status, outcome.message) == ("timeout", "stopped after 0.5 s")


def test_a_child_that_ignores_signals_is_killed() -> None:
    assert run_limited(_ignore_and_sleep, seconds=1.0).status == "timeout"


def _ignore_and_sleep() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(3600)


def test_memory_is_bounded() -> None:
    limit = 4 << 30
    assert run_limited(_allocate, 1 << 20, seconds=GENEROUS, memory_bytes=limit).value == 1 << 20
    assert run_limited(_allocate, limit, seconds=GENEROUS, memory_bytes=limit).status == "memout"


def test_a_value_that_cannot_be_pickled_is_a_crash() -> None:
    assert run_limited(_make_lambda, seconds=GENEROUS).status == "crashed"


def test_many_threads_may_wait_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda x: run_limited(_double, x, seconds=GENEROUS), range(8)))
    assert [outcome.value for outcome in outcomes] == [2 * x for x in range(8)]
