"""Ids of tasks and datasets: what OpenML numbers, and what a source that is keyed by dataset calls its tasks."""

import re


def whole_number(cell: object) -> int | None:
    """Return the whole number that a cell holds, such as an OpenML id; None where it is none.

    >>> whole_number("00011"), whole_number("11.0"), whole_number("iris")
    (11, 11, None)
    """
    matched = re.fullmatch(r"(\d+)(\.0*)?", str(cell).strip())
    return int(matched[1]) if matched else None


def named_id(cell: object, prefix: str) -> str:
    """Return the id of an OpenML number; what is no number is an id already.

    >>> named_id(61.0, "openml"), named_id(" iris ", "openml")
    ('openml-61', 'iris')
    """
    number = whole_number(cell)
    return str(cell).strip() if number is None else f"{prefix}-{number}"


def task_of_dataset(dataset_id: str) -> str:
    """Return the task that a dataset makes where no other is named; one that OpenML does not number has its id.

    >>> task_of_dataset("openml-61"), task_of_dataset("iris"), task_of_dataset("openml-task-59")
    ('openml-dataset-61', 'iris', 'openml-task-59')
    """
    return re.sub(r"^openml-(?=\d+$)", "openml-dataset-", dataset_id)


def dataset_of_task(task_id: str) -> str:
    """Return the dataset of a task that ``task_of_dataset`` made; that of another is not known, and gets its id.

    >>> dataset_of_task("openml-dataset-61"), dataset_of_task("openml-task-59")
    ('openml-61', 'openml-task-59')
    """
    return re.sub(r"^openml-dataset-(?=\d+$)", "openml-", task_id)
