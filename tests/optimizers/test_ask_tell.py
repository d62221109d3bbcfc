"""Ask and tell: the queue, matching, candidates, duplicates, restoring."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float

from metalearn.core.inferred_space import infer_space
from metalearn.core.records import Configuration, Trial
from metalearn.core.registry import create
from metalearn.core.spaces import SearchSpace
from metalearn.errors import ConfigurationError, InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.state import Proposal

SPACE = SearchSpace("plane-1", ConfigurationSpace(space=[Float("x", (0, 1)), Categorical("c", ["a", "b", "c"])]))


@dataclass(frozen=True)
class Fixed:
    """Always proposes x = 0.5 and c = a, at the same fidelity, and keeps the states that it saw."""

    fidelity: float = 1.0
    takes_queue: bool = False
    states: ClassVar[list] = []

    def begin(self, space):
        self.states.clear()
        return self

    def propose(self, state, rng):
        self.states.append(state)
        if self.takes_queue and len(state.queue):
            return Proposal(state.queue[0], self.fidelity, from_queue=True)
        return Proposal(np.where(np.array(columns()) == "x", 0.5, 0.0), self.fidelity)


def at(x, c="a"):
    return Configuration("plane-1", "plane-1", {"x": x, "c": c})


def make(method=None, **options):
    return AskTell(SPACE, method or RandomSearch(), rng=np.random.default_rng(0), **options)


def columns():
    return [column.hyperparameter for column in SPACE.encoding.columns]


def test_a_told_trial_is_matched_by_configuration_fidelity_and_seed():
    optimizer = make()
    first, second = optimizer.ask(2)
    optimizer.tell([replace(second, loss=0.5, status="ok", cost_seconds=3.0)])
    assert optimizer.pending == (first,)
    told = optimizer.state().told
    assert (told.loss.tolist(), told.seconds.tolist(), told.number.tolist()) == ([0.5], [3.0], [1])


def test_a_trial_that_was_never_asked_for_is_taken_in_without_a_number():
    optimizer = make()
    optimizer.ask()
    optimizer.tell([Trial(at(0.25), loss=1.0, status="ok")])
    assert len(optimizer.pending) == 1
    state = optimizer.state()
    assert state.told.number.tolist() == [-1]
    assert state.told.X[0, columns().index("x")] == 0.25


def test_what_is_told_is_checked_before_any_of_it_is_taken_in():
    optimizer = make()
    good = Trial(at(0.5), loss=1.0, status="ok")
    with pytest.raises(InputError, match="pending trial has nothing to tell"):
        optimizer.tell([good, Trial(at(0.25))])
    incomplete = Configuration("plane-1", "plane-1", {"x": 0.5})
    for wrong in (at(2.0), incomplete):
        with pytest.raises(ConfigurationError, match="not valid in the space plane-1"):
            optimizer.tell([good, Trial(wrong, loss=1.0, status="ok")])
    assert optimizer.trials == ()


def test_a_trial_that_is_told_twice_at_once_counts_twice_as_it_would_one_by_one():
    together, singly = make(), make()
    told = [replace(trial, loss=0.5, status="ok") for trial in together.ask() * 2]
    singly.ask()
    together.tell(told)
    for trial in told:
        singly.tell([trial])
    assert together.pending == ()
    for optimizer in (together, singly):
        assert optimizer.trials == tuple(told)
        assert optimizer.state().told.number.tolist() == [0, -1]
    np.testing.assert_array_equal(together.state().told.X, singly.state().told.X)


@pytest.mark.parametrize("seconds", [None, np.inf, np.nan])
def test_seconds_that_are_no_finite_number_are_unknown(seconds):
    optimizer = make()
    optimizer.tell([Trial(at(0.5), loss=1.0, cost_seconds=seconds, status="ok")])
    assert np.isnan(optimizer.state().told.seconds).all()


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_a_crash(loss):
    optimizer = make()
    optimizer.tell([Trial(at(0.5), loss=loss, status="ok")])
    assert optimizer.trials[0].status == "crashed"
    assert optimizer.best is None


def test_the_best_is_the_smallest_loss_at_the_largest_finished_fidelity():
    optimizer = make()
    optimizer.tell([Trial(at(0.1), 1 / 3, loss=0.0, status="ok"), Trial(at(0.2), 1.0, status="crashed")])
    assert optimizer.best.loss == 0.0
    optimizer.tell([Trial(at(0.3), 1.0, loss=0.7, status="ok"), Trial(at(0.4), 1.0, loss=0.6, status="ok")])
    assert optimizer.best.configuration == at(0.4)


def test_the_queue_comes_first_and_does_not_use_up_proposals():
    method = Fixed()
    optimizer = make(method, queue=[at(0.1), at(0.2)])
    asked = optimizer.ask(3)
    assert [trial.configuration for trial in asked[:2]] == [at(0.1), at(0.2)]
    assert method.states[0].n_proposed == 0
    assert len(method.states[0].queue) == 0
    assert optimizer.state().pending.number.tolist() == [-1, -1, 0]
    optimizer.enqueue([at(0.3)])
    assert optimizer.ask()[0].configuration == at(0.3)


def test_a_method_that_takes_the_queue_places_it_itself():
    optimizer = make(Fixed(fidelity=1 / 9, takes_queue=True), queue=[at(0.1), at(0.2)])
    asked = optimizer.ask(3)
    assert [trial.configuration for trial in asked] == [at(0.1), at(0.2), at(0.5)]
    assert {trial.fidelity for trial in asked} == {1 / 9}
    assert optimizer.state().pending.number.tolist() == [0, 1, 2]


def test_a_queued_configuration_outside_the_space_is_refused():
    with pytest.raises(ConfigurationError, match="not valid in the space plane-1"):
        make(queue=[at(0.5, "z")])


@pytest.mark.parametrize(("replaces", "counted"), [(True, 3), (False, 1)])
def test_warm_starts_replace_the_initial_design_or_do_not(replaces, counted):
    observed = [Trial(at(0.9), loss=0.3, status="ok")]
    optimizer = make(queue=[at(0.1)], observed=observed, replace_initial_design=replaces)
    optimizer.ask(2)
    assert optimizer.state().n_design == counted


def told(optimizer, n=14):
    """Ask and tell so many, more than an initial design has."""
    for trial in (asked for _ in range(n) for asked in optimizer.ask()):
        optimizer.tell([replace(trial, loss=abs(trial.configuration.hyperparameters["x"] - 0.2), status="ok")])
    return optimizer


# What seems the best of all, far from where the best is.
MISLEADING = {
    "another fidelity": Trial(at(0.95), 1 / 9, loss=-5.0, status="ok"),
    "pruned": Trial(at(0.95), loss=-5.0, status="pruned"),
}


@pytest.mark.parametrize("name", ["gp", "forest", "tpe", "differential_evolution"])
def test_a_loss_at_another_fidelity_says_nothing_to_who_evaluates_at_one(name):
    one, other = (told(make(create("optimizer", name))) for _ in range(2))
    other.tell([MISLEADING["another fidelity"]])
    assert other.state().n_design == one.state().n_design == 14
    assert other.ask(2) == one.ask(2)
    assert MISLEADING["another fidelity"] in other.trials


@pytest.mark.parametrize("name", ["gp", "forest", "tpe", "differential_evolution"])
def test_the_loss_of_a_pruned_trial_says_nothing(name):
    one, other = (told(make(create("optimizer", name))) for _ in range(2))
    one.tell([MISLEADING["pruned"]])
    other.tell([replace(MISLEADING["pruned"], loss=None, status="crashed")])
    assert one.ask(2) == other.ask(2)
    assert one.best == other.best != MISLEADING["pruned"]
    assert one.trials[-1] == MISLEADING["pruned"]


def test_candidates_tried_at_a_lower_fidelity_are_open_to_who_evaluates_at_one():
    optimizer = make(candidates=[at(0.95)], observed=[MISLEADING["another fidelity"]])
    assert optimizer.ask() == (Trial(at(0.95)),)


def test_a_repeated_proposal_is_drawn_anew_at_the_same_fidelity_only():
    optimizer = make(Fixed())
    first, second = optimizer.ask(2)
    assert first.configuration == at(0.5)
    assert second.configuration != first.configuration
    low = make(Fixed(fidelity=1 / 3), observed=[Trial(at(0.5), 1.0, loss=1.0, status="ok")])
    assert low.ask()[0].configuration == at(0.5)


def test_a_proposal_becomes_the_nearest_untried_candidate():
    candidates = [at(0.1), at(0.45, "b"), at(0.9)]
    optimizer = make(Fixed(), candidates=candidates)
    # the choice "b" is 1 away from "a", wherever it stands among the choices
    assert [trial.configuration for trial in optimizer.ask(5)] == [at(0.1), at(0.9), at(0.45, "b")]


def test_between_what_was_asked_for_and_what_was_got_there_is_nothing_to_try():
    method = Fixed()
    optimizer = make(method, candidates=[at(0.5), at(0.1), at(0.7)])
    for _ in range(3):
        optimizer.ask()
    first, second, third = (state.gaps for state in method.states)
    assert len(first.radii) == len(second.radii) == 0
    np.testing.assert_allclose(third.radii, [0.2])
    rows = optimizer.space.encode([at(0.5), at(0.35), at(0.1), at(0.71), at(0.5, "b")])
    assert third.hold(rows, optimizer.space.cube).tolist() == [True, True, False, False, False]


def test_candidates_that_were_tried_are_not_shown_again():
    method = Fixed()
    optimizer = make(method, candidates=[at(0.1), at(0.9)], observed=[Trial(at(0.9), loss=1.0, status="ok")])
    optimizer.ask()
    assert method.states[0].candidates[:, columns().index("x")].tolist() == [0.1]
    assert optimizer.ask() == ()


def test_candidates_may_be_queued_and_observed_though_the_space_leaves_out_what_all_share():
    pool = [Configuration("s", "svc", {"C": c, "tol": 0.5}) for c in (1, 2, 3)]
    space, seen = infer_space(pool), [Trial(pool[0], loss=1.0, status="ok")]
    optimizer = AskTell(
        space, RandomSearch(), candidates=pool, queue=pool[1:2], observed=seen, rng=np.random.default_rng(0)
    )
    assert [trial.configuration for trial in optimizer.ask(3)] == pool[1:]
    with pytest.raises(ConfigurationError, match="tol"):
        AskTell(space, RandomSearch(), queue=pool, rng=np.random.default_rng(0))


def test_no_candidates_at_all_is_an_error():
    with pytest.raises(InputError, match="no candidates to choose from"):
        make(candidates=[])


def test_what_is_no_configuration_or_trial_is_an_error():
    optimizer = make()
    with pytest.raises(InputError, match=r"is no metalearn.Trial"):
        optimizer.tell([at(0.5)])
    with pytest.raises(InputError, match=r"is no metalearn.Configuration"):
        optimizer.enqueue([{"x": 0.5, "c": "a"}])
    with pytest.raises(InputError, match=r"is no metalearn.Configuration"):
        make(candidates=[0.5])


def test_asking_for_nothing_is_an_error():
    with pytest.raises(InputError, match="at least one trial; got 0"):
        make().ask(0)


def test_a_queued_configuration_may_run_twice_at_once_under_two_seeds():
    first, second = make(queue=[at(0.1), at(0.1)]).ask(2)
    assert (first.seed, second.seed) == (0, 1)


def test_restoring_gives_the_same_numbers_and_the_same_next():
    old = make(queue=[at(0.1)])
    asked = old.ask(4)
    old.tell([replace(asked[2], loss=0.1, status="ok")])
    new = make(queue=[at(0.1)])
    for trial in asked:
        new.restore(trial)
    new.tell([replace(asked[2], loss=0.1, status="ok")])
    assert new.state().pending.number.tolist() == [-1, 0, 2]
    assert new.ask(3) == old.ask(3)


def test_a_queued_configuration_goes_on_as_itself_though_it_is_no_candidate():
    @dataclass(frozen=True)
    class Promoting:
        takes_queue: bool = True

        def begin(self, space):
            return self

        def propose(self, state, rng):
            if len(state.queue):
                return Proposal(state.queue[0], 1 / 3, from_queue=True)
            return Proposal(state.pending.X[0], 1.0)

    low, high = make(Promoting(), queue=[at(0.3)], candidates=[at(0.1), at(0.9)]).ask(2)
    assert (low.configuration, high.configuration) == (at(0.3), at(0.3))
    assert (low.fidelity, high.fidelity) == (1 / 3, 1.0)
