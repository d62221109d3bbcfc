"""Measures and their summaries."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metalearn.core.records import Dataset
from metalearn.metafeatures.measures import ALL_SUMMARIES, HISTOGRAM, SUMMARIES, Measure, require, summarised
from metalearn.metafeatures.table import Table

TABLE = Table.of(Dataset(pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([1.5, 2.5]), "tiny", ("numeric",), ""))


def test_summaries_against_numpy_and_scipy():
    values = np.random.default_rng(0).gamma(1.0, size=57)
    found = summarised(np.concatenate([values, [np.nan, np.inf]]), ALL_SUMMARIES, "constant")
    assert tuple(found) == ALL_SUMMARIES
    quartiles = np.quantile(values, (0.25, 0.5, 0.75))
    shape = (stats.skew(values), stats.kurtosis(values))
    expected = (values.mean(), values.std(), values.min(), *quartiles, values.max(), *shape)
    np.testing.assert_allclose([found[s] for s in SUMMARIES], expected)
    np.testing.assert_allclose([found[s] for s in HISTOGRAM], np.histogram(values, 10)[0] / 57)


def test_one_value_has_a_place_but_no_shape():
    found = summarised(np.array([7.0]), ALL_SUMMARIES, "undefined")
    assert (found["mean"], found["sd"], found["q25"]) == (7.0, 0.0, 7.0)
    assert {found[s] for s in ("skewness", "kurtosis", *HISTOGRAM)} == {"constant"}
    rounded = summarised(np.array([0.1 + 0.2, 0.3]), ("skewness", "histogram_0"), "undefined")
    assert set(rounded.values()) == {"constant"}


def test_without_a_finite_value_there_is_a_reason():
    assert set(summarised(np.array([]), SUMMARIES, "not_applicable").values()) == {"not_applicable"}


def test_huge_values_give_no_infinity():
    found = summarised(np.array([-1.7e308, 1.7e308, 0.0]), ALL_SUMMARIES, "undefined")
    assert all(isinstance(v, str) or np.isfinite(v) for v in found.values())
    assert (found["median"], found["sd"]) == (0.0, "undefined")


@pytest.mark.parametrize(
    ("compute", "status"),
    [
        (lambda t: require(False, "too_few_rows"), "too_few_rows"),
        (lambda t: 1 / 0, "failed: ZeroDivisionError"),
        (lambda t: np.inf, "undefined"),
        (lambda t: np.full((), np.nan), "undefined"),
        (lambda t: np.zeros(1 << 52), "memout"),
    ],
)
def test_what_has_no_value_has_a_reason(compute, status):
    assert Measure("one", compute, "").measure(TABLE, SUMMARIES) == {"one": status}


def test_many_values_are_summarised():
    many = Measure("many", lambda t: np.array([1.0, 3.0, np.nan]), "", over="things")
    assert many.names(("mean", "max")) == ("many_mean", "many_max")
    assert many.measure(TABLE, ("mean", "max")) == {"many_mean": 2.0, "many_max": 3.0}
    none = Measure("none", lambda t: np.array([]), "", over="things", empty="constant")
    assert none.measure(TABLE, ("mean",)) == {"none_mean": "constant"}


def test_the_dictionary_tells_ranges_and_units_of_summaries():
    many = Measure("many", lambda t: np.zeros(1), "a - b", "[0, 2]", "m", "Someone 1999", "things", needs_target=True)
    entries = {entry["name"]: entry for entry in many.entries("group")}
    assert tuple(entries) == many.names(ALL_SUMMARIES)
    assert entries["many_q25"] == {
        "name": "many_q25",
        "group": "group",
        "range": "[0, 2]",
        "unit": "m",
        "cost": "n p",
        "needs_target": "yes",
        "formula": "lower quartile over things of: a - b",
        "source": "Someone 1999",
    }
    assert (entries["many_sd"]["range"], entries["many_sd"]["unit"]) == ("from 0", "m")
    assert (entries["many_kurtosis"]["range"], entries["many_kurtosis"]["unit"]) == ("from -2", "")
