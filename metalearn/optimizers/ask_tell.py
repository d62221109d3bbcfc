"""Ask and tell: the one stateful object around a method's proposals.

It keeps the queue, matches what is told with what was asked, and hands the method all of it as columns of numbers. The
method's proposal number i draws from a generator made of (seed, i), so that the same trials asked and told in the same
order give the same next one, in a fresh process too.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import Floats
from metalearn.core.records import Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers.result import best_of
from metalearn.optimizers.state import Gaps, Method, Proposal, Row, State, Table

Key = tuple[str, float, int]


class AskTell:
    """An optimizer: ``ask`` for trials, ``tell`` what became of them (``core.protocols.Optimizer``).

    ``candidates`` limits the choice to these configurations; a method that cannot choose from a list gets the candidate
    nearest to what it asked for. That their values are in the space is checked here, and not that none is missing,
    which ``space.validate`` takes 0.15 ms for. ``queue`` is evaluated first, in its order; ``observed`` are trials that
    are known already. Both count towards the method's initial design unless ``replace_initial_design`` is false. The
    state is small and plain: it pickles.

    Raises:
        ConfigurationError: for a queued or observed configuration that is neither in the space nor a candidate, or a
            candidate with a value outside of the space.
        InputError: for what is no configuration or trial, an empty list of candidates, or a method that cannot work
            in this space.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from dataclasses import replace
    >>> from metalearn.optimizers.random_search import RandomSearch
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> first = Configuration("line-1", "line-1", {"x": 0.5})
    >>> optimizer = AskTell(space, RandomSearch(), queue=[first], rng=np.random.default_rng(0))
    >>> trials = optimizer.ask(3)
    >>> trials[0].configuration == first
    True
    >>> optimizer.tell([replace(t, loss=t.configuration.hyperparameters["x"] ** 2, status="ok") for t in trials])
    >>> optimizer.best.loss <= 0.25
    True
    """

    def __init__(
        self,
        space: SearchSpace,
        method: Method,
        *,
        candidates: Sequence[Configuration] | None = None,
        queue: Sequence[Configuration] = (),
        observed: Sequence[Trial] = (),
        replace_initial_design: bool = True,
        rng: np.random.Generator,
    ) -> None:
        self.space, self.method = space, method
        self.seed = int(rng.integers(2**63))
        self._proposer = method.begin(space.cube)
        self._replaces = replace_initial_design
        self._pool = _Pool(space, candidates) if candidates is not None else None
        self._queue: list[tuple[Configuration, Floats]] = []
        self._pending: dict[Key, tuple[Trial, Row]] = {}
        self._told: list[Trial] = []
        self._table = Table.of((), len(space.encoding.columns))
        self._tried: defaultdict[float, set[str]] = defaultdict(set)
        self._placed: dict[bytes, Configuration] = {}
        self._n_proposed = 0
        self.enqueue(queue)
        self.tell(observed)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What was told, in its order."""
        return tuple(self._told)

    @property
    def pending(self) -> tuple[Trial, ...]:
        """What was asked for and not yet told, in its order."""
        return tuple(trial for trial, _ in self._pending.values())

    @property
    def best(self) -> Trial | None:
        """The trial with the smallest loss among those at the largest fidelity that one was finished at."""
        return best_of(self.trials)

    def ask(self, n: int = 1) -> tuple[Trial, ...]:
        """Return n pending trials, or as many as there are to try now; the queue of warm starts comes first.

        Raises:
            InputError: when n is below 1.
        """
        if n < 1:
            raise InputError(f"Ask for at least one trial; got {n}.")
        asked: list[Trial] = []
        while len(asked) < n and (trial := self._next()) is not None:
            asked.append(trial)
        return tuple(asked)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take in finished trials, matched by (configuration id, fidelity, seed); unasked ones too.

        A loss that is not finite counts as a crash. All are checked before the first is taken in.

        Raises:
            InputError: for what is no trial, or one that is still pending.
            ConfigurationError: for one whose configuration is neither in the space nor a candidate.
        """
        check_given(trials=trials)
        if any(trial.status == "pending" for trial in trials):
            raise InputError("A pending trial has nothing to tell; give it a status, and a loss where it is ok.")
        # What is pending is known, also to the second of two reports of it.
        encoded = {trial.configuration: row.x for trial, row in self._pending.values()}
        encoded |= self._encoded([trial.configuration for trial in trials if _key(trial) not in self._pending])
        rows = []
        for given in trials:
            trial = _finite(given)
            _, row = self._pending.pop(_key(trial), (None, None))
            asked = row or Row(encoded[trial.configuration], trial.fidelity)
            self._tried[trial.fidelity].add(trial.configuration.id)
            self._told.append(trial)
            rows.append(asked._replace(**_outcome(trial)))
        if rows:
            self._table = self._table.with_rows(rows)

    def enqueue(self, configurations: Sequence[Configuration]) -> None:
        """Put configurations at the end of the queue.

        Raises:
            InputError: for what is no configuration.
            ConfigurationError: for one that is neither in the space nor a candidate.
        """
        check_given(configurations)
        self._queue += self._encoded(configurations)

    def restore(self, trial: Trial) -> None:
        """Take over the next trial that an optimizer of an earlier process asked for, without proposing it anew."""
        row = Row(self.space.encode([trial.configuration])[0], trial.fidelity)
        from_queue = bool(self._queue) and self._queue[0][0] == trial.configuration
        self._place(trial.configuration, row, from_queue=from_queue)

    def state(self) -> State:
        """Return what the method's next proposal is made from: at fidelity 1 alone where it chooses no other."""
        d = len(self.space.encoding.columns)
        told, pending = self._table, Table.of([row for _, row in self._pending.values()], d)
        tried = set().union(*self._tried.values())
        if not self.method.takes_queue:
            told, pending, tried = told.at_fidelity(1.0), pending.at_fidelity(1.0), self._tried[1.0]
        return State(
            self.space.cube,
            told,
            pending,
            None if self._pool is None else self._pool.rows[self._pool.open(tried)],
            np.array([row for _, row in self._queue] if self.method.takes_queue else []).reshape(-1, d),
            self._n_proposed,
            len(told) + len(pending) if self._replaces else self._n_proposed,
            self.seed,
            Gaps() if self._pool is None else self._pool.gaps,
        )

    def _encoded(self, configurations: Sequence[Configuration]) -> list[tuple[Configuration, Floats]]:
        """Return configurations that come from outside, each with its row (d,), once all are known to be valid.

        Candidates are, by being listed: a space inferred from them leaves out what is the same in all.
        """
        listed = self._pool.position if self._pool is not None else ()
        for configuration in configurations:
            if configuration.id not in listed:
                self.space.validate(configuration)
        return list(zip(configurations, self.space.encode(configurations), strict=True))

    def _next(self) -> Trial | None:
        if self._queue and not self.method.takes_queue:
            configuration, x = self._queue[0]
            return self._place(configuration, Row(x), from_queue=True)
        rng = np.random.default_rng([self.seed, self._n_proposed])
        proposal = self._proposer.propose(self.state(), rng)
        if proposal is None:
            return None
        found = self._queue[0] if proposal.from_queue else self._settled(proposal, rng)
        if found is None:
            return None
        configuration, x = found
        return self._place(configuration, Row(x, proposal.fidelity), from_queue=proposal.from_queue)

    def _place(self, configuration: Configuration, row: Row, *, from_queue: bool) -> Trial:
        """Make a pending trial of a configuration."""
        if from_queue:
            del self._queue[0]
        if self.method.takes_queue or not from_queue:
            row = row._replace(number=self._n_proposed)
            self._n_proposed += 1
        seeds = (seed for seed in count() if (configuration.id, row.fidelity, seed) not in self._pending)
        trial = Trial(configuration, row.fidelity, next(seeds))
        self._pending[_key(trial)] = trial, row
        self._placed[row.x.tobytes()] = configuration
        self._tried[row.fidelity].add(configuration.id)
        return trial

    def _settled(self, proposal: Proposal, rng: np.random.Generator) -> tuple[Configuration, Floats] | None:
        """Return what is tried for a proposal: the nearest candidate, or else the point itself unless it was tried."""
        tried = self._tried[proposal.fidelity]
        # One that goes on at another fidelity is itself, though it be from the queue and no candidate.
        again = self._placed.get(proposal.x.tobytes())
        if again is not None and again.id not in tried:
            return again, proposal.x
        if self._pool is not None:
            return self._pool.nearest(proposal.x, tried)
        for points in chain([proposal.x[None]], self.space.cube.redraws(rng)):
            for configuration in self.space.decode(points):
                if configuration.id not in tried:
                    return configuration, self.space.encode([configuration])[0]
        return None


class _Pool:
    """The candidates that the choice is limited to, and the gaps between them that were asked into."""

    def __init__(self, space: SearchSpace, candidates: Sequence[Configuration]) -> None:
        if not candidates:
            raise InputError("There are no candidates to choose from; give at least one, or None for the whole space.")
        check_given(candidates)
        self.space = space.cube
        self.configurations = tuple(dict.fromkeys(candidates))
        self.position = {c.id: i for i, c in enumerate(self.configurations)}
        self.rows = space.encode(self.configurations)
        self.gaps = Gaps()

    def open(self, tried: set[str]) -> NDArray[np.int64]:
        """Return which candidates were not tried: their places, in their order."""
        left = np.ones(len(self.rows), dtype=bool)
        left[[self.position[id_] for id_ in tried if id_ in self.position]] = False
        return np.flatnonzero(left)

    def nearest(self, x: Floats, tried: set[str]) -> tuple[Configuration, Floats] | None:
        """Return the candidate nearest to x (d,) that was not tried, the first of those that are equally near.

        That nearer ones there are none is remembered.
        """
        open_ = self.open(tried)
        if not len(open_):
            return None
        away = self.space.distances(x[None], self.rows[open_])[0]
        if away.min() > 0:
            self.gaps = self.gaps.and_around(x, float(away.min()))
        i = open_[away.argmin()]
        return self.configurations[i], self.rows[i]


def check_given(configurations: Iterable[object] = (), *, trials: Iterable[object] = ()) -> None:
    """Check that what is given is what it is given as.

    Raises:
        InputError: for the first that is something else; says what to give.

    >>> check_given([0.5])
    Traceback (most recent call last):
    ...
    metalearn.errors.InputError: 0.5 is no metalearn.Configuration; give Configuration(space.name, algorithm, {...}).
    """
    for given in configurations:
        if not isinstance(given, Configuration):
            instead = "Configuration(space.name, algorithm, {...})"
            raise InputError(f"{given!r} is no metalearn.Configuration; give {instead}.")
    for given in trials:
        if not isinstance(given, Trial):
            instead = 'Trial(configuration, loss=..., status="ok")'
            raise InputError(f"{given!r} is no metalearn.Trial; give {instead}.")


def _key(trial: Trial) -> Key:
    return trial.configuration.id, trial.fidelity, trial.seed


def _finite(trial: Trial) -> Trial:
    return trial if trial.loss is None or np.isfinite(trial.loss) else trial.ended(trial.loss)


def _outcome(trial: Trial) -> dict[str, Any]:
    """Return what a row says of a finished trial. Where a pruned one would have ended, nobody knows."""
    loss = trial.loss if trial.status == "ok" else np.nan
    known = trial.cost_seconds is not None and np.isfinite(trial.cost_seconds)  # a journal keeps no others
    return {"loss": loss, "seconds": trial.cost_seconds if known else np.nan, "status": trial.status}
