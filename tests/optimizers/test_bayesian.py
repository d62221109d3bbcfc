"""Bayesian optimization: design, model, batches, candidates, failures, time, and what makes it repeatable."""

import pickle
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from scipy.stats import norm

from metalearn.core.records import Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError, UnknownNameError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.batches import BATCHES
from metalearn.optimizers.bayesian import (
    BayesianOptimization,
    BoostingSearch,
    ForestSearch,
    GaussianProcessSearch,
    NeuralLinearSearch,
    Warped,
    last_refit,
)
from metalearn.optimizers.candidate_search import CandidateSearch
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.sobol import sobol_point
from metalearn.surrogates.gaussian_process import FittedGaussianProcess, GaussianProcess
from metalearn.surrogates.random_forest import RandomForest

PLANE = SearchSpace("plane-1", ConfigurationSpace(space=[Float("x", (0, 1)), Float("y", (0, 1))]))
FAST = CandidateSearch(n_global=64, n_near=32, n_steps=8)
Forest = partial(BayesianOptimization, surrogate=RandomForest, n_initial=4, search=FAST)


@dataclass(frozen=True)
class Bowl:
    """A surrogate that knows the loss near what it saw, and less elsewhere; it counts what is asked of it."""

    encoding: object = None
    fits: list = field(default_factory=list)
    givens: list = field(default_factory=list)

    def fit(self, X, loss, *, rng):
        self.fits.append(len(X))
        return FittedBowl(self, X, loss)


@dataclass(frozen=True)
class FittedBowl:
    bowl: Bowl
    X: np.ndarray
    loss: np.ndarray
    noise_std = 0.0

    def predict(self, X):
        away = np.linalg.norm(X[:, None, :] - self.X[None], axis=2)
        return self.loss[away.argmin(axis=1)], away.min(axis=1)

    def sample(self, X, n, rng):
        mean, std = self.predict(X)
        return mean + std * rng.standard_normal((n, len(X)))

    def conditioned(self, X, loss):
        self.bowl.givens.append(len(X))
        return replace(self, X=X, loss=loss)


def bowl(values):
    return (values["x"] - 0.3) ** 2 + (values["y"] - 0.6) ** 2


def told(trial, loss=bowl, seconds=1.0):
    return replace(trial, loss=float(loss(trial.configuration.hyperparameters)), status="ok", cost_seconds=seconds)


def optimizer(method, space=PLANE, seed=0, **options):
    return AskTell(space, method, rng=np.random.default_rng(seed), **options)


def run(ask_tell, n, loss=bowl):
    for _ in range(n):
        ask_tell.tell([told(trial, loss) for trial in ask_tell.ask()])
    return ask_tell


def rows(ask_tell):
    return ask_tell.space.encode([trial.configuration for trial in ask_tell.trials])


def test_it_begins_with_the_sobol_sequence_and_then_leaves_it():
    ask_tell = run(optimizer(Forest()), 5)
    points = np.array([sobol_point(PLANE.cube, ask_tell.seed, i) for i in range(5)])
    np.testing.assert_allclose(rows(ask_tell)[:4], points[:4], atol=1e-9)
    assert not np.allclose(rows(ask_tell)[4], points[4])


def test_known_trials_stand_in_for_the_design():
    surrogate = Bowl()
    known = [told(Trial(c)) for c in PLANE.sample(4, np.random.default_rng(1))]
    for replaces, fits in ((True, [4]), (False, [])):
        surrogate.fits.clear()
        method = Forest(surrogate=lambda encoding: surrogate)
        optimizer(method, observed=known, replace_initial_design=replaces).ask()
        assert surrogate.fits == fits


# Probability of improvement is left out: it is known to settle for very small ones.
@pytest.mark.parametrize("acquisition", ["ei", "log_ei", "lcb", "thompson", "log_ei_per_second"])
def test_acquisition_functions_beat_random_search(acquisition):
    own, random = (
        np.mean([run(optimizer(method, seed=seed), 14).best.loss for seed in range(2)])
        for method in (Forest(surrogate=GaussianProcess, acquisition=acquisition), RandomSearch())
    )
    assert own < random / 5


def test_it_finds_the_optimum_of_a_conditional_space():
    kind, deep = Categorical("kind", ["a", "b", "c"]), Float("deep", (1e-4, 1), log=True)
    config_space = ConfigurationSpace(space=[kind, deep, Integer("n", (1, 20))])
    config_space.add(EqualsCondition(deep, kind, "b"))
    space = SearchSpace("deep-1", config_space)

    def loss(values):
        inner = 0.1 * abs(np.log10(values["deep"]) + 2) if values["kind"] == "b" else 0.5
        return inner + 0.02 * abs(values["n"] - 15)

    best = run(optimizer(ForestSearch(surrogate=RandomForest, search=FAST), space), 40, loss).best
    assert best.configuration.hyperparameters["kind"] == "b"
    assert best.loss < 0.1


def test_hyperparameters_are_fitted_ever_more_rarely_and_all_trials_count():
    surrogate = Bowl()
    method = Forest(surrogate=lambda encoding: surrogate)
    run(optimizer(method), 41)
    assert surrogate.fits == [*range(4, 31), 33, 37]
    assert surrogate.givens == [31, 32, 34, 35, 36, 38, 39, 40]


def test_the_refit_schedule_depends_on_the_number_of_trials_alone():
    assert [last_refit(n) for n in (1, 29, 30, 31, 32, 33)] == [1, 29, 30, 30, 30, 33]
    refits = sorted({last_refit(n) for n in range(30, 2000)})
    assert all(a < b <= 1.1 * a + 1 for a, b in pairwise(refits))


def test_a_surrogate_that_cannot_be_conditioned_is_fitted_to_all_trials():
    sizes = []

    class Sized(RandomForest):
        def fit(self, X, loss, *, rng):
            sizes.append(len(X))
            return super().fit(X, loss, rng=rng)

    run(optimizer(Forest(surrogate=Sized)), 40)
    assert sizes == list(range(4, 40))


@pytest.mark.parametrize("acquisition", ["log_ei", "thompson", "log_ei_per_second"])
def test_a_fresh_proposer_proposes_what_one_with_a_memory_does(acquisition):
    ask_tell = run(optimizer(Forest(acquisition=acquisition, random_share=0.3)), 34)
    ask_tell.ask(2)
    state = ask_tell.state()
    fresh = ask_tell.method.begin(state.space)
    copy = pickle.loads(pickle.dumps(ask_tell))
    for proposer in (fresh, copy._proposer):
        other = proposer.propose(state, np.random.default_rng(5))
        np.testing.assert_array_equal(ask_tell._proposer.propose(state, np.random.default_rng(5)).x, other.x)


@pytest.mark.parametrize("batch", BATCHES)
def test_a_batch_spreads_out(batch):
    surrogate = Bowl()
    ask_tell = run(optimizer(Forest(surrogate=lambda encoding: surrogate, batch=batch)), 12)
    batch_rows = PLANE.encode([trial.configuration for trial in ask_tell.ask(4)])
    apart = PLANE.cube.distances(batch_rows, batch_rows)[np.triu_indices(4, 1)]
    # Without what is pending, each would be the maximum of the same function.
    assert apart.min() > 0.01
    assert np.median(apart) > 0.1


@pytest.mark.parametrize(("batch", "assumed"), [("kriging_believer", 0.5), ("constant_liar", -1.0)])
def test_what_is_pending_is_assumed_to_have_a_loss(batch, assumed):
    seen = []

    class Noted(FittedBowl):
        def conditioned(self, X, loss):
            seen.append(loss)
            return super().conditioned(X, loss)

        def predict(self, X):
            return np.full(len(X), 0.5), np.ones(len(X))

    class Fixed(Bowl):
        def fit(self, X, loss, *, rng):
            return Noted(self, X, loss)

    surrogate = Fixed()
    ask_tell = run(optimizer(Forest(surrogate=lambda encoding: surrogate, batch=batch)), 4)
    ask_tell.tell([replace(t, loss=-1.0, status="ok") for t in ask_tell.ask()])
    ask_tell.ask(2)
    np.testing.assert_allclose(seen[-1][-1], assumed)
    assert len(seen[-1]) == 6


def test_it_chooses_the_candidate_with_the_highest_score():
    candidates = PLANE.sample(40, np.random.default_rng(3))
    encoded = PLANE.encode(candidates)
    ask_tell = run(optimizer(Forest(), candidates=candidates), 8)
    state = ask_tell.state()
    assert len(state.candidates) == 32
    rng = np.random.default_rng(0)
    proposal = ask_tell._proposer.propose(state, rng)
    scores = ask_tell._proposer.score(state, rng)(state.candidates)
    np.testing.assert_array_equal(proposal.x, state.candidates[scores.argmax()])
    assert (encoded == proposal.x).all(axis=1).any()


def test_a_joint_draw_is_of_so_many_candidates_at_most(monkeypatch):
    monkeypatch.setattr("metalearn.optimizers.bayesian.MOST_JOINT", 20)
    drawn, sample = [], FittedGaussianProcess.sample
    monkeypatch.setattr(FittedGaussianProcess, "sample", lambda self, X, *how: drawn.append(X) or sample(self, X, *how))
    candidates = PLANE.sample(40, np.random.default_rng(3))
    method = Forest(surrogate=GaussianProcess, acquisition="thompson")
    trials = run(optimizer(method, candidates=candidates), 30).trials
    assert len({trial.configuration for trial in trials}) == 30
    assert [len(X) for X in drawn] == [20] * 17 + list(range(19, 10, -1))
    assert len({X.tobytes() for X in drawn[:17]}) == 17


def test_it_finds_the_best_candidates_sooner_than_chance():
    candidates = PLANE.sample(200, np.random.default_rng(4))
    losses = np.sort([bowl(c.hyperparameters) for c in candidates])
    best = [run(optimizer(Forest(), candidates=candidates, seed=s), 20).best.loss for s in range(3)]
    assert np.median(best) <= losses[4]  # by chance it is the tenth


def test_it_stays_away_from_where_trials_fail():
    def attempt(trial):
        failed = trial.configuration.hyperparameters["x"] > 0.5
        return replace(trial, status="crashed") if failed else told(trial, lambda v: -v["x"])

    ask_tell = optimizer(Forest())
    for _ in range(30):
        ask_tell.tell([attempt(trial) for trial in ask_tell.ask()])
    late = [trial.status for trial in ask_tell.trials[15:]]
    assert late.count("crashed") < 8
    assert ask_tell.best.loss < -0.4


def test_without_a_loss_to_learn_from_the_design_goes_on():
    ask_tell = optimizer(Forest())
    for _ in range(8):
        ask_tell.tell([replace(trial, status="crashed") for trial in ask_tell.ask()])
    ask_tell.ask(3)
    points = [sobol_point(PLANE.cube, ask_tell.seed, i) for i in range(11)]
    np.testing.assert_allclose(rows(ask_tell), points[:8], atol=1e-9)
    pending = PLANE.encode([trial.configuration for trial in ask_tell.pending])
    np.testing.assert_allclose(pending, points[8:], atol=1e-9)


def test_improvement_a_second_divides_by_the_predicted_seconds():
    timed, plain = (optimizer(Forest(acquisition=name, n_initial=16)) for name in ("log_ei_per_second", "log_ei"))
    for ask_tell in (timed, plain):
        for trial in ask_tell.ask(16):
            ask_tell.tell([told(trial, seconds=1000.0 ** trial.configuration.hyperparameters["x"])])
    X = PLANE.cube.sample(50, np.random.default_rng(0))
    scores = [a._proposer.score(a.state(), np.random.default_rng(0))(X) for a in (timed, plain)]
    log_seconds = scores[1] - scores[0]
    assert np.corrcoef(log_seconds, X[:, 0])[0, 1] > 0.9
    assert np.polyfit(X[:, 0], log_seconds, 1)[0] == pytest.approx(np.log(1000), rel=0.3)


def test_unknown_times_leave_expected_improvement():
    timed, plain = (optimizer(Forest(acquisition=name)) for name in ("log_ei_per_second", "log_ei"))
    for ask_tell in (timed, plain):
        for _ in range(8):
            ask_tell.tell([replace(told(trial), cost_seconds=None) for trial in ask_tell.ask()])
    assert [t.configuration for t in timed.trials] == [t.configuration for t in plain.trials]


def test_a_share_of_one_is_random_search_after_the_design():
    surrogate = Bowl()
    candidates = PLANE.sample(30, np.random.default_rng(0))
    for options in ({}, {"candidates": candidates}):
        run(optimizer(Forest(surrogate=lambda encoding: surrogate, random_share=1.0), **options), 20)
    assert not surrogate.fits


def test_the_model_is_asked_and_believed_on_its_own_scale():
    seen = []

    class Logarithm:
        forward, inverse = staticmethod(np.log), staticmethod(np.exp)

    class Logs(FittedBowl):
        warping = Logarithm()

        def predict(self, X):
            raise NotImplementedError

        def predict_warped(self, X):
            return np.where(X[:, 0] > 0.9, -3.0, 0.0), np.full(len(X), 0.1)

        def conditioned(self, X, loss):
            seen.append(loss[-1])
            return super().conditioned(X, loss)

    class Logarithmic(Bowl):
        def fit(self, X, loss, *, rng):
            return Logs(self, X, loss)

    ask_tell = run(optimizer(Forest(surrogate=lambda encoding: Logarithmic())), 4, lambda values: 1.0)
    assert ask_tell.ask()[0].configuration.hyperparameters["x"] > 0.9
    ask_tell.ask()
    np.testing.assert_allclose(seen, np.exp(-3.0))


def test_less_than_the_margin_is_no_improvement():
    ask_tell = run(optimizer(Forest(surrogate=lambda encoding: Bowl())), 8)
    state, rng = ask_tell.state(), np.random.default_rng(0)
    X = PLANE.cube.sample(50, rng)
    mean, std = FittedBowl(Bowl(), state.told.X, state.told.loss).predict(X)
    for margin in (0.0, 0.5):
        method = Forest(surrogate=lambda encoding: Bowl(), acquisition="log_pi", margin=margin)
        scores = method.begin(PLANE.cube).score(state, rng)(X)
        below = state.told.loss.min() - margin * state.told.loss.std()
        np.testing.assert_allclose(scores, norm.logcdf((below - mean) / std))


@pytest.mark.parametrize("surrogate", [GaussianProcess, RandomForest])
def test_the_surrogates_that_warp_are_known_to(surrogate):
    X = np.random.default_rng(0).random((9, 2))
    assert isinstance(surrogate(PLANE.encoding).fit(X, X[:, 0], rng=np.random.default_rng(0)), Warped)


@pytest.mark.parametrize(
    ("method", "surrogate"),
    [
        (GaussianProcessSearch, "gp"),
        (ForestSearch, "forest"),
        (BoostingSearch, "quantile_boosting"),
        (NeuralLinearSearch, "neural_linear"),
    ],
)
def test_methods_are_told_apart_by_their_surrogates(method, surrogate):
    assert method().surrogate == surrogate
    assert isinstance(method(), BayesianOptimization)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"acquisition": "log_eii"}, UnknownNameError, "did you mean 'log_ei'"),
        ({"batch": "liar"}, UnknownNameError, "constant_liar"),
        ({"n_initial": 0}, InputError, "n_initial"),
        ({"random_share": 1.5}, InputError, "random_share"),
        ({"margin": -0.1}, InputError, "margin"),
        ({"margin": np.inf}, InputError, "margin"),
        ({"acquisition": "lcb", "batch": "local_penalization"}, InputError, "positive"),
        ({"acquisition": "thompson", "batch": "local_penalization"}, InputError, "positive"),
    ],
)
def test_bad_options_are_named(options, error, words):
    with pytest.raises(error, match=words):
        Forest(**options)
