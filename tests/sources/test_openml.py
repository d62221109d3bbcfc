"""The pull from OpenML against a server on localhost: what it reads, and what becomes of what it cannot read."""

import json
import re
import shutil
from datetime import date

import numpy as np
import pandas as pd
import pytest

from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration
from metalearn.errors import InputError, SourceError, UnknownNameError
from metalearn.sources import openml_entities, openml_lists
from metalearn.sources.matrix import read_matrix
from metalearn.sources.openml import OpenMLPull
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_selection import Selection
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
def ask():
    """Talk to a server with short pauses."""

    def connected(server, **options):
        return OpenMLServer(server.url, **{"pause_seconds": 0.01, "timeout_seconds": 10.0} | options)

    return connected


@pytest.fixture
def nothing(tmp_path):
    """What an empty knowledge base holds of OpenML."""
    with KnowledgeBase.open(tmp_path / "nothing.duckdb", read_only=False) as kb:
        yield kb.ingested("openml")


@pytest.fixture
def pull(serve, ask, nothing):
    """Read a selection from a fresh server into a list."""

    def read(world, faults="", scale=0, attempts=5, exact=None, space=None, **selection):
        with ask(serve(world, faults, scale=scale), attempts=attempts) as server:
            return list(OpenMLPull(Selection(**selection), server, nothing, exact=exact, space=space))

    return read


def rows(batches, table):
    return [row for batch in batches if table in batch.tables for row in batch.tables[table].to_pylist()]


def evaluations(batches):
    """Value and cost by dataset and configuration."""
    found, tasks = (pd.DataFrame(rows(batches, table)) for table in ("evaluations", "tasks"))
    joined = found.merge(tasks[["id", "dataset_id"]], left_on="task_id", right_on="id")
    return joined.set_index(["dataset_id", "configuration_id"])[["value", "cost_seconds"]].sort_index()


def assert_same_evaluations(batches, oboe):
    expected = evaluations(list(read_matrix(oboe / "error_matrix.csv", runtimes=oboe / "runtime_matrix.csv")))
    pulled = evaluations(batches)
    assert list(pulled.index) == list(expected.index)
    np.testing.assert_allclose(pulled["value"], expected["value"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(pulled["cost_seconds"], expected["cost_seconds"], rtol=1e-9)


def test_the_pull_gives_what_the_matrix_gives(pull, small_world, small_oboe):
    batches = pull(small_world, suite="oboe")
    assert_same_evaluations(batches, small_oboe)
    assert len(rows(batches, "evaluations")) == N_SMALL * 219
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
    expected = evaluations(list(read_matrix(oboe / "error_matrix.csv", runtimes=oboe / "runtime_matrix.csv")))
    difference = np.abs(pulled["value"] - expected["value"]).max()
    assert difference < error
    assert exact or difference > 1e-9
    np.testing.assert_allclose(pulled["cost_seconds"], expected["cost_seconds"], rtol=1e-9 if exact else 5e-6)


def test_a_task_comes_with_its_dataset_and_qualities(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",))
    assert rows(batches, "datasets") == [
        {"id": "openml-61", "name": "iris", "version": 2, "n_rows": 150, "n_columns": 5, "source": "openml"}
    ]
    assert rows(batches, "tasks") == [
        {
            "id": "openml-task-59",
            "dataset_id": "openml-61",
            "type": "classification",
            "target": "class",
            "procedure": "5 times 2-fold cross-validation",
            "source": "openml",
        }
    ]
    qualities = {row["name"]: (row["value"], row["status"]) for row in rows(batches, "meta_features")}
    assert qualities["NumberOfInstances"] == (150, "ok")
    assert qualities["Skewness"] == (None, "not finite")
    assert {(row["extractor"], row["extractor_version"]) for row in rows(batches, "meta_features")} == {("openml", "1")}
    assert sum(batch.seen for batch in batches) == len(rows(batches, "evaluations")) + len(qualities) == 10 + 4


def test_setups_become_configurations_with_decoded_values(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",))
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


def test_flows_and_setups_are_kept_as_the_server_has_them(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",))
    flows = {row["id"]: row for row in rows(batches, "flows")}
    assert (flows[10]["name"], flows[10]["algorithm"]) == ("sklearn.svm.classes.SVC", "svc")
    assert (flows[11]["name"], flows[11]["algorithm"], flows[11]["version"]) == ("weka.J48", "weka.J48", "2")
    setups = {row["id"]: row for row in rows(batches, "setups")}
    assert setups.keys() == set(range(100, 110))
    assert json.loads(setups[103]["hyperparameters"]) == {"C": "3.0", "kernel": '"rbf"', "gamma": "null"}
    assert setups[103]["flow_id"] == 10


def test_the_space_can_be_named(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",), space="foreign")
    assert {row["space"] for row in rows(batches, "configurations")} == {"foreign"}


def test_a_regression_task_without_qualities_and_one_without_evaluations(pull, odd_world):
    batches = pull(odd_world, tasks=(41, 42), measures=("rmse",))
    tasks = {row["id"]: row for row in rows(batches, "tasks")}
    assert tasks["openml-task-41"]["type"] == "regression"
    assert tasks["openml-task-41"]["procedure"] == "33% holdout"
    assert tasks["openml-task-42"]["type"] == "classification"
    assert rows(batches, "datasets")[0]["n_rows"] is None
    assert not rows(batches, "meta_features")
    assert [row["value"] for row in rows(batches, "evaluations")] == pytest.approx([6 + i / 10 for i in range(10)])
    assert {row["task_id"] for row in rows(batches, "evaluations")} == {"openml-task-41"}


def test_several_measures_under_their_canonical_names(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), measures=("predictive_accuracy", "roc_auc"))
    metrics = [row["metric"] for row in rows(batches, "evaluations")]
    assert sorted(metrics) == ["accuracy"] * 10 + ["roc_auc"] * 3
    assert set(metrics) <= METRICS.keys()


# ---- what is selected ---------------------------------------------------------------------------
def test_flows_narrow_tasks_down(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), flows=(11,), measures=("accuracy",))
    assert {row["algorithm"] for row in rows(batches, "configurations")} == {"weka.J48"}
    assert len(rows(batches, "evaluations")) == 5


def test_flows_without_tasks_bring_their_tasks(pull, odd_world):
    batches = pull(odd_world, flows=(11,), measures=("accuracy", "rmse"))
    assert {row["id"] for row in rows(batches, "tasks")} == {"openml-task-59", "openml-task-41"}
    assert {row["algorithm"] for row in rows(batches, "configurations")} == {"weka.J48"}
    assert len(rows(batches, "evaluations")) == 10


def test_uploaders_and_days_select_runs(pull, odd_world, tmp_path):
    world = shutil.copytree(odd_world, tmp_path / "world")
    header, *lines = (world / "runs.csv").read_text().splitlines()
    dated = [f"{line},{1 + i % 2},20{10 + i}-06-01 12:00:00" for i, line in enumerate(lines)]
    (world / "runs.csv").write_text("\n".join([f"{header},uploader,upload_time", *dated]))
    options = {"tasks": (59,), "measures": ("accuracy",)}
    of_second = pull(world, uploaders=(2,), **options)
    assert [row["source_run_id"] for row in rows(of_second, "evaluations")] == ["1001", "1003", "1005", "1007", "1009"]
    late = pull(world, since=date(2016, 6, 1), **options)
    assert [row["source_run_id"] for row in rows(late, "evaluations")] == ["1006", "1007", "1008", "1009"]
    assert sum(batch.skipped for batch in late) == 6
    assert sum(batch.seen for batch in late) == 10 + 4  # with the qualities


def test_the_number_of_runs_is_limited(pull, odd_world):
    batches = pull(odd_world, tasks=(59, 41), measures=("accuracy", "rmse"), max_runs=7)
    assert [row["source_run_id"] for row in rows(batches, "evaluations")] == [f"100{i}" for i in range(7)]
    assert [row["cost_seconds"] for row in rows(batches, "evaluations")][6] == 0.06


def test_a_limited_pull_goes_on_where_it_ended(serve, ask, odd_world, tmp_path):
    server = serve(odd_world)
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        for n, stored in ((4, 4), (4, 8), (4, 10), (4, 10)):
            with ask(server) as asked:
                selection = Selection(tasks=(59,), measures=("accuracy",), max_runs=n)
                kb.append_all(OpenMLPull(selection, asked, kb.ingested("openml")))
            assert kb.info()["rows"]["evaluations"] == stored


def test_the_values_of_folds(pull, odd_world, tmp_path):
    world = shutil.copytree(odd_world, tmp_path / "world")
    header, *lines = (world / "evaluations.csv").read_text().splitlines()
    folds = {"1003,predictive_accuracy": "0.5 0.56", "1004,predictive_accuracy": "0.5 7"}
    with_folds = [f"{line},{folds.get(line.rpartition(',')[0], '')}" for line in lines]
    (world / "evaluations.csv").write_text("\n".join([f"{header},folds", *with_folds]))
    batches = pull(world, tasks=(59,), measures=("accuracy",), per_fold=True)
    found = {(row["source_run_id"], row["fold"]): row for row in rows(batches, "evaluations")}
    assert (found["1003", 0]["value"], found["1003", 1]["value"]) == (0.5, 0.56)
    assert {row["cost_seconds"] for (run, _), row in found.items() if run == "1003"} == {0.03}
    assert len(found) == 11
    assert all(fold == -1 for run, fold in found if run != "1003")
    (refused,) = rows(batches, "quarantine")
    assert json.loads(refused["raw"])["run_id"] == "1004"
    assert "fold" in refused["reason"]


# ---- what is asked for --------------------------------------------------------------------------
def test_requests_are_few(serve, ask, nothing, small_world):
    server = serve(small_world)
    with ask(server) as asked:
        list(OpenMLPull(Selection(suite="oboe"), asked, nothing, exact=False))
    endpoints = server.stats.asdict()["endpoints"]
    assert endpoints["data/qualities/{id}"] == N_SMALL
    assert endpoints["flow/{id}"] == 12
    assert endpoints["setup/list"] == endpoints["task/list"] == endpoints["data/list"] == 1
    # Four tasks alone, as nothing is known of their size; the others at once; each time values and runtimes.
    assert endpoints["evaluation/list"] <= 2 * 5
    assert server.stats.asdict()["max_in_flight"] <= 4


def test_a_second_pull_asks_only_for_what_is_new(serve, ask, small_world, tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:

        def pulled(*tasks):
            server = serve(small_world)
            with ask(server) as asked:
                counts = kb.append_all(OpenMLPull(Selection(tasks=tasks), asked, kb.ingested("openml")))
            return counts, server.stats.asdict()["endpoints"]

        first, _ = pulled(11)
        assert first.stored == first.seen == 219 + 47
        again, asked_again = pulled(11)
        assert again.seen == 0
        assert asked_again == {"evaluationmeasure/list": 1, "evaluation/list": 1}
        more, asked_more = pulled(11, 1_000_020)
        assert (more.seen, more.already_there) == (more.stored, 0)
        assert asked_more["task/list"] == asked_more["data/qualities/{id}"] == 1
        assert "flow/{id}" not in asked_more
        assert "setup/list" not in asked_more
        assert len(kb.meta_dataset()) == 2 * 219


def test_runs_that_were_added_come_with_the_next_pull(serve, ask, odd_world, tmp_path):
    world = shutil.copytree(odd_world, tmp_path / "world")
    selection = Selection(tasks=(59,), measures=("accuracy",))
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        for added in (0, 3):
            for i in range(added):
                append_line(world / "runs.csv", f"{2000 + i},59,10{i}")
                append_line(world / "evaluations.csv", f"{2000 + i},predictive_accuracy,0.9")
                append_line(world / "evaluations.csv", f"{2000 + i},usercpu_time_millis,5")
            with ask(serve(world)) as server:
                counts = kb.append_all(OpenMLPull(selection, server, kb.ingested("openml"), exact=False))
            assert counts.stored == (3 if added else 14)
        costs = kb.tables()["evaluations"].to_pandas().set_index("source_run_id")["cost_seconds"]
        assert costs[["2000", "2001", "2002"]].tolist() == [0.005] * 3


def append_line(path, line):
    path.write_text(path.read_text().rstrip() + f"\n{line}\n")


def test_more_evaluations_than_a_page_holds(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",), scale=0.0205)
    runs = [row["source_run_id"] for row in rows(batches, "evaluations")]
    assert len(runs) == len(set(runs)) == 10_250
    assert sum(row["cost_seconds"] is None for row in rows(batches, "evaluations")) == 1_025


def test_tasks_that_do_not_fit_into_a_page_together_are_asked_for_apart(pull, small_world, monkeypatch):
    monkeypatch.setattr(openml_lists, "MOST_ROWS", 300)
    batches = pull(small_world, suite="oboe", exact=False)
    runs = [row["source_run_id"] for row in rows(batches, "evaluations")]
    assert len(runs) == len(set(runs)) == N_SMALL * 219


def test_pages_that_overlap_give_no_doubles(pull, odd_world):
    batches = pull(odd_world, "shift(7)@evaluation/*=1", tasks=(59,), measures=("accuracy",), scale=0.0205)
    runs = [row["source_run_id"] for row in rows(batches, "evaluations")]
    assert len(runs) == len(set(runs)) == 10_250


def test_a_list_that_lost_rows_is_read_anew(serve, ask, odd_world, tmp_path):
    world = shutil.copytree(odd_world, tmp_path / "world")
    selection = Selection(tasks=(59,), measures=("accuracy",))
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        with ask(serve(world)) as server:
            kb.append_all(OpenMLPull(selection, server, kb.ingested("openml")))
        for name in ("runs", "evaluations"):
            lines = (world / f"{name}.csv").read_text().splitlines()
            (world / f"{name}.csv").write_text("\n".join(line for line in lines if not line.startswith("1009,")) + "\n")
        append_line(world / "runs.csv", "2000,59,100")
        append_line(world / "evaluations.csv", "2000,predictive_accuracy,0.9")
        with ask(serve(world)) as server:
            counts = kb.append_all(OpenMLPull(selection, server, kb.ingested("openml")))
        assert (counts.stored, kb.info()["rows"]["evaluations"]) == (1, 11)


# ---- what cannot be read ------------------------------------------------------------------------
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
    batches = pull(small_world, faults, tasks=(11,))
    quarantine = rows(batches, "quarantine")
    assert len(quarantine) == lost
    assert all(re.search(reason, row["reason"]) for row in quarantine)
    raw = [json.loads(row["raw"]) for row in quarantine]
    assert all(row["task_id"] == "11" and 2_000_000 <= int(row["run_id"]) < 2_000_219 for row in raw)
    assert len(rows(batches, "evaluations")) == 219 - lost
    assert sum(batch.seen for batch in batches) == 219 + len(rows(batches, "meta_features"))


def test_what_has_been_mended_leaves_the_quarantine(serve, ask, small_world, tmp_path):
    faults = "eval_nan=#2000003;setup_json=#20009;flow_unknown=#8004"
    selection = Selection(tasks=(11, 424242))
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:

        def pulled(faults, **options):
            with ask(serve(small_world, faults)) as server:
                return kb.append_all(OpenMLPull(selection, server, kb.ingested("openml"), **options))

        broken = pulled(faults)
        assert broken.quarantined == kb.info()["rows"]["quarantine"] > 3
        assert dict(kb.ingested("openml").refusals())["the value of balanced_accuracy is missing or not finite"] == 1
        assert pulled(faults).quarantined == broken.quarantined == kb.info()["rows"]["quarantine"]
        assert pulled("", retry=False).stored == 0
        mended = pulled("")
        assert mended.stored == broken.quarantined - 1
        assert [json.loads(raw) for raw, _ in kb.ingested("openml").quarantined()] == [{"task_id": 424242}]
        assert kb.info()["rows"]["evaluations"] == 219
        assert pulled("").stored == 0


def test_what_is_not_selected_stays_in_quarantine(serve, ask, small_world, tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:

        def pulled(faults, **selection):
            with ask(serve(small_world, faults)) as server:
                pull = OpenMLPull(Selection(tasks=(11,), **selection), server, kb.ingested("openml"), exact=False)
                return kb.append_all(pull)

        assert pulled("eval_nan=#2000003").quarantined == 1
        pulled("", since=date(2030, 1, 1))
        pulled("", flows=(8005,))
        assert kb.info()["rows"]["quarantine"] == 1
        assert pulled("").stored == 1
        assert kb.info()["rows"]["quarantine"] == 0


def test_a_run_whose_runtime_is_missing_keeps_its_value(pull, odd_world):
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",))
    assert [row["cost_seconds"] for row in rows(batches, "evaluations")][:2] == [None, 0.01]


def test_a_server_without_runtimes(pull, odd_world, tmp_path):
    world = shutil.copytree(odd_world, tmp_path / "world")
    lines = (world / "evaluations.csv").read_text().splitlines()
    (world / "evaluations.csv").write_text("\n".join(line for line in lines if "millis" not in line))
    batches = pull(world, tasks=(59,), measures=("accuracy",))
    assert [row["cost_seconds"] for row in rows(batches, "evaluations")] == [None] * 10


def test_a_setup_that_the_server_does_not_know(pull, odd_world, monkeypatch):
    monkeypatch.setattr(openml_entities, "setups", lambda server, ids: {})
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",))
    assert len(rows(batches, "evaluations")) == 0
    assert rows(batches, "quarantine")[9]["reason"] == "the server does not know setup 109"


def test_rows_without_ids_are_quarantined(pull, odd_world, monkeypatch):
    read = openml_entities.list_items

    def without_setup(content, root, item):
        return [{**row, "setup_id": []} if row.get("run_id") == "1004" else row for row in read(content, root, item)]

    monkeypatch.setattr(openml_entities, "list_items", without_setup)
    batches = pull(odd_world, tasks=(59,), measures=("accuracy",))
    assert [row["reason"] for row in rows(batches, "quarantine")] == ["an id is missing"]
    assert len(rows(batches, "evaluations")) == 9


@pytest.mark.parametrize("number", [5, 9, 99])
def test_a_task_of_another_type_is_quarantined(pull, odd_world, monkeypatch, shared, number):
    monkeypatch.setitem(emulator_module(shared).PROCEDURES, 12, (number, "?", "holdout", 1, 1, "33", "false"))
    monkeypatch.setitem(emulator_module(shared).TASK_TYPES, number, "Something else")
    batches = pull(odd_world, tasks=(41, 59), measures=("accuracy",))
    assert rows(batches, "quarantine")[0]["raw"] == '{"task_id": 41}'
    assert len(rows(batches, "evaluations")) == 10


def test_unknown_tasks_and_tasks_without_datasets_are_quarantined_and_the_others_are_read(
    pull, small_world, monkeypatch
):
    known = openml_entities.dataset_versions
    monkeypatch.setattr(
        openml_entities,
        "dataset_versions",
        lambda server, ids: {k: v for k, v in known(server, ids).items() if k != 20},
    )
    batches = pull(small_world, tasks=(424242, 1_000_020, 11))
    assert rows(batches, "quarantine") == [
        {
            "source": "openml",
            "raw": '{"task_id": 424242}',
            "reason": "the OpenML server does not know task 424242",
        },
        {
            "source": "openml",
            "raw": '{"task_id": 1000020}',
            "reason": "the OpenML server does not know dataset 20 of task 1000020",
        },
    ]
    assert len(rows(batches, "evaluations")) == 219


# ---- a server in trouble -------------------------------------------------------------------------
@pytest.mark.parametrize(
    "fault",
    ["503=~1", "503(xhtml)=~1", "401=~1", "429(0)=~1", "db=~1", "reset=~1", "truncate=~1", "length=~1", "502=~1-2"],
)
def test_a_failure_that_passes_is_survived(pull, small_world, fault):
    batches = pull(small_world, fault, tasks=(11,), exact=False, attempts=6)
    assert len(rows(batches, "evaluations")) == 219
    assert len(rows(batches, "meta_features")) == 47
    assert not rows(batches, "quarantine")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("503@task/*=1", "tasks 11 (HTTP status 503)"),
        ("503(xhtml)@data/list/*=1", "datasets 11 (HTTP status 503)"),
        ("truncate@evaluation/*=1", "the evaluations in function/unweighted_recall/task/11 (the answer is not"),
        ("reset@setup/*=1", "setups 20000,20001,20002 and 216 more (the connection failed"),
    ],
)
def test_a_failure_that_stays_is_one_sentence(serve, ask, nothing, small_world, fault, reason):
    server = serve(small_world, fault)
    with ask(server, attempts=2) as asked, pytest.raises(SourceError) as failure:
        list(OpenMLPull(Selection(tasks=(11,)), asked, nothing))
    text = str(failure.value)
    assert text.startswith(f"The OpenML server at {server.url} did not give {reason}")
    assert "\n" not in text
    assert text.endswith("run it again: what is stored stays.")


def test_what_was_read_before_a_failure_is_not_lost(serve, ask, nothing, small_world):
    server = serve(small_world, "503@evaluation/list/*/task/11/*=1")
    with ask(server, attempts=1) as asked:
        batches = iter(OpenMLPull(Selection(suite="oboe"), asked, nothing))
        assert [next(batches).partition for _ in range(2)] == ["suite oboe", "tasks"]
        with pytest.raises(SourceError, match="task/11"):
            list(batches)


# ---- options that cannot be used -----------------------------------------------------------------
def test_measures_must_be_known_here_and_there(serve, ask, nothing, odd_world):
    with pytest.raises(UnknownNameError, match="predictive_accuracy"):
        Selection(tasks=(59,), measures=("predictiv_accuracy",))
    with ask(serve(odd_world)) as server, pytest.raises(InputError, match="no measure for log_loss"):
        OpenMLPull(Selection(tasks=(59,), measures=("log_loss",)), server, nothing)


def test_something_must_be_asked_for():
    with pytest.raises(InputError, match="a suite, tasks or flows"):
        Selection()
    with pytest.raises(InputError, match="from 1 on"):
        Selection(tasks=(3,), max_runs=0)
