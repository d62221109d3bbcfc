"""What is known of configurations at each fidelity, from trials in any order."""

import numpy as np

from metalearn.core.records import Trial
from metalearn.optimizers.asha import Rungs
from metalearn.optimizers.fidelities import NewConfigurations, fidelity_levels
from metalearn.optimizers.promotion import History, Promotion, Scheduler
from tests.optimizers.multi_fidelity import LINE, EveryFidelity, at, conditional, finished, optimizer, run

LEVELS = fidelity_levels(3, 1 / 9)


def test_a_configuration_is_the_methods_own_from_its_first_proposal_on():
    asked = optimizer(EveryFidelity(), observed=[Trial(at(0.2), 1 / 9, loss=0.1, status="ok")])
    asked.restore(Trial(at(0.8), 1 / 9))
    asked.restore(Trial(at(0.4), 1 / 9))
    history = History.of(asked.state(), LEVELS)
    assert history.X[:, 0].tolist() == [0.8, 0.4]
    assert history.asked.tolist() == [[True, False, False]] * 2
    assert np.isnan(history.losses).all()


def test_results_are_placed_by_configuration_and_fidelity_whoever_asked_for_them():
    asked = optimizer(EveryFidelity())
    asked.restore(Trial(at(0.8), 1 / 9))
    asked.restore(Trial(at(0.4), 1 / 9))
    trials = [Trial(at(0.4), 1 / 9, status="timeout"), Trial(at(0.8), 1 / 9, loss=0.5, status="ok")]
    asked.tell([*trials, Trial(at(0.8), 1.0, loss=7.0, status="ok"), Trial(at(0.8), 0.5, loss=3.0, status="ok")])
    nan = np.nan
    history = History.of(asked.state(), LEVELS)
    np.testing.assert_array_equal(history.losses, [[0.5, nan, 7.0], [np.inf, nan, nan]])
    assert history.asked[0].tolist() == [True, False, True]


def test_a_pruned_trial_counts_as_one_that_did_not_succeed():
    asked = optimizer(EveryFidelity())
    asked.restore(Trial(at(0.8), 1 / 9))
    asked.tell([Trial(at(0.8), 1 / 9, loss=0.1, status="pruned")])
    assert History.of(asked.state(), LEVELS).losses[0, 0] == np.inf


def test_inactive_hyperparameters_do_not_keep_a_configuration_from_being_recognised():
    space = conditional()
    linear = next(c for c in space.sample(50, np.random.default_rng(0)) if c.hyperparameters["kind"] == "linear")
    asked = optimizer(EveryFidelity(), space)
    asked.restore(Trial(linear, 1 / 9))
    asked.restore(Trial(linear, 1 / 3))
    asked.tell([Trial(linear, 1 / 9, loss=1.0, status="ok")])
    history = History.of(asked.state(), LEVELS)
    assert len(history) == 1
    assert history.asked.tolist() == [[True, True, False]]


def test_the_leftover_is_the_best_from_the_highest_level_that_has_one():
    nan, inf = np.nan, np.inf
    losses = np.array([[3, nan, nan], [1, 6, nan], [2, 5, 9], [inf, nan, nan]])
    history = History(np.zeros((4, 1)), losses, ~np.isnan(losses))
    assert history.leftover() == Promotion(1, 2)
    history.asked[1, 2] = True
    assert history.leftover() == Promotion(0, 1)
    history.asked[0, 1] = True
    assert history.leftover() is None


def test_a_promoted_candidate_is_the_very_same():
    candidates = [at(x) for x in np.linspace(0, 1, 12).round(3)]
    scheduler = Scheduler(Rungs(3), LEVELS, NewConfigurations.of("random", LINE.cube))

    class Method:
        takes_queue = True

        def begin(self, space):
            return scheduler

    trials = run(optimizer(Method(), candidates=candidates), 40)
    first = [trial.configuration for trial in trials if trial.fidelity == LEVELS[0]]
    later = [trial.configuration for trial in trials if trial.fidelity > LEVELS[0]]
    assert sorted(c.hyperparameters["x"] for c in first) == sorted(c.hyperparameters["x"] for c in candidates)
    assert later
    assert set(later) <= set(first)


def test_the_first_of_the_queue_is_started_next():
    scheduler = Scheduler(Rungs(3), LEVELS, NewConfigurations.of("random", LINE.cube))
    state = optimizer(EveryFidelity(), queue=[at(0.9), at(0.2)]).state()
    proposal = scheduler.propose(state, np.random.default_rng(0))
    assert (proposal.x.tolist(), proposal.fidelity, proposal.from_queue) == ([0.9], LEVELS[0], True)


def test_nothing_is_proposed_when_all_is_done():
    candidates = [at(x) for x in (0.1, 0.2, 0.3, 0.4)]
    scheduler = Scheduler(Rungs(3), LEVELS, NewConfigurations.of("random", LINE.cube))
    asked = optimizer(EveryFidelity(), candidates=candidates)
    state = asked.state()
    for i in range(12):
        proposal = scheduler.propose(state, np.random.default_rng(i))
        trial = Trial(LINE.decode(proposal.x[None])[0], proposal.fidelity)
        asked.restore(trial)
        asked.tell([finished(trial)])
        state = asked.state()
    assert scheduler.propose(state, np.random.default_rng(0)) is None
    assert {(t.configuration, t.fidelity) for t in asked.trials} == {(c, f) for c in candidates for f in LEVELS}
