"""The design starts with the defaults, is distinct and nested, and gives every algorithm its turns."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.learners.defaults import default_configurations
from metalearn.learners.design import design
from metalearn.learners.space import search_space


def test_defaults_come_first() -> None:
    chosen = design("classification", 14, rng=np.random.default_rng(0))
    assert chosen == tuple((c, "default") for c in default_configurations("classification"))


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 99), n=st.integers(0, 80))
def test_shorter_designs_are_prefixes(seed: int, n: int) -> None:
    long = design("classification", 80, rng=np.random.default_rng(seed))
    assert design("classification", n, rng=np.random.default_rng(seed)) == long[:n]
    assert len({c.id for c, _ in long}) == 80


def test_a_round_gives_stronger_algorithms_more_turns() -> None:
    chosen = design("classification", 14 + 48, rng=np.random.default_rng(0))
    drawn = Counter(c.algorithm for c, origin in chosen if origin == "design")
    assert (drawn["svc"], drawn["random_forest"], drawn["k_nearest_neighbors"], drawn["perceptron"]) == (6, 5, 3, 1)


def test_configurations_are_valid() -> None:
    space = search_space("classification")
    for configuration, _ in design("classification", 60, rng=np.random.default_rng(1)):
        space.validate(configuration)
