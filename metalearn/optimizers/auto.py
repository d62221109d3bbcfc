"""The default optimizer: a Gaussian process, others in between, and a cheaper method where it takes too long.

In ``benchmarks.optimizers`` the Gaussian process is ahead of the other methods on smooth losses. Where it is not, its
kernel does not fit (a loss with steps, a few outliers) or it does not leave a choice that began well, and a forest gets
on: taking turns, each is told what the other found (a portfolio of methods: Hoffman, Brochu & de Freitas, "Portfolio
allocation for Bayesian optimization", UAI 2011, there of acquisition functions). Where a choice says which other
hyperparameters there are, as that of an algorithm does, neither knows what a choice is worth that was never made: those
left are made in between. The time for a proposal of the Gaussian process grows with the square of the trials; that of
Parzen estimators grows linearly, and after many trials there is less between them.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace
from metalearn.errors import InputError
from metalearn.optimizers.bayesian import ForestSearch, GaussianProcessSearch
from metalearn.optimizers.branches import untried_branch
from metalearn.optimizers.state import Proposal, Proposer, State
from metalearn.optimizers.tpe import TPE


@dataclass(frozen=True)
class Auto:
    """A Gaussian process, and a forest every so many-th time, up to ``n_models`` trials; Parzen estimators after that.

    ``n_initial`` trials come from a Sobol' sequence first. Of the proposals after these, every ``forest_every``-th is
    the forest's, and every ``branch_every``-th is of a branch of the space that was not tried (``branches``), while
    there is one; 0: none. A proposal takes a fifth of a second after 1,000 trials.

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
    n_models: int = 1000
    n_initial: int = 10
    forest_every: int = 6
    branch_every: int = 2

    def __post_init__(self) -> None:
        if self.n_models < 1 or self.n_initial < 1:
            raise InputError(f"n_models and n_initial are at least 1; got {self.n_models} and {self.n_initial}.")
        if min(self.forest_every, self.branch_every) < 0:
            raise InputError(
                f"forest_every and branch_every are 0 (never) or more; got {self.forest_every} and {self.branch_every}."
            )

    def begin(self, space: EncodedSpace) -> "Turns":
        """Return a proposer for a space."""
        methods = (GaussianProcessSearch, ForestSearch, TPE)
        return Turns(self, *(method(n_initial=self.n_initial).begin(space) for method in methods))


@dataclass(frozen=True, eq=False)
class Turns:
    """Three proposers and whose turn it is."""

    auto: Auto
    gaussian: Proposer
    forest: Proposer
    parzen: Proposer

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return a branch that was not tried, or what the one whose turn it is proposes."""
        every = self.auto.branch_every
        if every and state.n_design >= self.auto.n_initial and state.n_design % every == 0:
            branch = untried_branch(state, rng)
            if branch is not None:
                return Proposal(branch)
        return self.turn(state).propose(state, rng)

    def turn(self, state: State) -> Proposer:
        """Return whose turn it is."""
        if len(state.told) + len(state.pending) >= self.auto.n_models:
            return self.parzen
        every = self.auto.forest_every
        return self.forest if every and state.n_proposed % every == every - 1 else self.gaussian
