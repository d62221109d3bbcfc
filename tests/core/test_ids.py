"""Ids of tasks and datasets: numbers of OpenML's, and the way from a dataset to its task and back."""

import pytest

from metalearn.core import ids


@pytest.mark.parametrize(
    ("cell", "number"),
    [("00011", 11), (11, 11), (11.0, 11), (" 7. ", 7), ("7.5", None), ("-1", None), (None, None), ("", None)],
)
def test_whole_numbers(cell, number):
    assert ids.whole_number(cell) == number


@pytest.mark.parametrize(("cell", "id_"), [(59, "openml-task-59"), ("59.0", "openml-task-59"), (" mine ", "mine")])
def test_a_number_is_openmls_and_other_text_an_id(cell, id_):
    assert ids.named_id(cell, "openml-task") == id_


@pytest.mark.parametrize(("dataset", "task"), [("openml-61", "openml-dataset-61"), ("iris", "iris")])
def test_a_dataset_makes_a_task_and_the_task_tells_the_dataset(dataset, task):
    assert ids.task_of_dataset(dataset) == task
    assert ids.dataset_of_task(task) == dataset


@pytest.mark.parametrize("id_", ["openml-task-59", "my-openml-61", "openml-61-b", "openml-", "data-0f"])
def test_what_only_looks_like_one_of_openmls_datasets_is_left_alone(id_):
    assert ids.task_of_dataset(id_) == ids.dataset_of_task(id_) == id_
    assert ids.dataset_of_task(f"my-openml-dataset-{id_}") == f"my-openml-dataset-{id_}"
