"""What another optimizer's trials were about."""

import pytest

from metalearn.core.records import Configuration
from metalearn.errors import InputError, UnknownNameError
from metalearn.sources.subjects import Subject


def subject(**options):
    return Subject(**{"task": "59", "metric": "accuracy", "algorithm": "svc"} | options)


def test_an_unknown_metric_names_the_nearest():
    for name in ("acuracy", "1-acuracy", "neg_acuracy"):
        with pytest.raises(UnknownNameError, match=r"'acuracy'; did you mean 'accuracy'\?"):
            subject(metric=name)


@pytest.mark.parametrize(
    ("options", "task", "dataset"),
    [
        ({"task": "59"}, "openml-task-59", "openml-task-59"),
        ({"task": "openml-dataset-61"}, "openml-dataset-61", "openml-61"),
        ({"task": " mine "}, "mine", "mine"),
        ({"task": "59", "dataset": "61"}, "openml-task-59", "openml-61"),
        ({"task": "mine", "dataset": "data-0a"}, "mine", "data-0a"),
    ],
)
def test_ids(options, task, dataset):
    given_ids = subject(**options)
    assert (given_ids.task_id, given_ids.dataset_id) == (task, dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": None}, "Give the algorithm"),
        ({"algorithm_column": "model"}, "not both"),
        ({"task": " "}, "not empty"),
        ({"dataset": ""}, "not empty"),
        ({"full": 0}, "positive amount of the resource; got 0"),
        ({"full": float("nan")}, "positive amount"),
        ({"task_type": "regression"}, "accuracy is no metric of regression"),
        ({"metric": "rmse", "task_type": "classification"}, "rmse is no metric of classification"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(InputError, match=message):
        subject(**options)


def test_the_task_type_follows_the_metric_unless_it_fits_both():
    assert subject(metric="neg_rmse").type == "regression"
    assert subject().type == "classification"
    assert subject(metric="peak_memory", task_type="regression").type == "regression"


@pytest.mark.parametrize(
    ("options", "hyperparameters", "expected"),
    [
        ({"algorithm": "RF"}, {"max_depth": 3.0}, ("random_forest", {"max_depth": 3})),
        ({"algorithm": None, "algorithm_column": "model"}, {"model": "kSVM", "C": 1}, ("svc", {"C": 1})),
        (
            {"algorithm": None, "algorithm_column": "m"},
            {"m": "kSVM", "kSVM:C": 1, "svc:p": 2},
            ("svc", {"C": 1, "p": 2}),
        ),
        ({"algorithm": "AB"}, {"algorithm": "SAMME"}, ("adaboost", {"algorithm": "SAMME"})),
        ({"ignore": ("epochs", "path")}, {"C": 1, "epochs": 9, "path": object()}, ("svc", {"C": 1})),
        ({"algorithm": "mine"}, {}, ("mine", {})),
    ],
)
def test_configurations(options, hyperparameters, expected):
    assert subject(**options).configuration(hyperparameters) == Configuration("sklearn", *expected)


@pytest.mark.parametrize(
    ("options", "hyperparameters", "reason"),
    [
        ({"algorithm": None, "algorithm_column": "model"}, {"C": 1}, "model, which names the algorithm, is missing"),
        ({"algorithm": None, "algorithm_column": "model"}, {"model": None}, "is missing"),
        ({}, {"C": 1, "svc:C": 2}, "two hyperparameters have one name"),
        ({}, {"C": float("nan")}, "cannot be nan"),
        ({}, {"C": {"a": 1}}, "cannot be of type dict"),
    ],
)
def test_what_is_no_configuration(options, hyperparameters, reason):
    assert reason in subject(**options).configuration(hyperparameters)


def test_a_space_of_ours_is_met():
    """A trial of our own space has the id that the space's own configuration has."""
    given_space = subject(algorithm=None, algorithm_column="algorithm", space="metalearn-classification-2")
    ours = Configuration("metalearn-classification-2", "svc", {"C": 0.5, "kernel": "rbf"})
    assert given_space.configuration({"algorithm": "svc", "svc:C": 0.5, "svc:kernel": "rbf"}).id == ours.id


def test_the_wrong_direction_says_what_to_name_instead():
    subject().check_direction("The study", minimized=False)
    with pytest.raises(InputError, match=r"The study is minimized, .* such as 1-accuracy or neg_accuracy"):
        subject().check_direction("The study", minimized=True)
    with pytest.raises(
        InputError, match="is maximized, which makes error_rate worse; name what it is, such as accuracy"
    ):
        subject(metric="error_rate").check_direction("The study", minimized=False)


def test_hyperparameters_that_nothing_has_name_the_nearest():
    named = subject(algorithm=None, algorithm_column="modle", ignore=("C",))
    with pytest.raises(InputError, match=r"no hyperparameter 'modle'; did you mean 'model'\? it has C, model"):
        named.check_names("The study", ["model", "C"])
    named.check_names("The study", [])
    with pytest.raises(InputError, match="no hyperparameter 'D'"):
        subject(ignore=("D",)).check_names("The study", ["C"])
