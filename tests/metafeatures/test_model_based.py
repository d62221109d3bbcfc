"""The shape of a tree: by hand, against a walk through scikit-learn's, and what must not change it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from metalearn.core.records import Dataset
from metalearn.metafeatures import model_based
from metalearn.metafeatures.measures import SUMMARIES
from metalearn.metafeatures.model_based import MODEL_BASED, tree_of
from metalearn.metafeatures.table import Table

# What pymfe 0.4.4 prints for random_state=0.
IRIS = {
    "tree_n_leaves": 9,
    "tree_n_splits": 8,
    "tree_splits_per_column": 2,
    "tree_splits_per_row": 8 / 150,
    "tree_branch_length_mean": 34 / 9,
    "tree_leaf_corroboration_mean": 1 / 9,
    "tree_homogeneity_mean": 37.46666666666667,
    "tree_leaves_per_class_mean": 1 / 3,
    "tree_splits_per_level_mean": 1.6,
    "tree_splits_of_column_mean": 2.6666666666666665,
    "tree_depth_mean": 3.0588235294117645,
    "tree_imbalance_mean": 0.19491705385114735,
    "tree_shape_mean": 0.2708333333333333,
    "tree_importance_mean": 0.25,
}


def table_of(X, y, kinds=None):
    X, y = pd.DataFrame(X), pd.Series(y)
    y = y if y.dtype == np.float64 else y.astype("category")
    return Table.of(Dataset(X, y, "d", kinds or ("numeric",) * X.shape[1], ""))


def measured(X, y, kinds=None, summaries=SUMMARIES):
    table = table_of(X, y, kinds)
    return {name: value for m in MODEL_BASED.measures for name, value in m.measure(table, summaries).items()}


def noisy(n=120, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, np.array(list("uvw"))[(X[:, 0] + rng.normal(size=n) > 0) + (X[:, 1] > 1).astype(int)]


def test_three_leaves_by_hand():
    # Six u, three v, three u: split below the v, then above.
    values = measured({"a": np.arange(12.0)}, list("uuuuuuvvvuuu"), summaries=("mean", "min", "max"))
    scalars = ("tree_n_leaves", "tree_n_splits", "tree_splits_per_column", "tree_splits_per_row")
    assert [values[name] for name in scalars] == [3, 2, 2, 2 / 12]
    expected = {
        "tree_depth": [0, 1, 1, 2, 2],
        "tree_branch_length": [1, 2, 2],
        "tree_splits_per_level": [1, 1],
        "tree_splits_of_column": [2],
        "tree_importance": [1],
        "tree_leaf_corroboration": [1 / 2, 1 / 4, 1 / 4],
        "tree_shape": [1 / 2, 2 / 4, 2 / 4],
        "tree_homogeneity": [6, 6, 6],
        "tree_imbalance": [0.5 * 2**-0.5] * 2,  # half of the walks end at depth 1, half at depth 2
        "tree_leaves_per_class": [2 / 3, 1 / 3],
    }
    for name, of in expected.items():
        found = [values[f"{name}_{summary}"] for summary in ("mean", "min", "max")]
        assert found == pytest.approx([np.mean(of), min(of), max(of)]), name


def test_a_walk_through_the_tree_of_noisy_classes():
    X, y = noisy()
    fitted = DecisionTreeClassifier(random_state=0).fit(X, y)
    tree, leaves, splits = fitted.tree_, [], []

    def walk(node, depth):
        if tree.children_left[node] == tree.children_right[node]:
            leaves.append((depth, tree.n_node_samples[node]))
        else:
            splits.append((depth, tree.feature[node]))
            walk(tree.children_left[node], depth + 1)
            walk(tree.children_right[node], depth + 1)

    walk(0, 0)
    depths = np.array([depth for depth, _ in leaves])
    values = measured(X, y)
    assert (values["tree_n_leaves"], values["tree_n_splits"]) == (len(leaves), len(splits))
    assert values["tree_branch_length_mean"] == pytest.approx(depths.mean())
    assert values["tree_branch_length_max"] == fitted.get_depth()
    assert values["tree_shape_mean"] == pytest.approx(np.mean(depths * 2.0**-depths))
    assert values["tree_homogeneity_min"] == pytest.approx(len(leaves) / np.max(depths * 2.0**-depths))
    assert values["tree_leaf_corroboration_sd"] == pytest.approx(np.std([rows / 120 for _, rows in leaves]))
    levels, columns = (pd.Series([split[i] for split in splits]).value_counts() for i in (0, 1))
    assert values["tree_splits_per_level_mean"] == pytest.approx(levels.mean())
    assert values["tree_splits_of_column_sd"] == pytest.approx(columns.std(ddof=0))
    assert values["tree_importance_max"] == pytest.approx(fitted.feature_importances_.max())


def test_iris_as_pymfe_has_it():
    X, y = load_iris(return_X_y=True)
    values = measured(X, y.astype(str))
    assert {name: values[name] for name in IRIS} == pytest.approx(IRIS, rel=1e-6)


@pytest.mark.parametrize(
    "change", [lambda x: x * 1e300, lambda x: x * 1e-12, lambda x: x * 1e-12 + 1.0], ids=["huge", "tiny", "far away"]
)
def test_units_do_not_change_the_tree(change):
    X, y = noisy()
    X = X.round(2)
    assert measured(change(X), y) == pytest.approx(measured(X, y))


def test_a_numeric_target_makes_a_tree_whatever_its_unit():
    X, _ = noisy()
    target = X[:, 0].round(1)
    values = measured(X, target)
    assert values["tree_n_leaves"] == np.count_nonzero(np.diff(target[np.argsort(X[:, 0])])) + 1
    assert values["tree_importance_max"] > 0.99
    assert values["tree_leaves_per_class_mean"] == "not_applicable"
    for factor in (1e300, 1e-300):
        assert measured(X, target * factor) == pytest.approx(values)


def test_each_column_is_one_feature():
    X = pd.DataFrame({"word": pd.Categorical(["a", "b", None, "d"] * 5), "number": [1.0, 1.0, np.nan, 1.0] * 5})
    values = measured(X, list("uvvu") * 5, ("nominal", "numeric"))
    assert (values["tree_n_leaves"], values["tree_splits_per_column"]) == (4, 3 / 2)  # missing, a, b, d: v u v u
    assert (values["tree_importance_max"], values["tree_importance_min"]) == (1, 0)


@pytest.mark.parametrize("unit", [1.0, 4e307])  # in the latter the sum overflows
def test_missing_numbers_are_means(unit):
    X, y = noisy()
    X = np.abs(X.round(2))
    X[::5, 0] = np.nan
    assert measured(X * unit, y) == pytest.approx(measured(np.where(np.isnan(X), np.nanmean(X, axis=0), X), y))


def test_where_nothing_can_be_split_there_is_a_root():
    for values in (measured(noisy()[0], ["u"] * 120), measured({"a": [1.5] * 6}, list("uuuvvv"))):
        assert (values["tree_n_leaves"], values["tree_n_splits"], values["tree_depth_max"]) == (1, 0, 0)
        assert values["tree_importance_max"] == values["tree_shape_max"] == 0
        assert values["tree_splits_per_level_mean"] == values["tree_homogeneity_mean"] == "constant"
        assert values["tree_leaves_per_class_mean"] == 1


def test_a_class_a_row_makes_a_leaf_a_row():
    values = measured({"a": np.arange(30.0)}, [f"k{i}" for i in range(30)])
    assert values["tree_n_leaves"] == 30
    assert values["tree_leaf_corroboration_max"] == values["tree_leaves_per_class_min"] == 1 / 30


def test_large_tables_are_sampled(monkeypatch):
    X, y = noisy(400, 8)
    monkeypatch.setattr(model_based, "MAX_ROWS", 100)
    tree = tree_of(table_of(X, y))
    assert (tree.rows[0], len(tree.importance)) == (100, 8)
    monkeypatch.setattr(model_based, "MIN_ROWS", 20)
    monkeypatch.setattr(model_based, "MAX_CELLS", 8 * 60)
    monkeypatch.setattr(model_based, "MAX_COLUMNS", 5)
    tree = tree_of(table_of(X, y))
    assert (tree.rows[0], len(tree.importance)) == (60, 5)
    monkeypatch.setattr(model_based, "MAX_CELLS", 1)
    assert tree_of(table_of(X, y)).rows[0] == 20


def test_without_columns_there_is_no_tree():
    days = measured({"d": pd.date_range("2020", periods=6)}, list("uvuvuv"), ("date",))
    assert set(days.values()) == {"not_applicable"}
