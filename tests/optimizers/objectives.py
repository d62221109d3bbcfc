"""Objectives that other processes can import quickly, and a method whose proposals depend on what was told."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace
from metalearn.core.execution import Outcome
from metalearn.core.records import Trial
from metalearn.optimizers.state import Proposal, State


@dataclass(frozen=True)
class NearBest:
    """Proposes near the best trial told, away from what is pending: all of the state matters."""

    takes_queue: ClassVar[bool] = False
    spread: float = 0.1

    def begin(self, space: EncodedSpace) -> "NearBest":
        return self

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        drawn = state.space.sample(1, rng)
        if not np.isfinite(state.told.loss).any():
            return Proposal(drawn[0])
        best = state.told.X[np.nanargmin(state.told.loss)]
        step = self.spread * rng.normal(size=best.shape) * (1 + len(state.pending)) + 0.01 * len(state.told)
        return Proposal(state.space.nearest((np.where(np.isnan(best), drawn[0], best) + step)[None])[0])


def loss_of(values: Mapping[str, Any]) -> float:
    """A bowl over the space of the tests, whose least loss is 0 at x = 0.25 with kind a."""
    return float((values["x"] - 0.25) ** 2 + (0 if values["kind"] == "a" else 0.1 * abs(values["y"])))


def bowl(trial: Trial) -> float:
    return loss_of(trial.configuration.hyperparameters)


def slow_bowl(trial: Trial) -> float:
    time.sleep(0.002)
    return bowl(trial)


def fails(trial: Trial) -> float:
    raise ValueError("no such column")


def hangs(trial: Trial) -> float:
    if trial.configuration.hyperparameters["x"] < 0.5:
        time.sleep(3600)
    return bowl(trial)


def fills_memory(trial: Trial) -> float:
    return float(np.ones(2**31, dtype=np.float64).sum())


def exits(trial: Trial) -> float:
    sys.exit("usage: ...")


@dataclass(frozen=True)
class Returns:
    """Returns one thing, or calls it first where it can be called."""

    value: Any

    def __call__(self, trial: Trial) -> Any:
        return self.value(trial) if callable(self.value) else self.value


def as_trial(trial: Trial) -> Trial:
    return replace(trial, loss=bowl(trial), cost_seconds=7.5, status="pruned")


def as_outcome(trial: Trial) -> Outcome:
    return Outcome(bowl(trial))


def as_failure(trial: Trial) -> Outcome:
    return Outcome(status="memout", message="no room")


@dataclass(frozen=True)
class Deadly:
    """Kills the process it runs in, once for each trial whose x is in ``once``, always for those above ``always``."""

    folder: Path
    once: tuple[float, float]
    always: float = 2.0

    def __call__(self, trial: Trial) -> float:
        x = trial.configuration.hyperparameters["x"]
        begun = self.folder / f"{trial.configuration.id}-{time.time_ns()}-{os.getpid()}"
        again = any(self.folder.glob(f"{trial.configuration.id}-*"))
        begun.touch()
        if x > self.always or (self.once[0] <= x <= self.once[1] and not again):
            os.kill(os.getpid(), signal.SIGKILL)
        return bowl(trial)
