"""Search spaces: the encoding and back, sampling, validity."""

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    Integer,
    OrdinalHyperparameter,
)
from ConfigSpace import ForbiddenEqualsClause as Forbidden
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace
from metalearn.errors import ConfigurationError, UnknownNameError


@pytest.fixture(scope="module")
def space():
    algorithm = Categorical("algorithm", ["svc", "tree"])
    c, kernel = Float("svc:C", (0.01, 100), log=True, default=1.0), Categorical("svc:kernel", ["rbf", "poly", "linear"])
    degree = Integer("svc:degree", (2, 5), default=3)
    leaf = OrdinalHyperparameter("tree:leaf", [1, 2, 10])
    config_space = ConfigurationSpace(space=[algorithm, c, kernel, degree, leaf])
    config_space.add(
        EqualsCondition(c, algorithm, "svc"),
        EqualsCondition(kernel, algorithm, "svc"),
        EqualsCondition(degree, kernel, "poly"),
        EqualsCondition(leaf, algorithm, "tree"),
        ForbiddenAndConjunction(Forbidden(kernel, "poly"), Forbidden(degree, 5)),
    )
    return SearchSpace("toy-1", config_space)


def column(space, name):
    return [c.hyperparameter for c in space.encoding.columns].index(name)


def test_numbers_lie_on_their_own_scale_and_choices_are_fractions(space):
    svc = Configuration("toy-1", "svc", {"C": 1, "kernel": "poly", "degree": 5})
    tree = Configuration("toy-1", "tree", {"leaf": 2})
    encoded = space.encode([svc, tree])
    expected = {"svc:C": 0.5, "svc:kernel": 0.5, "svc:degree": 1.0, "tree:leaf": np.nan, "algorithm": 0.0}
    for name, value in expected.items():
        np.testing.assert_allclose(encoded[0, column(space, name)], value, err_msg=name)
    np.testing.assert_allclose(encoded[1, column(space, "tree:leaf")], 0.5)
    assert np.isnan(encoded[1, column(space, "svc:C")])


def test_the_encoding_says_what_each_column_is(space):
    by_name = {c.hyperparameter: c for c in space.encoding.columns}
    assert by_name["svc:degree"].kind == "numeric"
    assert by_name["svc:degree"].parent == "svc:kernel"
    assert by_name["tree:leaf"].kind == "ordinal"
    assert by_name["svc:kernel"].choices == ("rbf", "poly", "linear")


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_samples_are_valid_and_survive_the_encoding(space, seed):
    drawn = space.sample(8, np.random.default_rng(seed))
    assert len(drawn) == 8
    for configuration in drawn:
        space.validate(configuration)
    again = space.decode(space.encode(drawn))
    np.testing.assert_allclose(space.encode(again), space.encode(drawn), atol=1e-9)
    assert [c.algorithm for c in again] == [c.algorithm for c in drawn]
    assert space.sample(8, np.random.default_rng(seed)) == drawn


def test_sampling_reaches_every_algorithm_and_no_forbidden_value(space):
    drawn = space.sample(300, np.random.default_rng(0))
    assert {c.algorithm for c in drawn} == {"svc", "tree"}
    degrees = {c.hyperparameters["degree"] for c in drawn if c.hyperparameters.get("kernel") == "poly"}
    assert degrees == {2, 3, 4}


def test_decoded_values_are_python_scalars(space):
    for configuration in space.sample(20, np.random.default_rng(1)):
        assert {type(v) for v in configuration.hyperparameters.values()} <= {int, float, str}


def test_defaults_hold_active_hyperparameters_only(space):
    assert dict(space.default("svc").hyperparameters) == {"C": 1, "kernel": "rbf"}
    assert dict(space.default("tree").hyperparameters) == {"leaf": 1}
    assert space.default() == space.default("svc")
    with pytest.raises(UnknownNameError, match="tree"):
        space.default("tre")


@pytest.mark.parametrize(
    "hyperparameters",
    [{"C": 1}, {"C": 1, "kernel": "rbf", "degree": 2}, {"C": -1, "kernel": "rbf"}, {"D": 1, "kernel": "rbf", "C": 1}],
    ids=["one missing", "one inactive", "out of range", "unknown"],
)
def test_invalid_configurations_are_refused(space, hyperparameters):
    with pytest.raises(ConfigurationError, match="not valid in the space toy-1"):
        space.validate(Configuration("toy-1", "svc", hyperparameters))


def test_a_value_outside_cannot_be_encoded(space):
    with pytest.raises(ConfigurationError, match="svc:kernel = 'rfb' lies outside"):
        space.encode([Configuration("toy-1", "svc", {"C": 1, "kernel": "rfb"})])


def test_json_keeps_the_space(space):
    copy = SearchSpace.from_json(space.to_json())
    assert copy.encoding == space.encoding
    assert copy.sample(5, np.random.default_rng(0)) == space.sample(5, np.random.default_rng(0))
