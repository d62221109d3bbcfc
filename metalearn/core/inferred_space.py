"""A search space for configurations that came without one: the smallest that holds them all.

Published runs give values and no ranges. A range is from the smallest to the largest value, rounded outwards, on a
logarithmic scale where that spans two orders of magnitude, as is the custom for such hyperparameters (Bergstra &
Bengio, JMLR 2012). A hyperparameter that only some configurations have is conditional on the choice that tells exactly
which ones.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.configuration_table import is_number
from metalearn.core.records import Configuration
from metalearn.core.spaces import ALGORITHM, SearchSpace
from metalearn.errors import InputError

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter

# Positive numbers whose largest is at least so many times the smallest get a logarithmic scale.
LOG_SPAN = 100.0
_ABSENT = object()
# Significant digits of a float's range, rounded outwards, and its last decimal: ConfigSpace's 13 are not.
_DIGITS, _SMALLEST = 6, Decimal("1e-13")


def infer_space(configurations: Sequence[Configuration], name: str | None = None) -> SearchSpace:
    """Return the smallest space of all n configurations, named as their algorithm, or, of several, as their space.

    Whole numbers stay whole. What takes anything but numbers is a choice among all the values it took, in the order of
    their JSON texts. Several algorithms make a CASH space, with the algorithm as a choice. A hyperparameter is
    conditional where a choice that more configurations have tells which have it; of several such, the one with the
    fewest values counts. Without one it is unconditional, and NaN in the encoding of those that lack it.

    What has one and the same value in all of them tells nothing apart and is left out, and so is what takes lists,
    which ConfigSpace has no choices of: the encoding does not see them.

    Raises:
        InputError: when there is no configuration.

    >>> linear = Configuration("sklearn", "svc", {"kernel": "linear", "C": 0.1, "tol": 0.001})
    >>> rbf = Configuration("sklearn", "svc", {"kernel": "rbf", "C": 10, "gamma": 0.5, "tol": 0.001})
    >>> other = Configuration("sklearn", "svc", {"kernel": "rbf", "C": 1, "gamma": 0.25, "tol": 0.001})
    >>> space = infer_space([linear, rbf, other])
    >>> [(c.hyperparameter, c.kind, c.parent) for c in space.encoding.columns]
    [('C', 'numeric', None), ('kernel', 'categorical', None), ('gamma', 'numeric', 'kernel')]
    >>> space.encode([other])
    array([[0.5, 1. , 0. ]])
    """
    from ConfigSpace import ConfigurationSpace, InCondition

    if not configurations:
        raise InputError("A search space is inferred from configurations, and there are none; give at least one.")
    columns = {n: _Column(n, values) for n, values in _named_values(configurations).items()}
    parents = {n: parent for n, column in columns.items() if (parent := _parent(column, columns))}
    kept = {n: c.hyperparameter for n, c in columns.items() if c.is_usable and (c.varies(parents.get(n)) or _is_key(n))}
    space = ConfigurationSpace(space=list(kept.values()))
    space.add(
        *(
            InCondition(kept[n], kept[parent.name], list(columns[n].values_of(parent)))
            for n, parent in parents.items()
            if n in kept
        )
    )
    algorithms = {c.algorithm for c in configurations}
    inferred = configurations[0].space if len(algorithms) > 1 else configurations[0].algorithm
    return SearchSpace(name or inferred, space)


@dataclass(frozen=True, eq=False)
class _Column:
    """One hyperparameter's values in n configurations, ``_ABSENT`` where it has none."""

    name: str
    values: Sequence[Any]

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        return np.array([v is not _ABSENT for v in self.values], dtype=bool)

    @cached_property
    def is_usable(self) -> bool:
        return not any(isinstance(v, list) for v in self.values)

    @cached_property
    def is_numeric(self) -> bool:
        return all(is_number(v) for v in self.values if v is not _ABSENT)

    @cached_property
    def choices(self) -> tuple[Any, ...]:
        """The different values, in the order of their JSON texts."""
        return tuple(sorted({v for v in self.values if v is not _ABSENT}, key=json.dumps))

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """Which of the choices each configuration has (n,), -1 for none."""
        number = {choice: i for i, choice in enumerate(self.choices)}
        return np.array([-1 if v is _ABSENT else number[v] for v in self.values], dtype=np.int64)

    def varies(self, parent: "_Column | None") -> bool:
        """Whether it tells configurations apart that its parent does not."""
        return len(self.choices) > 1 or (parent is None and not self.present.all())

    def values_of(self, parent: "_Column") -> tuple[Any, ...]:
        """The choices of the parent with which it occurs."""
        return tuple(parent.choices[i] for i in np.unique(parent.codes[self.present]))

    def is_explained_by(self, parent: "_Column") -> bool:
        """Whether the parent's choice tells exactly which configurations have it."""
        if (self.present & ~parent.present).any():
            return False
        without = parent.codes[parent.present & ~self.present]
        return bool(len(without)) and not np.isin(parent.codes[self.present], without).any()

    @property
    def hyperparameter(self) -> "Hyperparameter[Any, Any]":
        """ConfigSpace's, from the smallest value to the largest."""
        from ConfigSpace import Categorical, Float, Integer

        if not self.is_numeric or len(self.choices) == 1:
            return Categorical(self.name, self.choices)
        low, high = min(self.choices), max(self.choices)
        is_log = low > 0 and high >= LOG_SPAN * low
        if all(isinstance(v, int) and abs(v) < 2**63 for v in self.choices):
            return Integer(self.name, (low, high), log=is_log)
        low, high = _rounded(low, ROUND_FLOOR), _rounded(high, ROUND_CEILING)
        return Float(self.name, (low, high), log=is_log and low > 0)


def _named_values(configurations: Sequence[Configuration]) -> Mapping[str, Sequence[Any]]:
    """Return the values (n,) of each hyperparameter under the name that it has in a ``SearchSpace``."""
    algorithms = {c.algorithm for c in configurations}
    # In a space of one algorithm, its own hyperparameter of this name would be taken for the choice of the algorithm.
    is_cash = len(algorithms) > 1 or any(ALGORITHM in c.hyperparameters for c in configurations)
    named: defaultdict[str, list[Any]] = defaultdict(lambda: [_ABSENT] * len(configurations))
    for i, configuration in enumerate(configurations):
        prefix = f"{configuration.algorithm}:" if is_cash else ""
        own = {ALGORITHM: configuration.algorithm} if is_cash else {}
        values = {f"{prefix}{n}": v for n, v in configuration.hyperparameters.items()}
        for name, value in {**own, **values}.items():
            named[name][i] = value
    return named


def _parent(column: _Column, columns: Mapping[str, _Column]) -> _Column | None:
    """Return the choice with the fewest values that explains where a hyperparameter occurs, if it needs one."""
    if column.present.all() or not column.is_usable:
        return None
    choices = (c for c in columns.values() if c.is_usable and not c.is_numeric)
    return min((c for c in choices if column.is_explained_by(c)), key=lambda c: (len(c.choices), c.name), default=None)


def _is_key(name: str) -> bool:
    """Whether ``SearchSpace`` would take an algorithm's own hyperparameter for the algorithm if it were left out."""
    return name == ALGORITHM or name.endswith(f":{ALGORITHM}")


def _rounded(value: float, rounding: str) -> float:
    outwards = Context(prec=_DIGITS, rounding=rounding).create_decimal(repr(value))
    return float(outwards.quantize(_SMALLEST, rounding) if abs(value) < 1 else outwards)
