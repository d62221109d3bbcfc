"""The space as a cube: nearest valid rows, distances, sampling under forbidden clauses."""

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenInClause,
    Integer,
    OrdinalHyperparameter,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metalearn.checks import planted_space
from metalearn.core.encoded_space import EncodedSpace, row_keys, shares_of
from metalearn.errors import InputError

NAMES = [column.hyperparameter for column in planted_space().encoding.columns]


def row(**values):
    """Return one row (1, d) with some columns set, the others NaN."""
    found = np.full((1, len(NAMES)), np.nan)
    for name, value in values.items():
        found[0, NAMES.index(name.replace("__", ":"))] = value
    return found


def test_columns_tell_how_many_values_there_are():
    sizes = {column.hyperparameter: column.n_values for column in planted_space().encoding.columns}
    assert sizes["svc:kernel"] == 3
    assert sizes["forest:depth"] == 4
    assert sizes["forest:trees"] == 991
    assert sizes["svc:C"] == np.inf


def test_a_single_choice_is_the_nearest_to_every_point():
    cube = EncodedSpace(ConfigurationSpace(space=[Categorical("kind", ["only"])]))
    np.testing.assert_array_equal(cube.nearest(np.array([[0.3], [0.7]])), np.zeros((2, 1)))


def test_a_point_goes_to_the_nearest_valid_row():
    space = planted_space().cube
    forest = space.nearest(row(algorithm=0.8, forest__trees=0.5, forest__depth=0.4, svc__C=0.3))
    found = dict(zip(NAMES, forest[0].tolist(), strict=True))
    assert found["algorithm"] == 1.0
    assert found["forest:depth"] == pytest.approx(1 / 3)
    assert found["forest:trees"] == pytest.approx(0.5, abs=0.01)
    assert np.isnan(found["svc:C"])


def test_what_is_active_and_not_given_gets_its_default():
    found = planted_space().cube.nearest(row(algorithm=0.1, svc__kernel=0.0))[0]
    default = planted_space().cube.default
    for name in ("svc:C", "svc:gamma"):
        assert found[NAMES.index(name)] == pytest.approx(default[NAMES.index(name)])


@settings(max_examples=50)
@given(arrays(np.float64, (4, len(NAMES)), elements=st.floats(-2, 2) | st.just(np.nan)))
def test_the_nearest_row_is_its_own_nearest_row_and_decodes(points):
    space = planted_space()
    rows = space.cube.nearest(points)
    np.testing.assert_allclose(space.cube.nearest(rows), rows, atol=1e-12)
    for configuration, fine in zip(space.decode(rows), space.cube.allowed(rows), strict=True):
        if fine:
            space.validate(configuration)


def test_distances_count_choices_and_activity_as_one():
    space = planted_space().cube
    a = space.nearest(row(algorithm=0, svc__C=0.2, svc__kernel=0.5))  # poly: gamma inactive
    b = space.nearest(row(algorithm=0, svc__C=0.5, svc__kernel=1.0))  # linear
    c = space.nearest(row(algorithm=0, svc__C=0.2, svc__kernel=0.0, svc__gamma=0.4))
    d = space.nearest(row(algorithm=1, forest__trees=0.5, forest__depth=0.0))
    distances = space.distances(a, np.concatenate([a, b, c, d]))[0]
    expected = [0.0, np.sqrt(1 + 0.3**2), np.sqrt(2), np.sqrt(1 + 2 + 2)]
    np.testing.assert_allclose(distances, expected, atol=1e-12)


def test_samples_and_allowed_know_the_forbidden():
    space = EncodedSpace(ConfigurationSpace(space=[Categorical("c", ["a", "b"]), Integer("n", (0, 3), default=3)]))
    space.config_space.add(ForbiddenInClause(space.config_space["n"], [0, 1, 2]))
    rows = space.sample(50, np.random.default_rng(0))
    assert rows.shape == (50, 2)
    everywhere = space.from_unit_cube(np.random.default_rng(1).random((200, 2)))
    assert 0 < len(everywhere) < 200
    assert space.allowed(everywhere).all()
    assert not space.allowed(space.nearest(np.zeros((1, 2)))).any()


def test_a_space_of_which_all_is_forbidden_is_refused():
    never_drawn = Categorical("c", ["a", "b"], weights=[1e-12, 1], default="a")
    space = EncodedSpace(ConfigurationSpace(space=[never_drawn]))
    space.config_space.add(ForbiddenInClause(space.config_space["c"], ["b"]))
    with pytest.raises(InputError, match="let them forbid less"):
        space.sample(2, np.random.default_rng(0))


def test_ordinals_keep_their_order_and_conditions_follow_them():
    size = OrdinalHyperparameter("size", ["s", "m", "l"])
    extra = Float("extra", (0, 1))
    config_space = ConfigurationSpace(space=[size, extra])
    config_space.add(EqualsCondition(extra, size, "l"))
    space = EncodedSpace(config_space)
    columns = [c.hyperparameter for c in space.encoding.columns]
    points = np.array([[0.6, 0.3], [0.8, 0.3]])[:, [["size", "extra"].index(name) for name in columns]]
    found = space.nearest(points)
    np.testing.assert_allclose(found[:, columns.index("size")], [0.5, 1.0])
    np.testing.assert_array_equal(np.isnan(found[:, columns.index("extra")]), [True, False])


def test_keys_tell_rows_apart_up_to_rounding_and_know_the_inactive():
    rows = np.array([[0.3, np.nan], [0.1 + 0.2, np.nan], [0.3, 0.0], [-0.0, 0.5], [0.0, 0.5]])
    keys = row_keys(rows)
    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert len(set(keys)) == 3


def test_shares_are_the_weights_or_equal_and_numbers_have_none():
    assert shares_of(Categorical("c", ["a", "b"], weights=[3, 1])).tolist() == [0.75, 0.25]
    assert shares_of(OrdinalHyperparameter("size", ["s", "l"])).tolist() == [0.5, 0.5]
    assert shares_of(Float("x", (0, 1))).size == 0
