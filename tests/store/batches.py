"""Small batches for the tests of the store."""

import pyarrow as pa

from metalearn.core.records import Batch, Configuration

SVC, TREE = Configuration("sklearn", "svc", {"C": 1}), Configuration("sklearn", "decision_tree")


def make_batch(values=((0.9, 0.8), (0.7, None)), source="test", run="", metric="balanced_accuracy"):
    """Two tasks x two configurations; None is a crash."""
    rows = [
        {
            "task_id": f"openml-dataset-{t}",
            "configuration_id": c.id,
            "metric": metric,
            "value": value,
            "status": "ok" if value is not None else "crashed",
            "source": source,
            "source_run_id": run,
        }
        for t, row in enumerate(values)
        for c, value in zip((SVC, TREE), row, strict=True)
    ]
    configurations = [
        {"id": c.id, "space": c.space, "algorithm": c.algorithm, "hyperparameters": c.hyperparameters_json}
        for c in (SVC, TREE)
    ]
    tasks = [
        {"id": f"openml-dataset-{t}", "dataset_id": f"openml-{t}", "type": "classification", "source": source}
        for t in range(len(values))
    ]
    datasets = [{"id": t["dataset_id"], "name": f"set{i}x", "source": source} for i, t in enumerate(tasks)]
    tables = {"evaluations": rows, "configurations": configurations, "tasks": tasks, "datasets": datasets}
    return Batch(source, {name: pa.Table.from_pylist(r) for name, r in tables.items()}, seen=len(rows))
