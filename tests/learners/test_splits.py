"""Stratified splits keep every class in every training set."""

from collections import Counter

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC

from metalearn.core.records import Dataset
from metalearn.learners.splits import StratifiedFolds, assign_folds, sample_dataset, stratified_rows

_targets = st.lists(st.sampled_from("abcdef"), min_size=4, max_size=60)
_folds = st.integers(2, 5)
_seeds = st.integers(0, 99)


@given(_targets, _folds, _seeds)
def test_classes_are_dealt_out_evenly(y: list[str], n_folds: int, seed: int) -> None:
    folds = assign_folds(y, n_folds, seed)
    for label, size in Counter(y).items():
        counts = [sum(f == fold and v == label for f, v in zip(folds, y, strict=True)) for fold in range(n_folds)]
        assert sum(counts) == (size if size > 1 else 0)
        assert max(counts) - min(counts) <= 1


@given(_targets, _folds, _seeds)
def test_every_class_is_always_trained_on(y: list[str], n_folds: int, seed: int) -> None:
    for train, test in StratifiedFolds(n_folds, seed).split(np.zeros((len(y), 1)), y):
        assert {y[i] for i in train} == set(y)
        assert not set(train) & set(test)
        assert len(train) + len(test) == len(y)


def test_splits_follow_from_the_seed() -> None:
    y = list("aabbcc" * 5)
    np.testing.assert_array_equal(assign_folds(y, 3, seed=1), assign_folds(y, 3, seed=1))
    assert (assign_folds(y, 3, seed=1) != assign_folds(y, 3, seed=2)).any()


def test_a_rare_class_does_not_stop_calibration() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(41, 2)), np.array(["a"] * 20 + ["b"] * 20 + ["c"])
    calibrated = CalibratedClassifierCV(LinearSVC(), cv=StratifiedFolds(3)).fit(X, y)
    probabilities = calibrated.predict_proba(X)
    assert probabilities.shape == (41, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@given(_targets, st.integers(1, 60), _seeds)
def test_samples_keep_the_classes_shares(y: list[str], wanted: int, seed: int) -> None:
    n_rows = min(wanted, len(y))
    rows = stratified_rows(y, n_rows, seed)
    assert len(set(rows)) == n_rows
    assert (np.diff(rows) > 0).all()
    sampled = Counter(y[i] for i in rows)
    for label, size in Counter(y).items():
        assert abs(sampled[label] - n_rows * size / len(y)) <= 1


def test_a_small_dataset_is_its_own_sample() -> None:
    dataset = Dataset(pd.DataFrame({"x": range(20)}), pd.Series(["a", "b"] * 10), "d", ("numeric",), "f" * 64)
    assert sample_dataset(dataset, 20, seed=0) is dataset
    sample = sample_dataset(dataset, 10, seed=0)
    assert (len(sample.X), sample.y.tolist().count("a"), sample.id) == (10, 5, dataset.id)
    assert list(sample.X.index) == list(sample.y.index) == list(range(10))
    assert all(("a", "b")[x % 2] == y for x, y in zip(sample.X["x"], sample.y, strict=True))
