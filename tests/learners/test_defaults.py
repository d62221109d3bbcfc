"""One default an algorithm, in a fixed order."""

import pytest

from metalearn.core.records import TaskType
from metalearn.learners.defaults import default_configurations
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.space import search_space


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_each_algorithm_has_one_default(task_type: TaskType) -> None:
    space, defaults = search_space(task_type), default_configurations(task_type)
    assert sorted(c.algorithm for c in defaults) == sorted(space.algorithms)
    assert all(c == space.default(c.algorithm) for c in defaults)
    for configuration in defaults:
        space.validate(configuration)


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_number_one_is_the_spaces_own_default(task_type: TaskType) -> None:
    assert default_configurations(task_type)[0] == search_space(task_type).default()


def test_the_strongest_come_first() -> None:
    order = {task_type: [c.algorithm for c in default_configurations(task_type)] for task_type in SPACE_NAMES}
    assert order["classification"][:3] == ["random_forest", "lightgbm", "svc"]
    assert order["regression"][:3] == ["random_forest", "lightgbm", "svr"]
    shared = set(order["classification"]) & set(order["regression"])
    first, second = ([name for name in names if name in shared] for names in order.values())
    assert first == second
