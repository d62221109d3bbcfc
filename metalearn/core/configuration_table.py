"""Configurations as arrays, learned from configurations alone: for models that go from one to others never seen.

A ``SearchSpace`` knows its hyperparameters, their ranges and conditions; runs that others published come as plain
values. Here the ranges, the scales and the choices are those of the configurations at hand.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Configuration

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Positive numbers that span more than this factor are seen on a logarithmic scale.
LOG_SPAN = 50.0
_INACTIVE, _NUMBER = "inactive", "number"
# The coordinate of a choice: two that are unlike then have the distance of the two ends of a range.
_HALF = np.sqrt(0.5)


@dataclass(frozen=True)
class HyperparameterColumn:
    """What one hyperparameter of one algorithm takes: numbers from ``low`` to ``high``, and choices as JSON texts.

    ``low`` is NaN where it takes no numbers. ``states`` are what it can be, one after the other: a number, each of the
    choices, and inactive, as far as they occur among the algorithm's configurations.
    """

    algorithm: str
    hyperparameter: str
    low: float
    high: float
    states: tuple[str, ...]

    @classmethod
    def of(cls, algorithm: str, hyperparameter: str, configurations: Sequence[Configuration]) -> "HyperparameterColumn":
        """Learn from all configurations of the algorithm."""
        states = {_state(c, hyperparameter) for c in configurations}
        values: Iterable[Any] = (c.hyperparameters.get(hyperparameter) for c in configurations)
        numbers = [float(v) for v in values if is_number(v)] or [np.nan]
        return cls(algorithm, hyperparameter, min(numbers), max(numbers), tuple(sorted(states)))

    @property
    def varies(self) -> bool:
        """Whether it tells configurations apart."""
        return len(self.states) > 1 or self.high > self.low

    @property
    def is_logarithmic(self) -> bool:
        """Whether its numbers are seen on a logarithmic scale."""
        return bool(self.low > 0 and self.high > LOG_SPAN * self.low)

    def numbers(self, values: Sequence[Any]) -> Floats:
        """Return values (n,) on its scale, 0 for ``low`` and 1 for ``high``; NaN for what is no number."""
        known = np.array([float(v) if is_number(v) else np.nan for v in values], dtype=np.float64)
        low, high = self.low, self.high
        if self.is_logarithmic:
            known, low, high = np.log(np.maximum(known, self.low)), np.log(low), np.log(high)
        return np.asarray((known - low) / (high - low)) if high > low else known * 0.0


@dataclass(frozen=True)
class ConfigurationTable:
    """The columns that describe configurations of some algorithms, each hyperparameter of each algorithm apart.

    What it was not made from is described as well: a value out of range lies out of [0, 1], below a logarithmic range
    at its low end; an unknown choice is like none that is known, and an unknown algorithm has no hyperparameters.

    >>> pool = [Configuration("s", "svc", {"C": 0.01, "kernel": "rbf"}), Configuration("s", "svc", {"C": 100.0})]
    >>> table = ConfigurationTable.of(pool)
    >>> table.for_trees([*pool, Configuration("s", "svc", {"C": 1, "kernel": "poly"})])
    array([[0. , 0. , 0. ],
           [0. , 1. , 1. ],
           [0. , 0.5, nan]])
    """

    algorithms: tuple[str, ...]
    columns: tuple[HyperparameterColumn, ...]

    @classmethod
    def of(cls, configurations: Iterable[Configuration]) -> "ConfigurationTable":
        """Learn the columns from configurations, in whatever order; those that never vary are left out."""
        members: dict[str, list[Configuration]] = {}
        for configuration in configurations:
            members.setdefault(configuration.algorithm, []).append(configuration)
        columns = [
            HyperparameterColumn.of(algorithm, name, members[algorithm])
            for algorithm in sorted(members)
            for name in sorted({name for c in members[algorithm] for name in c.hyperparameters})
        ]
        return cls(tuple(sorted(members)), tuple(column for column in columns if column.varies))

    @cached_property
    def categorical(self) -> tuple[int, ...]:
        """Which columns of ``for_trees`` hold codes: the algorithm first, then states of hyperparameters."""
        states, at = [0], 1
        for column in self.columns:
            at += column.high > column.low
            if len(column.states) > 1:
                states.append(at)
                at += 1
        return tuple(states)

    @cached_property
    def groups(self) -> Integers:
        """Which of the G = 1 + number of columns each coordinate of ``embed`` belongs to; the algorithm's are 0."""
        sizes = [len(self.algorithms), *((c.high > c.low) + _n_states(c) for c in self.columns)]
        return np.repeat(np.arange(len(sizes)), sizes)

    def for_trees(self, configurations: Sequence[Configuration]) -> Floats:
        """Return an array (n, d): the code of the algorithm, then of each column its number and the code of its state.

        A column that takes numbers alone has no state, one without numbers that differ has no number. NaN is unknown,
        inactive, or a hyperparameter of another algorithm.
        """
        parts = [_codes([c.algorithm for c in configurations], self.algorithms)]
        for column, (numbers, states) in zip(self.columns, self._described(configurations), strict=True):
            parts += [numbers] if column.high > column.low else []
            parts += [states] if len(column.states) > 1 else []
        return np.stack(parts, axis=1)

    def embed(self, configurations: Sequence[Configuration]) -> Floats:
        """Return coordinates (n, q) whose squared differences, summed over a group, say how unlike values are.

        Two choices, or a number and a choice, or active and inactive, differ by 1; numbers by their distance. What
        is unknown, or a hyperparameter of another algorithm, lies in the middle.

        >>> pool = [Configuration("s", "svc", {"kernel": kernel}) for kernel in ("rbf", "poly")]
        >>> a, b = ConfigurationTable.of(pool).embed(pool)
        >>> round(float(np.sum((a - b) ** 2)), 12)
        1.0
        """
        algorithms = _codes([c.algorithm for c in configurations], self.algorithms)
        parts = [_indicators(algorithms, len(self.algorithms))]
        for column, (numbers, states) in zip(self.columns, self._described(configurations), strict=True):
            if column.high > column.low:
                parts.append(np.nan_to_num(numbers - 0.5)[:, None])
            parts.append(_indicators(states, _n_states(column)))
        return np.hstack(parts)

    def _described(self, configurations: Sequence[Configuration]) -> Iterable[tuple[Floats, Floats]]:
        """Yield of each column the numbers (n,) and the codes of the states (n,), NaN where there is none."""
        members = {name: [i for i, c in enumerate(configurations) if c.algorithm == name] for name in self.algorithms}
        for column in self.columns:
            numbers, states = np.full((2, len(configurations)), np.nan)
            rows = members[column.algorithm]
            own = [configurations[i] for i in rows]
            if column.high > column.low:
                numbers[rows] = column.numbers([c.hyperparameters.get(column.hyperparameter) for c in own])
            if len(column.states) > 1:
                states[rows] = _codes([_state(c, column.hyperparameter) for c in own], column.states)
            yield numbers, states


def _n_states(column: HyperparameterColumn) -> int:
    """How many states there are to tell apart: none where there is but one."""
    return len(column.states) if len(column.states) > 1 else 0


def is_number(value: object) -> bool:
    """Return whether a hyperparameter's value is a number; a truth value is a choice.

    >>> is_number(0.5), is_number(True), is_number("auto")
    (True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def _state(configuration: Configuration, hyperparameter: str) -> str:
    if hyperparameter not in configuration.hyperparameters:
        return _INACTIVE
    value = configuration.hyperparameters[hyperparameter]
    # Texts are quoted in JSON, so that none of them is taken for one of the two words.
    return _NUMBER if is_number(value) else json.dumps(value)


def _codes(texts: Sequence[str], known: Sequence[str]) -> Floats:
    position = {text: float(i) for i, text in enumerate(known)}
    return np.array([position.get(text, np.nan) for text in texts], dtype=np.float64)


def _indicators(codes: Floats, n: int) -> Floats:
    """Return (len(codes), n): sqrt(1/2) in the column of the code, so that two rows of unlike codes have distance 1."""
    return np.asarray(_HALF * (codes[:, None] == np.arange(n)))
