"""Trials on workers: an objective is called, here or elsewhere, and whatever becomes of it is a report."""

import logging
import math
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from metalearn.core.execution import Outcome, run_limited
from metalearn.core.parallel import check_workers, executor
from metalearn.core.records import STATUSES, Status, Trial
from metalearn.errors import InputError, MetalearnError

Objective = Callable[[Trial], Any]
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Report(NamedTuple):
    """What became of a trial: its loss where the status is ``ok`` or ``pruned``, else a message; and when.

    ``cost_seconds`` is what the objective says that it took, by default the wall time of its call.
    """

    status: Status
    loss: float | None
    cost_seconds: float
    message: str
    started: datetime
    finished: datetime


class _Said(NamedTuple):
    status: Status
    loss: float | None
    cost_seconds: float
    message: str


def evaluate(
    objective: Objective, trial: Trial, *, seconds: float | None = None, memory_bytes: int | None = None
) -> Report:
    """Call an objective; under a limit, in a child process that is killed at it.

    The objective returns the loss, or a record with ``loss`` (or ``value``, as ``core.execution.Outcome`` has it) and,
    if it likes, ``status``, ``cost_seconds`` and ``message``. An exception is a crash, lack of memory a ``memout``.

    Raises:
        InputError: with a limit, in a process that may have no children.

    >>> from metalearn.core.records import Configuration
    >>> trial = Trial(Configuration("line-1", "line-1", {"x": 2}))
    >>> evaluate(lambda trial: trial.configuration.hyperparameters["x"] ** 2, trial).loss
    4.0
    """
    started, began = datetime.now(UTC), perf_counter()
    if seconds is None and memory_bytes is None:
        outcome = _protected(objective, trial)
    else:
        limit = math.inf if seconds is None else seconds
        outcome = run_limited(_called, objective, trial, seconds=limit, memory_bytes=memory_bytes)
    said = outcome.value or _Said(outcome.status, None, perf_counter() - began, outcome.message)
    return Report(said.status, said.loss, said.cost_seconds, said.message, started, datetime.now(UTC))


def _protected(objective: Objective, trial: Trial) -> Outcome:
    try:
        return Outcome(_called(objective, trial))
    except MemoryError as error:
        return Outcome(status="memout", message=f"MemoryError: {error}")
    except (Exception, SystemExit) as error:
        return Outcome(status="crashed", message=f"{type(error).__name__}: {error}")


def _called(objective: Objective, trial: Trial) -> _Said:
    began = perf_counter()
    value = objective(trial)
    return _understood(value, perf_counter() - began)


def _understood(value: Any, seconds: float) -> _Said:
    """Return what an objective said; a loss that is not finite, or none where one is due, is a crash."""
    loss = getattr(value, "loss", getattr(value, "value", value))
    status, message = getattr(value, "status", "ok"), str(getattr(value, "message", ""))
    own = getattr(value, "cost_seconds", None)
    cost = seconds if own is None else float(own)
    if status not in STATUSES or status == "pending":
        raise TypeError(f"the objective returned the status {status!r}, not one of {', '.join(STATUSES[1:])}")
    if status not in ("ok", "pruned"):
        return _Said(status, None, cost, message)
    try:
        number = float(loss)
    except (TypeError, ValueError):
        raise TypeError(f"the objective returned {loss!r}, not a number or a record with a loss") from None
    if not math.isfinite(number):
        return _Said("crashed", None, cost, message or f"the loss is {number}")
    return _Said(status, number, cost, message)


class _Job(NamedTuple):
    number: int
    trial: Trial
    place: Executor
    submitted: datetime
    tries: int


class Workers:
    """Places where trials run, one at a time each, and what runs there.

    A trial whose worker died is run once more, on a new worker; then it has crashed.
    """

    def __init__(
        self, places: list[Executor], call: Callable[..., Report], renew: Callable[[], Executor] | None
    ) -> None:
        self._places, self._call, self._renew = places, call, renew
        self._running: dict[Future[Report], _Job] = {}

    @property
    def free(self) -> bool:
        """Whether a worker has nothing to do."""
        return bool(self._places)

    @property
    def busy(self) -> bool:
        """Whether a trial is running."""
        return bool(self._running)

    def submit(self, number: int, trial: Trial) -> None:
        """Run a trial on a worker that is free.

        Raises:
            MetalearnError: where the executor that was given is broken.
        """
        self._start(_Job(number, trial, self._places.pop(), datetime.now(UTC), tries=1))

    def finished(self) -> list[tuple[int, Report | None]]:
        """Wait until a trial has ended; return the numbers of those that have, in the order begun, and their reports.

        None in place of a report: the trial was interrupted by Ctrl-C, which reaches workers that are processes too.

        Raises:
            MetalearnError: where workers cannot run trials at all.
        """
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        ended = [future for future in self._running if future in done]
        reports = [(self._running[future].number, self._ended(self._running.pop(future), future)) for future in ended]
        return [(number, report) for number, report in reports if report != "again"]

    def _ended(self, job: _Job, future: Future[Report]) -> Any:
        error = _error(future)
        if _died(error):
            job = job._replace(place=self._renew() if self._renew else job.place)
            if job.tries == 1:
                _log.warning("The worker of trial %d died; it is run once more.", job.number)
                self._start(job._replace(tries=2))
                return "again"
        self._places.append(job.place)
        if error is None:
            return future.result()
        if isinstance(error, MetalearnError):
            raise error
        return None if isinstance(error, KeyboardInterrupt) else _lost(job, error)

    def _start(self, job: _Job) -> None:
        call = partial(self._call, job.trial, call=uuid4().hex)
        try:
            future = job.place.submit(call)
        except BrokenExecutor as error:  # it died while it had nothing to do
            if self._renew is None:
                advice = "go on from the journal with a new one, or with a number of workers, each replaced if it dies"
                raise MetalearnError(f"The executor runs no more trials ({error}); {advice}.") from error
            job = job._replace(place=self._renew())
            future = job.place.submit(call)
        self._running[future] = job


@contextmanager
def hired(
    objective: Objective,
    workers: int | str,
    pool: Executor | None = None,
    *,
    seconds: float | None = None,
    memory_bytes: int | None = None,
) -> Iterator[Workers]:
    """Give workers that call an objective under limits: so many here, or those of the Dask scheduler at an address.

    Here one worker without limits is this thread itself; with limits, threads wait for child processes; several without
    limits are processes. ``pool`` runs so many at a time instead. On leaving, what runs is waited for.

    Raises:
        InputError: for workers that are neither a number from 1 on nor an address that answers, or an objective that
            cannot be sent to another process.
    """
    check_workers(workers)
    limited = seconds is not None or memory_bytes is not None
    call = partial(_evaluate, objective, seconds, memory_bytes)
    here = "://" not in str(workers)
    with ExitStack() as stack:
        if pool is not None:
            if not here:
                raise InputError(f"Give an executor or the address of a scheduler, not both; got {workers!r}.")
            yield Workers([pool] * int(workers), call, None)
        elif not here or limited:
            if here:
                _check_picklable(objective)
            shared, n = stack.enter_context(executor(workers))
            yield Workers([shared] * n, call, None)
        elif int(workers) == 1:
            yield Workers([_ThisThread()], call, None)
        else:
            _check_picklable(objective)

            # A pool of one process each: where one dies, it is plain whose trial it was, and the others go on.
            def renew() -> Executor:
                return stack.enter_context(executor(1, processes=True))[0]

            yield Workers([renew() for _ in range(int(workers))], call, renew)


def _evaluate(
    objective: Objective,
    seconds: float | None,
    memory_bytes: int | None,
    trial: Trial,
    call: str,  # noqa: ARG001  Dask takes calls with the same arguments for one
) -> Report:
    return evaluate(objective, trial, seconds=seconds, memory_bytes=memory_bytes)


class _ThisThread(Executor):
    """Runs a call at once where it is submitted."""

    def submit(self, function: Callable[..., T], /, *arguments: Any, **options: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(function(*arguments, **options))
        return future


def _check_picklable(objective: Objective) -> None:
    try:
        pickle.dumps(objective)
    except Exception as error:  # pickle raises whatever the object does
        advice = "define it at the top level of a module, or use one worker without limits"
        raise InputError(f"The objective cannot be sent to another process ({error}); {advice}.") from error


def _error(future: Future[Report]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _died(error: BaseException | None) -> bool:
    # By name, because Dask is loaded only where it is used.
    return isinstance(error, BrokenExecutor | CancelledError) or type(error).__name__ == "KilledWorker"


def _lost(job: _Job, error: BaseException) -> Report:
    now = datetime.now(UTC)
    message = "the worker died, and so did a second one" if _died(error) else f"{type(error).__name__}: {error}"
    return Report("crashed", None, (now - job.submitted).total_seconds(), message, job.submitted, now)
