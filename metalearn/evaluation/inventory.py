"""What a knowledge base holds: evaluations and failures by algorithm, and what low fidelities tell of the full one."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.transforms import TIE_DIGITS

Floats = NDArray[np.float64]
# Fewer points than this make a rank correlation noise.
MIN_CONFIGURATIONS = 5
ALL = "all"


@dataclass(frozen=True)
class Agreement:
    """The median over cells of a rank correlation; a cell is a task, with the configurations of one algorithm or all.

    NaN with 0 cells.
    """

    median: float
    cells: int


def counts(meta_dataset: MetaDataset) -> Counter[tuple[str, float, str]]:
    """Return the number of evaluations by (algorithm, fidelity, status).

    >>> from metalearn.core.records import Configuration
    >>> past = MetaDataset.from_matrix([[0.1], [0.2]], ["openml-1", "openml-2"], [Configuration("s", "svc")])
    >>> counts(past)
    Counter({('svc', 1.0, 'ok'): 2})
    """
    names = [c.algorithm for c in meta_dataset.configurations]
    algorithms = (names[i] for i in meta_dataset.configuration_index.tolist())
    return Counter(zip(algorithms, meta_dataset.fidelity.tolist(), meta_dataset.status.tolist(), strict=True))


def failure_shares(counted: Mapping[tuple[str, float, str], int]) -> dict[str, float]:
    """Return the share of each algorithm's evaluations, of those counted, that have a status other than ok.

    >>> failure_shares({("svc", 1.0, "ok"): 3, ("svc", 0.5, "timeout"): 1, ("tree", 1.0, "ok"): 2})
    {'svc': 0.25, 'tree': 0.0}
    """
    total: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for (algorithm, _, status), count in counted.items():
        total[algorithm] += count
        failed[algorithm] += count if status != "ok" else 0
    return {algorithm: failed[algorithm] / total[algorithm] for algorithm in sorted(total)}


def rank_agreement(meta_dataset: MetaDataset, low: float, high: float = 1.0) -> dict[str, Agreement]:
    """Return how far two fidelities rank configurations alike: by algorithm, and over all of them under ``ALL``.

    Spearman's rank correlation of the losses on one task, the median over tasks. Only the folds and seeds that were
    evaluated at ``low`` count at ``high``, and only cells with at least 5 configurations that are ok at both; a cell
    without two different losses has no ranks.

    >>> from metalearn.core.records import Configuration
    >>> pool = [Configuration("s", "svc", {"C": i}) for i in range(1, 6)]
    >>> full = MetaDataset.from_matrix([[0.1, 0.2, 0.3, 0.4, 0.5]], ["openml-1"], pool)
    >>> rank_agreement(full, low=1.0)["svc"]
    Agreement(median=1.0, cells=1)
    """
    same = meta_dataset.filtered(_evaluated_at(meta_dataset, low))
    cheap, full = (np.round(same.performance_matrix(f), TIE_DIGITS) for f in (low, high))
    algorithms = np.array([c.algorithm for c in same.configurations], dtype=np.str_)
    columns = {str(a): algorithms == a for a in np.unique(algorithms)} | {ALL: np.ones(len(algorithms), dtype=bool)}
    return {name: _agreement(cheap[:, mask], full[:, mask]) for name, mask in columns.items()}


def spearman(x: Floats, y: Floats) -> float:
    """Return the rank correlation of x (n,) and y (n,), ties by average ranks; NaN where either is constant.

    Spearman, "The proof and measurement of association between two things", 1904.

    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([9.0, 7.0, 8.0])), 3)
    -0.5
    """
    from scipy.stats import rankdata

    a, b = (r - r.mean() for r in (rankdata(x), rankdata(y)))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else np.nan


def _agreement(cheap: Floats, full: Floats) -> Agreement:
    known = np.isfinite(cheap) & np.isfinite(full)
    cells = [
        spearman(cheap[task, mask], full[task, mask])
        for task, mask in enumerate(known)
        if mask.sum() >= MIN_CONFIGURATIONS
    ]
    values = np.array(cells, dtype=np.float64)
    values = values[np.isfinite(values)]
    return Agreement(float(np.median(values)) if len(values) else np.nan, len(values))


def _evaluated_at(meta_dataset: MetaDataset, fidelity: float) -> NDArray[np.bool_]:
    """Return whether each evaluation (N,) has a counterpart at a fidelity: same task, configuration, fold and seed."""
    columns = (meta_dataset.task_index, meta_dataset.configuration_index, meta_dataset.fold, meta_dataset.seed)
    _, key = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    return np.isin(key, key[np.isclose(meta_dataset.fidelity, fidelity)])
