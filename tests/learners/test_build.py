"""Pipelines fit what real tables hold, under every configuration of our spaces and every published one."""

import ast
import csv
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.linalg import LinAlgError
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from metalearn.core.algorithms import canonical_algorithm
from metalearn.core.records import Configuration, TaskType
from metalearn.errors import ConfigurationError, InputError, MissingDependencyError
from metalearn.learners import catalog
from metalearn.learners.build import estimator_expression, make_estimator, task_type_of
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.expressions import render
from metalearn.learners.space import search_space
from metalearn.sources.files import load_dataset

# Each algorithm's published configurations (OBOE's columns), rendered: the first 8 hex digits of their SHA-256.
# What was measured under a configuration's id holds only as long as the same estimator is built from it.
PUBLISHED = {
    "adaboost": "ff2f3b90",
    "decision_tree": "f9ee475e",
    "extra_trees": "805aa1b3",
    "gaussian_nb": "489a76b5",
    "gradient_boosting": "1c5f7d2d",
    "k_nearest_neighbors": "8a9c1197",
    "linear_svc": "08668113",
    "logistic_regression": "4c170aa7",
    "mlp": "6c7b9a45",
    "perceptron": "dc38b00a",
    "random_forest": "ca73f5a9",
    "svc": "d0ef10b7",
}
CLASSIFIERS = search_space("classification").algorithms
REGRESSORS = search_space("regression").algorithms


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine make fits this small ten times slower."""
    with threadpool_limits(1):
        yield


@contextmanager
def _solvers_may_stop_early() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _suiting(algorithm: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table; of columns that make a class's covariance singular, qda's default knows no way out."""
    return table[["number", "whole", "date"]] if algorithm == "qda" else table


def _published(shared: Path) -> list[Configuration]:
    with (shared / "data" / "oboe" / "error_matrix.csv").open(newline="") as file:
        columns = [ast.literal_eval(column) for column in next(csv.reader(file))[1:]]
    assert len(columns) == 219
    return [
        Configuration("sklearn", canonical_algorithm(column["algorithm"]), column["hyperparameters"])
        for column in columns
    ]


@pytest.mark.parametrize("algorithm", PUBLISHED)
def test_published_configurations_fit_without_a_warning(
    algorithm: str, shared: Path, mixed_table: pd.DataFrame, two_classes: pd.Series
) -> None:
    table = mixed_table[["number", "category", "date"]]
    for configuration in _published(shared):
        if configuration.algorithm == algorithm:
            with _solvers_may_stop_early():
                estimator = make_estimator(configuration, n_classes=2, fidelity=1 / 9).fit(table, two_classes)
            assert set(estimator.predict(table)) <= {"yes", "no"}


def test_published_configurations_build_what_they_always_did(shared: Path) -> None:
    rendered: dict[str, list[str]] = {}
    for configuration in _published(shared):
        sources = [render(estimator_expression(configuration, n_classes=n, probabilities=True)) for n in (2, 3)]
        rendered.setdefault(configuration.algorithm, []).extend(sources)
    digests = {name: sha256("\n".join(sources).encode()).hexdigest()[:8] for name, sources in sorted(rendered.items())}
    assert digests == PUBLISHED


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_default_classifiers_know_their_classes(
    algorithm: str, n_classes: int, mixed_table: pd.DataFrame, two_classes: pd.Series, three_classes: pd.Series
) -> None:
    table, y = _suiting(algorithm, mixed_table), two_classes if n_classes == 2 else three_classes
    if algorithm == "qda":
        y = y.mask(y == "rarely", "no") if n_classes == 2 else pd.Series(list("abc") * 20)  # it needs a few of each
    estimator = make_estimator(search_space("classification").default(algorithm), n_classes=n_classes)
    with _solvers_may_stop_early():
        estimator.fit(table, y)
    assert estimator.classes_.tolist() == sorted(set(y))
    predicted = estimator.predict(table)
    assert set(predicted) <= set(y)
    if algorithm != "torch_mlp":  # its validation part, six rows here, stops it early
        assert (predicted == y).mean() > (0.7 if algorithm != "qda" or n_classes == 2 else 0.35)


@pytest.mark.parametrize("algorithm", sorted(set(CLASSIFIERS) - {"qda"}))
def test_default_classifiers_have_probabilities(
    algorithm: str, mixed_table: pd.DataFrame, three_classes: pd.Series
) -> None:
    configuration = search_space("classification").default(algorithm)
    table = _suiting(algorithm, mixed_table)
    with _solvers_may_stop_early():
        estimator = make_estimator(configuration, n_classes=3, probabilities=True).fit(table, three_classes)
    probabilities = estimator.predict_proba(table)
    assert estimator.classes_.tolist() == ["no", "rarely", "yes"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("algorithm", REGRESSORS)
def test_default_regressors_are_better_than_the_mean(
    algorithm: str, mixed_table: pd.DataFrame, numbers: pd.Series
) -> None:
    table = _suiting(algorithm, mixed_table)
    estimator = make_estimator(search_space("regression").default(algorithm))
    with _solvers_may_stop_early():
        predicted = estimator.fit(table, numbers).predict(table)
    assert predicted.shape == (60,)
    assert np.isfinite(predicted).all()
    if algorithm != "elastic_net":  # the library's alpha, 1, leaves of a target of variance 1 only the mean
        assert estimator.score(table, numbers) > 0.3


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
@pytest.mark.parametrize("labels", [(-1, 1), ("1", "b")])
def test_labels_of_a_file_come_back_whatever_they_are(algorithm: str, labels: tuple[Any, Any], tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(80, 2))
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(label=np.where(x[:, 0] > 0.2, labels[1], labels[0]))
    frame.to_csv(tmp_path / "table.csv", index=False)
    dataset = load_dataset(tmp_path / "table.csv", "label")
    default = search_space("classification").default(algorithm)
    weights = [{}, {"class_weight": "balanced"}] if "class_weight" in default.hyperparameters else [{}]
    for weight in weights:
        configuration = Configuration(default.space, algorithm, {**default.hyperparameters, **weight})
        with _solvers_may_stop_early():
            predicted = make_estimator(configuration).fit(dataset.X, dataset.y).predict(dataset.X)
        assert np.mean(predicted == np.asarray(dataset.y)) > 0.8


def test_qda_needs_regularisation_on_one_hot_columns(mixed_table: pd.DataFrame, two_classes: pd.Series) -> None:
    qda = search_space("classification").default("qda")
    with pytest.raises(LinAlgError, match="not full rank"):
        make_estimator(qda).fit(mixed_table, two_classes)
    regularised = Configuration(qda.space, "qda", {**qda.hyperparameters, "reg_param": 0.1})
    assert make_estimator(regularised).fit(mixed_table, two_classes).score(mixed_table, two_classes) > 0.7


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_the_seed_decides(
    task_type: TaskType, mixed_table: pd.DataFrame, two_classes: pd.Series, numbers: pd.Series
) -> None:
    table, y = mixed_table[["number", "whole", "date"]], two_classes if task_type == "classification" else numbers
    for algorithm in search_space(task_type).algorithms:
        configuration = search_space(task_type).default(algorithm)
        with _solvers_may_stop_early():
            options = {"seed": 3, "n_classes": 2, "fidelity": 1 / 9}
            first, second = (make_estimator(configuration, **options).fit(table, y) for _ in range(2))
        np.testing.assert_array_equal(first.predict(table), second.predict(table))
        seeds = {v for n, v in first.get_params().items() if n.endswith("random_state")}
        assert seeds <= {3}


def test_the_seed_reaches_every_step() -> None:
    choices = {"encoding": "target", "imputation": "mean", "scaling": "quantile", "reduction": "pca"}
    pipeline = make_estimator(Configuration(SPACE_NAMES["classification"], "svc", choices), seed=11)
    seeds = {name: value for name, value in pipeline.get_params().items() if name.endswith("random_state")}
    assert {name.split("__")[0] for name in seeds} == {"columntransformer", "pca", "svc"}
    assert set(seeds.values()) == {11, "deprecated"}  # the target encoder's went into its folds
    assert pipeline.get_params()["columntransformer__nominal__targetencoder__cv"].random_state == 11


@pytest.mark.parametrize("algorithm", ["lightgbm", "hist_gradient_boosting"])
@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_gaps_reach_those_that_take_them(algorithm: str, task_type: TaskType, mixed_table: pd.DataFrame) -> None:
    pipeline = make_estimator(search_space(task_type).default(algorithm))
    assert np.isnan(pipeline[:-1].fit_transform(mixed_table)).any()
    complete = make_estimator(search_space(task_type).default("random_forest"))
    assert np.isfinite(complete[:-1].fit_transform(mixed_table)).all()


def test_a_category_or_a_gap_may_be_new_when_predicting(mixed_table: pd.DataFrame, two_classes: pd.Series) -> None:
    new = mixed_table.assign(category="w", text=None, flag=True, number=np.nan, date=pd.NaT, mixed="new")
    for encoding in ("one_hot", "ordinal", "target"):
        for algorithm in ("lightgbm", "logistic_regression"):
            default = search_space("classification").default(algorithm)
            configuration = Configuration(default.space, algorithm, {**default.hyperparameters, "encoding": encoding})
            estimator = make_estimator(configuration, n_classes=2).fit(mixed_table, two_classes)
            assert set(estimator.predict(new)) <= {"yes", "no"}


def test_the_task_type_is_the_spaces_unless_given() -> None:
    ridge = {name: Configuration(name, "ridge", {"alpha": 2}) for name in ("sklearn", *SPACE_NAMES.values())}
    assert [task_type_of(c) for c in ridge.values()] == ["classification", "classification", "regression"]
    made = [type(make_estimator(c)[-1]).__name__ for c in ridge.values()]
    assert made == ["RidgeClassifier", "RidgeClassifier", "Ridge"]
    assert type(make_estimator(ridge["sklearn"], task_type="regression")[-1]).__name__ == "Ridge"


def test_margins_become_probabilities_only_when_asked_for() -> None:
    for algorithm in ("svc", "linear_svc", "perceptron", "ridge"):
        configuration = Configuration("sklearn", algorithm)
        assert not hasattr(make_estimator(configuration), "predict_proba")
        assert hasattr(make_estimator(configuration, probabilities=True), "predict_proba")
    forest = Configuration("sklearn", "random_forest")
    assert joblib.hash(make_estimator(forest, probabilities=True)) == joblib.hash(make_estimator(forest))


def test_a_fidelity_shortens_the_model_and_nothing_else() -> None:
    configuration = search_space("regression").default("random_forest")
    full, short = (make_estimator(configuration, fidelity=fidelity).get_params() for fidelity in (1.0, 1 / 3))
    assert short["randomforestregressor__n_estimators"] == 33
    assert full["randomforestregressor__n_estimators"] == 100
    assert joblib.hash(full["columntransformer"]) == joblib.hash(short["columntransformer"])


def test_a_published_imputation_is_followed() -> None:
    names = {
        "columntransformer__numeric__imputer__strategy": "most_frequent",
        "randomforestclassifier__n_estimators": 5,
    }
    estimator = make_estimator(Configuration("sklearn", "random_forest", names))
    assert estimator[-1].n_estimators == 5
    numeric = estimator[0].transformers[0][1]
    assert numeric[0].strategy == "most_frequent"


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(InputError, match=r"Give one configuration, such as answer\[0\] .*; got list"):
        make_estimator([Configuration("sklearn", "lda")])  # type: ignore[arg-type]


def test_a_library_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"needs torch, .* pip install torch safetensors"):
        make_estimator(Configuration("sklearn", "torch_mlp"))
    make_estimator(Configuration("sklearn", "random_forest"))


@pytest.mark.parametrize(
    ("algorithm", "hyperparameters", "message"),
    [
        ("weka.J48", {}, "no learner for the algorithm 'weka.J48'"),
        ("svr", {}, "svr is not for classification"),
        ("ridge", {"reduction": "pca"}, "ridge has no hyperparameter 'reduction'"),  # of our own spaces only
        ("ridge", {"encoding": "one_hot", "l2": 1}, "ridge has no hyperparameter 'l2'"),
    ],
)
def test_what_is_not_known_is_refused(algorithm: str, hyperparameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_estimator(Configuration("sklearn", algorithm, hyperparameters))


def _leaves(pipeline: Any) -> dict[str, str]:
    """A digest of each argument that is not itself made of arguments."""
    inner = ("steps", "transformers")
    given = {n: v for n, v in pipeline.get_params().items() if not (n.endswith(inner) or hasattr(v, "get_params"))}
    return {name: joblib.hash(value) for name, value in given.items()}


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), task_type=st.sampled_from(list(SPACE_NAMES)))
def test_every_configuration_of_the_spaces_builds(seed: int, task_type: TaskType) -> None:
    for configuration in search_space(task_type).sample(2, np.random.default_rng(seed)):
        estimator = make_estimator(configuration, n_classes=3)
        assert _leaves(clone(estimator)) == _leaves(pickle.loads(pickle.dumps(estimator))) == _leaves(estimator)
        model = estimator.steps[-1][1]
        assert is_regressor(model) if task_type == "regression" else is_classifier(model)
