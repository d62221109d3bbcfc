"""What the server's answers become."""

import pytest

from metalearn.sources.openml_entities import _hyperparameters, _in_words, _task, chunks


@pytest.mark.parametrize(
    ("procedure", "words"),
    [
        ({"type": "crossvalidation", "repeats": "1", "folds": "10", "percentage": []}, "10-fold cross-validation"),
        ({"type": "crossvalidation", "repeats": "5", "folds": "2"}, "5 times 2-fold cross-validation"),
        ({"type": "holdout", "repeats": "1", "folds": "1", "percentage": "33"}, "33% holdout"),
        ({"type": "leaveoneout", "repeats": "1", "folds": []}, "leaveoneout"),
        ({}, ""),
    ],
)
def test_procedures_in_words(procedure, words):
    assert _in_words(procedure) == words


def test_the_components_of_a_pipeline_keep_their_hyperparameters_apart():
    def parameter(flow_id, flow_name, name, value):
        return {"flow_id": flow_id, "flow_name": flow_name, "parameter_name": name, "value": value}

    given = [
        parameter("1", "sklearn.pipeline.Pipeline(...)", "memory", "null"),
        parameter("2", "sklearn.impute.SimpleImputer", "copy", "true"),
        parameter("3", "sklearn.preprocessing.StandardScaler", "copy", "false"),
    ]
    assert _hyperparameters({"flow_id": "1", "parameter": given}) == {
        "memory": "null",
        "sklearn.impute.SimpleImputer__copy": "true",
        "sklearn.preprocessing.StandardScaler__copy": "false",
    }
    assert _hyperparameters({"flow_id": "1", "parameter": given[0]}) == {"memory": "null"}
    assert _hyperparameters({"flow_id": "1"}) == {}


def test_a_task_without_inputs_has_no_target():
    task = _task({"task_id": "3", "did": "5", "task_type_id": "1"}, {})
    assert (task.id, task.dataset_id, task.target, task.procedure) == (3, 5, "", "")


def test_ids_are_cut_to_what_a_url_holds():
    ids = list(range(10_000_000, 10_002_000))
    pieces = list(chunks(ids))
    assert [id_ for piece in pieces for id_ in piece] == ids
    assert all(len(piece) <= 1000 and len(",".join(map(str, piece))) < 6000 for piece in pieces)
    assert list(chunks([])) == []
