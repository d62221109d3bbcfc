"""The registry: names to classes, resolved when first used, so that a name costs no import.

Adding a method to metalearn takes one line here; a third party calls ``register``.
"""

import json
import sys
from importlib import import_module
from inspect import signature
from itertools import product
from typing import Any

from metalearn.errors import InputError, UnknownNameError, did_you_mean

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

# What a method of each kind must have.
_NEEDED = {"optimizer": ("takes_queue", "begin"), "recommender": ("stochastic", "meta_fit")}


def names(kind: str) -> tuple[str, ...]:
    """Return the registered names of a kind, sorted.

    >>> names("recommender")  # doctest: +ELLIPSIS
    ('a3r', 'active_testing', 'auto', 'average_rank', 'gaussian', 'knn', 'lambdamart', ...)
    """
    return tuple(sorted(_entries(kind)))


def create(kind: str, name: str, **options: Any) -> Any:
    """Import the class of a name and return an instance made with ``options``, or those in the name.

    A name is registered, or with a dot that of a class as Python has it: ``mine.MedianBest`` is the class
    ``MedianBest`` of the module ``mine``. Options may follow it, each after a colon, as in ``knn:n_neighbors=3``.

    Raises:
        UnknownNameError: when nothing is registered under this name, or there is no such option; suggests the nearest.
        InputError: when a module or class is not found or is of another kind, or options are malformed or refused.

    >>> create("recommender", "knn", n_neighbors=5), create("recommender", "knn:n_neighbors=5")
    (NearestTasks(n_neighbors=5), NearestTasks(n_neighbors=5))
    """
    if ":" not in name:
        return checked(kind, name, _class(kind, name)(**options))
    plain, grid = _parsed(kind, name)
    several = next((option for option, values in grid.items() if len(values) > 1), None)
    if several is not None:
        raise InputError(f"{name!r} has several values of {several}, between which only a bench chooses; give one.")
    return _made(kind, name, plain, grid, options)[0]


def variants(kind: str, text: str) -> list[Any]:
    """Return the methods of a name and its options in a text: one for each of several values, between which ``/`` is.

    Raises:
        UnknownNameError, InputError: as ``create``.

    >>> variants("recommender", "knn:n_neighbors=3/10")
    [NearestTasks(n_neighbors=3), NearestTasks(n_neighbors=10)]
    """
    return _made(kind, text, *_parsed(kind, text), {})


def checked(kind: str, name: str, method: Any) -> Any:
    """Return a method that has what every one of its kind has.

    Raises:
        InputError: when it has not; names what it lacks.
    """
    lacking = [needed for needed in _NEEDED.get(kind, ()) if not hasattr(method, needed)]
    if lacking:
        raise InputError(f"{name!r} is no {kind}: {type(method).__name__} has no {' and no '.join(lacking)}.")
    return method


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


def _class(kind: str, name: str) -> Any:
    """Return the class that is registered under a name, or has it."""
    entries = _entries(kind)
    if name in entries:
        module, _, attribute = entries[name].partition(":")
        return getattr(import_module(module), attribute)
    module, dot, attribute = name.rpartition(".")
    if not dot:
        raise UnknownNameError(kind, name, entries)
    try:
        found = getattr(import_module(module), attribute, None)
    except Exception as error:  # whatever someone's module raises when it is imported
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"The module of the {kind} {name!r} cannot be imported ({what}); check its name.") from error
    if not isinstance(found, type):
        classes = [key for key, value in vars(sys.modules[module]).items() if isinstance(value, type)]
        hint = did_you_mean(attribute, classes).strip() or "check its name."
        raise InputError(f"There is no class {attribute!r} in the module {module!r}; {hint}")
    return found


def _value(text: str) -> Any:
    """Read a number, true, false or null; anything else is a text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _parsed(kind: str, text: str) -> tuple[str, dict[str, list[Any]]]:
    """Return the name in a text and the values of each option that follows it."""
    name, *given = text.split(":")
    known = tuple(signature(_class(kind, name)).parameters)
    grid: dict[str, list[Any]] = {}
    for part in given:
        option, equals, values = part.partition("=")
        if not equals:
            raise InputError(f"Options are written as in knn:n_neighbors=5, or 3/5/10 to choose; got {part!r}.")
        if option not in known:
            raise UnknownNameError(f"option of {name}", option, known)
        grid[option] = [_value(value) for value in values.split("/")]
    return name, grid


def _made(kind: str, text: str, name: str, grid: dict[str, list[Any]], options: dict[str, Any]) -> list[Any]:
    """Return the methods that a text names, made with its options in all combinations of their values."""
    each = (dict(zip(grid, values, strict=True)) for values in product(*grid.values()))
    try:
        return [checked(kind, text, _class(kind, name)(**given, **options)) for given in each]
    except TypeError as error:
        raise InputError(f"The options in {text!r} are not of the kinds that {name} takes: {error}.") from error
