"""Spaces inferred from configurations: ranges, scales, kinds, conditions, and that they hold what they come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.inferred_space import infer_space
from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError


def of(*hyperparameters, algorithm="svc"):
    return [Configuration("sklearn", algorithm, h) for h in hyperparameters]


def columns(space):
    return {c.hyperparameter: c for c in space.encoding.columns}


def test_ranges_are_those_observed_and_whole_numbers_stay_whole():
    space = infer_space(of({"C": 0.25, "degree": 2}, {"C": 8, "degree": 5})).config_space
    assert (space["C"].lower, space["C"].upper, space["C"].log) == (0.25, 8, False)
    assert (space["degree"].lower, space["degree"].upper) == (2, 5)
    assert columns(infer_space(of({"degree": 2}, {"degree": 5})))["degree"].n_values == 4


@pytest.mark.parametrize(
    ("low", "high", "is_log"), [(1, 99, False), (1, 100, True), (0.001, 0.1, True), (0, 1000, False), (-5, 500, False)]
)
def test_positive_numbers_over_two_orders_of_magnitude_are_logarithmic(low, high, is_log):
    assert infer_space(of({"C": low}, {"C": high})).config_space["C"].log is is_log


@pytest.mark.parametrize(
    ("low", "high"), [(1.234567e-10, 1.0), (3.3e-13, 0.01), (1e-15, 1.0), (1e-15, 2e-15), (-1e-15, 0.5), (3, 2**70)]
)
def test_the_smallest_and_the_largest_value_lie_inside_however_small_or_large(low, high):
    pool = of({"C": low}, {"C": high}, {"C": (low + high) / 2})
    encoded = infer_space(pool).encode(pool)[:, 0]
    assert 0 <= encoded[0] < encoded[2] < encoded[1] <= 1


def test_the_space_is_named_as_its_algorithm_or_the_vocabulary():
    svc, tree = of({"C": 1}, {"C": 2}), of({"leaf": 1}, {"leaf": 2}, algorithm="tree")
    assert infer_space(svc).algorithms == ("svc",)
    assert infer_space(svc + tree).name == "sklearn"
    assert infer_space(svc + tree).algorithms == ("svc", "tree")
    assert infer_space(svc, "mine-1").name == "mine-1"


def test_of_several_algorithms_each_has_its_own_hyperparameters():
    both = [*of({"C": 1}, {"C": 10}), *of({"C": 2}, {"C": 4}, algorithm="linear_svc")]
    found = columns(infer_space(both))
    assert {name: c.parent for name, c in found.items()} == {
        "algorithm": None,
        "linear_svc:C": "algorithm",
        "svc:C": "algorithm",
    }


def test_a_condition_is_on_the_choice_that_explains_it_exactly():
    rows = [
        {"kernel": "linear", "shrinking": True},
        {"kernel": "rbf", "shrinking": False, "gamma": 0.1},
        {"kernel": "poly", "shrinking": True, "gamma": 0.2, "degree": 3},
        {"kernel": "poly", "shrinking": False, "gamma": 0.3, "degree": 2},
    ]
    space = infer_space(of(*rows))
    assert {name: c.parent for name, c in columns(space).items()} == {
        "kernel": None,
        "shrinking": None,
        "gamma": "kernel",
        "degree": "kernel",
    }
    drawn = space.sample(200, np.random.default_rng(0))
    for configuration in drawn:
        given = configuration.hyperparameters
        assert ("gamma" in given) == (given["kernel"] != "linear")
        assert ("degree" in given) == (given["kernel"] == "poly")
    assert {c.hyperparameters["kernel"] for c in drawn} == {"linear", "rbf", "poly"}


def test_conditions_can_stand_on_conditional_choices():
    rows = [{"C": 1, "kernel": "rbf"}, {"C": 2, "kernel": "poly", "degree": 2}, {"C": 3, "kernel": "poly", "degree": 3}]
    space = infer_space([*of(*rows), *of({"leaf": 1}, {"leaf": 4}, algorithm="tree")])
    assert columns(space)["svc:degree"].parent == "svc:kernel"
    assert columns(space)["svc:kernel"].parent == "algorithm"


def test_an_absence_that_nothing_explains_leaves_it_unconditional():
    rows = of({"kernel": "rbf", "gamma": 0.1}, {"kernel": "rbf"}, {"kernel": "poly", "gamma": 0.2})
    space = infer_space(rows)
    assert columns(space)["gamma"].parent is None
    gamma = list(columns(space)).index("gamma")
    np.testing.assert_array_equal(space.encode(rows)[:, gamma], [0, np.nan, 1])


def test_what_never_varies_is_left_out_and_so_are_lists():
    space = infer_space(of({"tol": 0.1, "C": 1, "layers": [1, 2]}, {"tol": 0.1, "C": 2, "layers": [3]}))
    assert list(columns(space)) == ["C"]


def test_a_constant_that_only_some_have_is_left_out_where_its_parent_says_as_much():
    told = of({"kernel": "rbf"}, {"kernel": "poly", "degree": 3})
    assert list(columns(infer_space(told))) == ["kernel"]
    untold = of({"C": 1}, {"C": 2, "degree": 3}, {"C": 3})
    assert sorted(columns(infer_space(untold))) == ["C", "degree"]


def test_anything_but_numbers_makes_a_choice():
    rows = of({"max_features": None}, {"max_features": "sqrt"}, {"max_features": 0.5}, {"max_features": True})
    space = infer_space(rows)
    assert columns(space)["max_features"].kind == "categorical"
    assert [c.hyperparameters for c in space.decode(space.encode(rows))] == [c.hyperparameters for c in rows]


def test_a_hyperparameter_called_algorithm_is_not_taken_for_the_algorithm():
    rows = of({"algorithm": "SAMME", "n": 1}, {"algorithm": "SAMME.R", "n": 2}, algorithm="adaboost")
    space = infer_space(rows, "sklearn")
    assert space.algorithms == ("adaboost",)
    assert space.decode(space.encode(rows)) == tuple(rows)
    constant = of({"algorithm": "auto", "k": 1}, {"algorithm": "auto", "k": 2}, algorithm="knn")
    both = infer_space(constant + rows)
    assert both.decode(both.encode(constant + rows)) == tuple(constant + rows)


@pytest.mark.parametrize("low", [0.010001906284593506, 0.1000345760431234, 3.1e-05, 1e-5, 0.3])
def test_the_ends_of_a_range_are_inside_it(low):
    rows = of({"C": low}, {"C": low * 170.1234567891234}, {"C": low * 3})
    encoded = infer_space(rows).encode(rows)
    assert encoded.min() >= 0
    assert encoded.max() <= 1


def test_nothing_to_infer_from_is_an_error():
    with pytest.raises(InputError, match="give at least one"):
        infer_space([])


numbers = st.floats(-1e4, 1e4).map(lambda v: round(v, 4)) | st.integers(-1000, 1000)
svcs = st.fixed_dictionaries({"kernel": st.sampled_from(["rbf", "poly"]), "C": numbers}, optional={"tol": numbers})
trees = st.fixed_dictionaries({"leaf": st.integers(1, 500), "depth": st.none() | st.integers(1, 9)})


@settings(max_examples=40)
@given(st.lists(svcs, min_size=2, max_size=8), st.lists(trees, max_size=8), st.randoms(use_true_random=False))
def test_a_space_holds_all_that_it_came_from_in_any_order(svc, tree, random):
    configurations = of(*svc) + of(*tree, algorithm="tree")
    space = infer_space(configurations)
    encoded = space.encode(configurations)
    assert np.nanmin(encoded, initial=0) >= 0
    assert np.nanmax(encoded, initial=0) <= 1
    for told, decoded in zip(configurations, space.decode(encoded), strict=True):
        assert decoded.algorithm == told.algorithm or len(space.algorithms) == 1
        for name, value in decoded.hyperparameters.items():
            expected = told.hyperparameters[name]
            assert value == (pytest.approx(expected, abs=1e-8) if isinstance(value, float) else expected)
    random.shuffle(configurations)
    assert infer_space(configurations).config_space == space.config_space
    assert SearchSpace.from_json(space.to_json()).config_space == space.config_space


def test_oboes_columns_make_one_cash_space(shared, tmp_path):
    from metalearn.sources.matrix import read_matrix
    from metalearn.store import KnowledgeBase

    with KnowledgeBase.open(tmp_path / "kb", read_only=False) as kb:
        kb.append_all(read_matrix(shared / "data" / "oboe" / "error_matrix.csv"))
        configurations = kb.meta_dataset().configurations
    space = infer_space(configurations)
    assert len(space.algorithms) == 12
    encoded = space.encode(configurations)
    assert len(np.unique(encoded, axis=0)) == len(configurations) == 219
    np.testing.assert_allclose(space.cube.nearest(encoded), encoded, atol=1e-12)
