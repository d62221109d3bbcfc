"""What an optimizer knows when it is asked: trials as columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, Floats, row_keys
from metalearn.core.records import Status
from metalearn.core.registry import create


class Row(NamedTuple):
    """One trial: its encoded configuration x (d,), and what is known of it; NaN where nothing is.

    Only a trial that is ``ok`` has a loss. That of a pruned one, which is for the user to read, was measured before it
    was through: to a method the trial is no good, as a failed one is, and nobody knows how bad.
    ``number`` counts the method's own proposals from 0; it is -1 for what came from the queue, or was never asked for.
    """

    x: Floats
    fidelity: float = 1.0
    loss: float = np.nan
    seconds: float = np.nan
    status: Status = "pending"
    number: int = -1


@dataclass(frozen=True, eq=False)
class Table:
    """Trials as columns: X (n, d), and (n,) each of the fields of ``Row``."""

    X: Floats
    fidelity: Floats
    loss: Floats
    seconds: Floats
    status: NDArray[np.str_]
    number: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Row], d: int) -> "Table":
        """Return rows as columns; ``d`` is the width where there are none."""
        X, fidelity, loss, seconds, status, number = zip(*rows, strict=True) if rows else ((),) * len(Row._fields)
        return cls(
            np.array(X, dtype=np.float64).reshape(len(rows), d),
            np.array(fidelity, dtype=np.float64),
            np.array(loss, dtype=np.float64),
            np.array(seconds, dtype=np.float64),
            np.array(status, dtype=str),
            np.array(number, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.X)

    def with_rows(self, rows: Sequence[Row]) -> "Table":
        """Return the table with more rows at its end."""
        more = Table.of(rows, self.X.shape[1])
        names = self.__dataclass_fields__
        return Table(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in names))

    def at_fidelity(self, fidelity: float) -> "Table":
        """Return the trials at one fidelity."""
        return self.rows(np.isclose(self.fidelity, fidelity))

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Table":
        """Return some of the rows, by mask, indices or slice."""
        return Table(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    @property
    def imputed(self) -> Floats:
        """The losses (n,) with a trial that failed or was pruned as bad as the worst other: nothing better is known.

        What failed is known to be no good, but not how bad: a larger penalty would bend every model around it
        (SMAC's crash cost is of this kind; Hutter et al., LION 2011).
        """
        ok = np.isfinite(self.loss)
        worst = self.loss[ok].max() if ok.any() else 0.0
        return np.where(ok, self.loss, worst)


@dataclass(frozen=True, eq=False)
class Gaps:
    """Balls of the encoded space that hold nothing more to try, by ``centers`` (b, d) and ``radii`` (b,).

    Who asks for a place and gets the nearest that can be had learns that between them there is nothing.
    """

    centers: Floats = field(default_factory=lambda: np.empty((0, 0)))
    radii: Floats = field(default_factory=lambda: np.empty(0))

    def and_around(self, center: Floats, radius: float) -> "Gaps":
        """Return these and one more ball, around ``center`` (d,)."""
        return Gaps(np.array([*self.centers, center]), np.append(self.radii, radius))

    def hold(self, rows: Floats, space: EncodedSpace) -> NDArray[np.bool_]:
        """Return which rows (m, d) lie in a ball.

        >>> from ConfigSpace import ConfigurationSpace, Float
        >>> space = EncodedSpace(ConfigurationSpace(space=[Float("x", (0, 1))]))
        >>> Gaps().and_around(np.array([0.5]), 0.2).hold(np.array([[0.4], [0.8]]), space)
        array([ True, False])
        """
        if not len(self.radii):
            return np.zeros(len(rows), dtype=bool)
        return np.asarray((space.distances(rows, self.centers) < self.radii).any(axis=1))


@dataclass(frozen=True, eq=False)
class State:
    """Everything that a proposal may depend on: a function of this and of a random generator, and of nothing else.

    ``told`` holds the finished trials in the order in which they were told, ``pending`` those that were asked for and
    not yet told. ``candidates`` (c, d) limits the choice, without what was tried already; None: the whole space.
    ``queue`` (q, d) are configurations still waiting to be evaluated before any other. Only a method with
    ``takes_queue`` sees some, and trials at fidelities below 1: any other evaluates at 1, and losses at different
    fidelities are never compared. ``n_proposed`` counts the method's own proposals so far; ``n_design`` the trials that
    count towards an initial design. ``seed`` is the optimizer's, for what is to be the same in every proposal, such as
    a scrambled sequence. ``gaps`` are where it is no use to ask: there are none but where the choice is limited and the
    method was not shown the candidates.
    """

    space: EncodedSpace
    told: Table
    pending: Table
    candidates: Floats | None
    queue: Floats
    n_proposed: int
    n_design: int
    seed: int
    gaps: Gaps = field(default_factory=Gaps)

    @property
    def tried(self) -> set[bytes]:
        """The ``row_keys`` of what was told or is pending, at any fidelity that is seen."""
        return {key for table in (self.told, self.pending) for key in row_keys(table.X)}

    def at_fidelity(self, fidelity: float) -> "State":
        """Return the state with the trials at one fidelity only."""
        return replace(self, told=self.told.at_fidelity(fidelity), pending=self.pending.at_fidelity(fidelity))


class Proposal(NamedTuple):
    """A point x (d,) of the encoded space to evaluate at a fidelity.

    ``from_queue`` says that x is the first row of the state's queue, which it then leaves.
    """

    x: Floats
    fidelity: float = 1.0
    from_queue: bool = False


@runtime_checkable
class Proposer(Protocol):
    """A method at work. It may remember what costs time to compute anew, but nothing that changes what it proposes."""

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return what to try next; None where nothing is left to try, or to do until more is told."""
        ...


@runtime_checkable
class Method(Protocol):
    """An optimizer's specification: its hyperparameters, and nothing learned.

    ``takes_queue`` says that its proposer places the queue itself, as one does that chooses fidelities. Only such a one
    is shown trials at fidelities below 1.
    """

    @property
    def takes_queue(self) -> bool:
        """Whether its proposer places the queue itself."""
        ...

    def begin(self, space: EncodedSpace) -> Proposer:
        """Return a proposer for a space.

        Raises:
            InputError: when the method cannot work in this space.
        """
        ...


def method_of(method: str | Method) -> Method:
    """Return a method, or the one registered under a name.

    Raises:
        UnknownNameError: when no optimizer has this name.
    """
    return cast("Method", create("optimizer", method)) if isinstance(method, str) else method
