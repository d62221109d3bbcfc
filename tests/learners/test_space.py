"""The space that ships is the one that is defined, and its defaults are the libraries'."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.algorithms import algorithm_names
from metalearn.core.records import Configuration
from metalearn.core.resources import metadata_path
from metalearn.errors import InputError
from metalearn.learners.build import make_estimator
from metalearn.learners.defaults import default_configurations
from metalearn.learners.definition import SPACE_NAME, define_space
from metalearn.learners.space import search_space


def test_the_file_is_what_the_module_defines() -> None:
    assert metadata_path("search_spaces", f"{SPACE_NAME}.json").read_text(encoding="utf-8") == define_space().to_json()


def test_it_covers_every_known_algorithm() -> None:
    space = search_space("classification")
    assert (space.name, set(space.algorithms)) == (SPACE_NAME, set(algorithm_names()))


def test_regression_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="only classification is covered"):
        search_space("regression")


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_defaults_are_the_librarys(algorithm: str) -> None:
    ours = make_estimator(search_space("classification").default(algorithm))[-1].get_params()
    bare = make_estimator(Configuration("sklearn", algorithm))[-1].get_params()
    differing = {name: value for name, value in ours.items() if bare[name] != value}
    assert set(differing) <= {"l2_regularization", "reg_lambda"}  # 1e-10, the logarithmic scale's 0
    assert all(value == 1e-10 and bare[name] == 0 for name, value in differing.items())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_samples_are_valid_and_survive_encoding(seed: int) -> None:
    space = search_space("classification")
    sampled = space.sample(20, np.random.default_rng(seed))
    for configuration in sampled:
        space.validate(configuration)
    assert space.decode(space.encode(sampled)) == sampled


def test_gamma_is_active_only_as_a_value() -> None:
    sampled = search_space("classification").sample(500, np.random.default_rng(0))
    machines = [c.hyperparameters for c in sampled if c.algorithm == "svc"]
    assert {h["gamma_kind"] for h in machines} == {"scale", "value"}
    assert all(("gamma" in h) == (h["gamma_kind"] == "value") for h in machines)


def test_each_algorithm_has_one_default_in_a_fixed_order() -> None:
    defaults = default_configurations("classification")
    assert sorted(c.algorithm for c in defaults) == list(algorithm_names())
    assert defaults[0].algorithm == "random_forest"
    assert all(c == search_space("classification").default(c.algorithm) for c in defaults)
