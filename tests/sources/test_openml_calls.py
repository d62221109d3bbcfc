"""The client's calls: configured and restored, silent about the API key, and rid of broken cached answers."""

import logging
import traceback
import warnings

import openml
import pytest

from metalearn.errors import AbsentError, SourceError
from metalearn.sources.openml_calls import OpenMLCalls
from tests.sources.openml_world import write_odd_world

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def connect(serve, tmp_path):
    """Start an emulator and return it with calls that ask it."""

    def start(faults="", **options):
        emulator = serve(write_odd_world(tmp_path / "world"), faults)
        return emulator, OpenMLCalls(
            emulator.url, tmp_path / "cache", **{"attempts": 2, "pause_seconds": 0.01} | options
        )

    return start


def measures(calls):
    return calls.ask("the list of measures", openml.evaluations.list_evaluation_measures)


def flow(calls, flow_id):
    return calls.ask(f"flow {flow_id}", lambda: openml.flows.get_flow(flow_id))


def dataset(calls, dataset_id):
    return calls.ask(f"dataset {dataset_id}", lambda: openml.datasets.get_dataset(dataset_id, download_qualities=True))


def configuration():
    return openml.config.get_config_as_dict() | {"server": openml.config.server}


def test_the_configuration_holds_for_a_call_only(tmp_path):
    before = configuration()
    calls = OpenMLCalls("http://localhost:1/api", tmp_path)
    during = calls.ask("it", configuration)
    assert during["server"] == "http://localhost:1/api/"
    assert during["cachedir"] == tmp_path
    assert during["connection_n_retries"] == 1
    assert configuration() == before


def test_the_configuration_is_restored_after_a_failure(tmp_path):
    before = configuration()
    with pytest.raises(SourceError, match="did not give it \\(ZeroDivisionError\\)"):
        OpenMLCalls("http://localhost:1/api", tmp_path).ask("it", lambda: 1 // 0)
    assert configuration() == before


def test_without_a_server_the_clients_own_is_asked():
    assert OpenMLCalls().ask("it", lambda: openml.config.server) == openml.config.server


def test_the_key_is_sent_but_never_shown(connect, monkeypatch, caplog):
    monkeypatch.setattr(openml.config, "apikey", KEY)
    caplog.set_level(logging.DEBUG)
    _, calls = connect(f"auth({KEY})=1")
    assert "predictive_accuracy" in measures(calls)
    with pytest.raises(SourceError) as failure:
        measures(OpenMLCalls("http://127.0.0.1:9/api/v1/xml", attempts=1))
    shown = "".join(traceback.format_exception(failure.value))
    assert KEY not in shown
    assert KEY not in caplog.text


def test_a_wrong_key_is_not_tried_again(connect, monkeypatch):
    monkeypatch.setattr(openml.config, "apikey", "wrong")
    emulator, calls = connect(f"auth({KEY})=1")
    with pytest.raises(SourceError, match="its error 103, Authentication failed"):
        measures(calls)
    assert emulator.stats.asdict()["requests"] == 1


def test_the_root_logger_is_left_alone(connect):
    _, calls = connect()
    before = list(logging.getLogger().handlers)
    level = logging.getLogger("urllib3").level
    measures(calls)
    assert logging.getLogger().handlers == before
    assert logging.getLogger("urllib3").level == level


def test_the_clients_warnings_stay_inside():
    def warn():
        warnings.warn("the client has something to say", RuntimeWarning, stacklevel=1)
        return 1

    assert OpenMLCalls().ask("it", warn) == 1


def test_a_server_that_hangs_is_given_up(connect):
    _, calls = connect("hang(5)=1", timeout_seconds=0.2)
    with pytest.raises(SourceError, match="no answer in time"):
        measures(calls)


def test_attempts_are_counted(connect):
    emulator, calls = connect("503=1", attempts=3)
    with pytest.raises(SourceError, match="HTTP status 503"):
        measures(calls)
    assert emulator.stats.asdict()["requests"] == 3


@pytest.mark.parametrize(
    ("kind", "ask"), [("flow/*", lambda c: flow(c, 10)), ("data/qualities/*", lambda c: dataset(c, 61))]
)
def test_a_broken_answer_in_the_cache_is_forgotten(connect, tmp_path, kind, ask):
    _, calls = connect(f"truncate@{kind}=~1", attempts=1)
    with pytest.raises(SourceError, match="not OpenML's XML"):
        ask(calls)
    assert ask(calls)
    assert list((tmp_path / "cache").rglob("*.xml"))


def test_what_does_not_exist_is_told_apart(connect):
    _, calls = connect()
    with pytest.raises(AbsentError, match="does not give flow 5: its error 181, Unknown flow"):
        flow(calls, 5)
    with pytest.raises(AbsentError, match="Unknown dataset"):
        dataset(calls, 5)
    with pytest.raises(SourceError, match="its error 601, Study does not exist"):
        calls.ask("suite nothing", lambda: openml.study.get_suite("nothing"))
