"""Multivariate meta-features, against NumPy, scikit-learn, principal angles and the textbook's formulas."""

import numpy as np
import pytest
from scipy import linalg, stats
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from metalearn.metafeatures.multivariate import MULTIVARIATE

OF_UNITS = ("abs_covariance", "eigenvalue", "gravity")
OF_CLASSES = ("gravity", "sd_ratio")


@pytest.fixture
def multivariate(describe):
    """Return a function from columns and a target to the meta-features of this group."""
    return lambda columns, target, **options: describe(columns, target, [MULTIVARIATE], **options)


def table(n=120, p=6, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) * rng.lognormal(size=p)
    classes = np.digitize(numbers[:, 0] + rng.normal(size=n), [-1.0, 1.0])
    return numbers, np.array(["u", "v", "w"])[classes], classes


def summaries(values, name):
    return [values[f"{name}_{s}"] for s in ("mean", "sd", "min", "max")]


def summarised(values):
    return [np.mean(values), np.std(values), np.min(values), np.max(values)]


def test_pairs_against_numpy(multivariate):
    numbers, target, _ = table()
    values = multivariate(numbers, target)
    pairs = np.triu_indices(6, k=1)
    correlations = np.abs(np.corrcoef(numbers.T)[pairs])
    assert summaries(values, "abs_correlation") == pytest.approx(summarised(correlations))
    assert summaries(values, "abs_covariance") == pytest.approx(summarised(np.abs(np.cov(numbers.T)[pairs])))
    assert 0 < np.mean(correlations >= 0.5) < 1
    assert values["share_correlated_pairs"] == pytest.approx(np.mean(correlations >= 0.5))


@pytest.mark.parametrize("shape", [(120, 6), (30, 50)], ids=["long", "wide"])
def test_eigenvalues_against_numpy(multivariate, shape):
    numbers, target, _ = table(*shape)
    expected = np.maximum(np.linalg.eigvalsh(np.cov(numbers.T)), 0)
    found = summaries(multivariate(numbers, target), "eigenvalue")
    assert found == pytest.approx(summarised(expected), rel=1e-9, abs=1e-12 * expected.max())


@pytest.mark.parametrize("shape", [(120, 6), (30, 50)], ids=["long", "wide"])
def test_components_against_scikit_learn(multivariate, shape):
    numbers, target, _ = table(*shape)
    values = multivariate(numbers, target)
    pca = PCA().fit(scaled := StandardScaler().fit_transform(numbers))
    needed = np.searchsorted(np.cumsum(pca.explained_variance_ratio_), 0.95) + 1
    first = pca.transform(scaled)[:, 0]
    assert values["pca_share_of_components_95"] == pytest.approx(needed / shape[1])
    assert values["pca_first_abs_skewness"] == pytest.approx(abs(stats.skew(first)))
    assert values["pca_first_kurtosis"] == pytest.approx(stats.kurtosis(first))


def test_canonical_correlations_are_cosines_of_principal_angles(multivariate):
    numbers, target, classes = table()
    centred = numbers - numbers.mean(axis=0)
    indicators = np.eye(3)[classes] - np.eye(3)[classes].mean(axis=0)
    expected = np.cos(linalg.subspace_angles(centred, indicators[:, :2]))
    values = multivariate(numbers, target)
    assert summaries(values, "canonical_correlation") == pytest.approx(summarised(expected))
    assert values["n_discriminants"] == 2


def test_their_statistics_against_the_scatter_within_and_between_classes(multivariate):
    numbers, target, classes = table()
    means = np.array([numbers[classes == k].mean(axis=0) for k in range(3)])
    within = (numbers - means[classes]).T @ (numbers - means[classes])
    between = (means[classes] - numbers.mean(axis=0)).T @ (means[classes] - numbers.mean(axis=0))
    hypothesis = np.linalg.solve(within, between)
    expected = {
        "wilks_lambda": np.linalg.det(within) / np.linalg.det(within + between),
        "pillai_trace": np.trace(between @ np.linalg.inv(within + between)),
        "lawley_hotelling_trace": np.trace(hypothesis),
        "roy_root": np.linalg.eigvals(hypothesis).real.max(),
    }
    values = multivariate(numbers, target)
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_on_irises_as_published(multivariate):
    # The canonical correlations of Fisher's irises, and what follows from them, are printed in many a textbook.
    numbers, classes = load_iris(return_X_y=True)
    values = multivariate(numbers, classes, task_type="classification")
    expected = {
        "canonical_correlation_max": 0.984821,
        "canonical_correlation_min": 0.471197,
        "wilks_lambda": 0.0234386,
        "pillai_trace": 1.191899,
        "lawley_hotelling_trace": 32.47732,
        "roy_root": 32.19193,
        "gravity": 3.208281159748941,
        "sd_ratio": 1.2708666438750902,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=2e-6)


def test_in_a_regression_there_is_one_multiple_correlation(multivariate):
    numbers, _, _ = table()
    target = numbers[:, 0] + np.random.default_rng(1).normal(size=len(numbers)) * 5
    design = np.column_stack([numbers, np.ones(len(numbers))])
    fitted = design @ np.linalg.lstsq(design, target)[0]
    r2 = np.corrcoef(fitted, target)[0, 1] ** 2
    values = multivariate(numbers, target)
    expected = {"n_discriminants": 1, "wilks_lambda": 1 - r2, "pillai_trace": r2, "roy_root": r2 / (1 - r2)}
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    assert summaries(values, "canonical_correlation") == pytest.approx(summarised([np.sqrt(r2)]))
    assert {values[name] for name in OF_CLASSES} == {"not_applicable"}
    assert multivariate(numbers, target * 1e300)["wilks_lambda"] == pytest.approx(1 - r2)


def test_gravity_joins_the_largest_and_the_smallest_class(multivariate):
    numbers = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 3.0], [50.0, 9.0], [50.0, 7.0], [1.0, 4.0]])
    values = multivariate(numbers, ["u", "u", "u", "v", "v", "w"], lenient=True)
    assert values["gravity"] == pytest.approx(np.hypot(2 - 1, 1 - 4))
    large = multivariate(numbers * 1e300, ["u", "u", "u", "v", "v", "w"], lenient=True)
    assert large["gravity"] == pytest.approx(1e300 * np.hypot(1, 3))


def test_gravity_between_classes_of_one_size_and_of_one_centre(multivariate):
    numbers = np.array([[0.0], [2.0], [1.0], [1.0], [5.0], [7.0]])
    assert multivariate(numbers, [*"uuvvww"], lenient=True)["gravity"] == 0
    assert multivariate(numbers, [*"uuwwvv"], lenient=True)["gravity"] == pytest.approx(5)


def test_sd_ratio_with_classes_of_many_sizes(multivariate):
    numbers, target, classes = table()
    n, p, q = 120, 6, 3
    freedom = np.bincount(classes) - 1
    covariances = [np.cov(numbers[classes == k].T) for k in range(q)]
    pooled = sum(f * s for f, s in zip(freedom, covariances, strict=True)) / (n - q)
    gamma = 1 - (2 * p**2 + 3 * p - 1) / (6 * (p + 1) * (q - 1)) * (np.sum(1 / freedom) - 1 / (n - q))
    logs = [np.log(np.linalg.det(np.linalg.solve(s, pooled))) for s in covariances]
    expected = np.exp(gamma * freedom @ logs / (p * freedom.sum()))
    assert multivariate(numbers, target)["sd_ratio"] == pytest.approx(expected)


def test_sd_ratio_is_near_one_for_equal_covariances_alone(multivariate):
    rng = np.random.default_rng(0)
    numbers, classes = rng.normal(size=(3000, 3)), np.repeat([0, 1], 1500)
    target = np.array(["u", "v"])[classes]
    assert multivariate(numbers + 5 * classes[:, None], target)["sd_ratio"] == pytest.approx(1, abs=0.01)
    assert multivariate(numbers * (1 + 2 * classes[:, None]), target)["sd_ratio"] > 1.2


def test_the_mean_stands_for_what_is_missing(multivariate):
    numbers, target, _ = table()
    gaps = np.where(np.random.default_rng(2).random(numbers.shape) < 0.2, np.nan, numbers)
    filled = np.where(np.isnan(gaps), np.nanmean(gaps, axis=0), gaps)
    assert multivariate(gaps, target) == pytest.approx(multivariate(filled, target), rel=1e-9)


def test_units_and_the_order_of_columns_do_not_matter(multivariate):
    numbers, target, _ = table()
    values = multivariate(numbers, target)
    changed = multivariate((numbers * [1e-9, 2, -3, 1e9, 1, 7] + 5)[:, ::-1], target)
    large = multivariate(numbers * 1e300, target)
    for name in values:
        if not name.startswith(OF_UNITS):
            assert changed[name] == pytest.approx(values[name]), name
            assert large[name] == pytest.approx(values[name]), name
        elif not name.endswith(("skewness", "kurtosis", "gravity")):
            assert large[name] == "undefined"  # squares of these units are beyond the largest number


def test_collinear_columns_are_one_component(multivariate):
    numbers = np.linspace(0, 1, 20)[:, None] * [1, -2, 3, 4]
    values = multivariate(numbers, ["u", "v"] * 10)
    assert values["abs_correlation_min"] == pytest.approx(1.0)
    assert values["pca_share_of_components_95"] == 0.25
    assert (values["n_discriminants"], values["sd_ratio"]) == (1, "undefined")


def test_a_constant_column_makes_no_difference(multivariate):
    numbers, target, _ = table()
    with_constant = np.column_stack([numbers[:, :2], np.full(120, 7.0), numbers[:, 2:]])
    assert multivariate(with_constant, target) == multivariate(numbers, target)


def test_perfect_separation_has_no_finite_root(multivariate):
    values = multivariate({"a": [0.0, 0.0, 1.0, 1.0] * 5, "b": range(20)}, [*"uuvv"] * 5)
    assert values["canonical_correlation_max"] == pytest.approx(1)
    assert values["wilks_lambda"] == pytest.approx(0, abs=1e-12)
    assert {values[name] for name in ("lawley_hotelling_trace", "roy_root", "sd_ratio")} == {"undefined"}


def test_what_has_no_answer_says_why(multivariate):
    target = ["u", "v"] * 10
    one = multivariate({"a": range(20)}, target)
    assert one["abs_correlation_mean"] == "not_applicable"
    assert one["pca_share_of_components_95"] == 1.0
    assert one["sd_ratio"] > 0
    assert multivariate({"a": range(20), "b": [1] * 20}, target)["abs_correlation_mean"] == "constant"
    assert set(multivariate({"b": [1] * 20}, target).values()) == {"constant"}
    assert set(multivariate({"c": target}, target).values()) == {"not_applicable"}


def test_too_few_rows_fit_any_target(multivariate):
    values = multivariate(np.random.default_rng(0).normal(size=(20, 30)), ["u", "v"] * 10)
    for name in ("canonical_correlation_mean", "n_discriminants", "wilks_lambda", "pillai_trace", "sd_ratio"):
        assert values[name] == "too_few_rows"
    assert values["gravity"] > 0


def test_a_class_with_a_single_row_and_a_single_class(multivariate):
    numbers, target, _ = table()
    values = multivariate(numbers, ["single", *target[1:]])
    assert (values["sd_ratio"], values["n_discriminants"]) == ("too_few_rows", 3)
    values = multivariate(numbers, ["u"] * 120, lenient=True)
    assert {values[n] for n in (*OF_CLASSES, "canonical_correlation_mean", "wilks_lambda")} == {"constant"}
    assert multivariate(numbers, np.full(120, 1.5), lenient=True)["pillai_trace"] == "constant"


def test_a_single_row(multivariate):
    assert set(multivariate(np.ones((1, 3)), ["u"], lenient=True).values()) == {"constant"}


def test_of_very_wide_tables_a_thousand_columns_are_drawn(multivariate):
    numbers = np.random.default_rng(0).normal(size=(20, 1500))
    target = ["u", "v"] * 10
    first, again, other = (multivariate(numbers, target, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first["abs_correlation_mean"] != other["abs_correlation_mean"]
    assert first["abs_correlation_mean"] == pytest.approx(other["abs_correlation_mean"], rel=0.01)
    assert first["gravity"] == other["gravity"]
