"""Mixed tables as points: by hand, both ways to distances, and at any scale."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from metalearn.core.records import Dataset
from metalearn.metafeatures import encoding
from metalearn.metafeatures.encoding import coordinates, filled, most_frequent, pair_distances, unit, unit_distances
from metalearn.metafeatures.table import Deadline, Table, UnmeasuredError

MIXED = pd.DataFrame(
    {
        "a": [0.0, 4.0, np.nan, 2.0],
        "word": pd.Categorical(["x", "y", None, "x"]),
        "b": [10.0, 10.0, 30.0, 50.0],
        "constant": [7.0] * 4,
    }
)
KINDS = ("numeric", "nominal", "numeric", "numeric")


def table_of(X, kinds=None, **options):
    X = pd.DataFrame(X)
    y = pd.Series(np.arange(len(X)) * 1.0)
    return Table.of(Dataset(X, y, "d", kinds or ("numeric",) * X.shape[1], ""), **options)


def test_rows_are_as_far_apart_as_their_numbers_and_their_symbols():
    apart = squareform(unit_distances(table_of(MIXED, KINDS)))
    # a: 0, 1, mean 0.5, 0.5; the word differs but for the first and last row; b: 0, 0, 0.5, 1.
    expected = np.sqrt([[0, 2, 1.5, 1.25], [2, 0, 1.5, 2.25], [1.5, 1.5, 0, 1.25], [1.25, 2.25, 1.25, 0]])
    np.testing.assert_allclose(apart, expected)


def test_numbers_as_they_are_have_a_common_unit():
    table = table_of(MIXED, KINDS)
    points = np.concatenate(list(coordinates(table))) * unit(table)
    np.testing.assert_allclose(points[:3], [[0, 4, 2, 2], [10, 10, 30, 50], [7, 7, 7, 7]])
    assert points.shape == (3 + 3, 4)  # the missing word is one of three


@pytest.mark.parametrize("factor", [1e300, 1e-300, 1.0])
def test_distances_neither_overflow_nor_vanish(factor):
    numbers = np.random.default_rng(0).normal(size=(20, 5))
    table = table_of(numbers * factor)
    np.testing.assert_allclose(pair_distances(table, coordinates(table)) * unit(table), pdist(numbers) * factor)
    np.testing.assert_allclose(unit_distances(table), unit_distances(table_of(numbers)))


def test_the_widest_columns_have_a_unit_too():
    table = table_of({"a": [-1.7e308, 1.7e308, 0.0]})
    np.testing.assert_allclose(unit_distances(table), [1, 0.5, 0.5])
    assert np.all(np.isfinite(pair_distances(table, coordinates(table))))


def test_products_give_the_distances_that_differences_give(monkeypatch):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(1e3, 1.0, size=(40, 8))).add_prefix("c")
    X["word"] = pd.Categorical(rng.choice(list("abcdefghijklmnop"), 40))
    X = pd.concat([X, X], ignore_index=True)
    table = table_of(X, ("numeric",) * 8 + ("nominal",))
    expected = unit_distances(table)
    monkeypatch.setattr(encoding, "_MAX_DIFFERENCES", 0)
    found = unit_distances(table)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.count_nonzero(found == 0) == 40  # rows that are doubled


def test_the_tail_of_many_symbols_is_one():
    codes = np.array([5] * 4 + [2] * 3 + [-1] * 2 + [0, 1, 3, 4], dtype=np.int32)
    np.testing.assert_array_equal(most_frequent(codes, 3), [0] * 4 + [1] * 3 + [2] * 2 + [3] * 4)
    np.testing.assert_array_equal(np.sort(np.unique(most_frequent(codes, 100))), np.arange(7))


def test_a_column_that_a_sample_has_no_value_of_is_constant():
    table = table_of({"a": [1.0, np.nan, np.nan], "b": [1.0, 2.0, 4.0]}).take(np.array([1, 2]))
    np.testing.assert_allclose(unit_distances(table), [1.0])


def test_the_mean_of_huge_numbers_is_no_infinity():
    with np.errstate(over="ignore"):
        found = filled(np.array([[1.7e308, 1.5e308, np.nan], [1.0, 3.0, np.nan], [np.nan] * 3]))
    np.testing.assert_allclose(found[:, 2], [1.6e308, 2.0, 0.0])


def test_what_cannot_be_encoded_says_so():
    days = pd.DataFrame({"d": pd.date_range("2020", periods=3)})
    with pytest.raises(UnmeasuredError, match="not_applicable"):
        unit_distances(table_of(days, ("date",)))
    with pytest.raises(UnmeasuredError, match="not_applicable"):
        list(coordinates(table_of(days, ("date",))))
    with pytest.raises(UnmeasuredError, match="too_few_rows"):
        unit_distances(table_of({"a": [1.0]}))
    with pytest.raises(UnmeasuredError, match="timeout"):
        unit_distances(table_of({"a": [1.0, 2.0]}, deadline=Deadline.within(0.0)))
