"""Particle swarm optimization with constriction (Clerc & Kennedy, IEEE Transactions on Evolutionary Computation 2002).

A particle flies on with its velocity, drawn to the best place that it has been at and to the best that any has been at.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats
from metalearn.errors import InputError
from metalearn.optimizers.population import filled, lanes, new_proposal, ranked_losses, to_unit_cube
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Proposal, State

# Half of phi = 4.1, the usual choice above the 4 from which a swarm is bound to converge, and the constriction
# 2 / |2 - phi - sqrt(phi^2 - 4 phi)| that belongs to it: 0.7298.
_PULL = 2.05
_CONSTRICTION = 2 / abs(2 - 2 * _PULL - np.sqrt((2 * _PULL) ** 2 - 8 * _PULL))


@dataclass(frozen=True)
class ParticleSwarm:
    """A swarm of ``swarm_size`` particles in the unit cube.

    The positions of particle i are proposals i, i + swarm_size, i + 2 swarm_size, ..., and its velocity is the
    difference of the last two, so that what is told is the swarm. A particle that meets a wall stops there. Choices
    have no direction: a particle keeps its own or takes over that of one of the two best places, as the pull to them
    has it, and changes it at random at ``mutation_rate``.

    Raises:
        InputError: when a hyperparameter is out of its range.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> len(AskTell(space, ParticleSwarm(), rng=np.random.default_rng(0)).ask(3))
    3
    """

    takes_queue: ClassVar[bool] = False
    swarm_size: int = 10
    mutation_rate: float = 0.1

    def __post_init__(self) -> None:
        if self.swarm_size < 1:
            raise InputError(f"swarm_size must be at least 1; got {self.swarm_size}.")
        if not 0 <= self.mutation_rate <= 1:
            raise InputError(f"mutation_rate must be in [0, 1]; got {self.mutation_rate}.")

    def begin(self, space: EncodedSpace) -> "ParticleSwarm":  # noqa: ARG002  nothing to prepare
        """Return a proposer for a space: this."""
        return self

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return the initial or the next position of the particle whose turn it is."""
        particle = state.n_proposed % self.swarm_size
        places, velocity = trajectory(state, particle, self.swarm_size)
        if state.n_design < self.swarm_size or not len(places) or not len(state.told):
            return Proposal(sobol_point(state.space, state.seed, state.n_proposed))
        told = state.told.rows(lanes(state.told, self.swarm_size) == particle)
        swarm_best = to_unit_cube(state.space, state.told.X[[ranked_losses(state.told).argmin()]])[0]
        own_best = to_unit_cube(state.space, told.X[[ranked_losses(told).argmin()]])[0] if len(told) else places[-1]
        three = np.stack([places[-1], own_best, swarm_best])
        return new_proposal(state, lambda: self._moved(state.space, filled(three, rng), velocity, rng), rng)

    def _moved(self, space: EncodedSpace, three: Floats, velocity: Floats, rng: np.random.Generator) -> Floats:
        """Return where a particle moves to, from its place and the two best ones (3, d) and its velocity (d,)."""
        place, *best = three
        pulls = _PULL * rng.random((2, len(place)))
        moved = place + _CONSTRICTION * (velocity + np.einsum("bd,bd->d", pulls, best - place))
        weights = np.stack([np.ones(len(place)), *pulls])
        taken = (rng.random(len(place)) * weights.sum(axis=0) > np.cumsum(weights, axis=0)).sum(axis=0)
        choice = np.where(
            rng.random(len(place)) < self.mutation_rate, rng.random(len(place)), three[taken, np.arange(len(place))]
        )
        categorical = np.array([column.kind == "categorical" for column in space.encoding.columns])
        return np.where(categorical, choice, np.clip(moved, 0, 1))


def trajectory(state: State, particle: int, swarm_size: int) -> tuple[Floats, Floats]:
    """Return where a particle has been (t, d), in the unit cube, and its velocity (d,): 0 before its first move.

    What is evaluated right now is a place like any other: that nothing is known of it yet does not stop a particle.
    """
    told = state.told.rows(lanes(state.told, swarm_size) == particle)
    pending = state.pending.rows((state.pending.number >= 0) & (state.pending.number % swarm_size == particle))
    number = np.concatenate([told.number, pending.number])
    order = np.argsort(number, kind="stable")
    places = to_unit_cube(state.space, np.concatenate([told.X, pending.X])[order])
    flown = len(places) > 1 and number[order[-1]] >= 0
    velocity = places[-1] - places[-2] if flown else np.zeros(len(state.space.hyperparameters))
    return places, np.nan_to_num(velocity)
