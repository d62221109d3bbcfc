from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, Float, Integer
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.encoded_space import EncodedSpace
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError, UnknownNameError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.cma_es import CmaEs
from metalearn.optimizers.differential_evolution import DifferentialEvolution
from metalearn.optimizers.random_embedding import HashedEmbedding, RandomEmbedding
from metalearn.optimizers.state import Proposal
from tests.optimizers.problems import cube, run, values


def mixed():
    kind = Categorical("kind", list("abc"), weights=[1, 2, 1])
    numbers = [Float(f"x{j}", (1e-3, 1e3), log=True) for j in range(6)]
    whole, inner = Integer("whole", (1, 40), log=True), Float("inner", (-1, 1))
    space = ConfigurationSpace(space=[kind, *numbers, whole, inner, Constant("fixed", 3), Integer("n", (0, 3))])
    space.add(EqualsCondition(inner, kind, "b"))
    return SearchSpace("mixed-1", space)


MIXED = mixed()


@given(st.integers(0, 2**32 - 1), st.integers(1, 11))
@settings(max_examples=30)
def test_a_point_comes_back_from_the_space(seed, n_dims):
    rng = np.random.default_rng(seed)
    embedding = HashedEmbedding.drawn(MIXED.cube, n_dims, seed)
    rows = MIXED.cube.from_unit_cube(embedding.up(rng.random((20, n_dims))))
    decoded = MIXED.encode(MIXED.decode(rows))
    points, inside = embedding.down(decoded)
    assert inside.all()
    assert ((points >= 0) & (points <= 1)).all()
    again = MIXED.cube.from_unit_cube(embedding.up(points))
    numbers = [j for j, column in enumerate(MIXED.encoding.columns) if np.isinf(column.n_values)]
    np.testing.assert_allclose(again[:, numbers], decoded[:, numbers], atol=1e-5)


def test_where_a_number_follows_a_coordinate_it_comes_back_exactly():
    wide = cube(12).cube
    points = np.random.default_rng(0).random((20, 4))
    embedding = HashedEmbedding.drawn(wide, 4, 0)
    back, inside = embedding.down(embedding.up(points))
    assert inside.all()
    np.testing.assert_allclose(back, points, atol=1e-9)


def test_each_hyperparameter_follows_one_coordinate_up_or_down_and_coordinates_share_evenly():
    embedding = HashedEmbedding.drawn(cube(25).cube, 4, 7)
    assert sorted(np.bincount(embedding.coordinate, minlength=4)) == [6, 6, 6, 7]
    low, high = embedding.up(np.zeros((1, 4)))[0], embedding.up(np.ones((1, 4)))[0]
    assert set(low) == {0.0, 1.0}
    np.testing.assert_array_equal(low, 1 - high)
    assert not np.array_equal(embedding.coordinate, HashedEmbedding.drawn(cube(25).cube, 4, 8).coordinate)


def test_what_lies_outside_is_told_apart():
    wide = cube(12).cube
    embedding = HashedEmbedding.drawn(wide, 3, 0)
    inside = embedding.up(np.random.default_rng(0).random((5, 3)))
    outside = wide.sample(5, np.random.default_rng(1))
    assert embedding.down(np.concatenate([inside, outside]))[1].tolist() == [True] * 5 + [False] * 5


@dataclass(frozen=True)
class Watching:
    """Proposes the middle of the cube, and keeps the states that it was shown."""

    takes_queue: ClassVar[bool] = False
    states: list = field(default_factory=list)

    def begin(self, space):
        return self

    def propose(self, state, rng):
        self.states.append(state)
        return Proposal(np.full(len(state.space.hyperparameters), 0.5))


def test_the_base_sees_the_small_cube_and_only_what_is_in_it():
    base, space = Watching(), cube(20)
    warm = space.sample(2, np.random.default_rng(0))
    optimizer = AskTell(space, RandomEmbedding(base, n_dims=3), queue=warm, rng=np.random.default_rng(0))
    optimizer.tell([replace(trial, loss=1.0, status="ok") for trial in optimizer.ask(4)])
    optimizer.ask(2)
    last = base.states[-1]
    assert last.told.X.shape == (2, 3)  # not the two warm starts
    assert last.pending.X.shape == (1, 3)
    np.testing.assert_allclose(last.told.X[0], 0.5, atol=1e-6)
    assert last.n_design == 5
    assert len(last.space.hyperparameters) == last.space.sample(1, np.random.default_rng(0)).shape[1] == 3
    assert len({trial.configuration for trial in optimizer.trials + optimizer.pending}) == 6  # redrawn in the embedding
    rows = space.encode([trial.configuration for trial in optimizer.pending])
    assert HashedEmbedding.drawn(space.cube, 3, optimizer.seed).down(rows)[1].all()


@pytest.mark.parametrize("base", [DifferentialEvolution(5), CmaEs()])
def test_it_is_the_base_method_in_the_small_cube(base):
    wide, seed = cube(30), 3
    small = SearchSpace("small-1", ConfigurationSpace(space=[Float(f"y{j}", (0, 1)) for j in range(4)]))
    direct = run(base, small, lambda trial: float(((values(trial) - 0.2) ** 2).sum()), 25, seed)
    embedding = HashedEmbedding.drawn(wide.cube, 4, direct.seed)

    def point(trial):
        return embedding.down(wide.encode([trial.configuration]))[0][0]

    embedded = run(
        RandomEmbedding(base, n_dims=4), wide, lambda trial: float(((point(trial) - 0.2) ** 2).sum()), 25, seed
    )
    expected = [values(trial) for trial in direct.trials]
    np.testing.assert_allclose([point(trial) for trial in embedded.trials], expected, atol=1e-3)


def test_no_more_dimensions_than_hyperparameters():
    optimizer = AskTell(cube(2), RandomEmbedding("random", n_dims=10), rng=np.random.default_rng(0))
    drawn = np.array([values(trial) for trial in optimizer.ask(30)])
    assert np.linalg.matrix_rank(drawn - drawn.mean(axis=0)) == 2


def test_bad_options():
    with pytest.raises(InputError):
        RandomEmbedding(n_dims=0)
    with pytest.raises(UnknownNameError):
        RandomEmbedding("no such method").begin(EncodedSpace(MIXED.config_space))

    class Scheduler(Watching):
        takes_queue = True

    with pytest.raises(InputError):
        RandomEmbedding(Scheduler()).begin(MIXED.cube)
