"""Rows as points: how numbers and symbols become features, which pairs of classes, and points between points."""

import numpy as np
import pandas as pd
import pytest

from metalearn.metafeatures.complexity_points import (
    FEWEST_ROWS,
    MANY_CELLS,
    MANY_ROWS,
    MAX_PAIRS,
    MAX_SYMBOLS,
    classes_of,
    features_of,
    fitting_rows,
    new_points,
    pairs_of,
    points_of,
)
from metalearn.metafeatures.measures import UnmeasuredError
from metalearn.metafeatures.table import Table
from metalearn.sources.frames import make_dataset


def table_of(columns, target):
    return Table.of(make_dataset(pd.DataFrame(columns).assign(target=target), "target", lenient=True))


def test_numbers_are_scaled_and_gaps_filled_with_the_mean():
    table = table_of({"a": [1.0, 2.0, 5.0, None], "b": [7.0] * 4, "c": [-1e308, 1e308, 0.0, 0.0]}, list("uvuv"))
    expected = [[0, 0, 0], [0.25, 0, 1], [1, 0, 0.5], [(0 + 0.25 + 1) / 3, 0, 0.5]]
    assert table.shared(features_of).tolist() == pytest.approx(np.array(expected))


def test_symbols_become_indicators():
    columns = {"two": list("xyxy"), "three": ["p", "q", "r", "p"], "one": ["o"] * 4, "gap": ["s", None, "s", "s"]}
    features = table_of(columns, list("uvuv")).shared(features_of)
    # One for "x", as good as for "y"; one each for "p", "q", "r"; none for "o"; one for "s", or for missing ones.
    assert features.T.tolist() == [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 1, 1]]


def test_rare_symbols_of_a_column_with_many_are_not_told_apart():
    symbols = [f"s{i}" for i in range(50)] + ["often"] * 30
    features = table_of({"a": symbols}, list("uv") * 40).shared(features_of)
    assert features.shape == (80, MAX_SYMBOLS)
    assert features.sum() == 30 + MAX_SYMBOLS - 1


def test_without_columns_nothing_is_a_point():
    with pytest.raises(UnmeasuredError, match="not_applicable"):
        table_of({"a": [None] * 4}, list("uvuv")).shared(points_of)


def test_pairs_of_classes():
    assert table_of({"a": range(6)}, list("uvwuvw")).shared(pairs_of).tolist() == [[0, 1], [0, 2], [1, 2]]
    many = table_of({"a": range(90)}, [f"c{i % 45}" for i in range(90)]).shared(pairs_of)
    assert MAX_PAIRS / 2 < len(many) <= MAX_PAIRS
    assert len(np.unique(many, axis=0)) == len(many)
    assert np.all(many[:, 0] < many[:, 1])
    assert set(np.unique(many)) <= set(range(45))
    with pytest.raises(UnmeasuredError, match="constant"):
        table_of({"a": range(6)}, ["u"] * 6).shared(pairs_of)


def test_classes_that_a_sample_lacks_leave_no_gap():
    table = table_of({"a": range(6)}, list("uvwuvw")).take(np.array([0, 2, 3, 5]))
    assert table.shared(classes_of).tolist() == [0, 1, 0, 1]


def test_new_points_lie_between_points_of_their_class():
    classes = np.array([0, 1, 0, 1, 2])
    columns = {"a": [0.0, 10.0, 1.0, 11.0, 20.0], "b": list("xyxzz")}
    points = table_of(columns, list("uvuvw")).shared(points_of)
    new = new_points(points, classes, np.random.default_rng(0))
    assert new.numbers.shape == (5, 1)
    for low, high, k in ((0.0, 0.05, 0), (0.5, 0.55, 1), (1.0, 1.0, 2)):
        assert np.all((new.numbers[classes == k] >= low) & (new.numbers[classes == k] <= high))
    assert set(new.symbols[classes == 0, 0]) == {0}
    assert set(new.symbols[classes == 1, 0]) <= {1, 2}
    inner = [new_points(points, classes, np.random.default_rng(seed)).numbers[0, 0] for seed in range(20)]
    assert sum(0 < number < 0.05 for number in inner) > 5  # not the points themselves


def test_models_see_fewer_rows_of_large_and_of_wide_tables():
    n = MANY_ROWS + 100
    target = np.arange(n) % 2 == 0
    assert fitting_rows(table_of({"a": np.arange(n)}, target)).n_used == MANY_ROWS
    wide = np.zeros((FEWEST_ROWS + 100, MANY_CELLS // FEWEST_ROWS + 100))
    assert fitting_rows(table_of(wide, target[: len(wide)])).n_used == FEWEST_ROWS
    assert fitting_rows(table_of(wide[:, : MANY_CELLS // len(wide)], target[: len(wide)])).n_used == len(wide)
