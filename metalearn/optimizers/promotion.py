"""Promotion: what methods share that try configurations at a low fidelity and take the best of them to the next one.

Everything follows from the trials: a configuration belongs to the method from its first own proposal on, and it was
promoted when there is a trial of it at the next fidelity. So there is nothing to remember, and nothing to lose.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import Floats
from metalearn.optimizers.fidelities import NewConfigurations
from metalearn.optimizers.population import ranked_losses
from metalearn.optimizers.state import Proposal, State


class Promotion(NamedTuple):
    """The number of a configuration, and of the level of fidelity that it is to be tried at next."""

    configuration: int
    level: int


@dataclass(frozen=True, eq=False)
class History:
    """What is known of c configurations, in the order in which they were started, at B levels of fidelity.

    ``losses`` (c, B) are infinite where a trial did not succeed and NaN where none is finished; ``asked`` (c, B) says
    where there is one, pending ones included.
    """

    X: Floats
    losses: Floats
    asked: NDArray[np.bool_]

    @classmethod
    def of(cls, state: State, levels: Floats) -> "History":
        """Arrange the trials of the configurations that the method itself proposed; levels (B,) are the fidelities."""
        told, pending = state.told, state.pending
        X, number = np.concatenate([told.X, pending.X]), np.concatenate([told.number, pending.number])
        fidelity = np.concatenate([told.fidelity, pending.fidelity])
        results = np.concatenate([ranked_losses(told), np.full(len(pending), np.nan)])
        keys = [x.tobytes() for x in X]
        own = [keys[i] for i in np.argsort(number, kind="stable") if number[i] >= 0]
        place = {key: i for i, key in enumerate(dict.fromkeys(own))}
        configuration, level = np.array([place.get(key, -1) for key in keys], dtype=np.int64), _level(fidelity, levels)
        rows = np.empty((len(place), X.shape[1]))
        rows[configuration[configuration >= 0]] = X[configuration >= 0]
        placed = (configuration >= 0) & (level >= 0)
        losses, asked = np.full((len(place), len(levels)), np.nan), np.zeros((len(place), len(levels)), dtype=bool)
        asked[configuration[placed], level[placed]] = True
        finished = placed & ~np.isnan(results)
        losses[configuration[finished], level[finished]] = results[finished]
        return cls(rows, losses, asked)

    def __len__(self) -> int:
        return len(self.X)

    def best(self, members: NDArray[np.int64], level: int, n: int) -> NDArray[np.int64]:
        """Return at most n of the members that succeeded at a level, the best first; equals in their order."""
        losses = self.losses[members, level]
        order = np.argsort(losses, kind="stable")
        return np.asarray(members[order[np.isfinite(losses[order])][:n]])

    def waiting(self, chosen: NDArray[np.int64], level: int) -> Promotion | None:
        """Return the first of the chosen that was not asked for at a level."""
        open_ = chosen[~self.asked[chosen, level]]
        return Promotion(int(open_[0]), level) if len(open_) else None

    def leftover(self) -> Promotion | None:
        """Return the best that no rule has promoted, from the highest level that has one."""
        for level in reversed(range(self.losses.shape[1] - 1)):
            if promotion := self.waiting(self.best(np.arange(len(self)), level, len(self)), level + 1):
                return promotion
        return None


class Rule(Protocol):
    """Says which configuration is promoted next, and at which level a new one starts."""

    def promotion(self, history: History, *, exhausted: bool) -> Promotion | None:
        """Return what to promote now; ``exhausted`` says that there will be no new configurations."""
        ...

    def start(self, n_started: int) -> int:
        """Return the level at which a configuration starts after so many others."""
        ...


@dataclass(frozen=True, eq=False)
class Scheduler:
    """Promotes what is due; else starts a configuration, from the queue as long as it lasts.

    Where neither is possible, because every configuration has been started, it carries the best of the others on, and
    has nothing to propose when all that succeeded were tried at fidelity 1.
    """

    rule: Rule
    levels: Floats
    new: NewConfigurations

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return what to try next."""
        history = History.of(state, self.levels)
        if due := self.rule.promotion(history, exhausted=False):
            return self._promoted(history, due)
        start = float(self.levels[self.rule.start(len(history))])
        if len(state.queue):
            return Proposal(state.queue[0], start, from_queue=True)
        x = self.new.draw(state, len(history), rng)
        if x is not None:
            return Proposal(x, start)
        due = self.rule.promotion(history, exhausted=True) or history.leftover()
        return self._promoted(history, due) if due else None

    def _promoted(self, history: History, due: Promotion) -> Proposal:
        return Proposal(history.X[due.configuration], float(self.levels[due.level]))


def _level(fidelity: Floats, levels: Floats) -> NDArray[np.int64]:
    """Return the level (n,) of each fidelity (n,), -1 where it is none of the levels (B,)."""
    at_level = np.isclose(fidelity[:, None], levels)
    return np.where(at_level.any(axis=1), at_level.argmax(axis=1), -1)
