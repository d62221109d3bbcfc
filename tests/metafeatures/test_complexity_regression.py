"""L1-L3, S1-S4 and T2 of a numeric target: by hand, and against SciPy and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.linear_model import LinearRegression

from metalearn.metafeatures.complexity_regression import REGRESSION
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.measures import Group
from metalearn.sources.frames import make_dataset

GROUPS = [Group("regression", REGRESSION)]


def unit(values):
    return (values - values.min(axis=0)) / np.ptp(values, axis=0)


def test_linear_fit_against_scikit_learn(regression, curve):
    X, y = curve
    values = regression(X, y)
    X, y = unit(X), unit(y)
    model = LinearRegression().fit(X, y)
    residuals = model.predict(X) - y
    assert (values["l1"], values["l2"]) == pytest.approx((np.abs(residuals).mean(), (residuals**2).mean()))
    order = np.argsort(y)
    X, y, rng = X[order], y[order], np.random.default_rng(0)
    errors = []
    for _ in range(50):
        share = rng.random(79)
        new = X[:-1] + share[:, None] * np.diff(X, axis=0)
        errors.append(np.mean((model.predict(new) - y[:-1] - share * np.diff(y)) ** 2))
    assert values["l3"] == pytest.approx(np.mean(errors), abs=4 * np.std(errors))


def test_smoothness_against_scipy(regression, curve):
    X, y = curve
    values = regression(X, y)
    order = np.argsort(y)
    X, y = unit(X)[order], unit(y)[order]
    distances = cdist(X, X)
    tree = minimum_spanning_tree(distances).tocoo()
    assert values["s1"] == pytest.approx(np.abs(y[tree.row] - y[tree.col]).mean())
    assert values["s2"] == pytest.approx(np.mean([distances[i, i + 1] for i in range(79)]))
    np.fill_diagonal(distances, np.inf)
    assert values["s3"] == pytest.approx(np.mean((y[distances.argmin(axis=1)] - y) ** 2))
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(50):
        share = rng.random(79)
        nearest = cdist(X[:-1] + share[:, None] * np.diff(X, axis=0), X).argmin(axis=1)
        errors.append(np.mean((y[nearest] - y[:-1] - share * np.diff(y)) ** 2))
    assert values["s4"] == pytest.approx(np.mean(errors), abs=4 * np.std(errors))


def test_a_linear_target_is_simple(regression):
    X = np.random.default_rng(1).random((50, 3))
    values = regression(X, X @ [1.0, 2.0, 3.0])
    assert [values[name] for name in ("l1", "l2", "l3")] == pytest.approx([0, 0, 0], abs=1e-12)
    assert values["t2"] == 50 / 3


def test_noise_is_complex(regression, curve):
    X, y = curve
    noise = regression(X, np.random.default_rng(2).permutation(y))
    values = regression(X, y)
    for name in ("c3", "c4", "l1", "l2", "s1", "s2", "s3", "s4"):
        assert noise[name] > values[name], name
    assert noise["c1"] < values["c1"]


def test_more_features_than_rows_fit_exactly(regression):
    rng = np.random.default_rng(3)
    values = regression(rng.normal(size=(12, 150)), rng.normal(size=12))
    assert (values["l1"], values["l2"]) == pytest.approx((0, 0), abs=1e-9)
    assert values["c3"] < 1


def test_symbols_are_features_too(regression):
    y = np.array([0.0, 1, 2, 10, 11, 12, 20, 21, 22, 10, 11, 12])
    values = regression({"a": [*"xxxyyyzzzyyy"]}, y)
    expected = pd.Series(y).groupby([*"xxxyyyzzzyyy"]).transform("mean") - y
    assert values["l1"] == pytest.approx(np.abs(expected).mean() / 22)
    assert 0 < values["s2"] < np.sqrt(2)


def test_a_large_sample_is_close_to_all(regression):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(3000, 2))
    y = X[:, 0] + rng.normal(size=3000)
    small, large = regression(X[:1000], y[:1000]), regression(X, y)
    for name in ("c1", "c2", "c3", "c4", "l1", "l2", "s1", "s3", "s4"):
        assert large[name] == pytest.approx(small[name], abs=0.08), name


def test_a_constant_target_is_not_followed(regression):
    values = regression({"a": range(12)}, [2.5] * 12)
    assert values.pop("t2") == 12.0
    assert set(values.values()) == {"constant"}


def test_without_a_target_nothing_applies():
    dataset = make_dataset(pd.DataFrame({"a": range(12)}), None, lenient=True)
    _, _, status = Extractor(GROUPS).extract(dataset, rng=np.random.default_rng(0))
    assert set(status) == {"not_applicable"}
