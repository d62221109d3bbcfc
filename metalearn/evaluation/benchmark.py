"""The recommender bench: every method on every task that it has not learned from."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.registry import create
from metalearn.errors import InputError
from metalearn.evaluation.replay import Protocol, replay, tables
from metalearn.evaluation.scores import bootstrap_interval
from metalearn.evaluation.splits import LeaveOut, against, leave_out

if TYPE_CHECKING:
    from metalearn.core.protocols import Recommender

# Stochastic methods run with this many seeds; the mean within a task counts.
N_SEEDS = 5


@dataclass(frozen=True)
class Settings:
    """What makes two figures comparable."""

    ks: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
    protocol: Protocol = "zero_shot"
    leave_out: LeaveOut = "family"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.ks or min(self.ks) < 1:
            raise InputError(f"k needs positive whole numbers, such as 1,5,10; got {list(self.ks)}.")


@dataclass(frozen=True, eq=False)
class Curve:
    """One recommender's normalized regrets (T, max k) after 1, 2, ... recommendations, NaN on constant tasks."""

    recommender: str
    regrets: NDArray[np.float64]


def evaluate_recommenders(
    meta_dataset: MetaDataset,
    recommenders: Sequence[str],
    settings: Settings = Settings(),
    *,
    test: MetaDataset | None = None,
    executor: Executor | None = None,
    on_done: Callable[[str], None] = lambda name: None,  # noqa: ARG005
) -> dict[str, Any]:
    """Run the recommenders by the rules of the bench and return its report.

    Without ``test``, each dataset or family of ``meta_dataset`` is left out in turn; with it, the recommenders learn
    from ``meta_dataset`` less what ``test`` holds. Each recommender is one job for the ``executor``; ``on_done`` is
    told its name when it is through.

    Raises:
        InputError: when there is no task on which a choice matters.

    >>> from metalearn.core.records import Configuration
    >>> pool = [Configuration("s", name) for name in "abc"]
    >>> past = MetaDataset.from_matrix([[0, 1, 2], [0, 2, 1], [0, 1, 1]], ["openml-1", "openml-2", "openml-3"], pool)
    >>> report = evaluate_recommenders(past, ["average_rank"], Settings(ks=(1,)))
    >>> report["results"][0]["mean_normalized_regret"]
    0.0
    """
    target = test if test is not None else meta_dataset
    informative = np.array([not t.is_constant for t in tables(target)], dtype=bool)
    if not informative.any():
        raise InputError("No task of this knowledge base has two different losses to choose between; ingest more runs.")
    job = partial(run_recommender, meta_dataset=meta_dataset, test=test, settings=settings)
    curves = []
    for curve in executor.map(job, recommenders) if executor else map(job, recommenders):
        on_done(curve.recommender)
        curves.append(curve)
    return {
        "protocol": _describe(settings, meta_dataset, test, informative),
        "results": [row for curve in curves for row in _summarise(curve, target, informative, settings)],
    }


def run_recommender(name: str, *, meta_dataset: MetaDataset, test: MetaDataset | None, settings: Settings) -> Curve:
    """Return the curve of one registered recommender, the mean over seeds where it is stochastic."""
    recommender: Recommender = create("recommender", name)
    target = test if test is not None else meta_dataset
    rows = tables(target)
    seeds = N_SEEDS if recommender.stochastic else 1
    regrets = np.full((seeds, len(rows), max(settings.ks)), np.nan)
    splits = leave_out(target, settings.leave_out) if test is None else against(meta_dataset, test, settings.leave_out)
    for number, split in enumerate(splits):
        for seed in range(seeds):
            fitted = recommender.meta_fit(split.training, rng=np.random.default_rng([settings.seed, seed, number]))
            for t in split.test_tasks:
                if not rows[t].is_constant:
                    regrets[seed, t] = replay(fitted, rows[t], max(settings.ks), settings.protocol)
    return Curve(name, regrets.mean(axis=0))


def _describe(
    settings: Settings, meta_dataset: MetaDataset, test: MetaDataset | None, informative: NDArray[np.bool_]
) -> dict[str, Any]:
    target = test if test is not None else meta_dataset
    return {
        "name": settings.protocol,
        "leave_out": settings.leave_out,
        "metric": target.metric.name,
        "split": target.split,
        "seed": settings.seed,
        "n_tasks": int(informative.sum()),
        "n_constant_tasks_left_out": int((~informative).sum()),
        "n_families": len({t.family for t, keep in zip(target.tasks, informative, strict=True) if keep}),
        "n_configurations": len(target.configurations),
        "extractor": meta_dataset.extractor or None,
        "snapshot_id": meta_dataset.snapshot_id or None,
    }


def _summarise(
    curve: Curve, target: MetaDataset, informative: NDArray[np.bool_], settings: Settings
) -> Iterable[dict[str, Any]]:
    tasks = [t for t, keep in zip(target.tasks, informative, strict=True) if keep]
    for k in settings.ks:
        values = curve.regrets[informative, k - 1]
        low, high = bootstrap_interval(values, [t.family for t in tasks], np.random.default_rng(settings.seed))
        per_dataset: defaultdict[str, list[float]] = defaultdict(list)
        for task, value in zip(tasks, values.tolist(), strict=True):
            per_dataset[task.dataset_id].append(value)
        yield {
            "recommender": curve.recommender,
            "protocol": settings.protocol,
            "k": k,
            "mean_normalized_regret": float(values.mean()),
            "median_normalized_regret": float(np.median(values)),
            "ci_low": low,
            "ci_high": high,
            "n_tasks": len(values),
            "per_task": {dataset: float(np.mean(v)) for dataset, v in per_dataset.items()},
        }
