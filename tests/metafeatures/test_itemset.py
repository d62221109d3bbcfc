"""Items and pairs of items: by hand, against counting, and of many symbols and columns."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from metalearn.core.records import Dataset
from metalearn.metafeatures import itemset
from metalearn.metafeatures.itemset import ITEMSET, items_of, two_itemsets
from metalearn.metafeatures.measures import SUMMARIES
from metalearn.metafeatures.table import Table

WORDS = pd.DataFrame({"a": pd.Categorical(["x", "x", "x", "y"]), "b": pd.Categorical(["p", "q", None, "q"])})


def table_of(X, kind):
    X = pd.DataFrame(X)
    return Table.of(Dataset(X, pd.Series(np.arange(len(X)) * 1.0), "d", (kind,) * X.shape[1], ""))


def measured(X, kind):
    table = table_of(X, kind)
    return {name: value for m in ITEMSET.measures for name, value in m.measure(table, SUMMARIES).items()}


def test_words_by_hand():
    items = items_of(table_of(WORDS, "nominal"))
    assert sorted(items.share[items.column == 0]) == [0.25, 0.75]
    assert sorted(items.share[items.column == 1]) == [0.25, 0.25, 0.5]  # p, missing, q
    # x with p, missing, q: rows 1 2, rows 0 1, rows 0 2 3; y: rows 0 3, rows 2 3, row 1.
    assert sorted(two_itemsets(items)) == [0.25, 0.5, 0.5, 0.5, 0.5, 0.75]
    values = measured(WORDS, "nominal")
    assert (values["one_itemset_mean"], values["two_itemset_mean"]) == (0.4, 0.5)


def test_numbers_are_cut_at_quantiles_and_counted():
    rng = np.random.default_rng(0)
    X = rng.gamma(1.0, size=(100, 4))
    X[:, 3] = X[:, 3].round()
    bins = []
    for column in X.T:  # 4 bins: the cube root of 100
        ends = np.quantile(column, [0.25, 0.5, 0.75])
        codes = (column[:, None] > ends).sum(axis=1)
        bins.append([codes == code for code in np.unique(codes)])
    one = [item.mean() for items in bins for item in items]
    two = [np.mean(i ^ j) for first, second in combinations(bins, 2) for i in first for j in second]
    values = measured(X, "numeric")
    for name, expected in (("one_itemset", one), ("two_itemset", two)):
        for summary, value in (("mean", np.mean(expected)), ("sd", np.std(expected)), ("min", min(expected))):
            assert values[f"{name}_{summary}"] == pytest.approx(value), (name, summary)


@pytest.mark.parametrize("change", [lambda x: np.float64(1e300) * x, np.exp, lambda x: x - 1e6])
def test_only_the_order_of_numbers_matters(change):
    X = np.random.default_rng(1).permuted(np.tile(np.arange(65.0), (3, 1)), axis=1).T  # quantiles are values
    assert measured(change(X), "numeric") == measured(X, "numeric")


def test_missing_numbers_are_an_item():
    values = measured({"a": [1.0, 2.0, 3.0, 4.0] * 2, "b": [1.0, 1.0, np.nan, np.nan] * 2}, "numeric")
    assert values["one_itemset_mean"] == values["one_itemset_min"] == 0.5  # two halves, and again
    assert (values["two_itemset_min"], values["two_itemset_max"]) == (0, 1)


def test_constant_columns_have_one_item():
    values = measured({"a": [3.5] * 10, "b": [1.0, 2.0] * 5}, "numeric")
    assert values["one_itemset_max"] == 1
    assert values["two_itemset_mean"] == 0.5


def test_rare_symbols_are_one_item(monkeypatch):
    monkeypatch.setattr(itemset, "MAX_SYMBOLS", 3)
    items = items_of(table_of({"a": pd.Categorical(list("xxxyyabc"))}, "nominal"))
    np.testing.assert_allclose(items.share, [3 / 8, 2 / 8, 3 / 8])


def test_large_tables_are_sampled(monkeypatch):
    X = np.random.default_rng(2).normal(size=(200, 12))
    monkeypatch.setattr(itemset, "MAX_ROWS", 64)
    monkeypatch.setattr(itemset, "MAX_COLUMNS", 5)
    items = items_of(table_of(X, "numeric"))
    assert items.is_in.shape == (5 * 4, 64)
    np.testing.assert_array_equal(items.column, np.repeat(np.arange(5), 4))
    again = items_of(table_of(X, "numeric"))
    np.testing.assert_array_equal(items.is_in, again.is_in)


def test_what_has_no_items_or_no_pairs():
    days = {"d": pd.date_range("2020", periods=6)}
    assert set(measured(days, "date").values()) == {"not_applicable"}
    alone = measured({"a": np.arange(8.0)}, "numeric")
    assert alone["two_itemset_mean"] == "not_applicable"
    assert alone["one_itemset_mean"] == 0.5
