"""Evaluations of our own as rows of the knowledge base's tables (``store/sql/schema_001.sql``)."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Dataset, TaskType
from metalearn.core.spaces import SearchSpace

if TYPE_CHECKING:
    import pyarrow as pa

    from metalearn.learners.evaluate import FoldResult

SOURCE, GENERATED = "metalearn", "generated"
SCORES: Mapping[TaskType, tuple[str, ...]] = {
    "classification": ("balanced_accuracy", "accuracy", "log_loss", "roc_auc"),
    "regression": ("r2", "rmse", "mae"),
}
_LIBRARIES = ("metalearn", "scikit-learn", "lightgbm", "torch", "numpy", "scipy", "pandas")
COSTS = ("predict_seconds", "peak_memory")
# Significant digits that are stored: differences beyond them are noise, and cost most of the space.
_SCORE_DIGITS, _COST_DIGITS = 5, 2


def task_tables(
    task_id: str, dataset_id: str, dataset: Dataset, *, procedure: str, family: str, source: str = SOURCE
) -> "dict[str, pa.Table]":
    """Return a dataset and its task as one row each of ``datasets`` and ``tasks``; procedure says how it is split.

    ``family`` is the id of a dataset that this one is known to belong with, or its own; ``source`` is ``GENERATED`` for
    a task that predicts a column of another dataset's table.
    """
    described = {
        "id": dataset_id,
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "n_rows": len(dataset.X),
        "n_columns": dataset.X.shape[1],
        "family": family,
        "source": source,
    }
    task = {
        "id": task_id,
        "dataset_id": dataset_id,
        "type": dataset.task_type,
        "target": str(dataset.y.name),
        "procedure": procedure,
        "source": source,
    }
    return {"datasets": _table(described), "tasks": _table(task)}


def configuration_tables(
    space: SearchSpace, configurations: Iterable[tuple[Configuration, str]]
) -> "dict[str, pa.Table]":
    """Return configurations with their origin as rows of ``configurations``, and their space as one of ``spaces``."""
    from metalearn.core.rows import configuration_table

    definition = _table({"name": space.name, "definition": space.to_json()})
    return {"spaces": definition, "configurations": configuration_table(configurations)}


def library_table() -> "pa.Table":
    """Return the versions of what our evaluations depend on, as rows of ``libraries``."""
    from importlib.metadata import PackageNotFoundError, version

    rows = [{"source": SOURCE, "name": "python", "version": platform.python_version()}]
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            rows.append({"source": SOURCE, "name": name, "version": version(name)})
    return _table(*rows)


def result_tables(
    task_id: str, task_type: TaskType, configuration: Configuration, results: "Sequence[FoldResult]"
) -> "dict[str, pa.Table]":
    """Return the results as rows of ``evaluations``, and why some failed as rows of ``failures``."""
    from metalearn.core.rows import first_line

    why = {(r.status, first_line(r.message)) for r in results if r.status != "ok"}
    known = {"task_id": task_id, "configuration_id": configuration.id}
    failures = [known | {"status": status, "message": message} for status, message in sorted(why)]
    tables = {"evaluations": evaluation_table(task_id, task_type, configuration, results)}
    return tables | ({"failures": _table(*failures)} if failures else {})


def evaluation_table(
    task_id: str, task_type: TaskType, configuration: Configuration, results: "Sequence[FoldResult]"
) -> "pa.Table":
    """Return the results as rows of ``evaluations``: one for each fit and metric, a failed one with NULL as value.

    Scores are rounded to 5 significant digits, seconds and megabytes to 2. A metric that a fit leaves undefined (ROC
    AUC where the test part has one class) gets status ``invalid``.

    >>> from metalearn.learners.evaluate import FoldResult
    >>> failed = FoldResult("test", 0, 0, 1.0, "rows", 120.0, status="crashed", message="ValueError: ...")
    >>> table = evaluation_table("openml-dataset-61", "classification", Configuration("sklearn", "mlp"), [failed])
    >>> [(row["metric"], row["value"], row["status"]) for row in table.to_pylist()][:2]
    [('balanced_accuracy', None, 'crashed'), ('accuracy', None, 'crashed')]
    """
    rows = [
        {
            "task_id": task_id,
            "configuration_id": configuration.id,
            "metric": metric,
            "split": result.split,
            "resource": result.resource,
            "fidelity": result.fidelity,
            "resource_value": result.resource_value,
            "fold": result.fold,
            "seed": result.seed,
            "value": value,
            "cost_seconds": _rounded(result.cost_seconds, _COST_DIGITS),
            "status": "invalid" if result.status == "ok" and value is None else result.status,
            "source": SOURCE,
            "source_run_id": "",
        }
        for result in results
        for metric, value in _values(result, SCORES[task_type])
    ]
    return _table(*rows)


def _values(result: "FoldResult", metrics: Sequence[str]) -> Iterator[tuple[str, float | None]]:
    for metric in metrics:
        value = result.scores.get(metric)
        defined = value is not None and bool(METRICS[metric].holds(value))
        yield metric, _rounded(value, _SCORE_DIGITS) if defined else None
    for metric in COSTS:
        if metric in result.scores:
            yield metric, _rounded(result.scores[metric], _COST_DIGITS)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}")


def _table(*rows: Mapping[str, Any]) -> "pa.Table":
    import pyarrow as pa

    # A column without any value has no type of its own to infer.
    inferred = pa.Table.from_pylist(list(rows))
    nothing = [field.with_type(pa.float64()) if pa.types.is_null(field.type) else field for field in inferred.schema]
    return inferred.cast(pa.schema(nothing))
