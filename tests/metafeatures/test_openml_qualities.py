"""OpenML's qualities: values its engine is tested with, published ones, and independent formulas."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from metalearn.core.records import Dataset
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.openml_qualities import OPENML, entropies
from metalearn.metafeatures.table import Table
from metalearn.sources.files import load_dataset
from metalearn.sources.frames import make_dataset

STATISTICS = ("Means", "StdDev", "Skewness", "Kurtosis")
SUMMARIES = ("Mean", "Min", "Max", "Quartile1", "Quartile2", "Quartile3")
XOR = {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]}


def qualities(columns, target=None, **options):
    """Return the qualities by OpenML's names, or their status."""
    frame = pd.DataFrame(columns) if target is None else pd.DataFrame(columns).assign(target=target)
    return of(make_dataset(frame, None if target is None else "target", lenient=True, **options))


def of(dataset):
    extractor = Extractor([OPENML])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, _, status = extractor.extract(dataset, rng=np.random.default_rng(0))
    assert np.array_equal(np.isfinite(values), np.array(status) == "ok")
    found = zip(extractor.names, values.tolist(), status, strict=True)
    return {name.removeprefix("openml_"): value if said == "ok" else said for name, value, said in found}


def test_a_numeric_xor_is_as_in_the_engines_tests():
    found = qualities(XOR, [0, 1, 1, 0], task_type="regression")
    expected = {
        "NumberOfInstances": 4.0,
        "NumberOfFeatures": 3.0,
        "NumberOfClasses": 0.0,
        "Dimensionality": 0.75,
        "NumberOfInstancesWithMissingValues": 0.0,
        "NumberOfMissingValues": 0.0,
        "PercentageOfInstancesWithMissingValues": 0.0,
        "PercentageOfMissingValues": 0.0,
        "NumberOfNumericFeatures": 3.0,
        "NumberOfSymbolicFeatures": 0.0,
        "NumberOfBinaryFeatures": 0.0,
        "PercentageOfNumericFeatures": 100.0,
        "PercentageOfSymbolicFeatures": 0.0,
        "PercentageOfBinaryFeatures": 0.0,
    }
    for name, value in zip(STATISTICS, (0.5, 0.5773502691896257, 0.0, -6.0), strict=True):
        expected |= {f"{summary}{name}OfNumericAtts": value for summary in SUMMARIES}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    for name in ("MajorityClassSize", "MinorityClassPercentage", "ClassEntropy", "MaxMutualInformation"):
        assert found[name] == "not_applicable"


def test_a_nominal_xor_with_a_column_of_missing_values_is_as_in_the_engines_tests():
    columns = {"a": ["0", "0", "1", "1"], "b": ["0", "1", "0", "1"]}
    found = qualities(columns, ["n", "y", "y", "n"], nominal=("a", "b"))
    expected = {
        "NumberOfClasses": 2.0,
        "NumberOfSymbolicFeatures": 3.0,
        "NumberOfBinaryFeatures": 3.0,
        "PercentageOfSymbolicFeatures": 100.0,
        "PercentageOfBinaryFeatures": 100.0,
        "MajorityClassSize": 2.0,
        "MinorityClassSize": 2.0,
        "MajorityClassPercentage": 50.0,
        "MinorityClassPercentage": 50.0,
        "AutoCorrelation": 1 / 3,
        "ClassEntropy": 1.0,
        "MeanAttributeEntropy": 1.0,
        "Quartile1AttributeEntropy": 1.0,
        "MeanMutualInformation": 0.0,
        "MaxMutualInformation": 0.0,
        "StdvNominalAttDistinctValues": 0.0,
        "MeanNominalAttDistinctValues": 2.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["EquivalentNumberOfAtts"] == found["MeanNoiseToSignalRatio"] == "undefined"
    assert found["MeanMeansOfNumericAtts"] == "not_applicable"


def test_published_qualities_of_anneal_come_out(shared):
    found = of(load_dataset(shared / "datasets" / "anneal.arff", "class"))
    published = {
        "DefaultAccuracy": 0.7616926503340757,
        "Dimensionality": 0.043429844097995544,
        "MajorityClassSize": 684,
        "MeanMeansOfNumericAtts": 348.50426818856744,
        "MeanStdDevOfNumericAtts": 405.17326983790934,
        "NumberOfFeatures": 39,
        "NumberOfInstances": 898,
        "NumberOfInstancesWithMissingValues": 898,
        "NumberOfMissingValues": 22175,
        "NumberOfNumericFeatures": 6,
        "PercentageOfMissingValues": 63.31734338415853,
        "PercentageOfNumericFeatures": 15.384615384615385,
        "NumberOfBinaryFeatures": 7,
    }
    assert {name: found[name] for name in published} == pytest.approx(published, rel=1e-12)


def test_statistics_are_unbiased_with_quartiles_as_in_commons_math():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.gamma(1.0, size=(40, 6))).add_prefix("c")
    X.iloc[:10, 2] = np.nan
    found = qualities(X, ["u", "v"] * 20)
    columns = [X[c].dropna() for c in X]
    expected = {
        "Means": [c.mean() for c in columns],
        "StdDev": [c.std() for c in columns],
        "Skewness": [stats.skew(c, bias=False) for c in columns],
        "Kurtosis": [stats.kurtosis(c, bias=False) for c in columns],
    }
    for name, values in expected.items():
        quartiles = np.quantile(values, (0.25, 0.5, 0.75), method="weibull")
        summaries = dict(zip(SUMMARIES, (np.mean(values), min(values), max(values), *quartiles), strict=True))
        for summary, value in summaries.items():
            assert found[f"{summary}{name}OfNumericAtts"] == pytest.approx(value, rel=1e-9), (summary, name)


def test_information_is_in_bits_with_missing_as_a_value():
    columns = {"a": ["x", "y", None, "x"] * 8, "b": ["p", "p", "q", "r"] * 8, "c": ["k"] * 32, "d": range(32)}
    target = ["u", "v", "v", "u", "u", "v", "u", "u"] * 4
    found = qualities(columns, target)
    codes = [pd.factorize(pd.Series(columns[c]), use_na_sentinel=False)[0] for c in "abc"]
    entropy = [stats.entropy(np.bincount(c), base=2) for c in codes]
    information = [mutual_info_score(c, target) / np.log(2) for c in codes]
    of_class = stats.entropy([5, 3], base=2)
    expected = {
        "ClassEntropy": of_class,
        "MeanAttributeEntropy": np.mean(entropy),
        "MinAttributeEntropy": 0.0,
        "MaxAttributeEntropy": max(entropy),
        "Quartile3AttributeEntropy": np.quantile(entropy, 0.75, method="weibull"),
        "MeanMutualInformation": np.mean(information),
        "MaxMutualInformation": max(information),
        "EquivalentNumberOfAtts": of_class / np.mean(information),
        "MeanNoiseToSignalRatio": (np.mean(entropy) - np.mean(information)) / np.mean(information),
        "MaxNominalAttDistinctValues": 3.0,
        "MinNominalAttDistinctValues": 1.0,
        "StdvNominalAttDistinctValues": np.std([2, 3, 1, 2], ddof=1),
        "NumberOfBinaryFeatures": 2.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_many_symbols_of_many_classes_take_no_memory_for_each_pair():
    codes = np.arange(6000) % 3000
    X, y = pd.DataFrame({"a": pd.Categorical(codes)}), pd.Series(pd.Categorical(codes))
    table = Table.of(Dataset(X, y, "many", ("nominal",), ""))
    tracemalloc.start()
    own, information = entropies(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [own[0], information[0]] == pytest.approx([np.log2(3000)] * 2)
    assert peak < 8 * 3000**2 / 10


def test_autocorrelation_counts_changes_of_class_and_takes_differences_of_numbers():
    assert qualities({"a": range(5)}, [*"uuvvu"])["AutoCorrelation"] == 0.5
    assert qualities({"a": range(4)}, [0.5, 9.0, 3.0, 2.0], task_type="regression")["AutoCorrelation"] == 1.5


def test_a_numeric_target_is_a_numeric_feature_and_dates_count():
    columns = {"a": [1.0, 3.0] * 10, "t": pd.date_range("2020-01-01", periods=20)}
    found = qualities(columns, np.linspace(0.5, 4.3, 20))
    assert found["NumberOfNumericFeatures"] == 3.0
    assert found["MeanMeansOfNumericAtts"] == pytest.approx(2.2)
    assert found["NumberOfBinaryFeatures"] == 0.0


def test_without_a_target_only_what_does_not_count_it_is_left():
    found = qualities({"a": [1.0, 2.0, 6.0], "b": ["x", "y", "y"]})
    left = {name for name, value in found.items() if value != "not_applicable"}
    assert left == {
        "NumberOfInstances",
        "NumberOfMissingValues",
        "NumberOfInstancesWithMissingValues",
        "PercentageOfInstancesWithMissingValues",
    }
    assert found["NumberOfInstances"] == 3.0


ODD = {
    "one row": ({"a": [1.0], "b": ["x"]}, ["u"]),
    "one class": ({"a": range(30), "b": ["x", "y"] * 15}, ["u"] * 30),
    "constant": ({"a": [3.0] * 30, "b": ["x"] * 30}, ["u", "v"] * 15),
    "nothing but missing": ({"a": [None] * 30, "b": range(30)}, ["u", "v"] * 15),
    "huge": ({"a": np.linspace(-1e300, 1e300, 30)}, np.linspace(-1e300, 1e300, 30)),
    "width overflows": ({"a": [-1.7e308, 1.7e308] * 15}, np.array([-1.7e308, 1.7e308] * 15)),
    "as many symbols as rows": ({"a": [f"s{i}" for i in range(30)]}, ["u", "v"] * 15),
    "dates alone": ({"a": pd.date_range("2020-01-01", periods=30)}, ["u", "v"] * 15),
    "wide": (pd.DataFrame(np.ones((12, 400))).add_prefix("c"), ["u", "v"] * 6),
}


@pytest.mark.parametrize("label", ODD)
def test_odd_tables_give_numbers_or_reasons_and_no_warning(label):
    columns, target = ODD[label]
    found = qualities(columns, target)
    reasons = {value for value in found.values() if isinstance(value, str)}
    assert reasons <= {"not_applicable", "constant", "too_few_rows", "undefined"}
    assert found["NumberOfInstances"] == len(target)


def test_a_single_value_has_deviation_0_and_no_shape():
    found = qualities({"a": [4.0], "b": ["x"]}, ["u"])
    assert found["MaxStdDevOfNumericAtts"] == 0.0
    assert found["MaxKurtosisOfNumericAtts"] == "undefined"
    assert found["AutoCorrelation"] == "too_few_rows"


def test_every_name_is_openmls_behind_the_prefix():
    names = [name for measure in OPENML.measures for name in measure.names(())]
    assert all(name.startswith("openml_") for name in names)
    assert len(set(names)) == len(names) == 63
