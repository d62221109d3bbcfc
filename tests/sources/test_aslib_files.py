"""Descriptions of scenarios, in both dialects, and names in tables."""

import math

import pandas as pd
import pytest

from metalearn.core.metrics import METRICS, Metric
from metalearn.errors import InputError
from metalearn.sources.aslib_files import Description, MeasuredColumn, distinct, parse, read_description, read_table
from metalearn.sources.measures import Measure
from tests.sources.aslib_scenario import DESCRIPTION

# The head of CSP-MZN-2013's first description: a question mark there is no YAML.
OLD = """scenario_id: CSP-MZN-2013
performance_measures: solved,time
maximize: true,false
performance_type: solution_quality,runtime
algorithm_cutoff_time: 1800
algorithm_cutoff_memory: ?
algorithms_stochastic: ?
number_of_feature_steps: 2
feature_step static: c_avg_deg_cons, c_avg_dom_cons
feature_step dynamic: dy_sols,c_avg_dom_cons
default_steps: static,dynamic
"""


def described(folder, text):
    path = folder / "description.txt"
    path.write_text(text)
    return read_description(path)


def test_the_specifications_example(tmp_path):
    time = Metric("2013-SAT-Competition:PAR10", "minimize", 0.0, math.inf)
    clauses = Metric("2013-SAT-Competition:Number_of_satisfied_clauses", "maximize", -math.inf, math.inf)
    found = described(tmp_path, DESCRIPTION)
    assert found == Description(
        "2013-SAT-Competition",
        (
            MeasuredColumn("PAR10", Measure(time), True),
            MeasuredColumn("Number_of_satisfied_clauses", Measure(clauses), False),
        ),
        900.0,
        {
            "preprocessing": ["number_of_variables", "number_of_clauses"],
            "local_search_probing": ["first_local_min_steps"],
        },
    )
    assert found.task_type == "algorithm_selection"


def test_the_older_dialect(tmp_path):
    found = described(tmp_path, OLD)
    assert [(m.name, m.metric.direction, m.metric.low, m.runtime) for m in found.measured] == [
        ("solved", "maximize", -math.inf, False),
        ("time", "minimize", 0.0, True),
    ]
    assert found.cutoff_seconds == 1800
    assert found.steps == {"static": ["c_avg_deg_cons", "c_avg_dom_cons"], "dynamic": ["dy_sols", "c_avg_dom_cons"]}


def test_lists_with_anchors_quotes_and_comments():
    text = """# a comment: with a colon
algorithm_cutoff_memory: '?'
default_steps:
- ALL
feature_steps:
  "ALL":
    provides: &id001
    - MeanAttributeEntropy
    - J48.001.ErrRate
features_deterministic: *id001
performance_measures: [ 'a', "b" ]
features_stochastic: ''
"""
    features = ["MeanAttributeEntropy", "J48.001.ErrRate"]
    assert parse(text) == {
        "default_steps": ["ALL"],
        "feature_steps ALL provides": features,
        "features_deterministic": features,
        "performance_measures": ["a", "b"],
    }


def test_yaml_is_read_as_yaml():
    """Against PyYAML, where it is there."""
    document = pytest.importorskip("yaml").safe_load(DESCRIPTION)
    entries = parse(DESCRIPTION)
    for key, value in document.items():
        if isinstance(value, list):
            assert entries[key] == [str(v).lower() if isinstance(v, bool) else v for v in value]
    for step, parts in document["feature_steps"].items():
        assert entries[f"feature_steps {step} provides"] == parts["provides"]


@pytest.mark.parametrize(
    ("measure", "maximize", "metric", "of_a_quarter"),
    [
        ("balanced_accuracy", "false", "balanced_accuracy", 0.75),  # auto-sklearn's loss
        ("r2", "false", "r2", 0.75),
        ("predictive_accuracy", "true", "accuracy", 0.25),
        ("accuracy", "?", "accuracy", 0.25),
        ("error_rate", "false", "accuracy", 0.75),
        ("log_loss", "False", "log_loss", 0.25),
        ("log_loss", "true", "log_loss", -0.25),  # negated, as scikit-learn's scorer; a value below 0 is refused later
    ],
)
def test_known_measures_are_our_metrics(tmp_path, measure, maximize, metric, of_a_quarter):
    (found,) = described(tmp_path, f"performance_measures: {measure}\nmaximize: {maximize}\n").measured
    assert found.metric == METRICS[metric]
    assert found.measure.values(0.25) == of_a_quarter


def test_the_type_of_the_tasks(tmp_path):
    assert described(tmp_path, "performance_measures: r2\n").task_type == "regression"
    assert described(tmp_path, "performance_measures: time, f_measure\nmaximize: false, true\n").task_type == (
        "classification"
    )


def test_without_an_id_it_is_the_folders_name_and_without_a_cutoff_none(tmp_path):
    found = described(tmp_path, "performance_measures: r2\nalgorithm_cutoff_time: 0\n")
    assert found.id == tmp_path.name
    assert math.isnan(found.cutoff_seconds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scenario_id: x\n", "names no performance_measures"),
        ("scenario_id: x\nperformance_measures: obj\n", "x does not say whether obj is maximised"),
        ("scenario_id: x\nperformance_measures: obj\nmaximize: perhaps\n", "does not say whether obj is maximised"),
        ("scenario_id: x\nperformance_measures: error_rate\nmaximize: true\n", "error_rate is maximised, but it is an"),
    ],
)
def test_descriptions_that_cannot_be_used(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        described(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"description.txt cannot be read"):
        read_description(tmp_path / "description.txt")
    path = tmp_path / "algorithm_runs.arff"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(path)
    path.write_text("@RELATION r\n@ATTRIBUTE instance_id STRING\n@DATA\na\n")
    with pytest.raises(InputError, match="has no column 'runstatus'"):
        read_table(path, "instance_id", "runstatus")
    path.write_text("instance_id,runstatus\n")
    with pytest.raises(InputError, match="no line says @data"):
        read_table(path)


def test_names_from_any_column():
    assert distinct(pd.Series(["25_04", " a ", None, "25_04"]))[0] == ["25_04", "a", ""]
    names, index = distinct(pd.Series([125915.0, 3.0, float("nan"), 3.0]))
    assert (names, index.tolist()) == (["125915", "3", ""], [0, 1, 2, 1])
