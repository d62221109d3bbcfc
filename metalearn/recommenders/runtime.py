"""How long configurations take on a new task: for each a regression on the size of the table.

Logarithms of seconds are quadratic in those of the numbers of rows, columns, numeric columns and classes, as in OBOE
(Yang, Akimoto, Kim & Udell, KDD 2019, section 4.2); see Hutter, Xu, Hoos & Leyton-Brown, "Algorithm runtime
prediction: methods & evaluation", Artificial Intelligence 206, 2014. Here configurations that few tasks have run lean
on what all have in common, and what was measured on the new task tells how fast its machine is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import deviations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# What extractors call rows, columns, numeric columns and classes.
SIZES = (
    ("n_rows", "NumberOfInstances"),
    ("n_columns", "NumberOfFeatures"),
    ("n_numeric", "NumberOfNumericFeatures"),
    ("n_classes", "NumberOfClasses"),
)
# Clocks hardly tell less from zero.
SHORTEST = 1e-3
# As so many tasks count, for every configuration, the level and the slopes that all have in common.
PRIOR_TASKS = 1.0
# Predictions lie between these multiples of the smallest and the largest seconds measured.
LEAST_SHARE, MOST_TIMES = 0.5, 10.0
# Common slopes and the levels of configurations are fitted in turn, so many times.
_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class RuntimeModel:
    """Logarithms of seconds as ``weights`` (C, q) times the q terms of a quadratic polynomial of scaled log sizes.

    ``centre`` and ``scale`` (4,) are those of the logarithms of the sizes. ``variances`` are those of a
    task's offset, which all its configurations share, and of what else is not explained. ``fastest`` and ``slowest``
    are the seconds that were measured; predictions go little beyond them.

    >>> rows = np.arange(100.0, 5100.0, 100.0)
    >>> costs, sizes = np.outer(rows, [1e-3, 1e-2]), [{"n_rows": n} for n in rows]
    >>> RuntimeModel.fit(costs, sizes).seconds({"n_rows": 1000.0}).round(1)
    array([ 1., 10.])
    """

    centre: Floats
    scale: Floats
    weights: Floats
    variances: tuple[float, float]
    fastest: float
    slowest: float

    @classmethod
    def fit(cls, costs: Floats, meta_features: Sequence[Mapping[str, float]]) -> Self:
        """Learn from seconds (T, C), NaN where unknown, and the meta-features of T tasks."""
        sizes = np.array([_log_sizes(known) for known in meta_features]).reshape(len(costs), len(SIZES))
        centre = sizes.sum(axis=0, where=np.isfinite(sizes)) / np.maximum(np.isfinite(sizes).sum(axis=0), 1)
        spread = np.nan_to_num(sizes - centre).std(axis=0) if len(sizes) else np.zeros(len(SIZES))
        scale = np.where(spread > 0, spread, 1.0)
        terms = _terms((sizes - centre) / scale)
        logs = np.log(np.maximum(costs, SHORTEST))
        weights = _regressions(terms, logs)
        errors = logs - terms @ weights.T
        measured = np.exp(logs[np.isfinite(logs)])
        return cls(centre, scale, weights, _variances(errors), *_extremes(measured))

    def seconds(
        self, meta_features: Mapping[str, float], indices: Integers | None = None, measured: Floats | None = None
    ) -> Floats:
        """Return predicted seconds (C,), NaN for configurations that were never timed.

        ``measured`` (n,) are the seconds that those at ``indices`` (n,) took on this task, NaN where unknown.
        """
        logs = (_terms(((_log_sizes(meta_features) - self.centre) / self.scale)[None]) @ self.weights.T)[0]
        extremes = (self.fastest, self.slowest)
        if indices is None or measured is None:
            return _within(np.exp(logs), *extremes)
        errors = np.log(np.maximum(measured, SHORTEST)) - logs[indices]
        known = np.isfinite(errors)
        offset, noise = self.variances
        if known.any() and offset > 0:
            logs = logs + errors[known].mean() * offset / (offset + noise / known.sum())
        new = np.maximum(measured[np.isfinite(measured)], SHORTEST)
        return _within(np.exp(logs), *_extremes(np.append(new, extremes)))


def _extremes(seconds: Floats) -> tuple[float, float]:
    """Return the smallest and the largest of the seconds measured; what cannot limit anything where there are none."""
    return (float(seconds.min()), float(seconds.max())) if len(seconds) else (0.0, np.inf)


def _within(seconds: Floats, fastest: float, slowest: float) -> Floats:
    """Return predicted seconds that go little beyond what was measured: a polynomial may lead anywhere."""
    return np.asarray(np.clip(seconds, LEAST_SHARE * fastest, MOST_TIMES * slowest))


def _log_sizes(meta_features: Mapping[str, float]) -> Floats:
    """Return the logarithms (4,) of the sizes plus 1, NaN where unknown or not finite."""
    known = [next((meta_features[name] for name in names if name in meta_features), np.nan) for names in SIZES]
    sizes = np.array(known, dtype=np.float64)
    return np.log1p(np.maximum(np.where(np.isfinite(sizes), sizes, np.nan), 0.0))


def _terms(sizes: Floats) -> Floats:
    """Return the terms (T, 15) of a quadratic polynomial of sizes (T, 4); an unknown size is a typical one."""
    sizes = np.nan_to_num(sizes)
    pairs = [sizes[:, i] * sizes[:, j] for i in range(sizes.shape[1]) for j in range(i + 1)]
    return np.column_stack([np.ones(len(sizes)), sizes, *pairs])


def _regressions(terms: Floats, logs: Floats) -> Floats:
    """Return the weights (C, q) of ridge regressions of logs (T, C), NaN where unknown, towards what is common."""
    known = np.isfinite(logs).astype(np.float64)
    penalty = PRIOR_TASKS * np.eye(terms.shape[1])
    common = _common(terms, logs, penalty)
    errors = np.where(known > 0, logs - terms @ common.T, 0.0)
    squares = np.einsum("tc,tq,tr->cqr", known, terms, terms, optimize=True) + penalty
    own = np.linalg.solve(squares, (errors.T @ terms)[:, :, None])[:, :, 0]
    return np.where((known.sum(axis=0) > 0)[:, None], common + own, np.nan)


def _common(terms: Floats, logs: Floats, penalty: Floats) -> Floats:
    """Return weights (C, q) that differ in the level alone, which is a configuration's mean beyond what is common."""
    known = np.isfinite(logs).astype(np.float64)
    of_tasks, of_configurations = (np.nansum(logs, axis=axis) for axis in (1, 0))
    squares = terms.T @ (terms * known.sum(axis=1)[:, None]) + penalty
    levels, shared = np.zeros(logs.shape[1]), np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        shared = np.linalg.solve(squares, terms.T @ (of_tasks - known @ levels))
        levels = (of_configurations - (terms @ shared) @ known) / (known.sum(axis=0) + PRIOR_TASKS)
    weights = np.tile(shared, (len(levels), 1))
    weights[:, 0] += levels
    return weights


def _variances(errors: Floats) -> tuple[float, float]:
    """Return the variances of the tasks' offsets and of what is left, of errors (T, C) with NaN where unknown."""
    known = np.isfinite(errors)
    within = np.nan_to_num(deviations(errors, axis=1))
    freedom = int(np.maximum(known.sum(axis=1) - 1, 0).sum())
    noise = float((within**2).sum() / max(freedom, 1))
    rows = known.any(axis=1)
    means = np.nan_to_num(errors).sum(axis=1)[rows] / known.sum(axis=1)[rows]
    return (float(np.mean(means**2)) if rows.any() else 0.0), noise
