"""Information-theoretic meta-features: by hand, and against scikit-learn and SciPy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mutual_info_score

from metalearn.metafeatures import information
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.information import INFORMATION
from metalearn.metafeatures.symbols import entropy
from metalearn.sources.frames import make_dataset

TARGET = ["u", "u", "u", "u", "u", "u", "v", "v", "v", "v", "v", "v"]


@pytest.fixture(scope="module")
def informed(describe):
    """Return a function from columns and a target to the meta-features of this group."""
    return lambda columns, target, **options: describe(columns, target, [INFORMATION], **options)


def test_by_hand(informed):
    informative = ["x"] * 6 + ["y"] * 6
    useless = ["p", "p", "p", "q", "q", "q"] * 2
    values = informed({"a": informative, "b": useless}, TARGET)
    expected = {
        "class_entropy": 1.0,
        "class_entropy_normalized": 1.0,
        "attribute_entropy_mean": 1.0,
        "attribute_entropy_normalized_min": 1.0,
        "joint_entropy_min": 1.0,
        "joint_entropy_max": 2.0,
        "mutual_information_mean": 0.5,
        "mutual_information_max": 1.0,
        "uncertainty_coefficient_mean": 0.5,
        "equivalent_number_of_attributes": 2.0,
        "noise_to_signal_ratio": 1.0,
        "class_concentration_mean": 0.5,
        "class_concentration_max": 1.0,
        "attribute_concentration_max": 0.0,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_concentration_of_lopsided_tables_by_hand(informed):
    values = informed({"a": [*"xxxxyyyyzzzz"], "b": [*"ppppppqqqqqq"]}, TARGET)
    # The class is b. Of a, 1/3 is guessed right without it, and with it 2 x 6/12 (16 + 4) / 36.
    # Of b, 1/2 is guessed right without a, and with it 4/12 (1 + 1/2 + 1).
    expected = {
        "class_concentration_min": (5 / 9 - 1 / 3) / (1 - 1 / 3),
        "class_concentration_max": 1.0,
        "attribute_concentration_min": (5 / 9 - 1 / 3) / (1 - 1 / 3),
        "attribute_concentration_max": (5 / 6 - 1 / 2) / (1 - 1 / 2),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvw")), min_size=12, max_size=40))
def test_against_scikit_learn(informed, pairs):
    # Every class and every value occurs, so that no pair of columns is refused or empty.
    column, target = zip(*[*pairs, ("a", "u"), ("b", "v"), ("c", "w")], strict=True)
    values = informed({"a": column}, target, lenient=True)
    shares = np.unique(target, return_counts=True)[1] / len(target)
    own = np.unique(column, return_counts=True)[1] / len(column)
    assert values["class_entropy"] == pytest.approx(stats.entropy(shares, base=2))
    assert values["attribute_entropy_normalized_mean"] == pytest.approx(stats.entropy(own, base=3))
    assert values["mutual_information_mean"] == pytest.approx(mutual_info_score(column, target) / np.log(2), abs=1e-9)
    assert values["uncertainty_coefficient_mean"] <= 1 + 1e-12


def test_numbers_are_cut_at_quantiles(informed):
    rng = np.random.default_rng(0)
    numbers, target = rng.lognormal(size=(300, 5)), rng.choice(["u", "v", "w"], 300)
    numbers[:, 2] = numbers[:, 2].round()
    bins = [np.digitize(c, np.quantile(c, np.linspace(0, 1, 7)[1:]), right=True) for c in numbers.T]
    values = informed(numbers, target)
    entropies = [entropy(np.bincount(b)) for b in bins]
    mutual = [mutual_info_score(b, target) / np.log(2) for b in bins]
    assert values["attribute_entropy_mean"] == pytest.approx(np.mean(entropies))
    assert values["attribute_entropy_min"] == pytest.approx(np.min(entropies))
    assert values["mutual_information_mean"] == pytest.approx(np.mean(mutual))
    assert values["noise_to_signal_ratio"] == pytest.approx(np.sum(entropies) / np.sum(mutual) - 1)


def test_any_monotone_change_of_units_leaves_all_as_it_is(informed):
    rng = np.random.default_rng(0)
    numbers, target = rng.integers(-50, 50, size=(100, 4)).astype(float), rng.choice(["u", "v"], 100)
    assert informed(numbers * 1e300, target) == informed(numbers, target) == informed(numbers * 1e-300 + 0.0, target)


def test_numeric_columns_tell_about_a_numeric_target(informed):
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    values = informed({"a": x, "b": rng.normal(size=1000)}, np.exp(x))
    assert values["uncertainty_coefficient_max"] == values["class_concentration_max"] == pytest.approx(1.0)
    assert values["uncertainty_coefficient_min"] < 0.1
    assert values["class_entropy"] == values["class_entropy_normalized"] == "not_applicable"
    constant = informed({"a": x}, np.full(1000, 2.5), lenient=True)
    assert constant["uncertainty_coefficient_mean"] == "constant"


def test_missingness_itself_can_tell_the_class(informed):
    values = informed({"a": [1.0] * 6 + [None] * 6, "b": ["x"] * 6 + [None] * 6}, TARGET)
    assert values["mutual_information_min"] == pytest.approx(1.0)


def test_columns_without_spread_tell_nothing(informed):
    values = informed({"a": ["x"] * 12, "b": [7.0] * 12}, TARGET)
    assert values["mutual_information_mean"] == values["attribute_entropy_max"] == 0
    assert values["equivalent_number_of_attributes"] == values["noise_to_signal_ratio"] == "undefined"
    for name in ("attribute_entropy_normalized", "class_concentration", "attribute_concentration"):
        assert values[f"{name}_mean"] == "constant"


def test_without_columns_the_classes_remain(informed):
    days = [f"2020-01-{day:02}" for day in range(1, 13)]
    values = informed({"a": days}, TARGET)
    assert values.pop("class_entropy") == values.pop("class_entropy_normalized") == 1.0
    assert set(values.values()) == {"not_applicable"}


def test_one_column_has_no_pairs_and_one_class_no_information(informed):
    assert informed({"a": ["x", "y"] * 6}, TARGET)["attribute_concentration_mean"] == "not_applicable"
    assert informed({"a": ["x", "y"] * 6, "b": ["p"] * 12}, TARGET)["attribute_concentration_mean"] == "constant"
    assert informed({"a": ["x"] * 6 + ["y"] * 6}, TARGET)["equivalent_number_of_attributes"] == pytest.approx(1.0)
    values = informed({"a": ["x", "y"] * 6}, ["u"] * 12, lenient=True)
    assert (values["class_entropy"], values["class_entropy_normalized"]) == (0.0, "constant")
    assert values["uncertainty_coefficient_mean"] == "constant"


def test_a_single_row(informed):
    values = informed({"a": [1.0], "b": ["x"]}, ["u"], nominal=["b"], lenient=True)
    assert (values["class_entropy"], values["attribute_entropy_mean"]) == (0.0, 0.0)
    assert values["attribute_concentration_mean"] == "constant"


def test_of_many_columns_some_pairs_are_drawn(informed):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 40)))
    target = ["u", "v"] * 30
    first, again, other = (informed(frame, target, seed=seed) for seed in (0, 0, 1))
    assert first == again
    name = "attribute_concentration_mean"
    assert first[name] != other[name]
    assert first[name] == pytest.approx(other[name], rel=0.2)
    assert {n: v for n, v in first.items() if not n.startswith("attribute_concentration")} == {
        n: v for n, v in other.items() if not n.startswith("attribute_concentration")
    }


def test_all_pairs_of_twelve_columns_count(informed):
    numbers, target = np.random.default_rng(0).normal(size=(60, 12)), ["u", "v"] * 30
    values = informed(numbers, target)
    reordered = informed(numbers[:, ::-1], target, seed=1)
    assert {n: reordered[n] for n in values} == pytest.approx(values)


def test_of_many_rows_pairs_see_a_sample(informed, monkeypatch):
    monkeypatch.setattr(information, "_MAX_PAIR_ROWS", 200)
    numbers, target = np.random.default_rng(0).normal(size=(1000, 3)), ["u", "v"] * 500
    values = informed(numbers, target)
    monkeypatch.undo()
    every = informed(numbers, target)
    assert values["attribute_concentration_mean"] != every["attribute_concentration_mean"]
    assert values["class_concentration_mean"] == every["class_concentration_mean"]


def test_without_a_target_the_columns_remain():
    table = make_dataset(pd.DataFrame({"a": ["x", "y"] * 6, "b": range(12)}), None, lenient=True)
    values, _, status = (extractor := Extractor([INFORMATION], summaries=["mean"])).extract(
        table, rng=np.random.default_rng(0)
    )
    found = dict(zip(extractor.names, zip(values, status, strict=True), strict=True))
    assert found["attribute_entropy_mean"] == (1.0, "ok")
    assert found["attribute_concentration_mean"][1] == "ok"
    of_target = {name for name, (_, said) in found.items() if said == "not_applicable"}
    assert of_target == set(found) - {n for n in found if n.startswith("attribute_")}
    assert of_target == {n for m in INFORMATION.measures if m.needs_target for n in m.names(["mean"])}
