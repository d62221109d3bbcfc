"""How unlike the past a task is: uniform for tasks like the past ones, 1 for others, unknown where nothing is known."""

import numpy as np
import pytest

from metalearn.recommenders.novelty import Novelty


def drawn(n, seed):
    return np.random.default_rng(seed).normal(size=(n, 4))


def test_for_tasks_like_the_past_ones_every_value_is_as_likely():
    novelty = Novelty.fit(drawn(200, 0), np.arange(200))
    found = np.array([novelty.of(task) for task in drawn(400, 1)])
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)
    assert np.quantile(found, [0.1, 0.9]) == pytest.approx([0.1, 0.9], abs=0.08)


def test_the_further_the_newer():
    novelty = Novelty.fit(drawn(60, 0), np.arange(60))
    found = [novelty.of(np.full(4, x)) for x in (0.0, 1.0, 2.0, 50.0)]
    assert found == sorted(found)
    assert found[-1] == 1.0


def test_siblings_do_not_count_as_near():
    tasks, families = np.repeat(drawn(30, 0), 6, axis=0), np.repeat(np.arange(30), 6)
    alone, together = Novelty.fit(tasks, np.arange(180)), Novelty.fit(tasks, families)
    assert np.median(alone.usual) == 0
    assert (together.usual > 0).all()


def test_what_is_unknown_is_passed_over():
    past = drawn(60, 0)
    past[::3, 1] = np.nan
    novelty = Novelty.fit(past, np.arange(60))
    assert 0 <= novelty.of(np.array([0.0, np.nan, 0.0, 0.0])) <= 1
    assert novelty.of(np.full(4, np.nan)) is None


def test_without_others_there_is_nothing_to_compare_with():
    assert Novelty.fit(np.zeros((0, 3)), np.zeros(0, dtype=int)).of(np.zeros(3)) is None
    assert Novelty.fit(drawn(1, 0), np.zeros(1, dtype=int)).of(np.zeros(4)) is None
    assert Novelty.fit(drawn(9, 0), np.zeros(9, dtype=int)).of(np.zeros(4)) is None
