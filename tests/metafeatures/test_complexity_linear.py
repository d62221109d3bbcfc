"""L1, L2 and L3: against scikit-learn's machine, on classes whose errors are known, and pair by pair."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from metalearn.metafeatures.complexity_linear import LINEAR
from metalearn.metafeatures.measures import Group

GROUPS = [Group("linear", LINEAR)]


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


def test_many_classes_of_many_sizes_are_those_of_each_pair_alone(describe):
    rng = np.random.default_rng(4)
    sizes = [4, 6, 15, 40, 90]
    y = np.repeat(list("uvwxy"), sizes)
    X = rng.normal(size=(len(y), 3)) + np.repeat(np.arange(5) * 0.7, sizes)[:, None]
    found = describe(X, y, GROUPS)
    errors = []
    for i, j in combinations("uvwxy", 2):
        rows = np.isin(y, [i, j])
        errors.append(describe(X[rows], y[rows], GROUPS)["complexity_l2_mean"])
    assert found["complexity_l2_mean"] == pytest.approx(np.mean(errors))
    assert found["complexity_l2_max"] == pytest.approx(max(errors))
