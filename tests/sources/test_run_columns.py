"""Which columns of a long table hold what."""

from pathlib import Path

import pandas as pd
import pytest

from metalearn.errors import InputError
from metalearn.sources.run_columns import Columns, find_columns, metric_named

PATH = Path("runs.csv")


def found(columns, metric="accuracy", task="task_id", **options):
    return find_columns(pd.DataFrame([[1] * len(columns)], columns=columns), PATH, metric, task=task, **options)


def test_what_is_nothing_else_is_a_hyperparameter():
    columns = ["task_id", "did", "run_id", "algorithm", "C", "kernel", "fold", "status", "log_loss", "accuracy", "note"]
    assert found(columns, ignore=("note",)) == Columns(
        "task_id", "accuracy", "algorithm", "did", "run_id", ("C", "kernel")
    )
    given = found(columns, algorithm_given=True, ignore=("note",))
    assert (given.algorithm, given.hyperparameters) == (None, ("algorithm", "C", "kernel"))


@pytest.mark.parametrize(
    ("columns", "metric", "value"),
    [
        (["value", "y", "accuracy", "predictive_accuracy"], "accuracy", "accuracy"),
        (["value", "predictive_accuracy"], "accuracy", "predictive_accuracy"),
        (["accuracy", "predictive_accuracy"], "predictive_accuracy", "predictive_accuracy"),
        (["y", "value"], "accuracy", "value"),
        (["C", "y"], "accuracy", "y"),
        # A metric's own column does not hold 1 - the metric.
        (["accuracy", "y"], "error_rate", "y"),
        (["accuracy", "y"], "1-accuracy", "y"),
        (["neg_rmse", "rmse"], "neg_rmse", "neg_rmse"),
    ],
)
def test_the_column_of_values(columns, metric, value):
    assert found(["task_id", *columns], metric, algorithm_given=True).value == value


def test_a_column_of_json_holds_all_hyperparameters():
    columns = found(["task_id", "hyperparameters", "C", "accuracy"], algorithm_given=True)
    assert columns.hyperparameters == ("hyperparameters",)


@pytest.mark.parametrize(
    ("columns", "task", "prefix", "dataset"),
    [
        (["task_id", "did", "dataset_id"], "task_id", "openml-task", "dataset_id"),
        (["did"], "did", "openml-dataset", None),
        (["dataset_id", "did"], "dataset_id", "openml-dataset", "did"),
    ],
)
def test_a_task_column_may_be_one_of_datasets(columns, task, prefix, dataset):
    columns = found([*columns, "accuracy"], task=task, algorithm_given=True)
    assert (columns.task_prefix, columns.dataset) == (prefix, dataset)
    assert columns.hyperparameters == ()


def test_lacking_columns_are_named():
    with pytest.raises(InputError, match=r"runs\.csv has no column 'task'; did you mean 'task_id'"):
        found(["task_id", "accuracy"], task="task")
    with pytest.raises(InputError, match="no column 'algorithm'; say which algorithm's hyperparameters"):
        found(["task_id", "accuracy"])
    with pytest.raises(InputError, match="no column 'roc_auc'"):
        found(["task_id", "C"], "roc_auc", algorithm_given=True)


def test_names_of_metrics():
    names = ("balanced_error", "predictive_accuracy", "C", "1-accuracy", "")
    assert [metric_named(name) for name in names] == ["balanced_accuracy", "accuracy", "", "", ""]
