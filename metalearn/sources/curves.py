"""Learning curves over the number of training rows: LCDB 1.1 (Yan, Mohr and Viering 2025, https://arxiv.org/abs/2505.15657).

A folder holds ``meta.json`` (``learners``, ``anchors``: training sizes, ``stat_labels``, ``tvt_labels``), perhaps
``names.json`` (OpenML dataset id to name), and for each OpenML dataset ``er/<id>.json``: error rates as nested lists
[learner][statistic][anchor][train, validation, test], null where there is none.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metalearn.core import rows
from metalearn.core.algorithms import canonical_algorithm
from metalearn.core.ids import task_of_dataset
from metalearn.core.metrics import Metric
from metalearn.core.records import Batch, Configuration
from metalearn.errors import InputError
from metalearn.sources.measures import Measure

NOTHING: Mapping[str, str] = MappingProxyType({})
_SOURCE = "lcdb"
_ERROR = Measure.of("error_rate")
_PROCEDURE = "5 x 5 nested holdout"
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_STRAY = "fewer than half of the learners have a value at this size, for which the dataset seems too small"
# LCDB's learners that metalearn knows under no alias; what is not said of them has scikit-learn's default.
_LEARNERS: dict[str, tuple[str, dict[str, str]]] = {
    "SVM_Linear": ("linear_svc", {}),
    "SVM_Poly": ("svc", {"kernel": "poly"}),
    "SVM_RBF": ("svc", {"kernel": "rbf"}),
    "SVM_Sigmoid": ("svc", {"kernel": "sigmoid"}),
    "Decision Tree": ("decision_tree", {}),
    "LDA": ("lda", {}),
    "QDA": ("qda", {}),
    "ens.ExtraTrees": ("extra_trees", {}),
    "ens.RandomForest": ("random_forest", {}),
    "ens.GradientBoosting": ("gradient_boosting", {}),
}


def read_curves(folder: Path, *, space: str = "sklearn", done: Mapping[str, str] = NOTHING) -> Iterator[Batch]:
    """Return the learning curves of LCDB 1.1, a batch for each dataset, as accuracies on all three splits.

    A dataset's training sizes are those at which at least half of the learners have a value: two published files have
    a few values at sizes far beyond their datasets. Fidelity 1 is the largest of them: the schedule's next size, 9 %
    larger, does not fit into the training part, 81 % of the rows. ``resource_value`` is the size. At such a size a
    learner without a value failed and has the status ``crashed``; a value at another size is quarantined, as is one
    outside [0, 1] and a file that cannot be read. Values are means over all splits (fold -1, seed -1); their standard
    errors are not kept.

    A batch's partition is ``dataset <id>``, its cursor a digest of what it was read from: a partition whose cursor in
    ``done`` is the same is skipped.

    Raises:
        InputError: when ``meta.json`` cannot be used, or there are no curves.

    >>> import tempfile
    >>> axes = {"learners": ["KNN"], "anchors": [16, 18, 20], "stat_labels": ["mean"], "tvt_labels": ["train", "val"]}
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     (folder / "er").mkdir()
    ...     _ = (folder / "meta.json").write_text(json.dumps(axes))
    ...     _ = (folder / "er" / "61.json").write_text("[[[[0.0, 0.5], [0.25, 0.5], [null, null]]]]")
    ...     evaluations = next(read_curves(folder)).tables["evaluations"]
    >>> evaluations.select(["split", "fidelity", "value"]).to_pylist()[-1]
    {'split': 'validation', 'fidelity': 1.0, 'value': 0.5}
    """
    axes = _Axes.of(folder / "meta.json")
    files = sorted(folder.glob("er/*.json"), key=lambda file: (len(file.stem), file.stem))
    files = [file for file in files if file.stem.isdigit()]
    if not files:
        raise InputError(f"{folder} holds no learning curves; give the folder that holds er/<OpenML dataset id>.json.")
    names = _names(folder / "names.json") if (folder / "names.json").exists() else {}
    return _Reader(axes, names, space).batches(files, done)


def digest(*parts: bytes) -> str:
    """Return 16 hex digits that stand for the parts.

    >>> digest(b"[]", b"sklearn")
    '694d254b86600731'
    """
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def read_bytes(file: Path) -> bytes:
    """Return what a file holds.

    Raises:
        InputError: when it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error}); check the path.") from error


def curve_tables(
    values: NDArray[np.float64],
    sizes: NDArray[Any],
    configurations: Sequence[Configuration],
    *,
    task_id: str,
    metric: Metric,
    splits: Sequence[str],
    resource: str,
    source: str,
) -> dict[str, pa.Table]:
    """Return the tables ``evaluations`` and ``quarantine`` for raw metric values (C, B, S) at sizes (B,), ascending.

    Fidelity is the fraction of the last size. A value that is not finite is a failure, one out of the metric's
    bounds is quarantined.

    >>> knn = Configuration("sklearn", "k_nearest_neighbors")
    >>> accuracy = Measure.of("accuracy").metric
    >>> where = {"task_id": "t", "metric": accuracy, "splits": ["test"], "resource": "rows", "source": "s"}
    >>> tables = curve_tables(np.array([[[np.nan], [0.5]]]), np.array([16, 32]), [knn], **where)
    >>> tables["evaluations"].select(["fidelity", "value", "status"]).to_pylist()[0]
    {'fidelity': 0.5, 'value': None, 'status': 'crashed'}
    """
    configuration, size, split = (axis.ravel() for axis in np.indices(values.shape))
    flat = values.ravel()
    finite = np.isfinite(flat)
    outside = f"the value of {metric.name} lies outside [{metric.low:g}, {metric.high:g}]"
    reasons = rows.first_reason(len(flat), (finite & ~np.asarray(metric.holds(flat)), outside))
    ids = [c.id for c in configurations]
    columns = {
        "task_id": rows.repeated(task_id, len(flat)),
        "configuration_id": rows.taken(ids, configuration),
        "metric": rows.repeated(metric.name, len(flat)),
        "split": rows.taken(splits, split),
        "resource": rows.repeated(resource, len(flat)),
        "fidelity": pa.array((sizes / sizes.max(initial=1))[size]),
        "resource_value": pa.array(sizes[size].astype(np.float64)),
        "value": rows.nullable(flat),
        "status": rows.taken(["ok", "crashed"], (~finite).astype(np.int64)),
        "source": rows.repeated(source, len(flat)),
    }
    evaluations, refused = rows.accepted(pa.table(columns), reasons)
    raw = [
        json.dumps([task_id, str(configurations[configuration[i]]), splits[split[i]], float(sizes[size[i]]), flat[i]])
        for i in refused
    ]
    return {"evaluations": evaluations, "quarantine": rows.quarantine_table(source, raw, reasons[refused])}


@dataclass(frozen=True)
class _Axes:
    """What stands where in a file of curves: L learners, A training sizes, S splits; ``mean`` among n_statistics."""

    raw: bytes
    learners: tuple[str, ...]
    sizes: NDArray[np.int64]
    splits: tuple[str, ...]
    mean: int
    n_statistics: int

    @classmethod
    def of(cls, path: Path) -> "_Axes":
        meta = _object(path)
        try:
            statistics = list(meta["stat_labels"])
            splits = tuple(_SPLITS[label] for label in meta["tvt_labels"])
            sizes = np.array(meta["anchors"], dtype=np.int64)
            learners = tuple(_texts(meta["learners"]))
            axes = cls(read_bytes(path), learners, sizes, splits, statistics.index("mean"), len(statistics))
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            expected = "learners, anchors, stat_labels (with 'mean') and tvt_labels (train, val, test)"
            raise InputError(f"{path} does not name the axes of LCDB's curves: {expected}; fetch it again.") from error
        if sizes.ndim != 1 or not len(sizes) or sizes[0] < 1 or (np.diff(sizes) <= 0).any():
            raise InputError(f"The anchors of {path} are no ascending training sizes; fetch it again.")
        return axes

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.learners), self.n_statistics, len(self.sizes), len(self.splits)


@dataclass(frozen=True)
class _Reader:
    axes: _Axes
    names: Mapping[str, str]
    space: str

    @cached_property
    def configurations(self) -> list[Configuration]:
        known = [_LEARNERS.get(name, (canonical_algorithm(name), {})) for name in self.axes.learners]
        return [Configuration(self.space, algorithm, values) for algorithm, values in known]

    def batches(self, files: Sequence[Path], done: Mapping[str, str]) -> Iterator[Batch]:
        for file in files:
            partition, raw = f"dataset {file.stem}", read_bytes(file)
            cursor = digest(raw, self.axes.raw, self.space.encode())
            if done.get(partition) != cursor:
                tables = self._batch_tables(file.stem, raw)
                seen = sum(len(tables[name]) for name in ("evaluations", "quarantine") if name in tables)
                yield Batch(_SOURCE, tables, partition, cursor, seen)

    def _batch_tables(self, dataset: str, raw: bytes) -> dict[str, pa.Table]:
        try:
            errors = self._errors(raw)
        except (ValueError, TypeError) as error:  # JSON's and Unicode's errors are ValueErrors
            reason = f"the curves are no array of numbers of the shape {self.axes.shape}: {error}"
            return {"quarantine": rows.quarantine_table(_SOURCE, [json.dumps({"dataset": dataset})], [reason])}
        reached = _reached(errors)
        tables = self._tables(dataset, errors, reached)
        stray = self._stray(dataset, errors, reached)
        return {**tables, "quarantine": pa.concat_tables([tables["quarantine"], stray])}

    def _errors(self, raw: bytes) -> NDArray[np.float64]:
        """Return mean error rates (L, A, S), NaN where there is none."""
        values = np.array(json.loads(raw), dtype=np.float64)
        if values.shape != self.axes.shape:
            raise ValueError(f"it is {values.shape}")
        return values[:, self.axes.mean]

    def _tables(self, dataset: str, errors: NDArray[np.float64], reached: rows.Mask) -> dict[str, pa.Table]:
        metric = _ERROR.metric
        dataset_id = f"openml-{dataset}"
        task = task_of_dataset(dataset_id)
        task_record = {"id": task, "dataset_id": dataset_id, "type": rows.task_type(metric), "procedure": _PROCEDURE}
        return {
            "datasets": rows.dataset_table([{"id": dataset_id, "name": self.names.get(dataset), "source": _SOURCE}]),
            "tasks": rows.task_table([{**task_record, "source": _SOURCE}]),
            **rows.configuration_tables(self.configurations, _SOURCE),
            **curve_tables(
                _ERROR.values(errors[:, reached]),
                self.axes.sizes[reached],
                self.configurations,
                task_id=task,
                metric=metric,
                splits=self.axes.splits,
                resource="rows",
                source=_SOURCE,
            ),
        }

    def _stray(self, dataset: str, errors: NDArray[np.float64], reached: rows.Mask) -> pa.Table:
        """Return the table ``quarantine`` of the values at sizes that were not reached."""
        found = np.argwhere(np.isfinite(errors) & ~reached[:, None])
        axes = self.axes
        raw = [
            json.dumps([dataset, axes.learners[i], axes.splits[k], int(axes.sizes[j]), errors[i, j, k]])
            for i, j, k in found
        ]
        return rows.quarantine_table(_SOURCE, raw, [_STRAY] * len(raw))


def _reached(errors: NDArray[np.float64]) -> rows.Mask:
    """Return at which sizes (A,) at least half of the learners have an error (L, A, S).

    >>> _reached(np.array([[[0.1], [0.2], [np.nan]], [[0.1], [np.nan], [np.nan]]]))
    array([ True,  True, False])
    """
    return np.asarray(np.isfinite(errors).any(axis=2).mean(axis=0) >= 0.5)


def _names(path: Path) -> dict[str, str]:
    names = _object(path)
    try:
        return dict(zip(names, _texts(list(names.values())), strict=True))
    except TypeError as error:
        raise InputError(f"{path} does not name datasets ({error}); fetch it again.") from error


def _texts(names: Any) -> list[str]:
    """Return a list of names; anything else is a TypeError."""
    if not isinstance(names, list):
        raise TypeError(f"{names!r} is no list")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is no text")
    return names


def _object(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); fetch it again.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no JSON object; fetch it again.")
    return found
