"""An OpenML task as rows of the knowledge base: the task, its dataset, and its qualities as meta-features."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from metalearn.core.records import TaskType
from metalearn.sources import rows
from metalearn.sources.openml_client import OpenMLDataset, OpenMLTask

SOURCE = "openml"
TASK_TYPES: Mapping[int, TaskType] = {1: "classification", 2: "regression"}
_EXTRACTOR, _EXTRACTOR_VERSION = "openml", "1"


def task_tables(task_id: int, task: OpenMLTask, dataset: OpenMLDataset) -> dict[str, pa.Table]:
    """Return a task with its dataset, whose columns count the target as OpenML does, and its qualities."""
    id_, dataset_id = f"openml-task-{task_id}", f"openml-{task.dataset_id}"
    described = {
        "id": dataset_id,
        "name": dataset.name,
        "version": dataset.version,
        "n_rows": _count(dataset, "NumberOfInstances"),
        "n_columns": _count(dataset, "NumberOfFeatures"),
        "source": SOURCE,
    }
    asked = {
        "id": id_,
        "dataset_id": dataset_id,
        "type": TASK_TYPES[task.type],
        "target": task.target,
        "procedure": task.procedure,
        "source": SOURCE,
    }
    values = np.array([list(dataset.qualities.values())], dtype=np.float64)
    return {
        "datasets": rows.dataset_table([described]),
        "tasks": rows.task_table([asked]),
        "meta_features": rows.meta_feature_table(
            [id_], list(dataset.qualities), values, extractor=_EXTRACTOR, version=_EXTRACTOR_VERSION
        ),
    }


def _count(dataset: OpenMLDataset, quality: str) -> int | None:
    value = dataset.qualities.get(quality, np.nan)
    return int(value) if np.isfinite(value) else None
