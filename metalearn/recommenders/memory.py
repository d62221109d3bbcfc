"""How much memory configurations will take on a new task, from what they took on past ones.

An algorithm holds its table, and models that grow with rows, so memory is taken to be linear in both: a + b n + c n p
for n rows and p columns, with a, b, c >= 0 (least squares: Lawson & Hanson, "Solving Least Squares Problems", 1974,
ch. 23). Errors count in proportion to what was measured, so that small tables matter as much as large ones.
"""

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset, meta_feature_matrix
from metalearn.core.records import Task

Floats = NDArray[np.float64]

METRIC = "peak_memory"
# The metric counts megabytes.
MEGABYTES_PER_GB = 1000.0
_SIZES = ("n_rows", "n_columns")
# Below one megabyte differences are those of measuring.
_SMALLEST = 1.0


def predicted_memory(past: MetaDataset, task: Task) -> dict[str, float]:
    """Return the predicted GB of one fit of each configuration, by its id, beside what Python and libraries take.

    ``past`` holds evaluations of ``peak_memory``; one without any is left out. Where sizes are unknown, of the new task
    or of all past ones, it is the most that was measured on a past task.

    >>> from metalearn.core.records import Configuration
    >>> sizes = [{"n_rows": n, "n_columns": 10.0} for n in (1e3, 2e3, 4e3)]
    >>> tasks = [Task(str(i), f"openml-{i}", "classification", meta_features=s) for i, s in enumerate(sizes)]
    >>> measured, svc = [[110.0], [210.0], [410.0]], Configuration("s", "svc")
    >>> past = MetaDataset.from_matrix(measured, tasks, [svc], feature_names=["n_rows", "n_columns"])
    >>> large = Task("new", "new", "classification", meta_features={"n_rows": 1e5, "n_columns": 10.0})
    >>> round(predicted_memory(past, large)[svc.id], 6)
    10.01
    """
    measured = past.performance_matrix()
    sizes = meta_feature_matrix(past.tasks, _SIZES)
    own = _terms(meta_feature_matrix([task], _SIZES))[0]
    terms = _terms(sizes)
    found = {}
    for configuration, megabytes in zip(past.configurations, measured.T, strict=True):
        known = np.isfinite(megabytes)
        sized = known & np.isfinite(terms).all(axis=1)
        if sized.any() and np.isfinite(own).all():
            found[configuration.id] = float(own @ _fitted(terms[sized], megabytes[sized])) / MEGABYTES_PER_GB
        elif known.any():
            found[configuration.id] = float(megabytes[known].max()) / MEGABYTES_PER_GB
    return found


def _terms(sizes: Floats) -> Floats:
    """Return 1, n and n p (T, 3) of sizes (T, 2), in thousands of rows and cells."""
    n, p = sizes.T / [[1e3], [1.0]]
    return np.stack([np.ones(len(n)), n, n * p], axis=1)


def _fitted(terms: Floats, megabytes: Floats) -> Floats:
    from scipy.optimize import nnls

    weights = 1 / (_SMALLEST + megabytes)
    coefficients: Floats = nnls(terms * weights[:, None], megabytes * weights)[0]
    return coefficients
