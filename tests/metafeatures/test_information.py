"""Information-theoretic meta-features: by hand, and against scikit-learn and SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mutual_info_score

from metalearn.metafeatures.information import binned, entropy

TARGET = ["u", "u", "u", "u", "u", "u", "v", "v", "v", "v", "v", "v"]


def test_by_hand(describe):
    informative = ["x"] * 6 + ["y"] * 6
    useless = ["p", "p", "p", "q", "q", "q"] * 2
    values = describe({"a": informative, "b": useless}, TARGET, ["information"])
    expected = {
        "class_entropy": 1.0,
        "class_entropy_normalized": 1.0,
        "attribute_entropy_mean": 1.0,
        "joint_entropy_min": 1.0,
        "joint_entropy_max": 2.0,
        "mutual_information_mean": 0.5,
        "mutual_information_max": 1.0,
        "uncertainty_coefficient_mean": 0.5,
        "equivalent_number_of_attributes": 2.0,
        "noise_to_signal_ratio": 1.0,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvw")), min_size=12, max_size=40))
def test_against_scikit_learn(describe, pairs):
    # Every class and every value occurs, so that no pair of columns is refused or empty.
    column, target = zip(*[*pairs, ("a", "u"), ("b", "v"), ("c", "w")], strict=True)
    values = describe({"a": column}, target, ["information"])
    bits = np.log(2)
    shares = np.unique(target, return_counts=True)[1] / len(target)
    assert values["class_entropy"] == pytest.approx(stats.entropy(shares, base=2))
    assert values["mutual_information_mean"] == pytest.approx(mutual_info_score(column, target) / bits, abs=1e-9)
    assert values["uncertainty_coefficient_mean"] <= 1 + 1e-12


def test_bins_are_equally_frequent_and_as_many_as_the_cube_root_of_the_rows():
    bins = binned(np.random.default_rng(0).lognormal(size=(1000, 3)))
    for column in bins.T:
        np.testing.assert_array_equal(np.bincount(column), [100] * 10)


def test_a_column_with_few_values_keeps_them_however_rare():
    column = np.r_[np.zeros(990), np.ones(9), 5.0]
    assert entropy(np.bincount(binned(column[:, None])[:, 0])) == pytest.approx(
        stats.entropy([0.99, 0.009, 0.001], base=2)
    )


def test_equal_values_share_a_bin_and_missing_ones_have_their_own():
    column = np.r_[np.repeat(np.arange(40.0), 5), [np.nan] * 16]
    bins = binned(column[:, None])[:, 0]
    assert all(len(set(bins[column == value])) == 1 for value in range(40))
    assert set(bins[np.isnan(column)]) == {6}
    assert 6 not in bins[~np.isnan(column)]


def test_numeric_columns_tell_about_a_numeric_target(describe):
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    values = describe({"a": x, "b": rng.normal(size=1000)}, np.exp(x), ["information"])
    assert values["uncertainty_coefficient_max"] == pytest.approx(1.0)
    assert values["uncertainty_coefficient_min"] < 0.1
    assert values["class_entropy"] == values["class_entropy_normalized"] == "not_applicable"


def test_missingness_itself_can_tell_the_class(describe):
    values = describe({"a": [1.0] * 6 + [None] * 6, "b": ["x"] * 6 + [None] * 6}, TARGET, ["information"])
    assert values["mutual_information_min"] == pytest.approx(1.0)


def test_without_signal_there_is_no_ratio(describe):
    values = describe({"a": ["x"] * 12}, TARGET, ["information"])
    assert values["mutual_information_mean"] == 0
    assert values["equivalent_number_of_attributes"] == values["noise_to_signal_ratio"] == "undefined"


def test_without_columns_the_classes_remain(describe):
    days = [f"2020-01-{day:02}" for day in range(1, 13)]
    values = describe({"a": days}, TARGET, ["information"])
    assert values.pop("class_entropy") == values.pop("class_entropy_normalized") == 1.0
    assert set(values.values()) == {"not_applicable"}
