"""Grid search: every combination of all choices and of some values of each number.

In a conditional space the combinations form a tree: a hyperparameter branches only where it is active. How many there
are below a branch depends on nothing but the values that later conditions look at, so that it is counted once for each
of those. Combination i is then found by descending, without making those before it, however large the grid is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import shake_256
from typing import ClassVar, Literal

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats, choices_of, row_keys
from metalearn.errors import InputError
from metalearn.optimizers.state import Proposal, State

# So many rounds make a Feistel network a strong pseudorandom permutation (Luby & Rackoff, SIAM J. Computing 1988).
_ROUNDS = 4
# Which level each of some columns has; None where it is inactive.
Levels = tuple[int | None, ...]


@dataclass(frozen=True)
class GridSearch:
    """Try the grid from its first combination to its last, and then nothing more.

    A number has ``n_per_number`` values, evenly spaced on its own scale from its least to its largest (all of them
    where it has no more; its default where ``n_per_number`` is 1). In ``order`` "sorted" the last hyperparameter varies
    fastest, as in nested loops; "shuffled" is a random order, for when time will not suffice for the whole grid.
    Combinations that a clause forbids or that were tried before, as warm starts for instance, are skipped. A list of
    candidates is a grid of its own.

    Raises:
        InputError: when n_per_number is below 1, or the order is none of the two.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("svm-1", ConfigurationSpace(space=[Float("C", (0.01, 100), log=True)]))
    >>> trials = AskTell(space, GridSearch(n_per_number=3), rng=np.random.default_rng(0)).ask(10)
    >>> [trial.configuration.hyperparameters["C"] for trial in trials]
    [0.01, 1, 100]
    """

    takes_queue: ClassVar[bool] = False
    n_per_number: int = 5
    order: Literal["sorted", "shuffled"] = "sorted"

    def __post_init__(self) -> None:
        if self.n_per_number < 1:
            raise InputError(f"n_per_number must be at least 1; got {self.n_per_number}.")
        if self.order not in ("sorted", "shuffled"):
            raise InputError(f"The order of a grid is sorted or shuffled; got {self.order!r}.")

    def begin(self, space: EncodedSpace) -> "_Sweep":
        """Return a proposer for a space."""
        return _Sweep(Grid(space, self.n_per_number), self.order == "shuffled")


@dataclass(frozen=True, eq=False)
class Grid:
    """The combinations of a space, numbered from 0 to size - 1; those that a clause forbids have numbers too.

    >>> from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float
    >>> kind, x = Categorical("kind", ["a", "b"]), Float("x", (0, 1))
    >>> space = ConfigurationSpace(space=[kind, x])
    >>> _ = space.add(EqualsCondition(x, kind, "b"))
    >>> grid = Grid(EncodedSpace(space), n_per_number=3)
    >>> np.array([grid.row(i) for i in range(grid.size)])
    array([[0. , nan],
           [1. , 0. ],
           [1. , 0.5],
           [1. , 1. ]])
    """

    space: EncodedSpace
    n_per_number: int
    _counted: dict[tuple[int, Levels], int] = field(default_factory=dict, repr=False)

    @cached_property
    def size(self) -> int:
        """The number of combinations; it may be larger than any that fits into 64 bits."""
        return self._count(0, ())

    def row(self, index: int) -> Floats:
        """Return a combination (d,), NaN where inactive."""
        row = np.full(len(self.levels), np.nan)
        context: Levels = ()
        for j, levels in enumerate(self.levels):
            level, context, index = self._branch(j, context, index)
            if level is not None:
                row[j] = levels[level] / self.space.scales[j]
        return row

    @cached_property
    def levels(self) -> tuple[Floats, ...]:
        """What values each of the d hyperparameters takes, in ConfigSpace's vectors."""
        return tuple(map(self._levels, range(len(self.space.hyperparameters))))

    @cached_property
    def _watched(self) -> tuple[tuple[int, ...], ...]:
        """For each column (and one more) the columns before it that conditions of it or of later ones look at."""
        place = {h.name: j for j, h in enumerate(self.space.hyperparameters)}
        parents = [
            {place[parent.name] for parent in self.space.config_space.parents_of[h.name]}
            for h in self.space.hyperparameters
        ]
        d = len(parents)
        return tuple(tuple(sorted(i for i in set().union(*parents[j:]) if i < j)) for j in range(d + 1))

    def _levels(self, j: int) -> Floats:
        hyperparameter, n_values = self.space.hyperparameters[j], self.space.encoding.columns[j].n_values
        if choices := choices_of(hyperparameter):
            return np.arange(len(choices), dtype=np.float64)
        if min(n_values, self.n_per_number) == 1:
            return np.array([self.space.default[j] * self.space.scales[j]])
        if n_values <= self.n_per_number:
            values = np.arange(hyperparameter.lower, hyperparameter.upper + 1)  # type: ignore[attr-defined]
            return np.asarray(hyperparameter.to_vector(values), dtype=np.float64)
        spaced = np.linspace(0, 1, self.n_per_number)
        if np.isinf(n_values):
            return spaced
        return np.unique(np.asarray(hyperparameter.to_vector(hyperparameter.to_value(spaced)), dtype=np.float64))

    def _count(self, j: int, context: Levels) -> int:
        """Return the number of combinations of column j and those after it; ``context`` are levels of the watched."""
        if j == len(self.levels):
            return 1
        if (j, context) not in self._counted:
            followings = [following for _, following in self._branches(j, context)]
            self._counted[j, context] = sum(self._count(j + 1, following) for following in followings)
        return self._counted[j, context]

    def _branch(self, j: int, context: Levels, index: int) -> tuple[int | None, Levels, int]:
        """Return column j's level in the combination at an index below a branch, the next context, the index there."""
        for level, following in self._branches(j, context):
            below = self._count(j + 1, following)
            if index < below:
                return level, following, index
            index -= below
        raise IndexError(f"A grid of {self.size} combinations has none beyond.")

    def _branches(self, j: int, context: Levels) -> Iterator[tuple[int | None, Levels]]:
        """Yield the levels that column j can have, each with the context of the next column."""
        known = dict(zip(self._watched[j], context, strict=True))
        levels: Sequence[int | None] = range(len(self.levels[j])) if self._active(j, known) else (None,)
        for level in levels:
            known[j] = level
            yield level, tuple(known[i] for i in self._watched[j + 1])

    def _active(self, j: int, known: dict[int, int | None]) -> bool:
        conditions = self.space.config_space.parent_conditions_of[self.space.hyperparameters[j].name]
        if not conditions:
            return True
        vectors = np.full((len(self.levels), 1), np.nan)
        for i, level in known.items():
            vectors[i] = np.nan if level is None else self.levels[i][level]
        return all(condition.satisfied_by_vector_array(vectors)[0] for condition in conditions)


@dataclass(frozen=True, eq=False)
class _Sweep:
    """Goes through the grid; remembers what it has looked up."""

    grid: Grid
    shuffled: bool
    _known: dict[tuple[int, int], tuple[Floats, bytes | None]] = field(default_factory=dict, repr=False)

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return the first combination of the order that is allowed and was not tried."""
        if state.candidates is not None:
            first = rng.integers(len(state.candidates)) if self.shuffled and len(state.candidates) else 0
            return Proposal(state.candidates[first]) if len(state.candidates) else None
        tried = state.tried
        for position in range(self.grid.size):
            row, key = self._row(position, state.seed)
            if key is not None and key not in tried:
                return Proposal(row)
        return None

    def _row(self, position: int, seed: int) -> tuple[Floats, bytes | None]:
        """Return a combination (d,) and what it is equal by, which is None where a clause forbids it."""
        if (position, seed) not in self._known:
            row = self.grid.row(shuffled(position, self.grid.size, seed) if self.shuffled else position)
            key = row_keys(row[None])[0] if self.grid.space.allowed(row[None])[0] else None
            self._known[position, seed] = row, key
        return self._known[position, seed]


def shuffled(index: int, size: int, seed: int) -> int:
    """Return where index goes in a pseudorandom permutation of 0, ..., size - 1.

    A Feistel network over the next even power of two, walked until it is inside (Black & Rogaway, "Ciphers with
    arbitrary finite domains", CT-RSA 2002): nothing needs to be stored, however large the size is.

    >>> sorted(shuffled(i, 5, seed=0) for i in range(5))
    [0, 1, 2, 3, 4]
    """
    half = max((size - 1).bit_length() + 1, 2) // 2
    while True:
        left, right = divmod(index, 1 << half)
        for step in range(_ROUNDS):
            digest = shake_256(f"{seed},{step},{right}".encode()).digest(half // 8 + 1)
            left, right = right, left ^ int.from_bytes(digest, "big") % (1 << half)
        index = (left << half) + right
        if index < size:
            return index
