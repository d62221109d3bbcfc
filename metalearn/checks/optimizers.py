"""Conformance checks of optimizers: what every method must do, whatever it does.

    for check in optimizer_checks():
        check(MyMethod())

Each check takes a method's specification and raises AssertionError where it fails, with what was expected and came.
"""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from metalearn.core.protocols import Optimizer
from metalearn.core.records import Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.state import Method, Proposer

Check = Callable[[Method], None]
# Enough to leave any initial design, few enough for the slowest surrogate.
_N_TRIALS = 16


def optimizer_checks() -> Iterator[Check]:
    """Yield the checks that every optimizer has to pass.

    >>> from metalearn.optimizers.random_search import RandomSearch
    >>> for check in optimizer_checks():
    ...     check(RandomSearch())
    """
    yield check_satisfies_the_protocols
    yield check_asks_for_valid_configurations_and_none_twice
    yield check_is_deterministic_per_seed
    yield check_a_batch_is_the_same_asks
    yield check_goes_on_where_it_stopped
    yield check_queue_comes_first_and_in_order
    yield check_keeps_to_the_candidates
    yield check_takes_failed_and_unasked_trials
    yield check_works_in_small_spaces
    yield check_takes_constants
    yield check_leaves_its_inputs_unchanged


def planted_space() -> SearchSpace:
    """Return a space of two algorithms: numbers, a whole number, choices, conditions and a forbidden pair."""
    from ConfigSpace import (
        Categorical,
        ConfigurationSpace,
        EqualsCondition,
        Float,
        ForbiddenAndConjunction,
        ForbiddenEqualsClause,
        Integer,
        OrdinalHyperparameter,
    )

    algorithm = Categorical("algorithm", ["svc", "forest"])
    c, gamma = Float("svc:C", (1e-3, 1e3), log=True), Float("svc:gamma", (1e-4, 10), log=True)
    kernel = Categorical("svc:kernel", ["rbf", "poly", "linear"])
    trees, depth = Integer("forest:trees", (10, 1000), log=True), OrdinalHyperparameter("forest:depth", [1, 2, 4, 8])
    space = ConfigurationSpace(space=[algorithm, c, kernel, gamma, trees, depth])
    space.add(
        *(EqualsCondition(child, algorithm, "svc") for child in (c, kernel)),
        *(EqualsCondition(child, algorithm, "forest") for child in (trees, depth)),
        EqualsCondition(gamma, kernel, "rbf"),
        ForbiddenAndConjunction(ForbiddenEqualsClause(trees, 10), ForbiddenEqualsClause(depth, 8)),
    )
    return SearchSpace("planted-1", space)


def planted_loss(configuration: Configuration) -> float:
    """Return a loss on the planted space, smallest for svc with an rbf kernel, C = 10 and gamma = 0.01."""
    values: Mapping[str, Any] = configuration.hyperparameters
    if configuration.algorithm == "forest":
        return float(0.3 + 0.1 * abs(np.log10(values["trees"]) - 2) + 0.02 * abs(values["depth"] - 4))
    away = 0.1 * abs(np.log10(values["C"]) - 1)
    if values["kernel"] != "rbf":
        return float(0.4 + away)
    return float(0.1 + away + 0.1 * abs(np.log10(values["gamma"]) + 2))


def _optimizer(method: Method, seed: int = 0, **options: Any) -> AskTell:
    return AskTell(planted_space(), method, rng=np.random.default_rng(seed), **options)


def _told(trial: Trial) -> Trial:
    return replace(trial, loss=planted_loss(trial.configuration), status="ok", cost_seconds=1.0)


def _run(optimizer: AskTell, n: int = _N_TRIALS) -> list[Trial]:
    for _ in range(n):
        asked = optimizer.ask()
        if not asked:
            break
        optimizer.tell([_told(asked[0])])
    return list(optimizer.trials)


def _keys(trials: Sequence[Trial]) -> list[tuple[str, float]]:
    return [(trial.configuration.id, trial.fidelity) for trial in trials]


def _check_none_twice(trials: Sequence[Trial]) -> None:
    n_again = len(trials) - len(set(_keys(trials)))
    assert n_again == 0, f"{n_again} of {len(trials)} trials repeat the configuration and fidelity of an earlier one"


def check_satisfies_the_protocols(method: Method) -> None:
    """Specification, proposer and optimizer offer what the protocols name."""
    assert isinstance(method, Method), f"{type(method).__name__} lacks begin or takes_queue"
    proposer = method.begin(planted_space().cube)
    assert isinstance(proposer, Proposer), f"what begin returns, {type(proposer).__name__}, lacks propose"
    assert isinstance(_optimizer(method), Optimizer), "AskTell makes no optimizer of it"


def check_asks_for_valid_configurations_and_none_twice(method: Method) -> None:
    """What is asked for is in the space, at a fidelity in (0, 1], and no pair of them comes twice."""
    optimizer = _optimizer(method)
    trials = _run(optimizer)
    assert trials, "it asked for nothing"
    for trial in trials:
        optimizer.space.validate(trial.configuration)
    _check_none_twice(trials)


def check_is_deterministic_per_seed(method: Method) -> None:
    """The same seed asks the same; NumPy's global generator is neither used nor moved."""
    np.random.seed(1)  # noqa: NPY002  what must not matter
    first = _keys(_run(_optimizer(method)))
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert _keys(_run(_optimizer(method))) == first, "two runs with the same seed ask for different trials"
    after = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert after == before, "it draws from NumPy's global generator, not from the one it is given"


def check_a_batch_is_the_same_asks(method: Method) -> None:
    """Four at once are the four that one would get one by one, nothing being told meanwhile."""
    together, singly = _optimizer(method), _optimizer(method)
    for optimizer in (together, singly):
        _run(optimizer, 12)
    alone = [trial for _ in range(4) for trial in singly.ask()]
    assert list(together.ask(4)) == alone, "four asked for at once are not the four that come one by one"
    _check_none_twice(alone)


def check_goes_on_where_it_stopped(method: Method) -> None:
    """A fresh optimizer that takes over the asks and tells of another one asks for the same next."""
    old, new = _optimizer(method), _optimizer(method)
    for step in range(_N_TRIALS):
        asked = old.ask()
        for trial in asked:
            new.restore(trial)
        if step % 5 != 3:  # some stay pending
            for optimizer in (old, new):
                optimizer.tell([_told(trial) for trial in asked])
    assert new.pending == old.pending, "after the same asks and tells, other trials are pending"
    copy = pickle.loads(pickle.dumps(old))  # noqa: S301  (our own)
    expected = old.ask(2)
    assert new.ask(2) == expected, "after the asks and tells of another optimizer it asks for something else"
    assert copy.ask(2) == expected, "a copy through pickle asks for something else"


def check_queue_comes_first_and_in_order(method: Method) -> None:
    """Warm starts are evaluated before anything else, and never again at the same fidelity."""
    queue = planted_space().sample(3, np.random.default_rng(7))
    optimizer = _optimizer(method, queue=queue)
    trials = _run(optimizer)
    first = [trial.configuration for trial in trials[:3]]
    assert first == list(queue), f"the queue {list(queue)} does not come first, but {first}"
    _check_none_twice(trials)


def check_keeps_to_the_candidates(method: Method) -> None:
    """From a list only what is on it, each once, until nothing is left."""
    candidates = planted_space().sample(15, np.random.default_rng(3))
    trials = _run(_optimizer(method, candidates=candidates), 60)
    others = {trial.configuration for trial in trials} - set(candidates)
    assert not others, f"{len(others)} of its trials are not among the candidates"
    _check_none_twice(trials)


def check_takes_failed_and_unasked_trials(method: Method) -> None:
    """Failures of every kind, losses that are not finite, and trials it never asked for do not stop it."""
    optimizer = _optimizer(method)
    optimizer.tell([_told(Trial(c)) for c in planted_space().sample(2, np.random.default_rng(11))])
    for status in ("crashed", "timeout", "memout", "invalid", "ok") * 4:
        for trial in optimizer.ask():
            loss = float("nan") if status == "ok" else None
            optimizer.tell([replace(trial, status=status, loss=loss)])
    assert optimizer.best is not None, "trials that it never asked for are not taken in"
    assert optimizer.ask(), "after failures it asks for nothing"


def check_works_in_small_spaces(method: Method) -> None:
    """One hyperparameter with three values: all are found, and then there is nothing left to ask for."""
    from ConfigSpace import Categorical, ConfigurationSpace

    space = SearchSpace("tiny-1", ConfigurationSpace(space=[Categorical("kind", ["a", "b", "c"])]))
    optimizer = AskTell(space, method, rng=np.random.default_rng(0))
    loss = {"a": 0.0, "b": 1.0, "c": 2.0}
    for _ in range(40):
        for trial in optimizer.ask():
            kind = str(trial.configuration.hyperparameters["kind"])
            optimizer.tell([replace(trial, loss=loss[kind], status="ok")])
    n = len({trial.configuration for trial in optimizer.trials})
    assert n == 3, f"in a space of 3 configurations it found {n}"
    _check_none_twice(optimizer.trials)


def check_takes_constants(method: Method) -> None:
    """Hyperparameters with one value, a text or a number, keep it."""
    from ConfigSpace import ConfigurationSpace, Constant, Float

    fixed = Constant("solver", "adam"), Constant("decay", 0.5)
    space = SearchSpace("fixed-1", ConfigurationSpace(space=[Float("x", (0, 1)), *fixed]))
    optimizer = AskTell(space, method, rng=np.random.default_rng(0))
    for _ in range(_N_TRIALS):
        for trial in optimizer.ask():
            values: Mapping[str, Any] = trial.configuration.hyperparameters
            kept = (values["solver"], values["decay"])
            assert kept == ("adam", 0.5), f"constants 'adam' and 0.5 became {kept}"
            optimizer.tell([replace(trial, loss=float(values["x"]), status="ok")])
    assert optimizer.trials, "it asked for nothing"


def check_leaves_its_inputs_unchanged(method: Method) -> None:
    """A proposal reads the state and writes nothing."""
    optimizer = _optimizer(method)
    _run(optimizer, 14)
    state = optimizer.state()
    before = pickle.dumps((state.told, state.pending, state.queue))
    first = optimizer.method.begin(state.space).propose(state, np.random.default_rng(0))
    assert pickle.dumps((state.told, state.pending, state.queue)) == before, "propose changed the state"
    again = optimizer.method.begin(state.space).propose(state, np.random.default_rng(0))
    assert (first is None) == (again is None), "the same state and seed give a proposal once, and once none"
    if first is not None and again is not None:
        np.testing.assert_array_equal(first.x, again.x, "the same state and seed give different proposals")
