"""Asynchronous successive halving against Algorithm 2, step by step."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.errors import InputError
from metalearn.optimizers.asha import ASHA, Rungs
from metalearn.optimizers.promotion import History, Promotion
from metalearn.optimizers.state import Proposal
from tests.optimizers.multi_fidelity import TINY, at, finished, optimizer, repeated, run

SMALL = ASHA(min_fidelity=1 / 9)


def algorithm_2(rungs, eta):
    """Return the configuration and rung that the paper's get_job gives, from {configuration: loss} a rung; or None."""
    for k in reversed(range(len(rungs) - 1)):
        top = sorted(rungs[k], key=rungs[k].get)[: len(rungs[k]) // eta]
        promotable = [c for c in top if c not in rungs[k + 1]]
        if promotable:
            return promotable[0], k + 1
    return None


@pytest.mark.parametrize("eta", [2, 3, 4])
def test_every_step_is_that_of_the_papers_algorithm(eta):
    asked = optimizer(ASHA(eta=eta, min_fidelity=eta**-3))
    rungs = [{}, {}, {}, {}]
    for _ in range(120):
        expected = algorithm_2(rungs, eta)
        (trial,) = asked.ask()
        k = round(3 + np.log(trial.fidelity) / np.log(eta))
        if expected is None:
            assert k == 0
            assert trial.configuration not in rungs[0]
        else:
            assert (trial.configuration, k) == expected
        asked.tell([finished(trial)])
        rungs[k][trial.configuration] = finished(trial).loss
    assert len(rungs[3]) >= 2


def test_a_promotion_that_is_pending_is_not_made_again():
    asked = optimizer(SMALL)
    asked.tell([finished(trial) for trial in asked.ask(3)])
    first, second = asked.ask(2)
    assert round(1 / first.fidelity) == 3
    assert round(1 / second.fidelity) == 9


def test_pending_trials_are_no_result():
    nan = np.nan
    losses = np.array([[0.3, nan], [0.2, nan], [nan, nan]])
    history = History(np.zeros((3, 1)), losses, np.array([[True, False]] * 3))
    assert Rungs(3).promotion(history, exhausted=False) is None
    assert Rungs(2).promotion(history, exhausted=False) == Promotion(1, 1)


def test_a_share_that_is_whole_but_for_rounding_is_whole():
    losses = np.column_stack([np.arange(11.0), np.r_[np.zeros(4), np.full(7, np.nan)]])
    history = History(np.zeros((11, 1)), losses, ~np.isnan(losses))
    assert Rungs(2.2).promotion(history, exhausted=False) == Promotion(4, 1)  # 11 / 2.2 are 5


def test_by_default_there_are_four_fidelities_and_the_base_gives_all_new_configurations():
    class Middle:
        takes_queue = False

        def begin(self, space):
            return self

        def propose(self, state, rng):
            return Proposal(np.array([0.5]))

    (trial,) = optimizer(ASHA(base=Middle())).ask()
    assert trial.configuration == at(0.5)
    assert round(1 / trial.fidelity) == 27


def test_no_worker_ever_waits():
    asked = optimizer(SMALL)
    assert len(asked.ask(50)) == 50


def test_what_failed_counts_at_its_rung_and_is_never_promoted():
    asked = optimizer(SMALL)
    trials = asked.ask(6)
    asked.tell([replace(trial, status="crashed") for trial in trials[:5]] + [finished(trials[5])])
    first, second = asked.ask(2)
    assert (first.configuration, round(1 / first.fidelity)) == (trials[5].configuration, 3)
    assert round(1 / second.fidelity) == 9


def test_the_queue_comes_before_other_new_configurations():
    queue = [at(x) for x in (0.9, 0.31, 0.8, 0.7)]
    trials = run(optimizer(SMALL, queue=queue), 5)
    assert [t.configuration for t in trials if round(1 / t.fidelity) == 9] == queue
    assert trials[3].configuration == at(0.31)  # promoted after three


def test_a_list_is_finished_in_the_end():
    candidates = [at(x) for x in np.linspace(0, 1, 7).round(3)]
    trials = run(optimizer(SMALL, candidates=candidates), 100)
    assert len(trials) == 21
    assert not repeated(trials)


def test_a_small_space_is_finished_too():
    trials = run(optimizer(SMALL, TINY), 60, lambda trial: len(trial.configuration.id.strip("abcdef")))
    assert len(trials) == 9
    assert not repeated(trials)


@pytest.mark.parametrize("options", [{"eta": 1}, {"min_fidelity": 2}, {"random_share": -1}])
def test_a_schedule_that_makes_no_sense_is_refused(options):
    with pytest.raises(InputError):
        ASHA(**options)
