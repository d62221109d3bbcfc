"""Run a callable in a child process under hard time and memory limits: a value or a status, never a crash of ours."""

import ctypes
import inspect
import multiprocessing
import os
import re
import resource
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as LimitExceeded
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metalearn.core.records import Status
from metalearn.errors import InputError, MetalearnError

if TYPE_CHECKING:
    from pebble import ProcessPool

NO_CHILD = (
    "No child process could start: each one imports the script that is being run, so put the script's calls under "
    "if __name__ == '__main__'."
)
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Outcome:
    """What became of a call: its value with status ``ok``, else the status and a message.

    ``peak_memory`` is by how many bytes the call made the child's resident memory grow at most; None where the call
    did not end, or the system does not tell (it takes Linux).
    """

    value: Any = None
    status: Status = "ok"
    message: str = ""
    peak_memory: int | None = None


def run_limited(
    function: Callable[..., Any], *arguments: Any, seconds: float, memory_bytes: int | None = None
) -> Outcome:
    """Call ``function(*arguments)`` in a child process, which is killed after ``seconds``.

    ``memory_bytes`` bounds the child's address space. Function, arguments and value must be picklable. An exception
    gives status ``crashed`` with its type and text, a dead child too; a child that ran out of memory ``memout``.

    Each calling thread has a child of its own, which serves its next call too unless it was killed: any executor's
    workers, threads or processes, may call this side by side. The child is forked from a server process that imported
    the module of the first such function beforehand: it starts at once, and without the threads of this process, which
    a plain fork would inherit half dead.

    Raises:
        InputError: in a daemonic process, which may have no children (a worker of a Dask cluster, by default).
        MetalearnError: when the child ends while it starts, as where a script calls this without a guard.

    >>> run_limited(divmod, 7, 2, seconds=60).value
    (3, 1)
    >>> run_limited(divmod, 7, 0, seconds=60).message
    'ZeroDivisionError: integer division or modulo by zero'
    """
    from pebble import ProcessExpired

    child = _child(function.__module__, memory_bytes)
    try:
        value, peak = child.pool.schedule(_measured, args=(function, *arguments), timeout=seconds).result()
        child.answered = True
        return Outcome(value, peak_memory=peak)
    except LimitExceeded:
        return Outcome(status="timeout", message=f"stopped after {seconds:g} s")
    except MemoryError as error:
        return Outcome(status="memout", message=f"MemoryError: {error}")
    except ProcessExpired as error:
        return _died(error.exitcode, limited=memory_bytes is not None)
    except BrokenProcessPool as error:
        if not child.answered and memory_bytes is None:  # under a limit it may lack the memory to start
            raise MetalearnError(NO_CHILD) from error
        return Outcome(status="crashed", message=f"{type(error).__name__}: {error}")
    except Exception as error:
        return Outcome(status="crashed", message=f"{type(error).__name__}: {error}")
    finally:
        if not child.pool.active:
            child.close()


def leave_if_imported() -> None:
    """End this process, quietly, where it is a child that imports the parent's script to its top level.

    It would do all of the parent's work again, for which it may have no children of its own. The parent finds that the
    child ended (``NO_CHILD``).
    """
    frame = inspect.currentframe()
    while frame is not None:
        # The name that multiprocessing gives to a main module in a child.
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__":
            sys.exit(1)
        frame = frame.f_back


class _Child:
    """A pool of one process, stopped when its thread ends or drops it, or this process ends."""

    def __init__(self, module: str, memory_bytes: int | None) -> None:
        from pebble import ProcessPool

        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([module])  # no effect once the server runs
        self.memory_bytes, self.answered = memory_bytes, False
        self.pool = ProcessPool(1, initializer=_begin, initargs=[memory_bytes], context=context)
        # Not weakref's: where a worker of a process pool ends, only this one is called; in a fork it does nothing.
        self.close = Finalize(self, _stop, [self.pool], exitpriority=0)

    @property
    def usable(self) -> bool:
        return self.close.still_active() and self.pool.active


def _stop(pool: "ProcessPool") -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


_of_thread = threading.local()


def _forget() -> None:
    """Leave a parent's server and child to it, in a process that was forked: neither answers here."""
    forkserver._forkserver.__init__()  # type: ignore[misc]
    _of_thread.__dict__.clear()


os.register_at_fork(after_in_child=_forget)


def _child(module: str, memory_bytes: int | None) -> _Child:
    """Return this thread's child, a new one where there is none under this memory limit."""
    leave_if_imported()
    if multiprocessing.current_process().daemon:
        raise InputError(
            "A daemonic process may have no child process to run an evaluation in; "
            "start Dask workers with DASK_DISTRIBUTED__WORKER__DAEMON=False."
        )
    child: _Child | None = getattr(_of_thread, "child", None)
    if child is None or child.memory_bytes != memory_bytes or not child.usable:
        if child is not None:
            child.close()
        child = _of_thread.child = _Child(module, memory_bytes)
    return child


def _died(exitcode: int, *, limited: bool) -> Outcome:
    if exitcode == -signal.SIGKILL:  # not by us: the system's, when memory runs out
        return Outcome(status="memout", message="the process was killed, most likely for its memory")
    if exitcode == 1 and limited:  # as OpenBLAS does, which knows no MemoryError
        return Outcome(status="memout", message="the process gave up, most likely for want of memory")
    return Outcome(status="crashed", message=f"the process died with exit code {exitcode}")


def _begin(memory_bytes: int | None) -> None:
    """Limit this child's memory, and its life to its parent's: a call that hangs would else outlive one killed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _measured(function: Callable[..., Any], *arguments: Any) -> tuple[Any, int | None]:
    """Call the function and return its value and by how many bytes resident memory grew meanwhile, at most."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # what earlier calls freed must not serve this one unseen
        _RESET.write_text("5")  # the peak becomes the present size (Linux, proc(5))
    before = _resident("VmRSS")
    value = function(*arguments)
    peak = _resident("VmHWM")
    return value, None if before is None or peak is None else peak - before


def _resident(key: str) -> int | None:
    with suppress(OSError):
        found = re.search(rf"{key}:\s+(\d+) kB", _STATUS.read_text())
        return int(found[1]) * 1024 if found else None
    return None
