"""Evaluations of our own as rows of the knowledge base's tables (``store/sql/schema_001.sql``)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from metalearn.core.records import Configuration, Dataset
from metalearn.core.spaces import SearchSpace

if TYPE_CHECKING:
    import pyarrow as pa

    from metalearn.learners.folds import FoldResult

SOURCE = "metalearn"
METRICS = ("balanced_accuracy", "accuracy", "log_loss")


def task_tables(task_id: str, dataset_id: str, dataset: Dataset, *, procedure: str) -> "dict[str, pa.Table]":
    """Return a dataset and its task as one row each of ``datasets`` and ``tasks``; procedure says how it is split."""
    return {
        "datasets": _table(
            {
                "id": dataset_id,
                "name": dataset.name,
                "fingerprint": dataset.fingerprint,
                "n_rows": len(dataset.X),
                "n_columns": dataset.X.shape[1],
                "source": SOURCE,
            }
        ),
        "tasks": _table(
            {
                "id": task_id,
                "dataset_id": dataset_id,
                "type": dataset.task_type,
                "target": str(dataset.y.name),
                "procedure": procedure,
                "source": SOURCE,
            }
        ),
    }


def configuration_tables(
    space: SearchSpace, configurations: Iterable[tuple[Configuration, str]]
) -> "dict[str, pa.Table]":
    """Return configurations with their origin as rows of ``configurations``, and their space as one of ``spaces``."""
    rows = [
        {
            "id": configuration.id,
            "space": configuration.space,
            "algorithm": configuration.algorithm,
            "hyperparameters": configuration.hyperparameters_json,
            "origin": origin,
        }
        for configuration, origin in configurations
    ]
    return {"spaces": _table({"name": space.name, "definition": space.to_json()}), "configurations": _table(*rows)}


def evaluation_table(
    task_id: str, configuration: Configuration, results: "Sequence[FoldResult]", *, seed: int
) -> "pa.Table":
    """Return the results as rows of ``evaluations``: one for each fold and metric, a failed one with NULL as value.

    >>> from metalearn.learners.folds import FoldResult
    >>> failed = FoldResult(fold=0, train_rows=20, status="crashed", message="ValueError: ...")
    >>> rows = evaluation_table("openml-dataset-61", Configuration("sklearn", "mlp"), [failed], seed=0).to_pylist()
    >>> [(row["metric"], row["value"], row["status"]) for row in rows][:2]
    [('balanced_accuracy', None, 'crashed'), ('accuracy', None, 'crashed')]
    """
    rows = [
        {
            "task_id": task_id,
            "configuration_id": configuration.id,
            "metric": metric,
            "split": "validation",
            "resource": "rows",
            "fidelity": 1.0,
            "resource_value": float(result.train_rows),
            "fold": result.fold,
            "seed": seed,
            "value": result.scores.get(metric),
            "cost_seconds": result.cost_seconds,
            "status": result.status,
            "source": SOURCE,
            "source_run_id": "",
        }
        for result in results
        for metric in METRICS
    ]
    return _table(*rows)


def _table(*rows: Mapping[str, Any]) -> "pa.Table":
    import pyarrow as pa

    # A column without any value has no type of its own to infer.
    inferred = pa.Table.from_pylist(list(rows))
    nothing = [field.with_type(pa.float64()) if pa.types.is_null(field.type) else field for field in inferred.schema]
    return inferred.cast(pa.schema(nothing))
