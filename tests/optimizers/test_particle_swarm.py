import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace

from metalearn.core.encoded_space import EncodedSpace
from metalearn.errors import InputError
from metalearn.optimizers.particle_swarm import ParticleSwarm, trajectory
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Row, State, Table
from tests.optimizers.problems import best_planted, branin, cube, regrets, run, values

CHI = 0.729843788  # Clerc & Kennedy's table for phi = 4.1


def state(rows, pending=(), space=None, n_proposed=None):
    """Return the state after rows of (number, x, loss)."""
    space = space or cube(len(rows[0][1])).cube
    d = len(space.hyperparameters)
    told = Table.of([Row(np.array(x, float), loss=loss, status="ok", number=n) for n, x, loss in rows], d)
    waiting = Table.of([Row(np.array(x, float), number=n) for n, x in pending], d)
    n_proposed = len(rows) + len(pending) if n_proposed is None else n_proposed
    return State(space, told, waiting, None, np.empty((0, d)), n_proposed, len(rows) + len(pending), seed=0)


def next_place(method, state, seed=0):
    return method.begin(state.space).propose(state, np.random.default_rng(seed)).x


def test_a_particle_at_the_best_place_flies_on_with_what_constriction_leaves():
    known = state([(0, [0.2, 0.8], 3.0), (1, [0.5, 0.5], 4.0), (2, [0.3, 0.75], 1.0), (3, [0.6, 0.6], 5.0)])
    expected = np.array([0.3, 0.75]) + CHI * np.array([0.1, -0.05])
    np.testing.assert_allclose(next_place(ParticleSwarm(swarm_size=2), known), expected, atol=1e-9)


def test_a_particle_is_drawn_to_its_own_best_and_the_swarms():
    # Particle 0 stands at 0.5 after 0.4: its own best is 0.4, and the swarm's 0.9.
    known = state([(0, [0.4], 2.0), (1, [0.9], 1.0), (2, [0.5], 3.0), (3, [0.8], 4.0)])
    places = np.array([next_place(ParticleSwarm(swarm_size=2), known, seed)[0] for seed in range(600)])
    pulled = CHI * (0.1 + 2.05 * 0.5 * (0.4 - 0.5) + 2.05 * 0.5 * (0.9 - 0.5))
    clipped = np.clip(0.5 + CHI * (0.1 + 2.05 * (np.random.default_rng(1).random((2, 100_000)).T @ [-0.1, 0.4])), 0, 1)
    assert np.mean(places) == pytest.approx(clipped.mean(), abs=0.03)
    assert 0.5 + pulled == pytest.approx(clipped.mean(), abs=0.05)


def test_a_particle_stops_at_the_wall_and_leaves_it_without_velocity():
    method = ParticleSwarm(swarm_size=1)
    known = state([(0, [0.2], 2.0), (1, [0.9], 1.0)])
    assert next_place(method, known) == 1.0
    places, velocity = trajectory(state([(0, [0.9], 1.0), (1, [1.0], 2.0), (2, [1.0], 2.0)]), 0, 1)
    assert velocity == 0
    assert places[:, 0].tolist() == [0.9, 1.0, 1.0]


def test_the_places_of_a_particle_are_every_nth_proposal_whatever_the_order_of_telling():
    rows = [(n, [n / 10], float(n)) for n in range(6)]
    for order in ([0, 1, 2, 3, 4, 5], [5, 2, 0, 1, 4, 3]):
        places, velocity = trajectory(state([rows[i] for i in order]), 1, 2)
        np.testing.assert_allclose(places[:, 0], [0.1, 0.3, 0.5])
        assert velocity == pytest.approx(0.2)


def test_a_place_that_is_being_evaluated_is_where_the_particle_is():
    known = state([(0, [0.2], 1.0), (1, [0.4], 2.0)], pending=[(2, [0.3])])
    places, velocity = trajectory(known, 0, 2)
    assert places[-1] == 0.3
    assert velocity == pytest.approx(0.1)


def test_warm_starts_are_places_without_velocity():
    known = state([(-1, [0.2], 1.0), (-1, [0.4], 2.0), (0, [0.5], 2.0)], n_proposed=1)
    assert trajectory(known, 2, 3)[0][:, 0].tolist() == [0.2]
    assert trajectory(known, 2, 3)[1] == 0


def test_choices_are_kept_or_taken_over_and_rarely_drawn():
    space = EncodedSpace(ConfigurationSpace(space=[Categorical(f"c{j:02}", list(range(5))) for j in range(40)]))
    here, swarm_best = np.zeros(40), np.ones(40)
    known = state([(0, here, 2.0), (1, swarm_best, 1.0)], space=space)
    moved = np.array([next_place(ParticleSwarm(swarm_size=2), known, seed) for seed in range(50)])
    strange = np.mean((moved != 0) & (moved != 1))
    assert strange == pytest.approx(0.1 * 3 / 5, abs=0.015)
    still = np.array([next_place(ParticleSwarm(2, mutation_rate=0), known, seed) for seed in range(50)])
    assert set(np.unique(still)) == {0.0, 1.0}
    assert 0.1 < still.mean() < 0.5


def test_the_swarm_starts_quasi_randomly():
    optimizer = run(ParticleSwarm(swarm_size=6), cube(2), branin, 6)
    design = [sobol_point(optimizer.space.cube, optimizer.seed, i) for i in range(6)]
    np.testing.assert_allclose([values(trial) for trial in optimizer.trials], design, atol=1e-9)


def test_it_is_better_than_random_search():
    random, ours = regrets(RandomSearch(), 100), regrets(ParticleSwarm(), 100)
    assert np.median(ours) < 0.5 * np.median(random)


def test_it_finds_its_way_in_a_conditional_space_with_workers():
    assert np.median(best_planted(ParticleSwarm(), 100, seeds=7, batch=4)) < 0.16


@pytest.mark.parametrize("options", [{"swarm_size": 0}, {"mutation_rate": -0.1}])
def test_bad_options(options):
    with pytest.raises(InputError):
        ParticleSwarm(**options)
