"""Brackets of successive halving: rungs of fewer and fewer configurations at larger and larger fidelities.

Hyperband's table: Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, "Hyperband: a novel bandit-based approach to
hyperparameter optimization", JMLR 2018, Algorithm 1.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, cycle
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metalearn.optimizers.fidelities import ROUNDING
from metalearn.optimizers.promotion import History, Promotion


class Rung(NamedTuple):
    """So many configurations, at a fidelity."""

    n: int
    fidelity: float


Bracket = tuple[Rung, ...]


def successive_halving(n: int, s: int, eta: float) -> Bracket:
    """Return the s + 1 rungs of a bracket that starts with n configurations: floor(n eta^-i) at fidelity eta^(i - s).

    >>> [rung.n for rung in successive_halving(34, 3, 3)]
    [34, 11, 3, 1]
    """
    return tuple(Rung(math.floor(n / eta**i + ROUNDING), float(eta) ** (i - s)) for i in range(s + 1))


def hyperband(eta: float, s_max: int) -> tuple[Bracket, ...]:
    """Return Hyperband's brackets s = s_max, ..., 0: n = ceil((s_max + 1) eta^s / (s + 1)) configurations start in one.

    Each costs about as much as s_max + 1 evaluations at fidelity 1. Common implementations take integers early, as
    floor((s_max + 1) / (s + 1)) eta^s, so that of R = 81, eta = 3 the later brackets start with 27, 9, 6, 5 instead
    of the 34, 15, 8, 5 of Algorithm 1, which these are.

    >>> for bracket in hyperband(3, 4):
    ...     print("  ".join(f"{rung.n} x {81 * rung.fidelity:.0f}" for rung in bracket))
    81 x 1  27 x 3  9 x 9  3 x 27  1 x 81
    34 x 3  11 x 9  3 x 27  1 x 81
    15 x 9  5 x 27  1 x 81
    8 x 27  2 x 81
    5 x 81
    """
    starts = {s: math.ceil((s_max + 1) * eta**s / (s + 1) - ROUNDING) for s in range(s_max, -1, -1)}
    return tuple(successive_halving(n, s, eta) for s, n in starts.items())


@dataclass(frozen=True)
class Brackets:
    """Brackets one after the other, and from the first again: configurations fill them in the order of their start.

    A rung is promoted from when all its trials are finished; meanwhile the next bracket is started, so that no worker
    waits (as BOHB does it: Falkner et al., ICML 2018, section 4.2).
    """

    brackets: tuple[Bracket, ...]
    eta: float

    def promotion(self, history: History, *, exhausted: bool) -> Promotion | None:
        """Return the first promotion that is due, in the earliest bracket that has one.

        A bracket that cannot be filled any more, since there are no new configurations, shrinks in proportion.
        """
        for bracket, members in self._started(len(history)):
            if len(members) < bracket[0].n and not exhausted:
                return None
            own = successive_halving(len(members), len(bracket) - 1, self.eta)
            if promotion := self._due(bracket if len(members) == bracket[0].n else own, members, history):
                return promotion
        return None

    def start(self, n_started: int) -> int:
        """Return the level at which the bracket starts that the next configuration belongs to."""
        ends = accumulate(bracket[0].n for bracket in cycle(self.brackets))
        bracket = next(b for b, end in zip(cycle(self.brackets), ends, strict=False) if end > n_started)
        return self._first_level(bracket)

    def _started(self, n: int) -> Iterator[tuple[Bracket, NDArray[np.int64]]]:
        first, brackets = 0, cycle(self.brackets)
        while first < n:
            bracket = next(brackets)
            yield bracket, np.arange(first, min(first + bracket[0].n, n))
            first += bracket[0].n

    def _due(self, bracket: Bracket, members: NDArray[np.int64], history: History) -> Promotion | None:
        first = self._first_level(bracket)
        for level, rung in enumerate(bracket[1:], start=first + 1):
            if np.isnan(history.losses[members, level - 1]).any():
                return None
            members = history.best(members, level - 1, rung.n)
            if promotion := history.waiting(members, level):
                return promotion
        return None

    def _first_level(self, bracket: Bracket) -> int:
        return max(map(len, self.brackets)) - len(bracket)
