"""Random search (Bergstra & Bengio, JMLR 2012): every configuration drawn from the space's own distributions."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.state import Proposal, State


@dataclass(frozen=True)
class RandomSearch:
    """Draws anew each time; from a list of candidates with equal chances.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> len(AskTell(space, RandomSearch(), rng=np.random.default_rng(0)).ask(5))
    5
    """

    takes_queue: ClassVar[bool] = False

    def begin(self, space: EncodedSpace) -> "RandomSearch":  # noqa: ARG002  nothing to prepare
        """Return a proposer for a space: this."""
        return self

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return a configuration drawn at random."""
        if state.candidates is None:
            return Proposal(state.space.sample(1, rng)[0])
        return Proposal(rng.choice(state.candidates)) if len(state.candidates) else None
