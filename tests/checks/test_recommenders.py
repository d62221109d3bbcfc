"""The checks find what is wrong; that the recommenders pass them is tested in tests/conformance."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from metalearn.checks import optimizers
from metalearn.checks import recommenders as checks
from metalearn.recommenders.average_rank import AverageRank


@dataclass(frozen=True)
class Altered:
    """The average rank, or, fitted, one whose answers are ``alter(recommend, task, k, **options)``."""

    stochastic: ClassVar[bool] = False
    alter: Callable[..., Any]
    fitted: Any = None

    def meta_fit(self, meta_dataset, *, rng):
        return Altered(self.alter, AverageRank().meta_fit(meta_dataset, rng=rng))

    def recommend(self, task, k, **options):
        return self.alter(self.fitted.recommend, task, k, **options)

    def save(self, folder):
        pass

    @classmethod
    def load(cls, folder):
        return cls(backwards)


@pytest.mark.parametrize("module", [checks, optimizers], ids=["recommenders", "optimizers"])
def test_a_check_that_fails_says_what_was_expected(module):
    tree = ast.parse(inspect.getsource(module))
    bare = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert) and node.msg is None]
    assert bare == []


def fewer(recommend, task, k, **options):
    return recommend(task, k, **options)[:-1]


def backwards(recommend, task, k, **options):
    return recommend(task, k, **options)[::-1]


def rotated(recommend, task, k, **options):
    CALLS.append(task)
    return tuple(np.roll(np.array(recommend(task, k, **options), dtype=object), len(CALLS)))


def forgetful(option):
    return lambda recommend, task, k, **options: recommend(
        task, k, **{name: value for name, value in options.items() if name != option}
    )


CALLS: list[Any] = []


@pytest.mark.parametrize(
    ("alter", "check"),
    [
        (forgetful(None), checks.check_satisfies_the_protocols),
        (rotated, checks.check_is_deterministic_per_seed),
        (fewer, checks.check_returns_k_distinct_configurations),
        (backwards, checks.check_zero_shot_list_is_prefix_consistent),
        (forgetful("history"), checks.check_never_repeats_the_history),
        (forgetful("candidates"), checks.check_keeps_to_the_candidates),
        (forgetful("constraints"), checks.check_keeps_to_the_constraints),
        (fewer, checks.check_takes_missing_and_failed_evaluations),
        (fewer, checks.check_takes_an_empty_meta_dataset),
    ],
)
def test_what_is_wrong_is_found(alter, check):
    with pytest.raises(AssertionError):
        check(Altered(alter))
