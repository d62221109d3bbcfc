"""An experimental design: which configurations to evaluate on every dataset before anything is known."""

from collections.abc import Mapping

import numpy as np

from metalearn.core.records import Configuration, TaskType
from metalearn.learners.defaults import default_configurations
from metalearn.learners.space import search_space

# How many points each algorithm gets beside its default, by the number of hyperparameters that matter and by published
# strength (see `defaults`); with the defaults 200 a task type.
_POINTS: Mapping[TaskType, Mapping[str, int]] = {
    "classification": {
        "lightgbm": 24,
        "svc": 23,
        "torch_mlp": 23,
        "extra_trees": 18,
        "random_forest": 16,
        "hist_gradient_boosting": 14,
        "k_nearest_neighbors": 10,
        "logistic_regression": 10,
        "adaboost": 8,
        "elastic_net": 8,
        "decision_tree": 6,
        "linear_svc": 6,
        "qda": 5,
        "ridge": 5,
        "gaussian_nb": 4,
        "lda": 4,
    },
    "regression": {
        "lightgbm": 28,
        "svr": 28,
        "torch_mlp": 26,
        "extra_trees": 20,
        "random_forest": 18,
        "hist_gradient_boosting": 16,
        "k_nearest_neighbors": 12,
        "elastic_net": 10,
        "adaboost": 8,
        "linear_svr": 8,
        "ridge": 8,
        "decision_tree": 6,
    },
}


def design(task_type: TaskType, *, rng: np.random.Generator) -> tuple[tuple[Configuration, str], ...]:
    """Return 200 distinct configurations with their origin: the defaults, then a space-filling design in random order.

    Each algorithm's points are a scrambled Sobol sequence over its hyperparameters (Sobol 1967; Owen 1998). Every
    prefix is a random sample of the whole, and no task has a say in it.

    >>> chosen = design("classification", rng=np.random.default_rng(0))
    >>> [(c.algorithm, origin) for c, origin in chosen][14:17]
    [('decision_tree', 'default'), ('gaussian_nb', 'default'), ('lightgbm', 'design')]
    >>> len({c.id for c, _ in chosen})
    200
    """
    defaults = default_configurations(task_type)
    points = [c for name, n in sorted(_POINTS[task_type].items()) for c in _fill(task_type, name, n, rng, defaults)]
    shuffled = [points[i] for i in rng.permutation(len(points))]
    return (*((c, "default") for c in defaults), *((c, "design") for c in shuffled))


def _fill(
    task_type: TaskType, algorithm: str, n: int, rng: np.random.Generator, taken: tuple[Configuration, ...]
) -> list[Configuration]:
    """Return n configurations of an algorithm, none of them taken."""
    from scipy.stats import qmc

    space = search_space(task_type)
    sequence = qmc.Sobol(len(space.encoding.columns), rng=rng)
    found: dict[Configuration, None] = {}
    while len(found) < n:
        # A power of two keeps the sequence balanced.
        points = sequence.random(2 ** (n - 1).bit_length())
        found.update(dict.fromkeys(c for c in space.from_unit_cube(points, algorithm) if c not in taken))
    return list(found)[:n]
