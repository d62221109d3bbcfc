"""Problems with known answers, and runs on them."""

from dataclasses import replace

import numpy as np
from ConfigSpace import ConfigurationSpace, Float

from metalearn.checks.optimizers import planted_loss, planted_space
from metalearn.core.spaces import SearchSpace
from metalearn.optimizers.ask_tell import AskTell

BRANIN_MINIMUM = 0.39788735772973816


def cube(d):
    return SearchSpace("cube-1", ConfigurationSpace(space=[Float(f"x{j}", (0, 1)) for j in range(d)]))


def values(trial):
    return np.array(list(trial.configuration.hyperparameters.values()), dtype=float)


def branin(trial):
    x, y = values(trial) * 15 - [5, 0]
    return (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


def planted(trial):
    return planted_loss(trial.configuration)


def run(method, space, loss, n, seed=0, batch=1, **options):
    """Return the optimizer after n trials, asked for ``batch`` at a time."""
    optimizer = AskTell(space, method, rng=np.random.default_rng(seed), **options)
    while len(optimizer.trials) < n and (asked := optimizer.ask(batch)):
        optimizer.tell([replace(trial, loss=float(loss(trial)), status="ok") for trial in asked])
    return optimizer


def regrets(method, n, seeds=5, **options):
    """Return what is lost on Branin after n trials (seeds,)."""
    return (
        np.array([run(method, cube(2), branin, n, seed, **options).best.loss for seed in range(seeds)]) - BRANIN_MINIMUM
    )


def best_planted(method, n, seeds=5, **options):
    """Return the best planted losses (seeds,), of which 0.1 is the least."""
    return np.array([run(method, planted_space(), planted, n, seed, **options).best.loss for seed in range(seeds)])
