"""Stratified splits keep every class in every training set."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC

from metalearn.core.records import Dataset
from metalearn.learners.splits import (
    N_FOLDS,
    TEST,
    TRAINING_ONLY,
    StratifiedFolds,
    assign_folds,
    outer_splits,
    sampled_rows,
    strata,
    stratified_rows,
    take_rows,
)

_targets = st.lists(st.sampled_from("abcdef"), min_size=4, max_size=60)
_folds = st.integers(2, 5)
_seeds = st.integers(0, 99)


def _dataset(y: "pd.Series[object]") -> Dataset:
    return Dataset(pd.DataFrame({"row": range(len(y))}), y, "d", ("numeric",), "f" * 64)


def _classes(labels: "list[str] | np.ndarray") -> Dataset:
    return _dataset(pd.Series(labels, dtype="category"))


def _numbers(values: np.ndarray) -> Dataset:
    return _dataset(pd.Series(values, dtype="float64"))


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
    dataset = _classes(["a", "b"] * 10)
    assert sampled_rows(dataset, 20, seed=0).tolist() == list(range(20))
    rows = sampled_rows(dataset, 10, seed=0)
    sample = take_rows(dataset, rows)
    assert (len(sample.X), sample.y.tolist().count("a"), sample.id) == (10, 5, dataset.id)
    assert list(sample.X.index) == list(sample.y.index) == list(range(10))
    assert sample.X["row"].tolist() == rows.tolist()
    assert all(("a", "b")[x % 2] == y for x, y in zip(sample.X["row"], sample.y, strict=True))


def test_strata_are_classes_or_tenths() -> None:
    labels = ["b", "a", "b", "c"]
    assert strata(_classes(labels)).tolist() == [1, 0, 1, 2]
    skewed = np.random.default_rng(0).permutation(np.exp(np.arange(100.0) / 9))
    groups = strata(_numbers(skewed))
    assert np.bincount(groups).tolist() == [10] * 10
    assert (np.argsort(skewed) == np.argsort(groups * 1e9 + skewed)).all()  # the tenths are in the target's order
    assert len(set(strata(_numbers(np.full(20, 3.0))))) == 1  # a constant target is one stratum
    assert strata(_numbers(np.arange(11.0))).tolist() == [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        9,
    ]  # a cut belongs to those above


@pytest.mark.parametrize(("n_rows", "n_splits"), [(30, 3), (1999, 3), (2000, 1), (5003, 1)])
@pytest.mark.parametrize("task_type", ["classification", "regression"])
def test_a_fifth_is_tested_on_and_the_rest_cross_validated(n_rows: int, n_splits: int, task_type: str) -> None:
    rng = np.random.default_rng(n_rows)
    dataset = _numbers(rng.normal(size=n_rows)) if task_type == "regression" else _classes(rng.choice([*"aab"], n_rows))
    splits = outer_splits(dataset, seed=7)
    assert list(splits) == [7, 8, 9][:n_splits]
    for parts in splits.values():
        sizes = np.bincount(parts, minlength=4)
        assert sizes.sum() == n_rows  # each row has one part
        assert abs(sizes[TEST] - n_rows / 5) <= 1
        assert max(sizes[:N_FOLDS]) - min(sizes[:N_FOLDS]) <= 1


@pytest.mark.parametrize("n_rows", [97, 2500])
def test_each_part_holds_its_share_of_each_stratum(n_rows: int) -> None:
    rng = np.random.default_rng(0)
    for dataset in (_classes(rng.choice([*"abbcccc"], n_rows)), _numbers(rng.lognormal(size=n_rows))):
        groups = strata(dataset)
        for parts in outer_splits(dataset).values():
            for group in np.unique(groups):
                sizes = np.bincount(parts[groups == group], minlength=4)
                assert abs(sizes[TEST] - sizes.sum() / 5) < 1
                assert max(sizes[:N_FOLDS]) - min(sizes[:N_FOLDS]) <= 1


@given(_targets, _seeds)
def test_a_rare_class_is_trained_on_in_every_fit(y: list[str], seed: int) -> None:
    for parts in outer_splits(_classes(y), seed).values():
        assert set(parts) <= {TRAINING_ONLY, *range(N_FOLDS), TEST}
        trained = [(parts != TEST) & (parts != fold) for fold in (*range(N_FOLDS), TEST)]
        assert all({y[i] for i in np.flatnonzero(rows)} == set(y) for rows in trained)
        singles = [i for i, label in enumerate(y) if y.count(label) == 1]
        assert (parts[singles] == TRAINING_ONLY).all()


@given(st.lists(st.integers(-5, 5), min_size=4, max_size=60), _seeds)
def test_tied_targets_are_split_too(values: list[int], seed: int) -> None:
    dataset = _numbers(np.array(values, dtype=np.float64))
    for parts in outer_splits(dataset, seed).values():
        assert set(parts) <= {TRAINING_ONLY, *range(N_FOLDS), TEST}
        groups = strata(dataset)
        assert set(groups[parts != TEST]) == set(groups)


def test_outer_splits_follow_from_the_seed_and_differ_between_seeds() -> None:
    dataset = _classes([*"abc"] * 40)
    first, again = outer_splits(dataset, 0), outer_splits(dataset, 0)
    for seed, parts in first.items():
        np.testing.assert_array_equal(parts, again[seed])
    tested = [set(np.flatnonzero(parts == TEST)) for parts in first.values()]
    assert all(tested[i] != tested[j] for i in range(3) for j in range(i))
    np.testing.assert_array_equal(outer_splits(dataset, 1)[1], first[1])  # a split is known by its seed


def test_the_order_of_equal_rows_decides_nothing_but_which_of_them() -> None:
    y = np.array([*"aab"] * 30)
    counts = [np.bincount(outer_splits(_classes(labels))[0][labels == "a"]).tolist() for labels in (y, y[::-1])]
    assert counts[0] == counts[1]
