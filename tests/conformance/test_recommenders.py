"""Every registered recommender passes every check."""

import pytest

from metalearn.checks import recommender_checks
from metalearn.core.registry import create, names


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", names("recommender"))
def test_a_recommender_conforms(name, check):
    check(create("recommender", name))
