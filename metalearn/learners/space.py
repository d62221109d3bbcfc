"""The search space that metalearn recommends from, as it ships."""

from functools import cache

from metalearn.core.records import TaskType
from metalearn.core.resources import metadata_path
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.learners.definition import SPACE_NAME


def search_space(task_type: TaskType) -> SearchSpace:
    """Return the current search space for tasks of this type.

    Raises:
        InputError: for regression, which no space covers yet.

    >>> space = search_space("classification")
    >>> space.name, len(space.algorithms)
    ('metalearn-classification-1', 14)
    """
    if task_type != "classification":
        raise InputError(
            f"There is no search space for {task_type} yet, only for classification; for numeric class labels say that"
            " the task type is classification, or give a knowledge base of such runs."
        )
    return _read(SPACE_NAME)


@cache
def _read(name: str) -> SearchSpace:
    return SearchSpace.from_json(metadata_path("search_spaces", f"{name}.json").read_text(encoding="utf-8"))
