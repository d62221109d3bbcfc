"""The results of the bench: all scores of all tasks, as a summary for JSON and as a table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Task
from metalearn.evaluation.curves import SCORES
from metalearn.evaluation.scores import Floats, bootstrap_interval

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Results:
    """The scores of recommenders on the T tasks where a choice matters.

    ``about`` tells how they came about; ``scores`` has, for each recommender, each of ``curves.SCORES`` after each of
    the ks (T, n), NaN where it is not defined.
    """

    about: Mapping[str, Any]
    tasks: tuple[Task, ...]
    ks: tuple[int, ...]
    scores: Mapping[str, Mapping[str, Floats]]
    seed: int = 0

    @property
    def families(self) -> list[str]:
        """The families of the T tasks."""
        return [task.family for task in self.tasks]

    def interval(self, values: Floats) -> tuple[float, float, float]:
        """Return the mean of values (T,) and its 95 % interval over families; NaN is left out, and all there may be."""
        known = np.isfinite(values)
        if not known.any():
            return np.nan, np.nan, np.nan
        families = [family for family, k in zip(self.families, known, strict=True) if k]
        low, high = bootstrap_interval(values[known], families, np.random.default_rng(self.seed))
        return float(values[known].mean()), low, high


def summary(results: Results) -> dict[str, Any]:
    """Return means over tasks with intervals as one document for JSON: ``protocol`` and ``results``."""
    return {
        "protocol": dict(results.about),
        "results": [row for label in results.scores for row in _rows(label, results)],
    }


def curves_table(results: Results) -> "pa.Table":
    """Return all scores as an Arrow table: a row per recommender, task and k, null where a score is not defined."""
    import pyarrow as pa

    shape = (len(results.scores), len(results.tasks), len(results.ks))
    columns: Mapping[str, NDArray[np.generic]] = {
        "recommender": _spread(np.array(list(results.scores), dtype=np.str_), 0, shape),
        "protocol": np.full(shape, results.about["name"]),
        "task_id": _spread(np.array([t.id for t in results.tasks], dtype=np.str_), 1, shape),
        "dataset_id": _spread(np.array([t.dataset_id for t in results.tasks], dtype=np.str_), 1, shape),
        "family": _spread(np.array([t.family for t in results.tasks], dtype=np.str_), 1, shape),
        "k": _spread(np.array(results.ks, dtype=np.int64), 2, shape),
    }
    scores = {name: np.stack([found[name] for found in results.scores.values()]) for name in SCORES}
    arrays = {name: pa.array(values.ravel(), from_pandas=True) for name, values in {**columns, **scores}.items()}
    return pa.table(arrays)


def _spread(values: NDArray[np.generic], axis: int, shape: tuple[int, int, int]) -> NDArray[np.generic]:
    return np.broadcast_to(np.expand_dims(values, [a for a in range(3) if a != axis]), shape)


def _rows(label: str, results: Results) -> Iterable[dict[str, Any]]:
    for column, k in enumerate(results.ks):
        found = {name: values[:, column] for name, values in results.scores[label].items()}
        regrets = found["normalized_regret"]
        mean, low, high = results.interval(regrets)
        yield {
            "recommender": label,
            "protocol": results.about["name"],
            "k": k,
            "mean_normalized_regret": mean,
            "median_normalized_regret": float(np.median(regrets)),
            "ci_low": low,
            "ci_high": high,
            "n_tasks": len(regrets),
            "scores": {name: _with_interval(found[name], results) for name in SCORES[1:]},
            "per_task": _per_dataset(regrets, results.tasks),
        }


def _with_interval(values: Floats, results: Results) -> dict[str, float | int]:
    mean, low, high = results.interval(values)
    return {"mean": mean, "ci_low": low, "ci_high": high, "n_tasks": int(np.isfinite(values).sum())}


def _per_dataset(values: Floats, tasks: Sequence[Task]) -> dict[str, float]:
    per_dataset: defaultdict[str, list[float]] = defaultdict(list)
    for task, value in zip(tasks, values.tolist(), strict=True):
        per_dataset[task.dataset_id].append(value)
    return {dataset: float(np.mean(v)) for dataset, v in per_dataset.items()}
