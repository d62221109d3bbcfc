"""Past evaluations as rows of a table: what the task is like, what the configuration is, and how well it did there.

For methods that learn one model of all tasks over configurations that different tasks need not share.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from metalearn.core.configuration_table import ConfigurationTable
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers

# Of a task so many evaluations are learned from.
MAX_ROWS = 500
# Losses of a task that differ less are ties.
_DIGITS = 9


@dataclass(frozen=True, eq=False)
class PastEvaluations:
    """N evaluations on T tasks, of C configurations; a task without two different losses is left out.

    ``task`` and ``configuration`` (N,) are indices, ``family`` (N,) the number of the task's family. ``losses`` (N,)
    are logarithms, standardised within the task: ``levels`` and ``scales`` (T,) are their means and standard
    deviations before. ``meta_features`` have shape (T, F); ``table`` describes the configurations.
    """

    table: ConfigurationTable
    configurations: tuple[Configuration, ...]
    task: Integers
    family: Integers
    configuration: Integers
    losses: Floats
    levels: Floats
    scales: Floats
    meta_features: Floats

    @classmethod
    def of(cls, past: PastTasks) -> Self:
        """Take at most ``MAX_ROWS`` evaluations of each task; a failed one is as bad as the task's worst.

        >>> pool = [Configuration("s", "svc", {"C": c}) for c in (1, 10)]
        >>> past = PastTasks(MetaDataset.from_matrix([[0.1, 0.3], [0.2, 0.2]], ["openml-1", "openml-2"], pool))
        >>> rows = PastEvaluations.of(past)
        >>> rows.task, sorted(rows.losses.round(6).tolist())
        (array([0, 0]), [-1.0, 1.0])
        """
        logs = past.log_losses
        tasks = [t for t, row in enumerate(logs) if len(np.unique(np.round(row[np.isfinite(row)], _DIGITS))) > 1]
        known = [spread(np.flatnonzero(np.isfinite(logs[t])), MAX_ROWS) for t in tasks]
        task = np.repeat(np.arange(len(tasks)), [len(k) for k in known])
        used, configuration = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *known]), return_inverse=True)
        configurations = tuple(past.configurations[i] for i in used)
        values = [logs[t, k] for t, k in zip(tasks, known, strict=True)]
        levels, scales = np.array([[v.mean(), max(v.std(), 1e-9)] for v in values]).reshape(-1, 2).T
        families = np.unique([past.meta_dataset.tasks[t].family for t in tasks], return_inverse=True)[1]
        return cls(
            table=ConfigurationTable.of(configurations),
            configurations=configurations,
            task=task,
            family=families.astype(np.int64)[task],
            configuration=configuration.astype(np.int64),
            losses=(np.concatenate([np.zeros(0), *values]) - levels[task]) / scales[task],
            levels=levels,
            scales=scales,
            meta_features=past.meta_dataset.meta_features[tasks],
        )

    @property
    def of_tasks(self) -> list[Integers]:
        """The rows of each of the T tasks."""
        return [np.flatnonzero(self.task == t) for t in range(len(self.levels))]


def spread(items: Integers, n: int) -> Integers:
    """Return at most n of the items, evenly spread; of configurations in the order of their ids as if at random.

    >>> spread(np.arange(10), 4)
    array([0, 3, 6, 9])
    """
    return items[np.linspace(0, len(items) - 1, n).round().astype(np.int64)] if len(items) > n else items


def limited(meta_dataset: MetaDataset, configurations: tuple[Configuration, ...]) -> MetaDataset:
    """Return the evaluations of these configurations alone, some of which the meta-dataset need not know.

    >>> pool = [Configuration("s", "svc", {"C": c}) for c in (1, 10, 100)]
    >>> past = MetaDataset.from_matrix([[0.1, 0.3]], ["openml-1"], pool[:2])
    >>> limited(past, tuple(pool[1:]))
    MetaDataset(1 tasks, 2 configurations, 1 evaluations of balanced_accuracy)
    """
    position = {c.id: i for i, c in enumerate(configurations)}
    index = np.array([position.get(c.id, -1) for c in meta_dataset.configurations], dtype=np.int64)
    kept = index[meta_dataset.configuration_index] >= 0
    return meta_dataset.filtered(
        kept, configurations=configurations, configuration_index=index[meta_dataset.configuration_index[kept]]
    )
