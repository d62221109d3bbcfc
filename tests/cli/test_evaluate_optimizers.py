"""``metalearn evaluate optimizers``: what it prints, its options, its errors."""

import json

import pytest

from metalearn.evaluation.optimizers import full_fidelity_optimizers
from metalearn.sources.runs import read_runs
from metalearn.store import KnowledgeBase

BENCH = ["evaluate", "optimizers", "--seeds", "2"]


def knowledge_base(folder, name, n_tasks, n=40):
    """Write runs of a classifier that is best near C = 10 on some tasks, and always equally good on another."""
    lines = ["task_id,C,kernel,accuracy"]
    for task in range(n_tasks):
        for i in range(n):
            value = 0.5 if task == 0 else 0.9 - abs(i - 10 - task) / 100
            lines.append(f"{task + 3},{i + 1 + task / 10},{('rbf', 'poly')[i % 2]},{value}")
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    with KnowledgeBase.open(folder / f"{name}.duckdb", read_only=False) as kb:
        kb.append_all(read_runs(folder / f"{name}.csv", algorithm="svc", metric="accuracy"))
    return folder / f"{name}.duckdb"


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    return knowledge_base(tmp_path_factory.mktemp("kb"), "kb", 4)


def test_json_has_a_row_for_each_optimizer_and_number_of_trials(run, kb):
    code, out, err = run(*BENCH, "--kb", kb, "--optimizers", "random", "--trials", "2,8,20", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["protocol"]["n_tasks"] == 3
    assert found["protocol"]["n_constant_tasks_left_out"] == 1
    assert found["protocol"]["trials_left_out"] == [20]
    assert found["protocol"]["n_seeds"] == 2
    assert [(row["optimizer"], row["protocol"], row["trials"]) for row in found["results"]] == [
        ("random", "pool", 2),
        ("random", "pool", 8),
    ]
    assert all(0 <= row["ci_low"] <= row["mean_normalized_regret"] <= row["ci_high"] <= 1 for row in found["results"])
    assert run(*BENCH, "--kb", kb, "--optimizers", "random", "--trials", "2,8,20", "--json")[1] == out


def test_protocol_and_seed_change_what_is_drawn(run, kb):
    base = [*BENCH, "--kb", kb, "--optimizers", "random", "--trials", "4", "--json"]
    reports = [json.loads(run(*base, *more)[1]) for more in ([], ["--protocol", "snap"], ["--seed", "7"])]
    figures = [report["results"][0]["mean_normalized_regret"] for report in reports]
    assert len(set(figures)) == 3
    assert [report["protocol"]["name"] for report in reports] == ["pool", "snap", "pool"]


def test_a_table_is_printed_with_the_same_figures(run, kb):
    base = [*BENCH, "--kb", kb, "--optimizers", "random", "--trials", "4"]
    printed, found = run(*base)[1], json.loads(run(*base, "--json")[1])
    assert f"{100 * found['results'][0]['mean_normalized_regret']:.2f}" in printed
    assert "Mean normalized regret in %, pool, accuracy, 2 seeds" in printed


def test_another_knowledge_base_can_be_tested_on(run, kb, tmp_path):
    other = knowledge_base(tmp_path, "other", 2)
    options = ["--optimizers", "random", "--trials", "3", "--json"]
    found = json.loads(run(*BENCH, "--kb", kb, "--test-kb", other, *options)[1])
    assert list(found["results"][0]["per_task"]) == ["openml-task-4"]


@pytest.mark.parametrize(
    "arguments", [["--optimizers", ","], ["--trials", "5,x"], ["--protocol", "grid"], ["--seeds", "0"]], ids=" ".join
)
def test_usage_errors_exit_with_2(run, kb, arguments):
    code, out, err = run("evaluate", "optimizers", "--kb", kb, *arguments)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_what_cannot_be_done_is_one_sentence(run, kb):
    code, _, err = run(*BENCH, "--kb", kb, "--optimizers", "randon")
    assert code == 1
    assert "random" in err
    code, _, err = run(*BENCH, "--kb", kb, "--optimizers", "random", "--trials", "9")
    assert code == 1
    assert "8 at most" in err


def test_by_default_all_that_leave_fidelities_alone_are_compared(run, kb, monkeypatch):
    monkeypatch.setattr("metalearn.evaluation.optimizers.names", lambda kind: ("random",))
    assert full_fidelity_optimizers() == ("random",)
    found = json.loads(run(*BENCH, "--kb", kb, "--trials", "2", "--json")[1])
    assert {row["optimizer"] for row in found["results"]} == {"random"}
