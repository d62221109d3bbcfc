"""The bench: no leaks, the rules of its figures, and the published figures of two methods."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.core.registry import create, names
from metalearn.errors import InputError
from metalearn.evaluation.benchmark import Settings, evaluate_recommenders, run_bench, run_recommender
from metalearn.evaluation.replay import replay, tables
from metalearn.evaluation.scores import bootstrap_interval
from metalearn.evaluation.splits import fold_against, leave_out
from metalearn.sources.matrix import read_matrix
from metalearn.store import KnowledgeBase

A, B, C = sorted((Configuration("s", name) for name in "abc"), key=lambda c: c.id)


def test_constant_tasks_are_left_out_and_counted():
    losses = [[0.1, 0.2, 0.3], [0.2, 0.2 + 1e-13, 0.2], [0.3, 0.1, 0.2]]
    past = MetaDataset.from_matrix(losses, ["openml-1", "openml-2", "openml-3"], [A, B, C])
    report = evaluate_recommenders(past, ["portfolio"], Settings(ks=(1,)))
    assert report["protocol"]["n_tasks"] == 2
    assert report["protocol"]["n_constant_tasks_left_out"] == 1
    assert set(report["results"][0]["per_task"]) == {"openml-1", "openml-3"}
    with pytest.raises(InputError, match="No task"):
        evaluate_recommenders(past.select([False, True, False]), ["portfolio"])


def relatives():
    """Two tasks of one dataset, a third in their family, and one stranger."""
    tasks = [
        Task("t1", "d1", "classification", family="f"),
        Task("t2", "d1", "classification", family="f"),
        Task("t3", "d3", "classification", family="f"),
        Task("t4", "d4", "classification"),
    ]
    return MetaDataset.from_matrix([[0.1, 0.2, 0.3]] * 4, tasks, [A, B, C])


@pytest.mark.parametrize(("by", "kept"), [("dataset", {"t3", "t4"}), ("family", {"t4"})])
def test_a_split_leaves_out_the_kin_of_its_test_tasks(by, kept):
    split = next(iter(leave_out(relatives(), by)))
    assert split.test_tasks[:2] == (0, 1)
    assert {t.id for t in split.training.tasks} == kept


@pytest.mark.parametrize(("by", "kept"), [("dataset", {"t3", "t4"}), ("family", {"t4"})])
def test_training_excludes_the_kin_of_another_test_knowledge_base(by, kept):
    past = relatives()
    split = fold_against(past, past.select([True, False, False, False]), by).split(past)
    assert {t.id for t in split.training.tasks} == kept
    assert split.test_tasks == (0,)


@pytest.mark.parametrize("name", names("recommender"))
def test_leak_canary(name):
    """Scrambling the losses of the held-out family moves no zero-shot recommendation."""
    past = planted_meta_dataset(16, missing=0.1)
    tasks = tuple(replace(t, family=f"family-{i % 8}") for i, t in enumerate(past.tasks))
    past = replace(past, tasks=tasks)
    held_out = np.array([t.family == "family-3" for t in past.tasks])
    rows = held_out[past.task_index]
    scrambled = replace(past, loss=np.where(rows, np.random.default_rng(0).random(len(past)), past.loss))
    answers = []
    for version in (past, scrambled):
        split = next(s for s in leave_out(version, "family") if held_out[list(s.test_tasks)].all())
        fitted = create("recommender", name).meta_fit(split.training, rng=np.random.default_rng(0))
        answers.append([fitted.recommend(version.tasks[t], 10) for t in split.test_tasks])
    assert answers[0] == answers[1]
    assert not np.array_equal(past.loss, scrambled.loss)


def test_seeds_of_a_stochastic_method_are_averaged_within_a_task():
    past = planted_meta_dataset()
    curve = run_recommender("random", meta_dataset=past, test=None, settings=Settings(ks=(1, 10)))
    assert curve.regrets.shape == (12, 10)
    assert ((curve.regrets[:, 0] > 0) & (curve.regrets[:, 0] < 1)).any()
    np.testing.assert_allclose(curve.regrets[:, 9], 0.0)
    again = run_recommender("random", meta_dataset=past, test=None, settings=Settings(ks=(1, 10)))
    np.testing.assert_array_equal(curve.regrets, again.regrets)


def test_the_interval_draws_families_not_tasks():
    values, rng = np.array([0.0] * 50 + [1.0] * 50), np.random.default_rng
    low, high = bootstrap_interval(values, [str(i) for i in range(100)], rng(0))
    assert 0.38 < low < 0.42
    assert 0.58 < high < 0.62
    assert bootstrap_interval(values, ["a"] * 50 + ["b"] * 50, rng(0)) == (0.0, 1.0)


def test_folds_learn_from_less_than_leaving_one_out():
    past = planted_meta_dataset(20)
    folded, one_by_one = (
        run_recommender("knn", meta_dataset=past, test=None, settings=Settings(ks=(1,), n_folds=n)) for n in (2, None)
    )
    assert folded.regrets.shape == one_by_one.regrets.shape == (20, 1)
    np.testing.assert_array_equal(one_by_one.regrets, 0)


def test_another_test_knowledge_base_is_learned_for_less_its_kin():
    past = planted_meta_dataset(8)
    test = past.select(np.arange(8) < 3)
    results = run_bench(past, ["average_rank"], Settings(ks=(1,)), test=test)
    assert [t.id for t in results.tasks] == [t.id for t in test.tasks]
    fitted = create("recommender", "average_rank").meta_fit(
        past.select(np.arange(8) >= 3), rng=np.random.default_rng(0)
    )
    expected = [replay(fitted, table, 1, "zero_shot") for table in tables(test)]
    np.testing.assert_array_equal(results.scores["average_rank"]["normalized_regret"], expected)


def test_what_leaves_nothing_to_learn_from_is_refused():
    past = planted_meta_dataset(4)
    family = replace(past, tasks=tuple(replace(t, family="one") for t in past.tasks))
    with pytest.raises(InputError, match="leaves out every family"):
        evaluate_recommenders(family, ["knn"])
    with pytest.raises(InputError, match="leaves out every family"):
        evaluate_recommenders(past, ["knn"], test=past)
    assert evaluate_recommenders(family, ["knn"], Settings(ks=(1,), leave_out="dataset"))["protocol"]["n_tasks"] == 4


def test_folds_are_of_one_knowledge_base():
    past = planted_meta_dataset(6)
    with pytest.raises(InputError, match="one knowledge base"):
        evaluate_recommenders(past, ["knn"], Settings(n_folds=2), test=past)


def test_an_empty_meta_dataset_is_refused():
    with pytest.raises(InputError, match="No task"):
        evaluate_recommenders(MetaDataset.from_matrix([], [], []), ["knn"])


def test_specifications_run_as_well_as_names():
    past, settings = planted_meta_dataset(6), Settings(ks=(1,), n_folds=2)
    mine = evaluate_recommenders(past, {"mine": create("recommender", "knn")}, settings)["results"][0]
    named = evaluate_recommenders(past, ["knn"], settings)["results"][0]
    assert {**mine, "recommender": "knn"} == named


@pytest.fixture(scope="module")
def oboe(shared, tmp_path_factory):
    with KnowledgeBase.open(tmp_path_factory.mktemp("kb") / "oboe.duckdb", read_only=False) as kb:
        kb.append_all(read_matrix(shared / "data" / "oboe" / "error_matrix.csv"))
        return kb.meta_dataset()


@pytest.mark.parametrize(
    ("name", "published"), [("average_rank", "avg rank"), ("portfolio", "greedy portfolio (regret)")]
)
def test_figures_agree_with_independent_code_on_the_same_313_datasets(oboe, shared, name, published):
    with (shared / "yardsticks" / "results" / "recommend.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["method"] == published and r["subset"] == "all"]
    expected = {int(r["K"]): float(r["mean"]) for r in rows}
    report = evaluate_recommenders(oboe, [name], Settings(leave_out="dataset"))
    assert report["protocol"]["n_tasks"] == 313
    for row in report["results"]:
        assert row["mean_normalized_regret"] == pytest.approx(expected[row["k"]], abs=0.002)
        assert row["ci_low"] < row["mean_normalized_regret"] < row["ci_high"]


def test_a_method_that_lacks_something_is_refused_with_what_it_lacks():
    class Unfinished:
        def meta_fit(self, meta_dataset, *, rng):
            raise NotImplementedError

    with pytest.raises(InputError, match="'mine' is no recommender: Unfinished has no stochastic"):
        run_bench(planted_meta_dataset(), {"mine": Unfinished()})
