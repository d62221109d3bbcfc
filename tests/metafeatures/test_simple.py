"""Simple meta-features of a table that can be counted by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.simple import SIMPLE
from metalearn.sources.frames import make_dataset

TARGET = ["u"] * 6 + ["v"] * 3 + ["w"]
COLUMNS = {
    "a": [1.5, 2.5, None, 4.5, 5.5, 6.5, None, 8.5, 9.5, 0.5],
    "b": ["x", "y", "z", "x", "y", None, "x", "x", "x", "x"],
    "c": ["p", "q"] * 5,
    "d": pd.date_range("2020", periods=10),
    "e": [f"word number {i} of ten" for i in range(10)],
}
NUMERIC_TARGET = ("target_skewness", "target_kurtosis", "target_outlier_share", "target_share_of_mode")
EXPECTED = {
    "n_rows": 10,
    "n_columns": 5,
    "log_n_rows": math.log(10),
    "log_n_columns": math.log(5),
    "dimensionality": 0.5,
    "log_dimensionality": math.log(0.5),
    "n_numeric": 1,
    "n_nominal": 2,
    "n_rows_used": 10,
    "n_date": 1,
    "n_text": 1,
    "n_binary": 1,
    "share_numeric": 0.2,
    "share_nominal": 0.4,
    "n_missing": 3,
    "n_columns_with_missing": 2,
    "n_rows_with_missing": 3,
    "share_missing": 0.06,
    "share_columns_with_missing": 0.4,
    "share_rows_with_missing": 0.3,
    "symbols_sum": 5,
    "symbols_mean": 2.5,
    "symbols_sd": 0.5,
    "symbols_min": 2,
    "symbols_q25": 2.25,
    "symbols_median": 2.5,
    "symbols_q75": 2.75,
    "symbols_max": 3,
    "symbols_skewness": 0,
    "symbols_kurtosis": -2,
    "n_classes": 3,
    "class_probability_mean": 1 / 3,
    "class_probability_sd": math.sqrt((0.6**2 + 0.3**2 + 0.1**2) / 3 - 1 / 9),
    "class_probability_min": 0.1,
    "class_probability_q25": 0.2,
    "class_probability_median": 0.3,
    "class_probability_q75": 0.45,
    "class_probability_max": 0.6,
    "class_probability_skewness": stats.skew([0.6, 0.3, 0.1]),
    "class_probability_kurtosis": -1.5,
    "class_imbalance_ratio": 6,
    **dict.fromkeys(NUMERIC_TARGET, "not_applicable"),
}


def test_counted_by_hand(describe):
    assert describe(COLUMNS, TARGET, ["simple"]) == pytest.approx(EXPECTED)


def test_without_nominal_columns_there_are_no_symbols(describe):
    values = describe({"a": range(10)}, TARGET, ["simple"])
    assert values["symbols_sum"] == 0
    assert values["symbols_mean"] == "not_applicable"


def test_a_regression_has_no_classes_but_a_spread(describe):
    target = [0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 90.0]
    values = describe({"a": range(10)}, target, ["simple"])
    assert {value for name, value in values.items() if "class" in name} == {"not_applicable"}
    assert values["target_skewness"] == pytest.approx(stats.skew(target))
    assert values["target_kurtosis"] == pytest.approx(stats.kurtosis(target))
    assert (values["target_outlier_share"], values["target_share_of_mode"]) == (0.1, 0.2)


def test_binary_columns_of_either_kind_are_counted(describe):
    columns = {"a": [0.0, 7.0] * 5, "b": ["x", "y"] * 5, "c": [1.0, 1.0] * 5, "d": range(10), "e": [1.0, None] * 5}
    assert describe(columns, TARGET, ["simple"])["n_binary"] == 2


def test_without_numbers_nominal_columns_are_counted_also_constant_ones(describe):
    values = describe({"a": ["x", "y"] * 5, "b": ["p"] * 10}, TARGET, ["simple"])
    assert (values["n_binary"], values["symbols_sum"], values["symbols_min"]) == (1, 3, 1)


def test_without_a_target_nothing_of_it_applies():
    dataset = make_dataset(pd.DataFrame({"a": ["x", "y"] * 6, "b": range(12)}), None, lenient=True)
    extractor = Extractor(["simple"], summaries=["mean"])
    _, _, status = extractor.extract(dataset, rng=np.random.default_rng(0))
    found = dict(zip(extractor.names, status, strict=True))
    of_target = {name for name in found if name.startswith(("class_", "n_classes", "target_"))}
    assert {name for name, said in found.items() if said != "ok"} == of_target
    assert {found[name] for name in of_target} == {"not_applicable"}
    assert of_target == {name for m in SIMPLE.measures if m.needs_target for name in m.names(["mean"])}
