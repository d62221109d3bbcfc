"""Predicted seconds: planted laws of growth, what is rarely timed, other machines, and what cannot be known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.recommenders.runtime import SHORTEST, RuntimeModel


def tables(n, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = 10 ** rng.uniform(2, 5, n), 10 ** rng.uniform(0.5, 2, n)
    return [{"n_rows": r, "n_columns": c, "n_classes": 2.0} for r, c in zip(rows, columns, strict=True)]


def grown(sizes, powers):
    """Return seconds (T, C) of configurations that grow with rows and columns to these powers."""
    rows, columns = (np.array([s[name] for s in sizes]) for name in ("n_rows", "n_columns"))
    return np.stack([1e-3 * rows**a * columns**b for a, b in powers], axis=1)


POWERS = [(0.5, 0.0), (1.0, 1.0), (1.5, 0.5)]


def test_configurations_grow_each_by_its_own_law():
    sizes, new = tables(60), tables(20, seed=1)
    model = RuntimeModel.fit(grown(sizes, POWERS), sizes)
    ratio = np.array([model.seconds(table) for table in new]) / grown(new, POWERS)
    assert np.median(np.abs(np.log(ratio))) < 0.1


def test_what_few_tasks_have_timed_leans_on_the_growth_of_the_others():
    sizes, new = tables(60), tables(20, seed=1)
    costs = np.column_stack([grown(sizes, [(1.0, 0.5)] * 4), np.full(60, np.nan)])
    costs[:2, 4] = 10 * costs[:2, 0]
    model = RuntimeModel.fit(costs, sizes)
    predicted = np.array([model.seconds(table) for table in new])
    ratio = predicted[:, 4] / (10 * grown(new, [(1.0, 0.5)])[:, 0])
    assert np.median(np.abs(np.log(ratio))) < np.log(3)


def test_names_of_other_extractors_mean_the_same():
    sizes = tables(30)
    names = {"n_rows": "NumberOfInstances", "n_columns": "NumberOfFeatures", "n_classes": "NumberOfClasses"}
    theirs = [{names[name]: value for name, value in table.items()} for table in sizes]
    costs = grown(sizes, POWERS)
    ours = RuntimeModel.fit(costs, sizes).seconds(sizes[0])
    assert RuntimeModel.fit(costs, theirs).seconds(theirs[0]) == pytest.approx(ours)


def test_a_slow_machine_shows_in_what_it_was_timed_on():
    rng = np.random.default_rng(0)
    sizes = tables(60)
    costs = grown(sizes, POWERS) * np.exp(rng.normal(size=(60, 1)) + 0.1 * rng.normal(size=(60, 3)))
    model, new = RuntimeModel.fit(costs, sizes), tables(1, seed=1)[0]
    before = model.seconds(new)
    after = model.seconds(new, np.array([0, 2]), np.array([20 * before[0], np.nan]))
    assert (after / before) == pytest.approx(np.full(3, after[0] / before[0]))
    assert 10 < after[0] / before[0] < 20


def test_without_sizes_it_is_the_typical_time():
    model = RuntimeModel.fit(np.array([[1.0], [100.0]]), [{}, {}])
    assert model.seconds({}) == pytest.approx([10.0], rel=0.5)
    assert model.seconds({"n_rows": 1e6}) == pytest.approx(model.seconds({}))


def test_a_size_that_is_no_number_is_unknown():
    sizes = tables(30)
    costs = grown(sizes, POWERS)
    strange = [*sizes[:-1], {"n_rows": np.inf, "n_columns": np.nan}]
    assert np.isfinite(RuntimeModel.fit(costs, strange).seconds(sizes[0])).all()
    model = RuntimeModel.fit(costs, sizes)
    assert model.seconds({"n_rows": np.inf}) == pytest.approx(model.seconds({}))


def test_what_was_never_timed_is_unknown():
    model = RuntimeModel.fit(np.array([[1.0, np.nan], [2.0, np.nan]]), tables(2))
    assert np.isnan(model.seconds(tables(1)[0])).tolist() == [False, True]
    once = RuntimeModel.fit(np.array([[1.0, 3.0], [2.0, np.nan]]), tables(2))
    assert np.isnan(once.seconds(tables(1)[0])).tolist() == [False, False]
    assert np.isnan(RuntimeModel.fit(np.full((2, 2), np.nan), tables(2)).seconds({})).all()
    assert RuntimeModel.fit(np.zeros((0, 0)), []).seconds({}).shape == (0,)


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_the_order_of_tasks_and_configurations_does_not_matter(seed, n):
    rng = np.random.default_rng(seed)
    sizes, costs = tables(n, seed), np.where(rng.random((n, 4)) < 0.3, np.nan, np.exp(rng.normal(size=(n, 4))))
    rows, columns = rng.permutation(n), rng.permutation(4)
    found = RuntimeModel.fit(costs, sizes).seconds(sizes[0])
    shuffled = RuntimeModel.fit(costs[rows][:, columns], [sizes[i] for i in rows]).seconds(sizes[0])
    assert shuffled == pytest.approx(found[columns], nan_ok=True)


def test_two_tasks_without_sizes_by_hand():
    """Of logs that sum to S, 2 S / 5 is common; of the S / 5 that this leaves a third is the configuration's own."""
    model = RuntimeModel.fit(np.array([[1.0], [100.0]]), [{}, {}])
    assert np.log(model.seconds({})) == pytest.approx([(2 / 5 + 1 / 15) * np.log(100)], rel=1e-3)


def test_no_time_at_all_counts_as_the_shortest():
    model = RuntimeModel.fit(np.zeros((1000, 1)), [{}] * 1000)
    assert model.seconds({}) == pytest.approx([SHORTEST], rel=0.01)
    fast = model.seconds({}, np.array([0]), np.array([0.0]))
    assert fast == pytest.approx([SHORTEST], rel=0.01)


def test_growth_shows_in_tables_of_nearly_the_same_size():
    sizes = [{"n_rows": n} for n in np.linspace(1000, 1500, 50)]
    costs = np.array([[(s["n_rows"] / 1000) ** 3] for s in sizes])
    assert RuntimeModel.fit(costs, sizes).seconds(sizes[-1]) == pytest.approx(costs[-1], rel=0.05)


def test_predictions_go_little_beyond_what_was_measured():
    sizes = [{"n_rows": n} for n in (100.0, 200.0, 400.0, 800.0)]
    model = RuntimeModel.fit(np.array([[1.0], [2.0], [4.0], [8.0]]), sizes)
    assert model.seconds({"n_rows": 1.0})[0] == pytest.approx(0.5)
    assert model.seconds({"n_rows": 1e9})[0] == pytest.approx(80)
    slow = model.seconds({"n_rows": 1e9}, np.array([0]), np.array([1000.0]))
    assert 80 < slow[0] <= 10_000
