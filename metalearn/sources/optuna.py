"""Optuna studies: any storage that the installed Optuna opens (Akiba et al., KDD 2019, https://optuna.org).

A storage is only ever read: an SQLite file is opened read-only, and no table is made where there is none.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from metalearn.core.records import Batch
from metalearn.errors import InputError, MissingDependencyError, SourceError, UnknownNameError
from metalearn.sources.histories import Entry, Measured, batches
from metalearn.sources.reports import steps_from_one
from metalearn.sources.subjects import Subject

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from sqlalchemy.engine import URL

_SQLITE_MAGIC = b"SQLite format 3\0"
_SECRET = re.compile("pass|secret|token|key", re.IGNORECASE)
_UNFINISHED = ("RUNNING", "WAITING")


def read_optuna(
    storage: str, study_name: str | None = None, *, subject: Subject, objective: int | None = None
) -> Iterator[Batch]:
    """Return the trials of a study, about 20,000 numbers a batch.

    ``storage`` is a URL of SQLAlchemy's (``sqlite:///study.db``, ``postgresql://...``), an SQLite file, or a journal
    storage's file. The study need not be named where there is one only; ``objective`` is the position of the one to
    read where there are several.

    A trial that is complete is ok, a failed one crashed, a pruned one pruned with its last intermediate value; one
    that is running or waiting, or was pruned before it reported anything, is skipped. Other intermediate values are
    read where ``subject.full`` says how many steps there are: fidelity = step / full, counting from 1 also in a trial
    that reports a step 0. Without it nobody knows how far a pruned trial came, and its fidelity is 1, for which it was
    started. The resource is ``steps`` by default. Optuna loads a study as a whole, and so it is here.

    Raises:
        MissingDependencyError: when Optuna is not installed.
        InputError: when the study's direction is not the metric's, or it has several objectives and none is chosen.
        UnknownNameError: when the storage has no such study; suggests the nearest.
        SourceError: when the storage cannot be read, without the password of its URL.

    >>> import tempfile, optuna
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = optuna.create_study(storage=f"sqlite:///{folder}/svm.db", study_name="svm", direction="maximize")
    ...     study.optimize(lambda trial: trial.suggest_float("C", 0.5, 1.0), n_trials=3)
    ...     (batch,) = read_optuna(f"{folder}/svm.db", subject=Subject("59", "accuracy", algorithm="svc"))
    >>> batch.source, batch.tables["evaluations"]["source_run_id"].to_pylist()
    ('optuna:svm', ['0', '1', '2'])
    """
    with _opened(storage) as (opened, shown):
        study = _study(opened, study_name, shown)
        trials = study.get_trials(deepcopy=False)
        name, directions = study.study_name, [direction.name for direction in study.directions]
    label = f"The study {name!r}"
    chosen = _objective(label, objective, len(directions))
    if directions[chosen] != "NOT_SET":
        subject.check_direction(label, minimized=directions[chosen] == "MINIMIZE")
    subject.check_names(label, (parameter for trial in trials for parameter in trial.params))
    subject = replace(subject, resource=subject.resource or "steps")
    entries = partial(_entries, objective=chosen, graded=subject.full is not None)
    yield from batches(subject, f"optuna:{name}", map(entries, trials))


def _entries(trial: "FrozenTrial", *, objective: int, graded: bool) -> list[Entry]:
    """Return what a trial measured; ``graded`` where its steps say something."""
    made = partial(Measured, str(trial.number), trial.params)
    steps = sorted(trial.intermediate_values)
    if trial.state.name in _UNFINISHED or (trial.state.name == "PRUNED" and not steps):
        return [made(status="pending")]
    reports: list[Entry] = []
    if graded:
        values = [trial.intermediate_values[step] for step in steps]
        reports = [made(v, step=s) for v, s in zip(values, steps_from_one(steps), strict=True)]
    ended = partial(made, cost_seconds=trial.duration.total_seconds() if trial.duration else float("nan"))
    if trial.state.name == "COMPLETE":
        return [*reports, ended(trial.values[objective])]
    if trial.state.name == "FAIL":
        return [*reports, ended(status="crashed")]
    last = steps_from_one(steps)[-1] if graded else None
    return [*reports[:-1], ended(trial.intermediate_values[steps[-1]], status="pruned", step=last)]


def _objective(label: str, given: int | None, n: int) -> int:
    if given is None and n > 1:
        raise InputError(f"{label} has {n} objectives; say which one was the metric, from 0 to {n - 1}.")
    if given is not None and not 0 <= given < n:
        raise InputError(f"{label} has no objective {given}; they are numbered from 0 to {n - 1}.")
    return given or 0


def _study(storage: "BaseStorage", name: str | None, shown: str) -> "Study":
    import optuna

    names = optuna.get_all_study_names(storage)
    if not names:
        raise SourceError(f"{shown} holds no study; check that it is the right storage.")
    if name is None and len(names) > 1:
        raise InputError(f"{shown} holds {len(names)} studies; name one of {', '.join(sorted(names))}.")
    if name is not None and name not in names:
        raise UnknownNameError("study", name, names, where=f"in {shown}")
    return optuna.load_study(study_name=names[0] if name is None else name, storage=storage)


@contextmanager
def _opened(location: str) -> "Iterator[tuple[BaseStorage, str]]":
    """Open a storage for reading; also give the name to show, which has no password."""
    try:
        import optuna
        from sqlalchemy.engine import URL
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise MissingDependencyError("optuna", "optuna") from error

    if "://" not in location and not _is_sqlite(location):
        yield _journal(location), location
        return
    url = _url(location) if "://" in location else URL.create("sqlite", database=location)
    shown = url.set(query={}).render_as_string(hide_password=True)
    storage = None
    try:
        storage = _database(_read_only(url, shown))
        yield storage, shown
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError, ImportError) as error:
        advice = "check the URL, the database's driver, and Optuna's version"
        raise SourceError(f"{shown} cannot be read as a storage of Optuna ({_reason(error, url)}); {advice}.") from None
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()


def _is_sqlite(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
    except OSError as error:
        shown = re.sub(":.*@", ":***@", path)  # it may be a URL with a slash too few
        raise InputError(f"{shown} cannot be read ({error.strerror}); give a storage's URL or its file.") from None


def _journal(path: str) -> "BaseStorage":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        return JournalStorage(JournalFileBackend(path))
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # what a line that is none of its own makes
        raise SourceError(f"{path} is neither an SQLite file nor a journal of Optuna; give a storage.") from error


def _database(url: "URL") -> "RDBStorage":
    from optuna.storages import RDBStorage

    return RDBStorage(url.render_as_string(hide_password=False), skip_table_creation=True)


def _url(text: str) -> "URL":
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(text)
    except (ArgumentError, ValueError):  # not shown: there may be a password in it
        raise InputError(
            "This storage URL cannot be read; write it like sqlite:///study.db or mysql://user@host/name."
        ) from None


def _read_only(url: "URL", shown: str) -> "URL":
    """Return an SQLite file's URL that neither makes nor changes the file; other URLs as they are."""
    if url.get_backend_name() != "sqlite" or (url.database or "").startswith("file:"):
        return url
    if not url.database or not Path(url.database).is_file():
        advice = "write three slashes before a relative path and four before an absolute one"
        raise InputError(f"There is no file for {shown}; {advice}.")
    return url.set(database=f"file:{quote(str(Path(url.database).absolute()))}", query={"mode": "ro", "uri": "true"})


def _reason(error: BaseException, url: "URL") -> str:
    """Return the first line of what a database says, without the secrets of its URL."""
    cause = error.__cause__ or error
    text = (str(getattr(cause, "orig", None) or cause).splitlines() or [type(cause).__name__])[0].rstrip(".")
    in_query = (str(value) for name, value in url.query.items() if _SECRET.search(name))
    for secret in filter(None, [str(url.password or ""), *in_query]):
        for written in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(written, "***")
    return text
