"""A MetaDataset as files: its evaluations and meta-features as Parquet, its tasks and configurations as JSON."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from metalearn.core.meta_dataset import ROW_COLUMNS, MetaDataset
from metalearn.core.metrics import Metric
from metalearn.core.records import Configuration, Task

_DESCRIPTION, _ROWS, _FEATURES = "meta_dataset.json", "evaluations.parquet", "meta_features.parquet"


def save_meta_dataset(meta_dataset: MetaDataset, folder: Path) -> None:
    """Write a MetaDataset into a folder, which is made where it does not exist."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: getattr(meta_dataset, name) for name in ROW_COLUMNS}), folder / _ROWS)
    features = dict(zip(meta_dataset.feature_names, meta_dataset.meta_features.T, strict=True))
    pq.write_table(pa.table(features), folder / _FEATURES)
    description = {
        "tasks": [[t.id, t.dataset_id, t.type, t.procedure, t.family] for t in meta_dataset.tasks],
        "configurations": [[c.space, c.algorithm, dict(c.hyperparameters)] for c in meta_dataset.configurations],
        "metric": asdict(meta_dataset.metric),
        "split": meta_dataset.split,
        "extractor": meta_dataset.extractor,
        "snapshot_id": meta_dataset.snapshot_id,
    }
    (folder / _DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")


def load_meta_dataset(folder: Path) -> MetaDataset:
    """Read what ``save_meta_dataset`` wrote."""
    import pyarrow.parquet as pq

    description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    rows = pq.read_table(folder / _ROWS)
    features = pq.read_table(folder / _FEATURES)
    names = tuple(features.column_names)
    tasks = tuple(Task(*fields) for fields in description.pop("tasks"))
    columns: list[Any] = [features[name].to_numpy() for name in names]
    values = np.stack(columns, axis=1) if columns else np.empty((len(tasks), 0))
    return MetaDataset(
        tasks=tuple(
            replace(t, meta_features=dict(zip(names, v, strict=True)))
            for t, v in zip(tasks, values.tolist(), strict=True)
        ),
        configurations=tuple(Configuration(*fields) for fields in description.pop("configurations")),
        meta_features=values,
        feature_names=names,
        metric=Metric(**description.pop("metric")),
        **{name: rows[name].to_numpy() for name in ROW_COLUMNS},
        **description,
    )
