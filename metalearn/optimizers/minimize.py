"""The loop around ask and tell: run an objective on workers, keep a journal, stop in time."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from metalearn.core.execution import leave_if_imported
from metalearn.core.journal import Asked, FinishedTrial, JournalContents
from metalearn.core.records import Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell, check_given
from metalearn.optimizers.journal import Journal, header, opened
from metalearn.optimizers.progress import Show, shown
from metalearn.optimizers.result import Result, Stopped, best_of, better
from metalearn.optimizers.state import Method, method_of
from metalearn.optimizers.workers import Objective, Report, Workers, hired

Callback = Callable[[Result, Trial], bool | None]
# As many trials as a usual initial design has: where all of the first ones crash, it is not for their configurations.
_N_FIRST = 10
_log = logging.getLogger(__name__)


def minimize(
    objective: Objective,
    space: SearchSpace,
    *,
    method: str | Method = "auto",
    n_trials: int | None = None,
    seconds: float | None = None,
    queue: Sequence[Configuration] = (),
    observed: Sequence[Trial] = (),
    replace_initial_design: bool = True,
    candidates: Sequence[Configuration] | None = None,
    workers: int | str = 1,
    executor: Executor | None = None,
    seconds_each: float | None = None,
    memory_bytes: int | None = None,
    journal: str | Path | None = None,
    objective_name: str = "",
    callbacks: Sequence[Callback] = (),
    patience: int | None = None,
    tolerance: float = 0.0,
    progress: bool = False,
    seed: int = 0,
) -> Result:
    """Look for the configuration of ``space`` with the smallest loss.

    ``objective(trial)`` returns the loss of ``trial.configuration`` at ``trial.fidelity``, or a record with ``loss``,
    ``status``, ``cost_seconds`` and ``message`` of which all but the first may be missing; with status ``pruned`` the
    loss is that of a run given up (``learning_curves.CurveStopping``), which is never the best and which no model is
    fitted to. An exception crashes the trial, not the run. ``method`` is a name of the registry's kind "optimizer", or
    a specification. ``queue``, ``observed``, ``replace_initial_design`` and ``candidates`` are those of ``AskTell``.

    It ends after ``n_trials``; after ``seconds``, when no new trial is started; when ``patience`` trials in a row, at
    the best one's fidelity or above, did not lower the best loss by more than ``tolerance``; when a callback, called
    with the result so far and the trial that ended, returns true; when there is nothing left to ask for; or at Ctrl-C.
    In each case trials that are running are waited for, and the result says which it was (a second Ctrl-C raises
    KeyboardInterrupt). With none of these limits only the last three end it.

    ``workers`` is a number or a Dask scheduler's address; with an ``executor`` of the standard library's interface, how
    many trials that is given at a time. Several workers are processes, so that ``objective`` has to be picklable, and a
    script calls this under ``if __name__ == "__main__":``, since each process imports the script. Under
    ``seconds_each`` (wall time) or ``memory_bytes`` (address space) each trial runs in a child process, which is killed
    at the limit: status ``timeout`` or ``memout``. A trial whose worker died is run again once. What is asked for
    depends on the seed and on the order in which trials end, not on who runs them.

    With a ``journal`` that exists, the optimization goes on where that ends: trials that were running run again first
    and the next one is what it would have been. ``n_trials`` counts those of the journal too, ``seconds`` only the time
    of this call. ``objective_name`` is written into it, and one with another name is refused: name what the loss
    depends on, such as the data. ``core.journal`` documents its lines.

    Raises:
        InputError: when an argument is out of its range; when all of the first trials crashed, with the first message;
            when the journal belongs to another optimization.
        UnknownNameError: for a method that is not registered; suggests the nearest.
        ConfigurationError: for a configuration queued, observed or among the candidates that is not in the space.
        MetalearnError: when an ``executor`` that was given is broken, or no child process can start.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (-1, 1))]))
    >>> result = minimize(lambda t: t.configuration.hyperparameters["x"] ** 2, space, method="random", n_trials=50)
    >>> result.best.loss < 0.01, len(result.trials), result.stopped
    (True, 50, 'trials')
    """
    leave_if_imported()
    limits = _Limits(n_trials, seconds, patience, tolerance)
    check_limits(seconds_each=seconds_each, memory_bytes=memory_bytes)
    if seed < 0:
        raise InputError(f"seed is a whole number, 0 or more; got {seed}.")
    check_given([*queue, *(candidates or ())], trials=observed)  # before a journal begins with it
    # Now, and not when the first model is fitted to trials that took hours; and as the space sees them: one inferred
    # from candidates leaves out what all share.
    for candidate in space.decode(space.encode(candidates or ())):
        space.validate(candidate)
    chosen = method_of(method)
    design: dict[str, bool] = {"replace_initial_design": replace_initial_design}
    named = header(space, chosen, seed, candidates, **design, objective=objective_name)
    with (
        opened(journal, JournalContents(named, tuple(queue), tuple(observed))) as book,
        hired(objective, workers, executor, seconds=seconds_each, memory_bytes=memory_bytes) as hands,
        shown(progress, n_trials, seconds) as show,
    ):
        optimizer = AskTell(
            space,
            chosen,
            candidates=candidates,
            queue=book.contents.queue,
            observed=book.contents.observed,
            **design,
            rng=np.random.default_rng(seed),
        )
        book.replay(optimizer)
        return _Run(optimizer, book, hands, limits, tuple(callbacks), show).result_at_end()


@dataclass(frozen=True)
class _Limits:
    n_trials: int | None
    seconds: float | None
    patience: int | None
    tolerance: float

    def __post_init__(self) -> None:
        check_limits(n_trials=self.n_trials, seconds=self.seconds, patience=self.patience)
        if not self.tolerance >= 0:
            raise InputError(f"tolerance is 0 or more, in units of the loss; got {self.tolerance}.")


class _Run:
    """One call: what is asked for and told, on the way from a journal's end to a limit."""

    def __init__(
        self,
        optimizer: AskTell,
        book: Journal,
        hands: Workers,
        limits: _Limits,
        callbacks: tuple[Callback, ...],
        show: Show,
    ) -> None:
        self.optimizer, self.book, self.hands, self.limits = optimizer, book, hands, limits
        self.callbacks, self.show, self.began = callbacks, show, perf_counter()
        self.finished = list(book.contents.finished)
        self.elapsed_before = self.finished[-1].elapsed_seconds if self.finished else 0.0
        self.interrupted = deque(book.contents.pending)
        self.n_asked = len(self.finished) + len(self.interrupted)
        self.running: dict[int, Trial] = {}
        self.plateau = _Plateau(best_of(book.contents.observed), limits.tolerance)
        for done in self.finished:
            self.plateau.see(done.trial)
        self.stopped: Stopped = ""

    def result(self) -> Result:
        return Result(tuple(self.finished), self.book.contents.observed, self.stopped)

    def result_at_end(self) -> Result:
        self.show(len(self.finished), self.plateau.best)
        while True:
            try:
                self._fill()
                if not self.hands.busy:
                    self.stopped = self.stopped or "exhausted"
                    return self.result()
                self._take()
            except KeyboardInterrupt:
                if self.stopped == "interrupted":
                    raise
                self.stopped = "interrupted"
                if self.hands.busy:
                    _log.warning("Interrupted: no trial begins any more; press Ctrl-C again not to wait for the last.")

    def _fill(self) -> None:
        """Give every worker that is free a trial."""
        while self.hands.free and not self._stops() and (asked := self._next()) is not None:
            self.running[asked.number] = asked.trial
            self.hands.submit(asked.number, asked.trial)

    def _stops(self) -> bool:
        if self.stopped:
            return True
        n_trials, seconds, patience = self.limits.n_trials, self.limits.seconds, self.limits.patience
        if n_trials is not None and self.n_asked >= n_trials and not self.interrupted:
            self.stopped = "trials"
        elif seconds is not None and perf_counter() - self.began >= seconds:
            self.stopped = "seconds"
        elif patience is not None and self.plateau.length >= patience:
            self.stopped = "patience"
        return bool(self.stopped)

    def _next(self) -> Asked | None:
        if self.interrupted:
            return self.interrupted.popleft()
        for trial in self.optimizer.ask():
            asked = Asked(self.n_asked, trial)
            self.book.append(asked)
            self.n_asked += 1
            return asked
        return None

    def _take(self) -> None:
        """Wait for trials to end, and tell what became of them."""
        for number, report in self.hands.finished():
            trial = self.running.pop(number)
            if report is None:
                self.stopped = "interrupted"
                continue
            self._tell(number, trial, report)
            for callback in self.callbacks:
                if callback(self.result(), self.finished[-1].trial):
                    self.stopped = self.stopped or "callback"

    def _tell(self, number: int, asked: Trial, report: Report) -> None:
        trial = replace(asked, loss=report.loss, cost_seconds=report.cost_seconds, status=report.status)
        elapsed = self.elapsed_before + perf_counter() - self.began
        finished = FinishedTrial(number, trial, report.started, report.finished, elapsed, report.message)
        self.book.append(finished)
        self.optimizer.tell([trial])
        self.finished.append(finished)
        self.plateau.see(trial)
        self.show(len(self.finished), self.plateau.best)
        if trial.status == "crashed":
            _log.warning("Trial %d crashed: %s", number, report.message, extra={"status": trial.status})
            self._check_first()

    def _check_first(self) -> None:
        n_first = min(_N_FIRST, self.limits.n_trials or _N_FIRST)
        if len(self.finished) >= n_first and all(f.trial.status == "crashed" for f in self.finished):
            what = f"All of the first {len(self.finished)} trials crashed, the first with {self.finished[0].message!r}"
            raise InputError(f"{what}; check the objective and its data.")


class _Plateau:
    """How many trials in a row did not bring the best loss down by more than a tolerance."""

    def __init__(self, known: Trial | None, tolerance: float) -> None:
        self.tolerance, self.length = tolerance, 0
        self.best = self._reference = known

    def see(self, trial: Trial) -> None:
        self.best = trial if better(trial, self.best) else self.best
        if better(trial, self._reference, by=self.tolerance):
            self._reference, self.length = trial, 0
        elif self._reference is None or trial.fidelity >= self._reference.fidelity:
            self.length += 1


def check_limits(**limits: float | None) -> None:
    """Check limits, each of which may be None.

    Raises:
        InputError: for the first that is not above 0, by its name.
    """
    for name, limit in limits.items():
        if limit is not None and not limit > 0:
            raise InputError(f"{name} is above 0, or None for no limit; got {limit}.")
