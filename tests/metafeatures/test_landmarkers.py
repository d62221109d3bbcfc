"""Landmarkers: planted answers for each learner, tiny classes, and what must not change them."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

LEARNERS = {
    "landmark_decision_stump": DecisionTreeClassifier(max_depth=1),
    "landmark_nearest_neighbor": KNeighborsClassifier(1),
    "landmark_naive_bayes": GaussianNB(),
    "landmark_linear": LinearDiscriminantAnalysis(),
}


def blobs(n=600, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.choice(3, size=n, p=[0.6, 0.3, 0.1])
    return rng.normal(size=(n, 4)) + 0.9 * np.eye(4)[classes], classes


def test_against_scikit_learns_own_cross_validation(describe):
    X, classes = blobs()
    values = describe(X, [f"c{c}" for c in classes], ["landmarkers"])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for name, learner in LEARNERS.items():
        predicted = cross_val_predict(learner, StandardScaler().fit_transform(X), classes, cv=folds)
        assert values[name] == pytest.approx(balanced_accuracy_score(classes, predicted), abs=0.06), name


def test_each_learner_sees_what_it_can(describe):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(400, 2))
    quadrants = describe(x, np.where(x.prod(axis=1) > 0, "even", "odd"), ["landmarkers"])
    assert quadrants["landmark_nearest_neighbor"] > 0.9
    assert quadrants["landmark_linear"] < 0.6
    threshold = describe(x, np.where(x[:, 0] > 0.3, "high", "low"), ["landmarkers"])
    assert threshold["landmark_decision_stump"] > 0.98
    diagonal = describe(x, np.where(x.sum(axis=1) > 0, "high", "low"), ["landmarkers"])
    assert diagonal["landmark_linear"] > diagonal["landmark_decision_stump"] + 0.1


def test_noise_gives_chance(describe):
    rng = np.random.default_rng(0)
    values = describe(rng.normal(size=(1500, 5)), rng.choice(["u", "v"], 1500), ["landmarkers"])
    assert all(abs(value - 0.5) < 0.06 for value in values.values())


def test_nominal_columns_are_used(describe):
    rng = np.random.default_rng(0)
    classes = rng.choice(["u", "v"], 200)
    words = np.where(rng.random(200) < 0.05, None, np.where(classes == "u", "x", "y"))
    values = describe({"a": words, "noise": rng.choice(list("pqr"), 200)}, classes, ["landmarkers"])
    assert values["landmark_linear"] > 0.93
    assert values["landmark_nearest_neighbor"] > 0.9


def test_a_regression_has_r2(describe):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    values = describe(x, 1e6 * x[:, 0], ["landmarkers"])
    assert values["landmark_linear"] == pytest.approx(1.0, abs=1e-3)
    assert 0.5 < values["landmark_decision_stump"] < 0.7  # 2 / pi of the variance of a normal lies between its halves
    assert values["landmark_nearest_neighbor"] > 0.8
    assert values["landmark_naive_bayes"] == "not_applicable"


def test_units_and_a_large_sample_do_not_change_much(describe):
    X, classes = blobs()
    names = [f"c{c}" for c in classes]
    values = describe(X, names, ["landmarkers"])
    assert describe(X * [1e-9, 1e9, 3, 1] + [5, 0, -7, 1], names, ["landmarkers"]) == pytest.approx(values, abs=0.01)
    X, classes = blobs(6000)
    sampled = describe(X, [f"c{c}" for c in classes], ["landmarkers"])
    assert sampled == pytest.approx(values, abs=0.08)
    assert sampled == describe(X, [f"c{c}" for c in classes], ["landmarkers"])


def test_classes_of_one_row_are_left_out(describe):
    x = np.r_[np.zeros(6), np.ones(6), 5.0]
    values = describe({"a": x}, ["u"] * 6 + ["v"] * 6 + ["w"], ["landmarkers"])
    assert values["landmark_nearest_neighbor"] == 1.0
    alone = describe({"a": range(10)}, ["u"] * 9 + ["v"], ["landmarkers"])
    assert set(alone.values()) == {"too_few_rows"}


def test_a_class_of_two_rows_is_learned_from_the_other_one(describe):
    x = np.r_[np.zeros(8), 9.0, 9.1]
    values = describe({"a": x}, ["u"] * 8 + ["v"] * 2, ["landmarkers"])
    assert values["landmark_nearest_neighbor"] == 1.0


def test_what_has_no_answer_says_why(describe):
    target = ["u", "v"] * 10
    assert set(describe({"a": [1.0] * 20, "b": ["x"] * 20}, target, ["landmarkers"]).values()) == {"constant"}
    days = [f"2020-01-{day:02}" for day in range(1, 21)]
    assert set(describe({"a": days}, target, ["landmarkers"]).values()) == {"not_applicable"}


def test_a_learner_that_breaks_takes_no_other_along(describe, monkeypatch):
    monkeypatch.setattr(GaussianNB, "fit", lambda *_: 1 / 0)
    values = describe(*blobs(100), ["landmarkers"], task_type="classification")
    assert values.pop("landmark_naive_bayes") == "failed: ZeroDivisionError"
    assert all(isinstance(value, float) for value in values.values())
