"""The objective is the mean over the folds of what is fitted by hand, and says how a trial failed."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from sklearn.datasets import load_diabetes

from metalearn.core.execution import Outcome, run_limited
from metalearn.core.records import Configuration, Dataset, Trial
from metalearn.errors import InputError, UnknownNameError
from metalearn.learners import evaluate as module
from metalearn.learners.build import make_estimator
from metalearn.learners.evaluate import Fits
from metalearn.learners.folds import Fit
from metalearn.learners.objective import CashObjective, base_memory, measure
from metalearn.learners.space import search_space
from metalearn.learners.splits import TEST, outer_splits, validation_splits
from metalearn.optimizers.minimize import minimize

TREE = Configuration("sklearn", "decision_tree", {"min_samples_split": 8})
FOREST = Configuration("sklearn", "random_forest", {"n_estimators": 18})


@dataclass
class Stub:
    """Stands before ``run_limited``: notes each fit, and gives it scores without fitting; or what a test says."""

    fits: list[dict[str, Any]] = field(default_factory=list)
    instead: Callable[[int, float], Outcome] | None = None

    def __call__(self, function: object, *task: Any, seconds: float, memory_bytes: int | None) -> Outcome:
        _, (X, _), (X_test, _), _, _, seed, fidelity = task
        seen = {"train": set(X["id"]), "test": set(X_test["id"]), "seed": seed, "fidelity": fidelity}
        self.fits.append(seen | {"seconds": seconds, "memory_bytes": memory_bytes})
        if self.instead is not None:
            return self.instead(len(self.fits), seconds)
        number = len(self.fits) / 100
        return Outcome(Fit({"balanced_accuracy": 1 - number, "accuracy": 0.5, "log_loss": number}, 0.1, 0.1))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    noting = Stub()
    monkeypatch.setattr(module, "run_limited", noting)
    return noting


@pytest.fixture(scope="module")
def numbered() -> Dataset:
    """90 rows whose column ``id`` numbers them; two classes."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": np.arange(90), "x": rng.normal(size=90)})
    y = pd.Series(np.where(X["x"] + rng.normal(size=90) > 0.5, "yes", "no"), dtype="category")
    return Dataset(X, y, "numbered", ("numeric", "numeric"), "f" * 64)


# What is measured


@pytest.mark.parametrize("metric", [None, "log_loss"])
def test_a_loss_is_the_mean_of_nine_fits_by_hand(metric: str | None, numbered: Dataset) -> None:
    splits = validation_splits(numbered, seed=4)
    outcome = CashObjective(numbered, splits, metric)(Trial(TREE))
    y, losses = numbered.y.astype(str).to_numpy(), []
    for seed, parts in splits.items():
        for fold in range(3):
            train, test = parts != fold, parts == fold
            model = make_estimator(TREE, n_classes=2, seed=seed).fit(numbered.X[train], y[train])
            if metric is None:
                right = sklearn.metrics.balanced_accuracy_score(y[test], model.predict(numbered.X[test]))
                losses.append(1 - right)
            else:
                p = model.predict_proba(numbered.X[test])
                losses.append(sklearn.metrics.log_loss(y[test], np.clip(p, 1e-15, 1)))
    assert len(losses) == 9
    assert outcome.status == "ok"
    assert outcome.value == pytest.approx(np.mean(losses), abs=1e-9)


def test_a_regression_is_judged_by_r2() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    dataset = Dataset(X, y.astype("float64"), "diabetes", ("numeric",) * X.shape[1], "f" * 64)
    ridge = Configuration("metalearn-regression-1", "ridge", {"alpha": 0.5})
    splits = {0: validation_splits(dataset)[0]}
    losses = []
    for fold in range(3):
        train, test = splits[0] != fold, splits[0] == fold
        model = make_estimator(ridge, task_type="regression").fit(X[train], y[train])
        losses.append(1 - sklearn.metrics.r2_score(y[test], model.predict(X[test])))
    assert CashObjective(dataset, splits)(Trial(ridge)).value == pytest.approx(np.mean(losses))


def test_a_small_dataset_is_split_three_times_a_large_one_once(numbered: Dataset) -> None:
    assert list(validation_splits(numbered, seed=7)) == [7, 8, 9]
    assert all(set(parts) == {0, 1, 2} for parts in validation_splits(numbered).values())
    large = replace(numbered, X=pd.concat([numbered.X] * 23), y=pd.concat([numbered.y] * 23).astype("category"))
    assert list(validation_splits(large, seed=7)) == [7]


def test_the_mean_is_over_the_loss_of_the_metric(stub: Stub, numbered: Dataset) -> None:
    splits = validation_splits(numbered)
    assert CashObjective(numbered, splits)(Trial(TREE)).value == pytest.approx(np.arange(1, 10).mean() / 100)
    assert CashObjective(numbered, splits, "error_rate")(Trial(TREE)).value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("metric", "error", "message"),
    [
        ("r2", InputError, "r2 does not measure classification here; choose from balanced_accuracy, accuracy"),
        ("f1_weighted", InputError, "f1_weighted does not measure"),
        ("acuracy", UnknownNameError, "did you mean 'accuracy'"),
    ],
)
def test_a_metric_of_something_else_is_refused_at_once(
    metric: str, error: type[Exception], message: str, numbered: Dataset
) -> None:
    with pytest.raises(error, match=message):
        CashObjective(numbered, validation_splits(numbered), metric)
    assert measure(numbered, "predictive_accuracy").name == "accuracy"


def test_splits_of_another_dataset_and_no_seconds_are_refused(numbered: Dataset) -> None:
    with pytest.raises(InputError, match="another dataset than numbered; it has 90 rows"):
        CashObjective(numbered, {0: np.zeros(89, dtype=np.int64)})
    with pytest.raises(InputError, match="more than 0 seconds; got 0"):
        CashObjective(numbered, validation_splits(numbered), seconds=0)


# What is trained on


def test_the_outer_test_part_is_never_seen(stub: Stub, numbered: Dataset) -> None:
    splits = outer_splits(numbered)
    for fidelity in (1 / 9, 1.0):
        assert CashObjective(numbered, splits)(Trial(TREE, fidelity)).status == "ok"
    assert len(stub.fits) == 18
    for fit in stub.fits:
        kept_back = set(np.flatnonzero(splits[fit["seed"]] == TEST))
        assert kept_back
        assert not (fit["train"] | fit["test"]) & kept_back
        assert not fit["train"] & fit["test"]


def test_a_fidelity_is_a_share_of_the_rows_or_of_the_learners_own(stub: Stub, numbered: Dataset) -> None:
    splits = {0: validation_splits(numbered)[0]}
    for resource, rows, of_model in (("rows", 20, 1.0), ("learner", 60, 1 / 3)):
        stub.fits.clear()
        objective = CashObjective(numbered, splits, fidelity_of=resource)  # type: ignore[arg-type]
        objective(Trial(FOREST, 1 / 3))
        assert [(len(fit["train"]), fit["fidelity"]) for fit in stub.fits] == [(rows, of_model)] * 3
        objective(Trial(TREE, 1 / 3))  # has rows only
        assert [(len(fit["train"]), fit["fidelity"]) for fit in stub.fits[3:]] == [(20, 1.0)] * 3


def test_the_resource_of_a_fit_is_what_was_asked_for(numbered: Dataset) -> None:
    fits = Fits(numbered, {0: validation_splits(numbered)[0]})
    own, rows = (fits.plan(FOREST, 0, 0, 1 / 3, resource=resource).planned for resource in (None, "rows"))
    assert (own.resource, own.resource_value) == ("trees", 6)
    assert (rows.resource, rows.resource_value) == ("rows", 20)


def test_every_configuration_and_every_try_gets_the_same_folds(stub: Stub, numbered: Dataset) -> None:
    objective = CashObjective(numbered, validation_splits(numbered))
    for trial in (Trial(TREE), Trial(FOREST, seed=3)):
        objective(trial)
    rows = [(fit["train"], fit["test"], fit["seed"]) for fit in stub.fits]
    assert rows[:9] == rows[9:]


# What goes wrong


def test_a_trial_ends_with_the_first_fit_that_fails(stub: Stub, numbered: Dataset) -> None:
    fine = Outcome(Fit({"balanced_accuracy": 0.5}, 0.1, 0.1))
    stub.instead = lambda i, _: fine if i < 5 else Outcome(status="memout", message="MemoryError: too much")
    outcome = CashObjective(numbered, validation_splits(numbered), memory_bytes=12345)(Trial(TREE))
    assert (outcome.value, outcome.status) == (None, "memout")
    assert outcome.message == "MemoryError: too much (split 1, fold 1)"
    assert [fit["memory_bytes"] for fit in stub.fits] == [12345] * 5


def test_the_seconds_are_for_all_fits_of_a_trial(
    stub: Stub, numbered: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr("metalearn.learners.objective.perf_counter", lambda: float(next(clock)))
    outcome = CashObjective(numbered, validation_splits(numbered), seconds=7)(Trial(TREE))
    assert (outcome.status, outcome.message) == ("timeout", "stopped after 7 s")
    assert [fit["seconds"] for fit in stub.fits] == [5, 3, 1]


def test_a_hang_is_stopped(numbered: Dataset) -> None:
    slow = Configuration("sklearn", "gradient_boosting", {"n_estimators": 10**7, "learning_rate": 1e-9})
    outcome = CashObjective(numbered, validation_splits(numbered), seconds=0.5)(Trial(slow))
    assert (outcome.status, outcome.message) == ("timeout", "stopped after 0.5 s")


def test_a_crash_says_why(numbered: Dataset) -> None:
    outcome = CashObjective(numbered, validation_splits(numbered))(Trial(Configuration("sklearn", "svc", {"C": -1})))
    assert outcome.status == "crashed"
    assert outcome.message.startswith("InvalidParameterError: ")
    assert outcome.message.endswith("(split 0, fold 0)")


def test_a_metric_that_is_not_defined_is_a_crash(stub: Stub, numbered: Dataset) -> None:
    stub.instead = lambda *_: Outcome(Fit({"roc_auc": float("nan")}, 0.1, 0.1))
    outcome = CashObjective(numbered, validation_splits(numbered), "roc_auc")(Trial(TREE))
    assert (outcome.status, outcome.message) == ("crashed", "roc_auc is not defined on every fold")


def test_a_dataset_beyond_the_limits_is_invalid(stub: Stub) -> None:
    y = pd.Series(np.arange(404) % 101, dtype="category")
    dataset = Dataset(pd.DataFrame({"id": range(404)}), y, "many classes", ("numeric",), "f" * 64)
    outcome = CashObjective(dataset, validation_splits(dataset))(Trial(Configuration("sklearn", "lightgbm")))
    assert (outcome.status, outcome.message) == ("invalid", "lightgbm is limited to 100 classes; there are 101")
    assert stub.fits == []


def test_a_memory_limit_is_above_what_a_process_needs_anyway(numbered: Dataset) -> None:
    base, splits = base_memory(), {0: validation_splits(numbered)[0]}
    huge = Configuration("sklearn", "mlp", {"hidden_layer_sizes": [10**6, 10**6]})
    limited = CashObjective(numbered, splits, memory_bytes=base + 2**30)
    assert limited(Trial(TREE)).status == "ok"
    assert limited(Trial(huge)).status == "memout"


# As an objective


def test_it_travels_to_other_processes(numbered: Dataset) -> None:
    objective = CashObjective(numbered, {0: validation_splits(numbered)[0]})
    sent = pickle.loads(pickle.dumps(objective))
    assert sent(Trial(TREE)) == objective(Trial(TREE))
    assert run_limited(pow, 2, 3, seconds=60).value == 8


def test_an_optimizer_minimizes_it(stub: Stub, numbered: Dataset) -> None:
    objective, space = CashObjective(numbered, validation_splits(numbered)), search_space("classification")
    stub.instead = lambda i, _: Outcome(Fit({"balanced_accuracy": 0.5 + i / 1000}, 0.1, 0.1))
    result = minimize(objective, space, method="random", n_trials=3, queue=[space.default("svc")])
    assert [trial.status for trial in result.trials] == ["ok"] * 3
    assert result.trials[0].configuration == space.default("svc")
    assert result.best == result.trials[2]
    assert result.best.loss == pytest.approx(0.5 - np.arange(19, 28).mean() / 1000)
