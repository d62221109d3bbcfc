"""Loading a MetaDataset or a task from a knowledge base: 64 bytes an evaluation, and little beside."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset, meta_feature_matrix
from metalearn.core.metrics import Metric
from metalearn.core.records import STATUSES, Configuration, Task
from metalearn.errors import KnowledgeBaseError, UnknownNameError
from metalearn.store.connection import fetch

if TYPE_CHECKING:
    import duckdb

# DuckDB takes 150 bytes for each evaluation that it sorts, so they come in pieces: few, as each looks through all ids.
ROWS_AT_ONCE, MOST_PIECES = 2_000_000, 8
Columns = dict[str, NDArray[Any]]


def load_meta_dataset(
    connection: "duckdb.DuckDBPyConnection",
    *,
    metric: str | None,
    task_type: str | None,
    split: str,
    extractor: str | None,
    snapshot_id: str,
    algorithms: tuple[str, ...] | None = None,
) -> MetaDataset:
    """Load the evaluations under one metric, of all algorithms or of some; see ``KnowledgeBase.meta_dataset``.

    Raises:
        UnknownNameError: when the knowledge base has no such metric, extractor or algorithm.
    """
    with connection.cursor() as own:  # temporary tables go with it
        fetch(own, "counted_evaluations", {})
        task_type = task_type or _value(own, "default_task_type", {"metric": metric}) or "classification"
        selection: dict[str, Any] = {"task_type": task_type, "split": split, "statuses": list(STATUSES)}
        chosen = _metric(own, metric, selection)
        selection |= {"metric": chosen.name, "algorithms": _algorithms(own, algorithms)}
        fetch(own, "candidate_tasks", selection)
        fetch(own, "candidate_configurations", selection)
        columns = _evaluations(own, selection)
        extractor = _extractor(own, extractor)
        features = _meta_features(own, extractor)
        tasks = tuple(_tasks(own, _used(columns, "task_index"), features))
        configurations = tuple(_configurations(own, _used(columns, "configuration_index")))
    names = tuple(sorted({name for row in features.values() for name in row}))
    return MetaDataset(
        tasks=tasks,
        configurations=configurations,
        loss=chosen.loss(columns.pop("value")),
        meta_features=meta_feature_matrix(tasks, names),
        feature_names=names,
        metric=chosen,
        split=split,
        extractor=extractor,
        snapshot_id=snapshot_id,
        **columns,
    )


def _evaluations(connection: "duckdb.DuckDBPyConnection", selection: dict[str, Any]) -> Columns:
    """Return the columns (N,) in the order of tasks, configurations, fidelities, folds and seeds."""
    rows = connection.execute("SELECT id, n FROM candidate_tasks ORDER BY i").fetchall()
    ids = [row[0] for row in rows] or [""]
    # Of some algorithms, about as many rows as configurations.
    share = _value(connection, "share_of_candidates") or 1.0
    parts = []
    for first, last in _pieces(share * np.array([row[1] for row in rows])):
        piece = selection | {"first": ids[first], "last": ids[last]}
        found = fetch(connection, "evaluations_of_tasks", piece).fetchnumpy()
        parts.append({name: np.ma.filled(column, np.nan) for name, column in found.items()})
    # One column after the other, each given up as soon as it is joined; numbers as wide as a MetaDataset has them.
    types = {name: np.result_type(column, np.int64) for name, column in parts[0].items()}
    return {name: np.concatenate([part.pop(name) for part in parts], dtype=type_) for name, type_ in types.items()}


def _pieces(counts: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return first and last task of pieces with about as many evaluations each, at least one piece.

    >>> _pieces(np.array([1_200_000, 1_200_000, 3_600_000, 10]))
    [(0, 0), (1, 1), (2, 2), (3, 3)]
    """
    piece = np.cumsum(counts) // (max(ROWS_AT_ONCE, counts.sum() / MOST_PIECES) + 1)
    last = np.flatnonzero(np.diff(piece, append=-1)).tolist() or [0]
    return list(zip([0, *(i + 1 for i in last)], last, strict=False))


def _used(columns: Columns, index: str) -> NDArray[np.bool_]:
    """Return which candidates occur in a column of positions, and count the positions among these alone."""
    used = np.bincount(columns[index]) > 0
    if not used.all():
        columns[index] = (np.cumsum(used) - 1)[columns[index]]
    return used


def _tasks(
    connection: "duckdb.DuckDBPyConnection", used: NDArray[np.bool_], features: dict[str, dict[str, float]]
) -> Iterator[Task]:
    text = "SELECT id, dataset_id, type, procedure, family FROM candidate_tasks ORDER BY i"
    # The mask ends with the last one that is used.
    for row, wanted in zip(connection.execute(text).fetchall(), used.tolist(), strict=False):
        if wanted:
            id_, dataset, type_, procedure, family = row
            yield Task(id_, dataset, type_, procedure, family, features.get(id_, {}))


def _configurations(connection: "duckdb.DuckDBPyConnection", used: NDArray[np.bool_]) -> Iterator[Configuration]:
    found = fetch(connection, "details_of_configurations", {})
    wanted = iter(used.tolist())
    while rows := found.fetchmany(10_000):
        for (id_, space, algorithm, hyperparameters), keep in zip(rows, wanted, strict=False):
            if keep:
                configuration = Configuration(space, algorithm, json.loads(hyperparameters))
                configuration.__dict__["id"] = id_  # the stored one: to hash it again would take longer than all else
                yield configuration


def load_task(connection: "duckdb.DuckDBPyConnection", task_id: str) -> Task:
    """Load one task with the meta-features of the default extractor; see ``KnowledgeBase.task``."""
    row = fetch(connection, "task", {"id": task_id}).fetchone()
    if row is None:
        raise KnowledgeBaseError(f"The knowledge base holds no task {task_id}; ingest it first, or give a file.")
    features = _meta_features(connection, _extractor(connection, None))
    id_, dataset, type_, procedure, family = row
    return Task(id_, dataset, type_, procedure, family, features.get(id_, {}))


def extractors(connection: "duckdb.DuckDBPyConnection") -> dict[str, frozenset[str]]:
    """Return the names of the meta-features of each extractor, the default one's first."""
    text = "SELECT extractor, list(DISTINCT name) FROM meta_features GROUP BY extractor"
    names = dict(connection.execute(text).fetchall())
    return {extractor: frozenset(names[extractor]) for extractor in _extractors(connection)}


def _extractors(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """Return the extractors, the default one first; without their names, which take as long again to collect."""
    return [row[0] for row in fetch(connection, "extractors", {}).fetchall()]


def _metric(connection: "duckdb.DuckDBPyConnection", name: str | None, selection: dict[str, Any]) -> Metric:
    chosen = name or _value(connection, "default_metric", selection) or "balanced_accuracy"
    known = stored_metrics(connection)
    if chosen not in known:
        raise UnknownNameError("metric", chosen, known)
    return known[chosen]


def stored_metrics(connection: "duckdb.DuckDBPyConnection") -> dict[str, Metric]:
    """Return the metrics that a knowledge base knows, by name: ours and those that sources brought."""
    rows = connection.execute("SELECT name, direction, low, high FROM metrics").fetchall()
    return {row[0]: Metric(*row) for row in rows}


def _algorithms(connection: "duckdb.DuckDBPyConnection", names: tuple[str, ...] | None) -> list[str] | None:
    if names is None:
        return None
    known = {row[0] for row in connection.execute("SELECT DISTINCT algorithm FROM configurations").fetchall()}
    for name in names:
        if name not in known:
            raise UnknownNameError("algorithm", name, known, where="in this knowledge base")
    return list(names)


def _extractor(connection: "duckdb.DuckDBPyConnection", name: str | None) -> str:
    known = _extractors(connection)
    if name is not None and known and name not in known:
        raise UnknownNameError("meta-feature extractor", name, known, where="in this knowledge base")
    return name or next(iter(known), "")


def _meta_features(connection: "duckdb.DuckDBPyConnection", extractor: str) -> dict[str, dict[str, float]]:
    features: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for task, name, value in fetch(connection, "meta_features_of_tasks", {"extractor": extractor}).fetchall():
        features[task][name] = np.nan if value is None else value
    return dict(features)


def _value(connection: "duckdb.DuckDBPyConnection", name: str, parameters: dict[str, Any] | None = None) -> Any:
    row = fetch(connection, name, parameters or {}).fetchone()
    return row[0] if row else None
