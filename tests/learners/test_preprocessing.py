"""Any table of mixed columns with gaps becomes finite numbers."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from metalearn.learners.expressions import build
from metalearn.learners.preprocessing import MAX_CATEGORIES, preprocessor


def _fitted(table: pd.DataFrame) -> Any:
    return build(preprocessor()).fit(table)


def _numbers(table: pd.DataFrame) -> np.ndarray:
    return np.asarray(_fitted(table).transform(table))


def test_a_mixed_table_becomes_finite_numbers(mixed_table: pd.DataFrame) -> None:
    before = mixed_table.copy(deep=True)
    numbers = _numbers(mixed_table)
    assert numbers.dtype == np.float64
    assert np.isfinite(numbers).all()
    pd.testing.assert_frame_equal(mixed_table, before)


def test_gaps_take_the_median_and_columns_are_scaled() -> None:
    # 1, 2, 9 and the median 2: mean 3.5, variance (6.25 + 2.25 + 30.25 + 2.25) / 4 = 10.25
    numbers = _numbers(pd.DataFrame({"a": [1.0, 2.0, 9.0, np.nan]}))
    np.testing.assert_allclose(numbers.ravel(), (np.array([1, 2, 9, 2]) - 3.5) / np.sqrt(10.25))


@pytest.mark.parametrize(
    ("column", "seconds"),
    [
        (pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04"]), [0, 86400, 3 * 86400]),
        (pd.to_datetime(["2020-01-01 00:00+01:00", "2020-01-01 01:00+01:00"], utc=True), [0, 3600]),
        (pd.to_timedelta([1, 2, 4], unit="min"), [60, 120, 240]),
    ],
    ids=["date", "zoned", "duration"],
)
def test_times_are_seconds(column: pd.Index, seconds: list[int]) -> None:
    as_times, as_numbers = _numbers(pd.DataFrame({"t": column})), _numbers(pd.DataFrame({"t": map(float, seconds)}))
    np.testing.assert_allclose(as_times, as_numbers, atol=1e-6)


@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_one_column_a_category_and_one_for_gaps(dtype: Any) -> None:
    numbers = _numbers(pd.DataFrame({"c": pd.Series(["a", "b", None, "a"], dtype=dtype)}))
    assert numbers.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_rare_categories_are_folded() -> None:
    numbers = _numbers(pd.DataFrame({"id": [f"row {i}" for i in range(200)]}))
    assert numbers.shape == (200, MAX_CATEGORIES)


def test_what_was_never_seen_is_no_error(mixed_table: pd.DataFrame) -> None:
    fitted = _fitted(mixed_table)
    new = mixed_table.assign(category="w", text="baobab", empty=7.0, empty_text="now", mixed=None)
    numbers = fitted.transform(new)
    assert np.isfinite(numbers).all()
    assert numbers.shape == fitted.transform(mixed_table).shape


def test_it_can_be_cloned_and_pickled(mixed_table: pd.DataFrame) -> None:
    fitted = pickle.loads(pickle.dumps(_fitted(mixed_table)))
    again = clone(fitted).fit(mixed_table)
    np.testing.assert_array_equal(fitted.transform(mixed_table), again.transform(mixed_table))
