"""Hyperband: brackets of successive halving, from many configurations at the smallest fidelity to few at fidelity 1.

Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, "Hyperband: a novel bandit-based approach to hyperparameter
optimization", JMLR 2018. How far a low fidelity can be trusted is not known beforehand, so the brackets start at each
of them, at about the same cost.
"""

from dataclasses import dataclass
from typing import ClassVar

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.brackets import Brackets, hyperband
from metalearn.optimizers.fidelities import NewConfigurations, fidelity_levels
from metalearn.optimizers.promotion import Scheduler
from metalearn.optimizers.state import Method


@dataclass(frozen=True)
class Hyperband:
    """Brackets of Algorithm 1, again and again, filled by ``base``, a method or its name in the registry.

    ``eta`` is the factor by which rungs shrink and fidelities grow (3 is the paper's advice, e the theory's optimum),
    ``min_fidelity`` a bound on the smallest fidelity: with R resources in all, R times this is the paper's unit of 1.
    The queue of warm starts fills the first bracket, in its order. A ``base`` with a model is fitted to the largest
    fidelity with d + 3 trials.

    Raises:
        InputError: when eta is not above 1, or min_fidelity not in (0, 1].

    >>> import numpy as np
    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> optimizer = AskTell(space, Hyperband(min_fidelity=1 / 9), rng=np.random.default_rng(0))
    >>> [round(trial.fidelity, 2) for trial in optimizer.ask(17)[6:]]  # nine at 1/9, then the second bracket
    [0.11, 0.11, 0.11, 0.33, 0.33, 0.33, 0.33, 0.33, 1.0, 1.0, 1.0]
    """

    takes_queue: ClassVar[bool] = True
    base: str | Method = "random"
    eta: float = 3.0
    min_fidelity: float = 1 / 27

    def __post_init__(self) -> None:
        fidelity_levels(self.eta, self.min_fidelity)

    def begin(self, space: EncodedSpace) -> Scheduler:
        """Return a proposer for a space.

        Raises:
            UnknownNameError: when no optimizer has the name ``base``.
        """
        return brackets_of(self.eta, self.min_fidelity, NewConfigurations.of(self.base, space))


def brackets_of(eta: float, min_fidelity: float, new: NewConfigurations) -> Scheduler:
    """Return a proposer that fills Hyperband's brackets with new configurations."""
    levels = fidelity_levels(eta, min_fidelity)
    return Scheduler(Brackets(hyperband(eta, len(levels) - 1), eta), levels, new)
