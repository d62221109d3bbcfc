"""Splits as a file: which rows of a dataset were evaluated, and the part of each, so that others can compare.

One Parquet file holds the splits of many tasks: a row for each task and seed, with ``rows`` (which rows of the dataset,
counted from 0 after those without a target are dropped) and ``parts`` (the part of each of them: a validation fold, or
``TEST`` or ``TRAINING_ONLY`` of ``learners.splits``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metalearn.core.records import Dataset
from metalearn.learners.splits import Integers, outer_splits, sampled_rows, take_rows


@dataclass(frozen=True, eq=False)
class StoredSplits:
    """The rows of a dataset that are used, (n,), and the parts (n,) of each outer split by its seed."""

    rows: Integers
    parts: Mapping[int, Integers]

    def dataset(self, whole: Dataset) -> Dataset:
        """Return the rows of the dataset that are used."""
        return whole if len(self.rows) == len(whole.y) else take_rows(whole, self.rows)


def make_splits(whole: Dataset, *, max_rows: int, seed: int = 0) -> StoredSplits:
    """Draw a stratified sample of at most ``max_rows`` rows, and split it.

    >>> import pandas as pd
    >>> y = pd.Series(range(100), dtype="float64")
    >>> made = make_splits(Dataset(pd.DataFrame({"x": y}), y, "line", ("numeric",), ""), max_rows=50)
    >>> len(made.rows), sorted(made.parts)
    (50, [0, 1, 2])
    """
    rows = sampled_rows(whole, max_rows, seed)
    return StoredSplits(rows, outer_splits(take_rows(whole, rows), seed))


def write_splits(splits: Mapping[str, StoredSplits], path: Path) -> None:
    """Write the splits of tasks, by task id, into one Parquet file; complete or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = [(task, seed, s.rows, parts) for task, s in sorted(splits.items()) for seed, parts in s.parts.items()]
    task, seed, rows, parts = zip(*flat, strict=True) if flat else [()] * 4
    columns = {
        "task_id": pa.array(task, pa.string()),
        "seed": pa.array(seed, pa.int64()),
        "rows": pa.array(rows, pa.list_(pa.int32())),
        "parts": pa.array(parts, pa.list_(pa.int8())),
    }
    delta = {"rows.list.element": "DELTA_BINARY_PACKED"}
    new = path.with_name(f"{path.name}.new")
    pq.write_table(pa.table(columns), new, compression="zstd", use_dictionary=["task_id"], column_encoding=delta)
    new.replace(path)


def read_splits(path: Path) -> dict[str, StoredSplits]:
    """Read what ``write_splits`` wrote; nothing where there is no file."""
    import pyarrow.parquet as pq

    found: dict[str, StoredSplits] = {}
    for row in pq.read_table(path).to_pylist() if path.exists() else ():
        task = found.setdefault(row["task_id"], StoredSplits(np.array(row["rows"], dtype=np.int64), {}))
        parts = {**task.parts, row["seed"]: np.array(row["parts"], dtype=np.int64)}
        found[row["task_id"]] = StoredSplits(task.rows, parts)
    return found
