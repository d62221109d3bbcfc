"""Splits that keep a test task and its siblings out of what is learned from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.errors import InputError

LeaveOut = Literal["dataset", "family"]


@dataclass(frozen=True, eq=False)
class Split:
    """What may be learned from, and the indices of the tasks (of the test meta-dataset) to be tested on."""

    training: MetaDataset
    test_tasks: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Fold:
    """A split by indices: ``learned`` (T,) marks the tasks to learn from; ``number`` seeds what is drawn for it."""

    number: int
    learned: NDArray[np.bool_]
    test_tasks: tuple[int, ...]

    def split(self, meta_dataset: MetaDataset) -> Split:
        """Return the split with its training part, taken from the meta-dataset of these T tasks."""
        return Split(meta_dataset.select(self.learned), self.test_tasks)


def folds(meta_dataset: MetaDataset, by: LeaveOut, n_folds: int | None = None, *, seed: int = 0) -> list[Fold]:
    """Return the folds that leave out one dataset or family each, or ``n_folds`` of many of them.

    Whole datasets, or families, fall into one fold. Of ``n_folds``, those with most tasks are dealt out first, in an
    order drawn from ``seed`` where they have as many, each to the fold with the fewest tasks so far.

    Raises:
        InputError: when there are fewer datasets or families than ``n_folds``, or fewer than two folds are asked for.

    >>> from metalearn.core.records import Configuration
    >>> past = MetaDataset.from_matrix([[0.1]] * 4, [f"openml-{i}" for i in range(4)], [Configuration("s", "svc")])
    >>> [fold.test_tasks for fold in folds(past, "dataset")]
    [(0,), (1,), (2,), (3,)]
    >>> [fold.test_tasks for fold in folds(past, "dataset", 2)]
    [(1, 2), (0, 3)]
    """
    keys = [t.dataset_id if by == "dataset" else t.family for t in meta_dataset.tasks]
    groups = list(dict.fromkeys(keys))
    if n_folds is None:
        fold_of = {key: number for number, key in enumerate(groups)}
    else:
        fold_of = _dealt_out(keys, groups, n_folds, by, np.random.default_rng(seed))
    number_of = np.array([fold_of[key] for key in keys], dtype=np.int64)
    tested = (number_of == number for number in range(n_folds or len(groups)))
    return [Fold(number, ~test, tuple(np.flatnonzero(test).tolist())) for number, test in enumerate(tested)]


def leave_out(meta_dataset: MetaDataset, by: LeaveOut) -> Iterator[Split]:
    """Yield one split per dataset, or per family: its tasks are tested, all others are learned from.

    >>> from metalearn.core.records import Configuration
    >>> c = Configuration("s", "svc")
    >>> past = MetaDataset.from_matrix([[0.1], [0.2], [0.3]], ["openml-1", "openml-2", "openml-3"], [c])
    >>> [(split.test_tasks, len(split.training)) for split in leave_out(past, "dataset")]
    [((0,), 2), ((1,), 2), ((2,), 2)]
    """
    yield from (fold.split(meta_dataset) for fold in folds(meta_dataset, by))


def fold_against(training: MetaDataset, test: MetaDataset, by: LeaveOut) -> Fold:
    """Return the one fold that learns from ``training`` less the datasets, or families, of ``test``."""
    held_out = {t.dataset_id for t in test.tasks}
    if by == "family":
        held_out |= {t.family for t in test.tasks}
    learned = [not {t.dataset_id, *([t.family] if by == "family" else [])} & held_out for t in training.tasks]
    return Fold(0, np.array(learned, dtype=bool), tuple(range(len(test.tasks))))


def _dealt_out(
    keys: list[str], groups: list[str], n_folds: int, by: LeaveOut, rng: np.random.Generator
) -> dict[str, int]:
    if not 2 <= n_folds <= len(groups):
        raise InputError(
            f"Folds are at least 2 and at most one for each {by} left out, of which there are {len(groups)}; "
            f"got {n_folds}."
        )
    size = dict.fromkeys(groups, 0)
    for key in keys:
        size[key] += 1
    load = np.zeros(n_folds, dtype=np.int64)
    fold_of = {}
    for key in sorted((groups[i] for i in rng.permutation(len(groups))), key=lambda key: -size[key]):
        fold_of[key] = int(load.argmin())
        load[fold_of[key]] += size[key]
    return fold_of
