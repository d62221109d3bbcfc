"""Every registered recommender passes every check."""

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, recommender_checks
from metalearn.core.registry import create, names


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", names("recommender"))
def test_a_recommender_conforms(name, check):
    check(create("recommender", name))


@pytest.mark.parametrize("name", names("recommender"))
def test_a_recommender_is_stochastic_if_it_draws(name):
    recommender, rng = create("recommender", name), np.random.default_rng(0)
    before = rng.bit_generator.state
    recommender.meta_fit(planted_meta_dataset(24, missing=0.2), rng=rng)
    assert recommender.stochastic == (rng.bit_generator.state != before)


@pytest.mark.parametrize("name", names("recommender"))
def test_a_recommender_is_its_options(name):
    assert create("recommender", name) == create("recommender", name)
