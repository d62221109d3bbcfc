"""Configurations as arrays, beyond what the doctests show."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.configuration_table import ConfigurationTable
from metalearn.core.records import Configuration


def svc(**values):
    return Configuration("s", "svc", values)


def squares(table, a, b):
    """The squared differences (G,) of two configurations, by group."""
    x, y = table.embed([a, b])
    return np.bincount(table.groups, (x - y) ** 2, len(table.columns) + 1)


POOL = [svc(C=0.1, kernel="rbf", gamma=0.5), svc(C=1.0, kernel="linear"), svc(C=1000.0, kernel="rbf", gamma="auto")]
TREE = [Configuration("s", "tree", {"depth": d}) for d in (2, 4, None)]


def test_numbers_that_span_orders_of_magnitude_are_logarithmic_and_others_not():
    table = ConfigurationTable.of([svc(C=c, degree=d) for c, d in [(0.01, 0), (1.0, 1), (100.0, 4)]])
    np.testing.assert_allclose(table.for_trees([svc(C=1.0, degree=1)]), [[0.0, 0.5, 0.25]])


def test_numbers_below_zero_are_never_logarithmic():
    table = ConfigurationTable.of([svc(coef0=-1.0), svc(coef0=1000.0)])
    assert not table.columns[0].is_logarithmic
    np.testing.assert_allclose(table.for_trees([svc(coef0=499.5)])[0, 1], 0.5)


def test_inactive_hyperparameters_are_missing_to_trees_and_a_state_of_their_own_in_the_embedding():
    table = ConfigurationTable.of(POOL)
    assert [c.hyperparameter for c in table.columns] == ["C", "gamma", "kernel"]
    assert table.columns[1].states == ('"auto"', "inactive", "number")
    # Algorithm, C, state of gamma (its one number tells nothing), kernel.
    np.testing.assert_allclose(table.for_trees(POOL)[:, [0, 2, 3]], [[0, 2, 1], [0, 1, 0], [0, 0, 1]])
    assert table.categorical == (0, 2, 3)
    np.testing.assert_allclose(squares(table, *POOL[:2])[[0, 2, 3]], [0, 1, 1])


def test_each_algorithm_has_hyperparameters_of_its_own():
    table = ConfigurationTable.of([*POOL, *TREE])
    assert table.algorithms == ("svc", "tree")
    rows = table.for_trees([*POOL, *TREE])
    np.testing.assert_array_equal(rows[:, 0], [0, 0, 0, 1, 1, 1])
    assert np.isnan(rows[:3, -2:]).all()  # a support vector machine has no depth,
    np.testing.assert_array_equal(rows[3:, -2:], [[0, 1], [1, 1], [np.nan, 0]])  # and None is a choice
    assert squares(table, POOL[0], TREE[0])[0] == pytest.approx(1.0)


def test_true_is_a_choice_and_no_number():
    table = ConfigurationTable.of([svc(shrinking=True), svc(shrinking=False)])
    assert table.columns[0].states == ("false", "true")
    assert np.isnan(table.columns[0].low)


def test_a_text_is_never_taken_for_a_state():
    table = ConfigurationTable.of([svc(x="inactive"), svc(x="number"), svc(x=1), svc()])
    assert len(set(table.for_trees([svc(x="inactive"), svc(x="number"), svc(x=1), svc()])[:, 1])) == 4


def test_lists_are_choices():
    table = ConfigurationTable.of([svc(layers=[50, 50]), svc(layers=[100])])
    np.testing.assert_array_equal(table.for_trees([svc(layers=(50, 50))])[0, 1], 1.0)


def test_the_unknown_is_described_without_a_warning():
    table = ConfigurationTable.of([*POOL, *TREE])
    strange = [Configuration("s", "knn", {"k": 3}), svc(C=-5.0, kernel="poly", gamma=None, new=1), svc()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows, embedded = table.for_trees(strange), table.embed(strange)
    assert np.isnan(rows[0]).all()
    np.testing.assert_array_equal(embedded[0], 0.0)
    assert rows[1, 1] == 0.0  # below a logarithmic range
    assert np.isnan(rows[1, 3])
    assert np.isfinite(embedded).all()
    # An unknown choice is as far from one known choice as from another.
    one, other = (squares(table, strange[1], svc(C=1.0, kernel=k))[3] for k in ("rbf", "linear"))
    assert one == other > 0


def test_what_never_varies_is_left_out():
    table = ConfigurationTable.of([svc(C=c, tol=0.1, kernel="rbf") for c in (1, 2)])
    assert [c.hyperparameter for c in table.columns] == ["C"]
    assert ConfigurationTable.of([svc(C=1)]).embed([svc(C=1)]).tolist() == [[np.sqrt(0.5)]]


def test_a_table_of_nothing_describes_anything():
    table = ConfigurationTable.of([])
    assert table.embed(POOL).shape == (3, 0)
    assert table.for_trees(POOL).shape == (3, 1)
    assert table.for_trees([]).shape == (0, 1)


@settings(max_examples=25)
@given(st.permutations(range(6)))
def test_the_order_of_configurations_is_irrelevant(order):
    pool = [*POOL, *TREE]
    assert str(ConfigurationTable.of([pool[i] for i in order])) == str(ConfigurationTable.of(pool))


@settings(max_examples=25)
@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=8, unique=True))
def test_what_the_table_was_made_of_lies_in_the_unit_interval(values):
    pool = [svc(C=v) for v in values]
    found = ConfigurationTable.of(pool).for_trees(pool)[:, 1]
    assert found.min() == pytest.approx(0.0)
    assert found.max() == pytest.approx(1.0)
    assert np.diff(found[np.argsort(values)]).min() >= -1e-12  # neighbours may have the same logarithm
