"""Splits that keep a test task and its siblings out of what is learned from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from metalearn.core.meta_dataset import MetaDataset

LeaveOut = Literal["dataset", "family"]


@dataclass(frozen=True, eq=False)
class Split:
    """What may be learned from, and the indices of the tasks (of the test meta-dataset) to be tested on."""

    training: MetaDataset
    test_tasks: tuple[int, ...]


def leave_out(meta_dataset: MetaDataset, by: LeaveOut) -> Iterator[Split]:
    """Yield one split per dataset, or per family: its tasks are tested, all others are learned from.

    >>> from metalearn.core.records import Configuration
    >>> c = Configuration("s", "svc")
    >>> past = MetaDataset.from_matrix([[0.1], [0.2], [0.3]], ["openml-1", "openml-2", "openml-3"], [c])
    >>> [(split.test_tasks, len(split.training)) for split in leave_out(past, "dataset")]
    [((0,), 2), ((1,), 2), ((2,), 2)]
    """
    keys = [t.dataset_id if by == "dataset" else t.family for t in meta_dataset.tasks]
    for key in dict.fromkeys(keys):
        tested = tuple(i for i, k in enumerate(keys) if k == key)
        yield Split(meta_dataset.select([k != key for k in keys]), tested)


def against(training: MetaDataset, test: MetaDataset, by: LeaveOut) -> Iterator[Split]:
    """Yield the one split that learns from ``training`` less the datasets, or families, of ``test``."""
    held_out = {t.dataset_id for t in test.tasks}
    if by == "family":
        held_out |= {t.family for t in test.tasks}
    keep = [not {t.dataset_id, *([t.family] if by == "family" else [])} & held_out for t in training.tasks]
    yield Split(training.select(keep), tuple(range(len(test.tasks))))
