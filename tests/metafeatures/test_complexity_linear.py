"""L1, L2 and L3, and the support vector machine behind them: against scikit-learn and the conditions of an optimum."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import LinearSVC

from metalearn.metafeatures.complexity_linear import LINEAR, maximum_margin
from metalearn.metafeatures.measures import Group, UnmeasuredError
from metalearn.metafeatures.table import Deadline

GROUPS = [Group("linear", LINEAR)]


def objective(signed, w):
    return w @ w / 2 + 2 * np.maximum(1 - signed @ w, 0).sum()


@pytest.mark.parametrize(("rows", "columns", "noise"), [(60, 3, 1.0), (200, 8, 3.0), (30, 50, 1.0), (150, 5, 0.0)])
def test_the_optimum_against_scikit_learn(rows, columns, noise):
    rng = np.random.default_rng(rows)
    X = rng.normal(size=(rows, columns))
    labels = np.where(X[:, 0] + X[:, 1] + noise * rng.normal(size=rows) > 0, 1.0, -1.0)
    machine = LinearSVC(C=2.0, loss="hinge", tol=1e-10, max_iter=1_000_000, random_state=0).fit(X, labels)
    signed = np.column_stack([X, np.ones(rows)]) * labels[:, None]
    w = maximum_margin(signed)
    theirs = np.append(machine.coef_[0], machine.intercept_)
    assert w == pytest.approx(theirs, rel=1e-3, abs=1e-4)
    assert objective(signed, w) <= objective(signed, theirs) * (1 + 1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 12))
def test_nothing_near_the_optimum_is_better(seed, rows, columns):
    rng = np.random.default_rng(seed)
    signed = rng.integers(-3, 4, size=(rows, columns)).astype(float)
    w = maximum_margin(signed)
    best = objective(signed, w)
    for _ in range(20):
        assert objective(signed, w + rng.normal(size=columns) * 10.0 ** rng.uniform(-4, 0)) >= best * (1 - 1e-7)


def test_errors_of_the_machine(describe):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(120, 3))
    y = X[:, 0] + rng.normal(size=120) > 0
    values = describe(X, np.where(y, "v", "u"), GROUPS)
    unit = (X - X.mean(axis=0)) / X.std(axis=0)
    machine = LinearSVC(C=2.0, loss="hinge", tol=1e-9, max_iter=1_000_000, random_state=0).fit(unit, y)
    scores = machine.decision_function(unit)
    wrong = (scores > 0) != y
    distance = np.abs(scores[wrong]).sum() / 120
    assert values["complexity_l1_mean"] == pytest.approx(distance / (1 + distance), rel=1e-4)
    assert values["complexity_l2_mean"] == pytest.approx(wrong.mean())
    assert 0 < values["complexity_l3_mean"] < values["complexity_l2_mean"]


def test_classes_that_a_plane_separates_and_that_none_does(describe):
    grid = np.array([[a, b] for a in range(6) for b in range(6)], dtype=float)
    separable = describe(grid, np.where(grid.sum(axis=1) > 5.5, "v", "u"), GROUPS)
    assert [separable[f"complexity_{name}_mean"] for name in ("l1", "l2", "l3")] == [0.0, 0.0, 0.0]
    chequered = describe(grid, np.where(grid.sum(axis=1) % 2 == 0, "v", "u"), GROUPS)
    assert (chequered["complexity_l1_mean"], chequered["complexity_l2_mean"]) == (pytest.approx(0), 0.5)


def test_pairs_of_three_classes(describe):
    x = np.repeat([0.0, 10.0, 20.0], 6) + np.tile(np.arange(6.0), 3)
    x[-6:] -= 10  # the third class lies on the second
    values = describe({"a": x}, list("uuuuuuvvvvvvwwwwww"), GROUPS)
    assert (values["complexity_l2_min"], values["complexity_l2_max"]) == (0.0, 0.5)


def test_symbols_separate_classes_too(describe):
    values = describe({"a": list("xyz") * 6}, list("uvu") * 6, GROUPS)
    assert values["complexity_l2_mean"] == values["complexity_l3_mean"] == 0.0


def test_a_deadline_that_has_passed_ends_it():
    with pytest.raises(UnmeasuredError, match="timeout"):
        maximum_margin(np.eye(3), Deadline(time.perf_counter() - 1))
