"""An evaluation gives one result a fit, whatever happens inside, and never trains on the test part."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes

from metalearn.core.execution import Outcome, run_limited
from metalearn.core.records import Configuration, Dataset, TaskType
from metalearn.errors import ConfigurationError, InputError
from metalearn.learners import evaluate as module
from metalearn.learners.build import make_estimator
from metalearn.learners.evaluate import FIDELITIES, FoldResult, evaluate
from metalearn.learners.folds import fit_and_score
from metalearn.learners.rows import COSTS, SCORES
from metalearn.learners.space import search_space
from metalearn.learners.splits import N_FOLDS, TEST, TRAINING_ONLY, outer_splits, strata
from metalearn.sources.files import load_dataset

TREE = Configuration("sklearn", "decision_tree", {"min_samples_split": 8})
FOREST = Configuration("sklearn", "random_forest", {"n_estimators": 18})
Function = Callable[..., Any]


@dataclass
class Spy:
    """Stands before ``run_limited``: notes the ids of the rows of every fit, then runs it in a child as ever."""

    train: list[set[int]] = field(default_factory=list)
    test: list[set[int]] = field(default_factory=list)
    instead: Function | None = None

    def __call__(self, function: Function, *task: Any, **limits: Any) -> Outcome:
        (X, y), (X_test, y_test) = task[1:3]
        assert len(X) == len(y)
        assert len(X_test) == len(y_test)
        assert list(X.index) == list(range(len(X)))
        self.train.append(set(X["id"]))
        self.test.append(set(X_test["id"]))
        return run_limited(self.instead or function, *task, **limits)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """The rows that every fit saw, for datasets whose column ``id`` numbers the rows."""
    seen = Spy()
    monkeypatch.setattr(module, "run_limited", seen)
    return seen


def _numbered(n_rows: int = 90, task_type: TaskType = "classification") -> Dataset:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": np.arange(n_rows), "x": rng.normal(size=n_rows)})
    noisy = X["x"] + rng.normal(size=n_rows)
    y = noisy if task_type == "regression" else pd.Series(np.where(noisy > 0.5, "yes", "no"), dtype="category")
    return Dataset(X, y, "numbered", ("numeric", "numeric"), "f" * 64)


def _kinds(results: tuple[FoldResult, ...]) -> list[tuple[str, int, int, float]]:
    return [(r.split, r.seed, r.fold, r.fidelity) for r in results]


def _expected_kinds(seeds: tuple[int, ...]) -> list[tuple[str, int, int, float]]:
    low = [("validation", seeds[0], 0, fidelity) for fidelity in FIDELITIES]
    full = [
        ("validation", seed, fold, 1.0) if fold < 3 else ("test", seed, 0, 1.0) for seed in seeds for fold in range(4)
    ]
    return [*low, *full]


def _full(results: tuple[FoldResult, ...]) -> list[FoldResult]:
    return [r for r in results if r.fidelity == 1]


# What is measured


@pytest.mark.parametrize("configuration", [TREE, Configuration("sklearn", "svc", {"C": 4})], ids=str)
def test_class_scores_are_those_of_scikit_learn(configuration: Configuration, shared: Path) -> None:
    dataset = load_dataset(shared / "datasets" / "iris.arff", "class")
    y = dataset.y.astype(str).to_numpy()  # by hand, the classes have their names
    splits = outer_splits(dataset, seed=5)
    results = evaluate(configuration, dataset, splits, fidelities=())
    for result in results:
        part = TEST if result.split == "test" else result.fold
        parts = splits[result.seed]
        train, test = (parts != part) & (parts != TEST), parts == part
        options = {"n_classes": 3, "seed": result.seed}
        predicted = make_estimator(configuration, **options).fit(dataset.X[train], y[train]).predict(dataset.X[test])
        soft = make_estimator(configuration, probabilities=True, **options).fit(dataset.X[train], y[train])
        p = soft.predict_proba(dataset.X[test])
        expected = {
            "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(y[test], predicted),
            "accuracy": sklearn.metrics.accuracy_score(y[test], predicted),
            "log_loss": sklearn.metrics.log_loss(y[test], np.clip(p, 1e-15, 1)),
            "roc_auc": sklearn.metrics.roc_auc_score(y[test], p, multi_class="ovr"),
        }
        assert (result.status, result.resource_value) == ("ok", train.sum())
        assert {name: result.scores[name] for name in SCORES["classification"]} == pytest.approx(expected, abs=1e-9)
    assert [r.seed for r in results] == [5] * 4 + [6] * 4 + [7] * 4


def test_number_scores_are_those_of_scikit_learn() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    dataset = Dataset(X, y.astype("float64"), "diabetes", ("numeric",) * X.shape[1], "f" * 64)
    configuration = Configuration("metalearn-regression-1", "ridge", {"alpha": 0.5})
    splits = {0: outer_splits(dataset)[0]}
    for result in evaluate(configuration, dataset, splits, fidelities=()):
        part = TEST if result.split == "test" else result.fold
        train, test = (splits[0] != part) & (splits[0] != TEST), splits[0] == part
        model = make_estimator(configuration, task_type="regression").fit(X[train], y[train])
        predicted = model.predict(X[test])
        expected = {
            "r2": sklearn.metrics.r2_score(y[test], predicted),
            "rmse": sklearn.metrics.root_mean_squared_error(y[test], predicted),
            "mae": sklearn.metrics.mean_absolute_error(y[test], predicted),
        }
        assert {name: result.scores[name] for name in SCORES["regression"]} == pytest.approx(expected)


def test_what_it_takes_is_measured_too(dataset: Dataset) -> None:
    for result in evaluate(TREE, dataset, outer_splits(dataset)):
        assert result.cost_seconds is not None
        assert result.cost_seconds > 0
        assert result.scores["predict_seconds"] > 0
        assert 0 <= result.scores["peak_memory"] < 1000  # megabytes
        assert set(result.scores) == {*SCORES["classification"], *COSTS}


def test_the_same_seed_gives_the_same_scores(dataset: Dataset) -> None:
    def scores(seed: int) -> list[list[float]]:
        splits = {seed: outer_splits(dataset)[seed]}
        return [[r.scores[m] for m in SCORES["classification"]] for r in evaluate(FOREST, dataset, splits)]

    first, second, other = scores(1), scores(1), scores(2)
    np.testing.assert_array_equal(first, second)
    assert first != other


# What is trained on


@pytest.mark.parametrize("task_type", ["classification", "regression"])
def test_the_fits_are_those_of_the_plan(task_type: TaskType, spy: Spy) -> None:
    dataset = _numbered(task_type=task_type)
    splits = outer_splits(dataset)
    results = evaluate(TREE, dataset, splits)
    assert _kinds(results) == _expected_kinds((0, 1, 2))
    assert {r.status for r in results} == {"ok"}
    for result, train, test in zip(results, spy.train, spy.test, strict=True):
        parts = splits[result.seed]
        assert test == set(np.flatnonzero(parts == (TEST if result.split == "test" else result.fold)))
        assert result.resource_value == len(train)
        if result.fidelity == 1:
            assert train == set(range(90)) - test - set(np.flatnonzero(parts == TEST))


def test_the_test_part_is_never_trained_on(spy: Spy) -> None:
    dataset = _numbered()
    splits = outer_splits(dataset)
    for configuration in (TREE, FOREST):
        for result in evaluate(configuration, dataset, splits):
            kept_back = set(np.flatnonzero(splits[result.seed] == TEST))
            train, test = spy.train.pop(0), spy.test.pop(0)
            assert not train & kept_back
            assert not train & test
            assert (test == kept_back) if result.split == "test" else not test & kept_back


def test_every_row_but_the_rarest_is_validated_on_or_tested_on_once(spy: Spy, dataset: Dataset) -> None:
    numbered = replace(dataset, X=dataset.X.assign(id=range(60)), kinds=(*dataset.kinds, "numeric"))
    splits = {0: outer_splits(numbered)[0]}
    results = evaluate(TREE, numbered, splits, fidelities=())
    assert [r.status for r in results] == ["ok"] * 4
    tested = [row for rows in spy.test for row in rows]
    assert sorted(tested) == [row for row in range(60) if row != 30]  # its class has one row
    assert all(30 in rows for rows in spy.train)
    assert splits[0][30] == TRAINING_ONLY


def test_a_low_fidelity_is_a_stratified_part_of_the_rows(spy: Spy) -> None:
    dataset = _numbered(900)
    splits = {0: outer_splits(dataset)[0]}
    results = evaluate(TREE, dataset, splits)
    whole = spy.train[2]
    for result, train in zip(results[:2], spy.train, strict=False):
        assert train < whole
        assert len(train) == result.resource_value == round(result.fidelity * len(whole))
        labels = strata(dataset)
        shares = [np.mean([labels[row] for row in rows]) for rows in (train, whole)]
        assert abs(shares[0] - shares[1]) <= 1 / len(train)
    assert spy.test[0] == spy.test[1] == spy.test[2]


@pytest.mark.parametrize(
    ("configuration", "resource", "amounts"),
    [
        (FOREST, "trees", [2, 6, 18]),
        (Configuration("sklearn", "lightgbm"), "trees", [11, 33, 100]),  # the library's 100
        (Configuration("sklearn", "mlp", {"max_iter": 45}), "epochs", [5, 15, 45]),
    ],
    ids=str,
)
def test_a_low_fidelity_of_trees_or_epochs_keeps_the_rows(
    configuration: Configuration, resource: str, amounts: list[int], spy: Spy
) -> None:
    dataset = _numbered()
    results = evaluate(configuration, dataset, {0: outer_splits(dataset)[0]})
    assert spy.train[0] == spy.train[1] == spy.train[2]
    assert {r.resource for r in results} == {resource}
    assert [r.resource_value for r in results] == [*amounts, *[amounts[-1]] * 3]


def test_fidelities_are_as_asked_for_the_small_ones_first(spy: Spy) -> None:
    dataset = _numbered()
    splits = {0: outer_splits(dataset)[0]}
    results = evaluate(TREE, dataset, splits, fidelities=(0.5, 0.1))
    assert [r.fidelity for r in results] == [0.1, 0.5, 1, 1, 1, 1]
    assert [len(rows) for rows in spy.train] == [5, 24, 48, 48, 48, 72]
    assert len(evaluate(TREE, dataset, splits, fidelities=())) == N_FOLDS + 1


# What goes wrong


def test_a_hang_is_a_timeout_and_nothing_larger_is_started(spy: Spy) -> None:
    dataset = _numbered()
    slow = Configuration("sklearn", "gradient_boosting", {"n_estimators": 10**7, "learning_rate": 1e-9})
    results = evaluate(slow, dataset, outer_splits(dataset), seconds=0.5)
    assert _kinds(results) == _expected_kinds((0, 1, 2))
    assert {(r.status, r.cost_seconds) for r in results} == {("timeout", 0.5)}
    assert [r.message for r in results] == [
        "stopped after 0.5 s",
        *["not started: stopped after 0.5 s before"] * (len(results) - 1),
    ]
    assert not any(r.scores for r in results)
    assert len(spy.train) == 1


def _hang_beyond(n_rows: int, configuration: Configuration, train: Any, *task: Any) -> Any:
    """Fit on at most that many rows; hang with more."""
    while len(train[1]) > n_rows:
        signal.pause()
    return fit_and_score(configuration, train, *task)


def test_what_ran_before_a_timeout_is_kept(spy: Spy) -> None:
    spy.instead = partial(_hang_beyond, 20)
    dataset = _numbered()
    results = evaluate(TREE, dataset, outer_splits(dataset), seconds=3)
    assert [r.status for r in results] == ["ok", "ok"] + ["timeout"] * 12
    assert [len(rows) for rows in spy.train] == [5, 16, 48]
    assert all(r.scores for r in results[:2])


def test_a_timeout_leaves_smaller_fits_of_other_splits_alone(spy: Spy) -> None:
    spy.instead = partial(_hang_beyond, 60)  # so only where all but the test part is trained on
    dataset = _numbered()
    results = evaluate(TREE, dataset, outer_splits(dataset), fidelities=(), seconds=3)
    assert [r.status for r in results] == (["ok"] * N_FOLDS + ["timeout"]) * 3
    assert len(spy.train) == 3 * N_FOLDS + 1


def test_too_much_memory_is_a_memout_and_nothing_larger_is_started(spy: Spy) -> None:
    dataset = _numbered()
    huge = Configuration("sklearn", "mlp", {"hidden_layer_sizes": [10**6, 10**6]})
    results = evaluate(huge, dataset, outer_splits(dataset), memory_bytes=8 << 30)
    assert {(r.status, r.cost_seconds) for r in results} == {("memout", None)}
    assert results[0].message.startswith("MemoryError: ")
    assert all(r.message == f"not started: {results[0].message} before" for r in results[1:])
    assert len(spy.train) == 1


def test_an_exception_is_a_crash_of_its_fit(dataset: Dataset) -> None:
    results = evaluate(Configuration("sklearn", "svc", {"C": -1}), dataset, outer_splits(dataset))
    assert {(r.status, r.cost_seconds) for r in results} == {("crashed", None)}
    assert all(r.message.startswith("InvalidParameterError: ") for r in results)


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_dead_process_is_a_crash(spy: Spy) -> None:
    spy.instead = _die
    dataset = _numbered()
    results = evaluate(TREE, dataset, {0: outer_splits(dataset)[0]}, fidelities=())
    assert {(r.status, r.cost_seconds) for r in results} == {("crashed", None)}
    assert len(spy.train) == len(results) == 4  # a crash says nothing about the others: each is tried


def test_a_failed_fit_leaves_the_others_alone(dataset: Dataset) -> None:
    # 40 neighbours: only the fits on all but the test part have them.
    neighbours = Configuration("sklearn", "k_nearest_neighbors", {"n_neighbors": 40})
    results = evaluate(neighbours, dataset, outer_splits(dataset))
    assert {r.status for r in results if r.split == "test"} == {"ok"}
    assert {r.status for r in results if r.split == "validation"} == {"crashed"}


@pytest.mark.parametrize(
    ("algorithm", "n_rows", "n_classes", "message"),
    [
        ("svc", 20_001, 2, "svc is limited to 20000 rows; there are 20001"),
        ("lightgbm", 404, 101, "lightgbm is limited to 100 classes; there are 101"),
    ],
)
def test_a_dataset_beyond_the_limits_is_invalid(
    algorithm: str, n_rows: int, n_classes: int, message: str, spy: Spy
) -> None:
    y = pd.Series(np.arange(n_rows) % n_classes, dtype="category")
    dataset = Dataset(pd.DataFrame({"id": range(n_rows)}), y, "large", ("numeric",), "f" * 64)
    results = evaluate(Configuration("sklearn", algorithm), dataset, outer_splits(dataset))
    assert {(r.status, r.message, r.cost_seconds) for r in results} == {("invalid", message, None)}
    assert len(results) == 2 + 4 * (1 if n_rows >= 2000 else 3)
    assert spy.train == []


def test_splits_of_another_dataset_are_refused(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="another dataset than mixed; it has 60 rows"):
        evaluate(TREE, dataset, outer_splits(_numbered()))


def test_an_algorithm_that_is_not_known_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'decision_tree'"):
        evaluate(Configuration("sklearn", "decision_trees"), dataset, outer_splits(dataset))


def test_an_algorithm_of_the_other_task_type_crashes_with_the_reason() -> None:
    dataset = _numbered(task_type="regression")
    results = evaluate(Configuration("sklearn", "svc"), dataset, {0: outer_splits(dataset)[0]})
    assert {r.status for r in results} == {"crashed"}
    assert results[0].message.startswith("ConfigurationError: svc is not for regression")


# Whatever is drawn


def _drawn(task_type: TaskType, dataset: Dataset, seed: int) -> None:
    (configuration,) = search_space(task_type).sample(1, np.random.default_rng(seed))
    splits = {0: outer_splits(dataset)[0]}
    results = evaluate(configuration, dataset, splits, fidelities=(1 / 9,))
    assert len(results) == 5
    for result in results:
        if result.status == "ok":
            assert {*SCORES[task_type], "predict_seconds"} <= set(result.scores)
            # The rare class is never tested: with two classes left, everything is defined.
            assert np.isfinite(list(result.scores.values())).all()
            assert result.message == ""
        else:
            assert result.message, result
            assert not result.scores


_few = settings(
    max_examples=10,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@_few
@given(seed=st.integers(0, 10**6))
def test_a_classifier_that_is_drawn_fits_or_says_why_not(seed: int, dataset: Dataset) -> None:
    _drawn("classification", dataset, seed)


@_few
@given(seed=st.integers(0, 10**6))
def test_a_regressor_that_is_drawn_fits_or_says_why_not(seed: int, dataset: Dataset, numbers: pd.Series) -> None:
    _drawn("regression", replace(dataset, y=numbers), seed)
