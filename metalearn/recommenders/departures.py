"""How past tasks departed from what a regression says of tasks like them, as functions over configurations.

A departure is a draw from a Gaussian process; those of past tasks, each estimated from the residuals of its own
evaluations, say how the next one may look, and their covariance is the kernel of its own deviation: Schwaighofer, Tresp
& Yu, "Learning Gaussian process kernels via hierarchical Bayes", NIPS 2004.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from metalearn.core.records import Configuration
from metalearn.recommenders.past_evaluations import PastEvaluations, spread
from metalearn.recommenders.ranking import Floats
from metalearn.recommenders.residual_kernel import ResidualKernel, learn_kernel

# The kernel is learned from so many evaluations of so many tasks, ...
KERNEL_ROWS, KERNEL_TASKS = 64, 24
# ... and a task's departure is kept by its values at so many configurations.
N_INDUCING = 200
# A new task deviates from the past one that it is like by these shares of the covariance of past departures, of the
# kernel, and of its noise.
SPREAD, SMOOTH, NOISE = 0.5, 0.3, 1.0
_KERNEL, _COEFFICIENTS = "residual_kernel.json", "departures.parquet"


@dataclass(frozen=True, eq=False)
class Departures:
    """The departures of T past tasks: ``coefficients`` (T, M) times the covariances with M inducing configurations.

    They count in standard deviations of a task's log losses, as the ``rows`` do.
    """

    rows: PastEvaluations
    kernel: ResidualKernel
    coefficients: Floats

    @classmethod
    def learned(cls, rows: PastEvaluations, residuals: Floats) -> Self:
        """Learn from the residuals (N,) of rows."""
        of_tasks = rows.of_tasks
        embedded, groups = rows.table.embed(rows.configurations), rows.table.groups
        shown = [spread(of_tasks[t], KERNEL_ROWS) for t in spread(np.arange(len(of_tasks)), KERNEL_TASKS)]
        kernel = learn_kernel([embedded[rows.configuration[i]] for i in shown], [residuals[i] for i in shown], groups)
        inducing = _inducing(rows, kernel)
        features = kernel.between(kernel.scaled(embedded, groups), inducing)
        among = kernel.between(inducing, inducing)
        found = [kernel.coefficients(features[rows.configuration[i]], among, residuals[i]) for i in of_tasks]
        return cls(rows, kernel, np.array(found, dtype=np.float64).reshape(len(found), len(among)))

    @cached_property
    def inducing(self) -> Floats:
        """The scaled coordinates (M, q) of the inducing configurations."""
        return _inducing(self.rows, self.kernel)

    @cached_property
    def typical_scale(self) -> float:
        """The median of the tasks' standard deviations of log losses."""
        return float(np.median(self.rows.scales)) if len(self.rows.scales) else 1.0

    def scaled(self, configurations: Sequence[Configuration]) -> Floats:
        """Return any configurations' coordinates (C, q), in length scales."""
        return self.kernel.scaled(self.rows.table.embed(configurations), self.rows.table.groups)

    def at(self, scaled: Floats) -> Floats:
        """Return the departures (T, C) at scaled coordinates (C, q)."""
        return self.coefficients @ self.kernel.between(self.inducing, scaled)

    def covariance(self, scaled: Floats, departures: Floats) -> Floats:
        """Return the covariance (C, C) of a new task's deviation in log loss, given what ``at`` says there."""
        found = SMOOTH * self.kernel.between(scaled, scaled)
        found += SPREAD * departures.T @ departures / max(len(departures), 1)
        found[np.diag_indices_from(found)] += NOISE * self.kernel.noise
        return self.typical_scale**2 * found

    def save(self, folder: Path) -> None:
        """Write the kernel as JSON and the coefficients as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        (folder / _KERNEL).write_text(json.dumps(asdict(self.kernel)), encoding="utf-8")
        pq.write_table(pa.table({"coefficients": list(self.coefficients)}), folder / _COEFFICIENTS)

    @classmethod
    def load(cls, folder: Path, rows: PastEvaluations) -> Self:
        """Read what ``save`` wrote of departures from these rows."""
        import pyarrow.parquet as pq

        own = json.loads((folder / _KERNEL).read_text(encoding="utf-8"))
        kernel = ResidualKernel(tuple(own["precisions"]), own["variance"], own["noise"])
        found = np.array(pq.read_table(folder / _COEFFICIENTS)["coefficients"].to_pylist(), dtype=np.float64)
        return cls(rows, kernel, found.reshape(len(rows.levels), -1) if found.size else np.zeros((0, 0)))


def _inducing(rows: PastEvaluations, kernel: ResidualKernel) -> Floats:
    chosen = [rows.configurations[i] for i in spread(np.arange(len(rows.configurations)), N_INDUCING)]
    return kernel.scaled(rows.table.embed(chosen), rows.table.groups)
