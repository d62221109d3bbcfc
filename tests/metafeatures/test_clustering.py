"""Classes as clusters: by hand, against scikit-learn and SciPy, and where there is nothing to measure."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import pointbiserialr
from sklearn import metrics

from metalearn.core.records import Dataset
from metalearn.metafeatures import clustering
from metalearn.metafeatures.clustering import CLUSTERING
from metalearn.metafeatures.measures import SUMMARIES
from metalearn.metafeatures.table import Table

OF_DISTANCES = (
    "calinski_harabasz",
    "davies_bouldin",
    "silhouette",
    "dunn_index",
    "intercluster_distance",
    "point_biserial",
)


def measured(X, classes, kind="numeric"):
    """The group of a table whose columns are all of one kind."""
    X, y = pd.DataFrame(X), pd.Series(pd.Categorical(classes))
    table = Table.of(Dataset(X, y, "d", (kind,) * X.shape[1], ""))
    return {name: value for m in CLUSTERING.measures for name, value in m.measure(table, SUMMARIES).items()}


def blobs(seed=0):
    """60 rows of four overlapping classes, one of which has a single row, that are not in order."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation([0] * 30 + [1] * 20 + [2] * 9 + [3])
    return rng.normal(size=(60, 3)) + classes[:, None], classes


def test_two_pairs_by_hand():
    assert measured({"a": [0.0, 6.0, 1.0, 5.0]}, list("uvuv")) == pytest.approx(
        {
            "calinski_harabasz": (4 * 2.5**2 / 1) / (4 * 0.5**2 / 2),
            "davies_bouldin": (0.5 + 0.5) / 5,
            "silhouette": (2 * (5.5 - 1) / 5.5 + 2 * (4.5 - 1) / 4.5) / 4,
            "dunn_index": 4 / 1,
            "intercluster_distance": (5 + 6 + 4 + 5) / 4,
            "point_biserial": np.corrcoef([1, 1, 0, 0, 0, 0], [1, 1, 5, 6, 4, 5])[0, 1],
            "normalized_relative_entropy": np.log(2),
            "n_small_classes": 2,
        }
    )


def test_overlapping_classes_against_other_libraries():
    X, classes = blobs()
    values = measured(X, classes)
    groups = [X[classes == k] for k in range(4)]
    pairs = [(a, b) for i, a in enumerate(groups) for b in groups[i + 1 :]]
    same = pdist(classes[:, None], "hamming") == 0
    assert values == pytest.approx(
        {
            "calinski_harabasz": metrics.calinski_harabasz_score(X, classes),
            "davies_bouldin": metrics.davies_bouldin_score(X, classes),
            "silhouette": metrics.silhouette_score(X, classes),
            "dunn_index": min(cdist(a, b).min() for a, b in pairs) / max(pdist(g).max() for g in groups[:3]),
            "intercluster_distance": np.mean([cdist(a, b).mean() for a, b in pairs]),
            "point_biserial": pointbiserialr(same, pdist(X)).statistic,
            "normalized_relative_entropy": -sum(p * np.log(p) for p in np.array([30, 20, 9, 1]) / 60),
            "n_small_classes": 2,
        },
        rel=1e-6,
    )


@pytest.mark.parametrize("factor", [1e300, 1e-300, 2.5])
def test_the_unit_of_all_columns_does_not_matter(factor):
    X, classes = blobs()
    here, there = measured(X, classes), measured(X * factor, classes)
    assert there.pop("intercluster_distance") == pytest.approx(here.pop("intercluster_distance") * factor)
    assert there == pytest.approx(here)


def test_the_order_of_rows_and_the_names_of_classes_do_not_matter():
    X, classes = blobs()
    order = np.random.default_rng(1).permutation(60)
    assert measured(X[order], np.array(list("dacb"))[classes[order]]) == pytest.approx(measured(X, classes))


def test_missing_numbers_are_means():
    X, classes = blobs()
    X[::7, 1] = np.nan
    filled = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    assert measured(X, classes) == pytest.approx(measured(filled, classes))


def test_nominal_columns_differ_by_one():
    X = pd.DataFrame({"a": pd.Categorical(list("xxyy")), "b": pd.Categorical(["p", None, "p", None])})
    values = measured(X, list("uuvv"), "nominal")
    assert values["dunn_index"] == pytest.approx(1 / 1)  # rows 0 and 2 differ in a, rows 0 and 1 in b
    assert values["intercluster_distance"] == pytest.approx((1 + np.sqrt(2)) / 2)
    # Half a unit away from the centre in b; the centres are one apart in a.
    assert values["davies_bouldin"] == pytest.approx(2 * 0.5 / 1)


def test_pairs_of_many_rows_are_those_of_a_sample(monkeypatch):
    rng = np.random.default_rng(2)
    classes = np.repeat([0, 1, 2], [500, 300, 200])
    X = rng.normal(size=(1000, 4)) + 3 * classes[:, None]
    whole = measured(X, classes)
    monkeypatch.setattr(clustering, "MAX_ROWS", 300)
    sampled = measured(X, classes)
    assert sampled["silhouette"] != whole["silhouette"]
    for name in ("silhouette", "intercluster_distance", "point_biserial"):
        assert sampled[name] == pytest.approx(whole[name], rel=0.1)
    assert (sampled["calinski_harabasz"], sampled["davies_bouldin"]) == (
        whole["calinski_harabasz"],
        whole["davies_bouldin"],
    )


def test_centres_of_many_classes_are_compared_in_parts(monkeypatch):
    X, classes = blobs()
    whole = measured(X, classes)
    monkeypatch.setattr(clustering, "_CHUNK", 1)
    assert measured(X, classes) == pytest.approx(whole)


def test_of_many_classes_some_are_compared_with_all_others(monkeypatch):
    rng = np.random.default_rng(3)
    classes = np.repeat(np.arange(200), 5)
    X = rng.normal(size=(1000, 3)) + 10 * rng.normal(size=(200, 3))[classes]
    whole = measured(X, classes)
    monkeypatch.setattr(clustering, "MAX_CLASSES", 50)
    some = measured(X, classes)
    assert measured(X, classes) == some
    assert some.pop("davies_bouldin") == pytest.approx(found := whole.pop("davies_bouldin"), rel=0.1)
    assert measured(X, classes)["davies_bouldin"] != found
    assert some == whole


def test_a_regression_has_no_clusters(describe):
    values = describe({"a": np.arange(30) % 7}, np.linspace(0.5, 9.5, 30), [CLUSTERING])
    assert set(values.values()) == {"not_applicable"}


@pytest.mark.parametrize(
    ("classes", "reason"),
    [(["u"] * 6, "constant"), (list("uvwxyz"), "too_few_rows")],
    ids=["one class", "a class a row"],
)
def test_one_cluster_or_one_for_each_row_cannot_be_judged(classes, reason):
    values = measured({"a": np.arange(6.0)}, classes)
    assert {values[name] for name in OF_DISTANCES} == {reason}
    assert values["n_small_classes"] == len(set(classes))


def test_equal_rows_and_columns_without_numbers_cannot_be_judged():
    equal = measured({"a": [2.5] * 6}, list("uuuvvv"))
    assert {equal[name] for name in OF_DISTANCES} == {"constant"}
    days = measured({"d": pd.date_range("2020", periods=6)}, list("uuuvvv"), "date")
    assert {days[name] for name in OF_DISTANCES} == {"not_applicable"}
    assert days["normalized_relative_entropy"] == pytest.approx(np.log(2))


def test_a_correlation_is_never_beyond_one():
    assert measured({"a": [0.0, 0.6, 0.3]}, list("uuv"))["point_biserial"] == 1.0  # whose distances are rounded
    corners = {"a": [0.0, 1.0, 0.5], "b": [0.0, 0.0, np.sqrt(0.75)]}  # equally far apart, but for rounding
    assert measured(corners, list("uuv"))["point_biserial"] == "constant"


def test_what_would_be_infinite_is_undefined():
    points = measured({"a": [1.0, 1.0, 3.0, 3.0]}, list("uuvv"))  # each class is a point
    assert (points["calinski_harabasz"], points["dunn_index"], points["silhouette"]) == ("undefined", "undefined", 1.0)
    rounded = measured({"a": [0.1] * 3 + [0.3] * 3}, list("uuuvvv"))  # whose means are not quite 0.1 and 0.3
    assert rounded["calinski_harabasz"] == "undefined"
    crossed = measured({"a": [0.0, 1.0, 0.0, 1.0], "b": [0.0, 1.0, 1.0, 0.0]}, list("uuvv"))  # both have one centre
    assert (crossed["davies_bouldin"], crossed["calinski_harabasz"]) == ("undefined", 0.0)
