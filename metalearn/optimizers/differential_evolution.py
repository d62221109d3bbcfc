"""Differential evolution, DE/rand/1/bin (Storn & Price, Journal of Global Optimization 1997).

A member of the population is challenged by a child: a third member plus the scaled difference of two others, crossed
with itself. On mixed spaces it moves in the unit cube in which a choice is an interval, as in DEHB (Awad, Mallik &
Hutter, IJCAI 2021), from which it also has coordinates drawn at random where a hyperparameter is inactive.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, Floats
from metalearn.errors import InputError
from metalearn.optimizers.population import filled, lanes, new_proposal, ranked_losses, reflected, to_unit_cube
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Proposal, State, Table

# Three different others make a child of a member.
_FEWEST = 4


@dataclass(frozen=True)
class DifferentialEvolution:
    """A population whose members give way to better children.

    Proposal i challenges member i modulo ``population_size``, so that a member is the best of its challengers, and
    generations need not wait for each other. ``difference_weight`` (F) and ``crossover_rate`` (CR) are in (0, 2] and
    [0, 1]; the defaults are DEHB's.

    Raises:
        InputError: when a hyperparameter is out of its range.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> len(AskTell(space, DifferentialEvolution(), rng=np.random.default_rng(0)).ask(3))
    3
    """

    takes_queue: ClassVar[bool] = False
    population_size: int = 10
    difference_weight: float = 0.5
    crossover_rate: float = 0.5

    def __post_init__(self) -> None:
        if self.population_size < _FEWEST:
            raise InputError(f"population_size must be at least {_FEWEST}; got {self.population_size}.")
        if not 0 < self.difference_weight <= 2:
            raise InputError(f"difference_weight must be in (0, 2]; got {self.difference_weight}.")
        if not 0 <= self.crossover_rate <= 1:
            raise InputError(f"crossover_rate must be in [0, 1]; got {self.crossover_rate}.")

    def begin(self, space: EncodedSpace) -> "DifferentialEvolution":  # noqa: ARG002  nothing to prepare
        """Return a proposer for a space: this."""
        return self

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return a point of the initial design, or a child for the member whose turn it is."""
        members, best = population(state.told, self.population_size)
        own = members == state.n_proposed % self.population_size
        if state.n_design < self.population_size or len(members) < _FEWEST or not own.any():
            return Proposal(sobol_point(state.space, state.seed, state.n_proposed))
        points = to_unit_cube(state.space, state.told.X[best])
        return new_proposal(state, lambda: self._child(filled(points, rng), int(own.argmax()), rng), rng)

    def _child(self, points: Floats, own: int, rng: np.random.Generator) -> Floats:
        others = np.delete(np.arange(len(points)), own)
        base, plus, minus = points[rng.choice(others, 3, replace=False)]
        mutant = reflected(base + self.difference_weight * (plus - minus))
        crossed = rng.random(len(mutant)) < self.crossover_rate
        crossed[rng.integers(len(mutant))] = True
        return np.where(crossed, mutant, points[own])


def population(told: Table, size: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the members (m,) that have a finished trial, and the row (m,) of ``told`` with the best of each.

    Of equal losses the later one counts: a child that is as good takes the place, as in the paper.
    """
    member = lanes(told, size)
    order = np.lexsort((-np.arange(len(told)), ranked_losses(told)))
    found, first = np.unique(member[order], return_index=True)
    return found, order[first]
