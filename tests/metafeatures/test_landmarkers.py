"""Landmarkers: scores of a cross-validation by scikit-learn, planted answers for each learner, and odd tables."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.datasets import load_diabetes, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from metalearn.core.records import Dataset
from metalearn.metafeatures import landmarkers
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.landmarkers import LANDMARKERS, LEARNERS

SCIKIT_LEARNS = {
    "decision_stump": DecisionTreeClassifier(max_depth=1, random_state=0),
    "nearest_neighbor": KNeighborsClassifier(1),
    "naive_bayes": GaussianNB(),
    "linear": LinearDiscriminantAnalysis(),
}
SCORES = [f"landmark_{name}_mean" for name in LEARNERS]


@pytest.fixture(scope="module")
def landmarks(describe):
    def described(columns, target, **options):
        return describe(columns, target, [LANDMARKERS], summaries=("mean", "sd", "min", "max"), **options)

    return described


def names_of(classes):
    return [f"c{c}" for c in classes]


def blobs(n=600, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.choice(3, size=n, p=[0.6, 0.3, 0.1])
    return rng.normal(size=(n, 4)) + 0.9 * np.eye(4)[classes], classes


@pytest.mark.parametrize("data", [load_wine(return_X_y=True), blobs()])
def test_scores_are_those_of_scikit_learns_cross_validation(landmarks, data):
    X, classes = data
    values = landmarks(X, names_of(classes))
    X = StandardScaler().fit_transform(X)
    for name, learner in SCIKIT_LEARNS.items():
        for suffix, metric in (("", "accuracy"), ("_balanced", "balanced_accuracy")):
            folds = cross_val_score(learner, X, classes, cv=StratifiedKFold(10), scoring=metric)
            expected = {"mean": folds.mean(), "sd": folds.std(), "min": folds.min(), "max": folds.max()}
            found = {s: values[f"landmark_{name}{suffix}_{s}"] for s in expected}
            assert found == pytest.approx(expected), (name, suffix)


def test_each_learner_sees_what_it_can(landmarks):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(400, 2))
    quadrants = landmarks(x, np.where(x.prod(axis=1) > 0, "even", "odd"))
    assert quadrants["landmark_nearest_neighbor_mean"] > 0.9
    assert quadrants["landmark_linear_mean"] < 0.6
    threshold = landmarks(x, np.where(x[:, 0] > 0.3, "high", "low"))
    assert threshold["landmark_decision_stump_mean"] > 0.98
    assert threshold["landmark_elite_nearest_neighbor_mean"] > 0.98
    assert threshold["landmark_worst_node_mean"] < 0.7
    middle = (threshold["landmark_decision_stump_mean"] + threshold["landmark_worst_node_mean"]) / 2
    assert threshold["landmark_random_node_mean"] == pytest.approx(
        middle
    )  # one column of two is the best, one the worst
    diagonal = landmarks(x, np.where(x.sum(axis=1) > 0, "high", "low"))
    assert diagonal["landmark_linear_mean"] > diagonal["landmark_decision_stump_mean"] + 0.1


def test_noise_gives_chance(landmarks):
    rng = np.random.default_rng(0)
    values = landmarks(rng.normal(size=(1500, 5)), rng.choice(["u", "v"], 1500))
    assert all(abs(values[name] - 0.5) < 0.05 for name in SCORES)


def test_balanced_accuracy_does_not_reward_the_largest_class(landmarks):
    rng = np.random.default_rng(0)
    values = landmarks(rng.normal(size=(500, 3)), np.repeat(["common", "rare"], [450, 50]))
    assert values["landmark_decision_stump_mean"] > 0.85
    assert values["landmark_decision_stump_balanced_mean"] < 0.55


def test_ranks(landmarks):
    values = landmarks(*blobs())
    means = [values[name] for name in SCORES]
    assert [values[f"landmark_{name}_rank"] for name in LEARNERS] == rankdata(means).tolist()
    perfect = landmarks({"a": np.arange(60) % 2 + np.linspace(0, 0.1, 60)}, ["u", "v"] * 30)
    assert {perfect[f"landmark_{name}_rank"] for name in LEARNERS} == {4.0}


def test_more_rows_are_worth_most_to_who_needs_them(landmarks):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(2000, 2))
    values = landmarks(x, np.where(np.floor(4 * x).sum(axis=1) % 2 > 0, "black", "white"))
    assert values["landmark_nearest_neighbor_gain"] > 0.1
    assert abs(values["landmark_linear_gain"]) < 0.1
    gain = values["landmark_nearest_neighbor_mean"] - values["landmark_nearest_neighbor_subsample"]
    assert values["landmark_nearest_neighbor_gain"] == pytest.approx(gain)


def test_nominal_columns_are_used(landmarks):
    rng = np.random.default_rng(0)
    classes = rng.choice(["u", "v"], 200)
    words = np.where(rng.random(200) < 0.05, None, np.where(classes == "u", "x", "y"))
    values = landmarks({"a": words, "noise": rng.choice(list("pqr"), 200)}, classes)
    for name in ("linear", "decision_stump", "elite_nearest_neighbor", "nearest_neighbor"):
        assert values[f"landmark_{name}_mean"] > 0.92, name


def test_a_missing_symbol_tells_something(landmarks):
    values = landmarks({"a": ["x", None] * 30, "b": ["p", "q", "r"] * 20}, ["u", "v"] * 30)
    assert values["landmark_decision_stump_mean"] == 1.0


def test_a_regression_has_r2(landmarks):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    values = landmarks(x, 1e300 * x[:, 0])
    assert values["landmark_linear_mean"] == pytest.approx(1.0, abs=1e-3)
    assert 0.5 < values["landmark_decision_stump_mean"] < 0.7  # 2 / pi of a normal's variance lies between its halves
    assert values["landmark_nearest_neighbor_mean"] > 0.8
    assert values["landmark_elite_nearest_neighbor_mean"] > 0.99
    assert values["landmark_worst_node_mean"] < 0.1
    none = {v for n, v in values.items() if "naive_bayes" in n or "balanced" in n}
    assert none == {"not_applicable"}
    ranks = [values[f"landmark_{name}_rank"] for name in LEARNERS if name != "naive_bayes"]
    assert sorted(ranks) == [1, 2, 3, 4, 5, 6]


def test_scores_of_a_regression_are_clipped_and_of_each_fold(landmarks):
    X, y = load_diabetes(return_X_y=True)
    values = landmarks(X, y)
    assert values["landmark_nearest_neighbor_mean"] < 0.2 < values["landmark_linear_mean"]
    assert values["landmark_linear_min"] < values["landmark_linear_max"]
    noise = landmarks(np.random.default_rng(0).normal(size=(60, 3)), np.random.default_rng(1).standard_cauchy(60))
    assert noise["landmark_nearest_neighbor_min"] == -1.0


def test_units_do_not_matter(landmarks):
    X, classes = blobs(300)
    values = landmarks(X, names_of(classes))
    changed = landmarks(X * [1e-9, 1e9, 3e300, 1] + [0, 0, 0, 1], names_of(classes))
    assert changed == pytest.approx(values, abs=0.01)


def test_a_large_table_is_sampled_and_the_seed_decides(landmarks):
    X, classes = blobs(6000)
    first, again, other = (landmarks(X, names_of(classes), seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    small = landmarks(*blobs(2000))
    assert [first[name] for name in SCORES] == pytest.approx([small[name] for name in SCORES], abs=0.05)


def test_up_to_two_thousand_rows_only_the_subsample_is_random(landmarks):
    first, other = (landmarks(*blobs(500), seed=seed) for seed in (3, 4))
    assert {n for n in first if first[n] != other[n]} <= {n for n in first if n.endswith(("_subsample", "_gain"))}


def test_a_class_of_one_row_is_never_right(landmarks):
    values = landmarks({"a": np.r_[np.zeros(10), np.ones(10), 5.0]}, ["u"] * 10 + ["v"] * 10 + ["w"])
    assert values["landmark_nearest_neighbor_max"] == 1.0
    assert values["landmark_nearest_neighbor_min"] == pytest.approx(2 / 3)
    assert values["landmark_nearest_neighbor_subsample"] == "too_few_rows"


@pytest.mark.parametrize(
    ("columns", "target", "reason"),
    [
        ({"a": [1.0] * 20, "b": ["x"] * 20}, ["u", "v"] * 10, "constant"),
        ({"a": [f"2020-01-{day:02}" for day in range(1, 21)]}, ["u", "v"] * 10, "not_applicable"),
        ({"a": range(12)}, list("abcdefghijkl"), "too_few_rows"),
    ],
)
def test_what_has_no_answer_says_why(landmarks, columns, target, reason):
    assert set(landmarks(columns, target, lenient=True).values()) == {reason}


@pytest.mark.parametrize(
    "y", [pd.Series(["u"] * 20, dtype="category"), pd.Series([3.0] * 20), pd.Series(["u"], dtype="category")]
)
def test_one_class_or_one_row_is_constant(y):
    X = pd.DataFrame({"a": np.arange(len(y), dtype=float), "b": 1.0})
    extractor = Extractor([LANDMARKERS])
    _, _, status = extractor.extract(Dataset(X, y, "made", ("numeric",) * 2, ""), rng=np.random.default_rng(0))
    assert set(status) <= {"constant", "not_applicable"}
    assert status[extractor.names.index(SCORES[0])] == "constant"


@pytest.mark.parametrize("n_columns", [200, 10_000])
def test_more_columns_than_rows(landmarks, n_columns):
    rng = np.random.default_rng(0)
    values = landmarks(rng.normal(size=(60, n_columns)), rng.choice(["u", "v"], 60))
    assert all(isinstance(value, float) for name, value in values.items() if name in SCORES)


def test_a_learner_that_breaks_takes_no_other_along(landmarks, monkeypatch):
    node = landmarkers.Landmark(lambda lesson: 1 / 0, landmarkers.lesson)
    monkeypatch.setitem(landmarkers._FULL, "naive_bayes", node)
    values = landmarks(*blobs(100), task_type="classification")
    assert values["landmark_naive_bayes_mean"] == values["landmark_linear_rank"] == "failed: ZeroDivisionError"
    assert all(isinstance(values[name], float) for name in SCORES if name != "landmark_naive_bayes_mean")
    assert isinstance(values["landmark_naive_bayes_subsample"], float)


def test_every_measure_is_explained():
    assert len(LANDMARKERS.measures) == 5 * len(LEARNERS)
    for measure in LANDMARKERS.measures:
        assert measure.needs_target
        assert measure.formula
        assert measure.source != "metalearn"


@pytest.mark.filterwarnings("ignore:The least populated class", "ignore:y_pred contains classes")
def test_balanced_accuracy_of_a_fold_is_over_the_classes_in_it(landmarks):
    X, classes = blobs(120, seed=4)
    classes[classes == 2] = 1
    classes[:4] = 2  # which are in four folds of ten
    values = landmarks(X, names_of(classes))
    Z, folds = StandardScaler().fit_transform(X), StratifiedKFold(10)
    scores = cross_val_score(GaussianNB(), Z, classes, cv=folds, scoring="balanced_accuracy")
    assert values["landmark_naive_bayes_balanced_mean"] == pytest.approx(scores.mean())
