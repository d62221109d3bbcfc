"""Population-based training (Jaderberg et al., "Population based training of neural networks", 2017).

A population is trained side by side. After each interval the worst members give up: they go on from where one of the
best stands (exploit), with its hyperparameters perturbed (explore). What comes out is a schedule of hyperparameters.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, Floats
from metalearn.core.records import Trial
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.grid import Grid
from metalearn.optimizers.population import filled, new_proposal, ranked_losses, to_unit_cube
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Proposal, State, Table

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter


@dataclass(frozen=True)
class PopulationBasedTraining:
    """Train ``population_size`` members in ``n_intervals`` intervals, then the next population.

    A trial at fidelity s / n_intervals is one member's interval s: "go on to this fidelity with this configuration". Go
    on from what? ``continued(optimizer, trial)`` says from which finished trial, so that an objective that keeps
    checkpoints loads that one's; one that does not trains from nothing to the trial's fidelity, and then this is a
    search over constant hyperparameters. The schedule of a member is found by following ``continued`` backwards.

    All of a population finish an interval before the first starts the next one, so that who goes on from whom depends
    neither on the order in which workers report nor on how many there are. The worst ``quantile`` of the population,
    and what failed, go on from one of the best ``quantile``; each of their hyperparameters is drawn anew with
    ``resample_probability``, and else multiplied with one of ``factors`` (an ordinal one moves to the value beside it,
    a choice stays). The paper's quantile is 0.2; this and the other defaults are those of Ray Tune. The queue supplies
    the first members.

    Raises:
        InputError: when a hyperparameter is out of its range.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from metalearn.core.spaces import SearchSpace
    >>> space = SearchSpace("net-1", ConfigurationSpace(space=[Float("rate", (1e-4, 1), log=True)]))
    >>> method = PopulationBasedTraining(population_size=4, n_intervals=2)
    >>> optimizer = AskTell(space, method, rng=np.random.default_rng(0))
    >>> [trial.fidelity for trial in optimizer.ask(100)]  # the next interval begins when these are told
    [0.5, 0.5, 0.5, 0.5]
    """

    takes_queue: ClassVar[bool] = True
    population_size: int = 10
    n_intervals: int = 5
    quantile: float = 0.25
    resample_probability: float = 0.25
    factors: tuple[float, ...] = (0.8, 1.2)

    def __post_init__(self) -> None:
        if min(self.population_size, self.n_intervals) < 1:
            raise InputError(
                "population_size and n_intervals must be at least 1; "
                f"got {self.population_size} and {self.n_intervals}."
            )
        if not 0 < self.quantile <= 0.5 or not 0 <= self.resample_probability <= 1:
            raise InputError(
                "quantile must be in (0, 0.5] and resample_probability in [0, 1]; "
                f"got {self.quantile} and {self.resample_probability}."
            )
        if not self.factors or min(self.factors) <= 0:
            raise InputError(f"factors must be positive numbers, at least one; got {self.factors}.")

    def begin(self, space: EncodedSpace) -> "_Training":
        """Return a proposer for a space."""
        return _Training(self, min(self.population_size, Grid(space, self.population_size).size))


def continued(optimizer: AskTell, trial: Trial) -> Trial | None:
    """Return the finished trial that a pending one goes on from, None where it starts from nothing.

    Raises:
        InputError: when the trial is not pending, or the optimizer does no population-based training.
    """
    if not isinstance(optimizer.method, PopulationBasedTraining):
        raise InputError(f"Only population-based training goes on from other trials; this is {optimizer.method}.")
    if trial not in optimizer.pending:
        raise InputError(f"{trial.configuration} at fidelity {trial.fidelity} is not pending.")
    state = optimizer.state()
    number = int(state.pending.number[optimizer.pending.index(trial)])
    parent = optimizer.method.begin(state.space).parent(state, number)
    return None if parent is None else optimizer.trials[int(np.flatnonzero(state.told.number == parent)[0])]


@dataclass(frozen=True, eq=False)
class _Training:
    """Proposal i belongs to member i modulo size; the populations follow each other."""

    method: PopulationBasedTraining
    size: int

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return the next member's next interval, None while some member has not finished the last one."""
        number = state.n_proposed
        interval = number // self.size % self.method.n_intervals
        fidelity = (interval + 1) / self.method.n_intervals
        if interval == 0 and len(state.queue):
            return Proposal(state.queue[0], fidelity, from_queue=True)
        if interval == 0:
            return Proposal(sobol_point(state.space, state.seed, number), fidelity)
        if (last := self._last(state, number)) is None:
            return None
        parent = self.parent(state, number)
        if parent == number - self.size:
            return Proposal(last.X[number % self.size], fidelity)
        if parent is None:
            return Proposal(state.space.sample(1, rng)[0], fidelity)
        row = last.X[parent % self.size]
        return self._explored(state, last, row, fidelity, rng)

    def parent(self, state: State, number: int) -> int | None:
        """Return the number of the trial that a number goes on from; None for the first interval, or if all failed."""
        last = self._last(state, number)
        if number // self.size % self.method.n_intervals == 0 or last is None or not np.isfinite(last.loss).any():
            return None
        source = exploited(last, self.method.quantile, state.seed)
        return int(last.number[source[number % self.size]])

    def _last(self, state: State, number: int) -> Table | None:
        """Return the trials of the interval before a number's, by member; None where they have not all finished."""
        first = (number // self.size - 1) * self.size
        last = state.told.rows((state.told.number >= first) & (state.told.number < first + self.size))
        return last.rows(np.argsort(last.number)) if len(last) == self.size else None

    def _explored(self, state: State, last: Table, row: Floats, fidelity: float, rng: np.random.Generator) -> Proposal:
        """Return a configuration near ``row`` (d,) that no member had in the last interval or has in this one."""

        def draw() -> Floats:
            return explored(state.space, row, self.method.resample_probability, self.method.factors, rng)

        return new_proposal(state.at_fidelity(fidelity), draw, rng, taken=last.X)._replace(fidelity=fidelity)


def exploited(last: Table, quantile: float, seed: int) -> NDArray[np.int64]:
    """Return from which member each one (n,) goes on after an interval's trials, which are in the members' order."""
    n = len(last)
    order = np.lexsort((np.arange(n), ranked_losses(last)))
    n_chosen = min(max(int(quantile * n), 1), n // 2)
    failed = ~np.isfinite(last.loss[order])
    gives_up = (np.arange(n) >= n - n_chosen) | failed
    best = order[: max(n_chosen, 1)][~failed[: max(n_chosen, 1)]]
    source = np.arange(n)
    rng = np.random.default_rng([seed, int(last.number[0])])
    source[order[gives_up]] = rng.choice(best, int(gives_up.sum()))
    return source


def explored(
    space: EncodedSpace, row: Floats, resample_probability: float, factors: tuple[float, ...], rng: np.random.Generator
) -> Floats:
    """Return a point (d,) of the unit cube near a row (d,): perturbed, and in some coordinates drawn at random."""
    moved = row.copy()
    for j in np.flatnonzero(~np.isnan(row)):
        moved[j] = _perturbed(space, int(j), row[j], float(rng.choice(factors)))
    drawn = rng.random(len(row)) < resample_probability
    return filled(np.where(drawn, np.nan, to_unit_cube(space, moved[None])[0]), rng)


def _perturbed(space: EncodedSpace, j: int, value: float, factor: float) -> float:
    """Return an encoded value multiplied, or moved by one where it is ordinal or a factor is too little for it."""
    column, hyperparameter = space.encoding.columns[j], space.hyperparameters[j]
    if column.kind == "categorical" or column.n_values == 1:
        return value
    step = 1 if factor > 1 else -1
    if column.kind == "ordinal":
        return float(np.clip(value + step / space.scales[j], 0, 1))
    return _multiplied(hyperparameter, value, factor, step if np.isfinite(column.n_values) else 0)


def _multiplied(hyperparameter: "Hyperparameter[Any, Any]", value: float, factor: float, step: int) -> float:
    number = float(hyperparameter.to_value(np.array([value]))[0])
    product = number * factor
    if step:
        product = float(np.rint(product)) if np.rint(product) != number else number + step
    bounds = hyperparameter.lower, hyperparameter.upper  # type: ignore[attr-defined]
    return float(hyperparameter.to_vector(np.clip(np.array([product]), *bounds))[0])
