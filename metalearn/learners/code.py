"""A configuration as a Python script: what is recommended can be read, run and changed.

The script runs without metalearn, but for what scikit-learn and pandas lack: the reduction ``univariate``
(``BestColumns``), gaps that go to the model as they are (``EmptyColumnsFilled``: lightgbm and hist_gradient_boosting
without a reduction), forests that weigh classes (``learners.encoded_forests``), the algorithm ``torch_mlp``, and files
other than Parquet and plain CSV.
"""

import re
from collections.abc import Mapping

from metalearn.core.records import Configuration, TaskType
from metalearn.learners.build import estimator_expression, task_type_of
from metalearn.learners.expressions import Call, Name, call, imports, render

_CROSS_VALIDATION = Name("sklearn.model_selection", "cross_val_score")
# Each task type's metric: in words, and as scikit-learn calls it.
_SCORING: Mapping[TaskType, tuple[str, str]] = {
    "classification": ("balanced accuracy", "balanced_accuracy"),
    "regression": ("R2", "r2"),
}
# How to read a file, by its ending, and what that needs; any other file is left to metalearn.
_READERS = (
    (r"\.csv(\.gz)?$", 'read_csv(PATH, na_values=["?"])', Name("pandas", "read_csv")),
    (r"\.(parquet|pq)$", "read_parquet(PATH)", Name("pandas", "read_parquet")),
)

_SCRIPT = '''\
"""{configuration}"""

{imports}

PATH = {path}
TARGET = {target}

{reading}

pipeline = {pipeline}

folds = {folds}
scores = cross_val_score(pipeline, X, y, scoring="{scoring}", cv=folds)
print(f"{metric}: {{scores.mean():.4f}} (standard deviation over 5 folds: {{scores.std():.4f}})")
'''


def to_python(
    configuration: Configuration,
    *,
    path: str,
    target: str,
    task_type: TaskType | None = None,
    n_classes: int | None = None,
    seed: int = 0,
) -> str:
    """Return a script that reads the table at ``path``, builds the pipeline and prints its score in cross-validation.

    The pipeline is that of ``make_estimator``, whose ``task_type`` and ``n_classes`` these are. The score is balanced
    accuracy over stratified folds, or R2 over plain ones in a regression. Parquet files and CSV files with commas are
    read by pandas, others by metalearn; a file that does not exist (yet) is what its name says.

    Raises:
        ConfigurationError: for an algorithm or a hyperparameter that is not known, or of the other task type.

    >>> script = to_python(Configuration("sklearn", "gaussian_nb"), path="iris.csv", target="class")
    >>> print("\\n".join(line for line in script.splitlines() if line.startswith(("TARGET", "data", "X, y"))))
    TARGET = "class"
    data = read_csv(PATH, na_values=["?"]).dropna(subset=[TARGET])
    X, y = data.drop(columns=TARGET), data[TARGET]
    """
    kind = task_type or task_type_of(configuration)
    pipeline = estimator_expression(configuration, task_type=kind, n_classes=n_classes, seed=seed)
    folds = _folds(kind, seed)
    reading, needed = _reading(path, target, kind)
    metric, scoring = _SCORING[kind]
    return _SCRIPT.format(
        configuration=str(configuration).replace("\\", "\\\\").replace('"', "'"),
        imports="\n".join(imports([pipeline, folds, _CROSS_VALIDATION, needed])),
        path=render(path),
        target=render(target),
        reading=reading,
        pipeline=render(pipeline),
        folds=render(folds),
        scoring=scoring,
        metric=metric,
    )


def _folds(task_type: TaskType, seed: int) -> Call:
    splitter = "StratifiedKFold" if task_type == "classification" else "KFold"
    return call("sklearn.model_selection", splitter, 5, shuffle=True, random_state=seed)


def _reading(path: str, target: str, task_type: TaskType) -> tuple[str, Name]:
    """Return the lines that make X and y from a file, and what they need to import."""
    for ending, read, name in _READERS:
        if re.search(ending, path, re.IGNORECASE) and (name.path != "read_csv" or _is_plain(path, target)):
            table = f"data = {read}.dropna(subset=[TARGET])"
            return f"{table}\nX, y = data.drop(columns=TARGET), data[TARGET]", name
    reading = f"dataset = load_dataset(PATH, TARGET, task_type={render(task_type)})\nX, y = dataset.X, dataset.y"
    return reading, Name("metalearn", "load_dataset")


def _is_plain(path: str, target: str) -> bool:
    """Whether pandas finds the target in a CSV file as it is: not between semicolons, or with spaces about it."""
    import pandas as pd

    try:
        return target in pd.read_csv(path, nrows=0).columns
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
