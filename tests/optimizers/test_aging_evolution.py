import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.checks.optimizers import planted_space
from metalearn.core.records import Configuration, Trial
from metalearn.errors import InputError
from metalearn.optimizers.aging_evolution import AgingEvolution, mutated
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.population import to_unit_cube
from metalearn.optimizers.random_search import RandomSearch
from tests.optimizers.problems import best_planted, cube, regrets, values

PLANTED = planted_space().cube


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_a_mutation_changes_one_active_hyperparameter(seed):
    rng = np.random.default_rng(seed)
    point = to_unit_cube(PLANTED, PLANTED.sample(1, rng))[0]
    child = mutated(PLANTED, point, rng)
    active = ~np.isnan(point)
    assert (child[active] != point[active]).sum() == 1
    assert ((child >= 0) & (child <= 1)).all()


def test_steps_come_on_every_scale_in_both_directions():
    space, rng = cube(1).cube, np.random.default_rng(0)
    steps = np.array([mutated(space, np.array([0.5]), rng)[0] - 0.5 for _ in range(4_000)])
    # Thrown back from the walls, steps of 1/2 to 1 come back to within 1/2 of the middle.
    scales = np.histogram(np.log2(np.abs(steps)), bins=[-10, -8, -6, -4, -2])[0]
    np.testing.assert_allclose(scales, 800, rtol=0.15)
    assert abs(np.mean(steps > 0) - 0.5) < 0.03


def observed(space, rows_and_losses):
    return [
        Trial(Configuration(space.name, space.name, {f"x{j}": x for j, x in enumerate(row)}), loss=loss, status="ok")
        for row, loss in rows_and_losses
    ]


def children(space, method, known, n=20):
    """Return what is proposed after the known trials, by optimizers of n seeds."""
    known = observed(space, known)
    return [values(AskTell(space, method, observed=known, rng=np.random.default_rng(s)).ask()[0]) for s in range(n)]


def test_the_old_die_however_good_they_are():
    old, young = ([0.1, 0.1, 0.1], 0.0), ([0.9, 0.9, 0.9], 5.0)
    for child in children(cube(3), AgingEvolution(1, 1), [old, young]):
        assert (child == 0.9).sum() == 2


def test_the_best_of_the_sample_is_the_parent():
    known = [([x, x, x], x) for x in (0.8, 0.2, 0.6, 0.4)]
    for child in children(cube(3), AgingEvolution(4, 4), known, n=30):
        assert (child == 0.8).sum() < 2  # that the sample of 4 is 4 times the worst has a chance of 1 in 256
    best = sum((child == 0.2).sum() == 2 for child in children(cube(3), AgingEvolution(4, 4), known, n=60))
    assert best == pytest.approx(60 * (1 - 0.75**4), abs=12)


def test_failed_trials_have_no_children_while_others_live():
    space = cube(3)
    bad = Trial(Configuration(space.name, space.name, {"x0": 0.3, "x1": 0.3, "x2": 0.3}), status="timeout")
    good = observed(space, [([0.7, 0.7, 0.7], 1.0), ([0.6, 0.6, 0.6], 2.0)])
    optimizers = [
        AskTell(space, AgingEvolution(3, 3), observed=[bad, *good], rng=np.random.default_rng(seed))
        for seed in range(40)
    ]
    from_bad = sum((values(optimizer.ask()[0]) == 0.3).sum() == 2 for optimizer in optimizers)
    assert from_bad <= 5  # drawn three times out of three has a chance of 1 in 27


def test_it_is_far_better_than_random_search():
    random, ours = regrets(RandomSearch(), 80), regrets(AgingEvolution(), 80)
    assert np.median(ours) < 0.3 * np.median(random)


def test_it_finds_its_way_in_a_conditional_space_with_workers():
    assert np.median(best_planted(AgingEvolution(), 100, batch=4)) < 0.13


@pytest.mark.parametrize("sizes", [(0, 0), (5, 6), (5, 0)])
def test_bad_options(sizes):
    with pytest.raises(InputError):
        AgingEvolution(*sizes)
