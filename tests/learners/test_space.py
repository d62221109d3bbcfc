"""The spaces that ship cover what is known, and their configurations are valid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.records import TaskType
from metalearn.learners.catalog import LEARNERS
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.space import search_space

# Known from published runs only: an older form, or a weaker one, of another in the space.
PUBLISHED_ONLY = {"gradient_boosting", "mlp", "perceptron"}


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_it_covers_every_algorithm_of_the_task_type(task_type: TaskType) -> None:
    space = search_space(task_type)
    known = {name for name, learner in LEARNERS.items() if learner.model(task_type)}
    assert (space.name, set(space.algorithms)) == (SPACE_NAMES[task_type], known - PUBLISHED_ONLY)
    assert search_space(task_type) is space


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), task_type=st.sampled_from(list(SPACE_NAMES)))
def test_samples_are_valid_and_survive_encoding(seed: int, task_type: TaskType) -> None:
    space = search_space(task_type)
    sampled = space.sample(10, np.random.default_rng(seed))
    for configuration in sampled:
        space.validate(configuration)
    assert space.decode(space.encode(sampled)) == sampled
