"""Functions to minimise whose minimum is known: Branin, Hartmann in 6 dimensions, and a conditional one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition, Integer
from numpy.typing import NDArray

from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace

Objective = Callable[[Configuration], float]


def _space(name: str, *hyperparameters: Any) -> SearchSpace:
    return SearchSpace(name, ConfigurationSpace(space=list(hyperparameters)))


def _branin() -> tuple[SearchSpace, Objective, float]:
    """Branin's function (Dixon & Szegö, 1978): three minima, smooth."""

    def value(configuration: Configuration) -> float:
        x, y = _numbers(configuration, "x", "y")
        valley = y - 5.1 * x**2 / (4 * np.pi**2) + 5 * x / np.pi - 6
        return float(valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)

    return _space("branin", Float("x", (-5.0, 10.0)), Float("y", (0.0, 15.0))), value, 0.39788735772973816


def _hartmann6() -> tuple[SearchSpace, Objective, float]:
    """Hartmann's function in 6 dimensions (Dixon & Szegö, 1978): six minima, of which four are far from the best."""
    names = [f"x{i}" for i in range(6)]
    widths = np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    )
    places = np.array(
        [
            [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
            [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
            [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
            [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
        ]
    )
    heights = np.array([1.0, 1.2, 3.0, 3.2])

    def value(configuration: Configuration) -> float:
        x = _numbers(configuration, *names)
        return float(-heights @ np.exp(-(widths * np.square(x - places)).sum(axis=1)))

    return _space("hartmann6", *(Float(n, (0.0, 1.0)) for n in names)), value, -3.322368011415515


def _conditional() -> tuple[SearchSpace, Objective, float]:
    """A choice of three models, each with hyperparameters of its own and a floor: which is best shows only late.

    ``linear`` is good at once (floor 0.2) and flat, ``kernel`` (0.1) has a curved valley in two logarithmic
    hyperparameters, as Rosenbrock's, and a shape of which one has a degree; ``trees`` (0, the minimum) is the best only
    where four hyperparameters are right, one of them a whole number and one a choice that two others depend on.
    """
    model = Categorical("model", ["linear", "kernel", "trees"])
    penalty = Float("penalty", (1e-4, 1e2), log=True)
    cost, width = Float("cost", (1e-3, 1e3), log=True), Float("width", (1e-4, 1e1), log=True)
    shape, degree = Categorical("shape", ["rbf", "poly"]), Integer("degree", (2, 6))
    rate, leaves = Float("rate", (1e-3, 1.0), log=True), Integer("leaves", (2, 256), log=True)
    growth, dropped = Categorical("growth", ["plain", "dart", "goss"]), Float("dropped", (0.0, 1.0))
    space = _space("conditional", model, penalty, cost, width, shape, degree, rate, leaves, growth, dropped)
    children: dict[str, list[Any]] = {
        "linear": [penalty],
        "kernel": [cost, width, shape],
        "trees": [rate, leaves, growth],
    }
    pairs: list[tuple[Any, Any, str]] = [(child, model, parent) for parent, own in children.items() for child in own]
    for child, parent, choice in [*pairs, (degree, shape, "poly"), (dropped, growth, "dart")]:
        space.config_space.add(InCondition(child, parent, [choice]))

    def value(configuration: Configuration) -> float:
        given = configuration.hyperparameters
        if given["model"] == "linear":
            return float(0.2 + 0.02 * abs(np.log10(_numbers(configuration, "penalty")[0])))
        if given["model"] == "kernel":
            a, b = np.log10(_numbers(configuration, "cost", "width")) / 3
            off = 0.05 * (_numbers(configuration, "degree")[0] - 3) ** 2 + 0.03 if given["shape"] == "poly" else 0.0
            return float(0.1 + min(1.0, (b + 0.4 + a**2) ** 2 * 4 + 0.3 * (a - 0.3) ** 2 + off))
        c, d = np.log10(_numbers(configuration, "rate", "leaves"))
        off = {"plain": 0.04, "goss": 0.1}.get(str(given["growth"]), 0.0)
        if given["growth"] == "dart":
            off = 0.4 * (_numbers(configuration, "dropped")[0] - 0.2) ** 2
        return float(min(1.0, 0.6 * (c + 1.2) ** 2 + 0.3 * (d - np.log10(32)) ** 2 + off))

    return space, value, 0.0


def mixed8() -> tuple[SearchSpace, Objective]:
    """Return a space of 8 mixed dimensions and a smooth objective, to measure time on."""
    names = ["rate", "penalty", "rows", "columns", "leaves", "depth", "growth", "criterion"]
    space = _space(
        "mixed8",
        Float("rate", (1e-4, 1.0), log=True),
        Float("penalty", (1e-8, 1.0), log=True),
        Float("rows", (0.1, 1.0)),
        Float("columns", (0.1, 1.0)),
        Integer("leaves", (2, 512), log=True),
        Integer("depth", (1, 16)),
        Categorical("growth", ["plain", "dart", "goss"]),
        Categorical("criterion", ["a", "b", "c", "d"]),
    )
    place = [c.hyperparameter for c in space.encoding.columns]
    target = np.array([{n: i / 8 for i, n in enumerate(names)}[n] for n in place])

    def value(configuration: Configuration) -> float:
        return float(np.square(space.encode([configuration])[0] - target).sum())

    return space, value


def _numbers(configuration: Configuration, *names: str) -> NDArray[np.float64]:
    values: list[Any] = [configuration.hyperparameters[n] for n in names]
    return np.array(values, dtype=np.float64)


FUNCTIONS = {"branin": _branin, "hartmann6": _hartmann6, "conditional": _conditional}
