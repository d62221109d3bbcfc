"""Fidelities: the ladder of them, which one's trials a model may be fitted to, and where new configurations come from.

Losses at different fidelities are never compared. A model is fitted to the largest fidelity that has enough trials
(BOHB: Falkner, Klein & Hutter, ICML 2018, section 4.1), since what is best there is nearest to what is best in the end.
"""

import math
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats, row_keys
from metalearn.errors import InputError
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.state import Method, Proposer, State, method_of

# BOHB fits a model to N_min + 2 trials, where N_min = d + 1.
MORE_THAN_COLUMNS = 3
# What rounding may take from a power or a logarithm that should be whole.
ROUNDING = 1e-9


def fidelity_levels(eta: float, min_fidelity: float) -> Floats:
    """Return the fidelities (B,) eta^-s, ..., eta^-1, 1: as many as are at least ``min_fidelity``.

    Raises:
        InputError: when eta is not above 1, or the fidelity not in (0, 1].

    >>> fidelity_levels(3, 0.1)
    array([0.11111111, 0.33333333, 1.        ])
    """
    if not eta > 1 or not np.isfinite(eta):
        raise InputError(f"eta is the factor by which rungs shrink, above 1; got {eta}.")
    if not 0 < min_fidelity <= 1:
        raise InputError(f"min_fidelity lies in (0, 1]; got {min_fidelity}.")
    s_max = math.floor(-math.log(min_fidelity) / math.log(eta) + ROUNDING)
    return np.array([float(eta) ** -s for s in range(s_max, -1, -1)])


def require_source(random_share: float, n_enough: int | None = None) -> None:
    """Check what ``NewConfigurations`` is made with.

    Raises:
        InputError: when the share is not in [0, 1], or ``n_enough`` below 1.
    """
    if not 0 <= random_share <= 1:
        raise InputError(f"random_share lies in [0, 1]; got {random_share}.")
    if n_enough is not None and n_enough < 1:
        raise InputError(f"n_enough must be at least 1; got {n_enough}.")


def modelled_state(state: State, n_enough: int) -> State | None:
    """Return the state with the trials finished at the largest fidelity that ``n_enough`` succeeded at; None if none.

    A trial is pending in it unless its configuration has its result at that fidelity already: what is known of a
    configuration that was promoted is how well it did, not that it is still running.
    """
    told = state.told
    succeeded = np.isfinite(told.loss)
    for fidelity in np.unique(told.fidelity[succeeded])[::-1]:
        here = np.isclose(told.fidelity, fidelity)
        if np.count_nonzero(here & succeeded) >= n_enough:
            known = {x.tobytes() for x in told.X[here]}
            open_ = np.array([x.tobytes() not in known for x in state.pending.X], dtype=bool)
            return replace(state, told=told.rows(here), pending=state.pending.rows(open_))
    return None


@dataclass(frozen=True, eq=False)
class NewConfigurations:
    """Where a multi-fidelity method takes configurations from that were not tried at any fidelity yet.

    A share of them is random, the others come from ``base``, which sees the trials that ``modelled_state`` chooses, or
    is in its initial design as long as there are not enough.
    """

    base: Proposer
    random_share: float
    n_enough: int

    @classmethod
    def of(
        cls, base: str | Method, space: EncodedSpace, random_share: float = 0.0, n_enough: int | None = None
    ) -> "NewConfigurations":
        """Begin a base method, given as itself or by its name in the registry; None for ``n_enough``: d + 3.

        Raises:
            UnknownNameError: when no optimizer has this name.
        """
        enough = len(space.encoding.columns) + MORE_THAN_COLUMNS if n_enough is None else n_enough
        return cls(method_of(base).begin(space), random_share, enough)

    def draw(self, state: State, n_drawn: int, rng: np.random.Generator) -> Floats | None:
        """Return a configuration (d,) after ``n_drawn`` others; None where all have been tried.

        With candidates it is one of them: the nearest to what the base method asks for.
        """
        if state.candidates is not None and not len(state.candidates):
            return None
        proposer = RandomSearch() if rng.random() < self.random_share else self.base
        proposal = proposer.propose(self._shown(state, n_drawn), rng)
        if proposal is None:
            return None
        if state.candidates is not None:
            return np.asarray(state.candidates[state.space.distances(proposal.x[None], state.candidates)[0].argmin()])
        tried = state.tried
        for points in chain([proposal.x[None]], state.space.redraws(rng)):
            for x, key in zip(points, row_keys(points), strict=True):
                if key not in tried:
                    return np.asarray(x)
        return None

    def _shown(self, state: State, n_drawn: int) -> State:
        """Return the state as the base method sees it: one fidelity, no queue, its own proposals counted."""
        seen = modelled_state(state, self.n_enough)
        if seen is None:
            seen = replace(state, told=state.told.rows(slice(0)), n_design=0)
        return replace(seen, queue=state.queue[:0], n_proposed=n_drawn)
