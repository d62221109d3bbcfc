"""An experimental design: which configurations to evaluate on every dataset before anything is known."""

from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np

from metalearn.core.records import Configuration, TaskType
from metalearn.learners.defaults import default_configurations
from metalearn.learners.space import search_space

# How often an algorithm takes its turn, by the number of hyperparameters that matter and by published strength.
_TURNS = {
    "svc": 6,
    "random_forest": 5,
    "hist_gradient_boosting": 5,
    "lightgbm": 5,
    "mlp": 5,
    "extra_trees": 4,
    "gradient_boosting": 4,
    "logistic_regression": 3,
    "k_nearest_neighbors": 3,
    "adaboost": 2,
    "decision_tree": 2,
    "linear_svc": 2,
    "gaussian_nb": 1,
    "perceptron": 1,
}
_DRAWN_AT_ONCE = 500


def design(
    task_type: TaskType, n_configurations: int, *, rng: np.random.Generator
) -> tuple[tuple[Configuration, str], ...]:
    """Return distinct configurations with their origin: the defaults, then draws from the search space.

    Draws come in rounds, in which each algorithm has its turns, spread out: every prefix of the design is one too.
    No task has a say in them.

    >>> chosen = design("classification", 16, rng=np.random.default_rng(0))
    >>> [(c.algorithm, origin) for c, origin in chosen][12:]
    [('gaussian_nb', 'default'), ('perceptron', 'default'), ('svc', 'design'), ('random_forest', 'design')]
    """
    chosen = dict.fromkeys(default_configurations(task_type), "default")
    draws = {algorithm: _draws(task_type, algorithm, rng.spawn(1)[0]) for algorithm in sorted(_TURNS)}
    turns = cycle(_round())
    while len(chosen) < n_configurations:
        chosen.setdefault(next(draws[next(turns)]), "design")
    return tuple(islice(chosen.items(), n_configurations))


def _round() -> list[str]:
    """Return a round's turns, each algorithm's spread evenly over it."""
    turns = [((turn + 0.5) / n, i, name) for i, (name, n) in enumerate(_TURNS.items()) for turn in range(n)]
    return [name for _, _, name in sorted(turns)]


def _draws(task_type: TaskType, algorithm: str, rng: np.random.Generator) -> Iterator[Configuration]:
    space = search_space(task_type)
    while True:
        yield from (c for c in space.sample(_DRAWN_AT_ONCE, rng) if c.algorithm == algorithm)
