"""Every registered optimizer passes every check."""

import pytest

from metalearn.checks import optimizer_checks
from metalearn.core.registry import create, names

# Their models take long to fit: a longer initial design leaves a few proposals to them.
OPTIONS = {"dngo": {"n_initial": 13}, "hyperboost": {"n_initial": 13}}


@pytest.mark.parametrize("check", list(optimizer_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", names("optimizer"))
def test_an_optimizer_conforms(name, check):
    check(create("optimizer", name, **OPTIONS.get(name, {})))
