"""Run a callable in a child process under hard time and memory limits: a value or a status, never a crash of ours."""

import multiprocessing
import resource
import signal
from collections.abc import Callable
from concurrent.futures import TimeoutError as LimitExceeded
from dataclasses import dataclass
from typing import Any

from metalearn.core.records import Status


@dataclass(frozen=True)
class Outcome:
    """What became of a call: its value with status ``ok``, else the status and a message."""

    value: Any = None
    status: Status = "ok"
    message: str = ""


def run_limited(
    function: Callable[..., Any], *arguments: Any, seconds: float, memory_bytes: int | None = None
) -> Outcome:
    """Call ``function(*arguments)`` in a child process, which is killed after ``seconds``.

    ``memory_bytes`` bounds the child's address space. Function, arguments and value must be picklable. An exception
    gives status ``crashed`` with its type and text, a dead child too; a child that ran out of memory ``memout``.

    The child is forked from a server process that imported the module of the first such function beforehand: it
    starts at once, and without the threads of this process, which a plain fork would inherit half dead.

    >>> run_limited(divmod, 7, 2, seconds=60).value
    (3, 1)
    >>> run_limited(divmod, 7, 0, seconds=60).message
    'ZeroDivisionError: integer division or modulo by zero'
    """
    from pebble import ProcessExpired, ProcessPool

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__])  # no effect once the server runs
    with ProcessPool(max_workers=1, initializer=_limit_memory, initargs=[memory_bytes], context=context) as pool:
        try:
            return Outcome(pool.schedule(function, args=arguments, timeout=seconds).result())
        except LimitExceeded:
            return Outcome(status="timeout", message=f"stopped after {seconds:g} s")
        except MemoryError as error:
            return Outcome(status="memout", message=f"MemoryError: {error}")
        except ProcessExpired as error:
            return _died(error.exitcode)
        except Exception as error:
            return Outcome(status="crashed", message=f"{type(error).__name__}: {error}")
        finally:
            pool.stop()  # type: ignore[no-untyped-call]


def _died(exitcode: int) -> Outcome:
    if exitcode == -signal.SIGKILL:  # not by us: the system's, when memory runs out
        return Outcome(status="memout", message="the process was killed, most likely for its memory")
    return Outcome(status="crashed", message=f"the process died with exit code {exitcode}")


def _limit_memory(memory_bytes: int | None) -> None:
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
