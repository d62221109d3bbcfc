import pickle
import sys
from dataclasses import replace

import cma
import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer, OrdinalHyperparameter
from scipy.stats import norm

from metalearn.checks.optimizers import planted_space
from metalearn.core.encoded_space import EncodedSpace
from metalearn.errors import InputError, MissingDependencyError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.cma_es import CmaEs, Relaxation
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.state import Row, State, Table
from tests.optimizers.problems import best_planted, branin, cube, regrets, run, values

SQUARE = cube(2).cube


def state(rows, space=SQUARE, seed=0):
    d = len(space.hyperparameters)
    told = Table.of(rows, d)
    return State(space, told, Table.of([], d), None, np.empty((0, d)), len(rows), len(rows), seed)


def sphere_rows(n, seed=0, number=0):
    X = 0.5 + 0.1 * np.random.default_rng(seed).standard_normal((n, 2))
    return [Row(x, loss=float(((x - 0.3) ** 2).sum()), status="ok", number=number and i) for i, x in enumerate(X)]


def proposals(known, method=None, n=500):
    """Return what is proposed in one state with n generators (n, d)."""
    proposer = (method or CmaEs()).begin(known.space)
    return np.array([proposer.propose(known, np.random.default_rng(i)).x for i in range(n)])


def test_the_distribution_is_the_packages_after_the_same_generations():
    rows = sphere_rows(20, number=1)
    rng = np.random.default_rng(0)
    options = {"popsize": 6, "randn": lambda *shape: rng.standard_normal(shape), "seed": np.nan, "verbose": -9}
    theirs = cma.CMAEvolutionStrategy([0.5, 0.5], 0.1, options)
    for first in (0, 6, 12):  # the last two are not a generation yet
        theirs.ask()
        theirs.tell([row.x for row in rows[first : first + 6]], [row.loss for row in rows[first : first + 6]])
    drawn = proposals(state(rows), CmaEs(initial_std=0.1, population_size=6))
    covariance = theirs.sigma**2 * theirs.sm.covariance_matrix
    np.testing.assert_allclose(drawn.mean(axis=0), theirs.mean, atol=4 * np.sqrt(covariance.diagonal().max() / 500))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.2 * covariance.diagonal().max())


def test_it_starts_at_the_centre_or_at_the_best_that_was_given():
    centre = proposals(state([]), CmaEs(initial_std=0.01))
    np.testing.assert_allclose(centre.mean(axis=0), 0.5, atol=0.002)
    np.testing.assert_allclose(centre.std(axis=0), 0.01, rtol=0.15)
    given = [Row(np.array(x), loss=loss, status="ok") for x, loss in (([0.2, 0.9], 2.0), ([0.7, 0.1], 1.0))]
    own = Row(np.array([0.4, 0.4]), loss=0.0, status="ok", number=0)
    for rows in (given, [*given, own], [*given, own, given[0]._replace(loss=-1.0)]):
        np.testing.assert_allclose(proposals(state(rows), CmaEs(initial_std=0.01)).mean(axis=0), [0.7, 0.1], atol=0.002)


def test_only_the_order_of_losses_counts():
    rows = sphere_rows(24)
    other = [row._replace(loss=float(np.exp(30 * row.loss))) for row in rows]
    np.testing.assert_array_equal(proposals(state(rows), n=5), proposals(state(other), n=5))


def test_what_it_remembers_does_not_matter():
    rows = sphere_rows(40, number=1)
    known = CmaEs().begin(SQUARE)
    states = [state(rows[:n], seed=s) for n, s in ((8, 0), (20, 0), (40, 0), (40, 1), (13, 0), (0, 0))]
    states.append(state(sphere_rows(40, seed=1, number=1)))
    for each in states:
        fresh = CmaEs().begin(SQUARE).propose(each, np.random.default_rng(3))
        np.testing.assert_array_equal(known.propose(each, np.random.default_rng(3)).x, fresh.x)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(known)).propose(states[2], np.random.default_rng(3)).x,
        known.propose(states[2], np.random.default_rng(3)).x,
    )


def test_failed_trials_rank_last_and_a_generation_of_failures_moves_nothing():
    rows = sphere_rows(12, number=1)
    failed = [row._replace(loss=np.nan, status="crashed") if i in (2, 7) else row for i, row in enumerate(rows)]
    worst = [row._replace(loss=1e9) if i in (2, 7) else row for i, row in enumerate(rows)]
    np.testing.assert_array_equal(proposals(state(failed), n=5), proposals(state(worst), n=5))
    nothing = [row._replace(loss=np.nan, status="crashed") for row in rows]
    np.testing.assert_array_equal(proposals(state(nothing), n=5), proposals(state([]), n=5))


def test_it_starts_anew_with_twice_the_population_when_it_has_converged():
    """A plateau stops the package, and then trials elsewhere are wanted."""
    optimizer = run(CmaEs(population_size=4), cube(2), lambda trial: float(np.round(branin(trial), -3)), 160)
    spread = [np.std([values(trial) for trial in optimizer.trials[i : i + 20]]) for i in range(0, 160, 20)]
    assert min(spread) > 0.02
    assert len({trial.configuration for trial in optimizer.trials}) == 160


def test_choices_are_one_hot_and_the_largest_decides():
    space = EncodedSpace(
        ConfigurationSpace(space=[Categorical("a", list("xyz")), Categorical("b", [0, 1]), Float("c", (0, 1))])
    )
    relaxation = Relaxation(space)
    assert relaxation.widths == (3, 1, 1)
    rows = space.sample(30, np.random.default_rng(0))
    coordinates = relaxation.coordinates(rows, np.full(5, 0.5))
    assert set(np.unique(coordinates[:, :4])) == {0.25, 0.75}
    np.testing.assert_allclose(space.from_unit_cube(np.array([relaxation.point(c) for c in coordinates])), rows)


def test_the_inactive_is_at_the_mean():
    cube_ = planted_space().cube
    rows = cube_.sample(20, np.random.default_rng(0))
    relaxation = Relaxation(cube_)
    mean = np.linspace(0.1, 0.9, sum(relaxation.widths))
    inactive = np.repeat(np.isnan(rows), relaxation.widths, axis=1)
    coordinates = relaxation.coordinates(rows, mean)
    np.testing.assert_array_equal(coordinates[inactive], np.broadcast_to(mean, coordinates.shape)[inactive])


def test_a_value_at_the_mean_still_changes_with_the_chance_of_the_margin():
    space = ConfigurationSpace(
        space=[
            Categorical("a", list("xyz")),
            Float("b", (0, 1)),
            Integer("c", (1, 5)),
            OrdinalHyperparameter("d", list(range(4))),
        ]
    )
    std = Relaxation(EncodedSpace(space)).least_std(0.05)
    expected = {0: 0.5 / np.sqrt(2), 4: 0.1, 5: 0.125}
    assert std[3] == 0
    for place, step in expected.items():
        assert norm.sf(step / std[place]) == pytest.approx(0.05)


def test_it_is_far_better_than_random_search():
    random, ours = regrets(RandomSearch(), 80), regrets(CmaEs(), 80)
    assert np.median(ours) < 0.1 * np.median(random)


def test_it_finds_its_way_in_a_conditional_space_with_workers():
    assert np.median(best_planted(CmaEs(), 100, batch=4)) < 0.13


def test_one_number_alone():
    optimizer = run(CmaEs(), cube(1), lambda trial: float((values(trial)[0] - 0.2) ** 2), 40)
    assert optimizer.best.loss < 1e-4


def test_candidates_and_crashes():
    space = planted_space()
    candidates = space.sample(20, np.random.default_rng(0))
    optimizer = AskTell(space, CmaEs(), candidates=candidates, rng=np.random.default_rng(0))
    while asked := optimizer.ask(3):
        optimizer.tell([replace(trial, status="crashed") for trial in asked])
    assert {trial.configuration for trial in optimizer.trials} == set(candidates)


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(MissingDependencyError, match="pip install cma "):
        CmaEs().begin(SQUARE)


@pytest.mark.parametrize("options", [{"initial_std": 0}, {"population_size": 2}])
def test_bad_options(options):
    with pytest.raises(InputError):
        CmaEs(**options)
