"""The cache: what is done is not done again, what has changed is, and a bench that was stopped goes on."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset
from metalearn.core.registry import create
from metalearn.core.resources import cache_folder
from metalearn.errors import MetalearnError
from metalearn.evaluation.answers import collect, jobs
from metalearn.evaluation.cache import AnswerCache, content_hash
from metalearn.evaluation.splits import folds
from tests.evaluation.methods import LEARNED, Shortest

PAST = planted_meta_dataset(8)


def work(methods=None, past=PAST, *, k=4, protocol="zero_shot", n_folds=4, seed=0):
    made = methods or {"short": Shortest(), "random": create("recommender", "random")}
    return jobs(made, past, folds(past, "family", n_folds, seed=seed), protocol=protocol, k=k, seed=seed)


def n_learned(some, cache):
    before = len(LEARNED)
    collect(some, cache=cache)
    return len(LEARNED) - before


def test_the_second_time_nothing_is_learned_and_the_answers_are_the_same(tmp_path):
    cache = AnswerCache.of(tmp_path, PAST)
    first = collect(work(), cache=cache)
    told = []
    second = collect(work(), cache=cache, on_progress=lambda done, total: told.append((done, total)))
    for name, chosen in first.items():
        np.testing.assert_array_equal(chosen, second[name])
    assert n_learned(work(), cache) == 0
    assert told[-1] == (8, 8)


@pytest.mark.parametrize(
    "change",
    [
        {"k": 3},
        {"protocol": "sequential"},
        {"n_folds": 5},
        {"seed": 1},
        {"methods": {"short": Shortest(length=3)}},
    ],
    ids=str,
)
def test_other_settings_are_other_answers(tmp_path, change):
    cache = AnswerCache.of(tmp_path, PAST)
    only = {"methods": {"short": Shortest()}}
    assert n_learned(work(**only), cache) == 4
    assert n_learned(work(**(only | change)), cache) == change.get("n_folds", 4)


def test_the_name_of_a_recommender_does_not_matter(tmp_path):
    cache = AnswerCache.of(tmp_path, PAST)
    collect(work({"one": Shortest()}), cache=cache)
    assert n_learned(work({"another": Shortest()}), cache) == 0


def changed(name):
    """The past tasks with one thing changed."""
    if name == "loss":
        return replace(PAST, loss=PAST.loss * np.where(np.arange(len(PAST)) == 3, 0.99, 1))
    if name == "family":
        return replace(PAST, tasks=(replace(PAST.tasks[0], family="x"), *PAST.tasks[1:]))
    if name == "meta-features":
        return replace(PAST, meta_features=PAST.meta_features + 1)
    return replace(PAST, extractor="other")


@pytest.mark.parametrize("name", ["loss", "family", "meta-features", "extractor"])
def test_other_contents_have_other_hashes(name):
    assert content_hash(PAST) == content_hash(planted_meta_dataset(8))
    assert content_hash(PAST) != content_hash(changed(name))


def test_what_was_learned_from_and_what_was_tested_on_are_told_apart(tmp_path):
    other = planted_meta_dataset(8, seed=1)
    one, two = AnswerCache.of(tmp_path, PAST, other), AnswerCache.of(tmp_path, other, PAST)
    assert one != two
    assert one == AnswerCache.of(tmp_path, PAST, other)


def test_a_bench_that_was_stopped_goes_on_where_it_was(tmp_path):
    cache = AnswerCache.of(tmp_path, PAST)

    class Interrupting(AnswerCache):
        def write(self, job, chosen):
            if len(list(self.folder.glob("*.parquet"))) == 2:
                raise KeyboardInterrupt
            super().write(job, chosen)

    stopped = Interrupting(cache.folder, cache.learned_from, cache.tested_on)
    only = {"short": Shortest()}
    with pytest.raises(KeyboardInterrupt):
        collect(work(only), cache=stopped)
    assert n_learned(work(only), cache) == 2
    assert sorted(path.suffix for path in cache.folder.iterdir()) == [".parquet"] * 4


def test_a_recommender_that_fails_leaves_what_was_done_before(tmp_path):
    cache = AnswerCache.of(tmp_path, PAST)
    last = work()[-1].test_tasks[-1]
    with pytest.raises(MetalearnError):
        collect(work({"good": Shortest(), "bad": Shortest(fails_on=PAST.tasks[last].id)}), cache=cache)
    assert n_learned(work({"good": Shortest()}), cache) == 0


def test_a_damaged_file_is_done_again(tmp_path):
    cache = AnswerCache.of(tmp_path, PAST)
    expected = collect(work(), cache=cache)
    for path in cache.folder.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    found = collect(work(), cache=cache)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("METALEARN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "metalearn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "metalearn"
