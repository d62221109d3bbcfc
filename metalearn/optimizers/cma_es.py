"""CMA-ES: a normal distribution whose mean, step and covariance follow the better half of what it proposed.

Hansen & Ostermeier, "Completely derandomized self-adaptation in evolution strategies", Evolutionary Computation 2001,
updated by the package ``cma`` (Hansen, Akimoto & Baudis). On a choice of m > 2 the distribution has m coordinates, of
which the largest decides. Whole numbers and choices keep a variance with which they can still change, as in Hamano,
Saito, Nomura & Shirakawa, "CMA-ES with margin", GECCO 2022. When it has converged it starts again elsewhere with twice
the population (IPOP: Auger & Hansen, CEC 2005).
"""

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats
from metalearn.errors import InputError, MissingDependencyError
from metalearn.optimizers.population import new_proposal, to_unit_cube
from metalearn.optimizers.state import Proposal, State, Table

# Of the coordinates of a choice, the chosen one stands here and the others at 1 less this: as far from the walls as
# the two halves of a number's range are.
_CHOSEN = 0.75
# The package ranks three at least.
_FEWEST = 3


@dataclass(frozen=True)
class CmaEs:
    """CMA-ES in the unit cube, from its centre or from the best of the trials told before its own.

    ``initial_std`` is in units of a hyperparameter's range; ``population_size`` is 4 + 3 ln(coordinates) by default.
    A generation is as many finished trials, in the order in which they were told, whoever proposed them: what comes
    from the queue counts as injected (Hansen, "Injecting external solutions into CMA-ES", 2011), and workers never
    wait for each other. What a condition makes inactive counts as if it had been at the mean.

    Raises:
        InputError: when the standard deviation is not positive, or the population smaller than 3.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("square-1", ConfigurationSpace(space=[Float("x", (0, 1)), Float("y", (0, 1))]))
    >>> len(AskTell(space, CmaEs(), rng=np.random.default_rng(0)).ask(3))
    3
    """

    takes_queue: ClassVar[bool] = False
    initial_std: float = 0.3
    population_size: int | None = None

    def __post_init__(self) -> None:
        if not self.initial_std > 0:
            raise InputError(f"initial_std must be positive; got {self.initial_std}.")
        if self.population_size is not None and self.population_size < _FEWEST:
            raise InputError(f"population_size must be at least {_FEWEST}; got {self.population_size}.")

    def begin(self, space: EncodedSpace) -> "_Strategy":
        """Return a proposer for a space.

        Raises:
            MissingDependencyError: when the package cma is not installed.
        """
        try:
            import cma  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError("cma", "cma") from error
        return _Strategy(self, Relaxation(space))


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The coordinates that a space has for a normal distribution: one a hyperparameter, m for a choice of m > 2."""

    space: EncodedSpace

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The number of coordinates of each of the d hyperparameters."""
        columns = self.space.encoding.columns
        wide = [column.kind == "categorical" and len(column.choices) > 2 for column in columns]
        return tuple(len(column.choices) if w else 1 for column, w in zip(columns, wide, strict=True))

    def coordinates(self, X: Floats, mean: Floats) -> Floats:
        """Return the coordinates (n, c) of rows X (n, d), and the ``mean`` (c,) where they are inactive."""
        points = to_unit_cube(self.space, X)
        blocks = [
            points[:, [j]] if width == 1 else self._one_hot(X[:, j], width) for j, width in enumerate(self.widths)
        ]
        coordinates = np.concatenate(blocks, axis=1)
        return np.where(np.isnan(coordinates), mean, coordinates)

    def point(self, coordinates: Floats) -> Floats:
        """Return the point (d,) of the unit cube that coordinates (c,) stand for."""
        point, start = np.empty(len(self.widths)), 0
        for j, width in enumerate(self.widths):
            block = coordinates[start : start + width]
            point[j] = np.clip(block[0], 0, 1) if width == 1 else self._share(j, int(block.argmax()))
            start += width
        return point

    def least_std(self, chance: float) -> Floats:
        """Return the standard deviations (c,) with which a value changes at least with a chance, 0 for real numbers."""
        reach = NormalDist().inv_cdf(1 - min(chance, 0.25))
        steps: list[float] = []
        for column, width in zip(self.space.encoding.columns, self.widths, strict=True):
            # Half a value's share is to be overcome, and between two coordinates of a choice their difference.
            step = 0.5 / column.n_values if width == 1 else (2 * _CHOSEN - 1) / np.sqrt(2)
            steps += [step / reach if column.n_values > 1 else 0.0] * width
        return np.array(steps)

    def _one_hot(self, column: Floats, width: int) -> Floats:
        chosen = np.rint(column[:, None] * (width - 1)) == np.arange(width)
        return np.where(np.isnan(column)[:, None], np.nan, np.where(chosen, _CHOSEN, 1 - _CHOSEN))

    def _share(self, j: int, choice: int) -> float:
        row = np.full((1, len(self.widths)), np.nan)
        row[0, j] = choice / self.space.scales[j]
        return float(to_unit_cube(self.space, row)[0, j])


@dataclass(frozen=True, eq=False)
class _Strategy:
    """Folds what was told into a distribution; remembers the last one, to go on from where it still holds."""

    method: CmaEs
    relaxation: Relaxation
    _last: "list[_Fold]" = field(default_factory=list, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Strategy, (self.method, self.relaxation)  # the package's objects do not pickle; they are made anew

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return a draw from the distribution."""
        strategy = self._fold(state).strategy
        std = strategy.sigma * strategy.sigma_vec.scaling
        root = np.linalg.cholesky(strategy.sm.covariance_matrix)

        def draw() -> Floats:
            return self.relaxation.point(strategy.mean + std * (root @ rng.standard_normal(len(root))))

        return new_proposal(state, draw, rng)

    def _fold(self, state: State) -> "_Fold":
        start = self._start(state.told)
        fold = next((last for last in self._last if last.continues(state, start)), None) or _Fold(
            self._strategy(start, self.method.population_size), state.seed, start, state.told.rows(slice(0))
        )
        while (generation := fold.generation(state.told)) is not None:
            if np.isfinite(generation.loss).any():  # where all failed there is nothing to rank
                coordinates = self.relaxation.coordinates(generation.X, fold.strategy.mean)
                _tell(fold.strategy, coordinates, generation.imputed)
            if fold.strategy.stop():
                fold.restarts += 1
                elsewhere = np.random.default_rng([state.seed, fold.restarts]).random(len(start))
                fold.strategy = self._strategy(elsewhere, 2 * fold.strategy.popsize)
        self._last[:] = [fold]
        return fold

    def _start(self, told: Table) -> Floats:
        """Return the centre (c,), or the best of the trials that were told before the first that it proposed."""
        centre = np.full(sum(self.relaxation.widths), 0.5)
        given = told.rows(np.cumsum(told.number >= 0) == 0)
        if not np.isfinite(given.loss).any():
            return centre
        return np.array(self.relaxation.coordinates(given.X[[given.imputed.argmin()]], centre)[0])

    def _strategy(self, mean: Floats, population_size: int | None) -> Any:
        from cma import CMAEvolutionStrategy
        from cma.sigma_adaptation import CMAAdaptSigmaCSA

        size = population_size or int(4 + 3 * np.log(len(mean)))
        unused = np.random.default_rng(0)
        options = {
            "popsize": size,
            "minstd": self.relaxation.least_std(1 / (size * len(mean))),  # of a generation, one value changes
            "AdaptSigma": CMAAdaptSigmaCSA,  # the other kind needs to have proposed some of what it is told
            "randn": lambda *shape: unused.standard_normal(shape),  # else it seeds NumPy's global generator
            "seed": np.nan,
            "verbose": -9,
            "verb_log": 0,
            "signals_filename": "",
        }
        return CMAEvolutionStrategy(mean, self.method.initial_std, options)


def _tell(strategy: Any, coordinates: Floats, losses: Floats) -> None:
    """Tell the package a generation that it did not propose."""
    from cma.evolution_strategy import InjectionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InjectionWarning)
        strategy.ask()  # it insists on being asked before it is told
        strategy.tell(list(coordinates), list(losses))


@dataclass(eq=False)
class _Fold:
    """A strategy and the trials that made it what it is."""

    strategy: Any
    seed: int
    start: Floats
    used: Table
    restarts: int = 0

    def continues(self, state: State, start: Floats) -> bool:
        """Whether folding ``state`` from ``start`` comes through here."""
        told = state.told.rows(slice(len(self.used)))
        same_trials = np.array_equal(told.X, self.used.X, equal_nan=True) and np.array_equal(
            told.loss, self.used.loss, equal_nan=True
        )
        return same_trials and self.seed == state.seed and np.array_equal(self.start, start)

    def generation(self, told: Table) -> Table | None:
        """Return the next trials to tell the strategy, None before there are enough of them."""
        n = len(self.used) + self.strategy.popsize
        if n > len(told):
            return None
        generation, self.used = told.rows(slice(len(self.used), n)), told.rows(slice(n))
        return generation
