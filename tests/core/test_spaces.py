"""Search spaces: the encoding and back, sampling, validity."""

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
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


@settings(max_examples=20)
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
    with pytest.raises(ConfigurationError, match=r"^[^\n]*not valid in the space toy-1: [^\n]*[^.]\.$"):
        space.validate(Configuration("toy-1", "svc", hyperparameters))


def test_a_value_outside_cannot_be_encoded(space):
    with pytest.raises(ConfigurationError, match="svc:kernel = 'rfb' lies outside"):
        space.encode([Configuration("toy-1", "svc", {"C": 1, "kernel": "rfb"})])


@pytest.mark.parametrize("value", ["adam", 3, 0.5, True])
def test_a_constant_is_a_value_of_any_type(value):
    kind, deep = Categorical("kind", ["a", "b"]), Constant("deep", value)
    config_space = ConfigurationSpace(space=[kind, Constant("fixed", value), deep])
    config_space.add(EqualsCondition(deep, kind, "b"))
    space = SearchSpace("fixed-1", config_space)
    for configuration in (space.default(), *space.sample(8, np.random.default_rng(0))):
        space.validate(configuration)
        assert set(configuration.hyperparameters.values()) - {"a", "b"} == {value}
        assert space.decode(space.encode([configuration])) == (configuration,)


def test_an_algorithm_may_be_a_constant():
    algorithm, c = Constant("algorithm", "svc"), Float("svc:C", (0, 1))
    config_space = ConfigurationSpace(space=[algorithm, c])
    config_space.add(EqualsCondition(c, algorithm, "svc"))
    space = SearchSpace("one-1", config_space)
    assert space.algorithms == ("svc",)
    assert space.default("svc") == Configuration("one-1", "svc", {"C": 0.5})
    assert space.from_unit_cube(np.full((1, 2), 0.25), "svc") == (Configuration("one-1", "svc", {"C": 0.25}),)


def test_json_keeps_the_space(space):
    copy = SearchSpace.from_json(space.to_json())
    assert copy.encoding == space.encoding
    assert copy.sample(5, np.random.default_rng(0)) == space.sample(5, np.random.default_rng(0))


def grid(space, n):
    """An even grid of n points on the diagonal of the unit cube."""
    return np.repeat((np.arange(n)[:, None] + 0.5) / n, len(space.encoding.columns), axis=1)


def single(*hyperparameters):
    return SearchSpace("toy-2", ConfigurationSpace(space=list(hyperparameters)))


def values(space, points, name):
    return [c.hyperparameters[name] for c in space.from_unit_cube(points)]


@pytest.mark.parametrize(
    ("weights", "counts"), [([0.7, 0.2, 0.1], [70, 20, 10]), ([7, 2, 1], [70, 20, 10]), (None, [33, 34, 33])]
)
def test_a_choice_gets_its_weight_of_an_even_grid(weights, counts):
    space = single(Categorical("kind", ["a", "b", "c"], weights=weights))
    found = values(space, grid(space, 100), "kind")
    assert [found.count(choice) for choice in "abc"] == counts
    assert found == sorted(found)


def test_a_choice_without_weight_gets_no_point():
    space = single(Categorical("kind", ["a", "b", "c"], weights=[0, 1, 0], default="b"))
    assert set(values(space, np.array([[0.0], [0.5], [1.0]]), "kind")) == {"b"}


def test_ordinal_values_share_evenly():
    space = single(OrdinalHyperparameter("leaf", [1, 2, 10]))
    found = values(space, grid(space, 99), "leaf")
    assert [found.count(value) for value in (1, 2, 10)] == [33, 33, 33]


def test_a_log_scale_is_even_in_the_logarithm():
    space = single(Float("C", (1e-4, 1e4), log=True))
    found = values(space, np.array([[0.0], [0.125], [0.5], [0.75], [1.0]]), "C")
    np.testing.assert_allclose(found, [1e-4, 1e-3, 1, 100, 1e4])


@pytest.mark.parametrize("log", [False, True])
def test_integers_stay_within_bounds_and_reach_them(log):
    space = single(Integer("n", (2, 9), log=log))
    found = values(space, np.concatenate([[[0.0]], grid(space, 200), [[1.0]]]), "n")
    assert {type(value) for value in found} == {int}
    assert found == sorted(found)
    assert set(found) == set(range(2, 10))


def test_points_may_be_all_of_one_algorithm(space):
    points = np.random.default_rng(0).random((200, len(space.encoding.columns)))
    assert {c.algorithm for c in space.from_unit_cube(points)} == {"svc", "tree"}
    trees = space.from_unit_cube(points, "tree")
    assert {c.algorithm for c in trees} == {"tree"}
    assert len(trees) == 200
    for configuration in space.from_unit_cube(points, "svc"):
        space.validate(configuration)
    with pytest.raises(UnknownNameError, match="'svd'; did you mean 'svc'"):
        space.from_unit_cube(points, "svd")


def test_a_forbidden_point_is_left_out_and_the_others_stay_in_order(space):
    points = np.full((3, len(space.encoding.columns)), 0.5)
    points[:, column(space, "svc:degree")] = [0.0, 1.0, 0.5]  # 2, 5 (forbidden with poly), between
    found = space.from_unit_cube(points, "svc")
    assert [c.hyperparameters["kernel"] for c in found] == ["poly", "poly"]
    assert found == space.from_unit_cube(points[[0, 2]], "svc")
    points[:, column(space, "svc:kernel")] = 0.0  # rbf has no degree to forbid
    assert len(space.from_unit_cube(points, "svc")) == 3


def test_points_do_not_change_and_no_points_are_no_configurations(space):
    points = np.random.default_rng(1).random((20, len(space.encoding.columns)))
    before = points.copy()
    first = space.from_unit_cube(points)
    np.testing.assert_array_equal(points, before)
    assert space.from_unit_cube(points) == first
    assert space.from_unit_cube(points[:0]) == ()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_every_point_stands_for_a_valid_configuration(space, seed):
    points = np.random.default_rng(seed).random((10, len(space.encoding.columns)))
    for configuration in space.from_unit_cube(points):
        space.validate(configuration)
