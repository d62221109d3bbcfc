"""Configurations in a history, completed and told apart by what the library's space and a knowledge base know."""

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


def test_a_number_as_it_is_printed_stands_for_the_only_one_that_is_printed_so():
    values = (6.30180086464, 6.30480086464, 0.001234567)
    past = [Configuration("s", "svc", {"C": value, "kernel": "rbf"}) for value in values]
    known = KnownConfigurations(past)

    def completed(value):
        return known.completed(Configuration("s", "svc", {"C": value, "kernel": "rbf"})).hyperparameters["C"]

    assert completed(0.00123) == 0.001234567
    assert completed(6.3) == 6.3  # two are printed so
    assert completed(0.0012301) == 0.0012301  # nobody prints that
    assert completed(6.30480086464) == 6.30480086464
    assert known.completed(Configuration("s", "svc", {"C": 0.00123})).hyperparameters["C"] == 0.00123
