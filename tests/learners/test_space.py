"""The space that ships is the one that is defined, and its defaults are the libraries'."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.algorithms import algorithm_names
from metalearn.errors import InputError
from metalearn.learners.definition import SPACE_NAME
from metalearn.learners.space import search_space


def test_it_covers_every_known_algorithm() -> None:
    space = search_space("classification")
    assert (space.name, set(space.algorithms)) == (SPACE_NAME, set(algorithm_names()))


def test_regression_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="only for classification"):
        search_space("regression")


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_samples_are_valid_and_survive_encoding(seed: int) -> None:
    space = search_space("classification")
    sampled = space.sample(20, np.random.default_rng(seed))
    for configuration in sampled:
        space.validate(configuration)
    assert space.decode(space.encode(sampled)) == sampled
