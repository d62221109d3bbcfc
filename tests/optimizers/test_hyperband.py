"""Hyperband: its brackets as they are asked for, alone, in batches and after a restart."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.core.records import Trial
from metalearn.errors import InputError
from metalearn.optimizers.hyperband import Hyperband
from tests.optimizers.multi_fidelity import TINY, at, conditional, finished, optimizer, repeated, run, sizes

SMALL = Hyperband(min_fidelity=1 / 9)


def test_the_trials_of_r_81_are_the_papers():
    trials = run(optimizer(Hyperband(min_fidelity=1 / 81)), 206)
    expected = [(81, 81), (27, 27), (9, 9), (3, 3), (1, 1), (34, 27), (11, 9), (3, 3), (1, 1), (15, 9), (5, 3), (1, 1)]
    assert sizes(trials) == [*expected, (8, 3), (2 + 5, 1)]
    assert not repeated(trials)
    assert sizes(run(optimizer(Hyperband()), 40)) == [(27, 27), (9, 9), (3, 3), (1, 1)]


def test_each_promoted_is_the_best_of_its_own_bracket():
    trials = run(optimizer(SMALL), 22)
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1), (5, 3), (1 + 3, 1)]
    second = sorted(trials[13:18], key=lambda trial: trial.loss)
    assert trials[18].configuration == second[0].configuration
    assert {trial.configuration for trial in trials[19:]}.isdisjoint(trial.configuration for trial in trials[:19])


def test_the_queue_fills_the_first_bracket_in_order():
    queue = [at(x) for x in (0.9, 0.31, 0.8, 0.7)]
    trials = run(optimizer(SMALL, queue=queue), 13)
    assert [trial.configuration for trial in trials[:4]] == queue
    assert {trial.fidelity for trial in trials[:4]} == {1 / 9}
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1)]


def test_a_queue_longer_than_the_first_bracket_goes_on_into_the_next():
    queue = [at(x) for x in np.linspace(0.05, 0.95, 12).round(3)]
    trials = run(optimizer(SMALL, queue=queue), 16)
    assert [t.configuration for t in trials[:9] + trials[13:16]] == queue
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1), (3, 3)]


def test_a_rung_that_waits_does_not_hold_up_the_next_bracket():
    asked = optimizer(SMALL)
    first = asked.ask(9)
    asked.tell([finished(trial) for trial in first[:8]])
    others = asked.ask(6)
    assert [round(1 / trial.fidelity) for trial in others] == [3, 3, 3, 3, 3, 1]
    asked.tell([finished(first[8])])
    promoted = asked.ask(3)
    best = sorted(first, key=lambda trial: finished(trial).loss)[:3]
    assert [trial.configuration for trial in promoted] == [trial.configuration for trial in best]
    assert {round(1 / trial.fidelity) for trial in promoted} == {3}


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_whatever_the_number_of_workers_no_trial_is_lost_or_repeated(workers):
    asked, rng, running = optimizer(SMALL), np.random.default_rng(5), []
    while len(asked.trials) < 60:
        running += asked.ask(workers - len(running))
        asked.tell([finished(running.pop(rng.integers(len(running))))])
    assert not repeated(asked.trials)
    at_level = {level: {t.configuration for t in asked.trials if round(1 / t.fidelity) == level} for level in (9, 3, 1)}
    assert len(at_level[9]) > len(at_level[3]) > len(at_level[1]) > 3


def test_a_fresh_one_goes_on_with_the_same_trials():
    old, running = optimizer(SMALL, queue=[at(0.9)]), []
    new = optimizer(SMALL, queue=[at(0.9)])
    for step in range(40):
        running += old.ask(3 - len(running))
        for trial in old.pending:
            if trial not in new.pending:
                new.restore(trial)
        done = finished(running.pop(step * 7 % len(running)))
        for optimizer_ in (old, new):
            optimizer_.tell([done])
    assert new.ask(4) == old.ask(4)


def test_failures_are_never_promoted_and_do_not_stop_it():
    asked = optimizer(SMALL)
    for i in range(60):
        (trial,) = asked.ask()
        failed = i % 3 == 0
        asked.tell([replace(trial, status="memout") if failed else finished(trial)])
    failures = {(t.configuration, t.fidelity) for t in asked.trials if t.status != "ok"}
    for configuration, fidelity in failures:
        later = [t for t in asked.trials if t.configuration == configuration and t.fidelity > fidelity]
        assert not later


def test_a_bracket_that_failed_altogether_is_followed_by_the_next():
    asked = optimizer(SMALL)
    for _ in range(9):
        asked.tell([replace(asked.ask()[0], status="crashed")])
    assert round(1 / asked.ask()[0].fidelity) == 3


def test_what_is_known_at_a_fidelity_already_is_not_evaluated_again():
    asked = optimizer(SMALL)
    first = asked.ask(9)
    asked.tell([finished(trial) for trial in first])
    best = min(first, key=lambda trial: finished(trial).loss).configuration
    asked.tell([Trial(best, 1 / 3, loss=-1.0, status="ok")])
    assert best not in {trial.configuration for trial in asked.ask(2)}
    asked.tell([finished(trial) for trial in asked.pending])
    (top,) = asked.ask()
    assert (top.configuration, top.fidelity) == (best, 1.0)


def test_observed_trials_at_full_fidelity_reach_the_model_and_are_not_part_of_brackets():
    seen = []

    class Base:
        takes_queue = False

        def begin(self, space):
            return self

        def propose(self, state, rng):
            from metalearn.optimizers.state import Proposal

            seen.append(state.told)
            return Proposal(state.space.sample(1, rng)[0])

    observed = [Trial(at(x), loss=x, status="ok") for x in (0.1, 0.2, 0.3, 0.4)]
    trials = run(optimizer(Hyperband(base=Base(), min_fidelity=1 / 9), observed=observed), 13)[4:]
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1)]
    assert set(seen[0].fidelity) == {1.0}
    assert seen[-1].X[:, 0].tolist() == [0.1, 0.2, 0.3, 0.4]


def test_a_list_shorter_than_a_bracket_is_halved_and_then_finished():
    candidates = [at(x) for x in np.linspace(0, 1, 6).round(3)]
    trials = run(optimizer(SMALL, candidates=candidates), 100)
    assert sizes(trials)[:2] == [(6, 9), (2, 3)]
    assert trials[8].fidelity == 1.0  # the better of the two
    assert not repeated(trials)
    assert {trial.configuration for trial in trials if trial.fidelity == 1.0} == set(candidates)


def test_a_small_space_is_finished_too():
    loss = {"a": 2.0, "b": 1.0, "c": 3.0}
    trials = run(optimizer(SMALL, TINY), 60, lambda trial: loss[trial.configuration.hyperparameters["c"]])
    assert sizes(trials)[0] == (3, 9)
    assert not repeated(trials)
    assert len([trial for trial in trials if trial.fidelity == 1.0]) == 3
    assert trials[3].configuration.hyperparameters["c"] == "b"


def test_conditional_spaces_keep_their_brackets():
    trials = run(optimizer(SMALL, conditional()), 13, lambda trial: len(trial.configuration.id.strip("0123456789")))
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1)]
    assert {t.configuration for t in trials[9:]} <= {t.configuration for t in trials[:9]}


@pytest.mark.parametrize("options", [{"eta": 0.5}, {"min_fidelity": -1}])
def test_a_schedule_that_makes_no_sense_is_refused(options):
    with pytest.raises(InputError):
        Hyperband(**options)
