"""Cross-validation gives one result a fold, whatever happens inside."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from metalearn.core.records import Configuration, Dataset
from metalearn.errors import InputError
from metalearn.learners import evaluate as module
from metalearn.learners.build import make_estimator
from metalearn.learners.evaluate import evaluate
from metalearn.learners.rows import METRICS
from metalearn.learners.space import search_space
from metalearn.learners.splits import assign_folds
from metalearn.sources.files import load_dataset

TREE = Configuration("sklearn", "decision_tree", {"min_samples_split": 8})


def _by_hand(configuration: Configuration, dataset: Dataset, seed: int) -> Iterator[dict[str, float]]:
    """The same scores from scikit-learn alone, the classes by name."""
    y = dataset.y.astype(str).to_numpy()
    folds = assign_folds(y, 3, seed)
    for fold in range(3):
        train, test = folds != fold, folds == fold
        plain = make_estimator(configuration, seed=seed).fit(dataset.X[train], y[train])
        calibrated = make_estimator(configuration, probabilities=True, seed=seed).fit(dataset.X[train], y[train])
        predicted, probabilities = plain.predict(dataset.X[test]), calibrated.predict_proba(dataset.X[test])
        yield {
            "balanced_accuracy": balanced_accuracy_score(y[test], predicted),
            "accuracy": accuracy_score(y[test], predicted),
            "log_loss": log_loss(y[test], np.clip(probabilities, 1e-15, 1), labels=np.unique(y)),
        }


@pytest.mark.parametrize("configuration", [TREE, Configuration("sklearn", "svc", {"C": 4})], ids=str)
def test_scores_are_those_of_scikit_learn(configuration: Configuration, shared: Path) -> None:
    dataset = load_dataset(shared / "datasets" / "iris.arff", "class")
    results = evaluate(configuration, dataset, seed=5)
    for result, expected in zip(results, _by_hand(configuration, dataset, seed=5), strict=True):
        assert (result.status, result.train_rows) == ("ok", 100)
        assert result.scores == pytest.approx(expected, abs=1e-9)
        assert result.cost_seconds is not None
        assert result.cost_seconds > 0


def test_a_rare_class_is_always_trained_on(dataset: Dataset) -> None:
    results = evaluate(TREE, dataset)
    assert [r.status for r in results] == ["ok"] * 3
    assert sum(60 - r.train_rows for r in results) == 59  # the rare row is never tested


def test_the_same_seed_gives_the_same_scores(dataset: Dataset) -> None:
    forest = Configuration("sklearn", "random_forest", {"n_estimators": 5})
    first, second, other = (evaluate(forest, dataset, seed=seed) for seed in (1, 1, 2))
    assert [r.scores for r in first] == [r.scores for r in second]
    assert [r.scores for r in first] != [r.scores for r in other]


def test_a_hang_is_a_timeout(dataset: Dataset) -> None:
    slow = Configuration("sklearn", "gradient_boosting", {"n_estimators": 10**7, "learning_rate": 1e-9})
    results = evaluate(slow, dataset, seconds_per_fold=0.5)
    assert [(r.fold, r.status, r.cost_seconds) for r in results] == [(fold, "timeout", 0.5) for fold in range(3)]
    assert all(not r.scores and r.message == "stopped after 1.5 s" for r in results)


def test_too_much_memory_is_a_memout(dataset: Dataset) -> None:
    huge = Configuration("sklearn", "mlp", {"hidden_layer_sizes": [10**6, 10**6]})
    assert {r.status for r in evaluate(huge, dataset, memory_bytes=8 << 30)} == {"memout"}


def test_an_exception_is_a_crash_of_its_fold(dataset: Dataset) -> None:
    results = evaluate(Configuration("sklearn", "svc", {"C": -1}), dataset)
    assert {r.status for r in results} == {"crashed"}
    assert all(r.message.startswith("InvalidParameterError: ") for r in results)


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_dead_process_is_a_crash(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = module.run_limited
    monkeypatch.setattr(module, "run_limited", lambda _, *task, **limits: run(_die, *task, **limits))
    results = evaluate(TREE, dataset)
    assert [(r.fold, r.status, r.cost_seconds) for r in results] == [(fold, "crashed", None) for fold in range(3)]


def test_what_is_drawn_fits_or_says_why_not(dataset: Dataset) -> None:
    for configuration in search_space("classification").sample(8, np.random.default_rng(0)):
        for result in evaluate(configuration, dataset, seconds_per_fold=20):
            assert (result.status == "ok") == (set(result.scores) == set(METRICS))
            assert (result.status == "ok") != bool(result.message)


def test_refuses_regression_and_too_many_folds(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="mixed is a regression dataset"):
        evaluate(TREE, replace(dataset, y=pd.Series(np.arange(60.0))))
    for n_folds in (1, 61):
        with pytest.raises(InputError, match=f"mixed cannot be tested in {n_folds} folds"):
            evaluate(TREE, dataset, n_folds=n_folds)
