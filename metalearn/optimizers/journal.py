"""Writing the journal of an optimization, and going on from one (its lines: ``core.journal``).

Every event is handed to the system before the next step is taken: the end of this process, kill -9 included, loses
nothing. What was told is on the disk too (fsync, a few milliseconds), so that power loss costs at most the trials that
were running.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from metalearn.core.journal import Entry, Event, FinishedTrial, Header, JournalContents, parse, read_journal, to_line
from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.state import Method

# A function's address in memory, where its name, unlike a lambda's, tells which one it is.
_NAMED = re.compile(r"(<function (?!\S*<lambda>)\S+) at 0x[0-9a-f]+")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_FIELDS = {
    "space": "space",
    "space_sha256": "definition of the space",
    "method": "method",
    "seed": "seed",
    "candidates_sha256": "candidates",
    "replace_initial_design": "replace_initial_design",
    "objective": "objective",
}


def header(
    space: SearchSpace,
    method: Method,
    seed: int,
    candidates: Sequence[Configuration] | None = None,
    *,
    replace_initial_design: bool = True,
    objective: str = "",
) -> Header:
    """Return what a journal begins with; a method is known by its ``repr``, which has its hyperparameters.

    The address that the ``repr`` of a function with a name has is left out: it is another one in each process.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.optimizers.random_search import RandomSearch
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> header(space, RandomSearch(), 0).method
    'RandomSearch()'
    """
    definition = space.config_space.to_serialized_dict()
    definition.pop("python_module_version", None)  # a newer ConfigSpace makes no other space
    ids = None if candidates is None else _sha256("".join(candidate.id for candidate in candidates))
    return Header(
        space.name,
        _sha256(json.dumps(definition, sort_keys=True, default=str)),
        _NAMED.sub(r"\1", repr(method)),
        int(seed),
        ids,
        replace_initial_design,
        objective,
    )


@dataclass(frozen=True, eq=False)
class Journal:
    """What happened before, and where it goes on; nowhere without a file."""

    contents: JournalContents
    file: BinaryIO | None = None

    def append(self, event: Event) -> None:
        """Write an event down.

        Raises:
            InputError: when another process has opened the journal meanwhile.
        """
        if self.file is not None:
            _lock(self.file)  # anew: POSIX gives it up when this process closes the file elsewhere, having read it
            _write(self.file, to_line(event), durable=isinstance(event, FinishedTrial))

    def replay(self, optimizer: AskTell) -> None:
        """Bring a fresh optimizer to where the journal ends, without proposing anything anew."""
        for event in self.contents.events:
            if isinstance(event, FinishedTrial):
                optimizer.tell([event.trial])
            else:
                optimizer.restore(event.trial)


@contextmanager
def opened(path: str | Path | None, begun: JournalContents) -> Iterator[Journal]:
    """Open a journal to go on with, or begin one: ``begun`` is what it begins with.

    One that exists keeps its queue and observed trials; ``begun`` may leave them out. While it is open no other process
    may open it.

    Raises:
        InputError: when the file cannot be written, is no journal, belongs to another optimization (says what differs),
            or is open in another process.
    """
    if path is None:
        yield Journal(begun)
        return
    try:
        file = Path(path).open("a+b")  # noqa: SIM115  closed below
    except OSError as error:
        raise InputError(f"The journal {path} cannot be written ({error.strerror}); give another path.") from error
    with file:
        _lock(file)
        yield Journal(_resumed(file, path, begun), file)


def resumable(path: str | Path | None, begun: Header) -> JournalContents | None:
    """Return what a journal at a path holds that an optimization would go on from; None where there is none.

    Raises:
        InputError: when the file cannot be read, is no journal of an optimization, or belongs to another one.

    >>> from metalearn.core.journal import Header
    >>> resumable("nowhere.jsonl", Header("line-1", "", "RandomSearch()", 0, None, True, "")) is None
    True
    """
    if path is None or not Path(path).exists() or Path(path).stat().st_size == 0:
        return None
    found = read_journal(path)
    if not found.events:
        return None
    _check_same(found, JournalContents(begun), path)
    return found


def _resumed(file: BinaryIO, path: str | Path, begun: JournalContents) -> JournalContents:
    file.seek(0)
    data = file.read()
    found = parse(data, path) if data else begun
    if found.events:
        _check_same(found, begun, path)
        file.truncate(found.n_bytes)
        return found
    # Nothing was asked for yet: what stands there may not even be whole.
    file.truncate(0)
    preamble: tuple[Entry, ...] = (begun.header, *begun.queue, *begun.observed)
    _write(file, "".join(map(to_line, preamble)), durable=True)
    return begun


def _check_same(found: JournalContents, begun: JournalContents, path: str | Path) -> None:
    apart = []
    for name, label in _FIELDS.items():
        old, new = getattr(found.header, name), getattr(begun.header, name)
        if old != new:
            apart.append(label if name.endswith("sha256") else f"{label} ({old!s}, not {new!s})")
    for label, was, now in (("queue", found.queue, begun.queue), ("observed trials", found.observed, begun.observed)):
        if now and list(map(to_line, was)) != list(map(to_line, now)):
            apart.append(label)
    if apart:
        advice = "give what it was begun with, or another journal"
        if _ADDRESS.search(found.header.method):
            other = "a lambda or an object that is known by its address, which is another one in each process"
            advice = f"its method has {other}: begin another journal, with a class or a function that has a name"
        raise InputError(f"{path} is the journal of an optimization with another {', another '.join(apart)}; {advice}.")


def _lock(file: BinaryIO) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock's, children that outlive us do not hold it
    except OSError as error:
        raise InputError(f"The journal {file.name} is open in another process; wait until that one ends.") from error


def _write(file: BinaryIO, text: str, *, durable: bool) -> None:
    file.write(text.encode())
    file.flush()
    if durable:
        os.fsync(file.fileno())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
