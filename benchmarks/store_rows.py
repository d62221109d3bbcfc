"""Synthetic evaluations for the load test of the knowledge base.

500 runs on each task, drawn from a pool of configurations that grows by 10 a task, with 5 folds and 2 metrics;
10 algorithms share the pool.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from metalearn.core.records import Batch, Configuration

PAGE, RUNS, FOLDS, METRICS = 10_000, 500, 5, ("accuracy", "roc_auc")
ROWS_A_TASK = RUNS * FOLDS * len(METRICS)
ALGORITHMS = tuple(f"algorithm_{i}" for i in range(10))
SOURCE, FEATURES = "synthetic", 20


def pool_size(n_tasks: int) -> int:
    """Return how many configurations there are once so many tasks are."""
    return RUNS + 10 * n_tasks


def configuration(number: int) -> Configuration:
    """Return one configuration of the pool."""
    values = {"alpha": 10.0 ** -(number % 7) / 3, "depth": number, "shape": number % 4 / 4}
    return Configuration(SOURCE, ALGORITHMS[number % len(ALGORITHMS)], values)


def batches(first: int, last: int) -> Iterator[Batch]:
    """Yield pages of 10,000 evaluations, of the tasks from ``first`` up to ``last``."""
    ids = [configuration(i).id for i in range(pool_size(first))]
    for start in range(first, last, PAGE // ROWS_A_TASK):
        tasks = range(start, start + PAGE // ROWS_A_TASK)
        new = [configuration(i) for i in range(len(ids) if start else 0, pool_size(tasks.stop))]
        ids[len(ids) if start else 0 :] = [c.id for c in new]
        tables = {name: pa.Table.from_pylist(rows) for name, rows in small_tables(tasks, new).items()}
        tables["evaluations"] = pa.concat_tables([evaluations(t, ids) for t in tasks])
        yield Batch(SOURCE, tables, cursor=str(tasks.stop), seen=PAGE)


def small_tables(tasks: range, configurations: list[Configuration]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that some tasks and configurations bring beside their evaluations."""
    names = {t: (f"openml-task-{t}", f"openml-{t}") for t in tasks}
    described: dict[str, Any] = {"extractor": "metalearn", "extractor_version": "1"}
    return {
        "datasets": [{"id": dataset, "name": f"dataset {t}", "source": SOURCE} for t, (_, dataset) in names.items()],
        "tasks": [
            {"id": task, "dataset_id": dataset, "type": "classification", "source": SOURCE}
            for task, dataset in names.values()
        ],
        "configurations": [
            {"id": c.id, "space": c.space, "algorithm": c.algorithm, "hyperparameters": c.hyperparameters_json}
            for c in configurations
        ],
        "meta_features": [
            {"task_id": task, "name": f"f{i}", "value": t / (i + 1)} | described
            for t, (task, _) in names.items()
            for i in range(FEATURES)
        ],
    }


def evaluations(task: int, ids: list[str]) -> pa.Table:
    """Return one task's rows: runs x folds x metrics."""
    rng = np.random.default_rng(task)
    run, fold, metric = (axis.ravel() for axis in np.indices((RUNS, FOLDS, len(METRICS))))
    chosen = rng.choice(len(ids), RUNS, replace=False)
    value = rng.normal(0.8, 0.02, ROWS_A_TASK) + rng.normal(0, 0.1, RUNS)[run]
    return pa.table(
        {
            "task_id": pa.repeat(f"openml-task-{task}", ROWS_A_TASK),
            "configuration_id": pa.array(ids).take(pa.array(chosen[run])),
            "metric": pa.array(METRICS).take(pa.array(metric)),
            "fold": pa.array(fold, pa.int32()),
            "value": value.clip(0, 1).round(6),
            "cost_seconds": rng.lognormal(0, 1, RUNS).round(2)[run],
            "source": pa.repeat(SOURCE, ROWS_A_TASK),
            "source_run_id": pa.array([str(task * RUNS + i) for i in range(RUNS)]).take(pa.array(run)),
        }
    )
