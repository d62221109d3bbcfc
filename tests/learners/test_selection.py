"""Empty columns are filled and other gaps are not; the best columns are kept, and never none."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectPercentile, f_classif, f_regression

from metalearn.learners.selection import BestColumns, EmptyColumnsFilled


def test_a_column_is_empty_where_it_was_when_fitted() -> None:
    train = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [np.nan] * 3, "c": [0.5, 1.5, 2.5]})
    fitted = EmptyColumnsFilled().fit(train)
    np.testing.assert_array_equal(fitted.transform(train), [[1, 0, 0.5], [np.nan, 0, 1.5], [3, 0, 2.5]])
    # A gap stays one even where there is nothing else to predict from; a value of an empty column says nothing.
    new = pd.DataFrame({"a": [np.nan], "b": [7.0], "c": [np.nan]})
    np.testing.assert_array_equal(fitted.transform(new), [[np.nan, 0, np.nan]])
    assert fitted.transform(new).dtype == np.float64
    assert fitted.get_feature_names_out().tolist() == ["a", "b", "c"]


def test_filling_leaves_a_table_without_empty_columns_as_it_is() -> None:
    table = np.random.default_rng(0).normal(size=(20, 3))
    table[::4, 1] = np.nan
    before = table.copy()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(EmptyColumnsFilled().fit(table))).transform(table), before)
    np.testing.assert_array_equal(table, before)
    with pytest.raises(NotFittedError):
        EmptyColumnsFilled().transform(table)


@pytest.fixture
def telling() -> tuple[Any, Any]:
    """Eight columns of which the third tells most about the target, and the sixth second most."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 50)
    X = rng.normal(size=(100, 8))
    X[:, 2] += 3 * y
    X[:, 5] += 2 * y
    return X, y


@pytest.mark.parametrize("test", [f_classif, f_regression])
@pytest.mark.parametrize("percentile", [12.5, 25, 50, 90, 100])
def test_a_column_or_more_is_what_scikit_learn_keeps(telling: tuple[Any, Any], test: Any, percentile: float) -> None:
    ours, theirs = (cls(test, percentile=percentile).fit(*telling) for cls in (BestColumns, SelectPercentile))
    np.testing.assert_array_equal(ours.get_support(), theirs.get_support())
    assert ours.get_support().sum() == int(8 * percentile / 100)


@pytest.mark.parametrize("percentile", [0, 1, 10, 12.4])
def test_less_than_a_column_is_the_best_one(telling: tuple[Any, Any], percentile: float) -> None:
    chosen = BestColumns(f_classif, percentile=percentile).fit(*telling)
    assert chosen.get_support(indices=True).tolist() == [2]
    np.testing.assert_array_equal(chosen.transform(telling[0]), telling[0][:, [2]])


def test_of_equal_columns_one_is_kept() -> None:
    X, y = np.repeat(np.arange(6.0)[:, None], 4, axis=1), [0, 0, 0, 1, 1, 1]
    assert BestColumns(f_classif, percentile=10).fit_transform(X, y).shape == (6, 1)


@pytest.mark.filterwarnings("ignore:Features:UserWarning", "ignore:invalid value:RuntimeWarning")
def test_a_constant_column_is_the_worst() -> None:
    X, y = np.column_stack([np.ones(6), np.arange(6.0)]), [0, 0, 0, 1, 1, 1]
    assert BestColumns(f_classif, percentile=10).fit(X, y).get_support().tolist() == [False, True]
    assert BestColumns(f_classif, percentile=10).fit(np.ones((6, 3)), y).get_support().sum() == 1


def test_it_can_be_cloned_and_pickled(telling: tuple[Any, Any]) -> None:
    fitted = BestColumns(f_classif, percentile=25).fit(*telling)
    again = pickle.loads(pickle.dumps(clone(fitted).fit(*telling)))
    np.testing.assert_array_equal(fitted.transform(telling[0]), again.transform(telling[0]))
    assert fitted.get_feature_names_out().tolist() == ["x2", "x5"]
