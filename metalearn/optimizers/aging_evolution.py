"""Aging evolution, also known as regularized evolution (Real, Aggarwal, Huang & Le, AAAI 2019).

The population is the most recent trials. The best of a random sample of it gets a child that differs in one
hyperparameter, and the oldest dies, however good it is: nothing survives on one lucky evaluation.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats
from metalearn.errors import InputError
from metalearn.optimizers.population import filled, new_proposal, ranked_losses, reflected, to_unit_cube
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Proposal, State

# A number moves by 2^-k of its range with k uniform from 0 to this: every scale of a step is as likely as any other
# (Muehlenbein & Schlierkamp-Voosen, "Predictive models for the breeder genetic algorithm", 1993). In architecture
# search, where the method comes from, there are choices only.
_PRECISION = 10


@dataclass(frozen=True)
class AgingEvolution:
    """Mutate the best of ``sample_size`` drawn from the last ``population_size`` trials, in one active hyperparameter.

    The paper's 100 and 25 are for tens of thousands of trials; these are for hundreds.

    Raises:
        InputError: when a size is below 1, or the sample larger than the population.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> len(AskTell(space, AgingEvolution(), rng=np.random.default_rng(0)).ask(3))
    3
    """

    takes_queue: ClassVar[bool] = False
    population_size: int = 20
    sample_size: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.sample_size <= self.population_size:
            raise InputError(
                f"sample_size must be from 1 to population_size; got {self.sample_size} and {self.population_size}."
            )

    def begin(self, space: EncodedSpace) -> "AgingEvolution":  # noqa: ARG002  nothing to prepare
        """Return a proposer for a space: this."""
        return self

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return a point of the initial design, or a mutated configuration."""
        if state.n_design < self.population_size or not len(state.told):
            return Proposal(sobol_point(state.space, state.seed, state.n_proposed))
        living = slice(-self.population_size, None)
        loss = ranked_losses(state.told)[living]
        points = to_unit_cube(state.space, state.told.X[living])

        def draw() -> Floats:
            sample = rng.integers(len(loss), size=self.sample_size)
            return mutated(state.space, points[sample[loss[sample].argmin()]], rng)

        return new_proposal(state, draw, rng)


def mutated(space: EncodedSpace, point: Floats, rng: np.random.Generator) -> Floats:
    """Return a point (d,) of the unit cube that differs from the given one in one active hyperparameter.

    What the change makes active is drawn at random.
    """
    columns = space.encoding.columns
    free = [j for j, column in enumerate(columns) if column.n_values > 1 and not np.isnan(point[j])]
    child = filled(point, rng)
    if free:
        j = rng.choice(free)
        step = rng.choice([-1, 1]) * 2 ** -rng.uniform(0, _PRECISION)
        child[j] = rng.random() if columns[j].kind == "categorical" else reflected(child[j] + step)
    return child
