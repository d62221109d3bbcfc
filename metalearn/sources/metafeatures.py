"""Published meta-features: a row for each OpenML dataset, a column for each meta-feature."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from metalearn.core import rows
from metalearn.core.ids import whole_number
from metalearn.core.records import Batch
from metalearn.errors import InputError
from metalearn.sources.chunks import read_chunks

_ROWS_PER_BATCH = 2_000
_NO_NUMBER = "the value is no number"
_NO_DATASET = "the row's first cell is no OpenML dataset id"


def read_meta_features(
    path: Path, extractor: str, tasks: Mapping[int, Sequence[str]], *, version: str = "1"
) -> Iterator[Batch]:
    """Yield the F meta-features of a table, for every task of each of its datasets.

    The first column is the OpenML dataset id, compared as a number; ``tasks`` maps such ids to task ids (the
    knowledge base knows them). A value that is missing or not finite is stored as NULL with the status
    ``not finite``; what is no number is quarantined. ``Batch.seen`` counts values, one for each task and
    meta-feature, and the rows whose dataset has no task, which ``Batch.skipped`` counts alone. The cursor counts rows.

    Raises:
        InputError: when the file cannot be read or has no column of meta-features.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pmf.csv")
    ...     _ = path.write_text(",n_rows,skewness\\n0011,625,\\n61,150,0.3\\n")
    ...     batch = next(read_meta_features(path, "pmf", {11: ["openml-dataset-11"]}))
    >>> batch.tables["meta_features"].select(["name", "value", "status"]).to_pylist()[1]
    {'name': 'skewness', 'value': None, 'status': 'not finite'}
    >>> batch.seen, batch.skipped
    (3, 1)
    """
    done = 0
    for frame in read_chunks(path, _ROWS_PER_BATCH):
        if frame.shape[1] < 2:
            raise InputError(f"{path} has no meta-features; give a dataset id and at least one column of values.")
        done += len(frame)
        yield _batch(frame, path.name, extractor, version, tasks, f"row {done}")


def _batch(
    frame: pd.DataFrame, source: str, extractor: str, version: str, tasks: Mapping[int, Sequence[str]], cursor: str
) -> Batch:
    datasets = [whole_number(cell) for cell in frame.iloc[:, 0]]
    described = [() if dataset is None else tasks.get(dataset, ()) for dataset in datasets]
    unnamed = [i for i, dataset in enumerate(datasets) if dataset is None]
    position = [i for i, of_dataset in enumerate(described) for _ in of_dataset]
    task = [task for of_dataset in described for task in of_dataset]
    names = [str(name) for name in frame.columns[1:]]
    cells = frame.iloc[position, 1:].to_numpy(dtype=object)
    values, unreadable = rows.numbers(cells.reshape(-1))
    table = rows.meta_feature_table(task, names, values.reshape(cells.shape), extractor=extractor, version=version)
    reasons = rows.first_reason(values.size, (unreadable, _NO_NUMBER))
    meta_features, refused = rows.accepted(table, reasons)
    raw = [json.dumps([task[i], names[j], str(cells[i, j])]) for i, j in zip(*divmod(refused, len(names)), strict=True)]
    raw += [json.dumps(frame.iloc[i].to_list(), default=str) for i in unnamed]
    quarantine = rows.quarantine_table(source, raw, [*reasons[refused], *[_NO_DATASET] * len(unnamed)])
    skipped = sum(not of_dataset for of_dataset in described) - len(unnamed)
    tables = {"meta_features": meta_features, "quarantine": quarantine}
    return Batch(source, tables, cursor=cursor, seen=values.size + len(unnamed) + skipped, skipped=skipped)
