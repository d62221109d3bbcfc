"""Learning-curve extrapolation: planted curves, invariances, an independent posterior, and when to stop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_t, t

from metalearn.errors import InputError
from metalearn.optimizers import learning_curves
from metalearn.optimizers.learning_curves import CurveStopping, LearningCurve, final_loss, probability_below

X = np.linspace(0.02, 0.5, 25)
TRUE = {
    "power": lambda x: 0.2 + 0.03 * x**-0.5,
    "inverse": lambda x: 0.2 + 0.01 / x,
    "logarithm": lambda x: 0.3 - 0.05 * np.log(x),
    "exponential": lambda x: 0.2 + 0.5 * np.exp(-8 * x),
}


@pytest.mark.parametrize("name", TRUE)
def test_the_end_of_a_curve_of_a_known_shape_is_found(name):
    curve = TRUE[name]
    predicted = final_loss(LearningCurve(X, curve(X)))
    moved = curve(X[0]) - curve(X[-1])
    assert predicted.mean == pytest.approx(curve(1.0), abs=0.12 * moved)
    assert np.abs(predicted.means - curve(1.0)).min() < 0.04 * moved  # its own shape is among the models
    assert 0.1 < predicted.below(curve(1.0)) < 0.9


def test_one_model_alone_has_the_posterior_of_bayesian_linear_regression(monkeypatch):
    """With one shape, the prediction is the marginal of the multivariate t of the normal-inverse-gamma posterior."""
    monkeypatch.setattr(learning_curves, "_POWERS", np.array([0.0]))
    monkeypatch.setattr(learning_curves, "_RATES", np.array([]))
    monkeypatch.setattr(learning_curves, "_DRIFT", 0.0)
    x, losses = np.array([0.1, 0.2, 0.4]), np.array([3.0, 2.2, 1.0])
    weights = 0.25 * 3 * x / x.sum()
    design = np.column_stack([np.ones(3), -np.log(x) / np.log(10)])
    y = (losses - 1.0) / 2.0
    precision = design.T @ np.diag(weights) @ design + np.eye(2) / 100
    mean = np.linalg.solve(precision, design.T @ (weights * y))
    shape, scale = 1 + 0.375, 1e-3 + ((weights * y**2).sum() - mean @ precision @ mean) / 2
    joint = multivariate_t(mean, scale / shape * np.linalg.inv(precision), df=2 * shape)
    c = t(2 * shape, mean[0], np.sqrt(joint.shape[0, 0]))
    predicted = final_loss(LearningCurve(x, losses))
    assert predicted.mean == pytest.approx(1.0 + 2.0 * c.mean())
    # a loss has, on top of c, the noise of one more observation
    wider = np.sqrt(joint.shape[0, 0] + scale / shape)
    assert predicted.below(0.5) == pytest.approx(t.cdf((0.5 - 1.0) / 2.0, 2 * shape, mean[0], wider))


def test_the_probabilities_are_those_of_a_distribution():
    predicted = final_loss(LearningCurve(X, TRUE["power"](X) + 0.002 * np.sin(60 * X)))
    assert predicted.weights.sum() == pytest.approx(1.0)
    assert predicted.below(-1e6) == pytest.approx(0.0, abs=1e-6)
    assert predicted.below(1e6) == pytest.approx(1.0, abs=1e-6)
    area = quad(lambda z: 1 - predicted.below(z), 0, 5, limit=200)[0] - quad(predicted.below, -5, 0, limit=200)[0]
    assert area == pytest.approx(predicted.mean, abs=1e-2)


@given(st.floats(-100, 100), st.floats(1e-3, 1e3), st.floats(-1.0, 1.0))
def test_units_do_not_matter(shift, scale, threshold):
    losses = TRUE["inverse"](X) + 0.01 * np.cos(40 * X)
    plain = probability_below(LearningCurve(X, losses), threshold)
    other = probability_below(LearningCurve(X, shift + scale * losses), shift + scale * threshold)
    assert other == pytest.approx(plain, abs=1e-6)


def test_the_longer_the_curve_the_surer_the_end():
    curve = TRUE["inverse"]
    spreads = []
    for last in (0.2, 0.5, 0.9):
        x = np.linspace(0.02, last, 20)
        predicted = final_loss(LearningCurve(x, curve(x)))
        spreads.append(predicted.weights @ predicted.scales)
    assert spreads[0] > spreads[1] > spreads[2]


def test_a_finished_curve_is_certain():
    curve = LearningCurve(np.array([0.5, 1.0]), np.array([0.4, 0.3]))
    assert probability_below(curve, 0.31) == 1.0
    assert probability_below(curve, 0.3) == 0.0


def test_a_flat_curve_stays_where_it_is():
    flat = LearningCurve(X, np.full(len(X), 0.5))
    assert probability_below(flat, 0.51) > 0.99
    assert probability_below(flat, 0.49) < 0.01


@pytest.mark.parametrize(
    ("x", "losses", "message"),
    [
        ([0.1], [1.0], "two or more"),
        ([0.1, 0.2], [1.0], "two or more"),
        ([0.2, 0.1], [1.0, 1.0], "ascend"),
        ([0.0, 0.1], [1.0, 1.0], "ascend"),
        ([0.5, 1.5], [1.0, 1.0], "ascend"),
        ([0.1, 0.2], [1.0, np.nan], "not finite"),
    ],
)
def test_what_is_no_curve_is_refused(x, losses, message):
    with pytest.raises(InputError, match=message):
        final_loss(LearningCurve(np.array(x), np.array(losses)))


def test_a_hopeless_run_is_stopped_and_a_promising_one_is_not():
    rule = CurveStopping()
    bad, good = (LearningCurve(X, c + 0.01 / X) for c in (0.9, 0.2))
    assert rule.should_stop(bad, best=0.25)
    assert not rule.should_stop(good, best=0.25)


def test_nothing_is_stopped_before_there_is_something_to_go_by():
    hopeless = LearningCurve(X, 0.9 + 0.01 / X)
    rule = CurveStopping()
    assert not rule.should_stop(hopeless, best=None)
    assert not rule.should_stop(hopeless, best=np.inf)
    assert not rule.should_stop(LearningCurve(X[:3], hopeless.losses[:3]), best=0.1)
    assert not CurveStopping(earliest=0.6).should_stop(hopeless, best=0.1)
    assert not CurveStopping(probability=0.0).should_stop(hopeless, best=0.1)


def test_a_run_that_diverged_is_stopped_and_a_gap_is_left_out():
    losses = 0.2 + 0.01 / X
    diverged, gap = losses.copy(), losses.copy()
    diverged[-1], gap[3] = np.nan, np.inf
    assert CurveStopping().should_stop(LearningCurve(X, diverged), best=None)
    assert not CurveStopping().should_stop(LearningCurve(X, gap), best=0.25)


@pytest.mark.parametrize("options", [{"probability": 1.5}, {"earliest": -0.1}, {"n_enough": 1}])
def test_a_rule_that_makes_no_sense_is_refused(options):
    with pytest.raises(InputError):
        CurveStopping(**options)
