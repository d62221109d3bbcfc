"""The search spaces that metalearn recommends from, as they ship."""

from functools import cache

from metalearn.core.records import TaskType
from metalearn.core.resources import metadata_path
from metalearn.core.spaces import SearchSpace
from metalearn.learners.definition import SPACE_NAMES


@cache
def search_space(task_type: TaskType) -> SearchSpace:
    """Return the current search space for tasks of this type.

    >>> space = search_space("classification")
    >>> space.name, len(space.algorithms)
    ('metalearn-classification-2', 16)
    """
    name = SPACE_NAMES[task_type]
    return SearchSpace.from_json(metadata_path("search_spaces", f"{name}.json").read_text(encoding="utf-8"))
