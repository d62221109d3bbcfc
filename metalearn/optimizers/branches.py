"""Branches of a conditional space: the choices that say which other hyperparameters there are, such as an algorithm.

A model says little about a branch that nothing was tried of: it knows a choice only by its losses. And a branch that is
best by far on a task is lost for good where the first trials happen to leave it out.
"""

from collections.abc import Iterator

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats
from metalearn.optimizers.state import State

# Draws among which a branch is looked for: one with a hundredth of the space is missed once in thirteen times.
_N_DRAWN = 256


def untried_branch(state: State, rng: np.random.Generator) -> Floats | None:
    """Return a row (d,) at random of a branch that no trial was of; None where there is none.

    It is one of the candidates, where there are some, and lies in no gap.

    >>> from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float
    >>> from metalearn.optimizers.state import Row, Table
    >>> kernel, gamma = Categorical("kernel", ["linear", "rbf"]), Float("gamma", (0, 1))
    >>> svm = ConfigurationSpace()
    >>> _ = svm.add(kernel, gamma, EqualsCondition(gamma, kernel, "rbf"))
    >>> linear = Table.of([Row(np.array([0.0, np.nan]), loss=0.2)], 2)
    >>> state = State(EncodedSpace(svm), linear, Table.of([], 2), None, np.empty((0, 2)), 1, 1, seed=0)
    >>> x = untried_branch(state, np.random.default_rng(0))
    >>> svm["kernel"].choices[int(x[0])]
    'rbf'
    """
    tried = np.concatenate([state.told.X, state.pending.X])
    open_ = [j for j, values in _branches(state.space) if not np.isin(values, tried[:, j]).all()]
    if not open_:
        return None
    rows = state.space.sample(_N_DRAWN, rng) if state.candidates is None else state.candidates
    new = np.zeros(len(rows), dtype=bool)
    for j in open_:
        new |= ~np.isin(rows[:, j], tried[:, j])
    rows = rows[new & ~state.gaps.hold(rows, state.space)]
    return np.asarray(rng.choice(rows)) if len(rows) else None


def _branches(space: EncodedSpace) -> Iterator[tuple[int, Floats]]:
    """Yield each column that has branches, and their values: a choice that is always made and that others depend on."""
    columns = space.encoding.columns
    parents = {column.parent for column in columns}
    for j, column in enumerate(columns):
        if column.kind == "categorical" and column.parent is None and column.hyperparameter in parents:
            yield j, np.arange(len(column.choices)) / space.scales[j]
