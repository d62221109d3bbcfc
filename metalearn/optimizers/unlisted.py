"""A method behind a screen, so that what it would do in the whole space can be replayed on a list of candidates."""

from dataclasses import dataclass, replace

import numpy as np

from metalearn.core.encoded_space import EncodedSpace
from metalearn.optimizers.state import Method, Proposal, Proposer, State


@dataclass(frozen=True)
class Unlisted:
    """A method that does not see the list of candidates: it asks in the whole space, and ``AskTell`` snaps.

    All it learns of the list are the ``gaps`` that it has asked into, which are lost with the process.
    """

    method: Method

    @property
    def takes_queue(self) -> bool:
        """Whether the method's proposer places the queue itself."""
        return self.method.takes_queue

    def begin(self, space: EncodedSpace) -> "UnlistedProposer":
        """Return the method's proposer, behind a screen."""
        return UnlistedProposer(self.method.begin(space))


@dataclass(frozen=True, eq=False)
class UnlistedProposer:
    """The proposer of a method that does not see the list."""

    proposer: Proposer

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Propose as if every configuration of the space could be had."""
        return self.proposer.propose(replace(state, candidates=None), rng)
