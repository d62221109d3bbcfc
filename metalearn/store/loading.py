"""Loading a MetaDataset from a knowledge base."""

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.meta_dataset import MetaDataset, meta_feature_matrix
from metalearn.core.metrics import Metric
from metalearn.core.records import STATUSES, Configuration, Task
from metalearn.errors import KnowledgeBaseError, UnknownNameError
from metalearn.store.connection import fetch

if TYPE_CHECKING:
    import duckdb


def load_meta_dataset(
    connection: "duckdb.DuckDBPyConnection",
    *,
    metric: str | None,
    task_type: str | None,
    split: str,
    extractor: str | None,
    snapshot_id: str,
) -> MetaDataset:
    """Load the evaluations under one metric; see ``KnowledgeBase.meta_dataset`` for the defaults."""
    task_type = task_type or _value(connection, "default_task_type", {"metric": metric}) or "classification"
    selection: dict[str, Any] = {"task_type": task_type, "split": split, "statuses": list(STATUSES)}
    chosen = _metric(connection, metric, selection)
    selection["metric"] = chosen.name
    columns = fetch(connection, "evaluations_of_metric", selection).fetchnumpy()
    filled = {name: np.ma.filled(column, np.nan) for name, column in columns.items()}
    extractor = _extractor(connection, extractor)
    features = _meta_features(connection, extractor)
    names = tuple(sorted({name for row in features.values() for name in row}))
    tasks = tuple(
        Task(id_, dataset, type_, procedure, family, features.get(id_, {}))
        for id_, dataset, type_, procedure, family in fetch(connection, "evaluated_tasks", selection).fetchall()
    )
    configurations = fetch(connection, "evaluated_configurations", selection).fetchall()
    return MetaDataset(
        tasks=tasks,
        configurations=tuple(Configuration(s, a, json.loads(h)) for s, a, h in configurations),
        loss=chosen.loss(filled.pop("value")),
        meta_features=meta_feature_matrix(tasks, names),
        feature_names=names,
        metric=chosen,
        split=split,
        extractor=extractor,
        snapshot_id=snapshot_id,
        **filled,
    )


def load_task(connection: "duckdb.DuckDBPyConnection", task_id: str) -> Task:
    """Load one task with the meta-features of the default extractor."""
    row = fetch(connection, "task", {"id": task_id}).fetchone()
    if row is None:
        raise KnowledgeBaseError(f"The knowledge base holds no task {task_id}; ingest it first, or give a file.")
    features = _meta_features(connection, _extractor(connection, None))
    id_, dataset, type_, procedure, family = row
    return Task(id_, dataset, type_, procedure, family, features.get(id_, {}))


def _metric(connection: "duckdb.DuckDBPyConnection", name: str | None, selection: dict[str, Any]) -> Metric:
    chosen = name or _value(connection, "default_metric", selection) or "balanced_accuracy"
    rows = connection.execute("SELECT name, direction, low, high FROM metrics").fetchall()
    known = {row[0]: Metric(*row) for row in rows}
    if chosen not in known:
        raise UnknownNameError("metric", chosen, known)
    return known[chosen]


def _extractor(connection: "duckdb.DuckDBPyConnection", name: str | None) -> str:
    known = [row[0] for row in connection.execute("SELECT DISTINCT extractor FROM meta_features").fetchall()]
    if name is not None and known and name not in known:
        raise UnknownNameError("meta-feature extractor in this knowledge base", name, known)
    return name or _value(connection, "default_extractor") or ""


def _meta_features(connection: "duckdb.DuckDBPyConnection", extractor: str) -> dict[str, dict[str, float]]:
    features: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for task, name, value in fetch(connection, "meta_features_of_tasks", {"extractor": extractor}).fetchall():
        features[task][name] = np.nan if value is None else value
    return dict(features)


def _value(connection: "duckdb.DuckDBPyConnection", name: str, parameters: dict[str, Any] | None = None) -> Any:
    row = fetch(connection, name, parameters or {}).fetchone()
    return row[0] if row else None
