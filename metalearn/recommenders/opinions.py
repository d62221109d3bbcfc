"""What to try next, by several opinions: each says what every configuration would gain, and their shares are averaged.

A linear opinion pool (Stone, "The opinion pool", Annals of Mathematical Statistics 1961) of gains as shares of the
largest, for they have different units.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Opinion(Protocol):
    """One way to tell what is gained by a configuration; it changes with what is chosen."""

    def gains(self) -> Floats:
        """Return what each of the C configurations would gain now, at least 0."""

    def choose(self, index: int) -> None:
        """Take a configuration for chosen."""


def pooled(
    opinions: Sequence[tuple[Opinion, float]],
    eligible: Mask,
    k: int,
    price: Floats | None = None,
    ties: Floats | None = None,
) -> Integers:
    """Return at most k eligible indices, the later ones given the earlier, by opinions with their shares of the say.

    With a ``price`` (C,), such as seconds, by what is gained for it (Snoek, Larochelle & Adams, 2012). Equal gains go
    to the smaller of ``ties`` (C,), then to the smaller index.
    """
    chosen, remaining = np.zeros(0, dtype=np.int64), eligible.copy()
    ties = np.zeros(len(eligible)) if ties is None else ties.round(9)
    for _ in range(min(k, int(eligible.sum()))):
        left = np.flatnonzero(remaining)
        gains = np.zeros(len(left))
        for opinion, share in opinions:
            found = opinion.gains()[left]
            gains += share * found / max(float(found.max()), 1e-300)
        gains = gains if price is None else gains / price[left]
        gains = gains.round(12)
        equal = left[gains == gains.max()]
        winner = int(equal[ties[equal].argmin()])
        chosen, remaining[winner] = np.append(chosen, winner), False
        for opinion, _ in opinions:
            opinion.choose(winner)
    return chosen
