"""How unlike all past tasks a new one is: its distance to the nearest of them, ranked among the past tasks' own.

Sun, Ming, Zhu & Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022, on robustly scaled
meta-features; as a share of past tasks it is one less the p-value of conformal anomaly detection (Laxhammar & Falkman,
2010).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import RobustScaler, manhattan

Floats = NDArray[np.float64]

# The distance of a task is the mean of those to so many tasks of other families.
N_NEAREST = 5
# So many past tasks, evenly spread, tell what distances are usual.
N_COMPARED = 300


@dataclass(frozen=True, eq=False)
class Novelty:
    """Scaled meta-features (T, F) of the past tasks, and the distances (m,) of some to their nearest.

    >>> rng = np.random.default_rng(0)
    >>> novelty = Novelty.fit(rng.normal(size=(50, 3)), np.arange(50))
    >>> novelty.of(np.zeros(3)) < 0.9, novelty.of(np.full(3, 9.0))
    (True, 1.0)
    """

    scaler: RobustScaler
    tasks: Floats
    usual: Floats

    @classmethod
    def fit(cls, meta_features: Floats, families: NDArray[np.int64]) -> Self:
        """Learn from meta-features (T, F), NaN where unknown, of tasks of these families (T,)."""
        scaler = RobustScaler.fit(meta_features)
        tasks = scaler.transform(meta_features)
        compared = np.unique(np.linspace(0, len(tasks) - 1, N_COMPARED).astype(np.int64)) if len(tasks) else ()
        usual = [_distance(tasks[i], tasks[families != families[i]]) for i in compared]
        return cls(scaler, tasks, np.array([distance for distance in usual if np.isfinite(distance)]))

    def of(self, meta_features: Floats) -> float | None:
        """Return the share of past tasks that are nearer to the others than one with meta-features (F,) is to them.

        None where it has nothing in common with them, or nothing is usual.
        """
        distance = _distance(self.scaler.transform(meta_features), self.tasks)
        if not (np.isfinite(distance) and len(self.usual)):
            return None
        return float(np.mean(self.usual < distance))


def _distance(task: Floats, others: Floats) -> float:
    """Return the mean distance to the nearest, infinite where there are none with something in common."""
    distances = manhattan(task, others, np.ones(len(task)))
    finite = distances[np.isfinite(distances)]
    return float(np.sort(finite)[:N_NEAREST].mean()) if len(finite) else np.inf
