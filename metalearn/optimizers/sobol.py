"""Quasi-random search: a scrambled Sobol' sequence, which fills the space more evenly than random draws do.

Sobol', "On the distribution of points in a cube and the approximate evaluation of integrals", 1967; scrambled after
Owen, "Scrambling Sobol' and Niederreiter-Xing points", 1998; for hyperparameters: Bergstra & Bengio, JMLR 2012,
section 6. A point becomes a configuration through the inverse distribution functions of the space.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats
from metalearn.optimizers.state import Proposal, State

# The sequence is made in lengths of powers of two, of which it is balanced; no shorter than 2^6 points.
_LEAST_BITS = 6
# Where forbidden clauses leave less than one point in 2^10, drawing at random is no worse.
_MORE_BITS = 10


@dataclass(frozen=True)
class SobolSearch:
    """Proposal i is point i of a scrambled Sobol' sequence; the optimizer's seed scrambles it.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> trials = AskTell(space, SobolSearch(), rng=np.random.default_rng(0)).ask(4)
    >>> sorted(int(4 * t.configuration.hyperparameters["x"]) for t in trials)  # one in each quarter
    [0, 1, 2, 3]
    """

    takes_queue: ClassVar[bool] = False

    def begin(self, space: EncodedSpace) -> "SobolSearch":  # noqa: ARG002  nothing to prepare
        """Return a proposer for a space: this."""
        return self

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:  # noqa: ARG002  the seed tells all
        """Return the next point of the sequence."""
        return Proposal(sobol_point(state.space, state.seed, state.n_proposed))


def sobol_point(space: EncodedSpace, seed: int, index: int) -> Floats:
    """Return the valid row (d,) at an index of the scrambled sequence that belongs to a seed.

    Points that a clause forbids are skipped, so that index counts those that are left.

    Raises:
        InputError: when forbidden clauses leave no valid configuration.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> line = EncodedSpace(ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> np.array_equal(sobol_point(line, 0, 10_000), sobol_point(line, 0, 10_000))
    True
    """
    fewest = max(index.bit_length(), _LEAST_BITS)
    for bits in range(fewest, fewest + _MORE_BITS):
        rows = _rows(space, seed, bits)
        if index < len(rows):
            return np.array(rows[index])
    return np.array(space.sample(1, np.random.default_rng([seed, index]))[0])


@lru_cache(maxsize=32)
def _rows(space: EncodedSpace, seed: int, bits: int) -> Floats:
    """Return the valid rows (n, d) among the first 2^bits points of the sequence."""
    from scipy.stats.qmc import Sobol

    sequence = Sobol(len(space.hyperparameters), scramble=True, rng=np.random.default_rng([seed, 0]))
    return space.from_unit_cube(sequence.random_base2(bits))
