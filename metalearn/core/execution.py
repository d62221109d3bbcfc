"""Run a callable in a child process under hard time and memory limits: a value or a status, never a crash of ours."""

import resource
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
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

    ``memory_bytes`` bounds the child's address space. Both the function and its arguments must be picklable.
    An exception gives status ``crashed`` with its type and text, a dead child too.

    >>> run_limited(divmod, 7, 2, seconds=60).value
    (3, 1)
    >>> run_limited(divmod, 7, 0, seconds=60).status
    'crashed'
    """
    from pebble import ProcessExpired, ProcessPool

    with ProcessPool(max_workers=1, initializer=_limit_memory, initargs=[memory_bytes]) as pool:
        future = pool.schedule(function, args=arguments, timeout=seconds)
        try:
            return Outcome(future.result())
        except FutureTimeoutError:
            return Outcome(status="timeout", message=f"stopped after {seconds:g} s")
        except MemoryError as error:
            return Outcome(status="memout", message=f"MemoryError: {error}")
        except ProcessExpired as error:
            return Outcome(status="crashed", message=f"the process died with exit code {error.exitcode}")
        except Exception as error:
            return Outcome(status="crashed", message=f"{type(error).__name__}: {error}")


def _limit_memory(memory_bytes: int | None) -> None:
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
