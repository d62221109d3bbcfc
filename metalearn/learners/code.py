"""A configuration as a Python script: what is recommended can be read, run and changed.

The script runs without metalearn, but for what scikit-learn and pandas lack: the reduction ``univariate``
(``BestColumns``), gaps that go to the model as they are (``EmptyColumnsFilled``: lightgbm and hist_gradient_boosting
without a reduction), forests that weigh classes (``learners.encoded_forests``), the algorithm ``torch_mlp``,
probabilities of classifiers that give margins only, and files other than Parquet and plain CSV.
"""

import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.metrics import canonical
from metalearn.core.records import Configuration, TaskType
from metalearn.errors import InputError
from metalearn.learners.build import estimator_expression, task_type_of
from metalearn.learners.expressions import Call, Name, build, call, imports, render
from metalearn.learners.rows import COSTS

if TYPE_CHECKING:
    import pandas as pd

_CROSS_VALIDATION = Name("sklearn.model_selection", "cross_val_score")
# Each task type's metrics, the default first: in words, and as scikit-learn calls its scorer.
_SCORERS: Mapping[TaskType, Mapping[str, tuple[str, str]]] = {
    "classification": {
        "balanced_accuracy": ("balanced accuracy", "balanced_accuracy"),
        "accuracy": ("accuracy", "accuracy"),
        "roc_auc": ("ROC AUC", "roc_auc_ovr"),
        "f1_weighted": ("weighted F1", "f1_weighted"),
        "log_loss": ("log loss", "neg_log_loss"),
    },
    "regression": {
        "r2": ("R2", "r2"),
        "rmse": ("RMSE", "neg_root_mean_squared_error"),
        "mae": ("MAE", "neg_mean_absolute_error"),
    },
}
_OF_PROBABILITIES = ("roc_auc", "log_loss")
# What reads a file, by its ending, and its options; any other file is left to metalearn.
_READERS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    (r"\.csv(\.gz)?$", "read_csv", {"na_values": ["?"]}),
    (r"\.(parquet|pq)$", "read_parquet", {}),
)
# Learners compute with float32: what is beyond it is missing for metalearn, as what is infinite.
_LARGEST = float(np.finfo(np.float32).max)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

_SCRIPT = '''\
"""{configuration}"""

{imports}

PATH = {path}
TARGET = {target}

{reading}

pipeline = {pipeline}

folds = {folds}
scores = {sign}cross_val_score(pipeline, X, y, scoring="{scoring}", cv=folds)
print(f"{metric}: {{scores.mean():.4f}} (standard deviation over 5 folds: {{scores.std():.4f}})")
'''


def to_python(
    configuration: Configuration,
    *,
    path: str,
    target: str,
    task_type: TaskType | None = None,
    n_classes: int | None = None,
    metric: str | None = None,
    seed: int = 0,
) -> str:
    """Return a script that reads the table at ``path``, builds the pipeline and prints its score in cross-validation.

    The pipeline is that of ``make_estimator``, whose ``task_type`` and ``n_classes`` these are. The score is that of
    ``metric``, by default (and where that is a cost, which nothing in scikit-learn scores) balanced accuracy or R2,
    over folds that are stratified in a classification. Parquet files and CSV files with commas are read by pandas
    where that reads them as metalearn does, others by metalearn; a file that does not exist (yet) is what its name
    says.

    Raises:
        ConfigurationError: for an algorithm or a hyperparameter that is not known, or of the other task type.
        InputError: for a metric of the other task type.
        UnknownNameError: for a metric that is not known.

    >>> script = to_python(Configuration("sklearn", "gaussian_nb"), path="iris.csv", target="class")
    >>> print("\\n".join(line for line in script.splitlines() if line.startswith(("TARGET", "data", "X, y"))))
    TARGET = "class"
    data = read_csv(PATH, na_values=["?"]).dropna(subset=[TARGET])
    X, y = data.drop(columns=TARGET), data[TARGET]
    """
    kind = task_type or task_type_of(configuration)
    name, words, scoring = _scorer(metric, kind)
    pipeline = estimator_expression(
        configuration, task_type=kind, n_classes=n_classes, probabilities=name in _OF_PROBABILITIES, seed=seed
    )
    folds = _folds(kind, seed)
    reading, needed = _reading(path, target, kind)
    return _SCRIPT.format(
        configuration=str(configuration).replace("\\", "\\\\").replace('"', "'"),
        imports="\n".join(imports([pipeline, folds, _CROSS_VALIDATION, needed])),
        path=render(path),
        target=render(target),
        reading=reading,
        pipeline=render(pipeline),
        folds=render(folds),
        sign="-" if scoring.startswith("neg_") else "",
        scoring=scoring,
        metric=words,
    )


def _scorer(metric: str | None, task_type: TaskType) -> tuple[str, str, str]:
    """Return the metric that a script scores by: its name, in words, and as scikit-learn calls its scorer."""
    known = _SCORERS[task_type]
    name = next(iter(known)) if metric is None else canonical(metric)[0].name
    name = next(iter(known)) if name in COSTS else name
    if name not in known:
        raise InputError(f"{name} does not measure {task_type}; choose from {', '.join(known)}.")
    return name, *known[name]


def _folds(task_type: TaskType, seed: int) -> Call:
    splitter = "StratifiedKFold" if task_type == "classification" else "KFold"
    return call("sklearn.model_selection", splitter, 5, shuffle=True, random_state=seed)


def _reading(path: str, target: str, task_type: TaskType) -> tuple[str, Name]:
    """Return the lines that make X and y from a file, and what they need to import."""
    for ending, function, options in _READERS:
        if re.search(ending, path, re.IGNORECASE) and _reads_alike(call("pandas", function, path, **options), target):
            read = render(call("pandas", function, Name("", "PATH"), **options))  # PATH is the script's own
            table = f"data = {read}.dropna(subset=[TARGET])"
            return f"{table}\nX, y = data.drop(columns=TARGET), data[TARGET]", Name("pandas", function)
    reading = f"dataset = load_dataset(PATH, TARGET, task_type={render(task_type)})\nX, y = dataset.X, dataset.y"
    return reading, Name("metalearn", "load_dataset")


def _reads_alike(read: Call, target: str) -> bool:
    """Whether pandas alone reads a file as metalearn does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table: pd.DataFrame = build(read)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    # Between semicolons, or with spaces about it, the target is not found.
    return target in table.columns and not any(_is_read_otherwise(table[name]) for name in table.columns)


def _is_read_otherwise(column: "pd.Series[Any]") -> bool:
    """Whether a column has numbers that are missing for metalearn, or texts that are numbers or dates for it."""
    from pandas.api import types

    if types.is_numeric_dtype(column.dtype):
        return bool((column.abs() > _LARGEST).any())
    if not (types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)):
        return False
    texts = set(column.dropna().astype(str).str.strip()).difference(["?"])
    return bool(texts) and (all(map(_DATE.match, texts)) or all(map(_is_number, texts)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
