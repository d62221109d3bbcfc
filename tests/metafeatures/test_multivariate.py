"""Multivariate meta-features, against NumPy, scikit-learn and principal angles."""

import numpy as np
import pytest
from scipy import linalg, stats
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler


def table(n=120, p=6, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) * rng.lognormal(size=p)
    classes = np.digitize(numbers[:, 0] + rng.normal(size=n), [-1.0, 1.0])
    return numbers, np.array(["u", "v", "w"])[classes], classes


def test_pairs_against_numpy(describe):
    numbers, target, _ = table()
    values = describe(numbers, target, ["multivariate"])
    pairs = np.triu_indices(6, k=1)
    for name, matrix in (("abs_correlation", np.corrcoef(numbers.T)), ("abs_covariance", np.cov(numbers.T, ddof=0))):
        expected = np.abs(matrix[pairs])
        found = [values[f"{name}_{s}"] for s in ("mean", "sd", "min", "max")]
        assert found == pytest.approx([expected.mean(), expected.std(), expected.min(), expected.max()])


@pytest.mark.parametrize("shape", [(120, 6), (30, 50)], ids=["long", "wide"])
def test_components_against_scikit_learn(describe, shape):
    numbers, target, _ = table(*shape)
    values = describe(numbers, target, ["multivariate"])
    pca = PCA().fit(scaled := StandardScaler().fit_transform(numbers))
    needed = np.searchsorted(np.cumsum(pca.explained_variance_ratio_), 0.95) + 1
    first = pca.transform(scaled)[:, 0]
    assert values["pca_share_of_components_95"] == pytest.approx(needed / shape[1])
    assert values["pca_first_abs_skewness"] == pytest.approx(abs(stats.skew(first)))
    assert values["pca_first_kurtosis"] == pytest.approx(stats.kurtosis(first))


def test_the_canonical_correlation_is_the_cosine_of_the_smallest_angle(describe):
    numbers, target, classes = table()
    centred = numbers - numbers.mean(axis=0)
    indicators = np.eye(3)[classes] - np.eye(3)[classes].mean(axis=0)
    expected = np.cos(linalg.subspace_angles(centred, indicators[:, :2])).max()
    assert describe(numbers, target, ["multivariate"])["canonical_correlation"] == pytest.approx(expected)


def test_in_a_regression_it_is_the_multiple_correlation(describe):
    numbers, _, _ = table()
    target = numbers[:, 0] + np.random.default_rng(1).normal(size=len(numbers)) * 5
    design = np.column_stack([numbers, np.ones(len(numbers))])
    fitted = design @ np.linalg.lstsq(design, target)[0]
    expected = np.corrcoef(fitted, target)[0, 1]
    assert describe(numbers, target, ["multivariate"])["canonical_correlation"] == pytest.approx(expected)


def test_units_and_the_order_of_columns_do_not_matter(describe):
    numbers, target, _ = table()
    values = describe(numbers, target, ["multivariate"])
    changed = describe((numbers * [1e-9, 2, -3, 1e9, 1, 7] + 5)[:, ::-1], target, ["multivariate"])
    for name in values:
        if not name.startswith("abs_covariance"):
            assert changed[name] == pytest.approx(values[name]), name


def test_collinear_columns_are_one_component(describe):
    numbers = np.linspace(0, 1, 20)[:, None] * [1, -2, 3, 4]
    values = describe(numbers, ["u", "v"] * 10, ["multivariate"])
    assert values["abs_correlation_min"] == pytest.approx(1.0)
    assert values["pca_share_of_components_95"] == 0.25


def test_what_has_no_answer_says_why(describe):
    target = ["u", "v"] * 10
    one = describe({"a": range(20)}, target, ["multivariate"])
    assert one["abs_correlation_mean"] == "not_applicable"
    assert one["pca_share_of_components_95"] == 1.0
    assert describe({"a": range(20), "b": [1] * 20}, target, ["multivariate"])["abs_correlation_mean"] == "constant"
    assert set(describe({"b": [1] * 20}, target, ["multivariate"]).values()) == {"constant"}
    assert set(describe({"c": target}, target, ["multivariate"]).values()) == {"not_applicable"}
    numbers = np.random.default_rng(0).normal(size=(20, 30))
    assert describe(numbers, target, ["multivariate"])["canonical_correlation"] == "too_few_rows"


def test_of_very_wide_tables_a_thousand_columns_are_drawn(describe):
    numbers = np.random.default_rng(0).normal(size=(20, 1500))
    target = ["u", "v"] * 10
    first, again, other = (describe(numbers, target, ["multivariate"], seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first["abs_correlation_mean"] != other["abs_correlation_mean"]
    assert first["abs_correlation_mean"] == pytest.approx(other["abs_correlation_mean"], rel=0.01)
