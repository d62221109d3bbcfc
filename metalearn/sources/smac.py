"""Run histories of SMAC3, versions 2.x: ``runhistory.json``, with ``scenario.json`` beside it.

Lindauer et al., "SMAC3: A Versatile Bayesian Optimization Package for Hyperparameter Optimization", JMLR 2022
(https://github.com/automl/SMAC3). Up to 2.2 a trial is a list of ten values, from 2.3 on an object with the names of
``_FIELDS`` and ``cpu_time``.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metalearn.core.records import Batch, Status
from metalearn.errors import InputError
from metalearn.sources.histories import Entry, Measured, Refused, batches
from metalearn.sources.subjects import Subject

_FIELDS = (
    "config_id",
    "instance",
    "seed",
    "budget",
    "cost",
    "time",
    "status",
    "starttime",
    "endtime",
    "additional_info",
)
# smac.runhistory.StatusType
_STATUSES: dict[Any, Status] = {0: "pending", 1: "ok", 2: "crashed", 3: "timeout", 4: "memout"}


def read_smac(path: Path, *, subject: Subject, objective: int | None = None) -> Iterator[Batch]:
    """Return the trials of a run history, about 20,000 a batch.

    ``path`` is ``runhistory.json`` or its folder. SMAC minimizes, so that ``subject.metric`` is a loss, such as
    ``error_rate`` or ``1-roc_auc``; ``objective`` is the position of the cost to read where there are several. A budget
    becomes the fidelity budget / full, where full is the scenario's ``max_budget`` by default, and the resource
    ``budget``. A trial that failed has no value, whatever its cost: that is SMAC's penalty. Running ones are skipped.
    A trial has no number of its own: the run id is its configuration's number, which with seed and budget tells
    trials apart. The study is the scenario's name and seed.

    Raises:
        InputError: when the file cannot be read as one of SMAC 2.x, holds costs on instances (other tasks) or several
            objectives of which none is chosen, or has budgets of which nothing says how large a full one is.

    >>> import tempfile
    >>> trial = {"config_id": 1, "instance": None, "seed": 0, "budget": None, "cost": 0.25, "time": 2.5, "status": 1}
    >>> trial |= {"starttime": 10.0, "endtime": 12.5, "additional_info": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = {"stats": {}, "data": [trial], "configs": {"1": {"C": 1.0}}}
    ...     _ = Path(folder, "runhistory.json").write_text(json.dumps(history))
    ...     (batch,) = read_smac(Path(folder), subject=Subject("59", "error_rate", algorithm="svc"))
    >>> batch.tables["evaluations"].select(["value", "cost_seconds"]).to_pylist()
    [{'value': 0.75, 'cost_seconds': 2.5}]
    """
    path = path / "runhistory.json" if path.is_dir() else path
    history, scenario = _load(path), _scenario(path.with_name("scenario.json"))
    subject.check_direction("A cost of SMAC", minimized=True)
    configurations = history["configs"]
    subject.check_names(str(path), (name for given in configurations.values() for name in given))
    trials = [dict(zip(_FIELDS, t, strict=False)) if isinstance(t, list) else t for t in history["data"]]
    _check(path, trials, objective)
    subject = _with_resource(subject, path, trials, scenario)
    study = f"smac:{scenario['name']}/{scenario.get('seed')}" if "name" in scenario else f"smac:{path.parent.name}"
    yield from batches(subject, study, ([_entry(trial, configurations, objective)] for trial in trials))


def _entry(trial: Any, configurations: Mapping[str, Any], objective: int | None) -> Entry:
    try:
        run = str(trial["config_id"])
        status, cost = _STATUSES[trial["status"]], trial["cost"]
        more = trial["additional_info"] or {}
        return Measured(
            run,
            configurations[run],
            (cost if objective is None else cost[objective]) if status == "ok" else None,
            status,
            step=None if trial["budget"] is None else float(trial["budget"]),
            seed=-1 if trial["seed"] is None else int(np.int64(trial["seed"])),
            # A function that is stopped has no time of its own in SMAC.
            cost_seconds=float(trial["time"] or trial["endtime"] - trial["starttime"]),
            message=str(more.get("error", "")) if status != "ok" else "",
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return Refused(json.dumps(trial), f"this is no trial of SMAC ({type(error).__name__}: {error})")


def _check(path: Path, trials: list[Any], objective: int | None) -> None:
    """Refuse histories that are of several tasks, or of objectives that nobody chose."""
    read = [trial for trial in trials if isinstance(trial, dict)]
    instances = {str(trial["instance"]) for trial in read if trial.get("instance") is not None}
    if instances:
        named = ", ".join(sorted(instances)[:3])
        raise InputError(
            f"{path} holds costs on instances ({named}), each a task of its own; give one without instances."
        )
    several = {len(trial["cost"]) for trial in read if isinstance(trial.get("cost"), list)}
    if several and objective is None:
        raise InputError(f"{path} has {max(several)} objectives; say which one was the metric, counting from 0.")
    if objective is not None and not all(0 <= objective < n for n in several or {0}):
        raise InputError(f"{path} has no objective {objective}; it has {max(several, default=1)}, counted from 0.")


def _with_resource(subject: Subject, path: Path, trials: list[Any], scenario: Mapping[str, Any]) -> Subject:
    """Return the subject with what a budget is, and how large a full one."""
    largest = scenario.get("max_budget")
    full = subject.full or (largest if isinstance(largest, int | float) else None)
    if full is None and any(isinstance(trial, dict) and trial.get("budget") is not None for trial in trials):
        raise InputError(
            f"{path} has budgets, and no scenario.json beside it says the largest; say what a full one is."
        )
    return replace(subject, resource=subject.resource or "budget", full=full)


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            history = json.load(file)
    except (OSError, ValueError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InputError(f"{path} cannot be read ({error}); give SMAC's runhistory.json, whole.") from error
    kinds = {"stats": dict, "data": list, "configs": dict}
    if not isinstance(history, dict) or not all(isinstance(history.get(k), kind) for k, kind in kinds.items()):
        raise InputError(f"{path} is no run history of SMAC 2; those of older versions and other files cannot be read.")
    for number, configuration in history["configs"].items():
        if not isinstance(configuration, dict):
            raise InputError(f"Configuration {number} of {path} is no JSON object; give SMAC's own file, as it was.")
    return history


def _scenario(path: Path) -> dict[str, Any]:
    """Return what SMAC was told, empty where it is not there."""
    with suppress(OSError, ValueError):
        scenario = json.loads(path.read_text(encoding="utf-8"))
        return scenario if isinstance(scenario, dict) else {}
    return {}
