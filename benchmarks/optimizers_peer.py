"""One interface for all peers: rows of the encoded space (d,), NaN where inactive."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, choices_of

Floats = NDArray[np.float64]


class Peer:
    """What all peers need: names and Python values of a row, and a row of them."""

    def __init__(self, space: EncodedSpace, seed: int, n_trials: int, initial: Floats) -> None:
        self.space, self.seed, self.n_trials, self.initial = space, seed, n_trials, initial
        self.hyperparameters = space.hyperparameters
        with self._quiet():
            self._start()

    def ask(self) -> Floats:
        """Return the row (d,) to try next."""
        with self._quiet():
            return self._ask()

    def choose(self, candidates: Floats) -> int:
        """Return which of the candidates (c, d) to try next."""
        with self._quiet():
            return self._choose(candidates)

    def tell(self, x: Floats, loss: float) -> None:
        """Take in the loss at a row (d,), asked for or not."""
        with self._quiet():
            self._tell(x, loss)

    def _start(self) -> None:
        raise NotImplementedError

    def _ask(self) -> Floats:
        raise NotImplementedError

    def _choose(self, candidates: Floats) -> int:
        raise NotImplementedError

    def _tell(self, x: Floats, loss: float) -> None:
        raise NotImplementedError

    @staticmethod
    @contextmanager
    def _quiet() -> Iterator[None]:
        """Keep the peers' own warnings to themselves."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield

    def values(self, x: Floats, *, filled: bool = False) -> dict[str, Any]:
        """Return a row's active hyperparameters by name; ``filled`` gives inactive ones their default."""
        x = np.where(np.isnan(x), self.space.default, x) if filled else x
        vectors = zip(self.hyperparameters, x * self.space.scales, strict=True)
        return {h.name: plain(h.to_value(v), h) for h, v in vectors if not np.isnan(v)}

    def row(self, values: dict[str, Any]) -> Floats:
        """Return the valid row (d,) of hyperparameters by name, whether they are active or not."""
        vector = [float(h.to_vector(values[h.name])) if h.name in values else np.nan for h in self.hyperparameters]
        return np.asarray(self.space.nearest((np.array(vector) / self.space.scales)[None])[0])

    def is_active(self, name: str, values: dict[str, Any]) -> bool:
        """Whether a hyperparameter is active, given the values of all active ones before it."""
        conditions: Any = self.space.config_space.parent_conditions_of[name]
        return all(c.parent.name in values and c.satisfied_by_value(values) for c in conditions)


def condition_values(condition: Any) -> tuple[Any, ...]:
    """Return the values of the parent with which the child of a condition is active."""
    return tuple(condition.values) if hasattr(condition, "values") else (condition.value,)


def is_whole(h: Any) -> bool:
    """Whether a hyperparameter takes whole numbers."""
    return "Integer" in type(h).__name__


def legal(h: Any, value: Any) -> Any:
    """Return a hyperparameter's value inside its range; of a choice, that with this number."""
    if choices := choices_of(h):
        return choices[int(value)]
    inside = min(max(float(value), h.lower), h.upper)
    return round(inside) if is_whole(h) else inside


def plain(value: Any, h: Any) -> Any:
    """Return a decoded value as a Python scalar inside its hyperparameter's range."""
    value = value.item() if hasattr(value, "item") else value
    return value if choices_of(h) else min(max(value, h.lower), h.upper)
