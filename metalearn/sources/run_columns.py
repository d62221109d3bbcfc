"""Which columns of a long table of evaluations hold what."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from metalearn.core.metrics import canonical, source_names
from metalearn.core.rows import NUMBER_COLUMNS
from metalearn.errors import InputError, UnknownNameError
from metalearn.sources.chunks import require_columns
from metalearn.sources.measures import Measure

DATASET_COLUMNS = ("dataset_id", "did")
RUN_COLUMNS = ("source_run_id", "run_id")
JSON_COLUMN = "hyperparameters"
_RESERVED = frozenset({*NUMBER_COLUMNS, *DATASET_COLUMNS, *RUN_COLUMNS, "status"})


@dataclass(frozen=True)
class Columns:
    """The columns of a long table; ``algorithm``, ``dataset`` and ``run`` are None where there is no such column."""

    task: str
    value: str
    algorithm: str | None
    dataset: str | None
    run: str | None
    hyperparameters: tuple[str, ...]

    @property
    def task_prefix(self) -> str:
        """What comes before a task column's number in the task's id."""
        return "openml-dataset" if self.task in DATASET_COLUMNS else "openml-task"


def find_columns(
    frame: pd.DataFrame,
    path: Path,
    metric: str,
    *,
    task: str,
    value: str | None = None,
    algorithm_given: bool = False,
    ignore: Sequence[str] = (),
) -> Columns:
    """Return which of a table's columns hold what; ``path`` names the table in errors.

    A column ``algorithm`` is a hyperparameter (AdaBoost has one of this name) where the algorithm is given.

    Raises:
        InputError: when a column is lacking; names the nearest.

    >>> frame = pd.DataFrame({"task_id": [3], "C": [1], "kernel": ["rbf"], "y": [0.9]})
    >>> found = find_columns(frame, Path("svm.csv"), "accuracy", task="task_id", algorithm_given=True)
    >>> found.value, found.hyperparameters
    ('y', ('C', 'kernel'))
    """
    require_columns(frame, path, task, *([value] if value else []))
    if not algorithm_given and "algorithm" not in frame:
        raise InputError(f"{path} has no column 'algorithm'; say which algorithm's hyperparameters it holds.")
    value = value or _value_column(frame, path, metric)
    algorithm = None if algorithm_given else "algorithm"
    own = _RESERVED | {task, value, algorithm, *ignore}
    others = [str(name) for name in frame.columns if name not in own and not metric_named(str(name))]
    return Columns(
        task,
        value,
        algorithm,
        dataset=next((name for name in DATASET_COLUMNS if name in frame and name != task), None),
        run=next((name for name in RUN_COLUMNS if name in frame), None),
        hyperparameters=(JSON_COLUMN,) if JSON_COLUMN in others else tuple(others),
    )


@cache  # of columns that are asked about once a row
def metric_named(name: str) -> str:
    """Return the canonical name of the metric that a column's name means, an empty one where it means none.

    >>> metric_named("error_rate"), metric_named("kernel")
    ('accuracy', '')
    """
    try:
        return canonical(name)[0].name
    except UnknownNameError:
        return ""


def _value_column(frame: pd.DataFrame, path: Path, metric: str) -> str:
    measure = Measure.of(metric)
    others = source_names(measure.metric.name) if measure == Measure(measure.metric) else ()
    names = [metric, *others, "value", "y"]
    found = next((name for name in names if name in frame), None)
    if found is None:
        require_columns(frame, path, metric)
    return found or metric
