"""The lines of a journal say what they were made of, and whatever is no journal is refused in plain words."""

import json
import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.journal import (
    Asked,
    FinishedTrial,
    Header,
    JournalContents,
    objective_on,
    parse,
    read_journal,
    to_line,
)
from metalearn.core.records import Configuration, Trial
from metalearn.errors import InputError

HEADER = Header("svm-1", "0" * 32, "RandomSearch()", 7, "f" * 32, False)
NOW = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)


def configuration(**values):
    return Configuration("svm-1", "svc", values)


def ended(number, trial, **outcome):
    return FinishedTrial(number, Trial(trial.configuration, trial.fidelity, trial.seed, **outcome), NOW, NOW, 1.5, "")


def text(*entries):
    return "".join(map(to_line, (HEADER, *entries))).encode()


def test_an_objective_may_name_metric_and_dataset():
    named = Header("svm-1", "", "RandomSearch()", 0, objective=objective_on("r2", "data-0123456789abcdef"))
    assert (named.metric, named.dataset) == ("r2", "data-0123456789abcdef")
    for other in ("", "r2 on my data", "mean of r2 on data-0123456789abcdef"):
        header = Header("svm-1", "", "RandomSearch()", 0, objective=other)
        assert (header.metric, header.dataset) == (None, None)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.integers(0, 100), max_size=3),
)
finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=5), values, max_size=4), finite, st.floats(1e-9, 1), st.text(max_size=20))
def test_what_was_written_is_read(hyperparameters, loss, fidelity, message):
    asked = Trial(Configuration("svm-1", "svc", hyperparameters), fidelity, 3)
    done = FinishedTrial(
        0, Trial(asked.configuration, fidelity, 3, loss=loss, cost_seconds=0.1, status="ok"), NOW, NOW, 2.5, message
    )
    known = Trial(configuration(C=0.5), loss=loss, status="pruned")
    data = text(configuration(C=2), known, Asked(0, asked), done)
    assert data.count(b"\n") == 5
    read = parse(data, "x.jsonl")
    assert read == JournalContents(HEADER, (configuration(C=2),), (known,), (Asked(0, asked), done), len(data))
    assert read.finished == (done,)
    assert read.pending == ()


def test_what_has_no_end_is_pending_in_the_order_asked_for():
    trials = [Trial(configuration(C=c)) for c in (1, 2, 3, 4)]
    asks = [Asked(i, trial) for i, trial in enumerate(trials)]
    read = parse(text(*asks[:3], ended(1, trials[1], status="crashed"), asks[3]), "x.jsonl")
    assert [asked.number for asked in read.pending] == [0, 2, 3]
    assert [done.trial.status for done in read.finished] == ["crashed"]


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_is_a_crash_in_valid_json(loss):
    line = to_line(Trial(configuration(C=1), loss=loss, status="ok"))
    fields = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (fields["loss"], fields["status"]) == (None, "crashed")


@pytest.mark.parametrize("cut", [1, 10, 40, -1])
def test_a_torn_last_line_is_dropped_with_a_warning(cut, caplog):
    whole = text(Asked(0, Trial(configuration(C=1))))
    torn = to_line(Asked(1, Trial(configuration(C=2)))).encode()[:cut]
    with caplog.at_level(logging.WARNING):
        read = parse(whole + torn, "x.jsonl")
    assert "last line of x.jsonl is torn" in caplog.text
    assert read.n_bytes == len(whole)
    assert [asked.number for asked in read.events] == [0]


def test_zeros_at_the_end_are_a_torn_line_too(caplog):
    whole = text(Asked(0, Trial(configuration(C=1))))
    assert parse(whole + b"\0" * 100, "x.jsonl").n_bytes == len(whole)
    assert "torn" in caplog.text


def test_a_line_that_is_torn_before_the_end_is_an_error_that_says_which():
    lines = text(Asked(0, Trial(configuration(C=1))), Asked(1, Trial(configuration(C=2)))).splitlines(keepends=True)
    with pytest.raises(InputError, match=r"^Line 2 of x\.jsonl is no line of a journal"):
        parse(lines[0] + lines[1][:20] + b"\n" + lines[2], "x.jsonl")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "x.jsonl is no journal of an optimization"),
        (b"hello\n", r"Line 1 of x.jsonl is no line of a journal"),
        (b"[1]\n", r"Line 1 of x.jsonl is no line of a journal"),
        (b'{"a": 1}\n', "x.jsonl is no journal of an optimization"),
        (b'{"journal": 99}\n', "is a journal of version 99, not 1; upgrade metalearn"),
        (b'{"journal": 1, "space": "s"}\n', "does not say the space_sha256"),
        (text() + b'{"event": "dance"}\n', "Line 2 of x.jsonl is no event .*unknown event 'dance'"),
        (text() + b'{"number": 1}\n', "Line 2 of x.jsonl is no event .*KeyError: 'event'"),
        (text(ended(5, Trial(configuration(C=1)), status="crashed")), "Line 2 of x.jsonl is no event .*KeyError: 5"),
    ],
)
def test_what_is_no_journal(data, complaint):
    with pytest.raises(InputError, match=complaint):
        parse(data, "x.jsonl")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl cannot be read"):
        read_journal(tmp_path / "none.jsonl")
