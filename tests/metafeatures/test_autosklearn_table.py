"""The table as auto-sklearn encodes, standardises, shuffles and folds it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.preprocessing import StandardScaler

from metalearn.metafeatures.autosklearn_table import (
    LANDMARK_ROWS,
    N_FOLDS,
    components,
    encoded,
    folded,
    rows_within,
    shapes,
    shuffled,
)
from metalearn.metafeatures.table import Deadline, Table, UnmeasuredError
from metalearn.sources.frames import make_dataset

CLASSES = ["u", "v"] * 15


def table(columns, target=None, **options):
    frame = pd.DataFrame(columns)
    target = [*CLASSES, *CLASSES][: len(frame)] if target is None else target
    return Table.of(make_dataset(frame.assign(target=target), "target", lenient=True), **options)


def numbers(n=30, p=3, seed=0):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(n, p)) ** 3).add_prefix("c")


def test_numbers_alone_are_standardised_with_the_mean_where_missing():
    X = numbers()
    X.iloc[3, 1] = np.nan
    expected = StandardScaler().fit_transform(X.fillna(X.mean()))
    np.testing.assert_allclose(encoded(table(X)), expected, rtol=1e-10, atol=1e-14)


def test_the_scale_of_a_column_makes_no_difference():
    X = numbers()
    np.testing.assert_allclose(encoded(table(X * 1e300)), encoded(table(X)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(shapes(table(X * 1e-300)), shapes(table(X)), rtol=1e-9)


def test_beside_nominal_columns_zeros_stay_and_the_other_entries_are_standardised():
    a = np.array([0.0, 2.0, 4.0, 0.0, 6.0] * 6)
    X = encoded(table({"a": a, "b": ["x", "y", "x", None, "y"] * 6}))
    assert X.shape == (30, 4)
    assert X[:5, :3].tolist() == [[0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    expected = np.where(a == 0, 0.0, (a - 4) / np.sqrt(8 / 3))
    np.testing.assert_allclose(X[:, 3], expected, atol=1e-12)


def test_a_constant_is_0_alone_and_an_indicator_beside_nominal_columns():
    a = np.array([0.0, 7.0, 7.0] * 10)
    assert encoded(table({"a": a, "k": 0.3, "b": ["x", "y", "y"] * 10}))[:3, 2:].tolist() == [[0, 0], [1, 0], [1, 0]]
    assert encoded(table({"a": np.arange(30.0), "k": 0.3}))[:, 1].tolist() == [0.0] * 30


def test_shapes_are_those_of_the_encoded_columns():
    X = numbers(p=2).assign(zeros=np.where(np.arange(30) % 3 == 0, 0.0, np.arange(30.0)), b=["x", "y", "y"] * 10)
    whole = table(X)
    expected = encoded(whole)[:, 2:]
    np.testing.assert_allclose(whole.shared(shapes), [stats.skew(expected), stats.kurtosis(expected)], rtol=1e-9)


def test_shapes_of_numbers_alone_are_those_with_the_mean_where_missing():
    X = numbers()
    X.iloc[:4, 0] = np.nan
    filled = X.fillna(X.mean())
    np.testing.assert_allclose(shapes(table(X)), [stats.skew(filled), stats.kurtosis(filled)], rtol=1e-9)


def test_shapes_of_constants_and_without_numeric_columns():
    assert shapes(table({"k": [2.5] * 30})).tolist() == [[0.0], [-3.0]]
    assert shapes(table({"b": ["x", "y", "y"] * 10})).shape == (2, 0)


@pytest.mark.parametrize("cells", [1, 59, 60, 61, 10**9])
def test_rows_within_keeps_to_the_cells(cells):
    whole = table({"a": range(30), "b": [f"v{i}" for i in range(15)] * 2})
    m = rows_within(whole, cells)
    # A sample of m rows has at most m symbols and the missing one's, at most 16.
    widths = {m: m * (1 + min(m, 16)) for m in range(1, 31)}
    assert m == max([1, *(rows for rows, found in widths.items() if found <= cells)])


def test_shuffled_is_numpys_legacy_shuffle_with_42():
    assert shuffled(8).tolist() == np.random.RandomState(42).permutation(8).tolist()


def test_components_are_those_of_the_correlation_matrix():
    X = numbers(p=5) @ np.array([[1, 2, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 9, 0], [0, 0, 0, 0, 0.1]])
    variances, axes = np.linalg.eigh(np.corrcoef(X.to_numpy().T))
    kept = np.cumsum(variances[::-1]) / 5
    share, scores = components(table(X.set_axis(list("abcde"), axis=1)))
    assert share == (np.count_nonzero(kept < 0.95) + 1) / 5
    expected = StandardScaler().fit_transform(X) @ axes[:, -1]
    np.testing.assert_allclose(np.abs(scores), np.abs(expected), rtol=1e-4, atol=1e-4)


def test_components_of_a_wide_table_are_a_share_of_all_its_columns():
    share, scores = components(table(numbers(n=12, p=40)))
    assert 1 / 40 <= share <= 11 / 40
    assert scores.shape == (12,)


@pytest.mark.parametrize(
    ("columns", "target", "reason"),
    [
        ({"a": [2.0] * 30}, CLASSES, "constant"),
        ({"a": pd.date_range("2020-01-01", periods=30)}, CLASSES, "not_applicable"),
        ({"a": range(30)}, [*range(9)] * 3 + [0, 1, 2], "too_few_rows"),
        ({"a": range(30)}, np.linspace(0.5, 9, 30), "not_applicable"),
    ],
)
def test_what_cannot_be_folded_says_why(columns, target, reason):
    with pytest.raises(UnmeasuredError) as caught:
        folded(table(columns, [f"k{v}" for v in target] if reason == "too_few_rows" else target))
    assert caught.value.reason == reason


def test_folds_are_stratified_runs_of_the_shuffled_rows():
    whole = table({"a": np.arange(53.0)}, ["u"] * 34 + ["v"] * 16 + ["w"] * 3)
    X, y, folds = folded(whole)
    order = np.random.RandomState(42).permutation(53)
    assert y.tolist() == np.repeat([0, 1, 2], [34, 16, 3])[order].tolist()
    np.testing.assert_allclose(np.argsort(np.argsort(X[:, 0])), order)
    for label, sizes in enumerate(([4] * 4 + [3] * 6, [2] * 6 + [1] * 4, [1] * 3 + [0] * 7)):
        found = folds[y == label]
        assert (np.diff(found) >= 0).all()
        assert np.bincount(found, minlength=N_FOLDS).tolist() == sizes


def test_folds_are_of_at_most_so_many_rows_drawn_by_the_seed():
    n = LANDMARK_ROWS + 500
    X, y = {"a": np.arange(n, dtype=float)}, ["u", "v"] * (n // 2)
    first, again, other = (folded(table(X, y, seed=seed)) for seed in (1, 1, 2))
    assert first[0].shape == (LANDMARK_ROWS, 1)
    assert np.bincount(first[1]).tolist() == [LANDMARK_ROWS // 2] * 2
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_a_deadline_stops_the_shapes():
    with pytest.raises(UnmeasuredError, match="timeout"):
        shapes(table(numbers().assign(b=["x", "y", "y"] * 10), deadline=Deadline.within(0.0)))
