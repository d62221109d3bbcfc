"""What a knowledge base can teach: how much there is to gain by choosing, and how few configurations it takes.

Every choice is made on validation losses and judged on the test part, which no choice has seen. A run is a task under
one seed: each seed has a test part of its own, whose rows the other seeds validate on, so runs are chosen for one by
one and only then averaged. A configuration that failed on the test part counts as the reference loss there (the
largest of the run, or the median where losses are unbounded).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.core.transforms import TIE_DIGITS, reference_loss
from metalearn.errors import InputError
from metalearn.evaluation.scores import bootstrap_interval
from metalearn.evaluation.splits import leave_out
from metalearn.recommenders.portfolio import GreedyPortfolio

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
# Of the gain of choosing among all configurations: what a portfolio must keep to be called sufficient.
SUFFICIENT_SHARE = 0.95


@dataclass(frozen=True, eq=False)
class Runs:
    """Validation and test losses (S, C) of C configurations in S runs of T tasks; ``task_index`` (S,) names the task.

    ``validation`` is the mean over folds, NaN where one failed or is unknown. ``test`` is NaN there too, and
    ``reference`` (S,) is what a failed configuration counts as; ``failed`` (S, C) marks failures on the test part.
    """

    tasks: tuple[Task, ...]
    configurations: tuple[Configuration, ...]
    task_index: Integers
    validation: Floats
    test: Floats
    failed: NDArray[np.bool_]
    reference: Floats

    @cached_property
    def judged(self) -> Floats:
        """Test losses (S, C) with failures counted as the reference; NaN where not evaluated."""
        return np.where(self.failed, self.reference[:, None], self.test)

    @cached_property
    def choosable(self) -> Floats:
        """Validation losses (S, C) to choose by: infinite where there is none, or nothing to judge by."""
        known = np.isfinite(self.validation) & np.isfinite(self.judged)
        return np.where(known, np.round(self.validation, TIE_DIGITS), np.inf)

    @cached_property
    def chosen(self) -> Integers:
        """The configuration (S,) of the smallest validation loss; ties go to the smaller id."""
        return np.asarray(self.choosable.argmin(axis=1), dtype=np.int64)

    def of_chosen(self, values: Floats) -> Floats:
        """Return the entries (S,) of values (S, C) that belong to the chosen configurations."""
        return np.asarray(values[np.arange(len(values)), self.chosen])

    def of_default(self, default: Configuration) -> Floats:
        """Return the judged test losses (S,) of one configuration.

        Raises:
            InputError: when no run has evaluated it.
        """
        if default not in self.configurations:
            raise InputError(f"No run has evaluated {default} on validation and test; give another default.")
        return self.judged[:, self.configurations.index(default)]

    def per_task(self, values: Floats) -> Floats:
        """Return means (T, ...) of values (S, ...) over the runs of each task, ignoring NaN; NaN where all are."""
        of_task = (np.arange(len(self.tasks))[:, None] == self.task_index).astype(np.float64)
        known = np.isfinite(values)
        count = of_task @ known
        return np.where(count > 0, of_task @ np.where(known, values, 0.0) / np.maximum(count, 1), np.nan)


def pair(validation: MetaDataset, test: MetaDataset) -> Runs:
    """Put the full-fidelity losses of two splits side by side, for the tasks, seeds and configurations of both.

    Raises:
        InputError: when there is no task with a configuration that has a loss on both.

    >>> tree, svc = Configuration("s", "decision_tree"), Configuration("s", "svc")
    >>> past = MetaDataset.from_matrix([[0.1, 0.3]], ["openml-1"], [tree, svc])
    >>> new = MetaDataset.from_matrix([[0.2, 0.25]], ["openml-1"], [tree, svc], split="test")
    >>> runs = pair(past, new)
    >>> runs.validation.shape, runs.configurations[runs.chosen[0]].algorithm, runs.of_chosen(runs.test)
    ((1, 2), 'decision_tree', array([0.2]))
    """
    ids = {t.id for t in validation.tasks} & {t.id for t in test.tasks}
    validation, test = (m.select([t.id in ids for t in m.tasks]) for m in (validation, test))
    shared = tuple(c for c in validation.configurations if c.id in test.position)
    blocks = [_block(validation, test, shared, seed) for seed in np.intersect1d(validation.seed, test.seed)]
    if not blocks:
        raise InputError("No task has validation and test losses under one seed; evaluate tasks on both splits.")
    known, judged, failed = (np.concatenate(matrices) for matrices in zip(*blocks, strict=True))
    kept = (np.isfinite(known) & np.isfinite(judged)).any(axis=1)
    if not kept.any():
        raise InputError("No configuration has both a validation and a test loss; evaluate tasks on both splits.")
    used, task_index = np.unique(np.tile(np.arange(len(validation.tasks)), len(blocks))[kept], return_inverse=True)
    tasks = tuple(validation.tasks[t] for t in used)
    reference = reference_loss(judged[kept], bounded=test.metric.bounded)
    return Runs(tasks, shared, task_index, known[kept], judged[kept], failed[kept], reference)


def _block(
    validation: MetaDataset, test: MetaDataset, shared: Sequence[Configuration], seed: int
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return validation losses, test losses and failures on the test part (T, C) under one seed."""
    old, new = ([m.position[c.id] for c in shared] for m in (validation, test))
    seen, unseen = (m.filtered(m.seed == seed) for m in (validation, test))
    return seen.performance_matrix()[:, old], unseen.performance_matrix()[:, new], unseen.failure_matrix()[:, new]


def gain_over(runs: Runs, default: Configuration) -> Floats:
    """Return per task (T,) the default's test loss less that of the configuration best on validation.

    Positive: choosing helps. NaN where the default was not evaluated.

    Raises:
        InputError: when no run has evaluated the default.

    >>> tree, svc = Configuration("s", "decision_tree"), Configuration("s", "svc")
    >>> past = MetaDataset.from_matrix([[0.1, 0.3], [0.3, 0.1]], ["openml-1", "openml-2"], [tree, svc])
    >>> gain_over(pair(past, past), svc).round(3)
    array([0.2, 0. ])
    """
    return runs.per_task(runs.of_default(default) - runs.of_chosen(runs.judged))


def validation_gaps(runs: Runs) -> tuple[Floats, Floats]:
    """Return per task (T,) the test loss less the validation loss: of the chosen, and the median of all configurations.

    What is chosen for a small validation loss owes some of it to luck, which the test part does not repeat: the
    chosen one's gap less that of all is the optimism of the selection (Cawley & Talbot, JMLR 2010). Both contain that
    the fits for the test part see more rows. Configurations that failed have no gap.
    """
    gaps = runs.test - runs.validation
    return runs.per_task(runs.of_chosen(gaps)), runs.per_task(np.nanmedian(gaps, axis=1))


def portfolio_losses(runs: Runs, validation: MetaDataset) -> Floats:
    """Return the judged losses (S, C) of choosing among the first k = 1, ..., C of a greedy portfolio.

    The portfolio is learned from the validation losses of the other families, in ``validation``. Of its first k, the
    one best on the run's validation losses is judged on the run's test part; where all of them failed, the reference
    counts. A portfolio of fewer than C keeps its best.
    """
    position = {t.id: i for i, t in enumerate(runs.tasks)}
    column = {c.id: i for i, c in enumerate(runs.configurations)}
    losses = np.full(runs.validation.shape, np.nan)
    for split in leave_out(validation, "family"):
        fitted = GreedyPortfolio().meta_fit(split.training, rng=np.random.default_rng(0))
        for task in (validation.tasks[t] for t in split.test_tasks if validation.tasks[t].id in position):
            mine = np.flatnonzero(runs.task_index == position[task.id])
            evaluated = np.flatnonzero(np.isfinite(runs.judged[mine]).any(axis=0))
            candidates = [runs.configurations[c] for c in evaluated]
            listed = fitted.recommend(task, len(candidates), candidates=candidates)
            order = np.array([column[r.configuration.id] for r in listed])
            for run in mine:
                losses[run] = _best_so_far(runs, int(run), order)
    return losses


def portfolio_gains(runs: Runs, losses: Floats, default: Configuration) -> Floats:
    """Return per task the gain over the default (T, C) of the ``portfolio_losses`` (S, C), for k = 1, ..., C.

    Raises:
        InputError: when no run has evaluated the default.

    >>> tree, svc = Configuration("s", "decision_tree"), Configuration("s", "svc")
    >>> past = MetaDataset.from_matrix([[0.1, 0.3], [0.2, 0.3]], ["openml-1", "openml-2"], [tree, svc])
    >>> runs = pair(past, past)
    >>> portfolio_gains(runs, portfolio_losses(runs, past), svc).round(3)
    array([[0.2, 0.2],
           [0.1, 0.1]])
    """
    return runs.per_task(runs.of_default(default)[:, None] - losses)


def _best_so_far(runs: Runs, run: int, order: Integers) -> Floats:
    """Return the judged loss (C,) in one run of what is chosen among the first 1, 2, ... of an order."""
    values = runs.choosable[run]
    ranked = np.lexsort((np.arange(len(values)), values))
    best = ranked[np.minimum.accumulate(np.argsort(ranked)[order])]
    losses = np.where(np.isfinite(values[best]), runs.judged[run, best], runs.reference[run])
    return np.pad(losses, (0, len(values) - len(losses)), mode="edge")


def sufficient_size(gains: Floats, share: float = SUFFICIENT_SHARE) -> int | None:
    """Return the smallest k whose mean gain, of gains (T, C) for k = 1, ..., C, reaches a share of the last one.

    None where choosing among all C gains nothing.

    >>> sufficient_size(np.array([[-0.1, 0.18, 0.2], [0.0, 0.02, 0.0]]))
    2
    """
    curve = np.nanmean(gains, axis=0)
    return int(np.argmax(curve >= share * curve[-1])) + 1 if curve[-1] > 0 else None


@dataclass(frozen=True)
class Summary:
    """Values over tasks: mean with its 95 % interval over families, quartiles, shares of tasks above and below 0."""

    n_tasks: int
    mean: float
    low: float
    high: float
    quartiles: tuple[float, float, float]
    positive: float
    negative: float


def summarise(values: Floats, tasks: Sequence[Task], rng: np.random.Generator) -> Summary:
    """Summarise values (T,) of T tasks; NaN is left out.

    Raises:
        InputError: when no value is known.

    >>> tasks = [Task(f"t{i}", f"d{i}", "classification") for i in range(3)]
    >>> summary = summarise(np.array([0.1, 0.1, np.nan]), tasks, np.random.default_rng(0))
    >>> summary.n_tasks, summary.mean, summary.low, summary.high, summary.positive
    (2, 0.1, 0.1, 0.1, 1.0)
    """
    known = np.isfinite(values)
    if not known.any():
        raise InputError("There is nothing to summarise: no task has a known value.")
    rounded = np.round(values[known], TIE_DIGITS)
    low, high = bootstrap_interval(rounded, [t.family for t, k in zip(tasks, known, strict=True) if k], rng)
    first, median, third = np.quantile(rounded, [0.25, 0.5, 0.75]).tolist()
    positive, negative = float((rounded > 0).mean()), float((rounded < 0).mean())
    return Summary(len(rounded), float(rounded.mean()), low, high, (first, median, third), positive, negative)
