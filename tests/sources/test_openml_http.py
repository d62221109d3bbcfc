"""Requests to an OpenML server: tried again, paced, paused, and silent about the API key."""

import logging
import math
import time
import traceback
from contextlib import ExitStack

import openml
import pytest

from metalearn.errors import AbsentError, InputError, SourceError
from metalearn.sources import openml_http
from metalearn.sources.openml_entities import flow, measures
from metalearn.sources.openml_http import OpenMLServer, _decoded, several
from metalearn.sources.openml_lists import Runtimes
from metalearn.sources.openml_tables import Evaluations
from tests.sources.openml_world import write_odd_world

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def connect(serve, tmp_path):
    """Start an emulator and return it with what asks it."""
    with ExitStack() as stack:

        def start(faults="", **options):
            emulator = serve(write_odd_world(tmp_path / "world"), faults)
            options = {"attempts": 2, "pause_seconds": 0.01} | options
            return emulator, stack.enter_context(OpenMLServer(emulator.url, **options))

        yield start


@pytest.mark.parametrize("place", ["client", "environment"])
def test_the_key_is_sent_but_never_shown(connect, monkeypatch, caplog, place):
    if place == "client":
        monkeypatch.setattr(openml.config, "apikey", KEY)
    else:
        monkeypatch.setenv("OPENML_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    _, server = connect(f"auth({KEY})=1")
    assert "predictive_accuracy" in measures(server)
    with OpenMLServer("http://127.0.0.1:9/api/v1/xml", attempts=1) as nobody, pytest.raises(SourceError) as failure:
        measures(nobody)
    assert "the connection failed" in str(failure.value)
    assert caplog.text  # httpx logs addresses
    assert KEY not in "".join(traceback.format_exception(failure.value)) + caplog.text


def test_a_wrong_key_is_not_tried_again(connect, monkeypatch):
    monkeypatch.setattr(openml.config, "apikey", "wrong")
    emulator, server = connect(f"auth({KEY})=1")
    with pytest.raises(SourceError, match=r"its error 103, Authentication failed: set the API key in openml\.config"):
        measures(server)
    assert emulator.stats.asdict()["requests"] == 1


def test_the_client_is_asked_for_the_address(monkeypatch):
    monkeypatch.setattr(openml.config, "server", "http://localhost:7/api/v1/xml/")
    with OpenMLServer() as server:
        assert server.url == "http://localhost:7/api/v1/xml"
    with pytest.raises(InputError, match="the URL of an API, such as http"):
        OpenMLServer("localhost:8080")


def test_attempts_are_counted(connect):
    emulator, server = connect("503=1", attempts=3)
    with pytest.raises(SourceError, match="HTTP status 503"):
        measures(server)
    assert emulator.stats.asdict()["requests"] == server.requests == 3


def test_a_server_that_hangs_is_given_up(connect):
    _, server = connect("hang(5)=1", timeout_seconds=0.2)
    with pytest.raises(SourceError, match="no answer in time"):
        measures(server)


def test_a_slow_answer_is_waited_for(connect):
    _, server = connect("slow(0.5)=1", timeout_seconds=0.4, attempts=1)
    assert measures(server)


def test_the_servers_wish_for_a_pause_is_honoured(connect):
    _, server = connect("429(1)=~1")
    start = time.monotonic()
    assert measures(server)
    assert time.monotonic() - start >= 1


def test_requests_are_paced(connect):
    emulator, server = connect(rate=20.0)
    list(server.map(lambda _: measures(server), range(45)))
    assert emulator.stats.asdict()["peak_requests_in_one_second"] <= 25
    assert emulator.stats.asdict()["max_in_flight"] <= 4


def test_a_server_that_fails_again_and_again_is_left_in_peace(connect, caplog, monkeypatch):
    monkeypatch.setattr(openml_http, "_FAILURES_UNTIL_BREAK", 3)
    emulator, server = connect("503=#1-3", attempts=6)
    assert measures(server)
    assert "all requests pause for 0.3 seconds" in caplog.text
    assert emulator.stats.asdict()["requests"] == 4


def test_a_path_is_asked_for_anew_after_an_overload(connect):
    emulator, server = connect("504=#1-2", attempts=4)
    size = [8]

    def halve():
        size[0] //= 2

    found = server.get(lambda: f"task/list/status/all/limit/{size[0]}", "tasks", halve)
    assert len(found["tasks"]["task"]) == 2  # of three
    assert size == [2]
    assert emulator.stats.asdict()["requests"] == 3


def test_closing_ends_what_is_being_tried(connect):
    _, server = connect("503=1", attempts=1000, pause_seconds=60.0)
    answers = server.map(lambda _: measures(server), range(2))
    start = time.monotonic()
    time.sleep(0.3)
    server.__exit__()
    assert time.monotonic() - start < 30
    with pytest.raises(SourceError):
        next(answers)


def test_an_empty_list_is_none_and_what_does_not_exist_an_error(connect):
    _, server = connect()
    assert server.get("evaluation/list/function/kappa/task/59/limit/5", "evaluations") is None
    with pytest.raises(AbsentError, match="does not give flow 5: its error 181, Unknown flow"):
        flow(server, 5)
    with pytest.raises(SourceError, match="its error 544, Illegal filter"):
        server.get("evaluation/list/colour/red", "evaluations")


def test_what_is_no_json_is_tried_again(connect):
    _, server = connect("truncate=~1")
    assert measures(server)


def test_lists_of_one_come_without_brackets():
    assert several({"id": "1"}) == [{"id": "1"}]
    assert several([]) == []


def test_numbers_may_be_numbers_and_values_nan():
    """The server's own template writes ids and values without quotes, and NaN as it is."""
    row = b'{"run_id": 7, "task_id": 3, "setup_id": 5, "flow_id": 4, "value": %s}'
    found = Evaluations.read([_decoded(row % value) for value in (b"0.5", b"NaN")], Runtimes())
    assert (found.runs.tolist(), found.tasks.tolist(), found.setups.tolist(), found.flows.tolist()) == (
        [7, 7],
        [3, 3],
        [5, 5],
        [4, 4],
    )
    assert found.values.tolist()[0] == 0.5
    assert math.isnan(found.values[1])
    assert _decoded(b"<html>") is None
