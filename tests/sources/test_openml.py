"""The pull from OpenML against a server on localhost: what it reads, and what becomes of what it cannot read."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration
from metalearn.errors import InputError, SourceError, UnknownNameError
from metalearn.sources.matrix import read_matrix
from metalearn.sources.openml import read_openml
from metalearn.sources.openml_client import OpenMLClient
from metalearn.store.knowledge_base import KnowledgeBase
from tests.sources.openml_world import N_SMALL, build_world, emulator_module, write_oboe, write_odd_world


@pytest.fixture(scope="session")
def small_oboe(shared, tmp_path_factory):
    return write_oboe(shared, tmp_path_factory.mktemp("small") / "oboe", N_SMALL)


@pytest.fixture(scope="session")
def small_world(shared, small_oboe):
    return build_world(shared, small_oboe, small_oboe.parent / "world")


@pytest.fixture(scope="session")
def odd_world(shared, tmp_path_factory):
    return write_odd_world(tmp_path_factory.mktemp("odd") / "world")


@pytest.fixture
def serve(shared, monkeypatch):
    """Start emulators, which end with the test."""
    monkeypatch.setenv("no_proxy", "*")
    running = []

    def start(world, faults="", **options):
        running.append(emulator_module(shared).Emulator(world, faults, **options).__enter__())
        return running[-1]

    yield start
    for emulator in running:
        emulator.__exit__()


@pytest.fixture
def pull(serve, tmp_path):
    """Read from a fresh server with a fresh cache and short pauses."""

    def read(world, faults="", scale=0, **options):
        server = serve(world, faults, scale=scale)
        return list(read_openml(server=server.url, cache=tmp_path / "cache", pause_seconds=0.01, **options))

    return read


def rows(batches, table):
    return [row for batch in batches if table in batch.tables for row in batch.tables[table].to_pylist()]


def evaluations(batches):
    """Value and cost by dataset and configuration."""
    found = pd.concat(
        batch.tables["evaluations"]
        .to_pandas()
        .merge(batch.tables["tasks"].to_pandas(), left_on="task_id", right_on="id")
        for batch in batches
    )
    return found.set_index(["dataset_id", "configuration_id"])[["value", "cost_seconds"]].sort_index()


def assert_same_evaluations(batches, oboe):
    expected = evaluations(read_matrix(oboe / "error_matrix.csv", runtimes=oboe / "runtime_matrix.csv"))
    pulled = evaluations(batches)
    assert list(pulled.index) == list(expected.index)
    np.testing.assert_allclose(pulled["value"], expected["value"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(pulled["cost_seconds"], expected["cost_seconds"], rtol=1e-9)


def test_the_pull_gives_what_the_matrix_gives(pull, small_world, small_oboe):
    batches = pull(small_world, suite="oboe")
    assert_same_evaluations(batches, small_oboe)
    assert len(batches) == N_SMALL
    assert not rows(batches, "quarantine")


def test_the_pull_gives_what_the_matrix_gives_for_all_of_oboe(pull, shared, tmp_path):
    oboe = write_oboe(shared, tmp_path / "oboe", 313)
    batches = pull(build_world(shared, oboe, tmp_path / "world"), suite=1000, exact=False)
    assert_same_evaluations(batches, oboe)
    assert len(rows(batches, "evaluations")) == 68_547


@pytest.mark.parametrize(("exact", "error"), [(False, 5e-7), (True, 1e-9)])
def test_the_servers_lists_give_six_digits_and_its_runs_all_of_them(pull, shared, tmp_path, exact, error):
    oboe = write_oboe(shared, tmp_path / "oboe", 1)
    for name in ("error_matrix.csv", "runtime_matrix.csv"):
        lines = (shared / "data" / "oboe" / name).read_text().splitlines()[:2]
        (oboe / name).write_text("\n".join(lines))
    pulled = evaluations(pull(build_world(shared, oboe, tmp_path / "world"), suite="oboe", exact=exact))
    expected = evaluations(read_matrix(oboe / "error_matrix.csv", runtimes=oboe / "runtime_matrix.csv"))
    difference = np.abs(pulled["value"] - expected["value"]).max()
    assert difference < error
    assert exact or difference > 1e-9
    np.testing.assert_allclose(pulled["cost_seconds"], expected["cost_seconds"], rtol=1e-9 if exact else 5e-6)


def test_a_task_comes_with_its_dataset_and_qualities(pull, odd_world):
    (batch,) = pull(odd_world, tasks=[59], measures=["accuracy"])
    assert batch.partition == "task 59"
    assert rows([batch], "datasets") == [
        {"id": "openml-61", "name": "iris", "version": 2, "n_rows": 150, "n_columns": 5, "source": "openml"}
    ]
    assert rows([batch], "tasks") == [
        {
            "id": "openml-task-59",
            "dataset_id": "openml-61",
            "type": "classification",
            "target": "class",
            "procedure": "5 times 2-fold cross-validation",
            "source": "openml",
        }
    ]
    qualities = {row["name"]: (row["value"], row["status"]) for row in rows([batch], "meta_features")}
    assert qualities["NumberOfInstances"] == (150, "ok")
    assert qualities["Skewness"] == (None, "not finite")
    assert {(row["extractor"], row["extractor_version"]) for row in rows([batch], "meta_features")} == {("openml", "1")}
    assert batch.seen == len(rows([batch], "evaluations")) + len(qualities) == 10 + 4


def test_setups_become_configurations_with_decoded_values(pull, odd_world):
    batches = pull(odd_world, tasks=[59], measures=["accuracy"])
    by_run = {row["source_run_id"]: row for row in rows(batches, "evaluations")}
    svc = Configuration("sklearn", "svc", {"C": 3, "kernel": "rbf", "gamma": None})
    tree = Configuration("weka.J48", "weka.J48", {"M": 4})
    assert by_run["1003"]["configuration_id"] == svc.id
    assert by_run["1009"]["configuration_id"] == tree.id
    assert by_run["1003"]["value"] == 0.53
    assert by_run["1003"]["cost_seconds"] == 0.03
    assert by_run["1000"]["cost_seconds"] is None
    stored = {row["id"]: row for row in rows(batches, "configurations")}
    assert json.loads(stored[svc.id]["hyperparameters"]) == {"C": 3, "kernel": "rbf", "gamma": None}
    assert {row["name"] for row in rows(batches, "spaces")} == {"sklearn", "weka.J48"}


def test_the_space_can_be_named(pull, odd_world):
    batches = pull(odd_world, tasks=[59], measures=["accuracy"], space="foreign")
    assert {row["space"] for row in rows(batches, "configurations")} == {"foreign"}


def test_a_regression_task_without_qualities_and_one_without_evaluations(pull, odd_world):
    regression, unused = pull(odd_world, tasks=[41, 42], measures=["rmse"])
    assert rows([regression], "tasks")[0]["type"] == "regression"
    assert rows([regression], "tasks")[0]["procedure"] == "33% holdout"
    assert rows([regression], "datasets")[0]["n_rows"] is None
    assert not rows([regression], "meta_features")
    assert [row["value"] for row in rows([regression], "evaluations")] == pytest.approx([6 + i / 10 for i in range(10)])
    assert rows([unused], "tasks")[0]["id"] == "openml-task-42"
    assert unused.seen == 0


def test_several_measures_under_their_canonical_names(pull, odd_world):
    batches = pull(odd_world, tasks=[59], measures=["predictive_accuracy", "roc_auc"])
    metrics = [row["metric"] for row in rows(batches, "evaluations")]
    assert sorted(metrics) == ["accuracy"] * 10 + ["roc_auc"] * 3
    assert set(metrics) <= METRICS.keys()


def test_flows_select_runs_and_without_tasks_also_the_tasks(pull, odd_world):
    batches = pull(odd_world, flows=[11], measures=["accuracy", "rmse"])
    assert [batch.partition for batch in batches] == ["task 59", "task 41"]
    assert {row["algorithm"] for row in rows(batches, "configurations")} == {"weka.J48"}
    assert len(rows(batches, "evaluations")) == 10


def test_partitions_that_are_done_are_not_asked_for(serve, odd_world, tmp_path):
    server = serve(odd_world)
    options = {"server": server.url, "cache": tmp_path, "measures": ["accuracy"]}
    batches = list(read_openml(suite="odd", tasks=[59], done={"task 59"}, **options))
    assert [batch.partition for batch in batches] == ["task 41"]
    assert server.stats.asdict()["endpoints"]["task/{id}"] == 1


def test_setups_and_flows_are_asked_for_once(serve, small_world, tmp_path):
    server = serve(small_world)
    list(read_openml(tasks=[11, 1_000_020], server=server.url, cache=tmp_path))
    asked = server.stats.asdict()["endpoints"]
    assert asked["setup/list"] == 1
    assert asked["flow/{id}"] == 12


def test_more_evaluations_than_a_page_holds(pull, odd_world):
    batches = pull(odd_world, tasks=[59], measures=["accuracy"], scale=0.0205)
    runs = [row["source_run_id"] for row in rows(batches, "evaluations")]
    assert len(runs) == len(set(runs)) == 10_250


def test_pages_that_overlap_give_no_doubles(pull, odd_world):
    batches = pull(odd_world, "shift(7)@evaluation/*=1", tasks=[59], measures=["accuracy"], scale=0.0205)
    runs = [row["source_run_id"] for row in rows(batches, "evaluations")]
    assert len(runs) == len(set(runs)) == 10_250


def test_a_second_pull_adds_nothing(pull, small_world, tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        first = knowledge_base.append_all(pull(small_world, tasks=[11]))
        second = knowledge_base.append_all(pull(small_world, tasks=[11, 1_000_020]))
        assert first.stored == first.seen == 219 + 47
        assert (second.stored, second.already_there) == (first.stored, first.stored)
        assert len(knowledge_base.meta_dataset()) == 2 * 219


# ---- what cannot be read ------------------------------------------------------------------------
ALL_RUNS = range(2_000_000, 2_000_000 + 219)


@pytest.mark.parametrize(
    ("faults", "reason", "lost"),
    [
        ("eval_nan=#2000003,2000005", "missing or not finite", 2),
        ("eval_missing=#2000003", "missing or not finite", 1),
        ("eval_missing=1", "missing or not finite", 219),
        ("eval_range=#2000003", r"outside \[0, 1\]", 1),
        ("setup_json=#20000-20002", "no JSON", 3),
        ("flow_unknown=#8000", "flow 8000.*Unknown flow", 10),
    ],
)
def test_what_cannot_be_read_is_quarantined(pull, small_world, faults, reason, lost):
    (batch,) = pull(small_world, faults, tasks=[11])
    quarantine = rows([batch], "quarantine")
    assert len(quarantine) == lost
    assert all(re.search(reason, row["reason"]) for row in quarantine)
    raw = [json.loads(row["raw"]) for row in quarantine]
    assert all(
        row["task_id"] == 11 and row["run_id"] in ALL_RUNS and row["metric"] == "balanced_accuracy" for row in raw
    )
    assert len(rows([batch], "evaluations")) == 219 - lost
    assert batch.seen == 219 + len(rows([batch], "meta_features"))


def test_a_run_whose_runtime_is_missing_keeps_its_value(pull, odd_world):
    batches = pull(odd_world, tasks=[59], measures=["accuracy"])
    assert [row["cost_seconds"] for row in rows(batches, "evaluations")][:2] == [None, 0.01]


def test_a_server_without_runtimes(pull, odd_world, tmp_path):
    world = shutil.copytree(odd_world, tmp_path / "world")
    lines = (world / "evaluations.csv").read_text().splitlines()
    (world / "evaluations.csv").write_text("\n".join(line for line in lines if "millis" not in line))
    batches = pull(world, tasks=[59], measures=["accuracy"])
    assert [row["cost_seconds"] for row in rows(batches, "evaluations")] == [None] * 10


def test_a_setup_that_the_server_does_not_know(pull, odd_world, monkeypatch):
    monkeypatch.setattr(OpenMLClient, "setups", lambda self, setup_ids: {})
    (batch,) = pull(odd_world, tasks=[59], measures=["accuracy"])
    assert len(rows([batch], "evaluations")) == 0
    assert rows([batch], "quarantine")[9]["reason"] == "the server does not know setup 109"


@pytest.mark.parametrize("number", [5, 9, 99])
def test_a_task_of_another_type_is_quarantined(pull, odd_world, monkeypatch, shared, number):
    monkeypatch.setitem(emulator_module(shared).PROCEDURES, 12, (number, "?", "holdout", 1, 1, "33", "false"))
    monkeypatch.setitem(emulator_module(shared).TASK_TYPES, number, "Something else")
    lost, read = pull(odd_world, tasks=[41, 59], measures=["accuracy"])
    assert rows([lost], "quarantine")[0]["raw"] == '{"task_id": 41}'
    assert len(rows([read], "evaluations")) == 10


def test_an_unknown_task_is_quarantined_and_the_others_are_read(pull, small_world):
    lost, read = pull(small_world, tasks=[424242, 11])
    assert [*lost.tables] == ["quarantine"]
    assert rows([lost], "quarantine") == [
        {
            "source": "openml",
            "raw": '{"task_id": 424242}',
            "reason": "The OpenML server does not give task 424242: its error 151, Unknown task.",
        }
    ]
    assert lost.seen == 1
    assert len(rows([read], "evaluations")) == 219


# ---- a server in trouble -------------------------------------------------------------------------
@pytest.mark.parametrize(
    "fault", ["503=~1", "503(xhtml)=~1", "429=~1", "db=~1", "reset=~1", "truncate=~1", "length=~1", "502=~1-2"]
)
def test_a_failure_that_passes_is_survived(pull, small_world, fault):
    batches = pull(small_world, fault, tasks=[11], attempts=6)
    assert len(rows(batches, "evaluations")) == 219
    assert len(rows(batches, "meta_features")) == 47
    assert not rows(batches, "quarantine")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("503@task/*=1", "task 11 (HTTP status 503)"),
        ("503(xhtml)@data/11=1", "dataset 11 (the answer is not OpenML's XML)"),
        (
            "truncate@evaluation/*=1",
            "the evaluations of tasks 11 by unweighted_recall (the answer is not OpenML's XML)",
        ),
        ("reset@setup/*=1", "219 setups (the connection failed"),
        ("auth=1", "the list of measures (it asks for an API key"),
    ],
)
def test_a_failure_that_stays_is_one_sentence(serve, small_world, tmp_path, fault, reason):
    server = serve(small_world, fault)
    batches = read_openml(tasks=[11], server=server.url, cache=tmp_path, attempts=2, pause_seconds=0.01)
    with pytest.raises(SourceError) as failure:
        list(batches)
    text = str(failure.value)
    assert text.startswith(f"The OpenML server at {server.url} did not give {reason}")
    assert "\n" not in text
    assert text.endswith("run it again: what is stored stays.")


def test_an_unreachable_server(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = "http://127.0.0.1:9/api/v1/xml"
    batches = read_openml(tasks=[11], server=server, cache=tmp_path, attempts=2, pause_seconds=0.01)
    with pytest.raises(SourceError, match=r"at http://127.0.0.1:9/api/v1/xml did not give .* \(the connection failed"):
        list(batches)


def test_what_was_read_before_a_failure_is_not_lost(serve, small_world, tmp_path):
    server = serve(small_world, "503@data/qualities/30=1")
    batches = read_openml(suite="oboe", server=server.url, cache=tmp_path, attempts=1)
    assert [next(batches).partition for _ in range(2)] == ["task 11", "task 1000020"]
    with pytest.raises(SourceError, match="dataset 30"):
        next(batches)


# ---- options that cannot be used -----------------------------------------------------------------
def test_measures_must_be_known_here_and_there(serve, odd_world, tmp_path):
    with pytest.raises(UnknownNameError, match="predictive_accuracy"):
        read_openml(tasks=[59], measures=["predictiv_accuracy"])
    with pytest.raises(InputError, match="no measure for log_loss"):
        list(read_openml(tasks=[59], measures=["log_loss"], server=serve(odd_world).url, cache=tmp_path))


def test_something_must_be_asked_for():
    with pytest.raises(InputError, match="a suite, tasks or flows"):
        read_openml()
