"""The meta-features of an ASlib scenario's instances: values, what they cost, and what stopped them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from metalearn.core import rows
from metalearn.core.rows import Floats, Integers, Mask
from metalearn.sources.aslib_files import distinct, read_table

_KEY = ("instance_id", "repetition")
_VERSION = "1"


@dataclass(frozen=True, eq=False)
class Features:
    """Meta-features (T, F) of T instances, their cost in seconds (T, F), NaN where unknown, and a status for each.

    ``unreadable`` (T, F) is where a cell is no number; ``cells`` are the raw ones (n, F) and ``rows_of`` the instance
    of each row (n,).
    """

    instances: list[str]
    names: list[str]
    values: Floats
    seconds: Floats
    failures: Mapping[tuple[int, int], str]
    unreadable: Mask
    cells: pd.DataFrame
    rows_of: Integers

    def tables(self, task_id: Callable[[str], str], extractor: str, source: str) -> dict[str, pa.Table]:
        """Return the tables ``meta_features`` and ``quarantine``."""
        tasks = [task_id(instance) for instance in self.instances]
        table = rows.meta_feature_table(tasks, self.names, self.values, extractor=extractor, version=_VERSION)
        status = table["status"].to_pylist()
        for (instance, feature), failure in self.failures.items():
            status[instance * len(self.names) + feature] = failure
        position = table.column_names.index("status")
        table = table.set_column(position, "status", pa.array(status, pa.string()))
        table = table.append_column("seconds", rows.durations(self.seconds.ravel()))
        unnamed = np.repeat([not instance for instance in self.instances], len(self.names))
        checks = ((unnamed, "the instance_id is missing"), (self.unreadable.ravel(), "the value is no number"))
        reasons = rows.first_reason(self.values.size, *checks)
        accepted, refused = rows.accepted(table, reasons)
        raw = [self._raw(*divmod(int(i), len(self.names))) for i in refused]
        return {"meta_features": accepted, "quarantine": rows.quarantine_table(source, raw, reasons[refused])}

    def _raw(self, instance: int, feature: int) -> str:
        cells = self.cells.iloc[self.rows_of == instance, feature].to_list()
        return json.dumps([self.instances[instance], self.names[feature], cells], default=str)


def read_features(folder: Path, steps: Mapping[str, Sequence[str]]) -> Features | None:
    """Return the meta-features in a scenario's folder, means over repetitions; None where it has none.

    ``steps`` names the features of each feature step. A step's cost is shared out evenly among them; a feature that
    has no value has the status of the first of its steps that is not ``ok``.

    Raises:
        InputError: when a file is malformed or lacks a column.
    """
    path = folder / "feature_values.arff"
    if not path.exists():
        return None
    frame = read_table(path, *_KEY)
    instances, index = distinct(frame["instance_id"])
    cells = frame.drop(columns=list(_KEY))
    read = [rows.numbers(cells[name].to_numpy()) for name in cells]
    values = _means(np.array([column for column, _ in read]).T.reshape(cells.shape), index)
    unreadable = np.array([column for _, column in read], dtype=bool).T.reshape(cells.shape)
    wrong = pd.DataFrame(unreadable).groupby(index).any().to_numpy(dtype=bool)
    names = [str(name) for name in cells]
    return Features(
        instances,
        names,
        values,
        _seconds(folder / "feature_costs.arff", instances, names, steps),
        _failures(folder / "feature_runstatus.arff", instances, names, steps, np.isnan(values)),
        wrong,
        cells,
        index,
    )


def _means(values: Floats, index: Integers) -> Floats:
    """Return the means of what is finite among the rows (n, F) of each instance (n,): (T, F), NaN of nothing."""
    known = pd.DataFrame(np.where(np.isfinite(values), values, np.nan))
    return known.groupby(index).mean().to_numpy(dtype=np.float64)


def _seconds(path: Path, instances: list[str], names: list[str], steps: Mapping[str, Sequence[str]]) -> Floats:
    """Return what each feature of each instance cost (T, F): shares of the steps (S) that it is listed in."""
    if not path.exists():
        return np.full((len(instances), len(names)), np.nan)
    frame = read_table(path, *_KEY)
    described, index = distinct(frame["instance_id"])
    cells = frame.drop(columns=list(_KEY))
    measured = np.array([rows.numbers(cells[step].to_numpy())[0] for step in cells]).T.reshape(cells.shape)
    costs = pd.DataFrame(_means(measured, index), index=described).reindex(instances).to_numpy(dtype=np.float64)
    listed = np.array([[name in steps.get(str(step), ()) for name in names] for step in cells], dtype=np.float64)
    shares = listed.reshape(len(cells.columns), len(names)) / np.maximum(listed.sum(axis=-1, keepdims=True), 1)
    known = (shares.sum(axis=0) > 0) & ~(np.isnan(costs) @ (shares > 0))
    return np.where(known, np.nan_to_num(costs) @ shares, np.nan)


def _failures(
    path: Path, instances: list[str], names: list[str], steps: Mapping[str, Sequence[str]], missing: Mask
) -> dict[tuple[int, int], str]:
    """Return the status of the cells (T, F) that are missing because a step failed, by instance and feature."""
    if not path.exists():
        return {}
    frame = read_table(path, *_KEY)
    described, index = distinct(frame["instance_id"])
    words = frame.drop(columns=list(_KEY)).astype(str).to_numpy(dtype=object)
    columns = [str(name) for name in frame.columns if name not in _KEY]
    stopped = {(described[index[i]], columns[j]): str(words[i, j]) for i, j in np.argwhere(words != "ok")[::-1]}
    steps_of = [[step for step in columns if name in steps.get(step, ())] for name in names]
    found = {}
    for i, j in np.argwhere(missing):
        reason = next((stopped[instances[i], s] for s in steps_of[j] if (instances[i], s) in stopped), None)
        if reason is not None:
            found[int(i), int(j)] = reason
    return found
