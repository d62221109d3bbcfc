"""The extractor: names, statuses, budget, determinism, odd tables, and published values."""

import csv
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from metalearn.core.protocols import MetaFeatureExtractor
from metalearn.core.resources import metadata_path
from metalearn.errors import InputError, UnknownNameError
from metalearn.metafeatures.extract import GROUPS, Extractor, dictionary, meta_features, rows
from metalearn.metafeatures.measures import ALL_SUMMARIES, Group, Measure
from metalearn.sources.files import load_dataset
from metalearn.sources.frames import make_dataset

EVERY_GROUP = tuple(GROUPS)
STATUSES = {"ok", "not_applicable", "constant", "too_few_rows", "undefined"}


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def mixed():
    """A table of all four kinds with missing values."""
    rng = generator(1)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.lognormal(size=300), "c": rng.choice(list("xyz"), 300)})
    X = X.mask(rng.random(X.shape) < 0.1)
    X["d"], X["e"] = pd.date_range("2020", periods=300), [f"row number {i} of many" for i in range(300)]
    return make_dataset(X.assign(y=rng.choice(["u", "v", "w"], 300)), "y")


@pytest.fixture(scope="module")
def entries():
    """The dictionary as it ships."""
    with metadata_path("meta_features.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_dictionary_that_ships_is_that_of_the_code(entries):
    assert entries == dictionary()
    assert [entry["name"] for entry in entries] == list(Extractor(GROUPS, summaries=ALL_SUMMARIES).names)
    assert all(entry["range"] and entry["formula"] and entry["source"] and entry["cost"] for entry in entries)


def test_what_needs_no_target_stays_when_the_target_changes(mixed, entries):
    needs = {entry["name"]: entry["needs_target"] == "yes" for entry in entries}
    before = meta_features(mixed, groups=EVERY_GROUP, rng=generator())
    y = pd.Series(generator(5).normal(size=300))
    after = meta_features(type(mixed)(mixed.X, y, "other", mixed.kinds, ""), groups=EVERY_GROUP, rng=generator())
    free = [name for name in before if not needs[name]]
    bound = [name for name in before if needs[name] and np.isfinite([before[name], after[name]]).any()]
    assert {name: after[name] for name in free} == pytest.approx({name: before[name] for name in free}, nan_ok=True)
    same = [name for name in bound if after[name] == before[name] and not name.endswith("_rank")]
    assert len(same) < 0.1 * len(bound), same


def test_it_is_an_extractor_with_distinct_names():
    assert isinstance(Extractor(), MetaFeatureExtractor)
    assert len(set(Extractor().names)) == len(Extractor().names)
    assert (Extractor.name, Extractor.version) == ("metalearn", "3")


def test_an_unknown_group_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'landmarkers'"):
        Extractor(["landmarker"])
    with pytest.raises(UnknownNameError, match="did you mean 'kurtosis'"):
        Extractor(summaries=["kurtossis"])


def test_a_single_group_or_summary_need_not_stand_in_a_list():
    own = Group("own", (Measure("answer", lambda t: 42.0, "42"),))
    assert Extractor("statistical", summaries="mean").names == Extractor(["statistical"], summaries=["mean"]).names
    assert Extractor(own).names == ("answer",)
    with pytest.raises(UnknownNameError, match="did you mean 'simple'"):
        Extractor("simpel")


def test_summaries_are_chosen_and_groups_of_your_own_come_last():
    own = Group("own", (Measure("answer", lambda t: 42.0, "42"), Measure("many", lambda t: np.ones(2), "1", over="x")))
    extractor = Extractor([own, "statistical", "simple"], summaries=["max", "mean"])
    assert extractor.names[0] == "n_rows"
    assert extractor.names[-3:] == ("answer", "many_mean", "many_max")
    assert not any(name.endswith("_q25") for name in extractor.names)
    with pytest.raises(InputError, match="have a name in common"):
        Extractor(["simple", Group("own", (Measure("n_rows", lambda t: 1.0, "1"),))])


def test_values_do_not_depend_on_what_else_is_asked_for(mixed):
    everything = meta_features(mixed, groups=EVERY_GROUP, rng=generator())
    for group in EVERY_GROUP:
        some = meta_features(mixed, groups=[group], rng=generator())
        assert some == pytest.approx({name: everything[name] for name in some}, abs=0, rel=0, nan_ok=True)


def test_the_seed_decides(mixed):
    first, again, other = (meta_features(mixed, groups=["landmarkers"], rng=generator(s)) for s in (3, 3, 4))
    assert first == pytest.approx(again, abs=0, rel=0, nan_ok=True)
    assert first != other


def test_the_order_of_rows_and_columns_does_not_matter(mixed):
    order = generator().permutation(300)
    shuffled = type(mixed)(
        mixed.X.iloc[order, ::-1].reset_index(drop=True),
        mixed.y.iloc[order].reset_index(drop=True),
        "shuffled",
        mixed.kinds[::-1],
        "",
    )
    groups = ["simple", "statistical", "information", "multivariate"]
    expected = meta_features(mixed, groups=groups, rng=generator())
    assert meta_features(shuffled, groups=groups, rng=generator()) == pytest.approx(expected, nan_ok=True)


def test_the_dataset_is_left_alone(mixed):
    X, y = mixed.X.copy(), mixed.y.copy()
    Extractor().extract(mixed, rng=generator())
    pd.testing.assert_frame_equal(mixed.X, X)
    pd.testing.assert_series_equal(mixed.y, y)


def test_when_the_budget_is_spent_the_rest_times_out(mixed, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def slow(table):
        now[0] += 3.0
        return 1.0

    group = Group("slow", tuple(Measure(name, slow, "1") for name in ("one", "two", "three", "four")))
    values, seconds, status = Extractor([group]).extract(mixed, budget=5.0, rng=generator())
    assert status == ("ok", "ok", "timeout", "timeout")
    np.testing.assert_array_equal(values, [1, 1, np.nan, np.nan])
    np.testing.assert_array_equal(seconds, [3, 3, 0, 0])
    assert set(Extractor().extract(mixed, budget=0, rng=generator())[2]) == {"timeout"}


def test_a_measure_that_breaks_takes_no_other_along(mixed):
    broken = Group("broken", (Measure("one", lambda t: 1 / 0, ""), Measure("two", lambda t: 2.0, "")))
    values, _, status = Extractor([broken]).extract(mixed, rng=generator())
    assert status == ("failed: ZeroDivisionError", "ok")
    np.testing.assert_array_equal(values, [np.nan, 2.0])


def test_less_memory_means_fewer_rows(mixed):
    extractor = Extractor(["simple", "statistical"])
    values, _, status = extractor.extract(mixed, memory=32e-9 * 100 * 5, rng=generator())
    found = dict(zip(extractor.names, values.tolist(), strict=True))
    assert (found["n_rows"], found["n_rows_used"]) == (300, 100)
    assert "memout" not in status


def test_rows_of_the_knowledge_base(mixed):
    extractor = Extractor(["simple", "landmarkers"])
    extracted = extractor.extract(mixed, rng=generator())
    table = rows("openml-task-59", extractor, extracted)
    assert [row["name"] for row in table] == list(extractor.names)
    assert all((row["value"] is None) == (row["status"] != "ok") for row in table)
    assert {row["task_id"] for row in table} == {"openml-task-59"}
    assert {(row["extractor"], row["extractor_version"]) for row in table} == {("metalearn", "3")}
    assert table[0]["value"] == 300.0
    assert isinstance(table[0]["value"], float)


TEN = ["u", "v"] * 5
N = generator().normal(size=(20, 3))
ODD = {
    "ten rows": ({"a": range(10)}, TEN),
    "constant": ({"a": [1.0] * 10}, TEN),
    "constant, missing": ({"a": [1.0] * 9 + [None], "b": [None] * 10}, TEN),
    "one value": ({"a": [1.0] + [None] * 9}, TEN),
    "nominal only": ({"a": ["x", "y", None, "z", "x"] * 2}, TEN),
    "one symbol": ({"a": ["x"] * 10}, TEN),
    "identifiers": ({"a": [f"id{i}" for i in range(10)]}, TEN),
    "dates only": ({"a": pd.date_range("2020", periods=10)}, TEN),
    "text only": ({"a": [f"the {i}th row is here" for i in range(10)]}, TEN),
    "a class of one": ({"a": range(10)}, ["u"] * 9 + ["v"]),
    "classes of one": ({"a": range(10)}, [f"c{i}" for i in range(10)]),
    "pairs": ({"a": range(10)}, [f"c{i // 2}" for i in range(10)]),
    "wide": (generator().normal(size=(20, 1000)), TEN * 2),
    "wide and nominal": ({f"c{i}": ["x", "y", "z", "x"] * 5 for i in range(400)}, TEN * 2),
    "copies": ({f"c{i}": N[:, 0] for i in range(5)}, TEN * 2),
    "huge": ({"a": [1.7e308, -1.7e308] * 5, "b": N[:10, 0] * 1e300, "c": N[:10, 1] * 1e-310}, TEN),
    "huge target": ({"a": N[:, 0]}, N[:, 1] * 1e308),
    "regression": (N, N[:, 0]),
    "regression, one column": ({"a": ["x", "y"] * 10}, N[:, 0]),
    "rare target": ({"a": range(20)}, [0.5] * 19 + [7.25]),
}


@pytest.mark.parametrize("label", ODD)
def test_odd_tables_give_numbers_or_reasons_and_no_warning(label):
    columns, target = ODD[label]
    dataset = make_dataset(pd.DataFrame(columns).assign(target=target), "target", lenient=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, seconds, status = Extractor(GROUPS, summaries=ALL_SUMMARIES).extract(dataset, rng=generator())
    assert np.array_equal(np.isfinite(values), np.array(status) == "ok")
    assert not np.isinf(values).any()
    assert np.isfinite(seconds).all()
    assert set(status) <= STATUSES


# Published by pmf-automl, which took them from auto-sklearn: the same definitions as ours.
SAME = {
    "NumberOfInstances": "n_rows",
    "LogNumberOfInstances": "log_n_rows",
    "NumberOfFeatures": "n_columns",
    "DatasetRatio": "dimensionality",
    "LogDatasetRatio": "log_dimensionality",
    "NumberOfNumericFeatures": "n_numeric",
    "NumberOfMissingValues": "n_missing",
    "PercentageOfMissingValues": "share_missing",
    "PercentageOfInstancesWithMissingValues": "share_rows_with_missing",
    "NumberOfClasses": "n_classes",
    "ClassEntropy": "class_entropy",
    "ClassProbabilityMin": "class_probability_min",
    "ClassProbabilityMax": "class_probability_max",
    "ClassProbabilitySTD": "class_probability_sd",
    "SkewnessMin": "skewness_min",
    "SkewnessMax": "skewness_max",
    "SkewnessMean": "skewness_mean",
    "SkewnessSTD": "skewness_sd",
    "KurtosisMin": "kurtosis_min",
    "KurtosisMax": "kurtosis_max",
    "KurtosisMean": "kurtosis_mean",
    "KurtosisSTD": "kurtosis_sd",
    "PCAFractionOfComponentsFor95PercentVariance": "pca_share_of_components_95",
    "PCASkewnessFirstPC": "pca_first_abs_skewness",
    "PCAKurtosisFirstPC": "pca_first_kurtosis",
}
NUMERIC = (
    "iris",
    "wine",
    "diabetes",
    "vehicle",
    "ecoli",
    "spambase",
    "kc2",
    "wdbc",
    "prnn_synth",
    "mfeat-morphological",
)
NOMINAL = ("car", "nursery", "tic-tac-toe", "lymph")


@pytest.fixture(scope="module")
def published(shared):
    """The index of the shared datasets with pmf's meta-features beside it."""
    values = pd.read_csv(shared / "data" / "pmf" / "metafeatures.csv", index_col=0)
    values.index = values.index.astype(int)
    index = pd.read_csv(shared / "datasets" / "index.csv")
    return index.join(values, on="openml_id", how="inner").set_index("name")


def described(shared, entry, groups=("simple", "statistical", "information", "multivariate")):
    dataset = load_dataset(shared / "datasets" / entry["file"], entry["target_column"])
    return meta_features(dataset, groups=groups, rng=generator())


@pytest.mark.parametrize("name", NUMERIC)
def test_published_values_of_numeric_datasets(shared, published, name):
    entry = published.loc[name]
    found = described(shared, entry)
    expected = {ours: abs(entry[pmf]) if "abs" in ours else entry[pmf] for pmf, ours in SAME.items()}
    assert {ours: found[ours] for ours in expected} == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", NOMINAL)
def test_published_symbol_counts_of_nominal_datasets(shared, published, name):
    entry = published.loc[name]
    found = described(shared, entry)
    for pmf, ours in (("Mean", "mean"), ("STD", "sd"), ("Min", "min"), ("Max", "max"), ("Sum", "sum")):
        assert found[f"symbols_{ours}"] == pytest.approx(entry[f"Symbols{pmf}"])


def test_landmarkers_are_near_the_published_ones(shared, published):
    # Theirs are accuracies over 10 folds too, but of shuffled rows, so files that are sorted by design differ.
    small = published[(published["task_type"] == "classification") & (published["n_rows"] < 1000)]
    found = pd.DataFrame([described(shared, entry, ["landmarkers"]) for _, entry in small.iterrows()])
    names = {
        "Landmark1NN": "landmark_nearest_neighbor_mean",
        "LandmarkNaiveBayes": "landmark_naive_bayes_mean",
        "LandmarkLDA": "landmark_linear_mean",
        "LandmarkDecisionNodeLearner": "landmark_decision_stump_mean",
    }
    assert len(small) >= 25
    for pmf, ours in names.items():
        assert spearmanr(small[pmf], found[ours]).statistic > 0.85, ours
        assert np.abs(small[pmf].to_numpy() - found[ours].to_numpy()).mean() < 0.06, ours
