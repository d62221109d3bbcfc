"""Meta-features of scenarios: means over repetitions, shares of costs, and what stopped a step."""

import json

import numpy as np
import pytest

from metalearn.sources.aslib import read_aslib
from metalearn.sources.aslib_features import read_features
from tests.sources.aslib_scenario import COSTS, VALUES, write_scenario

STEPS = {
    "preprocessing": ("number_of_variables", "number_of_clauses"),
    "local_search_probing": ("first_local_min_steps",),
}
NAN = np.nan


def test_the_specifications_example(tmp_path):
    features = read_features(write_scenario(tmp_path / "s"), STEPS)
    assert features.instances == ["inst1.cnf", "inst2.cnf", "inst3.cnf"]
    assert features.names == ["number_of_variables", "number_of_clauses", "first_local_min_steps"]
    np.testing.assert_array_equal(features.values, [[101, 24, 37.5], [303, 105, 12], [1002, 337, NAN]])
    np.testing.assert_allclose(features.seconds, [[0.1, 0.1, 11], [0.1, 0.1, 4], [0.55, 0.55, NAN]])
    assert features.failures == {(2, 2): "memout"}


def test_the_table(tmp_path):
    (batch,) = read_aslib(write_scenario(tmp_path / "s"), extractor="mine")
    table = batch.tables["meta_features"].to_pylist()
    assert table[0] == {
        "task_id": "2013-SAT-Competition-algorithm_selection-inst1.cnf",
        "extractor": "mine",
        "extractor_version": "1",
        "name": "number_of_variables",
        "value": 101,
        "status": "ok",
        "seconds": pytest.approx(0.1),
    }
    assert [(row["value"], row["seconds"], row["status"]) for row in table[-1:]] == [(None, None, "memout")]


def test_by_default_the_scenario_is_the_extractor(tmp_path):
    (batch,) = read_aslib(write_scenario(tmp_path / "s"))
    assert set(batch.tables["meta_features"]["extractor"].to_pylist()) == {"2013-SAT-Competition"}


def test_a_feature_of_several_steps_costs_its_share_of_each(tmp_path):
    steps = {**STEPS, "local_search_probing": ("first_local_min_steps", "number_of_clauses")}
    features = read_features(write_scenario(tmp_path / "s"), steps)
    np.testing.assert_allclose(features.seconds[0], [0.1, 0.1 + 5.5, 5.5])
    # What one of the steps cost is not known.
    np.testing.assert_allclose(features.seconds[2], [0.55, NAN, NAN])


def test_without_the_other_files(tmp_path):
    folder = write_scenario(tmp_path / "s", feature_costs=None, feature_runstatus=None)
    features = read_features(folder, STEPS)
    assert np.isnan(features.seconds).all()
    assert features.failures == {}
    table = next(read_aslib(folder)).tables["meta_features"].to_pylist()
    assert [row["status"] for row in table] == ["ok"] * 8 + ["not finite"]
    assert read_features(write_scenario(tmp_path / "t", feature_values=None), STEPS) is None


def test_instances_and_steps_that_the_other_files_do_not_know(tmp_path):
    costs = "\n".join(line for line in COSTS.splitlines() if not line.startswith("inst1"))
    features = read_features(
        write_scenario(tmp_path / "s", feature_costs=costs), {"preprocessing": STEPS["preprocessing"]}
    )
    np.testing.assert_allclose(features.seconds, [[NAN] * 3, [0.1, 0.1, NAN], [0.55, 0.55, NAN]])
    assert features.failures == {}


def test_what_cannot_be_read_is_quarantined(tmp_path):
    values = VALUES.replace("number_of_clauses NUMERIC", "number_of_clauses STRING")
    values = values.replace("inst2.cnf,2,303,105", "inst2.cnf,2,303,many").replace("inst3.cnf", "?")
    (batch,) = read_aslib(write_scenario(tmp_path / "s", feature_values=values))
    quarantine = batch.tables["quarantine"].to_pylist()
    assert [(json.loads(row["raw"]), row["reason"]) for row in quarantine[:1]] == [
        (["inst2.cnf", "number_of_clauses", ["105", "many"]], "the value is no number")
    ]
    assert [row["reason"] for row in quarantine[1:]] == ["the instance_id is missing"] * 3
    assert len(batch.tables["meta_features"]) == 5
    assert batch.seen == 18 + 9
    assert [row["name"] for row in batch.tables["datasets"].to_pylist()] == ["inst1.cnf", "inst2.cnf"]
