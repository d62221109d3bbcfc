from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer, OrdinalHyperparameter

from metalearn.checks.optimizers import planted_loss, planted_space
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.population_based_training import (
    PopulationBasedTraining,
    continued,
    exploited,
    explored,
)
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.state import Row, Table
from tests.optimizers.problems import cube, values

SMALL = PopulationBasedTraining(population_size=4, n_intervals=3)


def interval(losses, first=0):
    rows = [Row(np.zeros(1), loss=loss, status="ok", number=first + i) for i, loss in enumerate(losses)]
    return Table.of(rows, 1)


def test_the_worst_go_on_from_the_best():
    losses = [5.0, 1.0, 7.0, 3.0, 8.0, 2.0, 4.0, 6.0]
    sources = np.array([exploited(interval(losses), 0.25, seed) for seed in range(40)])
    assert {tuple(source[[0, 1, 3, 5, 6, 7]]) for source in sources} == {(0, 1, 3, 5, 6, 7)}
    assert {int(source[i]) for source in sources for i in (2, 4)} == {1, 5}


def test_all_that_failed_go_on_from_the_best():
    assert exploited(interval([np.nan, np.nan, 9.0, np.nan]), 0.25, 0).tolist() == [2, 2, 2, 2]
    assert exploited(interval([3.0]), 0.25, 0).tolist() == [0]


def test_who_goes_on_from_whom_differs_between_intervals_and_seeds():
    losses = list(range(20))
    sources = {tuple(exploited(interval(losses, first), 0.5, seed)) for first in (0, 20) for seed in (0, 1)}
    assert len(sources) == 4


def test_exploring_multiplies_numbers_on_any_scale():
    space = SearchSpace(
        "s-1",
        ConfigurationSpace(
            space=[
                Float("a_log", (1e-4, 1), log=True),
                Float("b_linear", (0, 10)),
                Integer("c_few", (1, 10)),
                Integer("d_many", (1, 1000), log=True),
                OrdinalHyperparameter("e_ordinal", [16, 32, 64, 128]),
                Categorical("f_choice", ["x", "y", "z"]),
            ]
        ),
    )
    start = {"a_log": 0.01, "b_linear": 5.0, "c_few": 2, "d_many": 100, "e_ordinal": 32, "f_choice": "y"}
    row = space.encode([replace(space.default(), hyperparameters=start)])[0]
    found = {name: set() for name in start}
    for seed in range(50):
        point = explored(space.cube, row, 0.0, (0.8, 1.2), np.random.default_rng(seed))
        for name, value in space.decode(space.cube.from_unit_cube(point[None]))[0].hyperparameters.items():
            found[name].add(value)
    assert found["a_log"] == {0.008, 0.012}
    assert found["b_linear"] == {4, 6}
    assert found["c_few"] == {1, 3}  # 1.6 and 2.4 are 2 again, which would explore nothing
    assert found["d_many"] == {80, 120}
    assert found["e_ordinal"] == {16, 64}
    assert found["f_choice"] == {"y"}
    drawn = [explored(space.cube, row, 1.0, (0.8, 1.2), np.random.default_rng(seed)) for seed in range(300)]
    np.testing.assert_allclose(np.mean(drawn, axis=0), 0.5, atol=0.07)


def test_exploring_stays_in_bounds_and_fills_what_a_choice_activates():
    cube_ = planted_space().cube
    for seed, row in enumerate(cube_.sample(60, np.random.default_rng(0))):
        point = explored(cube_, row, 0.5, (0.2, 5.0), np.random.default_rng(seed))
        assert ((point >= 0) & (point <= 1)).all()


def tell(optimizer, trials, loss=None):
    loss = loss or (lambda trial: planted_loss(trial.configuration))
    optimizer.tell([replace(trial, loss=float(loss(trial)), status="ok") for trial in trials])


def test_a_population_rises_through_the_fidelities_together():
    optimizer = AskTell(planted_space(), SMALL, rng=np.random.default_rng(0))
    for step in range(1, 7):
        asked = optimizer.ask(4)
        assert {trial.fidelity for trial in asked} == {((step - 1) % 3 + 1) / 3}
        tell(optimizer, asked[1:])
        if step % 3:
            assert optimizer.ask() == ()  # one has not finished
        tell(optimizer, asked[:1])


def test_three_of_four_go_on_as_they_are_and_one_takes_over_from_the_best():
    optimizer = AskTell(planted_space(), SMALL, rng=np.random.default_rng(0))
    first = optimizer.ask(4)
    assert [continued(optimizer, trial) for trial in first] == [None] * 4
    tell(optimizer, first)
    told = sorted(optimizer.trials, key=lambda trial: trial.loss)
    second = optimizer.ask(4)
    parents = [continued(optimizer, trial) for trial in second]
    for trial, parent, before in zip(second, parents, first, strict=True):
        if before.configuration == told[-1].configuration:
            assert parent == told[0]
            assert trial.configuration != told[0].configuration
        else:
            assert parent.configuration == trial.configuration == before.configuration
            assert parent.fidelity == pytest.approx(1 / 3)


def test_the_order_of_telling_does_not_matter():
    configurations = []
    for order in (1, -1):
        optimizer = AskTell(planted_space(), SMALL, rng=np.random.default_rng(0))
        for _ in range(4):
            tell(optimizer, optimizer.ask(4)[::order])
        configurations.append([trial.configuration for trial in optimizer.ask(4)])
    assert configurations[0] == configurations[1]


def test_the_queue_supplies_the_first_members():
    queue = planted_space().sample(6, np.random.default_rng(5))
    optimizer = AskTell(planted_space(), SMALL, queue=queue, rng=np.random.default_rng(0))
    configurations = []
    for _ in range(4):
        asked = optimizer.ask(4)
        configurations.append([trial.configuration for trial in asked])
        tell(optimizer, asked)
    assert configurations[0] == list(queue[:4])
    assert configurations[3][:2] == list(queue[4:])


def test_where_all_failed_members_start_anew():
    optimizer = AskTell(planted_space(), SMALL, rng=np.random.default_rng(0))
    first = optimizer.ask(4)
    optimizer.tell([replace(trial, status="memout") for trial in first])
    second = optimizer.ask(4)
    assert not {trial.configuration for trial in first} & {trial.configuration for trial in second}
    assert [continued(optimizer, trial) for trial in second] == [None] * 4


def test_weights_are_inherited():
    """Two members, ten intervals, on the paper's toy: losses fall throughout the training of each member."""
    method = PopulationBasedTraining(population_size=2, n_intervals=10, quantile=0.5)
    optimizer = AskTell(cube(2), method, rng=np.random.default_rng(1))
    weights, losses = {}, []
    for _ in range(10):
        asked = optimizer.ask(2)
        done = []
        for trial in asked:
            parent = continued(optimizer, trial)
            theta = weights[parent.configuration.id, parent.fidelity] if parent else np.array([0.9, 0.9])
            theta = theta * (1 - 0.04 * values(trial)) ** 4
            weights[trial.configuration.id, trial.fidelity] = theta
            done.append(replace(trial, loss=float((theta**2).sum()), status="ok"))
        losses.append([trial.loss for trial in done])
        optimizer.tell(done)
    best = np.min(losses, axis=1)
    assert (np.diff(best) < 0).all()
    # The worse of the two went on from the better each time, so that it never falls behind by more than an interval.
    assert all(max(later) < min(earlier) for earlier, later in pairwise(losses))


def test_continued_is_only_for_pending_trials_of_this_method():
    optimizer = AskTell(planted_space(), SMALL, rng=np.random.default_rng(0))
    (trial,) = optimizer.ask()
    tell(optimizer, [trial])
    with pytest.raises(InputError, match="not pending"):
        continued(optimizer, trial)
    other = AskTell(planted_space(), RandomSearch(), rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="RandomSearch"):
        continued(other, other.ask()[0])


@pytest.mark.parametrize(
    "options",
    [
        {"population_size": 0},
        {"n_intervals": 0},
        {"quantile": 0.6},
        {"resample_probability": 2},
        {"factors": ()},
        {"factors": (0.0,)},
    ],
)
def test_bad_options(options):
    with pytest.raises(InputError):
        PopulationBasedTraining(**options)
