"""Ray Tune experiments: the folder of one, or the table of ``ResultGrid.get_dataframe()``.

Liaw et al., "Tune: A Research Platform for Distributed Model Selection and Training", 2018
(https://docs.ray.io/en/latest/tune). A trial's folder holds ``params.json``; ``result.json``, a line for each report;
and ``error.txt`` once it failed. ``experiment_state-<time>.json`` says what became of the trials. Pickled files are
never opened.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metalearn.core import rows
from metalearn.core.records import Batch, Status
from metalearn.errors import InputError
from metalearn.sources.chunks import read_chunks
from metalearn.sources.histories import Measured, Refused, batches
from metalearn.sources.reports import ReportColumns, Reports, reported, table_reports
from metalearn.sources.subjects import Subject, require_name

_ROWS_PER_CHUNK = 20_000
_STATES: dict[str, Status] = {"TERMINATED": "ok", "ERROR": "crashed"}


def read_ray_tune(
    path: Path, *, subject: Subject, value_column: str | None = None, step_column: str = "training_iteration"
) -> Iterator[Batch]:
    """Return what the trials of an experiment reported, about 20,000 reports a batch.

    ``path`` is the experiment's folder, or a CSV or Parquet file of ``ResultGrid.get_dataframe()``, which has the last
    report of each trial, and not a word on failures. ``value_column`` is what the trials reported the number as, by
    default the metric's name; ``step_column`` counts the resource, which has its name by default. A nested name is
    written with slashes, and nested hyperparameters get such names.

    With ``subject.full`` every report is read, as an evaluation at fidelity step / full; without it the last of each
    trial that ended, as a full evaluation, and all must have ended at the same step. A trial that failed adds a crashed
    full evaluation, with the last line of ``error.txt``. Reports without the number and trials that have not ended are
    skipped, and lines that are no JSON quarantined. Whether Tune minimized stands in pickled files only, and is not
    checked.

    Raises:
        InputError: for a folder without trials, a file that cannot be read or lacks a column, an unknown number or
            hyperparameter (names the nearest), or trials that ended at different steps where ``full`` is not given.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trial = Path(folder, "train_1")
    ...     trial.mkdir()
    ...     _ = (trial / "params.json").write_text('{"model": {"lr": 0.1}}')
    ...     _ = (trial / "result.json").write_text('{"accuracy": 0.9, "training_iteration": 2, "trial_id": "1"}')
    ...     (batch,) = read_ray_tune(Path(folder), subject=Subject("59", "accuracy", algorithm="mlp", full=4))
    >>> batch.tables["evaluations"].select(["value", "fidelity"]).to_pylist()
    [{'value': 0.9, 'fidelity': 0.5}]
    """
    names = (value_column or subject.metric, step_column)
    trials = (_folder_trials if path.is_dir() else _table_trials)(path, subject, *names)
    study = path.resolve().name if path.is_dir() else path.name.split(".")[0]
    subject = replace(subject, resource=subject.resource or step_column)
    yield from batches(subject, f"ray:{study}", reported(subject, str(path), trials))


def _table_trials(path: Path, subject: Subject, value: str, step: str) -> Iterator[Reports]:
    columns = ReportColumns("trial_id", value, step, "time_total_s", "config/")
    for frame in read_chunks(path, _ROWS_PER_CHUNK):
        yield from table_reports(frame, path, subject, columns)


def _folder_trials(path: Path, subject: Subject, value: str, step: str) -> Iterator[Reports]:
    given = {file.parent: _flat(_json(file)) for file in sorted(path.glob("*/params.json"))}
    if not given:
        raise InputError(f"{path} holds no trials (folders with params.json); give an experiment's folder.")
    subject.check_names(str(path), (name for hyperparameters in given.values() for name in hyperparameters))
    states = _states(path)
    checked = False
    for folder, hyperparameters in given.items():
        lines, refused = _lines(folder)
        if lines and not checked:
            for name in (value, step):
                require_name({known for line in lines for known in line}, name, f"No trial of {path} reported")
            checked = True
        run, state = states.get(folder.name) or _guessed(folder, lines)
        yield _trial(
            folder, Reports(run, hyperparameters, (), (), (), state, others=tuple(refused)), lines, value, step
        )


def _trial(folder: Path, known: Reports, lines: Sequence[Mapping[str, Any]], value: str, step: str) -> Reports:
    """Return a trial with the reports that its lines make."""
    told = [line for line in lines if line.get(value) is not None and np.isfinite(_number(line.get(step)))]
    untold = Measured(known.run, known.hyperparameters, status="pending")
    return replace(
        known,
        steps=[_number(line[step]) for line in told],
        values=[line[value] for line in told],
        seconds=[_number(line.get("time_total_s")) for line in told],
        message=_last_line(folder / "error.txt") if known.status == "crashed" else "",
        others=(*known.others, *[untold] * (len(lines) - len(told))),
    )


def _lines(folder: Path) -> tuple[list[dict[str, Any]], list[Refused]]:
    """Return a trial's reports with flat names, and what is no report."""
    found: list[dict[str, Any]] = []
    refused: list[Refused] = []
    if not (folder / "result.json").exists():
        return _progress(folder / "progress.csv"), []
    with (folder / "result.json").open(encoding="utf-8", errors="replace") as file:
        for text in filter(str.strip, file):
            try:
                report = json.loads(text)
                found.append(_flat({name: v for name, v in report.items() if name != "config"}))
            except (ValueError, AttributeError) as error:
                refused.append(Refused(f"{folder.name}: {text.strip()}", f"the line is no report ({error})"))
    return found, refused


def _progress(path: Path) -> list[dict[str, Any]]:
    """Return the reports of a trial that kept a table only."""
    with suppress(OSError), path.open(newline="", encoding="utf-8", errors="replace") as file:
        # Surplus cells of a torn line have no name.
        return [{k: rows.decode(cell) for k, cell in row.items() if k and cell} for row in csv.DictReader(file)]
    return []


def _states(path: Path) -> dict[str, tuple[str, Status]]:
    """Return the id and the state of trials by the names of their folders, as far as the experiment tells."""
    states: dict[str, tuple[str, Status]] = {}
    for file in sorted(path.glob("experiment_state-*.json"))[-1:]:
        for entry in _json(file).get("trial_data") or []:
            with suppress(ValueError, LookupError, TypeError):
                trial = json.loads(entry[0])
                states[Path(trial["relative_logdir"]).name] = (
                    trial["trial_id"],
                    _STATES.get(trial["status"], "pending"),
                )
    return states


def _guessed(folder: Path, lines: Sequence[Mapping[str, Any]]) -> tuple[str, Status]:
    """Return what a trial's folder tells of its id and state where the experiment does not."""
    last = lines[-1] if lines else {}
    failed = (folder / "error.txt").exists() and not last.get("done")
    return str(last.get("trial_id", folder.name)), "crashed" if failed else "ok"


def _flat(given: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by names with slashes, as Ray's own tables have them.

    >>> _flat({"model": {"lr": 0.1, "layers": [64, 64]}, "seed": 0})
    {'model/lr': 0.1, 'model/layers': [64, 64], 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for name, value in given.items():
        flat |= _flat(value, f"{prefix}{name}/") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); the experiment's folder may be incomplete.") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} is no JSON object; give the folder of an experiment of Ray Tune.")
    return value


def _last_line(path: Path) -> str:
    with suppress(OSError):
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""
    return ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan
