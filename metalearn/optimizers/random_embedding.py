"""Random embedding: any method in a cube of few dimensions that is laid at random through a space of many.

Where few of many hyperparameters matter, a random subspace contains good configurations (REMBO: Wang, Hutter, Zoghi,
Matheson & de Freitas, JAIR 2016). The embedding here is the hashed one of HeSBO (Nayebi, Munteanu & Poloczek, ICML
2019): each hyperparameter follows one coordinate of the small cube, upwards or downwards, so that no point leaves the
large one, whereas a Gaussian matrix sends most of them out of it, to be clipped.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, count
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, Floats, shares_of
from metalearn.errors import InputError
from metalearn.optimizers.population import new_proposal, to_unit_cube
from metalearn.optimizers.state import Method, Proposal, Proposer, State, Table, method_of

# Decoding rounds a number to 12 digits; two coordinates that differ by less than this are one.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class RandomEmbedding:
    """Let a ``base`` method, or the one registered under a name, search a cube of ``n_dims`` dimensions.

    The optimizer's seed draws the embedding. Trials outside of it, as warm starts mostly are, count towards the
    initial design and for the best found, but say nothing to the base method: none of its points stands for them.
    Two hyperparameters that matter share a coordinate, and can then not be set one by one, with a chance of about
    1 / n_dims: have several more dimensions than hyperparameters that matter.

    Raises:
        InputError: when n_dims is below 1.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> wide = SearchSpace("wide-1", ConfigurationSpace(space=[Float(f"x{j}", (0, 1)) for j in range(30)]))
    >>> trial, = AskTell(wide, RandomEmbedding("random", n_dims=1), rng=np.random.default_rng(0)).ask()
    >>> len({round(abs(x - 0.5), 9) for x in trial.configuration.hyperparameters.values()})
    1
    """

    takes_queue: ClassVar[bool] = False
    base: str | Method = "gp"
    n_dims: int = 10

    def __post_init__(self) -> None:
        if self.n_dims < 1:
            raise InputError(f"n_dims must be at least 1; got {self.n_dims}.")

    def begin(self, space: EncodedSpace) -> "_Embedded":
        """Return a proposer for a space.

        Raises:
            UnknownNameError: when no optimizer is registered under the base's name.
            InputError: when the base method chooses fidelities: that goes around an embedding, not into it.
        """
        base = method_of(self.base)
        if base.takes_queue:
            raise InputError(f"{base} places the queue itself; put the embedding into it, not it into the embedding.")
        small = _unit_cube(min(self.n_dims, len(space.hyperparameters)))
        return _Embedded(space, small, base.begin(small))


@dataclass(frozen=True, eq=False)
class HashedEmbedding:
    """Which coordinate (d,) of the small cube each hyperparameter follows, and whether downwards (d,).

    Coordinates are dealt out evenly, which makes it less likely than independent hashing that two of the
    hyperparameters that matter follow the same one.
    """

    space: EncodedSpace
    coordinate: NDArray[np.int64]
    downwards: NDArray[np.bool_]
    n_dims: int

    @classmethod
    def drawn(cls, space: EncodedSpace, n_dims: int, seed: int) -> "HashedEmbedding":
        """Draw an embedding of ``n_dims`` dimensions."""
        rng, d = np.random.default_rng([seed, 0]), len(space.hyperparameters)
        return cls(space, rng.permutation(d) % n_dims, rng.random(d) < 0.5, n_dims)

    def up(self, points: Floats) -> Floats:
        """Return the points (n, d) of the large cube for points (n, n_dims) of the small one."""
        followed = points[:, self.coordinate]
        return np.where(self.downwards, 1 - followed, followed)

    def down(self, X: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return points (n, n_dims) of the small cube for rows X (n, d), and whether they stand for them (n,).

        Each hyperparameter leaves an interval for the coordinate that it follows: a number nearly a point, a choice
        its share, an inactive one everything. A row is in the embedding where these have something in common, whose
        middle is the point.
        """
        low, high = intervals(self.space, X)
        low, high = (np.where(self.downwards, 1 - end, start) for start, end in ((low, high), (high, low)))
        least, most = np.zeros((len(X), self.n_dims)), np.ones((len(X), self.n_dims))
        for j, coordinate in enumerate(self.coordinate):
            least[:, coordinate] = np.maximum(least[:, coordinate], low[:, j])
            most[:, coordinate] = np.minimum(most[:, coordinate], high[:, j])
        return (least + most) / 2, np.asarray((least <= most).all(axis=1))


def intervals(space: EncodedSpace, X: Floats) -> tuple[Floats, Floats]:
    """Return the least and the largest coordinates (n, d) in the unit cube that stand for the values of X (n, d).

    >>> from ConfigSpace import ConfigurationSpace, Integer
    >>> space = EncodedSpace(ConfigurationSpace(space=[Integer("n", (1, 5))]))
    >>> [ends.round(3).tolist() for ends in intervals(space, np.array([[0.25], [np.nan]]))]
    [[[0.125], [0.0]], [[0.375], [1.0]]]
    """
    points = to_unit_cube(space, X)
    low, high = points - _TOLERANCE, points + _TOLERANCE
    for j, (hyperparameter, column) in enumerate(zip(space.hyperparameters, space.encoding.columns, strict=True)):
        active = ~np.isnan(X[:, j])
        half = shares_of(hyperparameter) / 2
        if len(half):
            chosen = np.rint(X[active, j] * space.scales[j]).astype(np.int64)
            low[active, j], high[active, j] = points[active, j] - half[chosen], points[active, j] + half[chosen]
        elif column.n_values == 1:
            low[active, j], high[active, j] = 0, 1
        elif np.isfinite(column.n_values):
            value = np.asarray(hyperparameter.to_value(X[active, j]))
            low[active, j] = np.asarray(hyperparameter.to_vector(value - 0.5)) - _TOLERANCE
            high[active, j] = np.asarray(hyperparameter.to_vector(value + 0.5)) + _TOLERANCE
    return np.clip(np.nan_to_num(low, nan=0.0), 0, 1), np.clip(np.nan_to_num(high, nan=1.0), 0, 1)


@dataclass(frozen=True, eq=False)
class _Embedded:
    """Asks the base method for points of the small cube."""

    space: EncodedSpace
    small: EncodedSpace
    base: Proposer

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return what the base method's proposal stands for, or a random point where that is forbidden or not new."""
        embedding = _embedding(self.space, len(self.small.hyperparameters), state.seed)
        found = self.base.propose(self._seen(state, embedding), rng)
        if found is None:
            return None
        points = chain([found.x], (rng.random(embedding.n_dims) for _ in count()))
        proposal = new_proposal(state, lambda: embedding.up(next(points)[None])[0], rng)
        return proposal._replace(fidelity=found.fidelity)

    def _seen(self, state: State, embedding: HashedEmbedding) -> State:
        """Return the state as the base method is to see it."""

        def seen(table: Table) -> Table:
            points, inside = embedding.down(table.X)
            return replace(table, X=points).rows(inside)

        return replace(
            state,
            space=self.small,
            told=seen(state.told),
            pending=seen(state.pending),
            candidates=None,
            queue=np.empty((0, embedding.n_dims)),
        )


@lru_cache(maxsize=32)
def _embedding(space: EncodedSpace, n_dims: int, seed: int) -> HashedEmbedding:
    return HashedEmbedding.drawn(space, n_dims, seed)


def _unit_cube(n_dims: int) -> EncodedSpace:
    from ConfigSpace import ConfigurationSpace, Float

    return EncodedSpace(ConfigurationSpace(space=[Float(f"y{j:04}", (0, 1)) for j in range(n_dims)]))
