"""Successive halving: many configurations at the smallest fidelity, the best 1/eta of them at the next, and so on.

Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from metalearn.core.encoded_space import EncodedSpace
from metalearn.errors import InputError
from metalearn.optimizers.brackets import Bracket, Brackets, successive_halving
from metalearn.optimizers.fidelities import ROUNDING, NewConfigurations, fidelity_levels
from metalearn.optimizers.promotion import Scheduler
from metalearn.optimizers.state import Method


@dataclass(frozen=True)
class SuccessiveHalving:
    """One bracket again and again, each with new configurations from ``base``, a method or its name in the registry.

    ``n_configurations`` start in each; by default as many as leave one at fidelity 1. ``eta`` is the factor by which
    rungs shrink and fidelities grow, ``min_fidelity`` a bound on the smallest of them. The queue of warm starts fills
    the first bracket, in its order.

    Raises:
        InputError: when eta is not above 1, min_fidelity not in (0, 1], or n_configurations so small that none
            would reach fidelity 1.

    >>> import numpy as np
    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> optimizer = AskTell(space, SuccessiveHalving(min_fidelity=1 / 9), rng=np.random.default_rng(0))
    >>> [round(trial.fidelity, 2) for trial in optimizer.ask(3)]
    [0.11, 0.11, 0.11]
    """

    takes_queue: ClassVar[bool] = True
    base: str | Method = "random"
    eta: float = 3.0
    min_fidelity: float = 1 / 27
    n_configurations: int | None = None

    def __post_init__(self) -> None:
        fidelity_levels(self.eta, self.min_fidelity)
        if self.n_configurations is not None and self._bracket[-1].n < 1:
            raise InputError(f"Of n_configurations = {self.n_configurations} none would reach fidelity 1; take more.")

    def begin(self, space: EncodedSpace) -> Scheduler:
        """Return a proposer for a space.

        Raises:
            UnknownNameError: when no optimizer has the name ``base``.
        """
        levels = fidelity_levels(self.eta, self.min_fidelity)
        return Scheduler(Brackets((self._bracket,), self.eta), levels, NewConfigurations.of(self.base, space))

    @property
    def _bracket(self) -> Bracket:
        s = len(fidelity_levels(self.eta, self.min_fidelity)) - 1
        n = math.ceil(self.eta**s - ROUNDING) if self.n_configurations is None else self.n_configurations
        return successive_halving(n, s, self.eta)
