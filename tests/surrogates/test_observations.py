"""The scale of losses; what cannot be fitted is refused in ``tests.conformance.test_surrogates``."""

import numpy as np
import pytest

from metalearn.surrogates.observations import mean_and_deviation


@pytest.mark.parametrize("loss", [0.1, 0.7, -1e9, 0.0])
def test_equal_losses_have_no_spread_of_rounding(loss: float) -> None:
    assert mean_and_deviation(np.full(3, loss)) == (loss, 1.0)
    assert mean_and_deviation(np.array([loss])) == (loss, 1.0)


def test_other_losses_have_their_own() -> None:
    loss = np.array([1.0, 2.0, 6.0])
    assert mean_and_deviation(loss) == (loss.mean(), loss.std())


@pytest.mark.parametrize("unit", [1e-308, 1e-200, 1e200, 1e308])
def test_neither_tiny_nor_huge_losses_lose_their_spread(unit: float) -> None:
    center, deviation = mean_and_deviation(np.array([0.0, unit]))
    assert (center, deviation) == (pytest.approx(unit / 2, abs=0), pytest.approx(unit / 2, abs=0))


def test_a_spread_too_small_for_a_number_counts_as_none() -> None:
    assert mean_and_deviation(np.array([0.0, 5e-324]))[1] == 1.0
