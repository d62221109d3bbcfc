"""Time-order meta-features against hand calculations, waves and noise."""

import numpy as np
import pandas as pd
import pytest

from metalearn.core.records import Dataset
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.time_order import TIME_ORDER

DAYS = pd.date_range("2020", periods=10)
SERIES = [1.0, 2.0, 4.0, 3.0, 5.0, 9.0, 7.0, 8.0, 6.0, 10.0]


def described(columns, target, *, order=None, rows=None):
    X = pd.DataFrame(columns)
    y = pd.Series(target, index=X.index)
    y = y.astype("category") if isinstance(y.iloc[0], str) else y.astype(float)
    if rows is not None:
        X, y = X.iloc[rows], y.iloc[rows]
    kinds = {"f": "numeric", "i": "numeric", "M": "date"}
    dataset = Dataset(X, y, "tiny", tuple(kinds.get(t.kind, "nominal") for t in X.dtypes), "", order=order)
    extractor = Extractor([TIME_ORDER], summaries=("mean",))
    values, _, status = extractor.extract(dataset, rng=np.random.default_rng(0))
    found = zip(extractor.names, values.tolist(), status, strict=True)
    return {n.removeprefix("time_").removesuffix("_mean"): v if said == "ok" else said for n, v, said in found}


def test_a_series_by_its_formulas():
    x = np.array(SERIES)
    z = x - x.mean()
    t = np.arange(10)
    residual = x - np.polyval(np.polyfit(t, x, 1), t)
    frequencies = np.exp(-2j * np.pi * np.outer(np.arange(1, 6), t) / 10)
    power = np.abs(frequencies @ residual) ** 2
    expected = {
        "autocorrelation": (z[1:] @ z[:-1]) / (z @ z),
        "trend": np.corrcoef(x, t)[0, 1],
        "drift": (x[5:].mean() - x[:5].mean()) / x.std(),
        "seasonality": power.max() / power.sum(),
        "turning_points": 6 / 8,
    }
    found = described({"day": DAYS, "a": SERIES}, SERIES)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    of_target = {f"target_{name}": expected[name] for name in ("autocorrelation", "trend", "drift")}
    assert {name: found[name] for name in of_target} == pytest.approx(of_target)
    assert (found["spacing_variation"], found["share_regular"]) == pytest.approx((0, 1))
    assert found["nominal_drift"] == "not_applicable"


def test_classes_and_nominal_columns_by_hand():
    classes = ["u", "u", "u", "u", "v", "u", "v", "v", "v", "v"]
    found = described({"day": DAYS, "a": pd.Categorical(["x", "y"] * 3 + ["z", "z", None, None])}, classes)
    assert found["target_autocorrelation"] == pytest.approx((6 / 9 - 0.5) / 0.5)
    assert found["target_drift"] == pytest.approx((abs(4 - 1) + abs(1 - 4)) / 10)
    t = np.arange(10) - 4.5
    u = np.array(classes) == "u"
    between = t[u].sum() ** 2 / 5 + t[~u].sum() ** 2 / 5
    assert found["target_trend"] == pytest.approx(np.sqrt(between / (t @ t)))
    assert found["nominal_drift"] == pytest.approx((3 + 1 + 2 + 2) / 10)
    assert found["autocorrelation"] == "not_applicable"


def test_the_order_is_that_of_time_not_of_the_file():
    expected = described({"day": DAYS, "a": SERIES}, SERIES)
    shuffled = np.random.default_rng(1).permutation(10)
    named = described({"day": DAYS, "a": SERIES}, SERIES, order="day", rows=shuffled)
    backwards = described({"day": DAYS, "a": SERIES}, SERIES, rows=np.arange(10)[::-1])
    assert named == pytest.approx(expected)
    assert backwards == pytest.approx(expected)


def test_a_number_that_orders_is_no_series_itself():
    table = {"number": np.arange(10.0) ** 2, "a": SERIES, "b": [1.5] * 10}
    found = described(table, SERIES, order="number")
    assert found["trend"] == pytest.approx(np.corrcoef(SERIES, np.arange(10))[0, 1])
    gaps = np.diff(np.arange(10) ** 2)
    assert found["spacing_variation"] == pytest.approx(gaps.std() / gaps.mean())
    assert found["share_regular"] == pytest.approx(1 / 9)
    assert described({"number": np.arange(10.0)}, SERIES, order="number")["trend"] == "not_applicable"


def test_words_order_too_but_have_no_gaps():
    months = pd.Categorical([f"2020-{i:02}" for i in range(1, 11)])
    found = described({"month": months, "a": SERIES}, SERIES, order="month")
    assert found["trend"] == pytest.approx(np.corrcoef(SERIES, np.arange(10))[0, 1])
    assert found["share_regular"] == "not_applicable"


def test_waves_have_a_season_and_noise_has_none():
    n = 400
    noise, wave = np.random.default_rng(0).normal(size=n), np.sin(np.arange(n) * 2 * np.pi / 8)
    days = pd.date_range("2020", periods=n)
    assert described({"day": days, "a": wave + 0.01 * np.arange(n)}, noise)["seasonality"] > 0.95
    found = described({"day": days, "a": noise}, wave)
    assert found["seasonality"] < 0.06
    assert abs(found["autocorrelation"]) < 0.1
    assert found["turning_points"] == pytest.approx(2 / 3, abs=0.06)
    assert found["target_autocorrelation"] == pytest.approx(np.cos(2 * np.pi / 8), abs=0.01)


def test_a_straight_line_leaves_no_season():
    assert described({"day": DAYS, "a": np.arange(10.0)}, SERIES)["seasonality"] == "constant"
    assert described({"day": DAYS, "a": np.arange(10.0) * 1e300}, SERIES)["trend"] == pytest.approx(1)


SHUFFLED = DAYS[np.random.default_rng(0).permutation(10)]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"a": SERIES}, "not_applicable"),
        ({"day": SHUFFLED, "a": SERIES}, "not_applicable"),
        ({"day": DAYS, "other": DAYS, "a": SERIES}, "not_applicable"),
        ({"day": [DAYS[0]] * 10, "a": SERIES}, "constant"),
        ({"day": [*DAYS[:7], None, None, None], "a": SERIES}, "too_few_rows"),
    ],
    ids=["no date", "unsorted", "two dates", "one moment", "seven moments"],
)
def test_a_table_without_order_in_time(columns, reason):
    assert set(described(columns, SERIES).values()) == {reason}


def test_rows_without_a_time_are_left_out():
    gap = [*DAYS[:4], None, *DAYS[4:]]
    found = described({"day": gap, "a": [*SERIES[:4], 1e6, *SERIES[4:]]}, [*SERIES[:4], -1e6, *SERIES[4:]])
    assert found == pytest.approx(described({"day": DAYS, "a": SERIES}, SERIES))


def test_times_far_apart_do_not_overflow():
    dates = pd.Series(["1677-09-22", *["1970-01-01"] * 8, "2262-04-11"]).astype("datetime64[ns]")
    assert 0 < described({"day": dates, "a": SERIES}, SERIES)["spacing_variation"] < 10
    times = np.linspace(-1, 1, 10) * 1.7e308
    assert described({"t": times, "a": SERIES}, SERIES, order="t")["share_regular"] == 1
