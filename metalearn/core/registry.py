"""The registry: names to classes, resolved when first used, so that a name costs no import.

Adding a method to metalearn takes one line here; a third party calls ``register``.
"""

from importlib import import_module
from typing import Any

from metalearn.errors import InputError, UnknownNameError

_REGISTRY: dict[str, dict[str, str]] = {
    "optimizer": {
        "aging_evolution": "metalearn.optimizers.aging_evolution:AgingEvolution",
        "asha": "metalearn.optimizers.asha:ASHA",
        "auto": "metalearn.optimizers.auto:Auto",
        "bohb": "metalearn.optimizers.bohb:BOHB",
        "cma_es": "metalearn.optimizers.cma_es:CmaEs",
        "differential_evolution": "metalearn.optimizers.differential_evolution:DifferentialEvolution",
        "dngo": "metalearn.optimizers.bayesian:NeuralLinearSearch",
        "forest": "metalearn.optimizers.bayesian:ForestSearch",
        "gp": "metalearn.optimizers.bayesian:GaussianProcessSearch",
        "grid": "metalearn.optimizers.grid:GridSearch",
        "hyperband": "metalearn.optimizers.hyperband:Hyperband",
        "hyperboost": "metalearn.optimizers.bayesian:BoostingSearch",
        "particle_swarm": "metalearn.optimizers.particle_swarm:ParticleSwarm",
        "population_based_training": "metalearn.optimizers.population_based_training:PopulationBasedTraining",
        "random": "metalearn.optimizers.random_search:RandomSearch",
        "random_embedding": "metalearn.optimizers.random_embedding:RandomEmbedding",
        "sobol": "metalearn.optimizers.sobol:SobolSearch",
        "successive_halving": "metalearn.optimizers.successive_halving:SuccessiveHalving",
        "tpe": "metalearn.optimizers.tpe:TPE",
    },
    "recommender": {
        "a3r": "metalearn.recommenders.budgeted_rank:LossTimeRank",
        "active_testing": "metalearn.recommenders.active_testing:ActiveTesting",
        "auto": "metalearn.recommenders.auto:Auto",
        "average_rank": "metalearn.recommenders.average_rank:AverageRank",
        "gaussian": "metalearn.recommenders.gaussian:GaussianPrior",
        "knn": "metalearn.recommenders.knn:NearestTasks",
        "lambdamart": "metalearn.recommenders.lambdamart:LambdaMart",
        "latent_gaussian": "metalearn.recommenders.latent_gaussian:LatentGaussian",
        "matrix_factorization": "metalearn.recommenders.matrix_factorization:MatrixFactorization",
        "multi_output_boosting": "metalearn.recommenders.multi_output_boosting:MultiOutputBoosting",
        "multi_output_forest": "metalearn.recommenders.multi_output_forest:MultiOutputForest",
        "neighbor_list": "metalearn.recommenders.neighbor_list:NeighborList",
        "neighbor_rank": "metalearn.recommenders.neighbor_list:NeighborRank",
        "pairwise": "metalearn.recommenders.pairwise:PairwiseVotes",
        "performance_regression": "metalearn.recommenders.performance_regression:PerformanceRegression",
        "portfolio": "metalearn.recommenders.portfolio:GreedyPortfolio",
        "random": "metalearn.recommenders.random:RandomSearch",
        "task_mixture": "metalearn.recommenders.task_mixture:TaskMixture",
    },
    "surrogate": {
        "forest": "metalearn.surrogates.random_forest:RandomForest",
        "gp": "metalearn.surrogates.gaussian_process:GaussianProcess",
        "neural_linear": "metalearn.surrogates.neural_linear:NeuralLinear",
        "quantile_boosting": "metalearn.surrogates.quantile_boosting:QuantileBoosting",
    },
}


def names(kind: str) -> tuple[str, ...]:
    """Return the registered names of a kind, sorted.

    >>> names("recommender")  # doctest: +ELLIPSIS
    ('a3r', 'active_testing', 'auto', 'average_rank', 'gaussian', 'knn', 'lambdamart', ...)
    """
    return tuple(sorted(_entries(kind)))


def create(kind: str, name: str, **options: Any) -> Any:
    """Import the class registered under ``name`` and return an instance made with ``options``.

    Raises:
        UnknownNameError: when nothing is registered under this name; suggests the nearest.

    >>> create("recommender", "knn", n_neighbors=5)
    NearestTasks(n_neighbors=5)
    """
    entries = _entries(kind)
    if name not in entries:
        raise UnknownNameError(kind, name, entries)
    module, _, attribute = entries[name].partition(":")
    return getattr(import_module(module), attribute)(**options)


def register(kind: str, name: str, target: str) -> None:
    """Register ``target``, written as ``"package.module:Class"``, under ``name``.

    Raises:
        InputError: when the name is taken by something else, or the target has no colon.

    >>> register("recommender", "knn", "metalearn.recommenders.knn:NearestTasks")
    """
    entries = _entries(kind)
    if ":" not in target:
        raise InputError(f"Register {name!r} as 'package.module:Class'; got {target!r}.")
    if entries.setdefault(name, target) != target:
        raise InputError(f"The {kind} {name!r} is already registered as {entries[name]}; choose another name.")


def _entries(kind: str) -> dict[str, str]:
    if kind not in _REGISTRY:
        raise UnknownNameError("kind of method", kind, _REGISTRY)
    return _REGISTRY[kind]
