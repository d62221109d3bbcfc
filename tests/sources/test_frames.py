"""Tables in memory: their columns, the task that a target makes, and the fingerprint."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.errors import InputError
from metalearn.sources.fingerprints import fingerprint
from metalearn.sources.frames import make_dataset, unique_names

N = 12
Y = ["a", "b"] * 6


@pytest.mark.parametrize("large", [np.inf, 1e308, 3.5e38])
def test_numbers_that_no_learner_takes_are_missing_and_noted(large):
    numbers = [1.0, large, -large, 3.4e38] * 3
    dataset = make_dataset(pd.DataFrame({"a": numbers, "b": map(str, numbers), "c": range(N), "y": Y}), "y")
    for name in "ab":
        assert dataset.X[name].dropna().tolist() == [1.0, 3.4e38] * 3
        assert dataset.X[name].isna().sum() == 6
    assert dataset.notes == ("numbers that are infinite or too large for learners are missing in 'a', 'b'",)
    described = make_dataset(pd.DataFrame({"a": numbers, "y": Y}), "y", lenient=True)
    assert described.X["a"].isna().sum() == (6 if large == np.inf else 0)
    predicted = make_dataset(pd.DataFrame({"a": range(2 * N), "y": [*numbers, *np.arange(N) / 7]}), "y")
    assert len(predicted.y) == 2 * N - 6
    assert predicted.notes == (
        "numbers that are infinite or too large for learners are missing in 'y'",
        "rows without a target are left out: 6",
    )


def test_labels_read_as_people_write_them():
    dataset = make_dataset(pd.DataFrame({"a": range(N), "b": [1.0, 2.5] * 6, "y": [0.0, 1.0] * 6}), "y", nominal=["b"])
    assert list(dataset.X["b"].cat.categories) == ["1", "2.5"]
    assert list(dataset.y.cat.categories) == ["0", "1"]


TARGETS = {
    "words": (["u", "v"] * 50, "classification"),
    "two numbers": ([3, 7] * 50, "classification"),
    "twenty classes of five": (list(range(20)) * 5, "classification"),
    "twenty-five classes of four": (list(range(25)) * 4, "regression"),
    "whole numbers, all distinct": (range(100), "regression"),
    "two fractions": ([0.5, 1.5] * 50, "regression"),
}


@pytest.mark.parametrize("label", TARGETS)
def test_the_task_type_follows_the_target(label):
    target, task_type = TARGETS[label]
    dataset = make_dataset(pd.DataFrame({"a": range(100), "y": target}), "y")
    assert dataset.task_type == task_type
    assert str(dataset.y.dtype) == ("category" if task_type == "classification" else "float64")


def test_doubled_names_are_numbered_and_the_table_is_left_alone():
    frame = pd.DataFrame([[1, 2, 0], [3, 4, 1]] * 5, columns=["a", "a", "y"])
    before = frame.copy()
    assert list(make_dataset(frame, "y").X.columns) == ["a", "a.1"]
    pd.testing.assert_frame_equal(frame, before)


def test_what_is_mended_is_noted():
    frame = pd.DataFrame([[1, 2, 0], [3, 4, 1], [5, 6, None]] * 5, columns=["a", "a", "y"])
    renamed = "columns whose name was taken already are called 'a.1'"
    assert make_dataset(frame, "y").notes == (renamed, "rows without a target are left out: 5")
    assert make_dataset(frame.set_axis(["a", "b", "y"], axis=1).dropna(), "y").notes == ()


@pytest.mark.parametrize(
    ("target", "options", "otherwise"),
    [
        ([f"id{i}" for i in range(200)], {}, "choose another target."),
        ([f"id{i // 2}" if i < 90 else f"id{i}" for i in range(200)], {}, "choose another target."),
        (range(200), {"task_type": "classification"}, "choose another, or --task-type regression."),
    ],
)
def test_a_target_that_names_rows_is_refused_but_may_be_described(target, options, otherwise):
    frame = pd.DataFrame({"a": range(200), "y": target})
    with pytest.raises(InputError, match="classes for 200 rows; ") as caught:
        make_dataset(frame, "y", **options)
    assert str(caught.value).endswith(otherwise)
    assert make_dataset(frame, "y", lenient=True, **options).n_classes > 100
    pairs = pd.DataFrame({"a": range(200), "y": [f"id{i // 2}" for i in range(200)]})
    assert make_dataset(pairs, "y").n_classes == 100
    rare = pd.DataFrame({"a": range(40), "y": ["often"] * 38 + ["once", "another"]})
    assert make_dataset(rare, "y").n_classes == 3


def test_numbers_that_names_have_already_are_passed_over():
    assert unique_names(["a", "a", "a.1", "a", "a.2", "a"]) == ["a", "a.1", "a.1.1", "a.2", "a.2.1", "a.3"]
    assert unique_names([""] * 20_000)[-1] == ".19999"  # in time that grows with their number


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        ({"a": range(N), "y": Y}, {"target": None}, "Name the target column of data; its columns are 'a', 'y'"),
        ({"a": range(N), "klass": Y}, {"target": "class"}, "did you mean 'klass'"),
        ({"a": range(N), "y": Y}, {"target": "zzz"}, "its columns are 'a', 'y'"),
        ({"a": range(N), "y": Y}, {"nominal": ["b"]}, "no column 'b'"),
        ({"a": range(N), "y": ["u"] * N}, {}, "one value only \\(u\\)"),
        ({"a": range(N), "y": [1.5] * N}, {}, "one value only"),
        ({"a": range(N), "y": ["u"] * 9 + [None] * 3}, {}, "has 9 rows with a target, and at least 10"),
        ({"y": Y}, {}, "no column besides the target"),
        ({"a": [None] * N, "b": ["?"] * N, "y": Y}, {}, "All feature values of data are missing"),
        ({"a": range(N), "y": Y}, {"task_type": "regression"}, "is not numeric"),
        (
            {"a": range(N), "y": ["2020-01-02", "2021-02-03"] * 6},
            {},
            "'y' of data holds dates, which cannot be a target",
        ),
        ({"a": range(N), "y": Y}, {"task_type": "ranking"}, "classification or regression; got 'ranking'"),
    ],
)
def test_unusable_tables_are_refused(frame, options, message):
    with pytest.raises(InputError, match=message):
        make_dataset(pd.DataFrame(frame), **{"target": "y", **options})


LENIENT = {
    "one row": ({"a": [1.5], "y": ["u"]}, "y", "classification"),
    "one class": ({"a": range(N), "y": ["u"] * N}, "y", "classification"),
    "one number": ({"a": range(N), "y": [1.5] * N}, "y", "regression"),
    "no values": ({"a": [None] * N, "y": Y}, "y", "classification"),
    "no target": ({"a": range(N), "b": Y}, None, "regression"),
}


@pytest.mark.parametrize("label", LENIENT)
def test_a_table_that_is_only_described_may_lack_much(label):
    columns, target, task_type = LENIENT[label]
    frame = pd.DataFrame(columns)
    with pytest.raises(InputError):
        make_dataset(frame, target)
    dataset = make_dataset(frame, target, lenient=True)
    assert dataset.task_type == task_type
    assert dataset.X.shape == (len(frame), frame.shape[1] - (target is not None))
    assert dataset.y.isna().all() == (target is None)
    assert len(dataset.y) == len(frame)


def test_columns_keep_their_places_and_names():
    frame = pd.DataFrame({"s": ["x", "y"] * 6, "n": range(N), "d": pd.date_range("2020", periods=N), "m": 1.5, "y": Y})
    dataset = make_dataset(frame, "y", nominal=["m"])
    assert list(dataset.X.columns) == ["s", "n", "d", "m"]
    assert dataset.kinds == ("nominal", "numeric", "date", "nominal")
    assert dataset.X["n"].tolist() == list(range(N))
    assert dataset.X["m"].tolist() == ["1.5"] * N


def test_rows_without_a_target_are_dropped_from_every_column():
    frame = pd.DataFrame({"s": list("abcdefghijklmn"), "n": range(14), "y": [None, *Y, None]}, index=[7] * 14)
    dataset = make_dataset(frame, "y")
    assert dataset.X["s"].tolist() == list("bcdefghijklm")
    assert dataset.X["n"].tolist() == list(range(1, 13))
    assert list(dataset.X.index) == list(range(12))


def test_cleaning_works_on_distinct_values_only_where_that_changes_nothing():
    words = [" x", "x ", "y", "?", None, "NA"] * 2
    dataset = make_dataset(pd.DataFrame({"w": words, "n": ["1", " 2", "n/a", "3 ", "1", ""] * 2, "y": Y}), "y")
    assert dataset.X["w"].tolist() == ["x", "x", "y", np.nan, np.nan, np.nan] * 2
    assert dataset.X["n"].fillna(-1).tolist() == [1, 2, -1, 3, 1, -1] * 2


# Frozen: ids of raw datasets are cut from fingerprints, so a change would orphan what is stored.
GOLDEN = "a869e43e3fb17bb4003e2b8db3137af015fa0fca29d1d6d2d3b841c24590d0ff"

TABLES = st.lists(
    st.tuples(st.floats(-1e9, 1e9), st.sampled_from(["x", "Y", None]), st.sampled_from(["0", "1"])),
    min_size=10,
    max_size=30,
).filter(lambda rows: len({row[2] for row in rows}) == 2)


@settings(max_examples=30)
@given(TABLES, st.randoms(use_true_random=False))
def test_the_fingerprint_knows_content_only(rows, random):
    dataset = make_dataset(pd.DataFrame(rows, columns=["a", "b", "y"]), "y")
    shuffled = random.sample(rows, len(rows))
    texts = [(repr(a), b.upper() if b else "?", float(y)) for a, b, y in shuffled]
    again = make_dataset(pd.DataFrame(texts, columns=["u", "v", "w"]), "w", name="other")
    assert again.fingerprint == dataset.fingerprint
    assert len(dataset.fingerprint) == 64
    changed = dataset.X.assign(a=dataset.X["a"].where(dataset.X.index != 0, 2e9))
    assert fingerprint(changed, dataset.y) != dataset.fingerprint


def test_the_fingerprint_is_the_same_in_every_version():
    frame = pd.DataFrame({"a": [1.5, None] * 5, "b": ["x", "y"] * 5, "d": ["2020-01-02"] * 10, "y": [0, 1] * 5})
    assert make_dataset(frame, "y").fingerprint == GOLDEN
