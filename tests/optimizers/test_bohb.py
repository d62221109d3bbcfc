"""BOHB: Hyperband's schedule, and a model that sees what it should."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from metalearn.errors import InputError
from metalearn.optimizers.bohb import BOHB
from metalearn.optimizers.state import Proposal
from tests.optimizers.multi_fidelity import at, optimizer, repeated, run, sizes


@dataclass
class Nearby:
    """A model that could not be simpler: draws next to the best it sees; keeps what it saw."""

    takes_queue: bool = False
    seen: list = field(default_factory=list)

    def begin(self, space):
        return self

    def propose(self, state, rng):
        self.seen.append(state)
        if not len(state.told):
            return Proposal(state.space.sample(1, rng)[0])
        best = state.told.X[np.argmin(state.told.imputed)]
        return Proposal(np.clip(best + rng.normal(0, 0.01, best.shape), 0, 1))


def method(base=None, **options):
    return BOHB(base=base or Nearby(), min_fidelity=1 / 9, **options)


def test_the_schedule_is_hyperbands():
    trials = run(optimizer(method()), 22)
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1), (5, 3), (1 + 3, 1)]


def test_the_model_moves_up_when_a_fidelity_has_enough_trials():
    base = Nearby()
    run(optimizer(method(base, random_share=0.0)), 60)
    modelled = [round(1 / state.told.fidelity[0]) if len(state.told) else None for state in base.seen]
    assert modelled[:4] == [None] * 4  # d + 3 trials are needed
    assert modelled[4:9] == [9] * 5
    at_third = next(i for i, level in enumerate(modelled) if level == 3)
    at_one = next(i for i, level in enumerate(modelled) if level == 1)
    assert 9 < at_third < at_one
    assert all(len(state.told) >= 4 for state in base.seen[4:])
    assert all(len(set(state.told.fidelity)) <= 1 for state in base.seen)


def test_the_number_of_trials_that_is_enough_can_be_stated():
    base = Nearby()
    run(optimizer(method(base, random_share=0.0, n_enough=7)), 9)
    assert [len(state.told) for state in base.seen] == [0] * 7 + [7, 8]


def test_it_comes_nearer_than_random_configurations_do():
    def error(share, seed):
        trials = run(optimizer(method(random_share=share), seed=seed), 40)
        return min(abs(t.configuration.hyperparameters["x"] - 0.3) for t in trials if t.fidelity == 1)

    model, random = ([error(share, seed) for seed in range(5)] for share in (1 / 3, 1.0))
    assert np.mean(model) < np.mean(random) / 3


def test_all_random_is_hyperband():
    base = Nearby()
    run(optimizer(method(base, random_share=1.0)), 20)
    assert base.seen == []


def test_warm_starts_fill_the_first_bracket():
    queue = [at(0.9), at(0.1)]
    trials = run(optimizer(method(), queue=queue), 13)
    assert [t.configuration for t in trials[:2]] == queue
    assert not repeated(trials)


def test_the_model_knows_what_is_pending_but_not_as_bad_what_was_promoted():
    base = Nearby()
    asked = optimizer(method(base, random_share=0.0))
    run(asked, 9)
    asked.ask(3)  # the promoted, whose results at 1/9 are known
    asked.ask(2)
    assert len(base.seen[-2].pending) == 0
    assert len(base.seen[-1].pending) == 1


@pytest.mark.parametrize("options", [{"random_share": 1.5}, {"n_enough": 0}, {"eta": 1.0}])
def test_what_makes_no_sense_is_refused(options):
    with pytest.raises(InputError):
        BOHB(**options)
