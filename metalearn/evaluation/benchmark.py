"""The recommender bench: every method on every task that it has not learned from."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import Recommender
from metalearn.core.registry import checked
from metalearn.errors import InputError
from metalearn.evaluation.answers import Cache, collect, jobs
from metalearn.evaluation.curves import Worth, score
from metalearn.evaluation.replay import Protocol, varied
from metalearn.evaluation.results import Results, summary
from metalearn.evaluation.scores import Floats, best_so_far
from metalearn.evaluation.splits import Fold, LeaveOut, fold_against, folds
from metalearn.evaluation.tuning import recommender_from_text


@dataclass(frozen=True)
class Settings:
    """What makes two figures comparable; ``ks`` are sorted, ``n_folds`` None leaves out one dataset or family each."""

    ks: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
    protocol: Protocol = "zero_shot"
    leave_out: LeaveOut = "family"
    seed: int = 0
    n_folds: int | None = None

    def __post_init__(self) -> None:
        if not self.ks or min(self.ks) < 1:
            raise InputError(f"k needs positive whole numbers, such as 1,5,10; got {list(self.ks)}.")
        object.__setattr__(self, "ks", tuple(sorted(set(self.ks))))


@dataclass(frozen=True, eq=False)
class Curve:
    """One recommender's normalized regrets (T, K) after 1, ..., K recommendations, NaN on constant tasks.

    K is the largest k, or the number of configurations where that is smaller: nothing changes after all of them.
    """

    recommender: str
    regrets: Floats


def evaluate_recommenders(
    meta_dataset: MetaDataset,
    recommenders: Sequence[str] | Mapping[str, Recommender],
    settings: Settings = Settings(),
    **how: Any,
) -> dict[str, Any]:
    """Run the bench as ``run_bench`` does, and return its report as one document for JSON.

    >>> from metalearn.core.records import Configuration
    >>> pool = [Configuration("s", name) for name in "abc"]
    >>> past = MetaDataset.from_matrix([[0, 1, 2], [0, 2, 1], [0, 1, 1]], ["openml-1", "openml-2", "openml-3"], pool)
    >>> report = evaluate_recommenders(past, ["average_rank"], Settings(ks=(1,)))
    >>> report["results"][0]["mean_normalized_regret"]
    0.0
    """
    return summary(run_bench(meta_dataset, recommenders, settings, **how))


def run_bench(
    meta_dataset: MetaDataset,
    recommenders: Sequence[str] | Mapping[str, Recommender],
    settings: Settings = Settings(),
    *,
    test: MetaDataset | None = None,
    executor: Executor | None = None,
    n_workers: int = 1,
    cache: Cache | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Results:
    """Run the recommenders by the rules of the bench and return their scores.

    ``recommenders`` are names, with options as in ``tuning.recommender_from_text``, or specifications by name.
    Without ``test``, each dataset or family of ``meta_dataset`` is left out in turn, or ``n_folds`` of many; with it,
    the recommenders learn from ``meta_dataset`` less what ``test`` holds. Blocks of folds are the jobs of the
    ``executor``; ``on_progress`` is told the folds done, and of all.

    Raises:
        InputError: when there is no task on which a choice matters, or nothing to learn from; or a recommender lacks
            what ``core.protocols.Recommender`` names.
        MetalearnError: when a recommender fails; names it and the task.
    """
    target = test if test is not None else meta_dataset
    tested = varied(target)
    if not tested.any():
        raise InputError("No task of this knowledge base has two different losses to choose between; ingest more runs.")
    made = _made(recommenders, settings)
    planned = _folds(meta_dataset, test, settings)
    work = jobs(
        made, meta_dataset, planned, test=test, protocol=settings.protocol, k=max(settings.ks), seed=settings.seed
    )
    answers = collect(work, executor=executor, n_workers=n_workers, cache=cache, on_progress=on_progress)
    worth = Worth.of(target)
    return Results(
        about=_describe(settings, meta_dataset, test, tested, len(planned)),
        tasks=tuple(t for t, kept in zip(target.tasks, tested, strict=True) if kept),
        ks=settings.ks,
        scores={
            label: {name: values[tested] for name, values in score(worth, chosen, settings.ks, tested).items()}
            for label, chosen in answers.items()
        },
        seed=settings.seed,
    )


def run_recommender(name: str, *, meta_dataset: MetaDataset, test: MetaDataset | None, settings: Settings) -> Curve:
    """Return the curve of one registered recommender, the mean over seeds where it is stochastic."""
    work = jobs(
        _made([name], settings),
        meta_dataset,
        _folds(meta_dataset, test, settings),
        test=test,
        protocol=settings.protocol,
        k=max(settings.ks),
        seed=settings.seed,
    )
    target = test if test is not None else meta_dataset
    regrets = best_so_far(Worth.of(target).regrets, collect(work)[name]).mean(axis=0)
    return Curve(name, np.where(varied(target)[:, None], regrets, np.nan))


def _made(recommenders: Sequence[str] | Mapping[str, Recommender], settings: Settings) -> Mapping[str, Recommender]:
    if isinstance(recommenders, Mapping):
        return {label: checked("recommender", label, method) for label, method in recommenders.items()}
    return {text: recommender_from_text(text, ks=settings.ks, protocol=settings.protocol) for text in recommenders}


def _folds(meta_dataset: MetaDataset, test: MetaDataset | None, settings: Settings) -> list[Fold]:
    if test is None:
        planned = folds(meta_dataset, settings.leave_out, settings.n_folds, seed=settings.seed)
    elif settings.n_folds is not None:
        raise InputError("Folds are made of one knowledge base; leave them out where another one is tested on.")
    else:
        planned = [fold_against(meta_dataset, test, settings.leave_out)]
    if any(not fold.learned.any() for fold in planned):
        raise InputError(
            f"A fold leaves out every {settings.leave_out} there is to learn from; ingest more tasks, or leave out "
            "datasets instead of families."
        )
    return planned


def _describe(
    settings: Settings, meta_dataset: MetaDataset, test: MetaDataset | None, tested: NDArray[np.bool_], n_folds: int
) -> dict[str, Any]:
    target = test if test is not None else meta_dataset
    return {
        "name": settings.protocol,
        "leave_out": settings.leave_out,
        "metric": target.metric.name,
        "split": target.split,
        "seed": settings.seed,
        "n_folds": n_folds,
        "n_tasks": int(tested.sum()),
        "n_constant_tasks_left_out": int((~tested).sum()),
        "n_families": len({t.family for t, keep in zip(target.tasks, tested, strict=True) if keep}),
        "n_configurations": len(target.configurations),
        "extractor": meta_dataset.extractor or None,
        "snapshot_id": meta_dataset.snapshot_id or None,
        "test_snapshot_id": (test.snapshot_id or None) if test is not None else None,
    }
