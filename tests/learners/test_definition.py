"""The file that ships is what the module defines, and its defaults are the libraries'."""

import numpy as np
import pytest

from metalearn.core.algorithms import algorithm_names
from metalearn.core.records import Configuration
from metalearn.core.resources import metadata_path
from metalearn.learners.build import make_estimator
from metalearn.learners.definition import SPACE_NAME, define_space


def test_the_file_is_what_the_module_defines() -> None:
    assert metadata_path("search_spaces", f"{SPACE_NAME}.json").read_text(encoding="utf-8") == define_space().to_json()


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_defaults_are_the_librarys(algorithm: str) -> None:
    ours = make_estimator(define_space().default(algorithm))[-1].get_params()
    bare = make_estimator(Configuration("sklearn", algorithm))[-1].get_params()
    differing = {name: value for name, value in ours.items() if bare[name] != value}
    assert set(differing) <= {"l2_regularization", "reg_lambda"}  # 1e-10, the logarithmic scale's 0
    assert all(value == 1e-10 and bare[name] == 0 for name, value in differing.items())


def test_gamma_is_active_only_as_a_value() -> None:
    sampled = define_space().sample(500, np.random.default_rng(0))
    machines = [c.hyperparameters for c in sampled if c.algorithm == "svc"]
    assert {h["gamma_kind"] for h in machines} == {"scale", "value"}
    assert all(("gamma" in h) == (h["gamma_kind"] == "value") for h in machines)
