"""What is known of configurations beforehand, by which those in a history are read, completed and told apart."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace
from metalearn.errors import ConfigurationError

# So many significant digits are printed of a number.
_DIGITS = 3
# Rounding to these moves a number by no more than this share of it.
_NEAR = 0.006
# All whole numbers up to this are doubles.
_LARGEST = 2**53


@dataclass(frozen=True, eq=False)
class KnownConfigurations:
    """The configurations of a knowledge base, and a search space of the library.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> parts = [Float("C", (0.1, 10)), Float("tol", (0, 1), default=0.5)]
    >>> known = KnownConfigurations((), SearchSpace("svm-1", ConfigurationSpace(space=parts)))
    >>> sorted(known.hyperparameters("svm-1", "svm-1")), known.hyperparameters("mine", "svm-1")
    (['C', 'tol'], frozenset())
    >>> str(known.completed(Configuration("svm-1", "svm-1", {"C": 2})))
    'svm-1(C=2, tol=0.5)'
    """

    past: Sequence[Configuration]
    library: SearchSpace | None = None

    def hyperparameters(self, space: str, algorithm: str) -> frozenset[str]:
        """Return the names that an algorithm's hyperparameters have in a space, none where nothing is known of it."""
        return self._names.get((space, algorithm), frozenset()) | self._of_library(space, algorithm)

    def completed(self, given: Configuration, empty: Collection[str] = ()) -> Configuration:
        """Return the configuration with what it lacks of the library's own space, if it is of that space.

        A hyperparameter of ``empty`` that may be None is None; others that are active are at their defaults. What the
        space does not allow stays as it is. One that exactly one of the past is when rounded to the digits that are
        given here, or to the three that are printed, is that one.

        Raises:
            ConfigurationError: for a value of a hyperparameter that is not active.
        """
        if self._of_library(given.space, given.algorithm):
            given = self._filled(given, empty)
        if given.id in self._ids or (alike := self._alike.get(_kind(given))) is None:
            return given
        wanted, (members, numbers) = _numbers(given), alike
        near = np.isclose(numbers, [float(v) for v in wanted], rtol=_NEAR, atol=0).all(axis=1)
        same = [members[i] for i in np.flatnonzero(near) if all(map(_rounds_to, _numbers(members[i]), wanted))]
        return same[0] if len(same) == 1 else given

    def _filled(self, given: Configuration, empty: Collection[str]) -> Configuration:
        space = self.library
        assert space is not None  # noqa: S101  for the type checker; the caller has asked
        nones = {name: None for name in empty if name not in given.hyperparameters and self._may_be_none(given, name)}
        values: Mapping[str, Any] = {**given.hyperparameters, **nones}
        try:
            row = space.encode([Configuration(space.name, given.algorithm, values)])
        except ConfigurationError:  # beyond the ranges
            return given
        active = space.decode(space.cube.nearest(row))[0].hyperparameters
        if idle := [name for name in given.hyperparameters if name not in active]:
            raise ConfigurationError(f"{', '.join(idle)} is not active with the other hyperparameters of {given}.")
        return Configuration(space.name, given.algorithm, {name: values.get(name, active[name]) for name in active})

    def _may_be_none(self, given: Configuration, name: str) -> bool:
        space = self.library.config_space if self.library else {}
        own = f"{given.algorithm}:{name}"
        known = own if own in space else name
        return known in space and bool(space[known].legal_value(None))

    def _of_library(self, space: str, algorithm: str) -> frozenset[str]:
        if self.library is None or self.library.name != space or algorithm not in self.library.algorithms:
            return frozenset()
        names = (str(name) for name in self.library.config_space if name != "algorithm")
        prefix = f"{algorithm}:"
        return frozenset(name.removeprefix(prefix) for name in names if ":" not in name or name.startswith(prefix))

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(configuration.id for configuration in self.past)

    @cached_property
    def _names(self) -> dict[tuple[str, str], frozenset[str]]:
        names: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for configuration in self.past:
            names[configuration.space, configuration.algorithm].update(configuration.hyperparameters)
        return {key: frozenset(found) for key, found in names.items()}

    @cached_property
    def _alike(self) -> dict[tuple[Any, ...], tuple[list[Configuration], NDArray[np.float64]]]:
        """Those of the past that differ in numbers alone, n each time, with these as an array (n, d)."""
        alike: defaultdict[tuple[Any, ...], list[Configuration]] = defaultdict(list)
        for configuration in self.past:
            alike[_kind(configuration)].append(configuration)
        return {
            kind: (found, np.array([_numbers(c) for c in found], dtype=np.float64)) for kind, found in alike.items()
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _numbers(configuration: Configuration) -> list[Any]:
    return [value for value in configuration.hyperparameters.values() if _is_number(value)]


def _kind(configuration: Configuration) -> tuple[Any, ...]:
    """Return all that tells a configuration from others, but for its numbers."""
    values = configuration.hyperparameters.items()
    told = ((name, None if _is_number(value) else repr(value)) for name, value in values)
    return (configuration.space, configuration.algorithm, *told)


def _rounds_to(known: float, given: float) -> bool:
    """Whether a known number is the given one at the digits of that; whole ones are not rounded.

    >>> _rounds_to(6.30180086, 6.302), _rounds_to(6.30180086, 6.3), _rounds_to(6.30180086, 6.304)
    (True, True, False)
    """
    if known == given or isinstance(known, int):
        return known == given
    digits = len(Decimal(repr(given)).normalize().as_tuple().digits)
    return float(f"{known:.{max(_DIGITS, digits)}g}") == given
