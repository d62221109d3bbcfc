"""Metrics: losses, bounds and other people's names."""

import numpy as np
import pytest

from metalearn.core.metrics import METRICS, Metric, canonical, source_names
from metalearn.errors import UnknownNameError


@pytest.mark.parametrize(
    ("name", "value", "loss"),
    [
        ("balanced_accuracy", 0.9, 0.1),
        ("roc_auc", 0.75, 0.25),
        ("log_loss", 0.3, 0.3),
        ("r2", -0.5, 1.5),
        ("rmse", 2.0, 2.0),
        ("mae", 3.0, 3.0),
        ("predict_seconds", 0.5, 0.5),
        ("peak_memory", 12.0, 12.0),
    ],
)
def test_losses_are_minimised_and_the_best_of_a_bounded_metric_is_zero(name, value, loss):
    assert METRICS[name].loss(value) == pytest.approx(loss)


def test_without_a_best_value_a_loss_is_what_is_maximised_negated():
    assert Metric("profit", "maximize", 0.0, np.inf).loss(2.5) == -2.5


def test_only_a_side_that_ends_bounds():
    assert METRICS["r2"].holds(np.array([-1e9, 1.0, 1.1, -np.inf])).tolist() == [True, True, False, False]
    for name in ("mae", "rmse", "log_loss", "predict_seconds", "peak_memory"):
        assert METRICS[name].holds(np.array([0.0, 1e9, -1.0, np.inf])).tolist() == [True, True, False, False]
        assert not METRICS[name].bounded
    for name in ("balanced_accuracy", "accuracy", "roc_auc", "f1_weighted"):
        assert METRICS[name].holds(np.array([0.0, 1.0, -0.1, 1.1])).tolist() == [True, True, False, False]
        assert METRICS[name].bounded


def test_scores_come_before_costs_where_a_default_is_chosen():
    names = list(METRICS)
    assert names[0] == "balanced_accuracy"
    assert names.index("r2") < names.index("rmse") < names.index("mae")
    assert set(names[-2:]) == {"predict_seconds", "peak_memory"}


def test_bounds_allow_for_rounding_and_refuse_the_rest():
    values = np.array([-1e-12, 1.0 + 1e-12, 1.1, -0.1, np.nan, np.inf])
    assert METRICS["accuracy"].holds(values).tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("alias", "name", "complement"),
    [
        ("unweighted_recall", "balanced_accuracy", False),
        ("balanced_error", "balanced_accuracy", True),
        ("predictive_accuracy", "accuracy", False),
        ("area_under_roc_curve", "roc_auc", False),
        ("root_mean_squared_error", "rmse", False),
        ("mean_absolute_error", "mae", False),
    ],
)
def test_every_name_of_a_metric_maps_to_the_one(alias, name, complement):
    metric, flipped = canonical(alias)
    assert (metric.name, flipped) == (name, complement)
    assert complement or alias in source_names(name)


@pytest.mark.parametrize("metric", METRICS)
def test_the_names_a_source_may_use_map_back(metric):
    assert source_names(metric)[-1] == metric
    assert {canonical(name) for name in source_names(metric)} == {(METRICS[metric], False)}


def test_an_unknown_metric_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'balanced_accuracy'"):
        canonical("ballanced_accuracy")
