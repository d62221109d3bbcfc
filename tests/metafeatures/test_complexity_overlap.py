"""F1, F1v, F2, F3 and F4: by hand, and against the formulas written out."""

import numpy as np
import pytest

from metalearn.metafeatures.complexity_overlap import OVERLAP
from metalearn.metafeatures.measures import Group

GROUPS = [Group("overlap", OVERLAP)]
# Class u: a in 0..3, b in 0..9; class v: a in 2..5, b constant.
HAND = {"a": [0, 1, 2, 3, 2, 3, 4, 5], "b": [0, 9, 5, 5, 5, 5, 5, 5]}
CLASSES = list("uuuuvvvv")


@pytest.fixture
def overlap(describe):
    def described(columns, target):
        return describe(columns, target, GROUPS, lenient=True)

    return described


def test_two_columns_by_hand(overlap):
    values = overlap(HAND, CLASSES)
    # a: means 1.5 and 3.5, between 8 x 1, within 5 + 5; b: means 4.75 and 5, between 8 x 1/64, within 40.75.
    assert values["complexity_f1_min"] == pytest.approx(10 / 18)
    assert values["complexity_f1_max"] == pytest.approx(40.75 / 40.875)
    assert values["complexity_f2_mean"] == 1 / 5 * 0 / 9
    assert values["complexity_f3_mean"] == 4 / 8  # a from 2 to 3: two rows of each class
    assert values["complexity_f4_mean"] == 4 / 8  # b tells none of these apart


def test_the_ranges_overlap_in_a_volume(overlap):
    values = overlap({"a": [0, 3, 2, 5], "b": [0, 8, 4, 10], "c": [1, 1, 1, 1]}, list("uuvv"))
    assert values["complexity_f2_mean"] == pytest.approx(1 / 5 * 4 / 10)
    # a: between 4 x 1, within 4.5 + 4.5; b: between 4 x 1.5^2, within 32 + 18; c does not count.
    assert (values["complexity_f1_min"], values["complexity_f1_max"]) == pytest.approx((9 / 13, 50 / 59))


def test_of_three_classes_each_pair_has_its_own_width(overlap):
    values = overlap({"a": [0, 1, 3, 2, 3, 5, 9, 9, 10]}, list("uuuvvvwww"))
    assert (values["complexity_f2_max"], values["complexity_f2_median"]) == pytest.approx((1 / 5, 0.0))
    assert (values["complexity_f3_max"], values["complexity_f3_median"]) == pytest.approx((3 / 6, 0.0))


def test_one_feature_after_the_other_separates_what_none_does_alone(overlap):
    columns = {"a": [0, 1, 2, 1, 2, 3], "b": [5, 1, 2, 3, 4, 5]}
    values = overlap(columns, list("uuuvvv"))
    assert values["complexity_f3_mean"] == pytest.approx(4 / 6)
    assert values["complexity_f4_mean"] == 0.0  # a leaves the inner four, whose b are 1, 2 and 3, 4


def test_where_one_class_is_left_the_rows_are_told_apart(overlap):
    columns = {"a": [0, 10, 4, 5], "b": [1, 2, 1, 2], "c": [1, 2, 2, 1]}  # of a no u lies from 4 to 5
    for classes in ("uuvv", "vvuu"):
        assert overlap(columns, list(classes))["complexity_f4_mean"] == 0.0


def test_a_feature_that_is_constant_within_classes_separates_them(overlap):
    values = overlap({"a": [1, 1, 1, 2, 2, 2], "b": [0, 1, 2, 0, 1, 2]}, list("uuuvvv"))
    assert [values[f"complexity_{name}"] for name in ("f1_min", "f1_max", "f2_mean", "f3_mean", "f4_mean")] == [
        0,
        1,
        0,
        0,
        0,
    ]


@pytest.mark.parametrize("parted", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(8, 2), (40, 3), (60, 120), (90, 120)])
def test_linear_combination_against_the_formula(overlap, rows, columns, parted):
    rng = np.random.default_rng(rows)
    X = rng.normal(size=(rows, columns))
    y = np.arange(rows) % 3
    X[:, 0] += y
    if parted:  # by the difference of two columns, which does not vary within the classes
        X[:, 1] = X[:, 0] + y
    unit = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    expected = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        first, second = unit[y == i], unit[y == j]
        within = (len(first) * np.cov(first.T) + len(second) * np.cov(second.T)) / (len(first) + len(second))
        difference = first.mean(axis=0) - second.mean(axis=0)
        direction = np.linalg.pinv(within, rcond=1e-10) @ difference
        ratio = (direction @ difference) ** 2 / (direction @ within @ direction)
        expected.append(1 / (1 + ratio))
    values = overlap(X, np.array(list("uvw"))[y])
    found = [values[f"complexity_f1v_{s}"] for s in ("min", "median", "max")]
    assert found == pytest.approx(sorted(expected), rel=1e-5)


def test_without_spread_within_classes_no_combination_is_best(overlap):
    values = overlap({"a": [1, 1, 2, 2]}, list("uuvv"))
    assert (values["complexity_f1v_mean"], values["complexity_f1_mean"]) == ("undefined", 0.0)


def test_constant_columns_have_no_discriminant_ratio(overlap):
    values = overlap({"a": [0.1] * 6, "b": [1, 2, 3, 4, 5, 6]}, list("uvuvuv"))
    assert values["complexity_f1_min"] == values["complexity_f1_max"]
    assert overlap({"a": [0.1] * 6}, list("uvuvuv"))["complexity_f1_mean"] == "constant"


def test_every_feature_after_the_other_against_the_formula(overlap):
    rng = np.random.default_rng(9)
    X = rng.integers(0, 30, size=(80, 4)).astype(float)
    y = rng.random(80) < 0.4
    X[y] += 4
    left, features = np.arange(80), list(range(4))
    shares = []
    while features:
        one, other = X[left][y[left]], X[left][~y[left]]
        inside = {
            f: (X[left, f] >= max(one[:, f].min(), other[:, f].min()))
            & (X[left, f] <= min(one[:, f].max(), other[:, f].max()))
            for f in features
        }
        best = min(features, key=lambda f: inside[f].sum())
        left = left[inside[best]]
        shares.append(len(left) / 80)
        features.remove(best)
    values = overlap(X, np.where(y, "v", "u"))
    assert (values["complexity_f3_mean"], values["complexity_f4_mean"]) == pytest.approx((shares[0], shares[-1]))
    assert 0 < shares[-1] < shares[0] < 1


def test_a_feature_that_separates_nothing_more_leaves_the_rows_of_the_first(overlap):
    values = overlap({"a": [0, 2, 3, 4, 2, 3, 4, 5], "b": [5, 5, 5, 6, 5, 5, 6, 5]}, CLASSES)
    assert values["complexity_f4_mean"] == 6 / 8  # a from 2 to 4
