"""Raw columns: the kind of each, and what is missing in it."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from metalearn.sources.columns import convert

N = 12

COLUMNS = {
    "bool": ([True, False] * 6, "nominal"),
    "bool with missing": (pd.array([True, None] * 6, dtype="boolean"), "nominal"),
    "Int64": (pd.array([1, None] * 6, dtype="Int64"), "numeric"),
    "int8": (np.arange(N, dtype=np.int8), "numeric"),
    "category of numbers": (pd.Categorical([1, 2] * 6), "nominal"),
    "number words": (["1", " 2.5 "] * 6, "numeric"),
    "huge numbers": ([str(10**25)] * N, "numeric"),
    "decimal": ([Decimal("1.5")] * N, "numeric"),
    "words": (["x", "y"] * 6, "nominal"),
    "mixed": ([1, "x"] * 6, "nominal"),
    "lists": ([[1]] * N, "nominal"),
    "all missing": ([None] * N, "numeric"),
    "time zone": (pd.date_range("2020", periods=N, tz="Europe/Vienna"), "date"),
    "iso": (["2020-01-02", "2021-02-03T10:00:00Z"] * 6, "date"),
    "day that is none": (["2020-01-02", "2020-02-31"] * 6, "nominal"),
    "date objects": ([dt.date(2020, 1, 2)] * N, "date"),
    "duration": (pd.to_timedelta(range(N), unit="s"), "numeric"),
    "sentences": ([f"the {i}th cat sat here" for i in range(N)], "text"),
    "few sentences": (["the cat sat here", "the dog sat there"] * 6, "nominal"),
    "identifiers": ([f"id{i}" for i in range(N)], "nominal"),
}


@pytest.mark.parametrize("label", COLUMNS)
def test_the_kind_and_dtype_of_a_column(label):
    values, kind = COLUMNS[label]
    found = convert(pd.Series(values), nominal=False)
    dtype = {"numeric": "float64", "nominal": "category", "date": "datetime64", "text": "str"}[kind]
    assert (found.kind, found.limited) == (kind, False)
    assert str(found.values.dtype).startswith(dtype)


@pytest.mark.parametrize("dtype", ["float64", "Float64", "str", "object"])
def test_numbers_beyond_those_of_float32_are_missing_in_every_dtype(dtype):
    values = pd.Series([1.5, 1e308, -np.inf, 3e38]).astype(dtype)
    found = convert(values, nominal=False)
    assert (found.kind, found.limited) == ("numeric", True)
    np.testing.assert_array_equal(found.values, [1.5, np.nan, np.nan, 3e38])
