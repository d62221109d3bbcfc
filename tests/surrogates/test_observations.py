"""The scale of losses; what cannot be fitted is refused in ``tests.conformance.test_surrogates``."""

import numpy as np
import pytest

from metalearn.surrogates.observations import mean_and_deviation


@pytest.mark.parametrize("loss", [0.1, 0.7, -1e9, 0.0])
def test_equal_losses_have_no_spread_of_rounding(loss: float) -> None:
    assert mean_and_deviation(np.full(3, loss)) == (loss, 1.0)


def test_other_losses_have_their_own() -> None:
    loss = np.array([1.0, 2.0, 6.0])
    assert mean_and_deviation(loss) == (loss.mean(), loss.std())
