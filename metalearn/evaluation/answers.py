"""Answers: what recommenders choose on tasks that they have not learned from, fold by fold, in parallel and cached."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.parallel import completed
from metalearn.core.protocols import FittedRecommender, Recommender
from metalearn.errors import MetalearnError
from metalearn.evaluation.replay import Protocol, choices, tables
from metalearn.evaluation.splits import Fold

Integers = NDArray[np.int64]

# Stochastic methods run with this many seeds; the mean within a task counts.
N_SEEDS = 5
# What is done at once, sent to a worker at once and cached at once: the folds of a recommender in about so many blocks.
N_BLOCKS = 20


@dataclass(frozen=True, eq=False)
class Job:
    """A recommender, ``label`` in messages, on some folds: learn from a meta-dataset, answer on its tasks or another's.

    ``k`` configurations are asked for, by ``protocol``; ``seed`` is that of all that is drawn.
    """

    label: str
    recommender: Recommender
    meta_dataset: MetaDataset
    test: MetaDataset | None
    folds: tuple[Fold, ...]
    protocol: Protocol
    k: int
    seed: int

    @property
    def target(self) -> MetaDataset:
        """The meta-dataset whose tasks are answered on."""
        return self.meta_dataset if self.test is None else self.test

    @property
    def n_seeds(self) -> int:
        """With how many seeds the recommender runs."""
        return N_SEEDS if self.recommender.stochastic else 1

    @property
    def test_tasks(self) -> Integers:
        """The tested tasks (t,) of all folds, as indices."""
        return np.array([t for fold in self.folds for t in fold.test_tasks], dtype=np.int64)

    def run(self) -> Integers:
        """Return the chosen configurations (S, t, min(k, C)) as indices, -1 where a list ends and on constant tasks.

        Raises:
            MetalearnError: when the recommender fails; names it and the task.
        """
        tested = np.zeros(len(self.target.tasks), dtype=bool)
        tested[self.test_tasks] = True
        known = dict(zip(np.flatnonzero(tested).tolist(), tables(self.target.select(tested)), strict=True))
        row = {t: i for i, t in enumerate(self.test_tasks.tolist())}
        chosen = np.full((self.n_seeds, len(row), min(self.k, len(self.target.configurations))), -1)
        for fold in self.folds:
            asked = [t for t in fold.test_tasks if not known[t].is_constant]
            if not asked:
                continue
            training = self.meta_dataset.select(fold.learned)
            for seed in range(self.n_seeds):
                fitted = self._fit(training, fold, seed)
                for t in asked:
                    with blamed(f"The recommender {self.label}", f"on {known[t].task.id}"):
                        answer = known[t].columns[choices(fitted, known[t], chosen.shape[2], self.protocol)]
                    chosen[seed, row[t], : len(answer)] = answer
        return chosen

    def _fit(self, training: MetaDataset, fold: Fold, seed: int) -> FittedRecommender:
        names = ", ".join(self.target.tasks[t].id for t in fold.test_tasks)
        with blamed(f"The recommender {self.label}", f"learning what is to be tested on {names}"):
            return self.recommender.meta_fit(training, rng=np.random.default_rng([self.seed, seed, fold.number]))


class Cache(Interface):
    """Where the answers of jobs are kept."""

    def read(self, job: Job) -> Integers | None:
        """Return the answers of a job that was done before, or None."""
        ...

    def write(self, job: Job, chosen: Integers) -> None:
        """Keep the answers of a job."""
        ...


def jobs(
    recommenders: Mapping[str, Recommender],
    meta_dataset: MetaDataset,
    folds: Sequence[Fold],
    *,
    test: MetaDataset | None = None,
    protocol: Protocol,
    k: int,
    seed: int,
) -> list[Job]:
    """Return the jobs of all recommenders on all folds, in blocks that do not depend on who will work on them."""
    size = max(1, -(-len(folds) // N_BLOCKS))
    blocks = [tuple(folds[start : start + size]) for start in range(0, len(folds), size)]
    return [
        Job(label, recommender, meta_dataset, test, block, protocol, k, seed)
        for label, recommender in recommenders.items()
        for block in blocks
    ]


def collect(
    work: Sequence[Job],
    *,
    executor: Executor | None = None,
    n_workers: int = 1,
    cache: Cache | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> dict[str, Integers]:
    """Return the answers (S, T, min(k, C)) of each recommender, those of its jobs put together.

    The answers are the same whoever works: an ``executor`` with ``n_workers``, or this process without one. What the
    ``cache`` holds is not done again; what is done is kept there at once. ``on_progress`` is told the number of folds
    done, and of all.

    Raises:
        MetalearnError: when a recommender fails; names it and the task.
    """
    found: dict[str, Integers] = {}
    done, total = 0, sum(len(job.folds) for job in work)
    for job, chosen in _answered(work, executor, n_workers, cache):
        shape = (job.n_seeds, len(job.target.tasks), chosen.shape[2])
        found.setdefault(job.label, np.full(shape, -1))[:, job.test_tasks] = chosen
        done += len(job.folds)
        on_progress(done, total)
    return {job.label: found[job.label] for job in work}


def _answered(
    work: Sequence[Job], executor: Executor | None, n_workers: int, cache: Cache | None
) -> Iterator[tuple[Job, Integers]]:
    """Yield each job with its answers: what is cached first, the rest as it comes."""
    missing = []
    for job in work:
        kept = cache.read(job) if cache else None
        if kept is None:
            missing.append(job)
        else:
            yield job, kept
    calls = ((job, (job,)) for job in missing)
    done = completed(executor, n_workers, Job.run, calls) if executor else ((job, job.run()) for job in missing)
    for job, chosen in done:
        if cache:
            cache.write(job, chosen)
        yield job, chosen


@contextmanager
def blamed(who: str, where: str) -> Iterator[None]:
    """Turn any error of the block into a MetalearnError that says who failed, and where."""
    try:
        yield
    except Exception as error:
        what = str(error) if isinstance(error, MetalearnError) else f"{type(error).__name__}: {error}"
        raise MetalearnError(f"{who} failed {where}: {what}") from error
