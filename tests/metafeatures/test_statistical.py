"""Statistical meta-features: by hand, against SciPy, and what must not change them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from metalearn.core.records import Dataset
from metalearn.metafeatures.columns import columns_of
from metalearn.metafeatures.statistical import normality
from metalearn.metafeatures.table import Table

TARGET = ["u", "v"] * 10
PLACE = ("mean", "sd", "min", "max")


def test_one_column_by_hand(describe):
    values = describe({"a": [0, 0, 1, 1, 2, 2, 3, 3, 4, 14]}, TARGET[:10], ["statistical"])
    expected = {
        "mean": 3,
        "sd": np.sqrt((9 + 9 + 4 + 4 + 1 + 1 + 0 + 0 + 1 + 121) / 9),
        "variance": 150 / 9,
        "range": 14,
        "trimmed_mean": 2,  # of 1 1 2 2 3 3
        "geometric_mean": 0,
        "harmonic_mean": 0,
        "min": 0,
        "max": 14,
        "median": 2,
        "iqr": 2,  # 3 - 1
        "mad": 1.4826,  # of 2 2 1 1 0 0 1 1 2 12
        "coefficient_of_variation": np.sqrt(150 / 9) / 3,
        "outlier_share": 0.1,  # above 3 + 1.5 x 2
        "sparsity": (10 / 6 - 1) / 9,
        "skewness": (-27 - 27 - 8 - 8 - 1 - 1 + 1 + 11**3) / 10 / 15**1.5,
        "kurtosis": (81 + 81 + 16 + 16 + 1 + 1 + 1 + 11**4) / 10 / 15**2 - 3,
    }
    assert {name: values[f"{name}_mean"] for name in expected} == pytest.approx(expected)
    assert (values["share_skewed"], values["share_zeros"]) == (1.0, 0.2)
    assert (values["n_columns_with_outliers"], values["n_normal_columns"]) == (1.0, "too_few_rows")


def test_many_columns_against_scipy(describe):
    rng = np.random.default_rng(1)
    numbers = rng.gamma(1.0, size=(200, 6))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    values = describe(numbers, TARGET * 10, ["statistical"])
    per_column = {
        "skewness": stats.skew(numbers, nan_policy="omit"),
        "kurtosis": stats.kurtosis(numbers, nan_policy="omit"),
        "mad": 1.4826 * stats.median_abs_deviation(numbers, nan_policy="omit"),
        "geometric_mean": stats.gmean(numbers, nan_policy="omit"),
        "harmonic_mean": stats.hmean(numbers, nan_policy="omit"),
        "iqr": stats.iqr(numbers, axis=0, nan_policy="omit"),
        "coefficient_of_variation": stats.variation(numbers, nan_policy="omit", ddof=1),
    }
    for name, column in per_column.items():
        column = np.asarray(column, dtype=float)
        expected = [column.mean(), column.std(), column.min(), column.max()]
        assert [values[f"{name}_{s}"] for s in ("mean", "sd", "min", "max")] == pytest.approx(expected)


NUMBERS = st.lists(st.integers(-1000, 1000), min_size=20, max_size=20).filter(lambda column: len(set(column)) > 1)


@settings(max_examples=30)
@given(NUMBERS, NUMBERS, st.sampled_from([1e-6, 0.5, 3.0, 1e8]), st.integers(-5, 5))
def test_units_do_not_change_the_shape(describe, first, second, factor, shift):
    frame = pd.DataFrame({"a": first, "b": second}, dtype=float)
    values = describe(frame, TARGET, ["statistical"], summaries=PLACE)
    scaled = describe((frame + shift) * factor, TARGET, ["statistical"], summaries=PLACE)
    for name in values:
        if name.startswith(("skewness", "kurtosis")):
            assert scaled[name] == pytest.approx(values[name], rel=1e-6, abs=1e-6), name


def test_normality_against_scipy():
    rng = np.random.default_rng(2)
    numbers = np.column_stack([rng.normal(size=300), rng.gamma(3.0, size=300), rng.uniform(size=300)])
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    table = Table.of(Dataset(pd.DataFrame(numbers), pd.Series(np.zeros(300)), "d", ("numeric",) * 3, ""))
    expected = [stats.normaltest(column[~np.isnan(column)]).statistic for column in numbers.T]
    np.testing.assert_allclose(normality(table.shared(columns_of)), expected, rtol=1e-6)


def test_normal_columns_are_counted(describe):
    rng = np.random.default_rng(3)
    numbers = np.hstack([rng.normal(size=(500, 3)), rng.gamma(1.0, size=(500, 4)), np.ones((500, 1))])
    values = describe(numbers, TARGET * 25, ["statistical"])
    assert values["n_normal_columns"] == 3
    assert values["share_skewed"] == pytest.approx(4 / 7)


def test_negative_values_have_no_geometric_mean(describe):
    values = describe({"a": [-1.0, 1.0] * 10, "b": [1.0, 4.0] * 10}, TARGET, ["statistical"])
    assert (values["geometric_mean_min"], values["geometric_mean_max"]) == (2.0, 2.0)
    assert values["harmonic_mean_mean"] == pytest.approx(1.6)


def test_columns_without_spread_have_no_shape_and_count_elsewhere(describe):
    values = describe({"a": [3.0] * 20, "b": [None] * 20}, TARGET, ["statistical"])
    assert values["skewness_mean"] == values["kurtosis_max"] == values["share_skewed"] == "constant"
    assert (values["mean_mean"], values["sd_max"], values["coefficient_of_variation_max"]) == (3.0, 0.0, 0.0)


def test_a_mean_of_zero_is_not_divided_by(describe):
    values = describe({"a": [-0.1, 0.1] * 10, "b": [1.0, 3.0] * 10}, TARGET, ["statistical"])
    assert values["coefficient_of_variation_max"] == pytest.approx(np.sqrt(20 / 19) / 2)
    rounded = describe({"a": [-0.3, 0.1, 0.1, 0.1] * 5}, TARGET, ["statistical"])
    assert 0 < abs(rounded["mean_mean"]) < 1e-15
    assert rounded["coefficient_of_variation_mean"] == "undefined"
    assert describe({"a": [-1.0, 1.0] * 10}, TARGET, ["statistical"])["coefficient_of_variation_mean"] == "undefined"


def test_without_numeric_columns_nothing_applies(describe):
    assert set(describe({"a": ["x", "y"] * 10}, TARGET, ["statistical"]).values()) == {"not_applicable"}
