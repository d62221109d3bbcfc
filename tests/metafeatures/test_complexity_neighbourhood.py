"""N1, N2, N3, N4, T1 and LSC: by hand on a line, and against SciPy and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsClassifier

from metalearn.metafeatures.complexity_neighbourhood import (
    NEIGHBOURHOOD,
    SAMPLE,
    gower,
    gower_points,
    neighbourhood_of,
    radii,
    spanning_tree,
)
from metalearn.metafeatures.complexity_points import points_of
from metalearn.metafeatures.measures import Group
from metalearn.metafeatures.table import Table
from metalearn.sources.frames import make_dataset

GROUPS = [Group("neighbourhood", NEIGHBOURHOOD)]


def table_of(columns, target):
    return Table.of(make_dataset(pd.DataFrame(columns).assign(target=target), "target", lenient=True))


@pytest.fixture
def near(describe):
    def described(columns, target, **options):
        values = describe(columns, target, GROUPS, lenient=True, **options)
        return {name.removeprefix("complexity_"): value for name, value in values.items()}

    return described


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(4)
    y = np.arange(90) % 3
    return rng.normal(size=(90, 4)) + 0.7 * y[:, None], y


def test_a_line_by_hand(near):
    # u at 0, 1, 2 and 7, v at 4, 8 and 10.
    values = near({"a": [0.0, 1, 2, 4, 7, 8, 10]}, list("uuuvuvv"))
    # The tree is the line itself; the edges 2-4, 4-7 and 7-8 join classes.
    assert values["n1"] == pytest.approx(4 / 7)
    ratios = np.array([1 / 5, 1 / 4, 1 / 3, 4 / 6, 5 / 6, 2 / 3, 2 / 5])
    assert values["n2_mean"] == pytest.approx(ratios.mean(), rel=1e-6)
    assert (values["n2_min"], values["n2_max"]) == pytest.approx((ratios.min(), ratios.max()), rel=1e-6)
    assert values["n3"] == pytest.approx(3 / 7)  # 4, 7 and 8
    # Rows nearer than the enemy: 0 1 2, 0 1 2, 1 2, then 4, 7 and 8 alone, 10 8.
    assert values["lsc"] == pytest.approx(1 - (3 + 3 + 2 + 1 + 1 + 1 + 2) / 49)


def test_spheres_by_hand(near):
    columns, classes = {"a": [0.0, 1, 2, 4, 7, 8, 10]}, list("uuuvuvv")
    table = table_of(columns, classes)
    # 2-4 and 7-8 touch halfway; 1 reaches 3 - 1, 0 reaches 4 - 1, and 10 reaches 3 - 0.5.
    expected = {0: 3, 1: 2, 2: 1, 7: 0.5, 4: 1, 8: 0.5, 10: 2.5}
    assert radii(table.shared(neighbourhood_of)) * 10 == pytest.approx(list(expected.values()), rel=1e-6)
    # 0 covers 0, 1 and 2; 10 covers 10 and 8; 7 and 4 cover themselves.
    assert near(columns, classes)["t1"] == pytest.approx(4 / 7)


def test_distances_are_those_of_gower():
    columns = {"a": [0.0, 5.0, 10.0], "b": [1.0, None, 3.0], "c": ["x", "y", "x"], "d": ["p", None, "p"]}
    points = table_of(columns, list("uvu")).shared(points_of)
    assert gower(points, points).tolist() == [[0, 3, 2], [3, 0, 3], [2, 3, 0]]
    some = points.take(np.array([1]))
    assert gower(some, points).tolist() == [[3, 0, 3]]


def test_many_rows_against_scipy_and_scikit_learn(near, clouds):
    X, y = clouds
    values = near(X, y.astype(str))
    unit = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    distances = cdist(unit, unit, "cityblock")
    tree = minimum_spanning_tree(distances).tocoo()
    across = y[tree.row] != y[tree.col]
    assert values["n1"] == pytest.approx(len(np.unique([tree.row[across], tree.col[across]])) / 90)
    np.fill_diagonal(distances, np.inf)
    same = y[:, None] == y
    friend = np.where(same, distances, np.inf).min(axis=1)
    enemy = np.where(same, np.inf, distances).min(axis=1)
    assert values["n2_mean"] == pytest.approx(np.mean(friend / (friend + enemy)), rel=1e-6)
    assert values["n3"] == pytest.approx(np.mean(y[distances.argmin(axis=1)] != y))
    assert values["lsc"] == pytest.approx(1 - (np.sum(distances < enemy[:, None]) + 90) / 90**2)
    model = KNeighborsClassifier(1, metric="cityblock").fit(unit, y)
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(20):
        pairs = [rng.choice(np.flatnonzero(y == k), 2) for k in y]
        new = np.array([unit[i] + rng.random(4) * (unit[j] - unit[i]) for i, j in pairs])
        errors.append(np.mean(model.predict(new) != y))
    assert values["n4"] == pytest.approx(np.mean(errors), abs=4 * np.std(errors))


def test_spheres_reach_as_far_as_the_definition_says(clouds):
    X, y = clouds
    found = table_of(X, y.astype(str)).shared(neighbourhood_of)
    reach, enemies = radii(found), found.enemies
    for i, j in enumerate(enemies):
        touching = found.enemy[i] / 2 if enemies[j] == i else found.enemy[i] - reach[j]
        assert reach[i] == pytest.approx(touching)
        assert found.classes[i] != found.classes[j]


def test_a_spanning_tree_is_as_short_as_scipys():
    rng = np.random.default_rng(8)
    distances = cdist(*[rng.random((50, 2))] * 2)
    edges = spanning_tree(distances)
    assert distances[edges[:, 0], edges[:, 1]].sum() == pytest.approx(minimum_spanning_tree(distances).sum())
    assert len(np.unique(edges)) == 50


def test_equal_rows_of_two_classes_are_joined_and_not_told_apart(near):
    values = near({"a": [1.0, 1.0, 5.0, 5.0]}, list("uvuv"))
    assert (values["n1"], values["n2_min"], values["lsc"]) == (1.0, 1.0, 1.0)
    values = near({"a": [1.0, 1.0, 1.0, 1.0]}, list("uvuv"))
    assert (values["n2_mean"], values["n3"]) == (0.5, 0.0)


def test_a_class_of_one_row_has_no_friend(near):
    values = near({"a": [0.0, 1.0, 2.0, 5.0]}, list("uuuv"))
    assert values["n2_max"] == 1.0
    assert values["n3"] == 0.25


def test_classes_far_apart_are_simple(near):
    rng = np.random.default_rng(1)
    X = rng.random((80, 3))
    y = np.arange(80) % 2
    X[:, 0] += 10 * y
    values = near(X, y.astype(str))
    assert (values["n1"], values["n3"], values["n4"]) == (2 / 80, 0.0, 0.0)
    values = near(X[:, :1], y.astype(str))
    assert (values["t1"], values["lsc"]) == (2 / 80, 0.5)  # a sphere for each class


def test_large_tables_are_sampled_by_rows_and_columns():
    rng = np.random.default_rng(2)
    table = table_of(rng.random((SAMPLE + 50, 2)), np.arange(SAMPLE + 50) % 2 == 0)
    assert table.shared(neighbourhood_of).distances.shape == (SAMPLE, SAMPLE)
    wide = table_of(
        pd.DataFrame(rng.random((SAMPLE, 520))).assign(s=["x", "y"] * (SAMPLE // 2)), table.classes[:SAMPLE]
    )
    points = wide.shared(gower_points)
    assert points.numbers.shape[1] + points.symbols.shape[1] == 500
