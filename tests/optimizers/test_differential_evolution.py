from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from metalearn.checks.optimizers import planted_space
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.differential_evolution import DifferentialEvolution, population
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Row, Table
from tests.optimizers.problems import best_planted, branin, cube, regrets, run, values


def test_a_member_is_the_best_of_its_challengers_and_the_later_of_equals():
    losses = {0: 3.0, 1: 1.0, 2: 2.0, 3: 3.0, 4: np.nan, 5: 0.5, 6: 9.0}
    rows = [Row(np.array([n / 10]), number=n, loss=loss, status="ok") for n, loss in losses.items()]
    members, best = population(Table.of(rows[::-1], 1), 3)
    assert members.tolist() == [0, 1, 2]
    # Told in reverse, so that number n is in row 6 - n, and of 0 and 3 in the first lane 0 was told last.
    assert [6 - row for row in best] == [0, 1, 5]


def test_the_initial_design_is_quasi_random_and_then_come_children():
    optimizer = run(DifferentialEvolution(population_size=5), cube(2), branin, 5)
    design = [sobol_point(optimizer.space.cube, optimizer.seed, i) for i in range(5)]
    np.testing.assert_allclose([values(trial) for trial in optimizer.trials], design, atol=1e-9)
    (child,) = optimizer.ask()
    assert not np.allclose(values(child), sobol_point(optimizer.space.cube, optimizer.seed, 5))


def test_a_child_without_crossover_is_a_member_plus_a_difference():
    method = DifferentialEvolution(population_size=4, difference_weight=0.4, crossover_rate=1.0)
    for seed in range(10):
        optimizer = run(method, cube(3), lambda trial: values(trial).sum(), 4, seed)
        others = [values(trial) for trial in optimizer.trials[1:]]  # the first one is being challenged
        mutants = np.array([a + 0.4 * (b - c) for a, b, c in permutations(others)])
        inside = np.where(mutants < 0, -mutants, np.where(mutants > 1, 2 - mutants, mutants))
        child = values(optimizer.ask()[0])
        assert np.abs(inside - child).max(axis=1).min() < 1e-9


def test_no_crossover_changes_one_hyperparameter():
    optimizer = run(DifferentialEvolution(population_size=6, crossover_rate=0.0), cube(4), branin_of_two, 6)
    changed = values(optimizer.ask()[0]) != values(optimizer.trials[0])
    assert changed.sum() == 1


def branin_of_two(trial):
    return float(values(trial)[:2].sum())


def test_warm_starts_are_members():
    space = cube(2)
    queue = space.sample(3, np.random.default_rng(5))
    optimizer = run(DifferentialEvolution(population_size=5), space, branin, 5, queue=queue)
    numbers = optimizer.state().told.number
    assert numbers.tolist() == [-1, -1, -1, 0, 1]
    design = [sobol_point(space.cube, optimizer.seed, i) for i in range(2)]
    np.testing.assert_allclose([values(trial) for trial in optimizer.trials[3:]], design, atol=1e-9)
    assert population(optimizer.state().told, 5)[1].tolist() == [3, 4, 2, 1, 0]


def test_it_is_far_better_than_random_search():
    random, ours = regrets(RandomSearch(), 80), regrets(DifferentialEvolution(), 80)
    assert np.median(ours) < 0.5 * np.median(random)


def test_it_finds_its_way_in_a_conditional_space_with_workers():
    assert np.median(best_planted(DifferentialEvolution(), 100, batch=4)) < 0.16


def test_members_that_failed_are_the_first_to_give_way():
    optimizer = AskTell(planted_space(), DifferentialEvolution(4), rng=np.random.default_rng(0))
    asked = optimizer.ask(4)
    optimizer.tell(
        [replace(asked[0], status="crashed"), *(replace(t, loss=i / 10, status="ok") for i, t in enumerate(asked[1:]))]
    )
    (challenger,) = optimizer.ask()
    optimizer.tell([replace(challenger, loss=0.2, status="ok")])
    assert population(optimizer.state().told, 4)[1].tolist() == [4, 1, 2, 3]


@pytest.mark.parametrize("options", [{"population_size": 3}, {"difference_weight": 0}, {"crossover_rate": 1.1}])
def test_bad_options(options):
    with pytest.raises(InputError):
        DifferentialEvolution(**options)
