"""What was tried on a new task already, as trials: from JSON, a table, or a knowledge base of its own.

What another optimizer tried comes into such a one by ``metalearn ingest``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metalearn.core import rows
from metalearn.core.algorithms import algorithm_names, canonical_algorithm
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import Metric
from metalearn.core.records import STATUSES, Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import ConfigurationError, InputError, UnknownNameError, did_you_mean
from metalearn.sources.known_configurations import KnownConfigurations
from metalearn.sources.measures import Measure
from metalearn.sources.run_columns import metric_named
from metalearn.sources.trial_entries import EMPTY, entries_of, read_entries

_FIELDS = frozenset({"algorithm", "hyperparameters", "space", "loss", "status", "fidelity", "seed", "cost_seconds"})
# What else stands in a recommendation as ``metalearn recommend --json`` prints it.
_PRINTED = frozenset({"rank", "id", "predicted_loss", "std", "predicted_seconds", "evidence"})
# A loss and a metric that are rounded differently may be so far apart.
_ROUNDING = 0.005
_NUMBERS = ("fidelity", "seed", "cost_seconds")


def read_trials(
    path: str | Path, past: MetaDataset, *, space: str, library: SearchSpace | None = None
) -> tuple[Trial, ...]:
    """Read trials on a new task, measured by the metric of ``past``, as ``as_trials`` takes them.

    A JSON file holds a list of objects, or what ``metalearn recommend --json`` prints with what was measured added to
    each recommendation. A CSV, Parquet or ARFF file has the same as columns, a trial in each row; an empty cell is a
    hyperparameter that is not active, or None where the library's space says that it is active and may be None. A
    journal (``core.journal``) holds the trials that have ended; its metric has to be that of ``past``.

    Raises:
        InputError: when the file cannot be read, or an entry cannot be right: which one, and why.
        UnknownNameError: for an algorithm that neither metalearn nor ``past`` knows; names the nearest.

    >>> import tempfile
    >>> past = MetaDataset.from_matrix([], [], [])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tried.csv")
    ...     _ = path.write_text("algorithm,C,balanced_accuracy\\nsvc,0.5,0.75\\nlda,,0.5\\n")
    ...     [(str(trial.configuration), trial.loss) for trial in read_trials(path, past, space="sklearn")]
    [('svc(C=0.5)', 0.25), ('lda()', 0.5)]
    """
    entries = read_entries(Path(path), past.metric)
    return as_trials(entries, past, space=space, library=library, where=str(path))


def as_trials(
    entries: Iterable[object] | pd.DataFrame,
    past: MetaDataset,
    *,
    space: str,
    library: SearchSpace | None = None,
    where: str = "the history",
) -> tuple[Trial, ...]:
    """Return trials on a new task, measured by the metric of ``past``, that entries tell of; trials are taken as such.

    An entry maps ``algorithm``, ``hyperparameters``, and either ``loss`` or the metric under one of its names; or a
    ``status`` of ``core.records.STATUSES`` such as ``crashed``. It may have ``space`` (by default the given one),
    ``fidelity``, ``seed`` and ``cost_seconds``. Hyperparameters may also stand beside these: whatever names no metric.
    What an entry lacks of the ``library``'s own space is at its default there. A number that is not finite is a crash.
    A data frame has an entry in each row, as a table that is read from a file.

    Raises:
        InputError: when an entry cannot be right: which one of ``where``, and why.
        UnknownNameError: for an algorithm that neither metalearn nor ``past`` knows; names the nearest.

    >>> past = MetaDataset.from_matrix([], [], [])
    >>> [trial] = as_trials([{"algorithm": "svc", "C": 0.5, "loss": 0.25}], past, space="sklearn")
    >>> str(trial.configuration), trial.loss
    ('svc(C=0.5)', 0.25)
    """
    algorithms = {*algorithm_names(), *(configuration.algorithm for configuration in past.configurations)}
    known = KnownConfigurations(past.configurations, library)
    trials = []
    entries = entries_of(entries) if isinstance(entries, pd.DataFrame) else entries
    for i, entry in enumerate(entries, start=1):
        if isinstance(entry, Trial):
            trials.append(entry)
        elif isinstance(entry, Mapping):
            trials.append(_trial(entry, f"Entry {i} of {where}", past.metric, space, algorithms, known))
        else:
            raise InputError(f"Entry {i} of {where} is neither a trial nor a dict with algorithm and loss: {entry!r}.")
    return tuple(trials)


def trials_of(tried: MetaDataset, where: str) -> tuple[Trial, ...]:
    """Return the evaluations of a MetaDataset of one task as trials; ``where`` names it in errors.

    Raises:
        InputError: when it has another number of tasks.

    >>> tried = MetaDataset.from_matrix([[0.25]], ["openml-61"], [Configuration("sklearn", "lda")])
    >>> [(str(trial.configuration), trial.loss) for trial in trials_of(tried, "tried.duckdb")]
    [('lda()', 0.25)]
    """
    if len(tried.tasks) != 1:
        of = f"evaluations of {tried.metric.name} on {len(tried.tasks)} tasks"
        raise InputError(f"{where} holds {of}; a history is of one task: make a knowledge base of its own for it.")
    columns = (tried.configuration_index, tried.fidelity, tried.seed, tried.loss, tried.cost_seconds, tried.status_code)
    return tuple(
        Trial(
            tried.configurations[configuration],
            fidelity,
            seed,
            loss if np.isfinite(loss) else None,
            seconds if np.isfinite(seconds) else None,
            STATUSES[code] if np.isfinite(loss) or STATUSES[code] not in ("ok", "pruned") else "crashed",
        )
        for configuration, fidelity, seed, loss, seconds, code in zip(*(c.tolist() for c in columns), strict=True)
    )


def check_losses(history: Sequence[Trial], metric: Metric) -> None:
    """Check that the losses of trials can be losses of a metric.

    Raises:
        InputError: when one cannot; says what a loss of this metric is.

    >>> check_losses([Trial(Configuration("s", "lda"), loss=93.0, status="ok")], Measure.of("accuracy").metric)
    Traceback (most recent call last):
    ...
    metalearn.errors.InputError: A loss under accuracy is 1 - accuracy, in [0, 1]; lda() has 93.
    """
    low, high = sorted(float(metric.loss(bound)) for bound in (metric.low, metric.high))
    for trial in history:
        if trial.loss is not None and not low - 1e-9 <= trial.loss <= high + 1e-9:
            meant = f"A loss under {metric.name} is {metric.loss_in_words}, in [{low:g}, {high:g}]"
            raise InputError(f"{meant}; {trial.configuration} has {trial.loss:g}.")


def _trial(
    entry: Mapping[str, Any],
    where: str,
    metric: Metric,
    space: str,
    algorithms: Collection[str],
    known: KnownConfigurations,
) -> Trial:
    if not isinstance(entry.get("algorithm"), str):
        raise InputError(f"{where} names no algorithm.")
    algorithm = canonical_algorithm(entry["algorithm"])
    if algorithm not in algorithms:
        raise UnknownNameError("algorithm", algorithm, algorithms)
    space = str(entry.get("space") or space)
    hyperparameters = _hyperparameters(entry, where, algorithm, known.hyperparameters(space, algorithm))
    loss = _loss(entry, where, metric)
    status: Any = entry.get("status") or ("ok" if loss is not None else "crashed")
    numbers = {name: _number(entry, name, where) for name in _NUMBERS}
    if numbers["cost_seconds"] < 0:
        raise InputError(f"{where} has cost_seconds below 0: {numbers['cost_seconds']:g}.")
    optional: dict[str, Any] = {name: value for name, value in numbers.items() if not np.isnan(value)}
    try:
        if "seed" in optional:
            optional["seed"] = _whole(optional["seed"])
        given = Configuration(space, algorithm, hyperparameters)
        configuration = known.completed(given, empty=entry.get(EMPTY, ()))
        return Trial(configuration, loss=loss, status=status, **optional)
    except (InputError, ConfigurationError) as error:
        raise InputError(f"{where} is no trial: {error}") from error


def _hyperparameters(entry: Mapping[str, Any], where: str, algorithm: str, known: Collection[str]) -> dict[str, Any]:
    """Return an entry's hyperparameters, those by themselves and those beside its fields; ``known`` are legal names."""
    apart = entry.get("hyperparameters") or {}
    if not isinstance(apart, Mapping):
        raise InputError(f"{where} has hyperparameters that are no JSON object: {apart!r}.")
    others = {n: v for n, v in entry.items() if n not in _FIELDS and n != EMPTY and not metric_named(n)}
    if entry.get("hyperparameters") is not None:
        others = {n: v for n, v in others.items() if n not in _PRINTED and known}
    found = {**others, **apart}
    wrong = next((name for name in found if name not in known), None) if known else None
    if wrong is not None:
        fields = () if wrong in apart else sorted(_FIELDS)
        hint = did_you_mean(wrong, [*known, *fields]) or f"it has {', '.join(sorted(known))}."
        raise InputError(f"{where}: {algorithm} has no hyperparameter {wrong!r}; {hint.strip()}")
    return found


def _loss(entry: Mapping[str, Any], where: str, metric: Metric) -> float | None:
    """Return an entry's loss, None where it failed."""
    names = [n for n, v in entry.items() if v is not None and (n == "loss" or metric_named(n) == metric.name)]
    if not names:
        if entry.get("status") in (None, "ok", "pruned"):
            raise InputError(f"{where} has no loss and no {metric.name}; give one, or the status of what failed.")
        return None
    losses = [_loss_by(name, entry, where, metric) for name in names]
    if not np.allclose(losses, losses[0], rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True):
        raise InputError(f"{where} has a {names[0]} and a {names[1]} that disagree; give one of them.")
    return losses[0] if np.isfinite(losses[0]) else None


def _loss_by(name: str, entry: Mapping[str, Any], where: str, metric: Metric) -> float:
    """Return the loss that an entry has by one name, not finite where it failed."""
    value = _number(entry, name, where)
    if name == "loss" or not np.isfinite(value):
        return value
    raw = Measure.of(name).values(value)
    if not metric.holds(raw):
        raise InputError(f"{where}: {metric.name} lies in [{metric.low:g}, {metric.high:g}]; got {raw:g}.")
    return metric.loss(raw)


def _number(entry: Mapping[str, Any], name: str, where: str) -> float:
    """Return a number of an entry, NaN where it is missing."""
    (value,), (unreadable,) = rows.numbers([entry.get(name)])
    if unreadable or isinstance(entry.get(name), bool):
        raise InputError(f"{where} has a {name} that is no number: {entry[name]!r}.")
    return float(value)


def _whole(number: float) -> int:
    if not number.is_integer():
        raise InputError(f"a seed is a whole number; got {number:g}.")
    return int(number)
