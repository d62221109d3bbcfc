"""Metrics: losses, bounds and other people's names."""

import numpy as np
import pytest

from metalearn.core.metrics import METRICS, canonical, source_names
from metalearn.errors import UnknownNameError


@pytest.mark.parametrize(
    ("name", "value", "loss"),
    [("balanced_accuracy", 0.9, 0.1), ("log_loss", 0.3, 0.3), ("r2", -0.5, 1.5), ("rmse", 2.0, 2.0)],
)
def test_losses_are_minimised_and_the_best_of_a_bounded_metric_is_zero(name, value, loss):
    assert METRICS[name].loss(value) == pytest.approx(loss)


def test_bounds_allow_for_rounding_and_refuse_the_rest():
    values = np.array([0.0, 1.0 + 1e-12, 1.1, -0.1, np.nan, np.inf])
    assert METRICS["accuracy"].holds(values).tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("alias", "name", "complement"),
    [
        ("unweighted_recall", "balanced_accuracy", False),
        ("balanced_error", "balanced_accuracy", True),
        ("predictive_accuracy", "accuracy", False),
        ("root_mean_squared_error", "rmse", False),
    ],
)
def test_every_name_of_a_metric_maps_to_the_one(alias, name, complement):
    metric, flipped = canonical(alias)
    assert (metric.name, flipped) == (name, complement)
    assert complement or alias in source_names(name)


def test_an_unknown_metric_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'balanced_accuracy'"):
        canonical("ballanced_accuracy")
