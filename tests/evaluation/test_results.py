"""The results of the bench: their shape as JSON, their table, and what is not defined."""

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset
from metalearn.core.records import Task
from metalearn.evaluation.benchmark import Settings, evaluate_recommenders, run_bench
from metalearn.evaluation.curves import SCORES
from metalearn.evaluation.results import Results, curves_table, summary

ROW = {
    "recommender",
    "protocol",
    "k",
    "mean_normalized_regret",
    "median_normalized_regret",
    "ci_low",
    "ci_high",
    "n_tasks",
    "scores",
    "per_task",
}
OTHER_SCORES = {"area_over_log_k", "regret_against_median", "rank", "ndcg", "solved", "regret_time_area"}


def test_the_report_has_one_shape():
    report = evaluate_recommenders(planted_meta_dataset(6), ["knn", "average_rank"], Settings(ks=(5, 1), n_folds=3))
    assert [(row["recommender"], row["k"]) for row in report["results"]] == [
        (name, k) for name in ("knn", "average_rank") for k in (1, 5)
    ]
    for row in report["results"]:
        assert set(row) == ROW
        assert set(row["scores"]) == OTHER_SCORES
        assert row["scores"]["rank"]["n_tasks"] == 6
        assert row["scores"]["regret_time_area"]["n_tasks"] == 0
        assert set(row["per_task"]) == {f"openml-{i}" for i in range(6)}
    assert report["protocol"]["n_folds"] == 3


def test_an_undefined_score_is_left_out_and_counted():
    tasks = tuple(Task(f"t{i}", f"d{i // 2}", "classification", family=f"f{i // 2}") for i in range(4))
    scores = {name: np.array([[0.0], [0.2], [0.4], [0.6]]) for name in SCORES}
    scores["rank"] = np.array([[1.0], [np.nan], [3.0], [np.nan]])
    scores["regret_time_area"] = np.full((4, 1), np.nan)
    results = Results({"name": "zero_shot"}, tasks, (1,), {"a": scores})
    (row,) = summary(results)["results"]
    assert row["mean_normalized_regret"] == pytest.approx(0.3)
    assert row["per_task"] == pytest.approx({"d0": 0.1, "d1": 0.5})
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.1, 0.5))
    assert row["scores"]["rank"] == {"mean": 2.0, "ci_low": 1.0, "ci_high": 3.0, "n_tasks": 2}
    assert row["scores"]["regret_time_area"]["n_tasks"] == 0
    assert np.isnan(row["scores"]["regret_time_area"]["mean"])


def test_the_table_has_a_row_for_each_recommender_task_and_k():
    past = planted_meta_dataset(6)
    results = run_bench(past, ["knn", "average_rank"], Settings(ks=(1, 3), n_folds=2))
    frame = curves_table(results).to_pandas()
    assert len(frame) == 2 * 6 * 2
    assert frame.columns.tolist() == ["recommender", "protocol", "task_id", "dataset_id", "family", "k", *SCORES]
    assert not frame.duplicated(["recommender", "task_id", "k"]).any()
    assert set(frame.protocol) == {"zero_shot"}
    assert frame.regret_time_area.isna().all()
    row = frame[(frame.recommender == "average_rank") & (frame.task_id == past.tasks[4].id) & (frame.k == 3)]
    assert row.normalized_regret.item() == pytest.approx(results.scores["average_rank"]["normalized_regret"][4, 1])
