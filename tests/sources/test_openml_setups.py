"""Flows and setups as algorithms and configurations; those that a server gives are in ``test_openml``."""

import json

import pytest

from metalearn.errors import ConfigurationError
from metalearn.sources.openml_entities import OpenMLFlow
from metalearn.sources.openml_setups import decoded, vocabulary


@pytest.mark.parametrize(
    ("name", "class_name", "space", "algorithm"),
    [
        ("sklearn.svm.classes.SVC", "sklearn.svm.classes.SVC", "sklearn", "svc"),
        ("sklearn.svm.classes.SVC", "", "sklearn", "svc"),
        ("sklearn.unheard.of.Thing", "", "sklearn", "sklearn.unheard.of.Thing"),
        ("weka.J48", "", "weka.J48", "weka.J48"),
        ("my pipeline", "sklearn.svm.SVC", "sklearn", "svc"),
    ],
)
def test_the_vocabulary_of_a_flow(name, class_name, space, algorithm):
    assert vocabulary(OpenMLFlow(name, class_name, "1", "")) == (space, algorithm)


def test_the_parts_of_a_pipeline_are_no_hyperparameters():
    part = {"oml-python:serialized_object": "component_reference", "value": {"key": "imputer", "step_name": None}}
    texts = {"steps": json.dumps([part]), "C": "0.5", "verbose": "false", "kernel": '"component_reference"'}
    assert decoded(texts) == {"C": 0.5, "verbose": False, "kernel": "component_reference"}


def test_a_value_that_is_no_json_is_named():
    with pytest.raises(ConfigurationError, match="the value of C is no JSON, 'half'"):
        decoded({"kernel": '"rbf"', "C": "half"})
