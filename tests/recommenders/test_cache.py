"""Fitted recommenders are read where they were kept, and fitted where not."""

import json
import logging
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.registry import create, names
from metalearn.recommenders import cache
from metalearn.recommenders.auto import Auto
from metalearn.recommenders.cache import KEY, digest, fitted, key_of, read, user_cache, write
from metalearn.recommenders.portfolio import GreedyPortfolio
from metalearn.recommenders.random import RandomSearch


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def past():
    return replace(planted_meta_dataset(20, missing=0.1), snapshot_id="abc")


@pytest.fixture
def fits(monkeypatch):
    """Count the fits of the default recommender."""
    counted = []
    original = Auto.meta_fit

    def meta_fit(self, meta_dataset, *, rng):
        counted.append(meta_dataset.snapshot_id)
        return original(self, meta_dataset, rng=rng)

    monkeypatch.setattr(Auto, "meta_fit", meta_fit)
    return counted


@pytest.mark.parametrize("name", names("recommender"))
def test_what_was_kept_recommends_the_same_and_holds_no_past_tasks(name, past):
    method = create("recommender", name)
    first = fitted(method, past, seed=3)
    (entry,) = user_cache().iterdir()
    assert not (entry / "evaluations.parquet").exists()
    again = read(entry, past)
    assert type(again) is type(first)
    for cluster in (0, 1):
        assert again.recommend(planted_task(cluster), 10) == first.recommend(planted_task(cluster), 10)


def test_nothing_is_fitted_twice(past, fits):
    first, second = fitted(Auto(), past), fitted(Auto(), past)
    assert len(fits) == 1
    assert first.recommend(planted_task(1), 5) == second.recommend(planted_task(1), 5)


@pytest.mark.parametrize(
    "other",
    [{"snapshot_id": "abd"}, {"split": "test"}, {"extractor": "pmf"}],
    ids=lambda other: next(iter(other)),
)
def test_another_snapshot_split_or_extractor_is_fitted_anew(past, fits, other):
    fitted(Auto(), past)
    fitted(Auto(), replace(past, **other))
    fitted(Auto(), past, seed=1)
    assert len(fits) == 3


def test_options_metric_and_version_are_part_of_the_key(past, monkeypatch):
    from metalearn.core.metrics import METRICS

    keys = [
        key_of(create("recommender", "knn"), past, seed=0),
        key_of(create("recommender", "knn", n_neighbors=3), past, seed=0),
        key_of(create("recommender", "knn"), replace(past, metric=METRICS["accuracy"]), seed=0),
        key_of(create("recommender", "portfolio"), past, seed=0),
    ]
    monkeypatch.setattr(cache, "version", lambda _: "0.0.0")
    keys.append(key_of(create("recommender", "knn"), past, seed=0))
    assert len({digest(key) for key in keys}) == len(keys)


def test_a_knowledge_base_in_a_file_is_not_cached(past, fits):
    for _ in range(2):
        fitted(Auto(), replace(past, snapshot_id=""))
    assert len(fits) == 2
    assert not user_cache().exists()


@pytest.mark.parametrize("name", [KEY, "forest_nodes.parquet", "forest_trees.parquet"])
def test_a_damaged_entry_is_made_again_with_a_warning(past, fits, caplog, name):
    expected = fitted(Auto(), past).recommend(planted_task(0), 5)
    (entry,) = user_cache().iterdir()
    whole = (entry / name).read_bytes()
    (entry / name).write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        assert fitted(Auto(), past).recommend(planted_task(0), 5) == expected
    assert "made again" in caplog.text
    assert (entry / name).read_bytes() == whole
    assert len(fits) == 2


def test_an_entry_of_something_else_is_not_loaded(past):
    entry = user_cache() / "x"
    write(GreedyPortfolio().meta_fit(past, rng=np.random.default_rng(0)), {}, entry)
    (entry / KEY).write_text(json.dumps({"fitted": "pathlib:Path"}))
    with pytest.raises(TypeError, match="no recommender"):
        read(entry, past)


def test_a_crash_leaves_nothing_half(past, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of power")

    good = RandomSearch().meta_fit(past, rng=np.random.default_rng(0))
    entry = user_cache() / "entry"
    write(good, {}, entry)
    monkeypatch.setattr(type(good), "save_learned", broken)
    with pytest.raises(RuntimeError):
        write(good, {}, entry)
    assert [path.name for path in user_cache().iterdir()] == ["entry"]
    monkeypatch.undo()
    assert read(entry, past).recommend(planted_task(0), 3) == good.recommend(planted_task(0), 3)


def test_a_cache_that_cannot_be_written_is_passed_over(past, tmp_path, monkeypatch, fits):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert fitted(Auto(), past).recommend(planted_task(0), 1)
    assert len(fits) == 2


def test_what_is_no_specification_of_options_is_not_cached(past):
    class Odd:
        stochastic: ClassVar[bool] = False

        def meta_fit(self, meta_dataset, *, rng):
            return GreedyPortfolio().meta_fit(meta_dataset, rng=rng)

    assert fitted(Odd(), past).recommend(planted_task(0), 1)
    assert not user_cache().exists()


def test_what_is_no_ordering_is_fitted_each_time(past):
    class Plain:
        def recommend(self, task, k, **_):
            return ()

    @dataclass(frozen=True)
    class Foreign:
        stochastic: ClassVar[bool] = False

        def meta_fit(self, meta_dataset, *, rng):
            return Plain()

    assert isinstance(fitted(Foreign(), past), Plain)
    assert not user_cache().exists()


def test_what_others_wrote_is_fitted_each_time_since_the_key_does_not_tell_their_code(past):
    @dataclass(frozen=True)
    class Mine(GreedyPortfolio):
        pass

    assert fitted(Mine(), past).recommend(planted_task(0), 1)
    assert not user_cache().exists()


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    assert user_cache() == tmp_path / "cache" / "recommenders"
    monkeypatch.delenv("METALEARN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_cache() == tmp_path / "xdg" / "metalearn" / "recommenders"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_cache().parts[-3:] == (".cache", "metalearn", "recommenders")
