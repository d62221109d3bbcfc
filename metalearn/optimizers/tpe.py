"""TPE: go where good configurations are dense and bad ones are not.

Bergstra, Bardenet, Bengio & Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011: where the losses are
split into good and bad ones, the ratio of the two densities orders configurations as expected improvement does. The
components, and their values here, are those that Watanabe recommends: "Tree-structured Parzen estimator: understanding
its algorithm components and their roles for better empirical performance", 2023.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from metalearn.core.encoded_space import EncodedSpace, Floats, row_keys
from metalearn.errors import InputError
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Proposal, State
from metalearn.surrogates.parzen import Density, Parzen, Rule

Weights = Literal["improvement", "uniform", "recent"]

# hyperopt's and Optuna's: never more good ones than this, and as many recent trials have full weight.
_MOST_GOOD = 25
_RECENT = 25


@dataclass(frozen=True)
class TPE:
    """Multivariate TPE over mixed, conditional spaces; from a list of candidates it takes the one of best ratio.

    After ``n_initial`` points of a Sobol' sequence, the ceil(``gamma`` n) best of n trials (``split`` = linear) or the
    ceil(``gamma`` sqrt(n)) best (sqrt; hyperopt, with gamma = 0.25), at most 25, are good. ``weights`` of observations:
    ``improvement`` gives a good one what it is better than the best bad one, ``recent`` fades out all but the last 25
    (hyperopt, Optuna). The best of ``n_candidates`` draws from the good is proposed. Failed trials are bad, and so are
    pending ones until they are told (constant liar). ``rule``, ``narrowest``, ``clip`` and ``smoothing`` are those of
    the densities (``surrogates.parzen``).

    Raises:
        InputError: when a parameter is out of its range.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> from dataclasses import replace
    >>> from metalearn.core.spaces import SearchSpace
    >>> from metalearn.optimizers.ask_tell import AskTell
    >>> space = SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))
    >>> optimizer = AskTell(space, TPE(), rng=np.random.default_rng(0))
    >>> for _ in range(30):
    ...     trial, = optimizer.ask()
    ...     optimizer.tell([replace(trial, loss=abs(trial.configuration.hyperparameters["x"] - 0.7), status="ok")])
    >>> optimizer.best.loss < 0.02
    True
    """

    takes_queue: ClassVar[bool] = False
    n_initial: int = 10
    split: Literal["linear", "sqrt"] = "linear"
    gamma: float = 0.15
    weights: Weights = "improvement"
    n_candidates: int = 24
    rule: Rule = "neighbors"
    narrowest: float = 0.03
    clip: float = 2.0
    smoothing: float = 1.0

    def __post_init__(self) -> None:
        if self.n_initial < 0 or self.n_candidates < 1 or not self.gamma > 0:
            raise InputError(
                "TPE needs n_initial of 0 or more, n_candidates of at least 1 and gamma above 0; "
                f"got {self.n_initial}, {self.n_candidates} and {self.gamma}."
            )
        if self.split not in ("linear", "sqrt") or self.weights not in ("improvement", "uniform", "recent"):
            raise InputError(
                "TPE's split is linear or sqrt and its weights improvement, uniform or recent; "
                f"got {self.split!r} and {self.weights!r}."
            )

    def begin(self, space: EncodedSpace) -> "Ratio":
        """Return a proposer for a space.

        Raises:
            InputError: when a parameter of the densities is out of its range.
        """
        return Ratio(self, Parzen(space.encoding, self.rule, self.narrowest, self.clip, self.smoothing))

    def n_good(self, n: int) -> int:
        """Return how many of n trials are good.

        >>> TPE().n_good(10), TPE(split="sqrt", gamma=0.25).n_good(100)
        (2, 3)
        """
        return min(int(np.ceil(self.gamma * (n if self.split == "linear" else n**0.5))), _MOST_GOOD)


@dataclass(frozen=True)
class Ratio:
    """A proposer that goes by the ratio of the densities of good and bad trials."""

    tpe: TPE
    parzen: Parzen

    def propose(self, state: State, rng: np.random.Generator) -> Proposal | None:
        """Return the candidate of the best ratio, or a point of the initial design while that lasts."""
        if state.candidates is not None and not len(state.candidates):
            return None
        if state.n_design < self.tpe.n_initial:
            return Proposal(sobol_point(state.space, state.seed, state.n_proposed))
        good, bad = self.densities(state)
        X = state.candidates if state.candidates is not None else self._drawn(good, state, rng)
        return Proposal(X[np.argmax(good.log_density(X) - bad.log_density(X))])

    def densities(self, state: State) -> tuple[Density, Density]:
        """Return the densities of the good trials and of the bad, failed and pending ones."""
        told, n_ok = state.told, int(np.isfinite(state.told.loss).sum())
        order = np.argsort(told.loss, kind="stable")  # failed ones come last
        n_good = min(self.tpe.n_good(len(told)), n_ok)
        good, bad = np.sort(order[:n_good]), np.sort(order[n_good:])
        weights = np.ones(n_good)
        if self.tpe.weights == "improvement" and n_good:
            weights = told.loss[order[min(n_good, n_ok - 1)]] - told.loss[good]
        others = np.concatenate([told.X[bad], state.pending.X])
        if self.tpe.weights == "recent":
            return self.parzen.fit(told.X[good], _faded(n_good)), self.parzen.fit(others, _faded(len(others)))
        return self.parzen.fit(told.X[good], weights), self.parzen.fit(others)

    def _drawn(self, good: Density, state: State, rng: np.random.Generator) -> Floats:
        """Return draws (m, d) from the good that are valid and still to be had, or else one from the whole space."""
        X = state.space.nearest(good.sample(self.tpe.n_candidates, rng))
        tried = state.tried
        new = np.array([key not in tried for key in row_keys(X)], dtype=bool) & ~state.gaps.hold(X, state.space)
        X = X[state.space.allowed(X) & new]
        return X if len(X) else state.space.sample(1, rng)


def _faded(n: int) -> Floats:
    """Return weights (n,) that rise over all but the last trials."""
    return np.append(np.linspace(1 / max(n, 1), 1, max(n - _RECENT, 0)), np.ones(min(n, _RECENT)))
