"""Successive halving: rungs, workers, and what it does not take."""

from itertools import pairwise

import numpy as np
import pytest

from metalearn.errors import InputError
from metalearn.optimizers.successive_halving import SuccessiveHalving
from tests.optimizers.multi_fidelity import at, distance, optimizer, run, sizes


def test_one_bracket_follows_the_other():
    trials = run(optimizer(SuccessiveHalving(min_fidelity=1 / 9)), 26)
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1), (9, 9), (3, 3), (1, 1)]
    for default in (SuccessiveHalving(), SuccessiveHalving(n_configurations=27)):
        assert sizes(run(optimizer(default), 40)) == [(27, 27), (9, 9), (3, 3), (1, 1)]


def test_the_queue_fills_the_first_bracket_in_order():
    queue = [at(x) for x in (0.9, 0.31, 0.8, 0.7)]
    trials = run(optimizer(SuccessiveHalving(min_fidelity=1 / 9), queue=queue), 13)
    assert [trial.configuration for trial in trials[:4]] == queue
    assert sizes(trials) == [(9, 9), (3, 3), (1, 1)]


def test_each_rung_holds_the_best_of_the_one_before():
    trials = run(optimizer(SuccessiveHalving(min_fidelity=1 / 9)), 13)
    rungs = [trials[:9], trials[9:12], trials[12:]]
    for lower, upper in pairwise(rungs):
        best = sorted(lower, key=distance)[: len(upper)]
        assert [trial.configuration for trial in upper] == [trial.configuration for trial in best]


def test_more_configurations_leave_more_at_the_top():
    trials = run(optimizer(SuccessiveHalving(eta=2, min_fidelity=1 / 4, n_configurations=10)), 17)
    assert sizes(trials) == [(10, 4), (5, 2), (2, 1)]


def test_an_eta_that_is_not_whole_still_reaches_the_top():
    trials = run(optimizer(SuccessiveHalving(eta=2.5, min_fidelity=0.16)), 10)
    assert [trial.fidelity for trial in trials] == pytest.approx([0.16] * 7 + [0.4] * 2 + [1.0])


@pytest.mark.parametrize(
    "options", [{"eta": 1}, {"min_fidelity": 0}, {"n_configurations": 0}, {"n_configurations": 26}]
)
def test_a_schedule_that_makes_no_sense_is_refused(options):
    with pytest.raises(InputError):
        SuccessiveHalving(**options)


def test_without_fidelities_it_is_its_base_method():
    trials = run(optimizer(SuccessiveHalving(min_fidelity=1.0)), 10)
    assert {trial.fidelity for trial in trials} == {1.0}
    assert len({trial.configuration for trial in trials}) == 10
    assert np.isfinite([trial.loss for trial in trials]).all()
