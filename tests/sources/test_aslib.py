"""Scenarios in ASlib's format: the specification's example, and auto-sklearn's meta-data as they are published."""

import csv
import json
import math

import arff
import numpy as np
import pytest

from metalearn.core.records import Configuration
from metalearn.core.registry import create
from metalearn.errors import InputError, UnknownNameError
from metalearn.sources.aslib import read_aslib
from metalearn.store.knowledge_base import KnowledgeBase
from tests.sources.aslib_scenario import RUNS, VALUES, learners_scenario, write_scenario

SAT = "2013-SAT-Competition"
FOLDERS = {
    "balanced_accuracy_binary.classification_dense": ("classification", 205, 208, 37),
    "balanced_accuracy_multiclass.classification_dense": ("classification", 205, 208, 37),
    "r2_regression_dense": ("regression", 97, 111, 31),
}


def rows(batch, table):
    return batch.tables[table].to_pylist()


def read(folder, **options):
    (batch,) = read_aslib(folder, **options)
    return batch


def table_of(path):
    """Read an ARFF file by liac-arff alone."""
    with path.open() as file:
        table = arff.load(file)
    names = [name for name, _ in table["attributes"]]
    return [dict(zip(names, row, strict=True)) for row in table["data"]]


@pytest.fixture(scope="module")
def autosklearn(shared):
    return shared / "data" / "autosklearn"


@pytest.fixture(scope="module")
def batches(autosklearn):
    return {name: read(autosklearn / name) for name in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_run_of_auto_sklearn(autosklearn, batches, folder):
    """Against liac-arff and csv: the folders hold losses, 1 - the metric in their name."""
    type_, n_runs, _, _ = FOLDERS[folder]
    runs = table_of(autosklearn / folder / "algorithm_runs.arff")
    metric = "r2" if type_ == "regression" else "balanced_accuracy"
    evaluations = rows(batches[folder], "evaluations")
    assert len(evaluations) == len(runs) == n_runs
    for evaluation, run in zip(evaluations, runs, strict=True):
        assert evaluation["task_id"] == f"auto-sklearn-{type_}-{run['instance_id']}"
        assert evaluation["metric"] == metric
        assert evaluation["value"] == pytest.approx(1 - run[metric], abs=1e-15)
        assert (evaluation["status"], evaluation["seed"], evaluation["cost_seconds"]) == ("ok", 1, None)
        assert evaluation["source_run_id"] == run["algorithm"]
    assert not rows(batches[folder], "quarantine")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_configuration_of_auto_sklearn(autosklearn, batches, folder):
    python = {"None": None, "True": True, "False": False}
    known = {row["id"]: row for row in rows(batches[folder], "configurations")}
    chosen = {row["source_run_id"]: row["configuration_id"] for row in rows(batches[folder], "evaluations")}
    with (autosklearn / folder / "configurations.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(chosen)
    for line in lines:
        configuration = known[chosen[line.pop("idx")]]
        values = json.loads(configuration["hyperparameters"])
        assert values.keys() == {name for name, cell in line.items() if cell}
        for name, value in values.items():
            assert value == python.get(line[name], line[name]) or value == float(line[name])
        choice = line.get("classifier:__choice__") or line["regressor:__choice__"]
        assert configuration["space"] == "auto-sklearn"
        assert configuration["algorithm"].endswith(choice.removeprefix("libsvm_").removeprefix("liblinear_"))


def test_auto_sklearns_algorithms_have_canonical_names(batches):
    algorithms = {row["algorithm"] for row in rows(batches["r2_regression_dense"], "configurations")}
    assert {"svr", "linear_svr", "hist_gradient_boosting", "extra_trees", "ard_regression"} <= algorithms
    assert not {"libsvm_svr", "liblinear_svr", "gradient_boosting"} & algorithms


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_meta_feature_of_auto_sklearn(autosklearn, batches, folder):
    type_, _, n_instances, n_features = FOLDERS[folder]
    path = autosklearn / folder
    stored = {(row["task_id"], row["name"]): row for row in rows(batches[folder], "meta_features")}
    assert len(stored) == n_instances * n_features == len(batches[folder].tables["meta_features"])
    lines = (path / "description.txt").read_text().splitlines()
    steps = {
        line.split(":")[0].removeprefix("feature_step "): line.split(":")[1].strip().split(", ")
        for line in lines
        if line.startswith("feature_step ")
    }
    values, costs = (table_of(path / name) for name in ("feature_values.arff", "feature_costs.arff"))
    for value, cost in list(zip(values, costs, strict=True))[::7]:
        assert value.pop("instance_id") == cost["instance_id"]
        value.pop("repetition")
        for name, number in value.items():
            row = stored[f"auto-sklearn-{type_}-{cost['instance_id']}", name]
            assert (row["value"], row["status"], row["extractor"]) == (number, "ok", "autosklearn")
            shares = [cost[step] / len(features) for step, features in steps.items() if name in features]
            assert row["seconds"] == pytest.approx(sum(shares))


def test_the_knowledge_base_takes_all_of_auto_sklearn_once(autosklearn, tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        first = knowledge_base.append_all(read_aslib(autosklearn))
        assert first.seen == 2 * (205 + 208 * 37) + 97 + 111 * 31
        assert first.stored == 205 + 208 * 37 + 97 + 111 * 31  # both folders of classification are the same
        second = knowledge_base.append_all(read_aslib(autosklearn))
        assert (second.seen, second.stored, second.already_there) == (first.seen, 0, first.seen)
        assert knowledge_base.inconsistencies() == []
        classified = knowledge_base.meta_dataset(task_type="classification")
        assert (len(classified), classified.metric.name, classified.extractor) == (
            205,
            "balanced_accuracy",
            "autosklearn",
        )
        assert classified.meta_features.shape == (204, 37)
        assert np.isfinite(classified.meta_features).all()
        regressed = knowledge_base.meta_dataset(task_type="regression")
        assert (len(regressed.tasks), regressed.metric.name) == (97, "r2")
        # Both have a dataset abalone, but they are two tasks of it.
        abalone = {task.id for past in (classified, regressed) for task in past.tasks if "abalone" in task.id}
        assert abalone == {"auto-sklearn-classification-abalone", "auto-sklearn-regression-abalone"}
    fitted = create("recommender", "knn").meta_fit(classified, rng=np.random.default_rng(0))
    assert len(fitted.recommend(classified.tasks[0], 3)) == 3


def test_the_specifications_example_by_hand(tmp_path):
    batch = read(write_scenario(tmp_path / "sat"))
    ids = {name: Configuration(SAT, name).id for name in ("lingeling", "clasp", "sparrow")}
    clauses = [
        # instance, repetition, algorithm, value, seconds, status
        ("inst1.cnf", 1, "lingeling", 24, 5.0, "ok"),
        ("inst1.cnf", 1, "clasp", 24, 5.8, "ok"),
        ("inst1.cnf", 1, "sparrow", None, 900, "timeout"),  # its PAR10 is 9000
        ("inst1.cnf", 2, "sparrow", 24, 1.7, "ok"),
        ("inst2.cnf", 1, "lingeling", 105, 588.1, "ok"),
        ("inst2.cnf", 1, "clasp", None, 50, "memout"),
        ("inst2.cnf", 1, "sparrow", None, 501, "invalid"),
        ("inst2.cnf", 2, "sparrow", None, 9, "crashed"),
        ("inst2.cnf", 3, "sparrow", None, 8, "crashed"),
    ]
    assert rows(batch, "evaluations")[9:] == [
        {
            "task_id": f"{SAT}-algorithm_selection-{instance}",
            "configuration_id": ids[algorithm],
            "metric": f"{SAT}:Number_of_satisfied_clauses",
            "seed": repetition,
            "value": value,
            "cost_seconds": seconds,
            "status": status,
            "source": SAT,
            "source_run_id": algorithm,
        }
        for instance, repetition, algorithm, value, seconds, status in clauses
    ]
    runtimes = rows(batch, "evaluations")[:9]
    assert [row["value"] for row in runtimes] == [
        seconds if status == "ok" else None for *_, seconds, status in clauses
    ]
    assert [row["dataset_id"] for row in rows(batch, "tasks")] == [f"{SAT}-inst{i}.cnf" for i in (1, 2, 3)]
    assert [row["name"] for row in rows(batch, "datasets")] == ["inst1.cnf", "inst2.cnf", "inst3.cnf"]
    assert (batch.source, batch.partition, batch.seen) == (SAT, "sat", 2 * 9 + 3 * 3)


def test_a_measure_of_its_own_is_a_metric_that_the_knowledge_base_loads(tmp_path):
    folder = write_scenario(tmp_path / "sat")
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        first = knowledge_base.append_all(read_aslib(folder))
        assert (first.seen, first.stored) == (27, 27)
        assert knowledge_base.append_all(read_aslib(folder)).stored == 0
        assert knowledge_base.inconsistencies() == []
        solved = knowledge_base.meta_dataset(metric=f"{SAT}:Number_of_satisfied_clauses")
        assert (solved.metric.direction, solved.metric.bounded) == ("maximize", False)
        assert np.nanmin(solved.loss) == -105
        timed = knowledge_base.meta_dataset(metric=f"{SAT}:PAR10")
        failed = timed.failure_matrix()
        assert failed.sum() == 3  # sparrow on both, clasp on the second
        assert timed.performance_matrix()[~failed] == pytest.approx([5.8, 5.0, 588.1])
        # Solvers are no advice for tables.
        assert len(knowledge_base.meta_dataset(task_type="classification")) == 0
        with pytest.raises(UnknownNameError):
            knowledge_base.meta_dataset(metric="PAR10")


def test_learners_on_openml_tasks(tmp_path):
    lines = ["2097,1,2362_weka.J48,0.862986,ok", "2097,1,RandomForestClassifier,0.5,timeout", "31,2,GNB,0.25,ok"]
    folder = learners_scenario(tmp_path / "weka", lines)
    own, openml = read(folder), read(folder, openml_tasks=True, space="weka")
    assert [row["id"] for row in rows(own, "tasks")] == [f"OPENML-WEKA-2017-classification-{n}" for n in (2097, 31)]
    assert [(row["id"], row["dataset_id"]) for row in rows(openml, "tasks")] == [
        (f"openml-task-{n}", f"openml-task-{n}") for n in (2097, 31)
    ]
    assert [row["metric"] for row in rows(own, "evaluations")] == ["accuracy"] * 3
    assert [row["value"] for row in rows(own, "evaluations")] == [0.862986, None, 0.25]
    assert {(row["space"], row["algorithm"]) for row in rows(openml, "configurations")} == {
        ("weka", name) for name in ("2362_weka.J48", "random_forest", "gaussian_nb")
    }
    assert len(own.tables["metrics"]) == 0
    assert "meta_features" not in own.tables


def test_two_algorithms_that_are_one_to_us_keep_both_runs(tmp_path):
    folder = learners_scenario(tmp_path / "s", ["a,1,GNB,0.5,ok", "a,1,GaussianNB,0.75,ok"])
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        assert knowledge_base.append_all(read_aslib(folder)).stored == 2
        assert knowledge_base.meta_dataset().performance_matrix().tolist() == [[0.375]]


def test_what_cannot_be_read_is_quarantined(tmp_path):
    lines = [
        "a,1,GNB,0.5,ok",
        "a,1,GNB,0.5,exploded",
        "a,1,GNB,?,ok",
        "a,1,GNB,1.5,ok",
        "a,1,?,0.5,ok",
        "?,1,GNB,0.5,ok",
        "a,1.5,GNB,0.5,ok",
        "a,?,GNB,0.5,ok",
        "a,1,SVC,?,timeout",
    ]
    batch = read(learners_scenario(tmp_path / "s", lines))
    assert [(row["status"], row["value"]) for row in rows(batch, "evaluations")] == [("ok", 0.5), ("timeout", None)]
    assert [row["reason"] for row in rows(batch, "quarantine")] == [
        "the runstatus is none of ok, timeout, memout, not_applicable, crash, other",
        "the value of accuracy is missing or not finite",
        "the value of accuracy lies outside [0, 1]",
        "the algorithm is missing",
        "the instance_id is missing",
        "the repetition is no whole number",
        "the repetition is no whole number",
    ]
    assert json.loads(rows(batch, "quarantine")[0]["raw"]) == {
        "instance_id": "a",
        "repetition": 1,
        "algorithm": "GNB",
        "predictive_accuracy": 0.5,
        "runstatus": "exploded",
    }
    assert batch.seen == len(lines)
    assert [row["id"] for row in rows(batch, "tasks")] == ["OPENML-WEKA-2017-classification-a"]


def test_configurations_that_cannot_be_read_are_quarantined(tmp_path):
    folder = learners_scenario(tmp_path / "s", [f"a,1,{number},0.5,ok" for number in (1, 2, 3)])
    table = "idx,classifier:__choice__,classifier:libsvm_svc:C,x\n1,libsvm_svc,2.0,\n3,,1,None\n"
    (folder / "configurations.csv").write_text(table)
    batch = read(folder)
    svc = {"classifier:__choice__": "libsvm_svc", "classifier:libsvm_svc:C": 2}
    assert [row["configuration_id"] for row in rows(batch, "evaluations")] == [
        Configuration("OPENML-WEKA-2017", "svc", svc).id
    ]
    assert [row["reason"] for row in rows(batch, "quarantine")] == [
        "configurations.csv has no algorithm 2",
        "configurations.csv has neither classifier:__choice__ nor regressor:__choice__ for the algorithm",
    ]


def test_a_folder_of_scenarios_is_read_one_by_one(tmp_path):
    write_scenario(tmp_path / "b")
    learners_scenario(tmp_path / "a", ["a,1,GNB,0.5,ok"])
    (tmp_path / "notes").mkdir()
    assert [(batch.partition, batch.source) for batch in read_aslib(tmp_path)] == [
        ("a", "OPENML-WEKA-2017"),
        ("b", SAT),
    ]


def test_the_order_of_rows_is_irrelevant(tmp_path):
    head, *lines = RUNS.partition("@DATA\n")[0] + "@DATA\n", *RUNS.partition("@DATA\n")[2].splitlines()
    mixed = head + "\n".join(lines[::-1]) + "\n"

    def stored(folder):
        ordered = ("metric", "task_id", "source_run_id", "seed")
        return sorted(rows(read(folder), "evaluations"), key=lambda row: [row[name] for name in ordered])

    assert stored(write_scenario(tmp_path / "a")) == stored(write_scenario(tmp_path / "b", algorithm_runs=mixed))


def test_an_unknown_cutoff_leaves_costs_unknown(tmp_path):
    description = "scenario_id: BBOB\nperformance_measures: PAR10\nperformance_type: runtime\nmaximize: false\n"
    batch = read(write_scenario(tmp_path / "s", description=description))
    assert {row["cost_seconds"] for row in rows(batch, "evaluations")} == {None}
    assert [row["value"] for row in rows(batch, "evaluations")][:2] == [5.0, 5.8]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"algorithm_runs": None}, r"algorithm_runs.arff cannot be read"),
        ({"algorithm_runs": RUNS.replace("PAR10", "PAR1")}, r"has no column 'PAR10'; did you mean 'PAR1'"),
        ({"algorithm_runs": RUNS.replace("runstatus", "status")}, "has no column 'runstatus'"),
        ({"algorithm_runs": RUNS[:-12]}, "malformed ARFF at line"),
        ({"feature_values": VALUES.replace("@DATA", "")}, "no line says @data"),
        ({"feature_costs": "@RELATION r\n@ATTRIBUTE a NUMERIC\n@DATA\n1\n"}, "has no column 'instance_id'"),
        ({"description": "scenario_id: x\n"}, "names no performance_measures"),
    ],
)
def test_scenarios_that_cannot_be_used(tmp_path, changed, said):
    with pytest.raises(InputError, match=said):
        read(write_scenario(tmp_path / "s", **changed))


def test_folders_that_hold_no_scenario(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="holds no ASlib scenario; give a folder with"):
            list(read_aslib(folder))


def test_a_broken_scenario_stores_nothing(tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        with pytest.raises(InputError):
            knowledge_base.append_all(read_aslib(write_scenario(tmp_path / "s", algorithm_runs=RUNS[:-12])))
        assert math.isclose(sum(knowledge_base.info()["rows"].values()), knowledge_base.info()["rows"]["metrics"])
