"""What the client's answers become."""

from types import SimpleNamespace

import pytest

from metalearn.sources.openml_client import _parameters, _procedure


@pytest.mark.parametrize(
    ("kind", "parameters", "words"),
    [
        (
            "crossvalidation",
            {"number_repeats": "1", "number_folds": "10", "percentage": ""},
            "10-fold cross-validation",
        ),
        ("crossvalidation", {"number_repeats": "5", "number_folds": "2"}, "5 times 2-fold cross-validation"),
        ("holdout", {"number_repeats": "1", "number_folds": "1", "percentage": "33"}, "33% holdout"),
        ("leaveoneout", {"number_repeats": "1", "number_folds": ""}, "leaveoneout"),
        ("", {}, ""),
    ],
)
def test_procedures_in_words(kind, parameters, words):
    assert _procedure(kind, parameters) == words


def test_the_components_of_a_pipeline_keep_their_hyperparameters_apart():
    def parameter(flow_id, flow_name, name, value):
        return SimpleNamespace(flow_id=flow_id, flow_name=flow_name, parameter_name=name, value=value)

    given = [
        parameter(1, "sklearn.pipeline.Pipeline(...)", "memory", "null"),
        parameter(2, "sklearn.impute.SimpleImputer", "copy", "true"),
        parameter(3, "sklearn.preprocessing.StandardScaler", "copy", "false"),
    ]
    setup = SimpleNamespace(flow_id=1, parameters=dict(enumerate(given)))
    assert _parameters(setup) == {
        "memory": "null",
        "sklearn.impute.SimpleImputer__copy": "true",
        "sklearn.preprocessing.StandardScaler__copy": "false",
    }
    assert _parameters(SimpleNamespace(flow_id=1, parameters=None)) == {}
