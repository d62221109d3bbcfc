"""A small table with every kind of column and every kind of gap."""

import numpy as np
import pandas as pd
import pytest

from metalearn.core.records import Dataset

N_ROWS = 60


@pytest.fixture
def mixed_table() -> pd.DataFrame:
    """60 rows: numbers, categories, text, booleans, dates, durations; gaps in most, nothing at all in two."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "number": rng.normal(size=N_ROWS),
            "whole": pd.array(rng.integers(0, 5, N_ROWS), dtype="Int64"),
            "category": pd.Categorical(rng.choice(list("xyz"), N_ROWS)),
            "text": rng.choice(["red oak", "elm"], N_ROWS),
            "flag": rng.random(N_ROWS) < 0.5,
            "maybe": pd.array(rng.random(N_ROWS) < 0.5, dtype="boolean"),
            "date": pd.date_range("2020-01-01", periods=N_ROWS),
            "zoned": pd.date_range("2020-01-01", periods=N_ROWS, tz="Europe/Berlin"),
            "duration": pd.to_timedelta(np.arange(N_ROWS), unit="h"),
            "constant": 1.0,
            "empty": np.nan,
            "empty_text": pd.Series([None] * N_ROWS, dtype=object),
        }
    )
    for i, column in enumerate(["number", "whole", "category", "text", "maybe", "date", "zoned", "duration"]):
        table.loc[i::7, column] = None
    table["mixed"] = pd.Series([1, "one", None, 2.5] * (N_ROWS // 4), dtype=object)
    return table


@pytest.fixture
def two_classes(mixed_table: pd.DataFrame) -> pd.Series:
    """A target of two classes that the first column tells."""
    return pd.Series(np.where(mixed_table["number"].fillna(0) > 0, "yes", "no"))


@pytest.fixture
def three_classes(mixed_table: pd.DataFrame) -> pd.Series:
    """A target of three classes, one of them rare (a single row)."""
    y = np.where(mixed_table["number"].fillna(0) > 0, "yes", "no").astype(object)
    y[30] = "rarely"
    return pd.Series(y)


@pytest.fixture
def numbers(mixed_table: pd.DataFrame) -> pd.Series:
    """A numeric target that the first column tells in part; all its values are whole."""
    rng = np.random.default_rng(1)
    return pd.Series((100 * mixed_table["number"].fillna(0) + rng.normal(scale=20, size=N_ROWS)).round())


@pytest.fixture
def dataset(mixed_table: pd.DataFrame, three_classes: pd.Series) -> Dataset:
    """The mixed table with its three classes."""
    return Dataset(
        mixed_table, three_classes.astype("category"), "mixed", ("nominal",) * mixed_table.shape[1], "f" * 64
    )
