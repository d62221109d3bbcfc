"""The default optimizer: the method that measured best, and a cheaper one where that takes too long.

In ``benchmarks.optimizers`` the Gaussian process is ahead of the other methods on functions and tables, in conditional
spaces too. Its time for a proposal grows with the square of the trials, though; that of Parzen estimators grows
linearly, and after many trials there is less between them.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace
from metalearn.errors import InputError
from metalearn.optimizers.bayesian import GaussianProcessSearch
from metalearn.optimizers.state import Proposal, Proposer, State
from metalearn.optimizers.tpe import TPE


@dataclass(frozen=True)
class Auto:
    """A Gaussian process up to ``n_gaussian`` trials, tree-structured Parzen estimators from there on.

    ``n_initial`` trials come from a Sobol' sequence first. A proposal takes a fifth of a second after 1,000 trials.

    Raises:
        InputError: when a number of trials is below 1.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from dataclasses import replace
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> optimizer = AskTell(space, Auto(n_initial=4), rng=np.random.default_rng(0))
    >>> for _ in range(12):
    ...     trial, = optimizer.ask()
    ...     optimizer.tell([replace(trial, loss=abs(trial.configuration.hyperparameters["x"] - 0.7), status="ok")])
    >>> optimizer.best.loss < 0.02
    True
    """

    takes_queue: ClassVar[bool] = False
    n_gaussian: int = 1000
    n_initial: int = 10

    def __post_init__(self) -> None:
        if self.n_gaussian < 1 or self.n_initial < 1:
            raise InputError(f"n_gaussian and n_initial are at least 1; got {self.n_gaussian} and {self.n_initial}.")

    def begin(self, space: EncodedSpace) -> "Switching":
        """Return a proposer for a space."""
        few = GaussianProcessSearch(n_initial=self.n_initial).begin(space)
        return Switching(self.n_gaussian, few, TPE(n_initial=self.n_initial).begin(space))


@dataclass(frozen=True, eq=False)
class Switching:
    """One proposer for the first trials, another one for those after."""

    n_first: int
    first: Proposer
    then: Proposer

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return what the one whose turn it is proposes."""
        few = len(state.told) + len(state.pending) < self.n_first
        return (self.first if few else self.then).propose(state, rng)
