"""ASHA, asynchronous successive halving: a configuration is promoted as soon as it is among the best 1/eta at its rung.

Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht & Talwalkar, "A system for massively parallel hyperparameter
tuning", MLSys 2020, Algorithm 2. No worker ever waits for a rung to be complete.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.fidelities import ROUNDING, NewConfigurations, fidelity_levels, require_source
from metalearn.optimizers.promotion import History, Promotion, Scheduler
from metalearn.optimizers.state import Method


@dataclass(frozen=True)
class ASHA:
    """Promotes from the highest rung that allows it; else starts a configuration at the smallest fidelity.

    ``base`` gives the new ones: a method, or its name in the registry. One with a model is fitted to the largest
    fidelity with d + 3 trials (as in MOBSTER: Klein, Tiao, Lienart, Archambeau & Seeger, 2020), and ``random_share``
    of the configurations are random. ``eta`` is the factor by which rungs shrink and fidelities grow (4 in the paper's
    experiments; 3 as in Hyperband), ``min_fidelity`` a bound on the smallest fidelity. The queue of warm starts comes
    before other new configurations, in its order.

    Raises:
        InputError: when eta is not above 1, min_fidelity not in (0, 1], or random_share not in [0, 1].

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> optimizer = AskTell(space, ASHA(min_fidelity=1 / 9), rng=np.random.default_rng(0))
    >>> [round(trial.fidelity, 2) for trial in optimizer.ask(3)]
    [0.11, 0.11, 0.11]
    """

    takes_queue: ClassVar[bool] = True
    base: str | Method = "random"
    eta: float = 3.0
    min_fidelity: float = 1 / 27
    random_share: float = 0.0

    def __post_init__(self) -> None:
        fidelity_levels(self.eta, self.min_fidelity)
        require_source(self.random_share)

    def begin(self, space: EncodedSpace) -> Scheduler:
        """Return a proposer for a space.

        Raises:
            UnknownNameError: when no optimizer has the name ``base``.
        """
        new = NewConfigurations.of(self.base, space, self.random_share)
        return Scheduler(Rungs(self.eta), fidelity_levels(self.eta, self.min_fidelity), new)


@dataclass(frozen=True)
class Rungs:
    """One ladder of rungs that never close."""

    eta: float

    def promotion(self, history: History, *, exhausted: bool) -> Promotion | None:  # noqa: ARG002  nothing is to be closed
        """Return the best of the best 1/eta at a rung that was not promoted yet, from the highest rung that has one."""
        for level in reversed(range(history.losses.shape[1] - 1)):
            finished = np.flatnonzero(~np.isnan(history.losses[:, level]))
            best = history.best(finished, level, int(len(finished) / self.eta + ROUNDING))
            if promotion := history.waiting(best, level + 1):
                return promotion
        return None

    def start(self, n_started: int) -> int:  # noqa: ARG002  all start alike
        """Return the lowest level."""
        return 0
