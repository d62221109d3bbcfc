"""What numbers mean that are a metric by another name, turned round, or its loss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.core.metrics import METRICS
from metalearn.errors import UnknownNameError
from metalearn.sources.measures import Measure


@pytest.mark.parametrize(
    ("name", "metric", "value", "minimized"),
    [
        ("accuracy", "accuracy", 0.25, False),
        ("predictive_accuracy", "accuracy", 0.25, False),
        ("error_rate", "accuracy", 0.75, True),
        ("1-accuracy", "accuracy", 0.75, True),
        ("1-error_rate", "accuracy", 0.25, False),
        ("balanced_error", "balanced_accuracy", 0.75, True),
        ("1-area_under_roc_curve", "roc_auc", 0.75, True),
        ("log_loss", "log_loss", 0.25, True),
        ("neg_log_loss", "log_loss", -0.25, False),
        ("neg_root_mean_squared_error", "rmse", -0.25, False),
        ("-r2", "r2", -0.25, True),
        ("1-r2", "r2", 0.75, True),
        ("neg_error_rate", "accuracy", 1.25, False),
    ],
)
def test_what_a_quarter_means(name, metric, value, minimized):
    measure = Measure.of(name)
    assert measure.metric is METRICS[metric]
    assert measure.values(np.array([0.25])).tolist() == [value]
    assert measure.minimized is minimized


@given(st.sampled_from(["error_rate", "1-roc_auc", "neg_rmse", "-1-r2", "1-neg_log_loss", "mae"]), st.floats(0, 1))
def test_smaller_numbers_are_better_exactly_where_the_loss_is_smaller(name, number):
    measure = Measure.of(name)
    better, worse = sorted([number, number + 1], reverse=not measure.minimized)
    losses = measure.metric.loss(measure.values(np.array([better, worse])))
    assert losses[0] < losses[1]


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_what_is_turned_round_is_the_loss_or_its_negative(metric):
    turned = Measure.turned(metric)
    assert turned.minimized is (metric.direction == "maximize")
    number = metric.loss(0.25) if turned.minimized else -0.25
    assert turned.values(np.array([number])).tolist() == [0.25]


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"'acuracy'; did you mean 'accuracy'"):
        Measure.of("1-acuracy")
