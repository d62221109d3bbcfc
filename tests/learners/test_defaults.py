"""One default an algorithm, in a fixed order."""

from metalearn.core.algorithms import algorithm_names
from metalearn.learners.defaults import default_configurations
from metalearn.learners.space import search_space


def test_each_algorithm_has_one_default_in_a_fixed_order() -> None:
    defaults = default_configurations("classification")
    assert sorted(c.algorithm for c in defaults) == list(algorithm_names())
    assert defaults[0].algorithm == "random_forest"
    assert all(c == search_space("classification").default(c.algorithm) for c in defaults)
