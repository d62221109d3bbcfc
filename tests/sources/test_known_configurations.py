"""Configurations in a history, completed and told apart by what the library's space and a knowledge base know."""

import time

import numpy as np
import pytest

from metalearn.core.records import Configuration
from metalearn.errors import ConfigurationError
from metalearn.learners.space import search_space
from metalearn.sources.known_configurations import KnownConfigurations

SPACE = search_space("classification")
SVC = SPACE.default("svc")
SAMPLE = SPACE.sample(60, np.random.default_rng(0))


@pytest.fixture(scope="module")
def library():
    return KnownConfigurations((), SPACE)


def without(configuration, *names):
    values = {name: v for name, v in configuration.hyperparameters.items() if name not in names}
    return Configuration(configuration.space, configuration.algorithm, values)


@pytest.mark.parametrize("configuration", SAMPLE[:20], ids=str)
def test_what_is_complete_stays_as_it_is(library, configuration):
    assert library.completed(configuration) == configuration


def test_what_is_lacking_is_at_its_default_where_it_is_active(library):
    assert library.completed(without(SVC, *SVC.hyperparameters)) == SVC
    assert library.completed(without(SVC, "scaling", "C")) == SVC
    reduced = Configuration(SPACE.name, "svc", {"reduction": "pca", "C": 0.123456789012345})
    completed = library.completed(reduced).hyperparameters
    assert (completed["pca_variance"], completed["C"]) == (0.9999, 0.123456789012345)
    assert set(completed) == {*SVC.hyperparameters, "pca_variance"}


def test_an_empty_cell_is_none_where_that_is_a_choice_and_else_as_if_it_were_not_there(library):
    forest = SPACE.default("random_forest")
    lacking = without(forest, "max_features", "imputation")
    empty = ["max_features", "imputation", "C", "pca_variance"]
    assert forest.hyperparameters["max_features"] == "sqrt"
    completed = library.completed(lacking, empty)
    assert completed.hyperparameters == {**forest.hyperparameters, "max_features": None}
    assert library.completed(lacking) == forest


def test_what_is_of_another_space_or_beyond_the_ranges_is_left_alone(library):
    for given in (
        Configuration("sklearn", "svc", {"C": 1}),
        Configuration(SPACE.name, "svc", {"C": 1e9}),
        Configuration(SPACE.name, "weka.J48", {"C": 1}),
    ):
        assert library.completed(given) == given
    assert KnownConfigurations(()).completed(without(SVC, "C")) == without(SVC, "C")


def test_what_cannot_be_active_is_refused(library):
    with pytest.raises(ConfigurationError, match="pca_variance is not active with the other hyperparameters of svc"):
        library.completed(Configuration(SPACE.name, "svc", {"reduction": "none", "pca_variance": 0.9}))


def test_names_are_those_of_the_space_and_of_the_past():
    past = [Configuration("sklearn", "svc", {"C": 1}), Configuration("sklearn", "svc", {"gamma": 1})]
    known = KnownConfigurations(past, SPACE)
    assert known.hyperparameters("sklearn", "svc") == {"C", "gamma"}
    assert known.hyperparameters("sklearn", "lda") == frozenset()
    assert {"C", "scaling", "percentile"} < known.hyperparameters(SPACE.name, "svc")
    assert "max_features" not in known.hyperparameters(SPACE.name, "svc")


def among(*values):
    """Look a value of C up among the known ones."""
    known = KnownConfigurations([Configuration("s", "svc", {"C": value, "kernel": "rbf"}) for value in values])
    return lambda given: known.completed(Configuration("s", "svc", {"C": given, "kernel": "rbf"})).hyperparameters["C"]


def test_a_number_stands_for_the_only_one_that_has_its_digits():
    found = among(6.30180086464, 6.30480086464, 0.001234567, 1234.567)
    assert found(0.00123) == 0.001234567
    assert found(6.3) == 6.3  # two are printed so
    assert found(0.0012301) == 0.0012301  # none has these digits
    assert found(6.30480086464) == 6.30480086464
    assert found(1230) == 1234.567  # printed as 1.23e+03
    assert found(1231) == 1231


@pytest.mark.parametrize("digits", range(1, 18))
def test_as_many_digits_are_compared_as_are_given(digits):
    value = 6.301800864641234
    given = float(f"{value:.{digits}g}")
    assert among(value, 1.25, 60.0)(given) == (given if digits == 1 else value)
    boundary = 6.3049625  # 6.30 at three digits, and 6.305 at four
    assert among(boundary)(6.305) == boundary


def test_whole_numbers_are_not_rounded():
    assert [among(1234)(given) for given in (1230, 1234.4, 1234.0)] == [1230, 1234.4, 1234]
    assert among(0, 1e-9)(0) == 0
    assert among(1)(10**400) == 10**400


def test_what_else_is_not_the_same_is_told_apart():
    known = KnownConfigurations([Configuration("s", "svc", {"C": 0.001234567, "kernel": "rbf"})])
    for other in ({"C": 0.00123}, {"C": 0.00123, "kernel": "poly"}, {"C": "0.00123", "kernel": "rbf"}):
        assert known.completed(Configuration("s", "svc", other)).hyperparameters == other


def test_many_known_ones_are_searched_fast():
    values = np.random.default_rng(0).uniform(1, 10, size=(5000, 2)).tolist()
    past = [Configuration("s", "svc", {"C": c, "gamma": gamma}) for c, gamma in values]
    known = KnownConfigurations(past)
    rounded = [Configuration("s", "svc", {"C": round(c, 9), "gamma": round(gamma, 9)}) for c, gamma in values[:500]]
    begin = time.perf_counter()
    assert [known.completed(given) for given in rounded] == past[:500]
    assert time.perf_counter() - begin < 5
