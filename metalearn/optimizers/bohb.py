"""BOHB: Falkner, Klein & Hutter, "BOHB: robust and efficient hyperparameter optimization at scale", ICML 2018.

Hyperband whose new configurations come from tree-structured Parzen estimators: the scheduler is good early, the model
late.
"""

from dataclasses import dataclass
from typing import ClassVar

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.fidelities import NewConfigurations, fidelity_levels, require_source
from metalearn.optimizers.hyperband import brackets_of
from metalearn.optimizers.promotion import Scheduler
from metalearn.optimizers.state import Method


@dataclass(frozen=True)
class BOHB:
    """Hyperband with a model of the largest fidelity that has enough trials, and a share of random configurations.

    ``random_share`` (1/3 in the paper) keeps Hyperband's guarantee: what the model gets wrong costs at most this much
    more time. ``n_enough`` trials make a model; by default d + 3, the paper's. ``base`` is a method, or its name in the
    registry. The queue of warm starts fills the first bracket, in its order.

    Raises:
        InputError: when eta is not above 1, min_fidelity not in (0, 1], random_share not in [0, 1] or n_enough below 1.

    >>> import numpy as np
    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> optimizer = AskTell(space, BOHB(base="random", min_fidelity=1 / 9), rng=np.random.default_rng(0))
    >>> round(optimizer.ask()[0].fidelity, 2)
    0.11
    """

    takes_queue: ClassVar[bool] = True
    base: str | Method = "tpe"
    eta: float = 3.0
    min_fidelity: float = 1 / 27
    random_share: float = 1 / 3
    n_enough: int | None = None

    def __post_init__(self) -> None:
        fidelity_levels(self.eta, self.min_fidelity)
        require_source(self.random_share, self.n_enough)

    def begin(self, space: EncodedSpace) -> Scheduler:
        """Return a proposer for a space.

        Raises:
            UnknownNameError: when no optimizer has the name ``base``.
        """
        new = NewConfigurations.of(self.base, space, self.random_share, self.n_enough)
        return brackets_of(self.eta, self.min_fidelity, new)
