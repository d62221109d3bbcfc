"""What was tried: one loss and one time a configuration, whatever its trials were."""

import numpy as np
import pytest

from metalearn.core.records import Configuration, Trial
from metalearn.recommenders.tried import NOTHING_TRIED, Tried

A, B, C = (Configuration("s", name) for name in "abc")
POSITION = {A.id: 4, B.id: 7}


def ok(loss, configuration=A, **options):
    return Trial(configuration, loss=loss, status="ok", **options)


@pytest.mark.parametrize(
    ("trials", "loss", "seconds"),
    [
        ([ok(0.2, cost_seconds=1.0), ok(0.4, seed=1, cost_seconds=4.0)], 0.3, 2.5),
        ([ok(0.2), ok(0.4, cost_seconds=3.0)], 0.3, 3.0),
        ([ok(0.2, cost_seconds=1.0), Trial(A, status="timeout", cost_seconds=60.0)], 0.2, 1.0),
        ([Trial(A, status="crashed", cost_seconds=9.0), Trial(A, status="memout")], np.inf, np.nan),
        ([Trial(A)], np.nan, np.nan),
        ([ok(0.1, fidelity=0.5, cost_seconds=1.0)], np.nan, np.nan),
        ([Trial(A, loss=0.1, status="pruned")], np.nan, np.nan),
        ([Trial(A), ok(0.1, fidelity=0.5), ok(0.3)], 0.3, np.nan),
    ],
)
def test_full_trials_that_ended_well_count(trials, loss, seconds):
    tried = Tried.of(trials, POSITION)
    assert tried.indices.tolist() == [4]
    np.testing.assert_allclose([*tried.losses, *tried.seconds], [loss, seconds])


def test_configurations_stand_in_the_order_in_which_they_came_first_and_strangers_nowhere():
    tried = Tried.of([ok(0.3, C), ok(0.2, B), ok(0.5), ok(0.4, B)], POSITION)
    assert tried.indices.tolist() == [7, 4]
    np.testing.assert_allclose(tried.losses, [0.3, 0.5])


def test_nothing_tried_is_an_empty_history():
    empty = Tried.of([], POSITION)
    assert (len(empty.indices), len(empty.losses)) == (len(NOTHING_TRIED.indices), len(NOTHING_TRIED.losses)) == (0, 0)
    assert empty.indices.dtype == NOTHING_TRIED.indices.dtype == np.int64
