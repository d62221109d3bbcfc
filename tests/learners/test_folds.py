"""One fit gives all the scores of its task type, or says why it cannot."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info, threadpool_limits

from metalearn.core.records import Configuration, TaskType
from metalearn.learners import folds
from metalearn.learners.build import make_estimator
from metalearn.learners.folds import Fit, fit_and_score
from metalearn.learners.rows import SCORES

TREE = Configuration("sklearn", "decision_tree", {"min_samples_split": 8})
_X = pd.DataFrame({"x": np.arange(40.0), "colour": ["red", "blue", None, "green"] * 10})
_EVEN, _ODD = np.arange(0, 40, 2), np.arange(1, 40, 2)


def _fit(
    configuration: Configuration,
    y: np.ndarray,
    *,
    train: np.ndarray = _EVEN,
    test: np.ndarray = _ODD,
    task_type: TaskType = "classification",
    seed: int = 0,
    fidelity: float = 1.0,
) -> Fit:
    n_classes = int(y.max()) + 1 if task_type == "classification" else None
    parts = [(_X.iloc[rows].reset_index(drop=True), y[rows]) for rows in (train, test)]
    return fit_and_score(configuration, *parts, task_type, n_classes, seed, fidelity)


_TWO = np.array([0] * 15 + [1] * 25)
_THREE = np.array([0] * 15 + [1] * 15 + [2] * 10)


@pytest.mark.parametrize("y", [_TWO, _THREE], ids=["two classes", "three classes"])
@pytest.mark.parametrize("algorithm", ["decision_tree", "logistic_regression", "svc", "ridge", "lightgbm"])
def test_class_scores_are_scikit_learns(algorithm: str, y: np.ndarray) -> None:
    configuration = Configuration("sklearn", algorithm)
    fit = _fit(configuration, y, seed=3)
    options = {"n_classes": int(y.max()) + 1, "seed": 3}
    X_train, X_test, y_train, y_test = _X.iloc[_EVEN], _X.iloc[_ODD], y[_EVEN], y[_ODD]
    predicted = make_estimator(configuration, **options).fit(X_train, y_train).predict(X_test)
    p = make_estimator(configuration, probabilities=True, **options).fit(X_train, y_train).predict_proba(X_test)
    auc = sklearn.metrics.roc_auc_score(y_test, p[:, 1] if y.max() == 1 else p, multi_class="ovr")
    assert fit.scores == pytest.approx(
        {
            "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(y_test, predicted),
            "accuracy": sklearn.metrics.accuracy_score(y_test, predicted),
            "log_loss": sklearn.metrics.log_loss(y_test, np.clip(p, 1e-15, 1)),
            "roc_auc": auc,
        },
        abs=1e-9,
    )
    assert tuple(fit.scores) == SCORES["classification"]


@pytest.mark.parametrize("algorithm", ["decision_tree", "ridge", "svr", "lightgbm"])
def test_number_scores_are_scikit_learns(algorithm: str) -> None:
    configuration, y = Configuration("sklearn", algorithm), np.arange(40.0) ** 2
    fit = _fit(configuration, y, task_type="regression", seed=3)
    model = make_estimator(configuration, task_type="regression", seed=3).fit(_X.iloc[_EVEN], y[_EVEN])
    predicted = model.predict(_X.iloc[_ODD])
    assert fit.scores == pytest.approx(
        {
            "r2": sklearn.metrics.r2_score(y[_ODD], predicted),
            "rmse": sklearn.metrics.root_mean_squared_error(y[_ODD], predicted),
            "mae": sklearn.metrics.mean_absolute_error(y[_ODD], predicted),
        },
        rel=1e-9,
    )
    assert tuple(fit.scores) == SCORES["regression"]


def test_a_class_that_was_not_trained_on_is_never_expected() -> None:
    without = _EVEN[_THREE[_EVEN] != 1]
    for algorithm in ("decision_tree", "ridge", "lightgbm"):
        fit = _fit(Configuration("sklearn", algorithm), _THREE, train=without)
        # Every row of it costs the largest log loss there is.
        assert fit.scores["log_loss"] >= np.mean(_THREE[_ODD] == 1) * -np.log(1e-15)
        assert fit.scores["balanced_accuracy"] <= 2 / 3


def test_roc_auc_is_undefined_where_one_class_is_tested() -> None:
    fit = _fit(TREE, _TWO, test=np.arange(1, 15, 2))
    assert np.isnan(fit.scores["roc_auc"])
    assert np.isfinite([v for name, v in fit.scores.items() if name != "roc_auc"]).all()


def test_predictions_out_of_all_bounds_are_an_error() -> None:
    with pytest.raises(ArithmeticError, match="so large that their squares are not"):
        _fit(Configuration("sklearn", "decision_tree"), np.arange(40.0) * 1e200, task_type="regression")


def test_seed_and_fidelity_reach_the_model() -> None:
    forest, y = Configuration("sklearn", "random_forest", {"n_estimators": 9}), np.arange(40) // 3 % 2
    first, second, other = (_fit(forest, y, seed=seed).scores for seed in (1, 1, 2))
    assert first == second != other
    assert _fit(forest, y, seed=1, fidelity=1 / 9).scores != first
    one_tree = Configuration("sklearn", "random_forest", {"n_estimators": 1})
    assert _fit(forest, y, seed=1, fidelity=1 / 9).scores == _fit(one_tree, y, seed=1).scores


def test_what_the_estimator_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="'C' parameter"):
        _fit(Configuration("sklearn", "svc", {"C": -1}), _TWO)


def test_a_warning_of_the_solver_is_no_error() -> None:
    # The suite makes errors of warnings; this one has no time to converge.
    fit = _fit(Configuration("sklearn", "logistic_regression", {"max_iter": 1}), _TWO)
    assert 0 < fit.scores["accuracy"] <= 1


def test_the_processor_time_of_both_steps_is_told() -> None:
    fit = _fit(Configuration("sklearn", "random_forest", {"n_estimators": 20}), _TWO)
    assert fit.fit_seconds > 0
    assert fit.predict_seconds > 0


def _threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info()]


class _Witness(DummyClassifier):  # type: ignore[misc]
    """Notes how many threads a fit may use."""

    seen: ClassVar[list[int]] = []

    def fit(self, X: Any, y: Any) -> "_Witness":
        self.seen.extend(_threads())
        return super().fit(X, y)  # type: ignore[no-any-return]


def test_a_fit_has_one_thread_and_gives_the_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "make_estimator", lambda *_, **__: make_pipeline("passthrough", _Witness()))
    with threadpool_limits(2):
        before = _threads()
        _fit(TREE, _TWO)
        assert set(_Witness.seen) == {1}
        assert _threads() == before


def test_the_tables_stay_as_they_are() -> None:
    before = _X.copy(deep=True)
    _fit(TREE, _TWO)
    pd.testing.assert_frame_equal(_X, before)
