"""The value of each fold of runs, which an OpenML server lists for some of them."""

import json
from dataclasses import replace

import numpy as np

from metalearn.core.metrics import Metric
from metalearn.core.rows import Floats, numbers
from metalearn.sources.openml_entities import chunks, evaluations_of_runs
from metalearn.sources.openml_http import OpenMLServer, text_of
from metalearn.sources.openml_lists import Row
from metalearn.sources.openml_tables import Evaluations


def with_folds(
    server: OpenMLServer, means: Evaluations, measure: str, metric: Metric
) -> tuple[Evaluations, list[Row], list[str]]:
    """Return evaluations with a row for each fold instead of the mean, where the server lists folds.

    Folds count through all repeats, from 0, and each has the run's seconds. A run with a fold whose value is missing
    or out of bounds keeps its mean; its row is returned too, with the reason.
    """
    runs = means.runs.tolist()
    if not runs:
        return means, [], []

    def of_chunk(chunk: list[int]) -> list[Row]:
        return evaluations_of_runs(server, measure, chunk, per_fold=True)

    folds: dict[int, Floats] = {}
    refused: list[Row] = []
    for row in (row for found in server.map(of_chunk, chunks(runs)) for row in found):
        values = _values(row)
        if len(values) and np.isfinite(values).all() and np.all(metric.holds(values)):
            folds[int(row["run_id"])] = values
        else:
            refused.append(row)
    per_run = [folds.get(run, means.values[i : i + 1]) for i, run in enumerate(runs)]
    expanded = means.taken(np.repeat(np.arange(len(runs)), [len(values) for values in per_run]))
    numbered = [np.arange(len(values)) if run in folds else [-1] for run, values in zip(runs, per_run, strict=True)]
    found = replace(expanded, values=np.concatenate(per_run), folds=np.concatenate(numbered))
    return found, refused, [f"the value of a fold by {metric.name} is missing or out of bounds"] * len(refused)


def _values(row: Row) -> Floats:
    """Return the values of a run's folds, none where they cannot be read."""
    try:
        given = json.loads(text_of(row.get("values", row.get("array_data"))) or "[]")
    except ValueError:
        return np.empty(0)
    return numbers(given if isinstance(given, list) else [])[0]
