"""Pipelines fit what real tables hold, under every published configuration."""

import ast
import csv
import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from metalearn.core.algorithms import algorithm_names, canonical_algorithm
from metalearn.core.records import Configuration
from metalearn.learners.build import make_estimator
from metalearn.learners.space import search_space


def _oboe_configurations(shared: Path, algorithm: str) -> list[Configuration]:
    with (shared / "data" / "oboe" / "error_matrix.csv").open(newline="") as file:
        columns = [ast.literal_eval(column) for column in next(csv.reader(file))[1:]]
    named = [(canonical_algorithm(column["algorithm"]), column["hyperparameters"]) for column in columns]
    assert len(named) == 219
    return [Configuration("sklearn", name, values) for name, values in named if name == algorithm]


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_published_configurations_fit_without_a_warning(
    algorithm: str, shared: Path, mixed_table: pd.DataFrame, two_classes: pd.Series
) -> None:
    for configuration in _oboe_configurations(shared, algorithm):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            predicted = make_estimator(configuration, n_classes=2).fit(mixed_table, two_classes).predict(mixed_table)
        assert set(predicted) <= {"yes", "no"}


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_default_configurations_know_three_classes(
    algorithm: str, mixed_table: pd.DataFrame, three_classes: pd.Series
) -> None:
    configuration = search_space("classification").default(algorithm)
    estimator = make_estimator(configuration, n_classes=3, probabilities=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(mixed_table, three_classes)
    probabilities = estimator.predict_proba(mixed_table)
    assert estimator.classes_.tolist() == ["no", "rarely", "yes"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_the_seed_decides(algorithm: str, mixed_table: pd.DataFrame, two_classes: pd.Series) -> None:
    configuration = search_space("classification").default(algorithm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first, second = (make_estimator(configuration, seed=3).fit(mixed_table, two_classes) for _ in range(2))
    np.testing.assert_array_equal(first.predict(mixed_table), second.predict(mixed_table))
    assert set(first.get_params()) == set(second.get_params())


def test_margins_become_probabilities_only_when_asked_for() -> None:
    for algorithm in ("svc", "linear_svc", "perceptron"):
        configuration = Configuration("sklearn", algorithm)
        assert not hasattr(make_estimator(configuration), "predict_proba")
        assert hasattr(make_estimator(configuration, probabilities=True), "predict_proba")
    forest = Configuration("sklearn", "random_forest")
    assert joblib.hash(make_estimator(forest, probabilities=True)) == joblib.hash(make_estimator(forest))


def test_a_published_imputation_is_followed() -> None:
    names = {
        "columntransformer__numeric__imputer__strategy": "most_frequent",
        "randomforestclassifier__n_estimators": 5,
    }
    estimator = make_estimator(Configuration("sklearn", "random_forest", names))
    assert estimator[-1].n_estimators == 5
    numeric = estimator[0].transformers[0][1]
    assert numeric[0].strategy == "most_frequent"


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_configuration_of_the_space_builds(seed: int) -> None:
    for configuration in search_space("classification").sample(10, np.random.default_rng(seed)):
        estimator = make_estimator(configuration, n_classes=3)
        assert joblib.hash(clone(estimator)) == joblib.hash(pickle.loads(pickle.dumps(estimator)))
