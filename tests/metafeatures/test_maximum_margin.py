"""The support vector machine: against scikit-learn, the conditions of an optimum, and itself one at a time."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import LinearSVC

from metalearn.metafeatures.maximum_margin import maximum_margin
from metalearn.metafeatures.measures import UnmeasuredError
from metalearn.metafeatures.table import Deadline


def objective(signed, w):
    return w @ w / 2 + 2 * np.maximum(1 - signed @ w, 0).sum()


@pytest.mark.parametrize(("rows", "columns", "noise"), [(60, 3, 1.0), (200, 8, 3.0), (30, 50, 1.0), (150, 5, 0.0)])
def test_the_optimum_against_scikit_learn(rows, columns, noise):
    rng = np.random.default_rng(rows)
    X = rng.normal(size=(rows, columns))
    labels = np.where(X[:, 0] + X[:, 1] + noise * rng.normal(size=rows) > 0, 1.0, -1.0)
    machine = LinearSVC(C=2.0, loss="hinge", tol=1e-10, max_iter=1_000_000, random_state=0).fit(X, labels)
    signed = np.column_stack([X, np.ones(rows)]) * labels[:, None]
    w = maximum_margin(signed.T[None])[0]
    theirs = np.append(machine.coef_[0], machine.intercept_)
    assert w == pytest.approx(theirs, rel=1e-3, abs=1e-4)
    assert objective(signed, w) <= objective(signed, theirs) * (1 + 1e-8)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 12))
def test_nothing_near_the_optimum_is_better(seed, rows, columns):
    rng = np.random.default_rng(seed)
    signed = rng.integers(-3, 4, size=(rows, columns)).astype(float)
    w = maximum_margin(signed.T[None])[0]
    best = objective(signed, w)
    for _ in range(20):
        assert objective(signed, w + rng.normal(size=columns) * 10.0 ** rng.uniform(-4, 0)) >= best * (1 - 1e-7)


@pytest.mark.parametrize("columns", [4, 60])  # fewer than rows, and more
def test_problems_solved_together_are_those_solved_alone(columns):
    rng = np.random.default_rng(columns)
    sizes = [20, 31, 50]
    together = np.zeros((3, columns, 50))
    for problem, size in zip(together, sizes, strict=True):
        labels = np.where(rng.random(size) < 0.5, 1.0, -1.0)
        problem[:, :size] = np.vstack([rng.normal(size=(columns - 1, size)), np.ones(size)]) * labels
    alone = [maximum_margin(problem[None, :, :size])[0] for problem, size in zip(together, sizes, strict=True)]
    assert maximum_margin(together) == pytest.approx(np.array(alone), rel=1e-6, abs=1e-7)


def test_a_deadline_that_has_passed_ends_it():
    with pytest.raises(UnmeasuredError, match="timeout"):
        maximum_margin(np.eye(3)[None], Deadline(time.perf_counter() - 1))
