"""MetaDataset: the evaluations of many tasks in memory, as what ``meta_fit`` learns from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.ids import task_of_dataset
from metalearn.core.metrics import METRICS, Metric
from metalearn.core.records import STATUSES, Configuration, Task
from metalearn.errors import InputError, UnknownNameError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
OK = STATUSES.index("ok")
ROW_COLUMNS = ("task_index", "configuration_index", "fidelity", "fold", "seed", "loss", "cost_seconds", "status_code")


@dataclass(frozen=True, eq=False)
class MetaDataset:
    """N evaluations of C configurations on T tasks under one metric, one split and one meta-feature extractor.

    Columns have shape (N,): ``task_index`` and ``configuration_index`` point into ``tasks`` and ``configurations``;
    ``loss`` is minimised and NaN unless ok; ``status_code`` points into ``STATUSES``. ``meta_features`` has shape
    (T, F). Tasks and configurations are kept in the order of their ids, so that the smaller index wins a tie
    as the smaller id should.

    >>> svc, tree = Configuration("sklearn", "svc"), Configuration("sklearn", "decision_tree")
    >>> past = MetaDataset.from_matrix([[0.1, 0.3], [0.4, np.nan]], ["openml-11", "openml-61"], [svc, tree])
    >>> past
    MetaDataset(2 tasks, 2 configurations, 3 evaluations of balanced_accuracy)
    >>> past.performance_matrix()[:, past.configurations.index(tree)]
    array([0.3, nan])
    """

    tasks: tuple[Task, ...]
    configurations: tuple[Configuration, ...]
    task_index: Integers
    configuration_index: Integers
    fidelity: Floats
    fold: Integers
    seed: Integers
    loss: Floats
    cost_seconds: Floats
    status_code: Integers
    meta_features: Floats
    feature_names: tuple[str, ...] = ()
    metric: Metric = METRICS["balanced_accuracy"]
    split: str = "validation"
    extractor: str = ""
    snapshot_id: str = ""

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ROW_COLUMNS}
        if len(set(lengths.values())) > 1:
            raise InputError(f"The columns of a MetaDataset need one length; got {lengths}.")
        if self.meta_features.shape != (len(self.tasks), len(self.feature_names)):
            expected = (len(self.tasks), len(self.feature_names))
            raise InputError(f"meta_features needs the shape (T, F) = {expected}; got {self.meta_features.shape}.")
        self._sort("tasks", "task_index")
        self._sort("configurations", "configuration_index")

    def _sort(self, items: str, index: str) -> None:
        ids = [item.id for item in getattr(self, items)]
        order = sorted(range(len(ids)), key=ids.__getitem__)
        if order != list(range(len(ids))):
            object.__setattr__(self, items, tuple(getattr(self, items)[i] for i in order))
            object.__setattr__(self, index, np.argsort(order)[getattr(self, index)])
            if items == "tasks":
                object.__setattr__(self, "meta_features", self.meta_features[order])

    @classmethod
    def from_matrix(
        cls,
        losses: Sequence[Sequence[float]] | Floats,
        tasks: Sequence[Task] | Sequence[str],
        configurations: Sequence[Configuration],
        *,
        cost_seconds: Floats | None = None,
        failed: NDArray[np.bool_] | None = None,
        feature_names: Sequence[str] = (),
        **options: Any,
    ) -> "MetaDataset":
        """Build one from losses (T, C), NaN where nothing is known; tasks given as dataset ids are classification.

        ``failed`` (T, C) marks evaluations that crashed. Meta-features are taken from the tasks. ``options`` are
        other fields (``metric``, ``snapshot_id``, ...).
        """
        matrix = np.asarray(losses, dtype=np.float64).reshape(len(tasks), len(configurations))
        crashed = np.zeros(matrix.shape, dtype=bool) if failed is None else failed
        rows, columns = np.nonzero(~np.isnan(matrix) | crashed)
        n = len(rows)
        known = tuple(t if isinstance(t, Task) else Task(task_of_dataset(t), t, "classification") for t in tasks)
        return cls(
            tasks=known,
            configurations=tuple(configurations),
            task_index=rows,
            configuration_index=columns,
            fidelity=np.ones(n),
            fold=np.full(n, -1),
            seed=np.full(n, -1),
            loss=np.where(crashed, np.nan, matrix)[rows, columns],
            cost_seconds=np.full(n, np.nan) if cost_seconds is None else cost_seconds[rows, columns],
            status_code=np.where(crashed, STATUSES.index("crashed"), OK)[rows, columns],
            meta_features=meta_feature_matrix(known, feature_names),
            feature_names=tuple(feature_names),
            **options,
        )

    def __repr__(self) -> str:
        sizes = f"{len(self.tasks)} tasks, {len(self.configurations)} configurations"
        return f"MetaDataset({sizes}, {len(self.loss)} evaluations of {self.metric.name})"

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def task_id(self) -> NDArray[np.str_]:
        """The task of each evaluation (N,)."""
        return np.array([t.id for t in self.tasks], dtype=np.str_)[self.task_index]

    @property
    def configuration_id(self) -> NDArray[np.str_]:
        """The configuration of each evaluation (N,)."""
        return np.array([c.id for c in self.configurations], dtype=np.str_)[self.configuration_index]

    @property
    def status(self) -> NDArray[np.str_]:
        """The status of each evaluation (N,)."""
        return np.array(STATUSES)[self.status_code]

    @property
    def described(self) -> NDArray[np.bool_]:
        """(T,): whether the task has a meta-feature."""
        return np.asarray(np.isfinite(self.meta_features).any(axis=1))

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Where each configuration id stands in ``configurations``."""
        return {c.id: i for i, c in enumerate(self.configurations)}

    def performance_matrix(self, fidelity: float = 1.0) -> Floats:
        """Return mean losses over folds and seeds (T, C); NaN where not evaluated, or where any evaluation failed."""
        return np.where(self.failure_matrix(fidelity), np.nan, self._mean(self.loss, fidelity))

    def failure_matrix(self, fidelity: float = 1.0) -> NDArray[np.bool_]:
        """Return (T, C): whether any evaluation at this fidelity ended in a failure or gave no finite loss."""
        bad = (self.status_code != OK) | ~np.isfinite(self.loss)
        return self._sum(bad.astype(np.float64), fidelity) > 0

    def cost_matrix(self, fidelity: float = 1.0) -> Floats:
        """Return mean cost in seconds (T, C), NaN where unknown."""
        return self._mean(self.cost_seconds, fidelity)

    def with_families(self, families: Mapping[str, str]) -> "MetaDataset":
        """Return a copy whose tasks have the families given by dataset id; others keep theirs."""
        tasks = tuple(replace(t, family=families.get(t.dataset_id, t.family)) for t in self.tasks)
        return replace(self, tasks=tasks)

    def without_task(self, task_id: str) -> "MetaDataset":
        """Return a copy without one task and its evaluations.

        Raises:
            UnknownNameError: when there is no such task.
        """
        ids = [t.id for t in self.tasks]
        if task_id not in ids:
            raise UnknownNameError("task", task_id, ids)
        return self.select([id_ != task_id for id_ in ids])

    def without_family(self, family: str) -> "MetaDataset":
        """Return a copy without the tasks of one family."""
        return self.select([t.family != family for t in self.tasks])

    def select(self, keep: Sequence[bool] | NDArray[np.bool_]) -> "MetaDataset":
        """Return a copy with the tasks where ``keep`` (T,) is true; all C configurations stay.

        With some tasks gone it has no ``snapshot_id``: what was fitted to the snapshot has seen them.
        """
        kept = np.asarray(keep, dtype=bool)
        rows = kept[self.task_index]
        return self.filtered(
            rows,
            task_index=(np.cumsum(kept) - 1)[self.task_index[rows]],
            tasks=tuple(t for t, k in zip(self.tasks, kept, strict=True) if k),
            meta_features=self.meta_features[kept],
            snapshot_id=self.snapshot_id if kept.all() else "",
        )

    def filtered(self, rows: NDArray[np.bool_], **others: Any) -> "MetaDataset":
        """Return a copy with the evaluations where ``rows`` (N,) is true; all tasks and configurations stay.

        ``others`` are fields that the copy has otherwise.

        >>> svc, tree = Configuration("sklearn", "svc"), Configuration("sklearn", "decision_tree")
        >>> past = MetaDataset.from_matrix([[0.1, 0.3]], ["openml-11"], [svc, tree])
        >>> past.filtered(past.loss < 0.2)
        MetaDataset(1 tasks, 2 configurations, 1 evaluations of balanced_accuracy)
        """
        return replace(self, **{name: getattr(self, name)[rows] for name in ROW_COLUMNS} | others)

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # without what is cached

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    def _cells(self, fidelity: float) -> tuple[NDArray[np.bool_], Integers]:
        rows = np.isclose(self.fidelity, fidelity)
        return rows, self.task_index[rows] * len(self.configurations) + self.configuration_index[rows]

    def _sum(self, values: Floats, fidelity: float) -> Floats:
        rows, cells = self._cells(fidelity)
        shape = (len(self.tasks), len(self.configurations))
        return np.asarray(np.bincount(cells, values[rows], shape[0] * shape[1]), dtype=np.float64).reshape(shape)

    def _mean(self, values: Floats, fidelity: float) -> Floats:
        known = np.isfinite(values)
        count = self._sum(known.astype(np.float64), fidelity)
        return np.where(count > 0, self._sum(np.where(known, values, 0.0), fidelity) / np.maximum(count, 1), np.nan)


def meta_feature_matrix(tasks: Sequence[Task], feature_names: Sequence[str]) -> Floats:
    """Return the tasks' meta-features as an array (T, F), NaN where one is unknown.

    >>> task = Task("t", "d", "classification", meta_features={"n_rows": 150})
    >>> meta_feature_matrix([task], ["n_rows", "n_classes"])
    array([[150.,  nan]])
    """
    rows = [[t.meta_features.get(name, np.nan) for name in feature_names] for t in tasks]
    return np.array(rows, dtype=np.float64).reshape(len(tasks), len(feature_names))
