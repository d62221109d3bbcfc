"""Multi-fidelity optimizers of other packages on tables: a trial runs step by step until its scheduler stops it.

Each asks in the continuous space, gets the nearest configuration of the table that was not tried yet, and is told the
values of that one.
"""

import datetime as dt
import logging
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from benchmarks.multi_fidelity_tables import CurveTable
from metalearn.core.records import Configuration

ETA = 3


class Run(Protocol):
    """Evaluates rows of a table and counts what is spent."""

    @property
    def over(self) -> bool:
        """Whether the budget is spent, or everything tried."""
        ...

    def evaluate(self, row: int, fidelity: float) -> float:
        """Return the validation loss of a row at a fidelity, NaN where training failed."""
        ...


Optimize = Callable[[CurveTable, Run, int], None]


def peers() -> tuple[dict[str, Optimize], dict[str, str]]:
    """Return the peers that are installed, by name, and why the others are left out."""
    found: dict[str, Optimize] = {}
    absent: dict[str, str] = {}
    for package, members in (
        ("optuna", {f"Optuna HyperbandPruner + {s}": partial(optuna_hyperband, s) for s in ("random", "TPE")}),
        ("syne_tune", {"Syne Tune ASHA": syne_tune}),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import_module(package)
        except ImportError as error:
            absent |= dict.fromkeys(members, str(error))
        else:
            found |= members
    return found, absent


def rungs(table: CurveTable) -> list[int]:
    """Return the steps at which a scheduler may stop a trial: powers of eta, and the last."""
    powers = ETA ** np.arange(10)
    return [*(int(p) for p in powers if p < table.steps), table.steps]


class Snapping:
    """Finds the nearest row of a table that was not tried yet."""

    def __init__(self, table: CurveTable) -> None:
        self.table = table
        self.open = np.arange(len(table.configurations))

    def nearest(self, values: Mapping[str, Any]) -> int:
        """Return the row nearest to values by name, and take it off the list."""
        space = self.table.space
        x = space.encode([Configuration(space.name, space.name, values)])
        place = space.cube.distances(x, self.table.encoded[self.open])[0].argmin()
        row = int(self.open[place])
        self.open = np.delete(self.open, place)
        return row


def optuna_hyperband(sampler: str, table: CurveTable, run: Run, seed: int) -> None:
    """Optuna's Hyperband, which is successive halving without waiting, in brackets drawn at random."""
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    samplers: dict[str, Any] = {
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "TPE": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True),
    }
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=table.steps, reduction_factor=ETA)
    study = optuna.create_study(sampler=samplers[sampler](), pruner=pruner, study_name=f"study-{seed}")
    ranges = {h.name: _optuna_range(h) for h in table.space.cube.hyperparameters}
    snapping = Snapping(table)
    while not run.over and len(snapping.open):
        trial = study.ask(ranges)
        row = snapping.nearest(trial.params)
        for name, value in table.configurations[row].hyperparameters.items():
            internal = ranges[name].to_internal_repr(value)
            study._storage.set_trial_param(trial._trial_id, name, internal, ranges[name])
        loss = np.nan
        for step in rungs(table):
            loss = run.evaluate(row, step / table.steps)
            trial.report(loss, step)
            if np.isnan(loss) or (trial.should_prune() and step < table.steps):
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, loss)


def _optuna_range(h: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if hasattr(h, "choices"):
        return CategoricalDistribution(tuple(map(str, h.choices)))
    kind: Any = IntDistribution if isinstance(h.lower, int) else FloatDistribution
    return kind(h.lower, h.upper, log=h.log)


def syne_tune(table: CurveTable, run: Run, seed: int) -> None:
    """Syne Tune's asynchronous successive halving, the variant that stops."""
    baselines = import_module("syne_tune.optimizer.baselines")
    going_on = import_module("syne_tune.optimizer.scheduler").SchedulerDecision.CONTINUE
    trial_of = import_module("syne_tune.backend.trial_status").Trial
    logging.getLogger("syne_tune").setLevel(logging.ERROR)
    np.random.seed(seed)  # noqa: NPY002  parts of it draw from the global generator
    scheduler = baselines.ASHA(
        {h.name: _syne_tune_range(h) for h in table.space.cube.hyperparameters},
        metric="loss",
        do_minimize=True,
        time_attr="step",
        max_t=table.steps,
        grace_period=1,
        reduction_factor=ETA,
        random_seed=seed,
    )
    snapping = Snapping(table)
    number = 0
    while not run.over and len(snapping.open):
        suggestion = scheduler.suggest()
        if suggestion is None:
            return
        row = snapping.nearest(suggestion.config)
        values = dict(table.configurations[row].hyperparameters)
        trial = trial_of(number, values, dt.datetime.now(dt.UTC))
        scheduler.on_trial_add(trial)
        number += 1
        for step in rungs(table):
            loss = run.evaluate(row, step / table.steps)
            if np.isnan(loss):
                scheduler.on_trial_error(trial)
                break
            result = {"loss": loss, "step": step}
            if step == table.steps:
                scheduler.on_trial_complete(trial, result)
            elif scheduler.on_trial_result(trial, result) != going_on:
                break


def _syne_tune_range(h: Any) -> Any:
    config_space = import_module("syne_tune.config_space")
    if hasattr(h, "choices"):
        return config_space.choice(list(map(str, h.choices)))
    if isinstance(h.lower, int):
        return (config_space.lograndint if h.log else config_space.randint)(h.lower, h.upper)
    return (config_space.loguniform if h.log else config_space.uniform)(h.lower, h.upper)
