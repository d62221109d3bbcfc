"""What methods with a population share: the cube in which they move, and who of the past is whom."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, Floats, row_keys, shares_of
from metalearn.optimizers.state import Proposal, State, Table

# Draws to find a configuration that is allowed and was not tried yet.
_N_DRAWS = 20


def to_unit_cube(space: EncodedSpace, X: Floats) -> Floats:
    """Return points (n, d) of the unit cube that ``space.from_unit_cube`` takes to rows X (n, d); NaN where inactive.

    A number is its own coordinate, a choice the middle of its share of [0, 1]. There a choice is as likely to be hit
    as it is to be drawn, which on the encoding's own scale the first and the last choice are not.

    >>> from ConfigSpace import Categorical, ConfigurationSpace
    >>> space = EncodedSpace(ConfigurationSpace(space=[Categorical("kind", ["a", "b"], weights=[0.75, 0.25])]))
    >>> to_unit_cube(space, np.array([[0.0], [1.0]]))
    array([[0.375],
           [0.875]])
    """
    points = X.copy()
    for j, hyperparameter in enumerate(space.hyperparameters):
        shares = shares_of(hyperparameter)
        if len(shares):
            active = ~np.isnan(X[:, j])
            chosen = np.rint(X[active, j] * space.scales[j]).astype(np.int64)
            points[active, j] = (np.cumsum(shares) - shares / 2)[chosen]
    return points


def filled(points: Floats, rng: np.random.Generator) -> Floats:
    """Return points (n, d) of the unit cube with coordinates drawn at random where they are inactive."""
    return np.where(np.isnan(points), rng.random(points.shape), points)


def reflected(points: Floats) -> Floats:
    """Return points with what lies beyond a wall of the unit cube thrown back into it.

    >>> reflected(np.array([-0.25, 0.5, 1.25]))
    array([0.25, 0.5 , 0.75])
    """
    return np.asarray(1 - np.abs(1 - points % 2))


def new_proposal(
    state: State, draw: Callable[[], Floats], rng: np.random.Generator, taken: Floats | None = None
) -> Proposal:
    """Return the first point of the unit cube (d,) drawn that is allowed and new; at random where there is none.

    New is what is neither told nor pending, nor among the rows ``taken`` (t, d).
    """
    tried = state.tried.union(() if taken is None else row_keys(taken))
    for _ in range(_N_DRAWS):
        rows = state.space.from_unit_cube(draw()[None])
        if len(rows) and row_keys(rows)[0] not in tried:
            return Proposal(rows[0])
    return Proposal(state.space.sample(1, rng)[0])


def ranked_losses(table: Table) -> Floats:
    """Return the losses (n,) with a failed trial worse than all others, which is all that methods that rank need."""
    return np.nan_to_num(table.loss, nan=np.inf)


def lanes(table: Table, size: int) -> NDArray[np.int64]:
    """Return which of ``size`` members each trial (n,) was, or would have been, made for.

    Proposal number i is made for member i modulo ``size``. Trials that the method did not propose stand in for members
    from the last one on, so that those of an initial design that they replace are the ones never proposed.

    >>> from metalearn.optimizers.state import Row
    >>> rows = [Row(np.zeros(1), number=number) for number in (-1, -1, 0, 1, 2)]
    >>> lanes(Table.of(rows, 1), 4)
    array([3, 2, 0, 1, 2])
    """
    given = table.number < 0
    return np.where(given, size - 1 - (np.cumsum(given) - 1) % size, table.number % size)
