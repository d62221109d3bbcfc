"""Any table of mixed columns with gaps becomes finite numbers."""

import itertools
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import KFold

from metalearn.core.records import TaskType
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.expressions import build, call
from metalearn.learners.preprocessing import MAX_CATEGORIES, Preprocessing, preprocessor

IMPUTATIONS = ("mean", "median", "most_frequent")
ENCODINGS = ("one_hot", "ordinal", "target")
SCALINGS = ("standard", "robust", "quantile", None)
REDUCTIONS = ("none", "pca", "univariate")
# A table of 60 rows has fewer quantiles, and constant columns no F statistic. Both are meant to go on.
pytestmark = pytest.mark.filterwarnings(
    "ignore:n_quantiles:UserWarning", "ignore:Features:UserWarning", "ignore:invalid value:RuntimeWarning"
)


def _steps(choices: Preprocessing | None = None, task_type: TaskType = "classification", seed: int = 0) -> Any:
    return build(
        call("sklearn.pipeline", "make_pipeline", *preprocessor(choices or Preprocessing(), task_type, seed=seed))
    )


def _numbers(table: pd.DataFrame, y: Any = None, **choices: Any) -> NDArray[np.float64]:
    return np.asarray(_steps(Preprocessing(**choices)).fit_transform(table, y))


def test_a_mixed_table_becomes_finite_numbers(mixed_table: pd.DataFrame) -> None:
    before = mixed_table.copy(deep=True)
    numbers = _numbers(mixed_table)
    assert numbers.dtype == np.float64
    assert np.isfinite(numbers).all()
    pd.testing.assert_frame_equal(mixed_table, before)


@pytest.mark.parametrize(("encoding", "scaling"), list(itertools.product(ENCODINGS, SCALINGS)))
def test_every_combination_gives_finite_numbers(
    encoding: str, scaling: str | None, mixed_table: pd.DataFrame, two_classes: pd.Series
) -> None:
    for imputation, reduction in itertools.product(IMPUTATIONS, REDUCTIONS):
        numbers = _numbers(
            mixed_table, two_classes, imputation=imputation, encoding=encoding, scaling=scaling, reduction=reduction
        )
        assert numbers.dtype == np.float64
        assert numbers.shape[0] == len(mixed_table)
        assert numbers.shape[1] > 0
        assert np.isfinite(numbers).all()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_numeric_target_does_as_well(
    encoding: str, reduction: str, mixed_table: pd.DataFrame, numbers: pd.Series
) -> None:
    steps = _steps(Preprocessing(encoding=encoding, reduction=reduction), "regression")
    assert np.isfinite(steps.fit_transform(mixed_table, numbers)).all()
    assert np.isfinite(steps.transform(mixed_table)).all()


def test_gaps_take_the_median_and_columns_are_scaled() -> None:
    # 1, 2, 9 and the median 2: mean 3.5, variance (6.25 + 2.25 + 30.25 + 2.25) / 4 = 10.25
    numbers = _numbers(pd.DataFrame({"a": [1.0, 2.0, 9.0, np.nan]}))
    np.testing.assert_allclose(numbers.ravel(), (np.array([1, 2, 9, 2]) - 3.5) / np.sqrt(10.25))


@pytest.mark.parametrize(("imputation", "filled"), [("mean", 3.5), ("median", 2.0), ("most_frequent", 1.0)])
def test_gaps_are_filled_as_chosen(imputation: str, filled: float) -> None:
    table = pd.DataFrame({"a": [1.0, 1.0, 3.0, 9.0, np.nan]})
    assert _numbers(table, imputation=imputation, scaling=None).ravel().tolist() == [1, 1, 3, 9, filled]


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("standard", (np.array([1, 2, 3, 4, 100]) - 22) / np.std([1, 2, 3, 4, 100])),
        ("robust", (np.array([1, 2, 3, 4, 100]) - 3) / 2),
        # Quarters of the normal distribution; its ends are cut off where 1e-7 is left.
        ("quantile", [-5.199338, -0.674490, 0, 0.674490, 5.199338]),
        (None, [1, 2, 3, 4, 100]),
    ],
)
@pytest.mark.parametrize("encoding", ["one_hot", "ordinal"])
def test_numbers_are_scaled_as_chosen_and_one_hot_ones_never(scaling: str | None, expected: Any, encoding: str) -> None:
    table = pd.DataFrame({"a": [1.0, 2, 3, 4, 100], "c": list("vwxyz")})
    numbers = _numbers(table, scaling=scaling, encoding=encoding)
    np.testing.assert_allclose(numbers[:, 0], expected, atol=1e-5)
    if encoding == "one_hot":
        assert numbers[:, 1:].tolist() == np.eye(5).tolist()
    else:
        ranks = pd.DataFrame({"a": np.arange(5.0)})
        np.testing.assert_allclose(numbers[:, 1:], _numbers(ranks, scaling=scaling))


def test_without_imputation_gaps_stay_and_the_rest_does_not(mixed_table: pd.DataFrame) -> None:
    for encoding, scaling in itertools.product(ENCODINGS, SCALINGS):
        choices = Preprocessing(imputation=None, encoding=encoding, scaling=scaling)
        numbers = _steps(choices).fit_transform(mixed_table, np.arange(60) % 2)
        # number, whole, constant, empty; then what is encoded; then date, zoned, duration
        for j, name in ((0, "number"), (1, "whole"), (2, "constant"), (-3, "date"), (-2, "zoned"), (-1, "duration")):
            np.testing.assert_array_equal(np.isnan(numbers[:, j]), mixed_table[name].isna())
        assert np.isfinite(numbers[:, 3:-3]).all()
        assert np.ptp(numbers[:, 3]) == 0


@pytest.mark.parametrize("reduction", ["pca", "univariate"])
def test_a_reduction_fills_gaps_with_the_mean(reduction: str) -> None:
    table, y = pd.DataFrame({"a": [1.0, 2, 3, 4, 90, np.nan], "b": [0.0, 1, 1, 0, 1, 0]}), [0, 1, 0, 0, 1, 1]
    without, mean, median = (
        _numbers(table, y, imputation=imputation, reduction=reduction, pca_variance=0.9999, percentile=90)
        for imputation in (None, "mean", "median")
    )
    np.testing.assert_array_equal(without, mean)
    assert not np.array_equal(without, median)


@pytest.mark.parametrize(
    ("column", "seconds"),
    [
        (pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04"]), [0, 86400, 3 * 86400]),
        (pd.to_datetime(["2020-01-01 00:00+01:00", "2020-01-01 01:00+01:00"], utc=True), [0, 3600]),
        (pd.to_timedelta([1, 2, 4], unit="min"), [60, 120, 240]),
    ],
    ids=["date", "zoned", "duration"],
)
def test_times_are_seconds(column: pd.Index, seconds: list[int]) -> None:
    as_times, as_numbers = _numbers(pd.DataFrame({"t": column})), _numbers(pd.DataFrame({"t": map(float, seconds)}))
    np.testing.assert_allclose(as_times, as_numbers, atol=1e-6)


@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_one_column_a_category_and_one_for_gaps(dtype: Any) -> None:
    numbers = _numbers(pd.DataFrame({"c": pd.Series(["a", "b", None, "a"], dtype=dtype)}))
    assert numbers.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_rare_categories_are_folded() -> None:
    numbers = _numbers(pd.DataFrame({"id": [f"row {i}" for i in range(200)]}))
    assert numbers.shape == (200, MAX_CATEGORIES)


def test_an_ordinal_encoding_keeps_gaps_and_the_unknown_apart() -> None:
    steps = _steps(Preprocessing(encoding="ordinal", scaling=None))
    train = pd.DataFrame({"c": ["b", "a", None, "c"], "full": list("zyzy")})
    assert steps.fit_transform(train).tolist() == [[1, 1], [0, 0], [-2, 1], [2, 0]]
    # A gap where there was none to learn from is as unknown as a new category.
    assert steps.transform(pd.DataFrame({"c": ["d", None], "full": ["x", None]})).tolist() == [[-1, -1], [-2, -1]]


def test_a_target_encoding_is_that_of_the_other_folds() -> None:
    # Every row is its own category, so its own target is all that a leaky mean would tell.
    table, y = pd.DataFrame({"id": [f"row {i}" for i in range(50)]}), np.arange(50) ** 2
    steps = _steps(Preprocessing(encoding="target", scaling=None), "regression", seed=3)
    encoded = steps.fit_transform(table, y)
    assert encoded.shape == (50, 1)
    for train, test in KFold(5, shuffle=True, random_state=3).split(y):
        np.testing.assert_allclose(encoded[test, 0], y[train].mean())
    assert np.corrcoef(encoded[:, 0], y)[0, 1] < 0.1


def test_a_target_encoding_tells_what_a_category_tells() -> None:
    category = np.repeat(["low", "high", None], 40)
    y = np.repeat(["no", "yes", "no"], 40)
    steps = _steps(Preprocessing(encoding="target", scaling=None))
    table = pd.DataFrame({"c": pd.Series(category, dtype=object)})
    encoded = steps.fit_transform(table, y)[:, 0]
    assert encoded[40:80].min() > 0.9
    assert max(encoded[:40].max(), encoded[80:].max()) < 0.1
    # When predicting: the whole table's share; for a new category the share of "yes" among all.
    predicted = steps.transform(pd.DataFrame({"c": ["low", "high", None, "never seen"]}))
    np.testing.assert_allclose(predicted.ravel(), [0, 1, 0, 1 / 3], atol=0.02)


def test_a_target_of_three_classes_gives_a_column_each(mixed_table: pd.DataFrame, three_classes: pd.Series) -> None:
    table = mixed_table[["category"]]
    assert _numbers(table, three_classes, encoding="target").shape == (60, 3)


def test_components_of_unscaled_columns_are_those_of_scaled_ones() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"metres": rng.normal(size=200), "micrometres": 1e6 * rng.normal(size=200)})
    options = {"reduction": "pca", "pca_variance": 0.9}
    unscaled, scaled = (_numbers(table, scaling=scaling, **options) for scaling in (None, "standard"))
    assert unscaled.shape == (200, 2)  # neither column's unit makes it the only one
    np.testing.assert_allclose(unscaled, scaled, atol=1e-9)


def test_components_hold_the_share_of_variance_asked_for() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=300)
    table = pd.DataFrame({f"x{i}": common + 0.5 * rng.normal(size=300) for i in range(5)})
    n_components = [_numbers(table, reduction="pca", pca_variance=share).shape[1] for share in (0.5, 0.9, 0.9999)]
    assert n_components == [1, 3, 5]


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_the_columns_that_tell_most_are_kept(task_type: TaskType) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    y = table["b"] + table["d"]
    target = y if task_type == "regression" else np.where(y > 0, "up", "down")
    choices = Preprocessing(scaling=None, reduction="univariate", percentile=50)
    np.testing.assert_array_equal(_steps(choices, task_type).fit_transform(table, target), table[["b", "d"]])
    one = Preprocessing(scaling=None, reduction="univariate", percentile=10)
    assert _steps(one, task_type).fit_transform(table, target).shape == (200, 1)


@pytest.mark.parametrize(("encoding", "reduction"), list(itertools.product(ENCODINGS, REDUCTIONS)))
def test_what_was_never_seen_is_no_error(
    encoding: str, reduction: str, mixed_table: pd.DataFrame, two_classes: pd.Series
) -> None:
    fitted = _steps(Preprocessing(encoding=encoding, reduction=reduction)).fit(mixed_table, two_classes)
    before = fitted.transform(mixed_table)
    new = mixed_table.assign(category="w", text="baobab", empty=7.0, empty_text="now", mixed=None, number=np.nan)
    numbers = fitted.transform(new)
    assert np.isfinite(numbers).all()
    assert numbers.shape == before.shape


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_it_can_be_cloned_and_pickled(encoding: str, mixed_table: pd.DataFrame, two_classes: pd.Series) -> None:
    fitted = _steps(Preprocessing(encoding=encoding, reduction="pca")).fit(mixed_table, two_classes)
    fitted = pickle.loads(pickle.dumps(fitted))
    again = clone(fitted).fit(mixed_table, two_classes)
    np.testing.assert_array_equal(fitted.transform(mixed_table), again.transform(mixed_table))


def test_choices_that_are_inactive_are_none() -> None:
    assert Preprocessing.active({"encoding": "target"}) == Preprocessing(None, "target", None)
    given = {"imputation": "mean", "scaling": "robust", "reduction": "pca", "pca_variance": 0.7, "C": 3}
    assert Preprocessing.active(given) == Preprocessing("mean", "one_hot", "robust", "pca", 0.7)
