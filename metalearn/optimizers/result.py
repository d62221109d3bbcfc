"""What an optimization found, and how it got there."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from metalearn.core.journal import FinishedTrial, read_journal
from metalearn.core.records import Trial

if TYPE_CHECKING:
    import pandas as pd

Stopped = Literal["", "trials", "seconds", "patience", "callback", "exhausted", "interrupted"]


class Incumbent(NamedTuple):
    """A trial that was the best one when it ended, as the ``n_trials``-th, after ``elapsed_seconds``."""

    n_trials: int
    elapsed_seconds: float
    trial: Trial


@dataclass(frozen=True)
class Result:
    """The finished trials of an optimization, in the order in which they were told, and what was known beforehand.

    ``stopped`` says what ended it: ``trials`` and ``seconds`` (spent), ``patience``, ``callback``, ``exhausted`` (there
    was nothing left to ask for) or ``interrupted``; it is empty while the optimization is running.

    >>> from datetime import UTC, datetime
    >>> from metalearn.core.records import Configuration
    >>> now = datetime.now(UTC)
    >>> trials = [Trial(Configuration("line-1", "line-1", {"x": x}), loss=x**2, status="ok") for x in (3, 1, 2)]
    >>> result = Result(tuple(FinishedTrial(i, trial, now, now, i + 1.0) for i, trial in enumerate(trials)))
    >>> result.best.loss, [(best.n_trials, best.trial.loss) for best in result.incumbents]
    (1, [(1, 9), (2, 1)])
    """

    finished: tuple[FinishedTrial, ...]
    observed: tuple[Trial, ...] = ()
    stopped: Stopped = ""

    @classmethod
    def of_journal(cls, path: str | Path) -> Self:
        """Return what a journal holds, also while it is being written.

        Raises:
            InputError: when the file cannot be read, or is no journal of an optimization.
        """
        contents = read_journal(path)
        return cls(contents.finished, contents.observed)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials that were run, without those that were known beforehand."""
        return tuple(finished.trial for finished in self.finished)

    @property
    def best(self) -> Trial | None:
        """The trial with the smallest loss among those at the largest fidelity that one ended well at, if any.

        Trials that were known beforehand are among them.
        """
        return best_of((*self.observed, *self.trials))

    @property
    def incumbents(self) -> tuple[Incumbent, ...]:
        """The trials run that were the best so far when they ended, over trials and over time.

        At a larger fidelity the first one counts as better whatever its loss, as in ``best``.
        """
        found: list[Incumbent] = []
        for n_trials, finished in enumerate(self.finished, start=1):
            trial = finished.trial
            if better(trial, found[-1].trial if found else None):
                found.append(Incumbent(n_trials, finished.elapsed_seconds, trial))
        return tuple(found)

    def to_frame(self) -> "pd.DataFrame":
        """Return a row for each finished trial, in the order in which they were told.

        Columns: ``number`` (in the order asked for), ``algorithm``, one ``hyperparameters.<name>`` each (missing where
        inactive), ``fidelity``, ``seed``, ``loss``, ``cost_seconds``, ``status``, ``started``, ``finished`` (UTC, by
        the worker's clock), ``elapsed_seconds`` (since the optimization began, without breaks), ``message``.
        """
        import pandas as pd

        rows = [_row(finished) for finished in self.finished]
        names = sorted(
            {f"hyperparameters.{name}" for trial in self.trials for name in trial.configuration.hyperparameters}
        )
        columns = ["number", "algorithm", *names, *_MEASURED]
        frame = pd.DataFrame.from_records(rows, columns=columns)
        return frame.astype({"loss": float, "cost_seconds": float})


_MEASURED = (
    "fidelity",
    "seed",
    "loss",
    "cost_seconds",
    "status",
    "started",
    "finished",
    "elapsed_seconds",
    "message",
)


def better(trial: Trial, than: Trial | None, *, by: float = 0.0) -> bool:
    """Whether a trial ended well, and at a larger fidelity than another, or at the same with a loss smaller by more."""
    if trial.status != "ok" or trial.loss is None or not math.isfinite(trial.loss):
        return False
    if than is None or than.loss is None or trial.fidelity != than.fidelity:
        return than is None or trial.fidelity > than.fidelity
    return trial.loss < than.loss - by


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """Return the best trial, the first of those that are equally good; None where none ended well."""
    best = None
    for trial in trials:
        best = trial if better(trial, best) else best
    return best


def _row(finished: FinishedTrial) -> dict[str, Any]:
    trial = finished.trial
    named = {f"hyperparameters.{name}": value for name, value in trial.configuration.hyperparameters.items()}
    measured = {name: getattr(trial if hasattr(trial, name) else finished, name) for name in _MEASURED}
    return {"number": finished.number, "algorithm": trial.configuration.algorithm, **named, **measured}
