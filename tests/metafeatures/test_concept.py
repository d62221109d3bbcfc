"""Variation of the target among near rows: against the definitions, for classes and numbers."""

import numpy as np
import pandas as pd
import pytest

from metalearn.core.records import Dataset
from metalearn.metafeatures import concept
from metalearn.metafeatures.concept import CONCEPT
from metalearn.metafeatures.measures import SUMMARIES
from metalearn.metafeatures.table import Table

NAMES = ("concept_variation", "improved_concept_variation", "weighted_distance", "cohesiveness")


def measured(X, y, kind="numeric", summaries=SUMMARIES):
    """The group of a table whose columns are all of one kind; numbers make a regression."""
    X, y = pd.DataFrame(X), pd.Series(y)
    y = y if y.dtype == np.float64 else y.astype("category")
    table = Table.of(Dataset(X, y, "d", (kind,) * X.shape[1], ""))
    return {name: value for m in CONCEPT.measures for name, value in m.measure(table, summaries).items()}


def by_definition(X, differ):
    """The four measures of each row, from numbers in [0, 1] and a function of two rows."""
    n, p = X.shape
    found = {name: [] for name in NAMES}
    for i in range(n):
        others = [(j, np.linalg.norm(X[i] - X[j])) for j in range(n) if j != i]
        near = [2.0 ** (-2 * d / (np.sqrt(p) - d)) for _, d in others]
        ring = [2.0 ** -max(1, np.ceil(d)) for _, d in others]
        differs = [differ(i, j) for j, _ in others]
        found["concept_variation"].append(np.dot(near, differs) / sum(near))
        found["improved_concept_variation"].append(np.dot(ring, differs))
        found["weighted_distance"].append(np.dot(near, [d for _, d in others]) / sum(near))
        found["cohesiveness"].append(sum(ring))
    return {name: np.array(values) for name, values in found.items()}


def unit_cube(n=40, p=5, seed=0):
    X = np.random.default_rng(seed).random((n, p))
    return (X - X.min(axis=0)) / np.ptp(X, axis=0)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_row_as_defined(task):
    X = unit_cube()
    rng = np.random.default_rng(1)
    y = rng.choice(list("uvw"), 40) if task == "classification" else rng.normal(size=40)
    if task == "classification":
        expected = by_definition(X, lambda i, j: y[i] != y[j])
    else:
        expected = by_definition(X, lambda i, j: abs(y[i] - y[j]) / np.ptp(y))
    values = measured(X, y)
    for name, rows in expected.items():
        for summary, value in (("mean", rows.mean()), ("sd", rows.std()), ("min", rows.min()), ("max", rows.max())):
            assert values[f"{name}_{summary}"] == pytest.approx(value, rel=1e-6), (name, summary)


@pytest.mark.parametrize("change", [lambda x: 1e300 * x, lambda x: x * 1e-300, lambda x: 5 - 3 * x])
def test_units_do_not_matter(change):
    X, y = unit_cube(), np.random.default_rng(1).normal(size=40)
    assert measured(change(X), change(y)) == pytest.approx(measured(X, y))


def test_a_whole_distance_stays_in_its_ring():
    grid = np.array([[i, j] for i in range(3) for j in range(3)]) * 0.1  # 0.1 + 0.2 is not 0.3
    assert measured(grid[[0, 2]], list("uv"))["cohesiveness_mean"] == 0.5  # at distance 1
    corners = measured(grid[[0, 2, 6, 8]], list("uvuv"))
    assert corners["cohesiveness_mean"] == pytest.approx(0.5 + 0.5 + 0.25)
    assert corners["improved_concept_variation_mean"] == pytest.approx(0.5 + 0.25)


def test_symbols_differ_by_one():
    X = pd.DataFrame({"a": pd.Categorical(list("xxyy")), "b": pd.Categorical(["p", None, "p", None])})
    nominal, numbers = measured(X, list("uuvv"), "nominal"), measured([[0, 0], [0, 1], [1, 0], [1, 1]], list("uuvv"))
    assert nominal == pytest.approx(numbers)


def test_planted_concepts_are_told_apart():
    X = unit_cube(200, 2, seed=3)
    smooth, rough = X[:, 0] > 0.5, np.random.default_rng(4).permutation(X[:, 0] > 0.5)
    easy, hard = (measured(X, np.where(y, "u", "v"))["concept_variation_mean"] for y in (smooth, rough))
    assert easy < 0.4 < 0.45 < hard
    easy, hard = (measured(X, y)["concept_variation_mean"] for y in (X[:, 0], np.random.default_rng(4).random(200)))
    assert easy < hard


def test_a_sample_stands_for_all_rows(monkeypatch):
    X, y = unit_cube(400, 3, seed=5), np.random.default_rng(6).choice(list("uv"), 400)
    whole = measured(X, y)
    monkeypatch.setattr(concept, "MAX_ROWS", 100)
    sampled = measured(X, y)
    for name in NAMES:
        assert sampled[f"{name}_mean"] == pytest.approx(whole[f"{name}_mean"], rel=0.1)
        assert sampled[f"{name}_mean"] != whole[f"{name}_mean"]


def test_targets_that_do_not_vary():
    classes, numbers = measured(unit_cube(), ["u"] * 40), measured(unit_cube(), [1.5] * 40)
    assert classes["concept_variation_max"] == classes["improved_concept_variation_max"] == 0
    assert numbers["concept_variation_mean"] == numbers["improved_concept_variation_mean"] == "constant"
    assert numbers["weighted_distance_mean"] == classes["weighted_distance_mean"] > 0


def test_rows_that_are_all_alike():
    values = measured(np.full((10, 2), 3.5), list("uuuuuvvvvv"))
    assert values["concept_variation_mean"] == pytest.approx(5 / 9)
    assert (values["weighted_distance_mean"], values["cohesiveness_mean"]) == (0, 9 / 2)


def test_what_has_no_distances():
    assert set(measured([[1.0, 2.0]], ["u"]).values()) == {"too_few_rows"}
    assert set(measured({"d": pd.date_range("2020", periods=6)}, list("uvuvuv"), "date").values()) == {"not_applicable"}
