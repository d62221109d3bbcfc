"""The arrays that the groups share, samples of them, and intermediate results that are made once."""

import time

import numpy as np
import pandas as pd
import pytest

from metalearn.core.records import Dataset
from metalearn.metafeatures import table as table_module
from metalearn.metafeatures.table import Deadline, Table, UnmeasuredError, blocks, max_cells_within

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
NUMBERS = pd.Series([1.5, 2.5, 3.5, 4.5])


def large(n=1000, seed=0):
    """A table with a rare class, whose one column is the number of the row."""
    classes = pd.Series(pd.Categorical(np.where(np.arange(n) % 50 == 0, "rare", "common")))
    return Table.of(Dataset(pd.DataFrame({"a": np.arange(n) * 1.0}), classes, "large", ("numeric",), ""), seed=seed)


def sorted_columns(table):
    return np.sort(table.numeric, axis=0)


def test_columns_without_a_value_and_unused_categories_are_left_out():
    y = pd.Series(pd.Categorical(["v", "v", "w", "v"], categories=["u", "v", "w"]))
    table = Table.of(Dataset(X, y, "d", KINDS, ""))
    np.testing.assert_array_equal(table.numeric, [[1], [np.nan], [np.nan], [4]])
    np.testing.assert_array_equal(table.nominal, [[0], [-1], [1], [0]])
    np.testing.assert_array_equal(table.classes, [0, 0, 1, 0])
    np.testing.assert_array_equal(table.class_counts, [3, 1])
    np.testing.assert_array_equal(table.class_shares, [0.75, 0.25])
    np.testing.assert_array_equal(table.missing, [1, 1, 4, 0, 4])
    assert (table.n_rows, table.n_used, table.rows_with_missing) == (4, 4, 4)
    np.testing.assert_array_equal(table.shared(sorted_columns), [[1], [4], [np.nan], [np.nan]])


def test_a_regression_has_no_classes():
    table = Table.of(Dataset(X, NUMBERS, "d", KINDS, ""))
    assert table.classes is None
    with pytest.raises(UnmeasuredError, match="not_applicable"):
        _ = table.class_counts
    np.testing.assert_array_equal(table.target, [1.5, 2.5, 3.5, 4.5])


def test_missing_values_are_counted_over_blocks_of_columns(monkeypatch):
    whole = Table.of(Dataset(X, NUMBERS, "d", KINDS, ""))
    monkeypatch.setattr(table_module, "_BLOCK_CELLS", 8)
    table = Table.of(Dataset(X, NUMBERS, "d", KINDS, ""))
    assert len(blocks(*X.shape)) == 3
    np.testing.assert_array_equal(table.missing, whole.missing)
    assert table.rows_with_missing == whole.rows_with_missing


def test_too_large_a_table_is_sampled_but_counted_whole():
    X = pd.DataFrame({"a": np.arange(1000.0), "b": [np.nan, 1.0] * 500})
    table = Table.of(Dataset(X, X["a"], "large", ("numeric",) * 2, ""), seed=3, max_cells=500)
    assert (table.n_rows, table.n_used, table.missing.tolist(), table.rows_with_missing) == (1000, 250, [0, 500], 500)
    rows = table.numeric[:, 0]
    assert len(set(rows)) == 250
    assert np.array_equal(rows, np.sort(rows))
    np.testing.assert_array_equal(table.target, rows)
    other = Table.of(Dataset(X, X["a"], "large", ("numeric",) * 2, ""), seed=4, max_cells=500)
    assert not np.array_equal(other.numeric[:, 0], rows)


def test_a_sample_is_stratified_in_order_and_made_once():
    table = large()
    sample = table.sample(100)
    assert sample is table.sample(100)
    np.testing.assert_array_equal(sample.class_counts, [98, 2])
    assert np.array_equal(sample.numeric[:, 0], np.sort(sample.numeric[:, 0]))
    assert sample.n_rows == 1000
    assert table.sample(1000) is table
    np.testing.assert_array_equal(large().sample(100).numeric, sample.numeric)
    assert not np.array_equal(large(seed=1).sample(100).numeric, sample.numeric)


def test_shared_results_and_shared_failures_are_made_once():
    table, calls = large(), []

    def total(t):
        calls.append("total")
        return float(t.numeric.sum())

    def broken(t):
        calls.append("broken")
        raise UnmeasuredError("too_few_rows")

    assert table.shared(total) == table.shared(total) == 499500
    for _ in range(2):
        with pytest.raises(UnmeasuredError, match="too_few_rows"):
            table.shared(broken)
    assert calls == ["total", "broken"]
    assert table.take(np.arange(3)).shared(total) == 3


def test_each_purpose_draws_from_its_own_stream():
    table = large(seed=5)
    first = table.rng("a").random()
    assert first == table.rng("a").random() == large(seed=5).rng("a").random()
    assert len({first, table.rng("b").random(), large(seed=6).rng("a").random()}) == 3


def test_a_deadline_passes(monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: 10.0)
    deadline = Deadline.within(2.0)
    deadline.check()
    Deadline.within(None).check()
    monkeypatch.setattr(time, "perf_counter", lambda: 12.0)
    with pytest.raises(UnmeasuredError, match="timeout"):
        deadline.check()


def test_less_memory_means_fewer_cells():
    assert max_cells_within(0.5) * 2 == max_cells_within(1.0)
