"""Nothing that a data frame can hold crashes the extraction: each value is finite or has a known reason."""

import warnings

import numpy as np
import pandas as pd
import pytest

from metalearn.errors import InputError
from metalearn.metafeatures.extract import GROUPS, Extractor
from metalearn.sources.frames import make_dataset
from tests.metafeatures.nasty import NASTY, TARGET, frame_of, money

REASONS = {"not_applicable", "constant", "too_few_rows", "undefined", "timeout", "memout"}
# Seconds after which the rest of a table times out, so that no group holds up the tests.
BUDGET = 20.0


def described(dataset):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor = Extractor(GROUPS)
        values, seconds, status = extractor.extract(dataset, budget=BUDGET, rng=np.random.default_rng(0))
    return extractor, values, seconds, np.array(status)


@pytest.mark.parametrize("case", NASTY)
def test_every_value_is_finite_or_has_a_reason(case):
    dataset = make_dataset(*frame_of(case), lenient=True)
    extractor, values, seconds, status = described(dataset)
    assert len(values) == len(seconds) == len(status) == len(extractor.names)
    assert np.array_equal(np.isfinite(values), status == "ok")
    assert not np.isinf(values).any()
    assert set(status) <= {"ok", *REASONS}
    assert (np.isfinite(seconds) & (seconds >= 0)).all()
    assert values[extractor.names.index("n_rows")] == len(dataset.X)


@pytest.mark.parametrize("case", [case for case in NASTY if case not in ("1,000,000 rows", "10,000 columns")])
def test_the_table_is_left_alone(case):
    frame, target = frame_of(case)
    before = frame.copy(deep=True)
    make_dataset(frame, target, lenient=True)
    assert list(map(repr, frame.columns)) == list(map(repr, before.columns))
    assert frame.index.equals(before.index)
    assert [str(t) for t in frame.dtypes] == [str(t) for t in before.dtypes]
    assert repr(frame.to_numpy(dtype=object).tolist()) == repr(before.to_numpy(dtype=object).tolist())


@pytest.mark.parametrize("case", ["numbers", "categories", "nullable types", "dates", "sparse columns", "odd strings"])
def test_the_same_table_has_the_same_description(case):
    first, second = (described(make_dataset(*frame_of(case), lenient=True)) for _ in range(2))
    np.testing.assert_array_equal(first[1], second[1])
    assert list(first[3]) == list(second[3])


def test_without_a_target_what_needs_one_is_not_applicable():
    frame, target = frame_of("numbers")
    with_target, without = (
        described(make_dataset(*given, lenient=True)) for given in ((frame, target), (frame.drop(columns=target), None))
    )
    extractor = with_target[0]
    needs = {
        name for g in extractor.groups for m in g.measures if m.needs_target for name in m.names(extractor.summaries)
    }
    bound = np.array([name in needs for name in extractor.names])
    assert set(without[3][bound]) == {"not_applicable"}
    np.testing.assert_array_equal(without[1][~bound], with_target[1][~bound])


# What the same numbers are called makes no difference to what they say.
SAME = {
    "nullable": lambda column: column.astype("Float64"),
    "Arrow-backed": lambda column: column.astype("float64[pyarrow]"),
    "text": lambda column: column.map(repr, na_action="ignore"),
    "objects": lambda column: column.astype(object),
    "sparse": lambda column: column.astype(pd.SparseDtype("float64")),
    "of one's own": money,
}


@pytest.mark.parametrize("label", SAME)
def test_numbers_say_the_same_in_every_dtype(label):
    column = pd.Series([1.5, None, -2.25, 0.0, 7.0] * 8, name="a")
    expected = described(make_dataset(pd.DataFrame({"a": column, TARGET: ["u", "v"] * 20}), TARGET))
    found = described(make_dataset(pd.DataFrame({"a": SAME[label](column), TARGET: ["u", "v"] * 20}), TARGET))
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize(
    ("frame", "target", "message"),
    [
        (pd.DataFrame(), None, "0 rows"),
        (pd.DataFrame({"a": []}), None, "0 rows"),
        (pd.DataFrame({"a": [1.0], "y": [None]}), "y", "0 rows with a target"),
        (pd.DataFrame({"y": ["u", "v"]}), "y", "no column besides the target"),
        (pd.DataFrame(index=range(3)), None, "no column"),
    ],
    ids=["nothing", "no rows", "no target value", "target only", "no columns"],
)
def test_what_holds_nothing_is_refused_in_one_sentence(frame, target, message):
    with pytest.raises(InputError, match=message):
        make_dataset(frame, target, lenient=True)
