"""Bayesian optimization: a model of the loss says where the next trial promises most.

Mockus, 1975; Jones, Schonlau & Welch, 1998; for hyperparameters: Snoek, Larochelle & Adams, "Practical Bayesian
optimization of machine learning algorithms", NeurIPS 2012 (Gaussian processes), Hutter, Hoos & Leyton-Brown,
"Sequential model-based optimization for general algorithm configuration", LION 2011 (SMAC, random forests). The model
may be any surrogate and the promise any acquisition function; trials that still run enter as ``batches`` says.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Encoding, Floats
from metalearn.core.protocols import Predictor, Surrogate
from metalearn.core.registry import create
from metalearn.errors import InputError, UnknownNameError
from metalearn.optimizers.acquisition import ACQUISITIONS, per_second, thompson
from metalearn.optimizers.batches import BATCHES, Batch, Predict, lies, penalized
from metalearn.optimizers.candidate_search import CandidateSearch, Score
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Proposal, State, Table
from metalearn.surrogates.output_warping import OutputWarping

# Hyperparameters of a surrogate are fitted anew after each trial up to 30, then when there is a tenth more of them.
_EVERY, _GROWTH = 30, 1.1
# Models of different data draw from different generators.
_LOSSES, _SECONDS = 1, 2
# The configurations that the search looks near.
_N_BEST = 8
# A joint draw of m losses takes a matrix (m, m), of 32 MB here, and m^3 steps.
MOST_JOINT = 2_000
THOMPSON, PER_SECOND = "thompson", "log_ei_per_second"
_NOT_POSITIVE = (THOMPSON, "lcb")
# Expected improvement has the same maximum as its logarithm, which is the one that can be maximised, penalised and
# divided by seconds.
_FUNCTIONS = {**ACQUISITIONS, "ei": ACQUISITIONS["log_ei"], PER_SECOND: ACQUISITIONS["log_ei"]}

BestLoss = Literal["predicted", "observed"]
BEST_LOSSES: tuple[str, ...] = get_args(BestLoss)


@runtime_checkable
class Conditions(Protocol):
    """A predictor that takes other data without being fitted anew."""

    def conditioned(self, X: Floats, loss: Floats) -> Predictor:
        """Return the predictor with the same hyperparameters, given losses (n,) at X (n, d) instead."""
        ...


@runtime_checkable
class Warped(Protocol):
    """A predictor of losses that are normal only once they are warped."""

    @property
    def warping(self) -> OutputWarping:
        """The warp."""
        ...

    def predict_warped(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) of warped losses at X (m, d)."""
        ...


@dataclass(frozen=True)
class BayesianOptimization:
    """Proposes what maximises an acquisition function of a surrogate.

    ``surrogate`` is a name in the registry, or what makes a surrogate of an encoding. ``acquisition`` is one of
    ``ACQUISITIONS``, "thompson" (of a list of candidates, ``MOST_JOINT`` at random), or "log_ei_per_second", for which
    a second surrogate learns the logarithms of seconds.
    The ``incumbent``, which is to be improved upon, is the least of the losses told: "predicted", without their noise,
    or as "observed"; by less than ``margin`` standard deviations of the losses nothing is improved (Lizotte, "Practical
    Bayesian optimization", 2008, whose xi is 0.01), lest trials be spent on polishing a valley's floor. ``batch`` says
    what becomes of trials that still run. ``n_initial`` trials come from a Sobol' sequence before the first model. A
    share ``random_share`` of the later proposals is drawn at random, as SMAC does, lest the model's errors hide a
    region for good.

    Raises:
        UnknownNameError: for an unknown acquisition function, batch strategy or incumbent.
        InputError: for n_initial below 1, a random_share outside [0, 1], a negative margin, or local penalisation of an
            acquisition function that is not positive.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from dataclasses import replace
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> from metalearn.surrogates.random_forest import RandomForest
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> method = BayesianOptimization(surrogate=RandomForest, n_initial=4)
    >>> optimizer = AskTell(space, method, rng=np.random.default_rng(0))
    >>> for _ in range(12):
    ...     trial, = optimizer.ask()
    ...     loss = (trial.configuration.hyperparameters["x"] - 0.3) ** 2
    ...     optimizer.tell([replace(trial, loss=loss, status="ok")])
    >>> optimizer.best.loss < 0.01
    True
    """

    takes_queue: ClassVar[bool] = False
    surrogate: str | Callable[[Encoding], Surrogate] = "gp"
    acquisition: str = "log_ei"
    batch: Batch = "kriging_believer"
    incumbent: BestLoss = "predicted"
    n_initial: int = 10
    random_share: float = 0.0
    margin: float = 0.0
    search: CandidateSearch = field(default_factory=CandidateSearch)

    def __post_init__(self) -> None:
        if self.acquisition not in (known := (*ACQUISITIONS, PER_SECOND, THOMPSON)):
            raise UnknownNameError("acquisition function", self.acquisition, known)
        if self.batch not in BATCHES:
            raise UnknownNameError("batch strategy", self.batch, BATCHES)
        if self.incumbent not in BEST_LOSSES:
            raise UnknownNameError("incumbent", self.incumbent, BEST_LOSSES)
        if self.batch == "local_penalization" and self.acquisition in _NOT_POSITIVE:
            raise InputError(f"Local penalisation needs a positive acquisition function; {self.acquisition} is not.")
        if self.n_initial < 1:
            raise InputError(f"n_initial must be at least 1; got {self.n_initial}.")
        if not 0 <= self.random_share <= 1:
            raise InputError(f"random_share lies in [0, 1]; got {self.random_share}.")
        if not 0 <= self.margin < np.inf:
            raise InputError(f"margin is 0 or more; got {self.margin}.")

    def begin(self, space: EncodedSpace) -> "BayesianProposer":
        """Return a proposer for a space.

        Raises:
            UnknownNameError: when no surrogate has the name ``surrogate``.
        """
        if isinstance(self.surrogate, str):
            return BayesianProposer(self, create("surrogate", self.surrogate, encoding=space.encoding))
        return BayesianProposer(self, self.surrogate(space.encoding))


@dataclass(frozen=True)
class GaussianProcessSearch(BayesianOptimization):
    """Bayesian optimization with a Gaussian process, which knows a valley's floor so well that it needs a margin."""

    margin: float = 0.01


@dataclass(frozen=True)
class ForestSearch(BayesianOptimization):
    """Bayesian optimization with SMAC's random forest, and a share of random configurations, as there."""

    surrogate: str | Callable[[Encoding], Surrogate] = "forest"
    incumbent: BestLoss = "observed"


@dataclass(frozen=True)
class BoostingSearch(BayesianOptimization):
    """Hyperboost: van Hoof & Vanschoren, "Hyperboost: hyperparameter optimization by gradient boosting", 2021."""

    surrogate: str | Callable[[Encoding], Surrogate] = "quantile_boosting"


@dataclass(frozen=True)
class NeuralLinearSearch(BayesianOptimization):
    """DNGO: Snoek et al., "Scalable Bayesian optimization using deep neural networks", ICML 2015."""

    surrogate: str | Callable[[Encoding], Surrogate] = "neural_linear"


@dataclass(eq=False)
class BayesianProposer:
    """A method with its surrogate; it remembers the last fits, which a fresh one would repeat."""

    method: BayesianOptimization
    surrogate: Surrogate
    _fits: dict[int, tuple[bytes, Predictor]] = field(default_factory=dict, repr=False)
    _conditions: bool = True

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return the configuration that promises most; the next of the initial design while there is no model."""
        if state.candidates is not None and not len(state.candidates):
            return None
        # Two losses at least, for there must be something to tell apart.
        if state.n_design < self.method.n_initial or np.isfinite(state.told.loss).sum() < 2:
            return Proposal(sobol_point(state.space, state.seed, state.n_proposed))
        if rng.random() < self.method.random_share:
            return Proposal(_drawn(state, rng))
        score = self.score(state, rng)
        if state.candidates is not None:
            X = self._scored(state.candidates, rng)
            return Proposal(X[score(X).argmax()])
        return Proposal(self._found(score, state, rng))

    def _scored(self, candidates: Floats, rng: np.random.Generator) -> Floats:
        """Return the candidates (m, d) to choose from: of very many, as many at random as can be drawn jointly."""
        if self.method.acquisition != THOMPSON or len(candidates) <= MOST_JOINT:
            return candidates
        return candidates[rng.choice(len(candidates), MOST_JOINT, replace=False)]

    def score(self, state: State, rng: np.random.Generator) -> Score:
        """Return the acquisition function: scores (m,) of rows (m, d), larger is better."""
        method, told, pending = self.method, state.told, state.pending.X
        X, loss = told.X, told.imputed
        predictor = self._fitted(_LOSSES, X, loss, state.seed)
        if len(pending) and method.batch != "local_penalization":
            assumed = lies(method.batch, partial(_middle, predictor), loss, pending)
            X, loss = np.concatenate([X, pending]), np.concatenate([loss, assumed])
            predictor = self._given(predictor, _LOSSES, X, loss, state.seed)
        if method.acquisition == THOMPSON:
            return lambda rows: thompson(predictor, rows, rng)
        predict, best = self._believed(predictor, X, loss)
        function = _FUNCTIONS[method.acquisition]
        score = self._timed(lambda rows: function(*predict(rows), best), told, state.seed)
        if method.batch == "local_penalization" and len(pending):
            return penalized(score, predict, best, pending, state.space, rng)
        return score

    def _believed(self, predictor: Predictor, X: Floats, loss: Floats) -> tuple[Predict, float]:
        """Return the prediction on the scale on which losses are nearest to normal, and what is to be improved upon."""
        predict = predictor.predict
        if isinstance(predictor, Warped):
            predict, loss = predictor.predict_warped, predictor.warping.forward(loss)
        known = predict(X)[0] if self.method.incumbent == "predicted" else loss
        return predict, float(known.min() - self.method.margin * loss.std())

    def _found(self, score: Score, state: State, rng: np.random.Generator) -> Floats:
        """Return a row (d,) that was not tried and scores high; a draw at random where the search finds none."""
        told, pending = state.told, state.pending

        def outside_gaps(rows: Floats) -> Floats:
            return np.where(state.gaps.hold(rows, state.space), -np.inf, score(rows))

        best = told.X[np.argsort(told.imputed, kind="stable")[:_N_BEST]]
        search = self.method.search
        if self.method.acquisition == THOMPSON:  # each call would draw from another function
            search = replace(search, n_steps=0)
        found = search.maximize(outside_gaps, state.space, best, np.concatenate([told.X, pending.X]), rng)
        return _drawn(state, rng) if found is None else found

    def _timed(self, score: Score, told: Table, seed: int) -> Score:
        """Return the score a second where that is asked for and times are known; the score itself elsewhere."""
        known = told.seconds > 0
        if self.method.acquisition != PER_SECOND or known.sum() < 2:
            return score
        seconds = self._fitted(_SECONDS, told.X[known], np.log(told.seconds[known]), seed)
        return lambda rows: per_second(score(rows), seconds.predict(rows)[0])

    def _fitted(self, what: int, X: Floats, target: Floats, seed: int) -> Predictor:
        """Return the surrogate given targets (n,) at X (n, d), its hyperparameters fitted to the first of them."""
        k = last_refit(len(X)) if self._conditions else len(X)
        first = self._fit(what, X[:k], target[:k], seed)
        self._conditions = isinstance(first, Conditions)
        return first if k == len(X) else self._given(first, what, X, target, seed)

    def _given(self, predictor: Predictor, what: int, X: Floats, target: Floats, seed: int) -> Predictor:
        """Return a predictor given targets (n,) at X (n, d) instead of its own."""
        if isinstance(predictor, Conditions):
            return predictor.conditioned(X, target)
        return self.surrogate.fit(X, target, rng=_generator(seed, len(X), what))

    def _fit(self, what: int, X: Floats, target: Floats, seed: int) -> Predictor:
        data = X.tobytes() + target.tobytes()
        if what not in self._fits or self._fits[what][0] != data:
            self._fits[what] = data, self.surrogate.fit(X, target, rng=_generator(seed, len(X), what))
        return self._fits[what][1]


def last_refit(n: int) -> int:
    """Return after how many of n trials the hyperparameters of the surrogate were last fitted.

    >>> [last_refit(n) for n in (7, 30, 32, 33, 36, 1000)]
    [7, 30, 30, 33, 33, 966]
    """
    last = min(n, _EVERY)
    while (following := int(np.ceil(last * _GROWTH))) <= n and last >= _EVERY:
        last = following
    return last


def _middle(predictor: Predictor, X: Floats) -> Floats:
    """Return the medians (m,) of the losses at X (m, d), which given as losses leave the prediction where it is."""
    if isinstance(predictor, Warped):
        return predictor.warping.inverse(predictor.predict_warped(X)[0])
    return predictor.predict(X)[0]


def _drawn(state: State, rng: np.random.Generator) -> Floats:
    """Return a row (d,) at random: of the candidates, or of the space."""
    return np.asarray(state.space.sample(1, rng)[0] if state.candidates is None else rng.choice(state.candidates))


def _generator(seed: int, n: int, what: int) -> np.random.Generator:
    return np.random.default_rng([seed, n, what])
