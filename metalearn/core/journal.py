"""The journal of an optimization: what was asked for and what became of it, for people and programs to read.

One JSON object a line, in the order of events; the first says what the optimization is::

    {"journal": 1, "space": "svm-1", "space_sha256": ..., "method": "RandomSearch()", "seed": 0, ...}
    {"event": "enqueue", "configuration": {"space": "svm-1", "algorithm": "svm-1", "hyperparameters": {"C": 1}}}
    {"event": "ask", "number": 0, "configuration": {...}, "fidelity": 1.0, "seed": 0}
    {"event": "tell", "number": 0, "status": "ok", "loss": 0.25, "cost_seconds": 1.5, "started": ..., ...}

Lines ``observe`` are trials that were known beforehand. A trial that has no ``tell`` was running when the journal ends.
"""

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from metalearn.core.records import Configuration, Trial
from metalearn.errors import InputError

VERSION = 1
_OBJECTIVE = re.compile(r"(\w+) on (data-[0-9a-f]{16})")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Header:
    """What the trials of an optimization depend on, beside what is told: where two agree, they ask the same.

    ``objective`` says what is minimised, as far as whoever began it did.
    """

    space: str
    space_sha256: str
    method: str
    seed: int
    candidates_sha256: str | None = None
    replace_initial_design: bool = True
    objective: str = ""

    @property
    def metric(self) -> str | None:
        """The metric whose loss is minimised, where ``objective`` is an ``objective_on``."""
        named = _OBJECTIVE.fullmatch(self.objective)
        return named[1] if named else None

    @property
    def dataset(self) -> str | None:
        """The id of the dataset that it is minimised on, where ``objective`` is an ``objective_on``."""
        named = _OBJECTIVE.fullmatch(self.objective)
        return named[2] if named else None


def objective_on(metric: str, dataset: str) -> str:
    """Return the objective of a header for the loss of a metric on a dataset.

    >>> Header("svm-1", "", "RandomSearch()", 0, objective=objective_on("r2", "data-0123456789abcdef")).metric
    'r2'
    """
    return f"{metric} on {dataset}"


@dataclass(frozen=True)
class Asked:
    """A pending trial with its number: they are counted from 0 in the order in which they were asked for."""

    number: int
    trial: Trial


@dataclass(frozen=True)
class FinishedTrial:
    """A trial that has ended: when, by the clock of its worker, and how, with a message where it failed.

    ``elapsed_seconds`` is how long the optimization had then been at work; breaks before it was resumed do not count.
    """

    number: int
    trial: Trial
    started: datetime
    finished: datetime
    elapsed_seconds: float
    message: str = ""


Event = Asked | FinishedTrial
Entry = Header | Configuration | Trial | Event


@dataclass(frozen=True)
class JournalContents:
    """What a journal says. ``n_bytes`` is how far its whole lines go."""

    header: Header
    queue: tuple[Configuration, ...] = ()
    observed: tuple[Trial, ...] = ()
    events: tuple[Event, ...] = ()
    n_bytes: int = 0

    @property
    def finished(self) -> tuple[FinishedTrial, ...]:
        """The trials that have ended, in the order in which they were told."""
        return tuple(event for event in self.events if isinstance(event, FinishedTrial))

    @property
    def pending(self) -> tuple[Asked, ...]:
        """The trials that have not ended, in the order in which they were asked for."""
        ended = {event.number for event in self.finished}
        return tuple(event for event in self.events if isinstance(event, Asked) and event.number not in ended)


def to_line(entry: Entry) -> str:
    """Return a header, a queued configuration, an observed trial or an event as a line.

    A loss that is not finite is written as a crash, since JSON has no such number.

    >>> to_line(Asked(0, Trial(Configuration("svm-1", "svm-1", {"C": 1}))))[:60]
    '{"event": "ask", "number": 0, "configuration": {"space": "sv'
    """
    fields: dict[str, Any]
    match entry:
        case Header():
            fields = {"journal": VERSION, **asdict(entry)}
        case Configuration():
            fields = {"event": "enqueue", **_configuration_fields(entry)}
        case Trial():
            fields = {"event": "observe", **_asked_fields(entry), **_outcome_fields(entry)}
        case Asked():
            fields = {"event": "ask", "number": entry.number, **_asked_fields(entry.trial)}
        case FinishedTrial():
            fields = {"event": "tell", "number": entry.number, **_outcome_fields(entry.trial)}
            fields |= {"started": entry.started.isoformat(), "finished": entry.finished.isoformat()}
            fields |= {"elapsed_seconds": entry.elapsed_seconds, "message": entry.message}
    return json.dumps(fields) + "\n"


def read_journal(path: str | Path) -> JournalContents:
    """Read a journal, also one that is being written.

    Raises:
        InputError: when the file cannot be read, or is no journal of an optimization.
    """
    try:
        return parse(Path(path).read_bytes(), path)
    except OSError as error:
        raise InputError(f"The journal {path} cannot be read ({error.strerror}); check the path.") from error


def parse(data: bytes, path: str | Path) -> JournalContents:
    """Read what a journal holds; ``path`` names it in errors.

    A last line that is torn, as one is when a machine stops while it is written, is dropped with a warning.

    Raises:
        InputError: when it is no journal, or a line is no event of one: which, and why.

    >>> header = Header("svm-1", "", "RandomSearch()", seed=0)
    >>> line = to_line(Asked(0, Trial(Configuration("svm-1", "svm-1", {"C": 1}))))
    >>> [str(asked.trial.configuration) for asked in parse((to_line(header) + line).encode(), "svm.jsonl").pending]
    ['svm-1(C=1)']
    """
    lines = data.splitlines(keepends=True)
    entries = _objects(lines, path)
    header = _header(entries[0] if entries else {}, path)
    queue: list[Configuration] = []
    observed: list[Trial] = []
    events: list[Event] = []
    pending: dict[int, Trial] = {}
    for number, fields in enumerate(entries[1:], start=2):
        try:
            match fields["event"]:
                case "enqueue":
                    queue.append(_configuration(fields))
                case "observe":
                    observed.append(_ended(_asked(fields), fields))
                case "ask":
                    events.append(Asked(int(fields["number"]), _asked(fields)))
                    pending[events[-1].number] = events[-1].trial
                case "tell":
                    events.append(_told(pending.pop(int(fields["number"])), fields))
                case unknown:
                    raise ValueError(f"an unknown event {unknown!r}")
        except (LookupError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
            raise InputError(f"Line {number} of {path} is no event of an optimization ({why}); restore it.") from error
    n_bytes = sum(map(len, lines[: len(entries)]))
    return JournalContents(header, tuple(queue), tuple(observed), tuple(events), n_bytes)


def _objects(lines: list[bytes], path: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict) or not line.endswith(b"\n"):
                raise ValueError("no whole line with a JSON object")
        except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            if 1 < number == len(lines):
                _log.warning("The last line of %s is torn and was dropped; its event has not been.", path)
                break
            raise InputError(f"Line {number} of {path} is no line of a journal ({error}); restore the file.") from error
        found.append(fields)
    return found


def _header(fields: Mapping[str, Any], path: str | Path) -> Header:
    if fields.get("journal") != VERSION:
        if "journal" in fields:
            raise InputError(f"{path} is a journal of version {fields['journal']}, not {VERSION}; upgrade metalearn.")
        raise InputError(f"{path} is no journal of an optimization; give the file that one was written into.")
    try:
        return Header(**{name: fields[name] for name in Header.__dataclass_fields__})
    except KeyError as error:
        raise InputError(f"The first line of {path} does not say the {error.args[0]}; restore the file.") from error


def _configuration_fields(configuration: Configuration) -> dict[str, Any]:
    own = {"space": configuration.space, "algorithm": configuration.algorithm}
    return {"configuration": own | {"hyperparameters": dict(configuration.hyperparameters)}}


def _asked_fields(trial: Trial) -> dict[str, Any]:
    return _configuration_fields(trial.configuration) | {"fidelity": float(trial.fidelity), "seed": int(trial.seed)}


def _outcome_fields(trial: Trial) -> dict[str, Any]:
    measured = trial.loss is not None and math.isfinite(trial.loss)
    status = "crashed" if trial.loss is not None and not measured else trial.status
    seconds = trial.cost_seconds
    return {
        "status": status,
        "loss": float(trial.loss) if trial.loss is not None and measured else None,
        "cost_seconds": None if seconds is None or not math.isfinite(seconds) else float(seconds),
    }


def _configuration(fields: Mapping[str, Any]) -> Configuration:
    return Configuration(**fields["configuration"])


def _asked(fields: Mapping[str, Any]) -> Trial:
    return Trial(_configuration(fields), fields["fidelity"], fields["seed"])


def _ended(trial: Trial, fields: Mapping[str, Any]) -> Trial:
    return replace(trial, loss=fields["loss"], cost_seconds=fields["cost_seconds"], status=fields["status"])


def _told(trial: Trial, fields: Mapping[str, Any]) -> FinishedTrial:
    started, finished = (datetime.fromisoformat(fields[name]) for name in ("started", "finished"))
    trial, elapsed = _ended(trial, fields), float(fields["elapsed_seconds"])
    return FinishedTrial(int(fields["number"]), trial, started, finished, elapsed, str(fields["message"]))
