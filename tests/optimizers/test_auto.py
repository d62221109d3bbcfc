"""The default optimizer is a Gaussian process for a while, then Parzen estimators."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.checks.optimizers import planted_loss, planted_space
from metalearn.core.registry import create
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.auto import Auto
from metalearn.optimizers.bayesian import GaussianProcessSearch
from metalearn.optimizers.tpe import TPE


def run(method, n, observed=()):
    optimizer = AskTell(planted_space(), method, observed=observed, rng=np.random.default_rng(3))
    for _ in range(n):
        (trial,) = optimizer.ask()
        optimizer.tell([replace(trial, loss=planted_loss(trial.configuration), status="ok")])
    return list(optimizer.trials)


def test_it_is_the_gaussian_process_first_and_parzen_estimators_after():
    trials = run(Auto(n_gaussian=14, n_initial=6), 18)
    assert trials[:14] == run(GaussianProcessSearch(n_initial=6), 14)
    # Proposal 14 is the first of the other method, given the same trials before.
    other = AskTell(planted_space(), TPE(n_initial=6), rng=np.random.default_rng(3))
    for trial in trials[:14]:
        other.restore(replace(trial, loss=None, cost_seconds=None, status="pending"))
        other.tell([trial])
    assert other.ask()[0].configuration == trials[14].configuration


def test_what_was_observed_beforehand_counts():
    observed = run(Auto(n_initial=6), 10)
    assert run(Auto(n_gaussian=10, n_initial=6), 1, observed)[-1] == run(TPE(n_initial=6), 1, observed)[-1]


def test_it_finds_what_is_planted():
    assert min(trial.loss for trial in run(create("optimizer", "auto"), 35)) < 0.12


@pytest.mark.parametrize("options", [{"n_gaussian": 0}, {"n_initial": 0}])
def test_numbers_of_trials_are_positive(options):
    with pytest.raises(InputError, match="at least 1"):
        Auto(**options)
