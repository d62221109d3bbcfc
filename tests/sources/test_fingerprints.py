"""Fingerprints: as they were first defined, however many columns are hashed at a time."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from metalearn.sources import fingerprints
from metalearn.sources.fingerprints import as_numbers, fingerprint

N, Y = 12, ["a", "b"] * 6


def test_many_columns_have_the_fingerprint_of_few_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(N, 50))).add_prefix("c").assign(s=["p", "q"] * 6, y=Y)
    frame.iloc[3, 7] = -0.0
    frame.iloc[4, 7] = np.nan
    expected = fingerprint(frame.drop(columns="y"), frame["y"])
    cells = pd.DataFrame(
        {name: pd.util.hash_array(_lowered(frame[name])) for name in frame.columns}  # as it was first defined
    )
    rows = np.sort(pd.util.hash_pandas_object(cells, index=False).to_numpy())
    assert expected == hashlib.sha256(rows.astype("<u8").tobytes()).hexdigest()
    monkeypatch.setattr(fingerprints, "_HASHED_CELLS", 1)
    assert fingerprint(frame.drop(columns="y"), frame["y"]) == expected


def _lowered(column):
    return column.to_numpy() + 0.0 if column.dtype == float else column.to_numpy(dtype=object)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([0.0, 1.0, None], [-0.0, 1.0, np.nan]),
        (pd.Categorical(["X", "y", None]), ["x ", " Y", None]),
        (pd.Categorical(["1", "2.50", None], categories=["2.50", "0", "1"]), [1.0, 2.5, None]),
        (
            pd.to_datetime(["2020-01-02", "2020-01-03", None]),
            pd.to_datetime(["2020-01-02", "2020-01-03", None]).as_unit("s"),
        ),
        ([2**40, 1, 7], ["1099511627776", "1.0", "7e0"]),
    ],
    ids=["zeros", "letter case", "categories of numbers", "units of time", "whole numbers"],
)
def test_one_content_in_two_forms(one, other):
    y = pd.Series([1, 2, 3])
    first, second = (fingerprint(pd.DataFrame({"a": column}), y) for column in (one, other))
    assert first == second
    assert first != fingerprint(pd.DataFrame({"a": [9, 9, 9]}), y)


def test_text_that_no_encoding_holds_has_a_fingerprint_too():
    frame = pd.DataFrame({"a": pd.Series(["b", "\ud800"], dtype=object)})
    assert len(fingerprint(frame, pd.Series([0, 1]))) == 64


def test_numbers_too_large_for_a_float_are_none():
    assert as_numbers(pd.Series([10**400], dtype=object)) is None
    assert as_numbers(pd.Series(["1e3", "2"]))[0] == 1000
