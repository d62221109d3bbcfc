"""Every way in which a call can end gives a value or a status."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metalearn.core.execution import Outcome, run_limited
from metalearn.errors import InputError

GENEROUS = 60.0
MEGABYTE = 2**20


def _double(x: int) -> int:
    return 2 * x


def _refuse(text: str) -> None:
    raise ValueError(text)


def _allocate(n_bytes: int) -> int:
    return np.empty(n_bytes, dtype=np.int8).nbytes  # asked for, not touched


def _fill(n_bytes: int) -> int:
    return len(b"x" * n_bytes)


_KEPT: list[bytes] = []


def _fill_in_pieces(n_bytes: int) -> int:
    """Fill memory, and free it all but for the last piece, behind which the C library keeps the rest."""
    pieces = [b"x" * 100_000 for _ in range(n_bytes // 100_000)]
    _KEPT.append(b"x" * 100_000)
    return len(pieces)


def _make_lambda() -> Callable[[], int]:
    return lambda: 1


def _child() -> int:
    """Return the process id of this thread's child."""
    return int(run_limited(os.getpid, seconds=GENEROUS).value)


def _gone(pid: int) -> bool:
    """Whether a process ends before a generous deadline; one that has ended and nobody asked for counts as gone."""
    stat = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + GENEROUS
    while time.monotonic() < deadline:
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_returns_the_value() -> None:
    outcome = run_limited(_double, 21, seconds=GENEROUS)
    assert (outcome.value, outcome.status, outcome.message) == (42, "ok", "")


def test_runs_in_another_process() -> None:
    assert _child() != os.getpid()


def test_an_exception_is_a_crash_with_its_text() -> None:
    outcome = run_limited(_refuse, "no such column", seconds=GENEROUS)
    assert outcome == Outcome(status="crashed", message="ValueError: no such column")


@pytest.mark.parametrize(
    ("function", "arguments", "statuses"),
    [
        (os._exit, (3,), {"crashed"}),
        (os.abort, (), {"crashed"}),
        (signal.raise_signal, (signal.SIGSEGV,), {"crashed"}),
        # pebble loses a dead worker's exit code about once in 150 times on a busy machine.
        (signal.raise_signal, (signal.SIGKILL,), {"memout", "crashed"}),
    ],
)
def test_a_dead_child_is_a_status(function: Callable[..., Any], arguments: tuple[Any, ...], statuses: set[str]) -> None:
    outcome = run_limited(function, *arguments, seconds=GENEROUS)
    assert outcome.status in statuses
    assert outcome.value is None
    assert run_limited(_double, 1, seconds=GENEROUS).value == 2


def test_a_child_that_gives_up_under_a_limit_lacked_memory() -> None:
    limited = run_limited(os._exit, 1, seconds=GENEROUS, memory_bytes=2**40)
    assert (limited.status, run_limited(os._exit, 1, seconds=GENEROUS).status) == ("memout", "crashed")


def test_a_hanging_child_is_killed() -> None:
    child = _child()
    outcome = run_limited(time.sleep, 3600, seconds=0.5)
    assert (outcome.status, outcome.message, outcome.peak_memory) == ("timeout", "stopped after 0.5 s", None)
    assert _gone(child)


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
    assert run_limited(_allocate, limit, seconds=GENEROUS, memory_bytes=2 * limit).value == limit


def test_the_peak_of_memory_is_what_the_call_took() -> None:
    for fill in (_fill, _fill, _fill_in_pieces, _fill_in_pieces):  # what a call frees serves no other one unseen
        peak = run_limited(fill, 200 * MEGABYTE, seconds=GENEROUS).peak_memory
        assert peak == pytest.approx(200 * MEGABYTE, rel=0.2)
    small = run_limited(_double, 1, seconds=GENEROUS).peak_memory
    assert small is not None
    assert 0 <= small < 20 * MEGABYTE  # nor is the peak of the one before held against it


def test_a_value_that_cannot_be_pickled_is_a_crash() -> None:
    assert run_limited(_make_lambda, seconds=GENEROUS).status == "crashed"


def test_many_threads_may_wait_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda x: run_limited(_double, x, seconds=GENEROUS), range(8)))
    assert [outcome.value for outcome in outcomes] == [2 * x for x in range(8)]


def test_a_thread_keeps_its_child_until_it_is_killed() -> None:
    first = _child()
    assert run_limited(_refuse, "no", seconds=GENEROUS).status == "crashed"
    assert _child() == first
    assert run_limited(time.sleep, 3600, seconds=0.3).status == "timeout"
    second = _child()
    assert second not in (first, os.getpid())
    assert _child() == second


def test_another_memory_limit_takes_another_child() -> None:
    first = _child()
    other = run_limited(os.getpid, seconds=GENEROUS, memory_bytes=4 << 30).value
    assert other != first
    assert _gone(first)


def test_a_child_that_dies_between_calls_costs_no_call() -> None:
    first = _child()
    os.kill(first, signal.SIGKILL)
    assert _gone(first)
    time.sleep(0.5)  # pebble looks after its worker ten times a second
    outcome = run_limited(_double, 21, seconds=GENEROUS)
    assert (outcome.value, outcome.status) == (42, "ok")


def test_each_thread_has_a_child_of_its_own_that_ends_with_it() -> None:
    both_have_one = threading.Barrier(2)

    def ask() -> int:
        child = _child()
        both_have_one.wait(GENEROUS)
        return child

    with ThreadPoolExecutor(2) as pool:
        children = [future.result() for future in [pool.submit(ask) for _ in range(2)]]
        assert all(Path(f"/proc/{child}").exists() for child in children)
    assert len({*children, _child()}) == 3
    assert all(_gone(child) for child in children)


def _from_a_worker(x: int) -> tuple[int, int]:
    outcome = run_limited(_double, x, seconds=GENEROUS)
    return outcome.value, _child()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_workers_of_a_process_pool_may_call_and_end(method: str) -> None:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        answers = list(pool.map(_from_a_worker, range(3)))
    assert [value for value, _ in answers] == [0, 2, 4]
    children = {child for _, child in answers}
    assert len(children) == 1
    assert all(_gone(child) for child in children)


_FORKS = """
import os
from metalearn.core.execution import run_limited

assert run_limited(divmod, 7, 2, seconds=60).value == (3, 1)
child = run_limited(os.getpid, seconds=60).value
if os.fork() == 0:
    outcome = run_limited(divmod, 7, 2, seconds=60)
    os._exit(0 if outcome.value == (3, 1) and run_limited(os.getpid, seconds=60).value != child else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert run_limited(os.getpid, seconds=60).value == child
print("whole")
"""


def test_a_forked_process_leaves_the_child_of_its_parent_alone() -> None:
    # In a process of its own, which has no other threads.
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _FORKS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("whole\n", 0), done.stderr


_HANGS = """
import os, time
from metalearn.core.execution import run_limited

print(run_limited(os.getpid, seconds=60).value, flush=True)
run_limited(time.sleep, 3600, seconds=3600)
"""


def test_a_hanging_child_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _HANGS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert _gone(child)


def _in_a_daemon(answers: Any) -> None:
    try:
        run_limited(_double, 1, seconds=GENEROUS)
    except InputError as error:
        answers.put(str(error))


def test_a_daemonic_process_is_told_what_to_do() -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_in_a_daemon, args=(answers,), daemon=True)
    process.start()
    assert "DASK_DISTRIBUTED__WORKER__DAEMON=False" in answers.get(timeout=GENEROUS)
    process.join()
    answers.close()
    answers.join_thread()


@pytest.mark.parametrize(
    ("imported", "call"),
    [
        ("metalearn.core.execution import run_limited", "run_limited(divmod, 7, 2, seconds=60)"),
        ("metalearn.core.parallel import processes", "processes(2).__enter__()"),
    ],
)
def test_a_script_without_a_guard_is_told_once(imported: str, call: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    guarded = f"if __name__ == '__main__':\n    {call}\n"
    for text, code in ((f"from {imported}\n{call}\n", 1), (f"from {imported}\n{guarded}", 0)):
        script.write_text(text)
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=GENEROUS, check=False)
        assert done.returncode == code, done.stderr
        assert done.stderr.count("MetalearnError: No child process could start") == code
        assert "bootstrapping" not in done.stderr
