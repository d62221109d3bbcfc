"""The printed script is the estimator."""

import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold, cross_val_score

from metalearn.core.algorithms import algorithm_names
from metalearn.core.records import Configuration
from metalearn.learners.build import make_estimator
from metalearn.learners.code import to_python
from metalearn.learners.space import search_space


def _run(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "-W", "error", "script.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=80).round(3), "colour": rng.choice(["red", "green"], 80)})
    table["class"] = np.where(table["x"] + (table["colour"] == "red") + rng.normal(size=80) / 2 > 0.5, "up", "down")
    table.loc[::9, "colour"] = "?"
    return table


@pytest.mark.parametrize("ending", ["csv", "parquet", "arff"])
def test_the_script_prints_the_estimators_score(ending: str, table: pd.DataFrame, tmp_path: Path) -> None:
    known = table.replace("?", None)
    if ending == "csv":
        table.to_csv(tmp_path / "table.csv", index=False)
    elif ending == "parquet":
        known.to_parquet(tmp_path / "table.parquet")
    else:
        head = "@relation t\n@attribute x numeric\n@attribute colour {red,green}\n@attribute class {up,down}\n@data\n"
        (tmp_path / "table.arff").write_text(head + table.to_csv(index=False, header=False))
    configuration = Configuration("sklearn", "logistic_regression", {"C": 0.5, "penalty": "l1", "solver": "liblinear"})
    printed = _run(to_python(configuration, path=f"table.{ending}", target="class", seed=3), tmp_path)

    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    X, y = known.drop(columns="class"), known["class"]
    estimator = make_estimator(configuration, seed=3)
    scores = cross_val_score(estimator, X, y, cv=folds, scoring="balanced_accuracy")
    assert printed == (
        f"balanced accuracy: {scores.mean():.4f} (standard deviation over 5 folds: {scores.std():.4f})\n"
    )


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_the_printed_pipeline_is_the_built_one(algorithm: str) -> None:
    configuration = search_space("classification").default(algorithm)
    script = to_python(configuration, path="table.csv", target="class", n_classes=3)
    imports, _, rest = script.partition("PATH =")
    scope: dict[str, object] = {}
    exec(imports + rest[rest.index("pipeline =") : rest.index("folds =")], scope)
    assert joblib.hash(scope["pipeline"]) == joblib.hash(make_estimator(configuration, n_classes=3))


def test_names_are_quoted() -> None:
    script = to_python(Configuration("sklearn", "gaussian_nb"), path='my "data".csv', target="it's")
    compile(script, "script.py", "exec")
    assert 'PATH = \'my "data".csv\'\nTARGET = "it\'s"\n' in script


def test_strange_values_cannot_end_the_docstring() -> None:
    configuration = Configuration("sklearn", "perceptron", {"penalty": '"""\\'})
    compile(to_python(configuration, path="t.csv", target="y"), "script.py", "exec")
