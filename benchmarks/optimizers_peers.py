"""The peers of the optimizers' bench behind one interface: rows of the encoded space (d,), NaN where inactive.

Each gets the same initial points told, and none of its own; apart from that it works as it does by default. What it
asks for is made a valid configuration by ``EncodedSpace.nearest``. In a table it may be told about another row than it
asked for, which it then learns from where that row stands.
"""

import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.optimizers_peer import Floats, Peer, condition_values, is_whole, legal
from metalearn.core.encoded_space import choices_of


class OptunaTpe(Peer):
    """Optuna's TPE, multivariate, in groups of hyperparameters that occur together."""

    def _sampler(self, samplers: Any) -> Any:
        n = len(self.initial)
        return samplers.TPESampler(seed=self.seed, multivariate=True, group=True, n_startup_trials=n)

    def _start(self) -> None:
        self.optuna: Any = import_module("optuna")
        self.optuna.logging.set_verbosity(self.optuna.logging.ERROR)
        self.distributions = {h.name: self._distribution(h) for h in self.hyperparameters}
        self.study = self.optuna.create_study(sampler=self._sampler(self.optuna.samplers))
        self.asked: Any = None

    def _ask(self) -> Floats:
        self.asked = self.study.ask()
        values: dict[str, Any] = {}
        for name, distribution in self.distributions.items():
            if self.is_active(name, values):
                values[name] = self.asked._suggest(name, distribution)
        self.wanted = values
        return self.row(values)

    def _tell(self, x: Floats, loss: float) -> None:
        values = self.values(x)
        if self.asked is not None and np.allclose(self.row(self.wanted), x, equal_nan=True):
            self.study.tell(self.asked, loss)
        else:
            if self.asked is not None:
                self.study.tell(self.asked, state=self.optuna.trial.TrialState.FAIL)
            known = {name: self.distributions[name] for name in values}
            self.study.add_trial(self.optuna.trial.create_trial(params=values, distributions=known, value=loss))
        self.asked = None

    def _distribution(self, h: Any) -> Any:
        kinds = self.optuna.distributions
        if choices_of(h):
            return kinds.CategoricalDistribution(choices_of(h))
        kind = kinds.IntDistribution if is_whole(h) else kinds.FloatDistribution
        return kind(h.lower, h.upper, log=h.log)


class OptunaGp(OptunaTpe):
    """Optuna's Gaussian process, for an objective without noise."""

    def _sampler(self, samplers: Any) -> Any:
        return samplers.GPSampler(seed=self.seed, n_startup_trials=len(self.initial), deterministic_objective=True)


class HyperoptTpe(Peer):
    """hyperopt's TPE; conditions as nested choices, where each is on one value of one choice."""

    def _start(self) -> None:
        self.hyperopt: Any = import_module("hyperopt")
        parents: Any = self.space.config_space.parent_conditions_of
        conditions = [c for h in self.hyperparameters for c in parents[h.name]]
        self.parent = {c.child.name: (c.parent.name, condition_values(c)) for c in conditions}
        if len(self.parent) < len(conditions) or any(len(values) > 1 for _, values in self.parent.values()):
            self.parent = {}
        roots = {h.name: self._node(h) for h in self.hyperparameters if h.name not in self.parent}
        self.domain = self.hyperopt.base.Domain(_never_called, roots)
        self.trials, self.rng = self.hyperopt.Trials(), np.random.default_rng(self.seed)

    def _ask(self) -> Floats:
        drawn = int(self.rng.integers(2**31 - 1))
        (found,) = self.hyperopt.tpe.suggest(
            self.trials.new_trial_ids(1), self.domain, self.trials, drawn, n_startup_jobs=len(self.initial)
        )
        given = {name: v[0] for name, v in found["misc"]["vals"].items() if len(v)}
        by_name = {h.name: h for h in self.hyperparameters}
        return self.row({name: legal(by_name[name], v) for name, v in given.items()})

    def _tell(self, x: Floats, loss: float) -> None:
        (number,) = self.trials.new_trial_ids(1)
        values = self.values(x, filled=not self.parent)
        numbers = {
            h.name: [choices_of(h).index(values[h.name]) if choices_of(h) else values[h.name]]
            for h in self.hyperparameters
            if h.name in values
        }
        places = {h.name: numbers.get(h.name, []) for h in self.hyperparameters}
        about = {"idxs": {n: [number] * len(v) for n, v in places.items()}, "vals": places}
        misc = {"tid": number, "cmd": self.domain.cmd, "workdir": None, **about}
        (trial,) = self.trials.new_trial_docs([number], [None], [{"loss": loss, "status": "ok"}], [misc])
        trial["state"] = self.hyperopt.base.JOB_STATE_DONE
        self.trials.insert_trial_docs([trial])
        self.trials.refresh()

    def _node(self, h: Any) -> Any:
        hp = self.hyperopt.hp
        if not choices_of(h):
            ends = (np.log(h.lower), np.log(h.upper)) if h.log else (h.lower, h.upper)
            whole = hp.qloguniform if h.log else hp.quniform
            return whole(h.name, *ends, 1) if is_whole(h) else (hp.loguniform if h.log else hp.uniform)(h.name, *ends)
        return hp.choice(h.name, [(choice, self._below(h.name, choice)) for choice in choices_of(h)])

    def _below(self, name: str, choice: Any) -> dict[str, Any]:
        return {h.name: self._node(h) for h in self.hyperparameters if self.parent.get(h.name) == (name, (choice,))}


class SkoptGp(Peer):
    """scikit-optimize's Gaussian process; inactive hyperparameters stand at their defaults."""

    def _start(self) -> None:
        skopt: Any = import_module("skopt")
        dimensions = [self._dimension(skopt.space, h) for h in self.hyperparameters]
        n = len(self.initial)
        self.optimizer = skopt.Optimizer(dimensions, "GP", n_initial_points=n, random_state=self.seed)

    def _ask(self) -> Floats:
        return self.row({h.name: legal(h, v) for h, v in zip(self.hyperparameters, self.optimizer.ask(), strict=True)})

    def _tell(self, x: Floats, loss: float) -> None:
        given = self.values(x, filled=True)
        numbers = [choices_of(h).index(given[h.name]) if choices_of(h) else given[h.name] for h in self.hyperparameters]
        self.optimizer.tell(numbers, loss)

    def _dimension(self, space: Any, h: Any) -> Any:
        if choices_of(h):
            return space.Categorical(list(range(len(choices_of(h)))), name=h.name)
        kind = space.Integer if is_whole(h) else space.Real
        return kind(h.lower, h.upper, prior="log-uniform" if h.log else "uniform", name=h.name)


class BoTorchLogEi(Peer):
    """BoTorch's single-task Gaussian process and log-EI; choices are one-hot, inactive numbers stand in the middle."""

    def _start(self) -> None:
        self.torch: Any = import_module("torch")
        self.torch.manual_seed(self.seed)
        self.X: list[Floats] = []
        self.losses: list[float] = []
        self.widths = [max(len(choices_of(h)), 1) for h in self.hyperparameters]

    def _ask(self) -> Floats:
        optim: Any = import_module("botorch.optim")
        bounds = self.torch.tensor([[0.0] * sum(self.widths), [1.0] * sum(self.widths)], dtype=self.torch.double)
        best, _ = optim.optimize_acqf(self._acquisition(), bounds, q=1, num_restarts=4, raw_samples=128)
        parts = np.split(best[0].numpy(), np.cumsum(self.widths)[:-1])
        point = [p.argmax() / (w - 1) if w > 1 else p[0] for p, w in zip(parts, self.widths, strict=True)]
        return np.asarray(self.space.nearest(np.array(point)[None])[0])

    def _choose(self, candidates: Floats) -> int:
        acquisition = self._acquisition()
        rows = self.torch.tensor(np.array([self._one_hot(x) for x in candidates]))
        with self.torch.no_grad():
            return int(acquisition(rows[:, None]).argmax())

    def _tell(self, x: Floats, loss: float) -> None:
        self.X.append(self._one_hot(x))
        self.losses.append(loss)

    def _one_hot(self, x: Floats) -> Floats:
        parts = [np.full(w, 0.5) if w == 1 else np.zeros(w) for w in self.widths]
        for part, value in zip(parts, x, strict=True):
            if not np.isnan(value):
                part[round(value * (len(part) - 1))] = 1.0 if len(part) > 1 else value
        return np.concatenate(parts)

    def _acquisition(self) -> Any:
        fit, models, analytic, likelihoods = map(
            import_module, ("botorch.fit", "botorch.models", "botorch.acquisition.analytic", "gpytorch.mlls")
        )
        X, y = (self.torch.tensor(np.array(v), dtype=self.torch.double) for v in (self.X, self.losses))
        y = -(y - y.mean()) / (y.std() + 1e-12)
        model: Any = models.SingleTaskGP(X, y[:, None])
        fit.fit_gpytorch_mll(likelihoods.ExactMarginalLogLikelihood(model.likelihood, model))
        return analytic.LogExpectedImprovement(model, y.max())


class SmacForest(Peer):
    """SMAC3's forest with log-EI, through its own facade; on a list, its model and acquisition function."""

    def _start(self) -> None:
        self.smac: Any = import_module("smac")
        self.folder = tempfile.TemporaryDirectory()
        scenario = self.smac.Scenario(
            self.space.config_space,
            n_trials=max(self.n_trials, 10) + 1,
            deterministic=True,
            seed=self.seed,
            output_directory=Path(self.folder.name),
        )
        facade = self.smac.HyperparameterOptimizationFacade
        design: Any = import_module("smac.initial_design")
        first = [self._configuration(x) for x in self.initial]
        start = design.DefaultInitialDesign(scenario, n_configs=0, additional_configs=first)
        self.facade = facade(scenario, _never_called, initial_design=start, overwrite=True, logging_level=False)
        self.model, self.score = facade.get_model(scenario), facade.get_acquisition_function(scenario)
        self.asked: Any = None
        self.X: list[Floats] = []
        self.losses: list[float] = []

    def _ask(self) -> Floats:
        self.asked = self.facade.ask()
        return np.asarray(self.asked.config.get_array() / self.space.scales)

    def _choose(self, candidates: Floats) -> int:
        X, y = np.array(self.X) * self.space.scales, np.log(np.maximum(self.losses, 1e-5))
        self.model.train(X, y[:, None])
        self.score.update(model=self.model, eta=y.min(), incumbent_array=X[y.argmin()], num_data=len(X), X=X)
        return int(self.score([self._configuration(x) for x in candidates]).argmax())

    def _tell(self, x: Floats, loss: float) -> None:
        self.X.append(x)
        self.losses.append(loss)
        own = self.asked is not None and np.allclose(
            self.asked.config.get_array(), x * self.space.scales, equal_nan=True
        )
        info = self.asked if own else self.smac.runhistory.TrialInfo(config=self._configuration(x), seed=0)
        self.facade.tell(info, self.smac.runhistory.TrialValue(cost=loss), save=False)

    def _configuration(self, x: Floats) -> Any:
        configspace: Any = import_module("ConfigSpace")
        return configspace.Configuration(self.space.config_space, values=self.values(x))


class Hebo(Peer):
    """HEBO; inactive hyperparameters stand at their defaults."""

    def _start(self) -> None:
        design, hebo = map(import_module, ("hebo.design_space.design_space", "hebo.optimizers.hebo"))
        space = design.DesignSpace().parse([self._dimension(h) for h in self.hyperparameters])
        n = len(self.initial)
        self.optimizer: Any = hebo.HEBO(space, rand_sample=n, scramble_seed=self.seed)
        self.pandas: Any = import_module("pandas")
        torch: Any = import_module("torch")
        torch.manual_seed(self.seed)
        np.random.seed(self.seed)  # noqa: NPY002  HEBO and pymoo draw from it

    def _ask(self) -> Floats:
        found = self.optimizer.suggest(1).iloc[0].to_dict()
        return self.row({h.name: legal(h, found[h.name]) for h in self.hyperparameters})

    def _tell(self, x: Floats, loss: float) -> None:
        given = self.values(x, filled=True)
        numbers = {
            h.name: choices_of(h).index(given[h.name]) if choices_of(h) else given[h.name] for h in self.hyperparameters
        }
        self.optimizer.observe(self.pandas.DataFrame([numbers]), np.array([[loss]]))

    def _dimension(self, h: Any) -> dict[str, Any]:
        if choices_of(h):
            return {"name": h.name, "type": "cat", "categories": list(range(len(choices_of(h))))}
        kind = "pow" if h.log and not is_whole(h) else "pow_int" if h.log else "int" if is_whole(h) else "num"
        return {"name": h.name, "type": kind, "lb": h.lower, "ub": h.upper, "base": 10}


# Each with the package whose version a run is kept under.
PEERS: dict[str, tuple[type[Peer], str]] = {
    "optuna_tpe": (OptunaTpe, "optuna"),
    "optuna_gp": (OptunaGp, "optuna"),
    "hyperopt_tpe": (HyperoptTpe, "hyperopt"),
    "skopt_gp": (SkoptGp, "scikit-optimize"),
    "botorch_logei": (BoTorchLogEi, "botorch"),
    "smac_forest": (SmacForest, "smac"),
    "hebo": (Hebo, "HEBO"),
}
# Those whose acquisition function can be asked about a list of candidates.
LISTED = frozenset({"botorch_logei", "smac_forest"})
# Those that take so long for a trial that they run on fewer tasks.
SLOW = frozenset({"optuna_gp", "skopt_gp", "botorch_logei", "smac_forest", "hebo"})


def peer_version(name: str) -> str:
    """Return the version of a peer's package.

    Raises:
        PackageNotFoundError: when it is not installed.
    """
    return version(PEERS[name][1])


def _never_called(config: Any, seed: int = 0) -> float:
    raise NotImplementedError
