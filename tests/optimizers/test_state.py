"""Trials as columns of numbers."""

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, Float

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.state import Row, State, Table


def table(*rows):
    return Table.of([Row(np.array([i / 10]), *row) for i, row in enumerate(rows)], 1)


def test_rows_become_columns():
    columns = table((1.0, 0.5, 2.0, "ok", 3), (1 / 3,))
    assert columns.X.tolist() == [[0.0], [0.1]]
    assert columns.fidelity.tolist() == [1.0, 1 / 3]
    assert columns.status.tolist() == ["ok", "pending"]
    assert columns.number.tolist() == [3, -1]
    assert np.isnan(columns.loss[1])
    assert np.isnan(columns.seconds[1])


def test_no_rows_keep_the_width():
    empty = Table.of([], 3)
    assert empty.X.shape == (0, 3)
    assert len(empty) == 0
    assert empty.imputed.shape == (0,)


@pytest.mark.parametrize(
    ("losses", "imputed"),
    [
        ([0.2, np.nan, 0.7, np.nan], [0.2, 0.7, 0.7, 0.7]),
        ([np.nan, np.nan], [0.0, 0.0]),
        ([-3.0, np.nan], [-3.0, -3.0]),
    ],
)
def test_a_failed_trial_counts_as_the_worst_that_did_not_fail(losses, imputed):
    rows = [(1.0, loss, 1.0, "ok" if np.isfinite(loss) else "timeout") for loss in losses]
    assert table(*rows).imputed.tolist() == imputed


def test_a_fidelity_is_found_whatever_its_last_bit():
    rows = table((1 / 3, 0.1, 1.0, "ok"), (1.0, 0.2, 1.0, "ok"), (3 / 9 + 1e-16, 0.3, 1.0, "ok"))
    space = EncodedSpace(ConfigurationSpace(space=[Float("x", (0, 1))]))
    state = State(space, rows, table((1 / 3,)), None, np.empty((0, 1)), 0, 0, 0)
    third = state.at_fidelity(1 / 3)
    assert third.told.loss.tolist() == [0.1, 0.3]
    assert len(third.pending) == 1
    assert len(state.at_fidelity(1.0).pending) == 0
