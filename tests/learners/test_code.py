"""The printed script is the estimator."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from threadpoolctl import threadpool_limits

from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, TaskType
from metalearn.errors import ConfigurationError, InputError
from metalearn.learners.build import estimator_expression, make_estimator
from metalearn.learners.code import to_python
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.expressions import imports
from metalearn.learners.rows import COSTS
from metalearn.learners.space import search_space
from metalearn.sources.files import load_dataset

EVERY = [(task_type, name) for task_type in SPACE_NAMES for name in search_space(task_type).algorithms]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine make fits this small ten times slower."""
    with threadpool_limits(1):
        yield


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


@pytest.mark.parametrize(
    "change", [(",", ";"), ("x,colour,class", " x , colour, class ")], ids=["semicolons", "spaces"]
)
def test_a_csv_that_pandas_alone_misreads_is_left_to_metalearn(
    change: tuple[str, str], table: pd.DataFrame, tmp_path: Path
) -> None:
    plain, odd = tmp_path / "plain.csv", tmp_path / "odd.csv"
    plain.write_text(table.to_csv(index=False))
    odd.write_text(plain.read_text().replace(*change))
    configuration = Configuration("sklearn", "lda")
    plain_script, odd_script = (to_python(configuration, path=str(p), target="class") for p in (plain, odd))
    assert "metalearn" not in plain_script
    assert _run(odd_script, tmp_path) == _run(plain_script, tmp_path)


def _infinite(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(x=table["x"].where(table.index != 3, np.inf))


def _huge(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(x=table["x"].where(table.index != 3, -1e308))


def _dated(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(day=pd.date_range("2020-01-01", periods=len(table)).strftime("%Y-%m-%d"))


def _spaced(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(z=[" ? ", "1"] * (len(table) // 2))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("spoil", [_infinite, _huge, _dated, _spaced])
def test_a_table_that_pandas_alone_reads_otherwise_is_left_to_metalearn(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], ending: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    path, spoilt = tmp_path / f"table.{ending}", spoil(table)
    if ending == "csv":
        spoilt.to_csv(path, index=False)
    else:
        spoilt.to_parquet(path)
    script = to_python(Configuration("sklearn", "lda"), path=str(path), target="class")
    assert 'load_dataset(PATH, TARGET, task_type="classification")' in script


def test_infinite_and_huge_values_are_missing_in_the_script_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60)})
    table["y"] = 3 * table["x"] + table["z"]
    table.loc[[3, 4], "x"] = np.inf, 1e308
    table.loc[5, "y"] = -np.inf
    table.to_csv(tmp_path / "table.csv", index=False)
    configuration = Configuration("sklearn", "random_forest", {"n_estimators": 10})
    dataset = load_dataset(tmp_path / "table.csv", "y")
    options: dict[str, Any] = {"task_type": "regression", "seed": 2}
    scores = cross_val_score(
        make_estimator(configuration, **options),
        dataset.X,
        dataset.y,
        cv=KFold(5, shuffle=True, random_state=2),
        scoring="r2",
    )
    printed = _run(to_python(configuration, path=str(tmp_path / "table.csv"), target="y", **options), tmp_path)
    assert len(dataset.y) == 59
    assert printed.startswith(f"R2: {scores.mean():.4f} ")


def test_decimal_commas_are_read_by_metalearn(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "plain.csv", index=False)
    table.to_csv(tmp_path / "commas.csv", sep=";", decimal=",", index=False)
    printed = {
        _run(to_python(Configuration("sklearn", "lda"), path=str(tmp_path / name), target="class"), tmp_path)
        for name in ("plain.csv", "commas.csv")
    }
    assert len(printed) == 1


def _configuration(task_type: TaskType, algorithm: str, **choices: Any) -> Configuration:
    default = search_space(task_type).default(algorithm)
    return Configuration(default.space, algorithm, {**default.hyperparameters, **choices})


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("diabetes.csv", {"encoding": "target", "reduction": "pca", "pca_variance": 0.9, "scaling": "quantile"}),
        ("diabetes.arff", {"reduction": "univariate", "percentile": 60}),
    ],
)
def test_a_regression_prints_r2_over_plain_folds(name: str, hyperparameters: dict[str, Any], tmp_path: Path) -> None:
    data = load_diabetes(as_frame=True, scaled=False).frame
    sexes = data["sex"].map({1: "a", 2: "b"})
    X, y = data.drop(columns="target").assign(sex=sexes), data["target"]
    if name.endswith("csv"):
        X.assign(target=y).to_csv(tmp_path / name, index=False)
    else:
        lines = [f"@attribute {column} {'{a,b}' if column == 'sex' else 'numeric'}" for column in X.columns]
        head = "\n".join(["@relation diabetes", *lines, "@attribute target numeric", "@data", ""])
        (tmp_path / name).write_text(head + X.assign(target=y).to_csv(index=False, header=False))
    configuration = _configuration("regression", "ridge", **hyperparameters)
    script = to_python(configuration, path=name, target="target", seed=4)
    estimator = make_estimator(configuration, seed=4)
    scores = cross_val_score(estimator, X, y, cv=KFold(5, shuffle=True, random_state=4), scoring="r2")
    assert scores.mean() > 0.35
    assert _run(script, tmp_path) == (
        f"R2: {scores.mean():.4f} (standard deviation over 5 folds: {scores.std():.4f})\n"
    )


def test_a_classification_on_real_data_prints_balanced_accuracy(shared: Path, tmp_path: Path) -> None:
    path = shared / "datasets" / "iris.arff"
    configuration = _configuration("classification", "torch_mlp", max_epochs=20, learning_rate=0.03, hidden_width=32)
    script = to_python(configuration, path=str(path), target="class", n_classes=3, seed=1)
    dataset = load_dataset(path, "class")
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    estimator = make_estimator(configuration, n_classes=3, seed=1)
    scores = cross_val_score(estimator, dataset.X, dataset.y, cv=folds, scoring="balanced_accuracy")
    assert scores.mean() > 0.85
    printed = _run(script, tmp_path)
    assert printed.startswith(f"balanced accuracy: {scores.mean():.4f} ")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_script_takes_labels_that_are_whole_numbers(ending: str, table: pd.DataFrame, tmp_path: Path) -> None:
    labelled = table.replace("?", None).assign(**{"class": table["class"].map({"up": "1", "down": "-1"})})
    if ending == "csv":
        labelled.to_csv(tmp_path / "table.csv", index=False)
    else:
        labelled.to_parquet(tmp_path / "table.parquet")
    configuration = _configuration("classification", "random_forest", class_weight="balanced")
    script = to_python(configuration, path=f"table.{ending}", target="class", n_classes=2)
    assert _run(script, tmp_path).startswith("balanced accuracy: 0.")


@pytest.mark.parametrize(
    ("algorithm", "metric", "words", "scoring"),
    [
        ("ridge", "log_loss", "log loss", "neg_log_loss"),
        ("ridge", "area_under_roc_curve", "ROC AUC", "roc_auc_ovr"),
        ("lda", "f1_weighted", "weighted F1", "f1_weighted"),
    ],
)
def test_a_script_scores_by_the_metric_asked_for(
    algorithm: str, metric: str, words: str, scoring: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    known = table.replace("?", None)
    known.to_csv(tmp_path / "table.csv", index=False)
    configuration = _configuration("classification", algorithm)
    path = str(tmp_path / "table.csv")
    printed = _run(to_python(configuration, path=path, target="class", metric=metric, n_classes=2), tmp_path)
    estimator = make_estimator(configuration, n_classes=2, probabilities=scoring != "f1_weighted")
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(estimator, known.drop(columns="class"), known["class"], cv=folds, scoring=scoring)
    assert printed.startswith(f"{words}: {abs(scores.mean()):.4f} ")


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_that_can_be_scored_is(name: str) -> None:
    kind: TaskType = "regression" if name in ("r2", "rmse", "mae") else "classification"
    other: TaskType = "classification" if kind == "regression" else "regression"
    options: dict[str, Any] = {"path": "t.csv", "target": "y", "metric": name}
    script = to_python(_configuration(kind, "ridge"), **options)
    scoring = re.search('scoring="(.*?)"', script)
    assert scoring is not None
    get_scorer(scoring[1])
    assert ("scores = -cross_val_score(" in script) == (name in ("rmse", "mae", "log_loss"))
    if name in COSTS:  # nothing in scikit-learn scores these
        assert scoring[1] == "balanced_accuracy"
    else:
        assert {"rmse": "root_mean_squared", "mae": "mean_absolute"}.get(name, name) in scoring[1]
        with pytest.raises(InputError, match=f"{name} does not measure {other}; choose from"):
            to_python(_configuration(other, "ridge"), **options)


def test_the_task_type_is_the_spaces_unless_given() -> None:
    ridge = Configuration("sklearn", "ridge")
    kinds = {
        ridge.space: to_python(ridge, path="t.arff", target="y"),
        "given": to_python(ridge, path="t.arff", target="y", task_type="regression", seed=9),
    }
    for wanted in ("RidgeClassifier(", "StratifiedKFold(5, shuffle=True, random_state=0)", "balanced_accuracy"):
        assert wanted in kinds["sklearn"]
        assert wanted not in kinds["given"]
    for wanted in (" Ridge(", " KFold(5, shuffle=True, random_state=9)", 'scoring="r2"', 'task_type="regression"'):
        assert wanted in kinds["given"]
        assert wanted not in kinds["sklearn"]
    named = to_python(Configuration(SPACE_NAMES["regression"], "ridge"), path="t.csv", target="y")
    assert 'scoring="r2"' in named
    with pytest.raises(ConfigurationError, match="svr is not for classification"):
        to_python(Configuration("sklearn", "svr"), path="t.csv", target="y")


def _scope(script: str) -> dict[str, Any]:
    """What the script's pipeline and folds are, without its data."""
    head, _, rest = script.partition("PATH =")
    scope: dict[str, Any] = {}
    exec(head + rest[rest.index("pipeline =") : rest.index("scores =")], scope)
    return scope


@pytest.mark.parametrize(("task_type", "algorithm"), EVERY)
def test_the_printed_pipeline_is_the_built_one(task_type: TaskType, algorithm: str) -> None:
    configuration = search_space(task_type).default(algorithm)
    scope = _scope(to_python(configuration, path="table.csv", target="class", n_classes=3))
    assert joblib.hash(scope["pipeline"]) == joblib.hash(make_estimator(configuration, n_classes=3))
    assert type(scope["folds"]) is (StratifiedKFold if task_type == "classification" else KFold)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), task_type=st.sampled_from(list(SPACE_NAMES)))
def test_every_configurations_script_compiles_and_builds(seed: int, task_type: TaskType) -> None:
    for configuration in search_space(task_type).sample(2, np.random.default_rng(seed)):
        script = to_python(configuration, path="table.csv", target="class", n_classes=3, seed=seed)
        compile(script, "script.py", "exec")
        assert max(map(len, script.splitlines()[1:])) <= 120
        built = make_estimator(configuration, n_classes=3, seed=seed)
        assert repr(_scope(script)["pipeline"][-1]) == repr(built[-1])


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_a_script_needs_metalearn_for_what_the_module_says_only(task_type: TaskType) -> None:
    for configuration in search_space(task_type).sample(300, np.random.default_rng(0)):
        lines = imports(estimator_expression(configuration))
        reduction = configuration.hyperparameters["reduction"]
        gaps = reduction == "none" and configuration.algorithm in ("lightgbm", "hist_gradient_boosting")
        weighs = configuration.hyperparameters.get("class_weight") is not None
        forest = weighs and configuration.algorithm in ("extra_trees", "random_forest")
        own = gaps or forest or reduction == "univariate" or configuration.algorithm == "torch_mlp"
        assert any(line.startswith("from metalearn") for line in lines) is own


def test_names_are_quoted() -> None:
    script = to_python(Configuration("sklearn", "gaussian_nb"), path='my "data".csv', target="it's")
    compile(script, "script.py", "exec")
    assert 'PATH = \'my "data".csv\'\nTARGET = "it\'s"\n' in script


def test_strange_values_cannot_end_the_docstring() -> None:
    configuration = Configuration("sklearn", "perceptron", {"penalty": '"""\\'})
    compile(to_python(configuration, path="t.csv", target="y"), "script.py", "exec")
