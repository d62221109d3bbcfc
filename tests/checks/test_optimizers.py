"""The checks find what is wrong; that the optimizers pass them is tested in tests/conformance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from metalearn.checks import optimizers as checks
from metalearn.optimizers.random_search import RandomSearch

CALLS: list[int] = []


@dataclass(frozen=True)
class Drawing:
    """Random search with a generator that ``source`` makes of the state and the one that is given."""

    takes_queue: ClassVar[bool] = False
    source: Callable[..., np.random.Generator]

    def begin(self, space):
        return self

    def propose(self, state, rng):
        return RandomSearch().propose(state, self.source(state, rng))


def given(state, rng):
    return rng


def of_numpy(state, rng):
    return np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002  what is wrong


def of_the_call(state, rng):
    CALLS.append(len(state.told))
    return np.random.default_rng(len(CALLS))


CHECKS = [
    (of_numpy, checks.check_is_deterministic_per_seed),
    (of_the_call, checks.check_is_deterministic_per_seed),
    (of_the_call, checks.check_a_batch_is_the_same_asks),
    (of_the_call, checks.check_goes_on_where_it_stopped),
    (of_the_call, checks.check_leaves_its_inputs_unchanged),
]


@pytest.mark.parametrize(("source", "check"), CHECKS)
def test_what_is_wrong_is_found(source, check):
    check(Drawing(given))
    with pytest.raises(AssertionError):
        check(Drawing(source))
