"""The calls a user makes, where no command line covers them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metalearn
from metalearn.api import fetch_task, recommend
from metalearn.core.execution import Outcome
from metalearn.core.records import Constraints, Task
from metalearn.errors import AbsentError, InputError
from metalearn.learners import catalog
from metalearn.sources.frames import make_dataset
from metalearn.store import KnowledgeBase


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "recommenders"))


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    found = catalog.find_spec
    monkeypatch.setattr(catalog, "find_spec", lambda name: None if name == "torch" else found(name))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    KnowledgeBase.open(tmp_path / "empty.duckdb", read_only=False).close()
    return tmp_path / "empty.duckdb"


def _algorithms(*arguments: object, **options: object) -> list[str]:
    return [item.configuration.algorithm for item in recommend(*arguments, **options)]  # type: ignore[arg-type]


def test_a_regression_gets_configurations_that_fit_it(empty: Path) -> None:
    X = pd.DataFrame({"x": np.linspace(0, 1, 60), "kind": ["a", "b", None] * 20})
    y = pd.Series(3 * X["x"] + 1, name="y")
    answer = recommend(X, y, kb=empty, k=3)
    assert answer.task.type == "regression"
    assert {item.configuration.space for item in answer} == {"metalearn-regression-1"}
    predicted = metalearn.make_estimator(answer[0]).fit(X, y).predict(X)
    assert np.corrcoef(predicted, y)[0, 1] > 0.9


def _described(X: pd.DataFrame, y: object) -> Task:
    return recommend(X, y, k=1, recommender="random", constraints=Constraints(algorithms=("lda", "ridge"))).task  # type: ignore[arg-type]


def test_the_target_is_what_was_passed_whatever_the_columns_are_called() -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)))  # its columns are called 0, 1 and 2
    y = pd.Series(["a", "b", "c"] * 20, name=1)
    assert _described(X, y).meta_features["n_classes"] == 3
    assert _described(X.add_prefix("x"), y.rename(" kind ")).meta_features["n_columns"] == 3


def test_categories_that_are_numbers_are_classes() -> None:
    X = pd.DataFrame({"x": np.arange(120.0)})
    y = pd.Series(np.arange(120) % 30)
    assert _described(X, y).type == "regression"
    assert _described(X, y.astype("category")).meta_features["n_classes"] == 30


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((20, 2)), np.arange(20), "a pandas DataFrame; got ndarray"),
        (pd.DataFrame({"x": range(20)}), np.arange(19), r"each of the 20 rows; got the shape \(19,\)"),
        (pd.DataFrame({"x": range(20)}), pd.DataFrame({"y": range(20)}), r"got the shape \(20, 1\)"),
        (pd.DataFrame({"x": range(20)}), None, "Pass the target too"),
    ],
)
def test_features_and_target_that_do_not_fit_are_refused(X: object, y: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        recommend(X, y)  # type: ignore[arg-type]


def test_a_target_in_another_order_than_the_features_is_refused(empty: Path) -> None:
    X, y = pd.DataFrame({"a": range(20)}), pd.Series([0, 1] * 10)
    with pytest.raises(InputError, match=r"another order; pass y\.loc\[X\.index\]"):
        recommend(X, y[::-1], kb=empty)
    # Labels of its own say nothing about an order.
    assert _algorithms(X, y.set_axis(range(20, 40)), kb=empty) == _algorithms(X, y, kb=empty)


@pytest.mark.parametrize("k", [2.5, "2", 0, None])
def test_k_is_a_whole_number_from_1_on(k: object) -> None:
    with pytest.raises(InputError, match="k is a whole number, 1 or more; got "):
        recommend(Task("new", "new", "classification"), k=k)  # type: ignore[arg-type]
    assert len(recommend(Task("new", "new", "classification"), k=np.int64(2))) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 1.5, "1"])
def test_a_seed_is_a_whole_number_from_0_on(seed: object) -> None:
    X = pd.DataFrame({"x": np.arange(60.0)})
    dataset = make_dataset(X.assign(y=X["x"] > 30), "y")
    lda = metalearn.Configuration("sklearn", "lda")
    calls = (metalearn.recommend, metalearn.optimize, metalearn.describe)
    for call in (*calls, lambda _, seed: metalearn.make_estimator(lda, seed=seed)):
        with pytest.raises(InputError, match="seed is a whole number, 0 or more; got "):
            call(dataset, seed=seed)


def test_all_recommendations_are_no_estimator() -> None:
    answer = recommend(Task("new", "new", "classification"), k=2)
    with pytest.raises(InputError, match=r"Give one configuration, such as answer\[0\] .*; got Recommendations"):
        metalearn.make_estimator(answer)  # type: ignore[arg-type]


def test_what_is_not_installed_is_left_out_with_the_reason(without_torch: None) -> None:
    task = Task("new", "new", "classification")
    answer = recommend(task, k=1000)
    assert "torch_mlp" not in {item.configuration.algorithm for item in answer}
    assert "torch_mlp is left out: it needs pip install torch safetensors (the extra 'torch')" in answer.reason


def test_what_is_not_installed_is_recommended_to_who_asks_for_it(without_torch: None) -> None:
    task, wanted = Task("new", "new", "classification"), Constraints(algorithms=("torch_mlp",))
    assert set(_algorithms(task, constraints=wanted)) == {"torch_mlp"}


def test_what_a_dataset_is_too_large_for_is_left_out() -> None:
    small, large = ({"n_rows": n, "n_classes": 2.0} for n in (1000.0, 50_000.0))
    assert "svc" in _algorithms(Task("new", "new", "classification", meta_features=small), k=1000)
    answer = recommend(Task("new", "new", "classification", meta_features=large), k=1000)
    assert "svc" not in {item.configuration.algorithm for item in answer}
    assert "svc is left out: it is limited to 20000 rows; there are 50000" in answer.reason


def test_the_defaults_skip_what_is_not_installed(without_torch: None, empty: Path) -> None:
    names = _algorithms(Task("new", "new", "classification"), k=1000, kb=empty)
    assert names[0] == "random_forest"
    assert "torch_mlp" not in names


def test_an_openml_task_comes_with_its_target_and_type(shared: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from tests.sources.openml_world import emulator_module, write_odd_world

    monkeypatch.setenv("no_proxy", "*")
    world = write_odd_world(tmp_path / "world")
    with emulator_module(shared).Emulator(world, datasets=shared / "datasets") as server:
        place = {"server": server.url, "cache": tmp_path / "cache"}
        dataset = fetch_task(59, **place)
        assert (dataset.y.name, dataset.task_type, dataset.n_classes) == ("class", "classification", 3)
        with pytest.raises(AbsentError, match="task 12345"):
            fetch_task(12345, **place)
        monkeypatch.setattr("metalearn.sources.openml_tables.TASK_TYPES", {2: "regression"})
        with pytest.raises(InputError, match="neither a classification nor a regression"):
            fetch_task(59, **place)


def test_the_history_in_readme_is_known_to_the_bundled_knowledge_base(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    path = tmp_path / "tried.json"
    path.write_text(readme.partition("```json\n")[2].partition("```")[0], encoding="utf-8")
    answer = recommend(Task("new", "new", "classification"), k=500, history=path)
    assert "unknown" not in answer.reason
    assert len(answer) == len(recommend(Task("new", "new", "classification"), k=500)) - 4


def test_where_no_trial_ends_well_the_first_failures_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Outcome(status="timeout", message="stopped after 1 s")
    monkeypatch.setattr("metalearn.learners.evaluate.run_limited", lambda *_, **__: late)
    X = pd.DataFrame({"x": np.arange(60.0)})
    limits = Constraints(algorithms=("lda",))
    with pytest.raises(InputError, match=r"no trial ended well.*; the first timeout was lda: stopped"):
        metalearn.optimize(X, X["x"] > 30, trials=2, warm_start=0, optimizer="random", constraints=limits)
