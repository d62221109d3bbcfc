"""Cells turned into values, and the tables built from them."""

import json
import warnings

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.core import rows
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.floats() | st.none()))
def test_numbers_are_read_exactly(values):
    read, unreadable = rows.numbers(["" if value is None else repr(value) for value in values])
    expected = np.array([np.nan if value is None else value for value in values], dtype=float)
    np.testing.assert_array_equal(read, expected)
    assert not unreadable.any()


def test_numbers_of_arrays_and_of_mixed_cells():
    read, unreadable = rows.numbers(np.array([1, 2], dtype=np.int32))
    assert read.dtype == np.float64
    assert not unreadable.any()
    read, unreadable = rows.numbers([None, 3, "NA", "?", "1e3", "x", True, [1]])
    np.testing.assert_array_equal(read, [np.nan, 3, np.nan, np.nan, 1000, np.nan, 1, np.nan])
    assert unreadable.tolist() == [False] * 5 + [True, False, True]


@given(scalars | st.lists(scalars) | st.dictionaries(st.text(), scalars))
def test_decode_reads_json_and_python(value):
    assert rows.decode(json.dumps(value)) == value
    assert rows.decode(repr(value)) == value


@given(st.text())
def test_decode_never_fails_nor_warns(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows.decode(text)


@pytest.mark.parametrize(
    "text", ["rbf", "nan", "inf", "Infinity", "", "[1, 2", "(rbf)", "{rbf}", "{[1]: 2}", "1and", "l1"]
)
def test_text_that_is_no_literal_stays_text(text):
    assert rows.decode(text) == text


def test_a_number_beyond_64_bits_is_refused_and_not_wrapped():
    column, (wrong, _) = rows.number_column("seed", [2**100, 1e300, -(2**40), None])
    assert column.to_pylist() == [-1, -1, -(2**40), -1]
    assert wrong.tolist() == [True, True, False, False]


def test_value_checks_know_the_bounds():
    values = np.array([0.5, np.nan, np.inf, 1.7, -0.1, 1 + 1e-12])
    reasons = rows.first_reason(6, *rows.value_checks(METRICS["accuracy"], values))
    assert [bool(reason) for reason in reasons] == [False, True, True, True, True, False]
    assert reasons[3] == "the value of accuracy lies outside [0, 1]"
    assert not any(rows.first_reason(2, *rows.value_checks(METRICS["rmse"], np.array([0.0, 1e9]))))


def test_reasons_given_for_each_row():
    own = np.array(["a", "b"], dtype=object)
    assert rows.first_reason(2, (np.array([False, True]), own)).tolist() == ["", "b"]


def test_what_is_not_finite_is_null():
    assert rows.nullable(np.array([1.0, np.nan, np.inf])).to_pylist() == [1.0, None, None]
    assert rows.durations(np.array([0.0, -1.0, np.nan, 2.5])).to_pylist() == [0.0, None, None, 2.5]


def test_configurations_are_listed_once_with_their_spaces():
    svc, tree = Configuration("b", "svc", {"C": 1}), Configuration("a", "decision_tree")
    tables = rows.configuration_tables([svc, tree, Configuration("b", "svc", {"C": 1.0})], "here")
    assert tables["configurations"].to_pylist()[0] == {
        "id": svc.id,
        "space": "b",
        "algorithm": "svc",
        "hyperparameters": '{"C":1}',
        "origin": "here",
    }
    assert tables["configurations"]["id"].to_pylist() == [svc.id, tree.id]
    assert tables["spaces"]["name"].to_pylist() == ["a", "b"]


def test_empty_tables_keep_their_columns():
    empty = rows.configuration_tables([], "here")
    assert [empty[name].num_rows for name in empty] == [0, 0]
    assert rows.quarantine_table("here", [], []).schema.names == ["source", "raw", "reason"]
    assert rows.repeated("x", 0).to_pylist() == []


def test_records_are_distinct_and_may_lack_what_is_unknown():
    here = {"source": "here"}
    table = rows.dataset_table(
        [{"id": "a", **here}, {"id": "b", "name": "x", "n_rows": 5, **here}, {"id": "a", **here}]
    )
    unknown = {"name": None, "version": None, "n_rows": None, "n_columns": None}
    assert table.to_pylist() == [unknown | {"id": "a"} | here, unknown | {"id": "b", "name": "x", "n_rows": 5} | here]
    assert rows.task_table([]).schema.names == ["id", "dataset_id", "type", "target", "procedure", "source"]


def test_taken_is_encoded():
    column = rows.taken(["a", "b"], np.array([1, 1, 0]))
    assert pa.types.is_dictionary(column.type)
    assert column.to_pylist() == ["b", "b", "a"]


def test_configurations_that_could_not_be_made_say_why_in_their_rows():
    svc = Configuration("s", "svc", {"C": 1})
    column, (wrong, reasons) = rows.configuration_column([svc, "no algorithm", svc], np.array([2, 1, 0, 1]))
    assert column.to_pylist() == [svc.id, "", svc.id, ""]
    assert wrong.tolist() == [False, True, False, True]
    assert reasons.tolist() == ["", "no algorithm", "", "no algorithm"]
    assert rows.configuration_tables([svc, "no algorithm", svc], "here")["configurations"]["id"].to_pylist() == [svc.id]
    column, (wrong, _) = rows.configuration_column([], np.empty(0, dtype=np.int64))
    assert (len(column), len(wrong)) == (0, 0)


def test_an_evaluation_that_has_not_ended_is_refused():
    wrong, reason = rows.status_check(np.array(["ok", "pruned", "crashed", "pending", "done"], dtype=object))
    assert wrong.tolist() == [False, False, False, True, True]
    assert reason == "the status is none of ok, pruned, crashed, timeout, memout, invalid"
