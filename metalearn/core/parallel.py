"""Many calls on an executor of the standard library's interface: threads, processes, or a Dask cluster."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import islice
from multiprocessing import get_context
from threading import Event
from typing import Any, TypeVar

from metalearn.core.execution import NO_CHILD, leave_if_imported
from metalearn.errors import InputError, MetalearnError, MissingDependencyError

Key = TypeVar("Key")
Item = TypeVar("Item")
# Enough to keep every worker busy while results are taken in; what waits holds memory.
_WAITING_PER_WORKER = 2
# Whether a child process of this one has ever come up.
_can_start = Event()


def check_workers(workers: int | str) -> None:
    """Check what stands for workers.

    Raises:
        InputError: when it is neither a positive number nor an address.
    """
    if "://" not in str(workers) and (not str(workers).isdecimal() or int(workers) < 1):
        raise InputError(
            f"Workers are a number from 1 on, or a scheduler's address (tcp://host:8786); got {workers!r}."
        )


@contextmanager
def executor(workers: int | str, *, processes: bool = False) -> Iterator[tuple[Executor, int]]:
    """Give an executor and its number of workers: that many here, or those of the Dask scheduler at an address.

    Threads suit calls that wait for child processes (``core.execution``), ``processes`` those that compute themselves.
    A Dask cluster needs workers that may have children for the former: ``distributed.worker.daemon: False`` in its
    configuration.

    Raises:
        InputError: when ``workers`` is neither a positive number nor the address of a scheduler that answers.
        MissingDependencyError: when it is an address and Dask is not installed.
        MetalearnError: when ``processes`` cannot start, as where a script calls this without a guard.

    >>> with executor(2) as (pool, n_workers):
    ...     pool.submit(pow, 2, 3).result(), n_workers
    (8, 2)
    """
    check_workers(workers)
    if "://" in str(workers):
        try:
            from distributed import Client
        except ImportError as error:
            raise MissingDependencyError("dask", "dask") from error
        try:
            client: Any = Client(workers)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise InputError(f"No Dask scheduler answers at {workers}; start one with 'dask scheduler'.") from error
        with client:
            yield client.get_executor(), max(1, sum(client.nthreads().values()))
        return
    # Spawned, because the threads of libraries do not survive a fork.
    spawn = partial(ProcessPoolExecutor, mp_context=get_context("spawn"))
    if processes:
        leave_if_imported()
    with (spawn if processes else ThreadPoolExecutor)(int(workers)) as pool:
        if processes and not _can_start.is_set():
            _check_start(pool)
        yield pool, int(workers)


def _check_start(pool: Executor) -> None:
    try:
        pool.submit(bool).result()
    except BrokenProcessPool as error:
        raise MetalearnError(NO_CHILD) from error
    _can_start.set()


def processes(workers: int | str) -> AbstractContextManager[tuple[Executor | None, int]]:
    """Give processes for calls that compute themselves, and their number; no executor for one, which is this process.

    Raises:
        InputError, MissingDependencyError: as ``executor``.
    """
    return nullcontext((None, 1)) if str(workers) == "1" else executor(workers, processes=True)


def completed(
    pool: Executor, n_workers: int, function: Callable[..., Any], calls: Iterable[tuple[Key, tuple[Any, ...]]]
) -> Iterator[tuple[Key, Any]]:
    """Call the function with each call's arguments and yield (key, result) as they come, the first ones first begun.

    Calls are taken from their iterator only as workers need them. The first call that fails ends it with its exception:
    what has begun by then runs to its end, what waits never begins.

    >>> with executor(2) as (pool, n_workers):
    ...     sorted(completed(pool, n_workers, pow, (((a, b), (a, b)) for a in (2, 3) for b in (1, 2))))
    [((2, 1), 2), ((2, 2), 4), ((3, 1), 3), ((3, 2), 9)]
    """
    waiting: dict[Future[Any], Key] = {}
    try:
        for key, arguments in calls:
            waiting[pool.submit(function, *arguments)] = key
            if len(waiting) >= (1 + _WAITING_PER_WORKER) * n_workers:
                yield from _taken(waiting)
        while waiting:
            yield from _taken(waiting)
    finally:
        for future in waiting:
            future.cancel()


def _taken(waiting: dict[Future[Any], Key]) -> Iterator[tuple[Key, Any]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in [future for future in waiting if future in done]:  # of those that have ended, the first begun first
        yield waiting.pop(future), future.result()


def interleaved(pool: Executor, n_open: int, iterators: Iterable[Iterator[Item]]) -> Iterator[Item]:
    """Yield what the iterators yield as it comes, ``n_open`` of them at a time, each advanced on the pool.

    An iterator's own items keep their order. It is one item ahead at most, so that a slow reader holds all of them
    back. The first that fails ends it with its exception.

    >>> with executor(2) as (pool, n_workers):
    ...     sorted(interleaved(pool, n_workers, (iter(range(n)) for n in (1, 2, 3))))
    [0, 0, 0, 1, 1, 2]
    """
    waiting, end = iter(iterators), object()
    running: dict[Future[Any], Iterator[Item]] = {}

    def advance(iterator: Iterator[Item]) -> None:
        running[pool.submit(next, iterator, end)] = iterator

    for iterator in islice(waiting, n_open):
        advance(iterator)
    try:
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                iterator, item = running.pop(future), future.result()
                if item is not end:
                    advance(iterator)
                    yield item
                elif (new := next(waiting, None)) is not None:
                    advance(new)
    finally:
        for future in running:
            future.cancel()
