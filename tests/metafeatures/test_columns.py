"""Moments and quantiles, against NumPy column by column."""

import numpy as np
import pytest

from metalearn.metafeatures.columns import Columns
from metalearn.metafeatures.table import Table


def columns_of(numbers):
    n, q = numbers.shape
    none = np.empty((n, 0), dtype=np.int64)
    return Columns(Table(("numeric",) * q, np.isnan(numbers).sum(axis=0), 0, numbers, none, None, np.zeros(n)))


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=(101, 4)) * [1, 1e-6, 1e9, 1] + [0, 0, 1e9, 0]
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:, 3] = 7.0
    return values


def test_against_numpy(numbers):
    columns = columns_of(numbers)
    np.testing.assert_allclose(columns.mean, np.nanmean(numbers, axis=0))
    np.testing.assert_allclose(columns.sd, np.nanstd(numbers, axis=0), rtol=1e-7)
    for q in (0.0, 0.25, 0.5, 0.9, 1.0):
        np.testing.assert_allclose(columns.quantile(q), np.nanquantile(numbers, q, axis=0))
    distances = np.abs(numbers - np.nanmedian(numbers, axis=0))
    np.testing.assert_allclose(columns.median_distance(), np.nanmedian(distances, axis=0))
    assert columns.varies.tolist() == [True, True, True, False]


def test_standardized_columns_take_the_mean_for_what_is_missing(numbers):
    standardized = columns_of(numbers).standardized(np.array([0, 2]))
    filled = np.where(np.isnan(numbers), np.nanmean(numbers, axis=0), numbers)[:, [0, 2]]
    np.testing.assert_allclose(standardized, (filled - filled.mean(axis=0)) / filled.std(axis=0), atol=1e-9)


def test_no_power_overflows():
    columns = columns_of(np.array([[-1e300, 1e-310], [1e300, 3e-310], [0.0, 2e-310]]))
    moments = columns.moment(4) / columns.moment(2) ** 2
    np.testing.assert_allclose(moments, 1.5)
