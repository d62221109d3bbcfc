"""Moments, quantiles and counts of columns, against NumPy and SciPy column by column."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metalearn.core.records import Dataset
from metalearn.metafeatures import table as table_module
from metalearn.metafeatures.columns import columns_of, standardized
from metalearn.metafeatures.table import Table, UnmeasuredError


def table_of(numbers):
    n, q = numbers.shape
    return Table.of(Dataset(pd.DataFrame(numbers), pd.Series(np.zeros(n)), "d", ("numeric",) * q, ""))


@pytest.fixture(params=["gaps", "no gaps"])
def numbers(request):
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=(101, 4)) * [1, 1e-6, 1e9, 1] + [0, 0, 1e9, 0]
    if request.param == "gaps":
        values[rng.random(values.shape) < 0.2] = np.nan
    values[:, 3] = 7.0
    return values


@pytest.mark.parametrize("block_cells", [2_000_000, 202])
def test_against_numpy(numbers, monkeypatch, block_cells):
    monkeypatch.setattr(table_module, "_BLOCK_CELLS", block_cells)
    columns = table_of(numbers).shared(columns_of)
    np.testing.assert_allclose(columns.mean, np.nanmean(numbers, axis=0))
    np.testing.assert_allclose(columns.sd, np.nanstd(numbers, axis=0, ddof=1), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(columns.variance, columns.sd**2)
    for q, found in ((0.25, columns.q25), (0.5, columns.median), (0.75, columns.q75)):
        np.testing.assert_allclose(found, np.nanquantile(numbers, q, axis=0))
    np.testing.assert_allclose(columns.mad, stats.median_abs_deviation(numbers, nan_policy="omit"))
    np.testing.assert_array_equal(columns.known, np.count_nonzero(~np.isnan(numbers), axis=0))
    assert columns.varies.tolist() == [True, True, True, False]
    assert columns.distinct.tolist() == [*columns.known[:3], 1]
    for i, values in enumerate(numbers.T):
        known = values[~np.isnan(values)]
        assert columns.trimmed_mean[i] == pytest.approx(stats.trim_mean(known, 0.2))
        assert np.exp(columns.log_mean[i]) == pytest.approx(stats.gmean(known))
        assert 1 / columns.inverse_mean[i] == pytest.approx(stats.hmean(known))
        fence = 1.5 * stats.iqr(known)
        low, high = np.quantile(known, 0.25) - fence, np.quantile(known, 0.75) + fence
        assert columns.outliers[i] == np.count_nonzero((known < low) | (known > high))


def test_shape_against_scipy(numbers):
    columns = table_of(numbers).shared(columns_of)
    varying = numbers[:, :3]
    np.testing.assert_allclose(columns.skewness[:3], stats.skew(varying, nan_policy="omit").astype(float), rtol=1e-7)
    kurtosis = stats.kurtosis(varying, nan_policy="omit").astype(float)
    np.testing.assert_allclose(columns.kurtosis[:3], kurtosis, rtol=1e-7)
    assert np.isnan([columns.skewness[3], columns.kurtosis[3]]).all()


def test_standardized_columns_take_the_mean_for_what_is_missing(numbers):
    found = table_of(numbers).shared(standardized)
    filled = np.where(np.isnan(numbers), np.nanmean(numbers, axis=0), numbers)[:, :3]
    np.testing.assert_allclose(found, (filled - filled.mean(axis=0)) / filled.std(axis=0), atol=1e-9)


def test_no_power_overflows():
    columns = table_of(np.array([[-1e300, 1e-310], [1e300, 3e-310], [0.0, 2e-310]])).shared(columns_of)
    np.testing.assert_allclose(columns.m4 / columns.m2**2, 1.5)
    np.testing.assert_allclose(columns.kurtosis, -1.5)


def test_without_columns_that_vary_there_is_a_reason():
    with pytest.raises(UnmeasuredError, match="constant"):
        standardized(table_of(np.ones((5, 2))))
    with pytest.raises(UnmeasuredError, match="not_applicable"):
        columns_of(table_of(np.empty((5, 0))))
