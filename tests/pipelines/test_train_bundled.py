"""The default recommender ships fitted, and is fitted anew where what ships is of another snapshot."""

import json
import shutil

import numpy as np
import pytest

from metalearn.core.resources import metadata_path
from metalearn.recommenders.auto import Auto
from metalearn.recommenders.cache import KEY, digest, fitted, key_of, read
from metalearn.store import KnowledgeBase
from pipelines.train_bundled import main

TASK_TYPES = ("classification", "regression")


@pytest.fixture(scope="module")
def past():
    with KnowledgeBase.open() as kb:
        return {task_type: kb.meta_dataset(task_type=task_type) for task_type in TASK_TYPES}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("recommenders")
    (out / "old").mkdir()
    (out / "old" / KEY).write_text("{}")
    main(["--out", str(out)])
    return out


@pytest.fixture
def shipped(trained, monkeypatch, tmp_path):
    """What was trained stands where it ships; the user's cache is empty."""
    monkeypatch.setattr("metalearn.recommenders.cache.metadata_path", lambda *_: trained)
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "cache"))


def test_there_is_an_entry_for_each_task_type_and_no_older_one(trained, past):
    keys = {digest(key_of(Auto(), past[task_type], seed=0)) for task_type in TASK_TYPES}
    assert {entry.name for entry in trained.iterdir()} == keys
    assert sum(path.stat().st_size for path in trained.rglob("*") if path.is_file()) < 1_000_000
    assert {json.loads((trained / name / KEY).read_text())["task_type"] for name in keys} == set(TASK_TYPES)


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_what_ships_is_read_and_recommends_as_a_fresh_fit_does(shipped, past, task_type, monkeypatch):
    fresh = Auto().meta_fit(past[task_type], rng=np.random.default_rng(0))
    monkeypatch.setattr(Auto, "meta_fit", None)
    found = fitted(Auto(), past[task_type], seed=0)
    for task in past[task_type].tasks[::10]:
        assert found.recommend(task, 10) == fresh.recommend(task, 10)


def test_the_entries_in_metadata_are_what_the_pipeline_makes_now(trained, past):
    """Of this snapshot; those of another are not read, so they cannot be wrong."""
    for task_type in TASK_TYPES:
        entry = metadata_path("recommenders") / digest(key_of(Auto(), past[task_type], seed=0))
        if not entry.exists():
            pytest.skip("what ships is of another snapshot; run python -m pipelines.train_bundled")
        task = past[task_type].tasks[0]
        again = read(trained / entry.name, past[task_type]).recommend(task, 20)
        assert read(entry, past[task_type]).recommend(task, 20) == again


def test_another_snapshot_is_fitted_anew_and_then_cached(shipped, past, tmp_path, monkeypatch):
    import metalearn

    copy = tmp_path / "snapshot"
    shutil.copytree(metadata_path("knowledge_base"), copy)
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace(past["classification"].snapshot_id, "0123456789abcdef"))
    task = past["classification"].tasks[0]
    fits = []
    original = Auto.meta_fit

    def meta_fit(self, meta_dataset, *, rng):
        fits.append(meta_dataset.snapshot_id)
        return original(self, meta_dataset, rng=rng)

    monkeypatch.setattr(Auto, "meta_fit", meta_fit)
    asked = {"k": 3, "include_default": False}
    answers = [metalearn.recommend(task, kb=kb, **asked) for kb in (None, copy, copy)]
    assert fits == ["0123456789abcdef"]
    assert len({tuple(item.configuration.id for item in answer) for answer in answers}) == 1
