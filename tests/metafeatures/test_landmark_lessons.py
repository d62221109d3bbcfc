"""What the landmarkers' learners are taught: folds as scikit-learn's, the encoding, and how much of a large table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from metalearn.core.records import Dataset
from metalearn.metafeatures.landmark_lessons import (
    MAX_COLUMNS,
    MAX_ROWS,
    lesson,
    sparse_lesson,
    stratified_folds,
)
from metalearn.metafeatures.table import Table, UnmeasuredError


def table(columns, target, seed=0):
    X, y = pd.DataFrame(columns), pd.Series(target)
    X = X.astype({name: "category" for name in X if X[name].dtype.kind not in "if"})
    kinds = tuple("nominal" if isinstance(dtype, pd.CategoricalDtype) else "numeric" for dtype in X.dtypes)
    if y.dtype.kind not in "if":
        y = y.astype("category")
    return Table.of(Dataset(X, y, "made", kinds, ""), seed=seed)


@pytest.mark.parametrize("n_folds", [2, 3, 10])
def test_folds_are_scikit_learns(n_folds):
    rng = np.random.default_rng(n_folds)
    for probabilities in ([0.5, 0.5], [0.1, 0.6, 0.3], [0.2] * 5):
        classes = rng.choice(len(probabilities), 237, p=probabilities)
        folds = stratified_folds(classes, n_folds)
        for fold, (_, held_out) in enumerate(StratifiedKFold(n_folds).split(classes, classes)):
            assert np.flatnonzero(folds == fold).tolist() == held_out.tolist()


def test_rows_lie_fold_by_fold_and_numbers_are_standardised():
    rng = np.random.default_rng(0)
    x = rng.lognormal(size=120)
    x[::10] = np.nan
    sample = lesson(table({"a": x}, rng.choice(["u", "v"], 120))).test
    assert np.all(np.diff(sample.folds) >= 0)
    assert np.bincount(sample.folds).tolist() == [12] * 10
    assert (sample.X.mean(), sample.X.std()) == pytest.approx((0, 1))
    assert np.count_nonzero(sample.X == 0) == 12  # the mean, where a value is missing


def test_a_nominal_column_becomes_indicators_of_frequent_symbols_and_of_the_rest():
    words = [f"w{i}" for i in range(9) for _ in range(4)] + ["x", "y", None, "z"] * 3
    sample = lesson(table({"a": words}, ["u", "v"] * 24)).test
    assert sample.X.shape == (48, 11)
    assert sample.X.sum(axis=1).tolist() == [1.0] * 48
    assert sorted(sample.X.sum(axis=0)) == [3, *[4] * 9, 9]  # a missing symbol is one, and three of four share the last


def test_of_a_large_table_a_sample_is_used():
    rng = np.random.default_rng(0)
    wide = lesson(table(rng.normal(size=(40, 2 * MAX_COLUMNS)), ["u", "v"] * 20)).test
    assert wide.X.shape == (40, MAX_COLUMNS)
    words = {str(i): rng.choice(list("abcdefgh"), 100) for i in range(60)}
    assert lesson(table(words, ["u", "v"] * 50)).test.X.shape == (100, MAX_COLUMNS)
    rare = np.where(np.arange(5 * MAX_ROWS) % 100 == 0, "rare", "common")
    long = lesson(table({"a": rng.normal(size=len(rare))}, rare)).test
    assert np.bincount(long.y.astype(int)).tolist() == [MAX_ROWS * 99 // 100, MAX_ROWS // 100]


def test_a_tenth_is_learned_in_proportion_and_all_is_asked():
    rng = np.random.default_rng(0)
    made = table({"a": rng.normal(size=1000)}, np.repeat(["u", "v", "w"], [600, 370, 30]))
    sparse = sparse_lesson(made)
    assert np.bincount(sparse.train.y.astype(int)).tolist() == [60, 37, 3]
    assert sparse.test is made.shared(lesson).test
    for fold, (learned, left, asked) in enumerate(sparse.rounds()):
        assert np.all(sparse.train.folds[learned] != fold)
        assert np.all(sparse.train.folds[left] == fold)
        assert np.all(sparse.test.folds[asked] == fold)


def test_the_folds_of_a_regression_do_not_follow_the_order_of_the_rows():
    sample = lesson(table({"a": np.arange(200.0)}, np.arange(200.0))).test
    assert np.bincount(sample.folds).tolist() == [20] * 10
    assert all(np.ptp(sample.X[sample.folds == fold]) > 2 for fold in range(10))


@pytest.mark.parametrize(
    ("columns", "target", "reason"),
    [
        ({"a": [1.0] * 9, "b": ["x"] * 9}, list("uvuvuvuvu"), "constant"),
        ({"a": range(9)}, ["u"] * 9, "constant"),
        ({"a": range(9)}, [2.0] * 9, "constant"),
        ({"a": range(9)}, list("abcdefghi"), "too_few_rows"),
        ({"a": [1.0]}, ["u"], "constant"),
        ({"a": [1.0, 2.0, 4.0]}, [1.0, 2.0, 4.0], "too_few_rows"),
        ({"a": [None, None]}, ["u", "v"], "not_applicable"),
    ],
)
def test_what_cannot_be_learned_says_why(columns, target, reason):
    with pytest.raises(UnmeasuredError, match=reason):
        lesson(table(columns, target))


def test_a_tenth_of_few_rows_is_too_few():
    with pytest.raises(UnmeasuredError, match="too_few_rows"):
        sparse_lesson(table({"a": range(40)}, ["u", "v"] * 20))
