"""Columns as symbols and their contingency tables: bins against NumPy's quantiles, tables against pandas and SciPy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from metalearn.metafeatures import symbols
from metalearn.metafeatures.symbols import binned, coded, crossed
from metalearn.metafeatures.table import Table
from metalearn.sources.frames import make_dataset


@pytest.mark.parametrize(("n", "n_bins"), [(3, 2), (26, 2), (27, 3), (569, 8), (1000, 10), (1728, 12)])
def test_as_many_bins_as_the_cube_root_of_the_rows_cut_at_quantiles(n, n_bins):
    columns = np.random.default_rng(0).lognormal(size=(3, n)) * [[1], [1e-12], [1e300]]
    for column, bins in zip(columns, binned(columns), strict=True):
        edges = np.quantile(column, np.linspace(0, 1, n_bins + 1)[1:])
        np.testing.assert_array_equal(bins, np.digitize(column, edges, right=True))
        assert np.ptp(np.bincount(bins)) <= 1


@settings(max_examples=50)
@given(st.lists(st.sampled_from([-2.0, 0.0, 0.5, 3.0, 1e9]), min_size=27, max_size=60))
def test_equal_values_share_a_bin_and_order_is_kept(column):
    bins = binned(np.array([column]))[0]
    for value in column:
        assert len(set(bins[np.array(column) == value])) == 1
    assert (np.diff(bins[np.argsort(column, kind="stable")].astype(int)) >= 0).all()


def test_missing_values_have_a_bin_of_their_own_and_do_not_move_the_others():
    known = np.arange(40.0)
    column = np.r_[known, [np.nan] * 24]
    bins = binned(np.stack([column, np.full(64, np.nan), np.zeros(64)]))
    np.testing.assert_array_equal(np.bincount(bins[0]), [10, 10, 10, 10, 24])
    assert set(bins[1]) == {4}
    assert len(set(bins[2])) == 1


def test_bins_of_numbers_as_far_apart_as_they_can_be():
    column = np.r_[[-1.7e308] * 14, [1.7e308] * 14]
    bins = binned(column[None])[0]
    assert bins[0] < bins[-1]
    assert len(set(bins)) == 2


def test_never_more_bins_than_fit_into_a_byte(monkeypatch):
    monkeypatch.setattr(symbols, "_MAX_BINS", 4)
    assert np.bincount(binned(np.arange(1000.0)[None])[0]).tolist() == [250] * 4


def by_the_book(a, b):
    """Entropies in bits and taus from the definitions, on a table of shares."""
    shares = pd.crosstab(np.asarray(a), np.asarray(b), normalize=True).to_numpy()
    first, second = shares.sum(axis=1), shares.sum(axis=0)

    def tau(joint, own, other):
        gini = np.sum(own**2)
        return (np.sum(joint**2 / other) - gini) / (1 - gini) if len(own) > 1 else np.nan

    entropies = [stats.entropy(p, base=2) for p in (first, second, shares.ravel())]
    return [*entropies, tau(shares, first, second), tau(shares.T, second, first)]


@pytest.mark.parametrize("spread", [1, 1000], ids=["dense", "sparse"])
def test_contingency_tables_by_the_book(spread):
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (4, 60)), rng.integers(0, 3, (4, 60))
    second[1] = first[1] % 3
    first[2] = 0
    tables = crossed(first * spread, np.full(4, 5 * spread), second * spread, np.full(4, 3 * spread))
    expected = np.array([by_the_book(a, b) for a, b in zip(first, second, strict=True)]).T
    found = [
        tables.first_entropy,
        tables.second_entropy,
        tables.joint_entropy,
        tables.first_concentration,
        tables.second_concentration,
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(tables.first_symbols, [5, 5, 1, 5])
    assert tables.second_concentration[1] == pytest.approx(1.0)


def test_one_second_variable_for_all():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (4, 60)), rng.integers(0, 3, 60)
    sizes = np.full(4, 5), np.full(4, 3)
    one = crossed(first, sizes[0], second[None], sizes[1])
    every = crossed(first, sizes[0], np.stack([second] * 4), sizes[1])
    np.testing.assert_array_equal(one.first_concentration, every.first_concentration)
    np.testing.assert_array_equal(one.second_entropy, every.second_entropy)


def test_nominal_columns_come_first_with_a_symbol_for_what_is_missing():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, None], "b": ["x", None, "y", "x"], "target": ["u", "v", "u", "v"]})
    columns = coded(Table.of(make_dataset(frame, "target", nominal=["b"], lenient=True)))
    assert columns.codes.tolist() == [[0, 2, 1, 0], [0, 0, 1, 2]]
    assert columns.sizes.tolist() == [3, 3]


def test_a_nominal_column_with_more_values_than_a_byte_holds():
    frame = pd.DataFrame({"b": [f"x{i % 300:03}" for i in range(600)], "target": ["u", "v"] * 300})
    columns = coded(Table.of(make_dataset(frame, "target", nominal=["b"], lenient=True)))
    assert columns.codes.dtype == np.uint16
    assert len(set(columns.codes[0].tolist())) == 300
