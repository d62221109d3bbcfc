"""A search space as a cube of numbers: rows of shape (d,), one number a hyperparameter, NaN where it is inactive.

What optimizers compute with: numbers lie in [0, 1] on their own scale, choice j of m is j / (m - 1). Everything works
on whole arrays; names and Python values appear only in ``core.spaces``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from metalearn.errors import InputError

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

Floats = NDArray[np.float64]
# Rows that agree to so many digits are one configuration: encoding what was decoded moves the last ones.
_DIGITS = 9
# Draws that a space with forbidden clauses may lose before it is held to have no valid configuration.
_MOST_DRAWS = 1_000


@dataclass(frozen=True)
class EncodedColumn:
    """One column of the encoding: which hyperparameter, of which kind, and on which parent it depends.

    ``choices`` holds the values of a categorical or ordinal one, ``n_values`` how many values there are (infinity where
    they are continuous; a constant is a number with one); ``is_fidelity`` marks a resource.
    """

    hyperparameter: str
    kind: Literal["numeric", "ordinal", "categorical"]
    choices: tuple[Any, ...] = ()
    parent: str | None = None
    is_fidelity: bool = False
    n_values: float = float("inf")


@dataclass(frozen=True)
class Encoding:
    """What surrogates need to know of a space: its d encoded columns."""

    columns: tuple[EncodedColumn, ...]


@dataclass(frozen=True, eq=False)
class EncodedSpace:
    """The cube behind a ConfigSpace space.

    >>> from ConfigSpace import ConfigurationSpace, Float, Integer
    >>> cube = EncodedSpace(ConfigurationSpace(space=[Float("C", (0.01, 100), log=True), Integer("degree", (1, 3))]))
    >>> cube.nearest(np.array([[0.3, 0.6], [1.2, 0.9]])).round(3)
    array([[0.3, 0.5],
           [1. , 1. ]])
    """

    config_space: "ConfigurationSpace"

    @cached_property
    def hyperparameters(self) -> "tuple[Hyperparameter[Any, Any], ...]":
        """ConfigSpace's d hyperparameters, parents before children."""
        return tuple(self.config_space.values())

    @cached_property
    def encoding(self) -> Encoding:
        """The d encoded columns."""
        return Encoding(tuple(map(self._encoded_column, self.hyperparameters)))

    @cached_property
    def scales(self) -> Floats:
        """What ConfigSpace's vectors are divided by (d,): it numbers choices from 0 to m - 1."""
        return np.array([float(max(len(choices_of(h)) - 1, 1)) for h in self.hyperparameters])

    @cached_property
    def default(self) -> Floats:
        """The default of every hyperparameter (d,), as if all were active."""
        return np.array([float(h.to_vector(h.default_value)) for h in self.hyperparameters]) / self.scales

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Return n valid rows (n, d) drawn from the space's own distributions, column by column.

        Raises:
            InputError: when forbidden clauses leave (next to) no valid configuration.
        """
        state = np.random.RandomState(rng.integers(2**32))  # what ConfigSpace takes
        drawn, found = [np.empty((0, len(self.hyperparameters)))], 0
        for _ in range(_MOST_DRAWS):
            vectors = np.stack([np.asarray(h.sample_vector(n, seed=state)) for h in self.hyperparameters])
            drawn.append(self._valid(vectors))
            found += len(drawn[-1])
            if found >= n:
                return np.concatenate(drawn)[:n]
        said = f"Of {_MOST_DRAWS * n} configurations drawn, the forbidden clauses of the space leave {found}"
        raise InputError(f"{said}; let them forbid less.")

    def redraws(self, rng: np.random.Generator) -> Iterator[Floats]:
        """Yield valid rows (32, d), 20 times: enough to find one that was not tried yet, where a method repeats itself.

        Raises:
            InputError: as ``sample``.
        """
        return (self.sample(32, rng) for _ in range(20))

    def from_unit_cube(self, points: Floats, **fixed: float) -> Floats:
        """Return the valid rows that points (n, d) of the unit cube stand for.

        Each coordinate goes through its hyperparameter's inverse distribution function; ``fixed`` sets hyperparameters
        by name to one encoded value. A forbidden configuration is left out.
        """
        vectors = np.stack([_quantiles(h, u) for h, u in zip(self.hyperparameters, points.T, strict=True)])
        for name, value in fixed.items():
            place = next(j for j, h in enumerate(self.hyperparameters) if h.name == name)
            vectors[place] = value * self.scales[place]
        return self._valid(vectors)

    def nearest(self, points: Floats) -> Floats:
        """Return the rows (n, d) nearest to points (n, d): inside the cube, on values that exist, active where due.

        A hyperparameter that is active but NaN in ``points`` gets its default. Forbidden ones are not looked for; see
        ``allowed``.
        """
        filled = np.where(np.isnan(points), self.default, np.clip(points, 0.0, 1.0)).T
        vectors = np.empty_like(filled)
        for j, (hyperparameter, column) in enumerate(zip(self.hyperparameters, filled, strict=True)):
            vectors[j] = _snapped(hyperparameter, column * self.scales[j])
        self.deactivate(vectors)
        return (vectors / self.scales[:, None]).T

    def allowed(self, rows: Floats) -> NDArray[np.bool_]:
        """Return which rows (n, d) no clause forbids."""
        return self._allowed(np.ascontiguousarray((rows * self.scales).T))

    def distances(self, A: Floats, B: Floats) -> Floats:
        """Return Euclidean distances (m, n) of rows A (m, d) and B (n, d).

        Two different choices are 1 apart, and so are an active and an inactive value; two inactive ones are 0 apart.
        """
        apart = np.abs(A[:, None, :] - B[None, :, :])
        choice = [column.kind == "categorical" for column in self.encoding.columns]
        apart[..., choice] = apart[..., choice] > 0
        inactive = np.isnan(A)[:, None, :] != np.isnan(B)[None, :, :]
        apart = np.where(inactive, 1.0, np.nan_to_num(apart))
        return np.asarray(np.sqrt(np.einsum("mnd,mnd->mn", apart, apart)))

    def deactivate(self, vectors: Floats) -> None:
        """Set what conditions make inactive to NaN, in place, in ConfigSpace's vectors (d, n)."""
        # ConfigSpace keeps parents before children, so one pass settles every activity.
        for j, hyperparameter in enumerate(self.hyperparameters):
            for condition in self.config_space.parent_conditions_of[hyperparameter.name]:
                vectors[j, ~condition.satisfied_by_vector_array(vectors)] = np.nan

    def _valid(self, vectors: Floats) -> Floats:
        self.deactivate(vectors)
        return (vectors[:, self._allowed(vectors)] / self.scales[:, None]).T

    def _allowed(self, vectors: Floats) -> NDArray[np.bool_]:
        forbidden = np.zeros(vectors.shape[1], dtype=bool)
        for clause in self.config_space.forbidden_clauses:
            forbidden |= clause.is_forbidden_vector_array(vectors)
        return ~forbidden

    def _encoded_column(self, hyperparameter: "Hyperparameter[Any, Any]") -> EncodedColumn:
        choices = choices_of(hyperparameter)
        kind: Literal["numeric", "ordinal", "categorical"] = "numeric"
        if choices:
            kind = "ordinal" if hasattr(hyperparameter, "sequence") else "categorical"
        parents = self.config_space.parents_of[hyperparameter.name]
        fidelity = bool((hyperparameter.meta or {}).get("fidelity", False))
        parent = next((str(p.name) for p in parents), None)
        return EncodedColumn(hyperparameter.name, kind, choices, parent, fidelity, float(hyperparameter.size))


def choices_of(hyperparameter: "Hyperparameter[Any, Any]") -> tuple[Any, ...]:
    """Return the values of a categorical or ordinal hyperparameter; empty for a number."""
    return tuple(getattr(hyperparameter, "choices", getattr(hyperparameter, "sequence", ())))


def shares_of(hyperparameter: "Hyperparameter[Any, Any]") -> Floats:
    """Return how likely each value of a categorical or ordinal hyperparameter is drawn; empty for a number."""
    choices = choices_of(hyperparameter)
    return np.asarray(getattr(hyperparameter, "probabilities", np.full(len(choices), 1 / max(len(choices), 1))))


def row_keys(X: Floats) -> list[bytes]:
    """Return what rows (n, d) are equal by, rounding apart.

    >>> one, other = row_keys(np.array([[0.3, np.nan], [0.1 + 0.2, np.nan]]))
    >>> one == other
    True
    """
    return [row.tobytes() for row in np.where(np.isnan(X), -1.0, np.round(X, _DIGITS) + 0.0)]


def _snapped(hyperparameter: "Hyperparameter[Any, Any]", column: Floats) -> Floats:
    """Return ConfigSpace's vector (n,) at the values nearest to a column (n,) of it."""
    from ConfigSpace.hyperparameters import FloatHyperparameter

    if isinstance(hyperparameter, FloatHyperparameter):
        return column
    if choices := choices_of(hyperparameter):
        return np.minimum(np.rint(column), len(choices) - 1)  # of one choice too, whose scale is 1
    return np.asarray(hyperparameter.to_vector(hyperparameter.to_value(column)), dtype=np.float64)


def _quantiles(hyperparameter: "Hyperparameter[Any, Any]", u: Floats) -> Floats:
    """Return ConfigSpace's vector (n,) at shares u (n,) of the hyperparameter's distribution."""
    shares = shares_of(hyperparameter)
    if not len(shares):  # conditions and forbidden clauses know a whole number by its one place on the scale
        return _snapped(hyperparameter, u.copy())
    last = int(np.flatnonzero(shares)[-1])
    return np.minimum(np.searchsorted(np.cumsum(shares), u, side="right"), last).astype(np.float64)
