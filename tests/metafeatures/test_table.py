"""The arrays that the groups share."""

import numpy as np
import pandas as pd

from metalearn.core.records import Dataset
from metalearn.metafeatures.table import Table

X = pd.DataFrame(
    {
        "number": [1.0, np.nan, np.inf, 4.0],
        "word": pd.Categorical(["b", None, "c", "b"], categories=["a", "b", "c"]),
        "empty": [np.nan] * 4,
        "day": pd.date_range("2020", periods=4),
        "nothing": pd.Categorical([None] * 4),
    }
)
KINDS = ("numeric", "nominal", "numeric", "date", "nominal")


def test_columns_without_a_value_and_unused_categories_are_left_out():
    y = pd.Series(pd.Categorical(["v", "v", "w", "v"], categories=["u", "v", "w"]))
    table = Table.of(Dataset(X, y, "d", KINDS, ""))
    np.testing.assert_array_equal(table.numeric, [[1], [np.nan], [np.nan], [4]])
    np.testing.assert_array_equal(table.nominal, [[0], [-1], [1], [0]])
    np.testing.assert_array_equal(table.classes, [0, 0, 1, 0])
    np.testing.assert_array_equal(table.class_counts, [3, 1])
    np.testing.assert_array_equal(table.missing, [1, 1, 4, 0, 4])
    assert table.rows_with_missing == 4
    np.testing.assert_array_equal(table.known, [2])
    np.testing.assert_array_equal(table.sorted_numeric, [[1], [4], [np.nan], [np.nan]])


def test_a_regression_has_no_classes():
    table = Table.of(Dataset(X, pd.Series([1.5, 2.5, 3.5, 4.5]), "d", KINDS, ""))
    assert table.classes is None
    assert table.class_counts is None
    np.testing.assert_array_equal(table.target, [1.5, 2.5, 3.5, 4.5])
