"""What the tests of multi-fidelity methods share: a space, losses at a fidelity, and runs."""

from collections import Counter
from dataclasses import replace
from typing import ClassVar

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.random_search import RandomSearch

LINE = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
TINY = SearchSpace("tiny-1", ConfigurationSpace(space=[Categorical("c", ["a", "b", "c"])]))


class EveryFidelity(RandomSearch):
    """Random search that is shown trials at fidelities below 1."""

    takes_queue: ClassVar[bool] = True


def conditional():
    kind, c, gamma = Categorical("kind", ["linear", "rbf"]), Float("C", (0.01, 100), log=True), Float("gamma", (0, 1))
    space = ConfigurationSpace(space=[kind, c, gamma])
    space.add(EqualsCondition(gamma, kind, "rbf"))
    return SearchSpace("kernel-1", space)


def at(x):
    return Configuration("line-1", "line-1", {"x": x})


def optimizer(method, space=LINE, seed=0, **options):
    return AskTell(space, method, rng=np.random.default_rng(seed), **options)


def distance(trial):
    """Return a loss that is smallest at x = 0.3 and, to be useless between fidelities, lower at low ones."""
    return trial.fidelity * 10 + abs(trial.configuration.hyperparameters["x"] - 0.3)


def finished(trial, loss=distance):
    return replace(trial, loss=float(loss(trial)), status="ok")


def run(asked_of, n, loss=distance):
    """Ask and tell one by one, at most n times."""
    for _ in range(n):
        for trial in (trials := asked_of.ask()):
            asked_of.tell([finished(trial, loss)])
        if not trials:
            break
    return asked_of.trials


def sizes(trials):
    """Return runs of trials at one fidelity as (number, 1 / fidelity)."""
    found = []
    for trial in trials:
        level = round(1 / trial.fidelity)
        if not found or found[-1][1] != level:
            found.append([0, level])
        found[-1][0] += 1
    return [tuple(pair) for pair in found]


def repeated(trials):
    """Return what was tried more than once at the same fidelity."""
    counts = Counter((trial.configuration.id, trial.fidelity) for trial in trials)
    return [key for key, n in counts.items() if n > 1]
