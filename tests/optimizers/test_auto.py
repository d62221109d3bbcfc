"""The default optimizer: a Gaussian process and a forest in turns for a while, then Parzen estimators."""

from dataclasses import replace

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

from metalearn.checks.optimizers import planted_loss, planted_space
from metalearn.core.registry import create
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.auto import Auto
from metalearn.optimizers.bayesian import ForestSearch, GaussianProcessSearch
from metalearn.optimizers.tpe import TPE


def run(method, n, observed=()):
    optimizer = AskTell(planted_space(), method, observed=observed, rng=np.random.default_rng(3))
    for _ in range(n):
        (trial,) = optimizer.ask()
        optimizer.tell([replace(trial, loss=planted_loss(trial.configuration), status="ok")])
    return list(optimizer.trials)


def branched_space(n):
    """Return a space of n kinds, each with a number of its own."""
    space, kind = ConfigurationSpace(), Categorical("kind", [f"k{i}" for i in range(n)])
    space.add(kind)
    for name in kind.choices:
        space.add(number := Float(f"{name}:x", (0, 1)), EqualsCondition(number, kind, name))
    return SearchSpace("branched-1", space)


def next_kind(optimizer):
    """Return the kind that is asked for; its loss is told."""
    (trial,) = optimizer.ask()
    kind = trial.configuration.hyperparameters["kind"]
    loss = int(kind[1:]) + trial.configuration.hyperparameters[f"{kind}:x"]
    optimizer.tell([trial.ended(loss)])
    return kind


def after(trials, method):
    """Return what a method asks for next after trials that another one asked for."""
    optimizer = AskTell(planted_space(), method, rng=np.random.default_rng(3))
    for trial in trials:
        optimizer.restore(replace(trial, loss=None, cost_seconds=None, status="pending"))
        optimizer.tell([trial])
    return optimizer.ask()[0].configuration


def test_the_methods_take_turns_and_each_knows_what_the_others_found():
    trials = run(Auto(n_models=14, n_initial=6, forest_every=4), 16)
    turns = {
        6: GaussianProcessSearch,
        7: ForestSearch,
        8: GaussianProcessSearch,
        11: ForestSearch,
        13: GaussianProcessSearch,
    }
    for number, method in {**turns, 14: TPE, 15: TPE}.items():
        assert after(trials[:number], method(n_initial=6)) == trials[number].configuration


def test_there_may_be_no_forest():
    assert run(Auto(n_initial=6, forest_every=0), 12) == run(GaussianProcessSearch(n_initial=6), 12)


def test_what_was_observed_beforehand_counts():
    observed = run(Auto(n_initial=6), 10)
    assert run(Auto(n_models=10, n_initial=6), 1, observed)[-1] == run(TPE(n_initial=6), 1, observed)[-1]


def test_it_finds_what_is_planted():
    assert min(trial.loss for trial in run(create("optimizer", "auto"), 35)) < 0.12


@pytest.mark.parametrize("every", [2, 3])
def test_a_branch_that_was_not_tried_comes_every_so_many_trials_while_there_is_one(every):
    optimizer = AskTell(branched_space(8), Auto(n_initial=4, branch_every=every), rng=np.random.default_rng(3))
    kinds = [next_kind(optimizer) for _ in range(4 + 8 * every)]
    turns = [n for n in range(4, len(kinds)) if n % every == 0]
    assert len(set(kinds)) == 8
    assert all(kinds[n] not in kinds[:n] for n in turns if len(set(kinds[:n])) < 8)


def test_branches_may_be_left_alone():
    space = branched_space(8)
    alone, gaussian = (
        AskTell(space, method, rng=np.random.default_rng(3))
        for method in (Auto(n_initial=4, forest_every=0, branch_every=0), GaussianProcessSearch(n_initial=4))
    )
    assert [next_kind(alone) for _ in range(12)] == [next_kind(gaussian) for _ in range(12)]


@pytest.mark.parametrize("options", [{"n_models": 0}, {"n_initial": 0}, {"forest_every": -1}, {"branch_every": -1}])
def test_numbers_of_trials_are_positive(options):
    with pytest.raises(InputError, match=r"at least 1|0 \(never\) or more"):
        Auto(**options)
