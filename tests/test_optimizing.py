"""An optimization begins with what is recommended, stays within its limits, and ends with a fitted pipeline."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metalearn.core.execution import Outcome
from metalearn.core.records import Configuration, Constraints, Dataset, Trial
from metalearn.errors import InputError, UnknownNameError
from metalearn.learners import catalog
from metalearn.learners import evaluate as module
from metalearn.learners.defaults import default_configurations
from metalearn.learners.folds import Fit
from metalearn.learners.space import restricted, search_space, space_of
from metalearn.optimizing import N_TRIALS, Budget, Search, optimize
from metalearn.store import KnowledgeBase

Fits = list[tuple[Configuration, float, int | None]]
RANDOM, COLD = Search(optimizer="random"), Search(optimizer="random", warm_start=0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "recommenders"))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    """What would be fitted: the score of a configuration is told by its id, and that of extra_trees is the best."""
    noted: Fits = []

    def instead(function: object, configuration: Configuration, *task: Any, **limits: Any) -> Outcome:
        noted.append((configuration, limits["seconds"], limits["memory_bytes"]))
        score = 0.95 if configuration.algorithm == "extra_trees" else int(configuration.id[:4], 16) / 2**17
        return Outcome(Fit({"balanced_accuracy": score, "log_loss": score, "r2": score}, 0.1, 0.1))

    monkeypatch.setattr(module, "run_limited", instead)
    return noted


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=90), "noise": rng.normal(size=90)})
    y = pd.Series(np.where(X["x"] > 0.5, "ripe", "raw"), dtype="category", name="state")
    return Dataset(X, y, "fruit", ("numeric", "numeric"), "f" * 64)


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    """Three tasks on which one extra_trees and one svc, that takes long, did best."""
    best = [search_space("classification").default(name) for name in ("extra_trees", "svc", "lda")]
    rows = [
        {"task_id": f"t{i}", "algorithm": c.algorithm, "hyperparameters": dict(c.hyperparameters)}
        | {"metric": "balanced_accuracy", "value": 0.9 - j / 10, "cost_seconds": 50.0 if j == 1 else 0.1}
        for i in range(3)
        for j, c in enumerate(best)
    ]
    with KnowledgeBase.open(tmp_path / "small.duckdb", read_only=False) as opened:
        opened.add_evaluations(pd.DataFrame(rows), source="test", space=best[0].space)
    return tmp_path / "small.duckdb"


# From recommendations to a pipeline


def test_it_ends_with_the_best_pipeline_fitted_to_all_rows(dataset: Dataset) -> None:
    few = Search("random", 2, constraints=Constraints(algorithms=("decision_tree", "gaussian_nb")))
    found = optimize(dataset, few, Budget(trials=3))
    assert found.statuses == {"ok": 3}
    assert found.best is not None
    assert found.best.loss == min(trial.loss for trial in found.result.trials if trial.loss is not None)
    assert found.best.loss < 0.2
    assert (found.estimator.predict(dataset.X) == np.asarray(dataset.y)).mean() > 0.95  # type: ignore[union-attr]
    assert set(found.estimator.classes_) == {"ripe", "raw"}  # type: ignore[union-attr]
    assert {"describe", "load", "fit", "recommend", "prepare", "search", "refit"} <= set(found.seconds)
    assert pickle.loads(pickle.dumps(found.estimator)).predict(dataset.X).shape == (90,)


def test_what_is_recommended_comes_first_with_its_evidence(dataset: Dataset, fits: Fits) -> None:
    found = optimize(dataset, RANDOM, Budget(trials=8))
    assert found.warm_starts is not None
    recommended = [item.configuration for item in found.warm_starts]
    assert len(recommended) == 5
    assert [trial.configuration for trial in found.result.trials][:5] == recommended
    assert len({trial.configuration.id for trial in found.result.trials}) == 8
    assert set(recommended) & set(default_configurations("classification"))
    document = found.asdict()
    assert [item["id"] for item in document["warm_starts"]] == [c.id for c in recommended]
    assert all(item["evidence"] for item in document["warm_starts"])
    assert [item["loss"] for item in document["warm_starts"]] == [trial.loss for trial in found.result.trials[:5]]
    assert len(fits) == 8 * 9


def test_a_cold_start_asks_no_knowledge_base(dataset: Dataset, fits: Fits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnowledgeBase, "open", None)
    found = optimize(dataset, COLD, Budget(trials=3))
    assert found.warm_starts is None
    assert len(found.result.trials) == 3
    assert found.asdict()["warm_starts"] == []
    assert "describe" not in found.seconds


def test_the_metric_and_its_value(dataset: Dataset, fits: Fits) -> None:
    by_loss = optimize(dataset, Search("random", 0, metric="log_loss"), Budget(trials=3))
    default = optimize(dataset, COLD, Budget(trials=3))
    assert (default.metric.name, by_loss.metric.name) == ("balanced_accuracy", "log_loss")
    for found in (default, by_loss):
        best = found.asdict()["best"]
        score = int(best["id"][:4], 16) / 2**17 if best["algorithm"] != "extra_trees" else 0.95
        assert best[found.metric.name] == pytest.approx(score)
    regression = Dataset(dataset.X, dataset.X["x"], "numbers", dataset.kinds, "e" * 64)
    assert optimize(regression, COLD, Budget(trials=2)).metric.name == "r2"


def test_the_same_seed_gives_the_same_trials(dataset: Dataset, fits: Fits, kb: Path) -> None:
    def run(seed: int, **budget: Any) -> list[Trial]:
        found = optimize(dataset, Search("random", 2, seed=seed), Budget(trials=6, **budget), kb=kb)
        return [Trial(t.configuration, loss=t.loss, status=t.status) for t in found.result.trials]

    assert run(0) == run(0) != run(1)


def test_several_workers_are_threads_that_share_the_objective(dataset: Dataset, fits: Fits) -> None:
    found = optimize(dataset, COLD, Budget(trials=6, workers=2))
    assert len(found.result.trials) == 6
    assert len(fits) == 54  # in this process, which processes would not have noted


def test_a_journal_goes_on_where_it_ends(dataset: Dataset, fits: Fits, kb: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"kb": kb, "journal": tmp_path / "journal.jsonl"}
    optimize(dataset, RANDOM, Budget(trials=4), **options)
    n_before = len(fits)
    resumed = optimize(dataset, RANDOM, Budget(trials=7), **options)
    assert len(fits) - n_before == 3 * 9
    whole = optimize(dataset, RANDOM, Budget(trials=7), kb=kb)
    assert [t.configuration for t in resumed.result.trials] == [t.configuration for t in whole.result.trials]


def test_a_journal_keeps_its_queue_whatever_is_recommended_later(
    dataset: Dataset, fits: Fits, kb: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"kb": kb, "journal": tmp_path / "journal.jsonl"}
    search = Search(optimizer="random", warm_start=2)
    first = optimize(dataset, search, Budget(trials=1, seconds_each=900.0), **options)
    hurried = Budget(trials=2, seconds_each=9.0)
    resumed = optimize(dataset, search, hurried, **options)
    fresh = optimize(dataset, search, hurried, kb=kb)
    begun, recommended, shown = ([item.configuration for item in f.warm_starts or ()] for f in (first, fresh, resumed))
    assert recommended != begun == shown
    assert [t.configuration for t in resumed.result.trials] == begun
    assert resumed.warm_starts is not None
    assert resumed.warm_starts.title == "the journal: what it began with"
    known = set(begun) & set(recommended)
    assert {item.configuration for item in resumed.warm_starts if item.evidence} == known != set()


def test_a_journal_that_began_cold_has_no_warm_starts_and_one_that_did_not_keeps_them(
    dataset: Dataset, fits: Fits, kb: Path, tmp_path: Path
) -> None:
    warm = Search(optimizer="random", warm_start=2)
    optimize(dataset, COLD, Budget(trials=1), kb=kb, journal=tmp_path / "cold.jsonl")
    assert optimize(dataset, warm, Budget(trials=2), kb=kb, journal=tmp_path / "cold.jsonl").warm_starts is None
    begun = optimize(dataset, warm, Budget(trials=1), kb=kb, journal=tmp_path / "warm.jsonl").warm_starts
    resumed = optimize(dataset, COLD, Budget(trials=2), kb=kb, journal=tmp_path / "warm.jsonl").warm_starts
    assert begun is not None
    assert resumed is not None
    assert [item.configuration for item in resumed] == [item.configuration for item in begun]


# The space


def test_the_space_is_of_what_can_be_fitted(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = search_space("classification")
    monkeypatch.setattr(catalog, "find_spec", lambda name: None)
    space, notes = space_of(dataset)
    assert set(whole.algorithms) - set(space.algorithms) == {"torch_mlp"}
    assert notes == ("torch_mlp is left out: it needs pip install torch safetensors (the extra 'torch')",)
    with pytest.raises(InputError, match="torch_mlp cannot be optimized here: it needs pip install"):
        space_of(dataset, Constraints(algorithms=("torch_mlp",)))


def test_constraints_limit_the_space_and_the_recommendations(dataset: Dataset, fits: Fits, kb: Path) -> None:
    allowed = Constraints(algorithms=("lda", "extra_trees", "qda"), exclude=("extra_trees",))
    found = optimize(dataset, Search("random", constraints=allowed), Budget(trials=8), kb=kb)
    assert found.space.algorithms == ("lda", "qda")
    assert {configuration.algorithm for configuration, _, _ in fits} == {"lda", "qda"}
    with pytest.raises(InputError, match="No algorithm of the space"):
        space_of(dataset, Constraints(algorithms=("lda",), exclude=("lda",)))
    with pytest.raises(UnknownNameError, match="did you mean"):
        space_of(dataset, Constraints(space="metalearn-classification"))


def test_another_space_may_take_its_place(dataset: Dataset, fits: Fits) -> None:
    narrow = restricted(search_space("classification"), ["lda"])
    found = optimize(dataset, Search("random", constraints=Constraints(space=narrow)), Budget(trials=4))
    assert found.space is narrow
    assert {configuration.algorithm for configuration, _, _ in fits} == {"lda"}


# Limits


def test_a_trial_gets_a_tenth_of_the_seconds_or_what_is_said(dataset: Dataset, fits: Fits) -> None:
    for budget, most in ((Budget(2, 60), 6), (Budget(2, 60, 20), 20), (Budget(2), 360)):
        fits.clear()
        optimize(dataset, COLD, budget)
        seconds = [limit for _, limit, _ in fits]
        assert most - 1 < max(seconds) <= most


def test_what_is_predicted_to_take_too_long_is_not_recommended(dataset: Dataset, fits: Fits, kb: Path) -> None:
    def first(seconds_each: float) -> list[str]:
        found = optimize(dataset, Search("random", 3), Budget(1, seconds_each=seconds_each), kb=kb)
        return [item.configuration.algorithm for item in found.warm_starts or ()]

    assert "svc" in first(1000)
    assert "svc" not in first(100)  # nine fits of 50 seconds


def test_memory_is_beyond_what_a_process_needs_anyway(dataset: Dataset, fits: Fits) -> None:
    optimize(dataset, COLD, Budget(1, memory=2))
    optimize(dataset, COLD, Budget(1))
    limits = {limit for _, _, limit in fits}
    assert None in limits
    assert max(limit for limit in limits if limit) > 2 * 10**9


def test_without_limits_it_ends_all_the_same() -> None:
    assert (Budget().n_trials, Budget(seconds=60).n_trials, Budget(7, 60).n_trials) == (N_TRIALS, None, 7)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: Budget(seconds=0), InputError, "seconds is above 0, or None for no limit; got 0"),
        (lambda d: Search(warm_start=-1), InputError, "warm_start is a number of configurations, 0 or more; got -1"),
        (lambda d: optimize(d, Search("randon")), UnknownNameError, "did you mean 'random'"),
        (lambda d: optimize(d, Search("random", recommender="knnn")), UnknownNameError, "did you mean 'knn'"),
        (lambda d: optimize(d, Search("random", metric="r2")), InputError, "r2 does not measure classification"),
        (lambda d: optimize(d, COLD, Budget(workers=0)), InputError, "Workers are a number from 1 on"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(
    call: Callable[[Dataset], object], error: type[Exception], message: str, dataset: Dataset, fits: Fits
) -> None:
    with pytest.raises(error, match=message):
        call(dataset)
    assert fits == []


def test_where_nothing_ended_well_there_is_a_reason(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_limited", lambda *_, **__: Outcome(status="timeout", message="too late"))
    found = optimize(dataset, COLD, Budget(trials=3))
    assert (found.best, found.estimator, found.statuses) == (None, None, {"timeout": 3})
    assert found.notes[-1].startswith("no trial ended well")
    assert found.asdict()["best"] is None


def test_a_pipeline_that_cannot_be_refitted_costs_no_results(
    dataset: Dataset, fits: Fits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError("all of it")

    monkeypatch.setattr("metalearn.learners.build.make_estimator", broken)
    found = optimize(dataset, COLD, Budget(trials=2))
    assert found.best is not None
    assert found.estimator is None
    assert found.notes[-1] == "the best pipeline could not be fitted to all rows (MemoryError: all of it)"
