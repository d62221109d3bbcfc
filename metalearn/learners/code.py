"""A configuration as a Python script that needs no metalearn: what is recommended can be read, run and changed."""

import re

from metalearn.core.records import Configuration
from metalearn.learners.build import estimator_expression
from metalearn.learners.expressions import Name, imports, render

_SCORING = (Name("sklearn.model_selection", "StratifiedKFold"), Name("sklearn.model_selection", "cross_val_score"))
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

folds = StratifiedKFold(5, shuffle=True, random_state={seed})
scores = cross_val_score(pipeline, X, y, scoring="balanced_accuracy", cv=folds)
print(f"balanced accuracy: {{scores.mean():.4f}} (standard deviation over 5 folds: {{scores.std():.4f}})")
'''


def to_python(
    configuration: Configuration, *, path: str, target: str, n_classes: int | None = None, seed: int = 0
) -> str:
    """Return a script that reads the table at ``path``, builds the pipeline and prints its balanced accuracy.

    The pipeline is that of ``make_estimator``. CSV and Parquet files are read by pandas, others by metalearn.

    Raises:
        ConfigurationError: for an algorithm or a hyperparameter that is not known.

    >>> script = to_python(Configuration("sklearn", "gaussian_nb"), path="iris.csv", target="class")
    >>> print("\\n".join(line for line in script.splitlines() if line.startswith(("TARGET", "data", "X, y"))))
    TARGET = "class"
    data = read_csv(PATH, na_values=["?"]).dropna(subset=[TARGET])
    X, y = data.drop(columns=TARGET), data[TARGET]
    """
    pipeline = estimator_expression(configuration, n_classes=n_classes, seed=seed)
    reading, needed = _reading(path)
    return _SCRIPT.format(
        configuration=str(configuration).replace("\\", "\\\\").replace('"', "'"),
        imports="\n".join(imports([pipeline, *_SCORING, needed])),
        path=render(path),
        target=render(target),
        reading=reading,
        pipeline=render(pipeline),
        seed=seed,
    )


def _reading(path: str) -> tuple[str, Name]:
    """Return the lines that make X and y from a file, and what they need to import."""
    for ending, call, name in _READERS:
        if re.search(ending, path, re.IGNORECASE):
            table = f"data = {call}.dropna(subset=[TARGET])"
            return f"{table}\nX, y = data.drop(columns=TARGET), data[TARGET]", name
    return "dataset = load_dataset(PATH, TARGET)\nX, y = dataset.X, dataset.y", Name("metalearn", "load_dataset")
