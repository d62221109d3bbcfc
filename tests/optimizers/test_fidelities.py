"""The ladder of fidelities, the trials that a model is fitted to, and new configurations."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from metalearn.core.records import Trial
from metalearn.errors import InputError, UnknownNameError
from metalearn.optimizers.fidelities import NewConfigurations, fidelity_levels, modelled_state, require_source
from metalearn.optimizers.state import Proposal
from tests.optimizers.multi_fidelity import LINE, TINY, EveryFidelity, at, optimizer


@dataclass
class Watching:
    """Proposes x = 0.5 and keeps the states that it saw."""

    takes_queue: bool = False
    states: list = field(default_factory=list)

    def begin(self, space):
        return self

    def propose(self, state, rng):
        self.states.append(state)
        return Proposal(np.array([0.5]))


def told(*pairs):
    return [Trial(at(x), fidelity, loss=x, status="ok") for x, fidelity in pairs]


def new(base, space=LINE, **options):
    return NewConfigurations.of(base, space.cube, **options)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("eta", "smallest", "levels"),
    [(3, 1 / 81, [1 / 81, 1 / 27, 1 / 9, 1 / 3, 1]), (3, 0.02, [1 / 27, 1 / 9, 1 / 3, 1]), (4, 0.3, [1]), (2, 1, [1])],
)
def test_levels_are_powers_that_are_not_below_the_smallest(eta, smallest, levels):
    np.testing.assert_allclose(fidelity_levels(eta, smallest), levels, rtol=1e-15)


@pytest.mark.parametrize(("eta", "smallest"), [(1, 0.1), (np.nan, 0.1), (np.inf, 0.1), (3, 0), (3, 1.1), (3, np.nan)])
def test_a_ladder_that_makes_no_sense_is_refused(eta, smallest):
    with pytest.raises(InputError):
        fidelity_levels(eta, smallest)


@pytest.mark.parametrize("wrong", [(-0.1,), (1.1,), (0.5, 0)])
def test_a_source_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError):
        require_source(*wrong)


def test_the_model_is_of_the_largest_fidelity_with_enough_that_succeeded():
    low, high = told((0.1, 1 / 9), (0.2, 1 / 9), (0.3, 1 / 9)), told((0.1, 1 / 3), (0.2, 1 / 3))
    state = optimizer(EveryFidelity(), observed=[*low, *high, Trial(at(0.9), 1 / 3, status="crashed")]).state()
    seen = modelled_state(state, 2)
    assert seen.told.X[:, 0].tolist() == [0.1, 0.2, 0.9]  # the failure is known of too
    assert modelled_state(state, 3).told.X[:, 0].tolist() == [0.1, 0.2, 0.3]
    assert modelled_state(state, 4) is None


def test_pending_trials_count_at_every_fidelity_but_not_where_the_result_is_known():
    asked = optimizer(EveryFidelity(), observed=told((0.1, 1 / 9), (0.2, 1 / 9)))
    for x, fidelity in ((0.2, 1 / 3), (0.4, 1 / 27)):
        asked.restore(Trial(at(x), fidelity))
    assert modelled_state(asked.state(), 2).pending.X[:, 0].tolist() == [0.4]


def test_trials_at_two_fidelities_are_never_pooled():
    trials = told(*((x, f) for f in (1 / 9, 1 / 3, 1.0) for x in (0.1, 0.2)))
    state = optimizer(EveryFidelity(), observed=trials).state()
    assert modelled_state(state, 3) is None
    assert set(modelled_state(state, 2).told.fidelity) == {1.0}


def test_the_base_method_is_in_its_initial_design_until_there_is_enough():
    base = Watching()
    source = new(base, n_enough=2)
    few = optimizer(EveryFidelity(), observed=told((0.1, 1 / 9), (0.2, 1 / 3))).state()
    source.draw(few, 7, rng())
    enough = optimizer(EveryFidelity(), observed=told((0.1, 1 / 9), (0.2, 1 / 9))).state()
    source.draw(enough, 7, rng())
    first, second = base.states
    assert (first.n_design, len(first.told), first.n_proposed) == (0, 0, 7)
    assert (second.n_design, len(second.told), second.n_proposed) == (2, 2, 7)


def test_enough_is_three_more_than_there_are_columns():
    assert new("random").n_enough == 4
    assert new("random", n_enough=9).n_enough == 9


def test_the_share_of_random_configurations_is_the_stated_one():
    base = Watching()
    state = optimizer(EveryFidelity()).state()
    source = new(base, random_share=1 / 3)
    random = [source.draw(state, 0, rng(seed))[0] != 0.5 for seed in range(600)]
    assert np.mean(random) == pytest.approx(1 / 3, abs=0.06)
    assert all(new(base).draw(state, 0, rng(seed))[0] == 0.5 for seed in range(20))


def test_what_was_tried_at_some_fidelity_is_drawn_anew():
    state = optimizer(EveryFidelity(), observed=told((0.5, 1 / 9))).state()
    x = new(Watching()).draw(state, 1, rng())
    assert x[0] != 0.5
    assert x == new(Watching()).draw(state, 1, rng())


def test_a_space_that_is_used_up_gives_nothing():
    asked = optimizer(EveryFidelity(), TINY)
    assert len(asked.ask(3)) == 3
    assert new("random", TINY).draw(asked.state(), 3, rng()) is None
    assert new("random", TINY).draw(optimizer(EveryFidelity(), TINY).state(), 0, rng()) is not None


def test_from_candidates_comes_the_nearest_that_was_never_tried():
    asked = optimizer(EveryFidelity(), candidates=[at(0.1), at(0.45), at(0.9)], observed=told((0.45, 1 / 9)))
    assert new(Watching()).draw(asked.state(), 0, rng()) == pytest.approx([0.1])
    none = replace(asked.state(), candidates=np.empty((0, 1)))
    assert new(Watching()).draw(none, 0, rng()) is None


def test_an_unknown_base_is_an_error_that_names_it():
    with pytest.raises(UnknownNameError, match="randomm"):
        new("randomm")
