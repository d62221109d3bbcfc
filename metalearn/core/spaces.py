"""Search spaces: a thin, frozen layer over ConfigSpace with a numeric encoding of whole columns.

A space with a hyperparameter ``algorithm`` is a CASH space (combined algorithm selection and hyperparameter
optimization, Thornton et al., KDD 2013); the hyperparameters of one algorithm are then named
``<algorithm>:<hyperparameter>`` inside the space and just ``<hyperparameter>`` in a ``Configuration``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, Encoding, choices_of
from metalearn.core.narrowed_space import without_unreachable
from metalearn.core.records import Configuration, canonical_value
from metalearn.errors import ConfigurationError, UnknownNameError

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

ALGORITHM = "algorithm"
# Significant digits of a decoded number, fewer than a double has: 0.1 must not come back as 0.10000000000000002.
_DIGITS = 12


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """A named, versioned set of valid configurations.

    ``name`` becomes ``Configuration.space``. A space without a hyperparameter ``algorithm`` has one algorithm,
    named like the space.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> space = SearchSpace("svm-1", ConfigurationSpace(space=[Float("C", (0.01, 100), log=True)]))
    >>> space.encode([Configuration("svm-1", "svm-1", {"C": 1})])
    array([[0.5]])
    >>> space.decode(np.array([[1.0]]))[0].hyperparameters["C"]
    100
    """

    name: str
    config_space: "ConfigurationSpace"

    @cached_property
    def cube(self) -> EncodedSpace:
        """The space as numbers: what ``encode`` gives, without names and Python values."""
        return EncodedSpace(self.config_space)

    @cached_property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms of the space, in its own order."""
        if ALGORITHM in self.config_space:
            chosen = self.config_space[ALGORITHM]
            return tuple(str(choice) for choice in choices_of(chosen) or (chosen.default_value,))
        return (self.name,)

    @cached_property
    def encoding(self) -> Encoding:
        """The d encoded columns, in the order of ``encode``."""
        return self.cube.encoding

    def encode(self, configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        """Return an array (n, d): numbers in [0, 1] on their own scale, choice j of m as j / (m - 1), NaN = inactive.

        Raises:
            ConfigurationError: when a value lies outside the space.
        """
        rows = [self._to_named_values(c) for c in configurations]
        encoded = np.full((len(rows), len(self.cube.hyperparameters)), np.nan)
        for j, hyperparameter in enumerate(self.cube.hyperparameters):
            active = [i for i, row in enumerate(rows) if hyperparameter.name in row]
            values = [rows[i][hyperparameter.name] for i in active]
            wrong = next((v for v in values if not hyperparameter.legal_value(v)), None)
            if wrong is not None:
                raise ConfigurationError(f"{hyperparameter.name} = {wrong!r} lies outside the space {self.name}.")
            if active:
                column = np.array(values, dtype=np.float64 if _is_number(hyperparameter) else object)
                encoded[active, j] = hyperparameter.to_vector(column) / self.cube.scales[j]
        return encoded

    def decode(self, encoded: NDArray[np.float64]) -> tuple[Configuration, ...]:
        """Return the configurations that rows of shape (n, d) stand for, with Python scalars as values."""
        rows: list[dict[str, Any]] = [{} for _ in encoded]
        for j, hyperparameter in enumerate(self.cube.hyperparameters):
            active = np.flatnonzero(~np.isnan(encoded[:, j]))
            if len(active):
                vector = encoded[active, j] * self.cube.scales[j]
                if self.cube.scales[j] != 1:  # j / (m - 1) * (m - 1) need not be an integer again
                    vector = np.rint(vector)
                for i, value in zip(active, hyperparameter.to_value(vector), strict=True):
                    rows[i][hyperparameter.name] = _plain(value, hyperparameter)
        return tuple(self._from_named_values(row) for row in rows)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Configuration, ...]:
        """Return n valid configurations drawn from the space's own distributions, column by column."""
        return self.decode(self.cube.sample(n, rng))

    def from_unit_cube(self, points: NDArray[np.float64], algorithm: str | None = None) -> tuple[Configuration, ...]:
        """Return the valid configurations that points (n, d) of the unit cube stand for, all of one algorithm if given.

        Each coordinate goes through its hyperparameter's inverse distribution function, so that points that fill the
        cube evenly give configurations that fill the space evenly, but for the ends of a whole number's range, which
        get half a share. A forbidden configuration is left out.

        >>> from ConfigSpace import ConfigurationSpace, Float
        >>> space = SearchSpace("svm-1", ConfigurationSpace(space=[Float("C", (0.01, 100), log=True)]))
        >>> [c.hyperparameters["C"] for c in space.from_unit_cube(np.array([[0.25], [0.75]]))]
        [0.1, 10]

        Raises:
            UnknownNameError: when the space does not have this algorithm.
        """
        if algorithm is not None:
            self._require(algorithm)
        return self.decode(self.cube.from_unit_cube(points, **self._chosen(algorithm)))

    def default(self, algorithm: str | None = None) -> Configuration:
        """Return the default configuration, or that of one algorithm.

        Raises:
            UnknownNameError: when the space does not have this algorithm.
        """
        if algorithm is not None:
            self._require(algorithm)
        names = [h.name for h in self.cube.hyperparameters]
        row = self.cube.default.copy()
        for name, value in self._chosen(algorithm).items():
            row[names.index(name)] = value
        return self.decode(self.cube.nearest(row[None]))[0]

    def validate(self, configuration: Configuration) -> None:
        """Check a configuration that comes from outside.

        Raises:
            ConfigurationError: when it is not a valid configuration of this space, with ConfigSpace's reason.
        """
        from ConfigSpace import Configuration as Checked

        try:
            Checked(self.config_space, values=self._to_named_values(configuration))
        except Exception as error:  # ConfigSpace raises a dozen unrelated types here
            reason = "; ".join(line.strip(" .") for line in str(error).splitlines())
            raise ConfigurationError(f"{configuration} is not valid in the space {self.name}: {reason}.") from error

    def to_json(self) -> str:
        """Return the space as JSON: its name and ConfigSpace's own format."""
        return json.dumps({"name": self.name, "space": self.config_space.to_serialized_dict()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "SearchSpace":
        """Read what ``to_json`` wrote, of which choices and parts of ranges may have been taken away."""
        from ConfigSpace import ConfigurationSpace

        loaded = json.loads(text)
        return cls(loaded["name"], ConfigurationSpace.from_serialized_dict(without_unreachable(loaded["space"])))

    def _require(self, algorithm: str) -> None:
        if algorithm not in self.algorithms:
            raise UnknownNameError("algorithm", algorithm, self.algorithms)

    def _chosen(self, algorithm: str | None) -> dict[str, float]:
        """Return the hyperparameter that stands for an algorithm, with its encoded value."""
        if algorithm is None or len(self.algorithms) == 1:
            return {}
        return {ALGORITHM: self.algorithms.index(algorithm) / (len(self.algorithms) - 1)}

    def _to_named_values(self, configuration: Configuration) -> dict[str, Any]:
        if ALGORITHM not in self.config_space:
            return dict(configuration.hyperparameters)
        named: dict[str, Any] = {ALGORITHM: configuration.algorithm}
        for name, value in configuration.hyperparameters.items():
            own = f"{configuration.algorithm}:{name}"
            named[own if own in self.config_space else name] = value
        return named

    def _from_named_values(self, values: Mapping[str, Any]) -> Configuration:
        algorithm = str(values.get(ALGORITHM, self.name))
        prefix = f"{algorithm}:"
        own = {name.removeprefix(prefix): v for name, v in values.items() if name != ALGORITHM}
        return Configuration(self.name, algorithm, own)


def _plain(value: Any, hyperparameter: "Hyperparameter[Any, Any]") -> Any:
    """Return a decoded value as a Python scalar, rounded so that decoding what was encoded gives the same id."""
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, float) and _is_number(hyperparameter):
        rounded = float(f"{value:.{_DIGITS}g}")
        value = min(max(rounded, hyperparameter.lower), hyperparameter.upper)  # type: ignore[attr-defined]
    return canonical_value(value)


def _is_number(hyperparameter: "Hyperparameter[Any, Any]") -> bool:
    """Whether values come from a range: neither choices nor a constant do, whatever their type."""
    return hasattr(hyperparameter, "lower")
