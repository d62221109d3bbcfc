"""Run a callable in a child process under hard time and memory limits: a value or a status, never a crash of ours."""

import multiprocessing
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
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
    starts within 0.1 s, and without the threads of this process, which a plain fork would inherit half dead.

    >>> run_limited(divmod, 7, 2, seconds=60).value
    (3, 1)
    >>> run_limited(divmod, 7, 0, seconds=60).message
    'ZeroDivisionError: integer division or modulo by zero'
    """
    context = _fork_server(function)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, memory_bytes, function, arguments))
    with receiver:
        try:
            with sender:
                process.start()
            return _received(receiver, process, seconds)
        finally:
            if process.pid is not None:
                process.kill()
                process.join()
                process.close()


def _fork_server(function: Callable[..., Any]) -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__])  # no effect once the server runs
    return context


def _received(receiver: Connection, process: ForkServerProcess, seconds: float) -> Outcome:
    if not receiver.poll(seconds):
        return Outcome(status="timeout", message=f"stopped after {seconds:g} s")
    try:
        outcome: Outcome = receiver.recv()
    except EOFError:
        process.join()
        return _died(process.exitcode)
    return outcome


def _died(exitcode: int | None) -> Outcome:
    if exitcode == -signal.SIGKILL:  # not by us: the system's, when memory runs out
        return Outcome(status="memout", message="the process was killed, most likely for its memory")
    return Outcome(status="crashed", message=f"the process died with exit code {exitcode}")


def _answer(
    sender: Connection, memory_bytes: int | None, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """Send what becomes of the call: the child's side."""
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        sender.send(Outcome(function(*arguments)))
    except BrokenPipeError:
        return  # who asked is gone
    except MemoryError as error:
        sender.send(Outcome(status="memout", message=f"MemoryError: {error}"))
    except Exception as error:  # also of a value that cannot be pickled, of which nothing was sent then
        sender.send(Outcome(status="crashed", message=f"{type(error).__name__}: {error}"))
