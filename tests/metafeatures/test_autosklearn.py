"""auto-sklearn's 46 meta-features: published values, hand-made ones, and what the learners predict."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from metalearn.metafeatures.autosklearn import AUTOSKLEARN, discriminant, nearest
from metalearn.metafeatures.autosklearn_table import folded
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.table import Table
from metalearn.sources.files import load_dataset
from metalearn.sources.frames import make_dataset

NAMES = {name for measure in AUTOSKLEARN.measures for name in measure.names(())}
LANDMARKERS = sorted(name for name in NAMES if name.startswith("Landmark"))
OF_CLASSES = {*LANDMARKERS, "NumberOfClasses", "ClassEntropy"} | {
    f"ClassProbability{s}" for s in ("Min", "Max", "Mean", "STD")
}


@pytest.fixture
def autosklearn(describe):
    """Return a function from columns and a target to the 46, or their status."""
    return lambda columns, target, **options: describe(columns, target, [AUTOSKLEARN], **options)


def blobs(n, p, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    return rng.normal(size=(n, p)) + 1.5 * rng.normal(size=(classes, p))[y], y


def test_the_names_are_those_published(shared):
    published = pd.read_csv(shared / "data" / "pmf" / "metafeatures.csv", index_col=0, nrows=1)
    assert set(published.columns) == NAMES
    assert len(NAMES) == 46


@pytest.mark.parametrize("name", ["iris", "wine", "wdbc", "parkinsons", "prnn_crabs", "analcatdata_lawsuit"])
def test_all_published_values_come_out(shared, name):
    entry = pd.read_csv(shared / "datasets" / "index.csv").set_index("name").loc[name]
    published = pd.read_csv(shared / "data" / "pmf" / "metafeatures.csv", index_col=0).loc[entry["openml_id"]]
    extractor = Extractor([AUTOSKLEARN])
    dataset = load_dataset(shared / "datasets" / entry["file"], entry["target_column"])
    values, _, _ = extractor.extract(dataset, rng=np.random.default_rng(0))
    found = dict(zip(extractor.names, values.tolist(), strict=True))
    expected = published.to_dict()
    # Single precision, and the sign of a component is LAPACK's.
    found["PCASkewnessFirstPC"], expected["PCASkewnessFirstPC"] = (
        abs(v["PCASkewnessFirstPC"]) for v in (found, expected)
    )
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_values_of_a_small_table_by_hand(autosklearn):
    columns = {
        "a": [0.0, 2.0, 4.0, 6.0, None] * 6,
        "b": ["x", "y", None, "x", "y"] * 6,
        "c": ["p", "q", "r"] * 10,
        "d": pd.date_range("2020-01-01", periods=30),
    }
    found = autosklearn(columns, ["u"] * 20 + ["v"] * 10)
    expected = {
        "NumberOfInstances": 30,
        "NumberOfFeatures": 4,
        "NumberOfNumericFeatures": 1,
        "NumberOfCategoricalFeatures": 2,
        "NumberOfClasses": 2,
        "NumberOfMissingValues": 12,
        "NumberOfFeaturesWithMissingValues": 2,
        "NumberOfInstancesWithMissingValues": 12,
        "PercentageOfMissingValues": 0.1,
        "PercentageOfFeaturesWithMissingValues": 0.5,
        "PercentageOfInstancesWithMissingValues": 0.4,
        "RatioNominalToNumerical": 2.0,
        "RatioNumericalToNominal": 0.5,
        "DatasetRatio": 4 / 30,
        "InverseDatasetRatio": 7.5,
        "LogDatasetRatio": np.log(4 / 30),
        "LogInverseDatasetRatio": np.log(7.5),
        "LogNumberOfInstances": np.log(30),
        "LogNumberOfFeatures": np.log(4),
        "ClassEntropy": stats.entropy([2, 1], base=2),
        "ClassProbabilityMin": 1 / 3,
        "ClassProbabilityMax": 2 / 3,
        "ClassProbabilityMean": 0.5,
        "ClassProbabilitySTD": 1 / 6,
        "SymbolsMin": 2,
        "SymbolsMax": 3,
        "SymbolsMean": 2.5,
        "SymbolsSTD": 0.5,
        "SymbolsSum": 5,
    }
    # The zeros stay, and the missing ones are the mean 3 of the known ones; these and the others are standardised.
    rest = np.array([2.0, 4.0, 6.0, 3.0])
    column = np.append((rest - rest.mean()) / rest.std(), 0.0)
    shapes = {"Skewness": stats.skew(column), "Kurtosis": stats.kurtosis(column)}
    for name, value in shapes.items():
        expected |= {f"{name}Min": value, f"{name}Max": value, f"{name}Mean": value, f"{name}STD": 0.0}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_what_is_not_there_is_0(autosklearn):
    numbers, y = blobs(60, 2)
    found = autosklearn(pd.DataFrame(numbers).add_prefix("c"), y)
    zeros = {name for name in NAMES if name.startswith("Symbols")} | {
        "RatioNominalToNumerical",
        "RatioNumericalToNominal",
    }
    assert {found[name] for name in zeros} == {0.0}
    found = autosklearn({"a": ["x", "y", "z"] * 20}, y)
    assert {v for name, v in found.items() if name.startswith(("Kurtosis", "Skewness"))} == {0.0}


def test_a_regression_has_what_needs_no_classes(autosklearn):
    numbers, _ = blobs(60, 4)
    found = autosklearn(pd.DataFrame(numbers).add_prefix("c"), numbers.sum(axis=1))
    assert {name for name, value in found.items() if value == "not_applicable"} == OF_CLASSES
    assert all(isinstance(found[name], float) for name in NAMES - OF_CLASSES)


def test_landmarkers_are_mean_accuracies_of_the_learners_over_the_folds(autosklearn):
    numbers, y = blobs(150, 4, seed=1)
    columns = pd.DataFrame(numbers).add_prefix("c")
    found = autosklearn(columns, y)
    X, codes, folds = folded(Table.of(make_dataset(columns.assign(target=y), "target")))
    for name, learner in {
        "LandmarkLDA": LinearDiscriminantAnalysis(),
        "LandmarkNaiveBayes": GaussianNB(),
        "Landmark1NN": KNeighborsClassifier(1),
    }.items():
        held_out = [
            learner.fit(X[folds != k], codes[folds != k]).score(X[folds == k], codes[folds == k]) for k in range(10)
        ]
        assert found[name] == pytest.approx(np.mean(held_out)), name


def test_landmarkers_of_a_table_that_one_split_solves(autosklearn):
    found = autosklearn({"a": [*range(30), *range(100, 130)]}, [0] * 30 + [1] * 30)
    assert {found[name] for name in LANDMARKERS} == {1.0}


def test_landmarkers_of_noise_are_near_the_share_of_the_largest_class(autosklearn):
    rng = np.random.default_rng(0)
    found = autosklearn(pd.DataFrame(rng.normal(size=(600, 3))).add_prefix("c"), rng.permutation([0, 1] * 300))
    assert all(0.4 < found[name] < 0.6 for name in LANDMARKERS)


@pytest.mark.parametrize(("n", "p", "classes"), [(200, 5, 3), (200, 5, 2), (60, 90, 4)])
def test_the_discriminant_is_scikit_learns(n, p, classes):
    X, y = blobs(n, p, classes)
    others, _ = blobs(500, p, classes)
    collinear, others = (np.hstack([x, x[:, :1] - x[:, 1:2], np.ones((len(x), 1))]) for x in (X, others))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = LinearDiscriminantAnalysis().fit(collinear, y).predict(others)
    assert np.mean(discriminant(collinear, y, others) == expected) > 0.995
    assert len(set(expected)) == classes


def test_the_discriminant_leaves_out_what_does_not_vary_within_the_classes():
    y = np.repeat([0, 1, 2], 20)
    constant = y[:, None] * 0.1
    noise = np.random.default_rng(0).normal(size=(60, 1))
    assert np.array_equal(
        discriminant(np.hstack([noise, constant]), y, np.hstack([noise, constant])), discriminant(noise, y, noise)
    )


def test_the_nearest_neighbor_is_scikit_learns():
    X, y = blobs(300, 6)
    others, _ = blobs(200, 6, seed=3)
    assert np.array_equal(nearest(X, y, others), KNeighborsClassifier(1).fit(X, y).predict(others))


ODD = {
    "one row": ({"a": [1.0]}, ["u"]),
    "one class": ({"a": range(30), "b": ["x", "y"] * 15}, ["u"] * 30),
    "classes of one row": ({"a": range(40)}, ["u"] * 20 + [f"k{i}" for i in range(20)]),
    "no target": ({"a": range(30)}, None),
    "constant columns": ({"a": [3.0] * 30, "b": ["x"] * 30}, ["u", "v"] * 15),
    "nothing but missing": ({"a": [None] * 30, "b": range(30)}, ["u", "v"] * 15),
    "huge numbers": ({"a": np.linspace(-1e300, 1e300, 30), "b": np.linspace(1e-300, 2e-300, 30)}, ["u", "v"] * 15),
    "width overflows": ({"a": [-1.7e308, 1.7e308] * 15, "b": range(30)}, ["u", "v"] * 15),
    "as many symbols as rows": ({"a": [f"s{i}" for i in range(30)]}, ["u", "v"] * 15),
    "dates alone": ({"a": pd.date_range("2020-01-01", periods=30)}, ["u", "v"] * 15),
    "infinite": ({"a": [np.inf, 1.0, 2.0] * 10}, ["u", "v"] * 15),
    "wide": (
        pd.DataFrame(np.random.default_rng(0).normal(size=(25, 300))).add_prefix("c"),
        ["u", "v", "w", "x", "y"] * 5,
    ),
}


@pytest.mark.parametrize("label", ODD)
def test_odd_tables_give_numbers_or_reasons_and_no_warning(label):
    columns, target = ODD[label]
    frame = pd.DataFrame(columns) if target is None else pd.DataFrame(columns).assign(target=target)
    dataset = make_dataset(frame, None if target is None else "target", lenient=True)
    extractor = Extractor([AUTOSKLEARN])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, _, status = extractor.extract(dataset, rng=np.random.default_rng(0))
    assert np.array_equal(np.isfinite(values), np.array(status) == "ok")
    assert set(status) <= {"ok", "not_applicable", "constant", "too_few_rows", "undefined"}
    assert status[extractor.names.index("NumberOfInstances")] == "ok"


def test_constant_columns_have_no_components(autosklearn):
    found = autosklearn({"a": [3.0] * 30, "b": [4.0] * 30}, ["u", "v"] * 15)
    assert {v for name, v in found.items() if name.startswith(("PCA", "Landmark"))} == {"constant"}
    assert found["KurtosisMin"] == -3.0
    assert found["SkewnessMax"] == 0.0


def test_few_rows_have_no_landmarkers(autosklearn):
    found = autosklearn({"a": range(18)}, ["u", "v"] * 9)
    assert {found[name] for name in LANDMARKERS} == {"too_few_rows"}
