"""The group of complexity measures as a whole: published values, and tables that leave little to measure."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris

from metalearn.metafeatures.complexity import COMPLEXITY

NAMES = [measure.name for measure in COMPLEXITY.measures]
FOR_NUMBERS = tuple(name for name in NAMES if "_regression_" in name)
FOR_BOTH = ("complexity_t2", "complexity_t3", "complexity_t4")
RANDOM = ("complexity_l3", "complexity_n4", "complexity_regression_l3", "complexity_regression_s4")
STATUSES = {"not_applicable", "constant", "too_few_rows", "undefined"}

# What pymfe 0.4.4 prints, but for F1v: its formula written out with NumPy's pseudo-inverse.
IRIS = {
    "c1": 1.0,
    "c2": 0.0,
    "f1_mean": 0.2775641932566493,
    "f1v_mean": 0.02679962978608572,
    "f2_mean": 0.0063817663817663794,
    "f3_mean": 0.12333333333333334,
    "f4_mean": 0.043333333333333335,
    "l2_mean": 0.013333333333333345,
    "lsc": 0.8166666666666667,
    "n1": 0.10666666666666667,
    "n2_mean": 0.19814444191641126,
    "n3": 0.06,
    "t2": 0.02666666666666667,
    "t3": 0.013333333333333334,
    "t4": 0.5,
}
BREAST_CANCER = {
    "c1": 0.9526351224018599,
    "c2": 0.12195970834082581,
    "cls_coef": 0.40658381139437483,
    "density": 0.8167962078269264,
    "f1_mean": 0.7155573134478208,
    "f1v_mean": 0.06401975181720572,
    "f2_mean": 5.6830952489656924e-11,
    "f3_mean": 0.4833040421792619,
    "f4_mean": 0.0,
    "hubs_mean": 0.7101713625589047,
    "l2_mean": 0.008787346221441172,
    "lsc": 0.8890601400415739,
    "n1": 0.07381370826010544,
    "n2_mean": 0.36106676881267735,
    "n3": 0.0492091388400703,
    "t3": 0.0017574692442882249,
    "t4": 0.03333333333333333,
}


@pytest.fixture
def complexity(describe):
    def described(columns, target, **options):
        return describe(columns, target, [COMPLEXITY], **options)

    return described


def different(values, others, **tolerance):
    """Return the meta-features that are not nearly the same."""
    return {
        name: (value, others[name])
        for name, value in values.items()
        if value != others[name] and (isinstance(value, str) or others[name] != pytest.approx(value, **tolerance))
    }


@pytest.fixture(scope="module")
def two_clouds():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [25, 35])
    return rng.normal(size=(60, 4)) + y[:, None] * [1.0, 0.5, 0.0, 2.0], np.where(y, "v", "u")


@pytest.mark.parametrize(("load", "published"), [(load_iris, IRIS), (load_breast_cancer, BREAST_CANCER)])
def test_published_values(complexity, load, published):
    X, y = load(return_X_y=True)
    values = complexity(X, y.astype(str))
    found = {name: values[f"complexity_{name}"] for name in published}
    assert found == pytest.approx(published, rel=1e-6, abs=1e-12)


def test_imbalance_by_hand(complexity):
    values = complexity({"a": range(8)}, ["u"] * 4 + ["v"] * 2 + ["w"] * 2, lenient=True)
    assert values["complexity_c1"] == pytest.approx(1.5 * np.log(2) / np.log(3))
    ratio = 2 / 3 * (4 / 4 + 2 / 6 + 2 / 6)
    assert values["complexity_c2"] == pytest.approx(1 - 1 / ratio)


def test_components_explain_the_variance_in_the_columns_own_units(complexity):
    rng = np.random.default_rng(1)
    columns = np.column_stack([rng.normal(size=50) * 10.0**k for k in (0, 0, 3)])
    values = complexity(columns, ["u", "v"] * 25)
    assert (values["complexity_t3"], values["complexity_t4"]) == pytest.approx((1 / 50, 1 / 3))
    values = complexity(columns[:, :2], ["u", "v"] * 25)
    assert (values["complexity_t3"], values["complexity_t4"]) == pytest.approx((2 / 50, 1.0))


def test_a_component_more_is_needed_where_the_share_is_just_reached(complexity):
    orthogonal = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])  # two components with 19 : 1 of the variance are 95 %
    values = complexity(orthogonal * np.sqrt([20.0, 1.0]), ["u", "v"] * 2, lenient=True)
    assert values["complexity_t4"] == 0.5
    values = complexity(orthogonal * np.sqrt([18.0, 1.0]), ["u", "v"] * 2, lenient=True)
    assert values["complexity_t4"] == 1.0


def test_classes_and_numbers_each_have_their_measures(complexity, two_clouds):
    X, y = two_clouds
    of_classes, of_numbers = complexity(X, y), complexity(X, X.sum(axis=1) ** 2)
    for name in of_classes:
        classes_too, numbers_too = not name.startswith(FOR_NUMBERS), name.startswith((*FOR_NUMBERS, *FOR_BOTH))
        assert (of_classes[name] != "not_applicable") == classes_too, name
        assert (of_numbers[name] != "not_applicable") == numbers_too, name


@pytest.mark.parametrize("numeric_target", [False, True])
@pytest.mark.parametrize(("scale", "shift"), [(1e300, 0.0), (1e-300, 0.0), (8.0, -1024.0)])
def test_units_do_not_matter(complexity, two_clouds, numeric_target, scale, shift):
    X, y = two_clouds
    target, other = (X[:, 0] + X[:, 1] ** 2, X[:, 0] * 4 + 4 * X[:, 1] ** 2) if numeric_target else (y, y)
    values, scaled = complexity(X, target), complexity(X * scale + shift, other)
    assert different(values, scaled, rel=1e-4, abs=1e-6) == {}


def test_the_order_of_the_rows_does_not_matter(complexity, two_clouds):
    X, y = two_clouds
    order = np.random.default_rng(3).permutation(len(y))
    # Rounded there are equal distances, of which a spanning tree may take any.
    for columns, target, free in ((np.round(X, 1), y, "complexity_n1"), (X, X[:, 0] + X[:, 1] ** 3, RANDOM)):
        values, shuffled = complexity(columns, target), complexity(columns[order], target[order])
        ordered = {n: v for n, v in values.items() if not n.startswith((*RANDOM, *np.atleast_1d(free)))}
        assert different(ordered, shuffled, rel=1e-6, abs=1e-9) == {}


def test_a_seed_gives_the_same_values_again(complexity):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(1100, 2))
    y = np.where(X[:, 0] + rng.normal(size=1100) > 0, "u", "v")
    assert complexity(X, y, seed=1) == complexity(X, y, seed=1)
    assert complexity(X, y, seed=1)["complexity_n2_mean"] != complexity(X, y, seed=2)["complexity_n2_mean"]


def test_a_sample_of_a_large_table_is_close_to_all_of_a_small_one(complexity):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(6000, 3))
    y = np.where(X[:, 0] + 0.5 * rng.normal(size=6000) > 0, "u", "v")
    small, large = complexity(X[:1000], y[:1000]), complexity(X, y)
    for name in ("l2_mean", "n1", "n2_mean", "n3", "n4", "lsc", "density", "cls_coef"):
        assert large[f"complexity_{name}"] == pytest.approx(small[f"complexity_{name}"], abs=0.06), name


def frames():
    rng = np.random.default_rng(7)
    numbers = rng.normal(size=(8, 3))
    gaps = numbers.copy()
    gaps[rng.random(gaps.shape) < 0.3] = np.nan
    symbols = pd.DataFrame(
        {"a": list("xyzxyzxy"), "b": ["p", "q", None, "p"] * 2, "c": ["one"] * 8, "d": [f"s{i}" for i in range(8)]}
    )
    return {
        "numbers": pd.DataFrame(numbers),
        "gaps": pd.DataFrame(gaps),
        "symbols": symbols,
        "mixed": pd.concat([pd.DataFrame(gaps).add_prefix("n"), symbols], axis=1),
        "constant": pd.DataFrame({"a": [3.0] * 8, "b": [0.1] * 8}),
        "one symbol": pd.DataFrame({"a": ["x"] * 8}),
        "one constant": pd.DataFrame({"a": [0.1] * 8, "b": range(8)}),
        "duplicates": pd.DataFrame(np.repeat(numbers[:2], 4, axis=0)),
        "extreme": pd.DataFrame({"a": np.linspace(-1, 1, 8) * 1.7e308, "b": np.arange(8) * 5e-324}),
        "wide": pd.DataFrame(rng.normal(size=(8, 400))),
        "no values": pd.DataFrame({"a": [None] * 8}),
    }


TARGETS = {
    "two classes": list("uv") * 4,
    "single members": ["u"] * 6 + ["v", "w"],
    "all different": [f"c{i}" for i in range(8)],
    "one class": ["u"] * 8,
    "numbers": np.arange(8.0) ** 2,
    "tied numbers": [1.5, 2.5] * 4,
    "constant number": [2.5] * 8,
    "extreme numbers": np.linspace(-1, 1, 8) * 1.7e308,
}


@pytest.mark.parametrize("frame", frames())
@pytest.mark.parametrize("target", TARGETS)
def test_what_cannot_be_measured_says_why(complexity, frame, target):
    values = complexity(frames()[frame], TARGETS[target], lenient=True)
    for name, value in values.items():
        assert value in STATUSES if isinstance(value, str) else np.isfinite(value), (name, value)
        if not isinstance(value, str) and name.endswith(("_mean", "_min", "_max", "c1", "n1", "n3", "t1", "lsc")):
            assert value >= 0, (name, value)


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("target", TARGETS)
def test_few_rows(complexity, rows, target):
    values = complexity(frames()["mixed"].iloc[:rows], TARGETS[target][:rows], lenient=True)
    assert all(value in STATUSES if isinstance(value, str) else np.isfinite(value) for value in values.values())
