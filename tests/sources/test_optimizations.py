"""Our own optimizations go back into a knowledge base."""

import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

from metalearn.core.execution import Outcome
from metalearn.core.journal import objective_on
from metalearn.core.records import Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError, UnknownNameError
from metalearn.optimizers.minimize import minimize
from metalearn.sources.optimizations import read_optimization
from metalearn.store import KnowledgeBase


def cash_space():
    """Two algorithms, one of which has a hyperparameter called as the choice between them is."""
    choice, inner = Categorical("algorithm", ["kSVM", "adaboost"]), Categorical("adaboost:algorithm", ["SAMME", "R"])
    c = Float("kSVM:C", (0.1, 10), log=True)
    space = ConfigurationSpace(space=[choice, inner, c])
    space.add(EqualsCondition(inner, choice, "adaboost"), EqualsCondition(c, choice, "kSVM"))
    return SearchSpace("mine-3", space)


def objective(trial):
    if trial.configuration.algorithm == "adaboost":
        return Outcome(status="timeout", message="stopped after 3 s\nat line 7")
    return trial.configuration.hyperparameters["C"] / 16


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The journal of 8 trials, and the result."""
    journal = tmp_path_factory.mktemp("journals") / "iris.jsonl"
    known = Trial(Configuration("mine-3", "kSVM", {"C": 3}), loss=0.0, status="ok")
    return journal, minimize(objective, cash_space(), method="random", n_trials=8, observed=[known], journal=journal)


def rows(batches, table):
    return [row for batch in batches for row in batch.tables[table].to_pylist()]


def test_every_trial_is_an_evaluation_of_the_spaces_own_configuration(finished):
    journal, result = finished
    (batch,) = read_optimization(journal, task="59", metric="balanced_accuracy", dataset="61")
    assert (batch.source, batch.partition, batch.seen, batch.skipped) == ("metalearn:iris", "openml-task-59", 8, 0)
    evaluations = rows([batch], "evaluations")
    assert len(evaluations) == len(result.trials) == 8
    for row, done in zip(evaluations, result.finished, strict=True):
        trial = done.trial
        assert (row["configuration_id"], row["source_run_id"]) == (trial.configuration.id, str(done.number))
        assert (row["status"], row["cost_seconds"]) == (trial.status, trial.cost_seconds)
        assert row["value"] == (None if trial.loss is None else 1 - trial.loss)
        assert (row["fidelity"], row["resource"], row["seed"]) == (1.0, "fidelity", 0)
    assert {row["status"] for row in evaluations} == {"ok", "timeout"}
    stored = {row["id"]: row for row in rows([batch], "configurations")}
    for trial in result.trials:
        row = stored[trial.configuration.id]
        assert (row["space"], row["algorithm"]) == ("mine-3", trial.configuration.algorithm)
        assert row["hyperparameters"] == trial.configuration.hyperparameters_json
    assert {row["message"] for row in rows([batch], "failures")} == {"stopped after 3 s"}
    assert rows([batch], "tasks")[0]["dataset_id"] == "openml-61"
    assert rows([batch], "quarantine") == []


def test_it_comes_out_of_the_knowledge_base_as_it_went_in(finished, tmp_path):
    journal, result = finished
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        first = kb.append_all(read_optimization(journal, task="59", metric="error_rate"))
        again = kb.append_all(read_optimization(journal, task="59", metric="error_rate"))
        loaded = kb.meta_dataset(metric="accuracy")
        assert kb.inconsistencies() == []
    assert (first.stored, again.stored, again.already_there) == (8, 0, 8)
    measured = {trial.configuration: trial.loss for trial in result.trials if trial.loss is not None}
    found = {
        loaded.configurations[i]: loss
        for i, loss, status in zip(loaded.configuration_index, loaded.loss, loaded.status, strict=True)
        if status == "ok"
    }
    assert found == pytest.approx(measured)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("accuracy", 0.75),
        ("error_rate", 0.75),
        ("1-error_rate", 0.75),
        ("1-accuracy", 0.75),
        ("r2", 0.75),
        ("rmse", 0.25),
        ("neg_rmse", 0.25),
        ("neg_r2", -0.25),
    ],
)
def test_what_a_loss_of_a_quarter_means(tmp_path, metric, value):
    journal = tmp_path / "one.jsonl"
    minimize(lambda trial: 0.25, cash_space(), method="random", n_trials=1, journal=journal)
    (batch,) = read_optimization(journal, task="59", metric=metric)
    assert [row["value"] for row in rows([batch], "evaluations")] == [value]


@pytest.fixture
def by_accuracy(tmp_path):
    """The journal of one trial, as ``metalearn optimize`` writes it."""
    journal, named = tmp_path / "w.jsonl", objective_on("balanced_accuracy", "data-0123456789abcdef")
    minimize(lambda t: 0.25, cash_space(), method="random", n_trials=1, journal=journal, objective_name=named)
    return journal


@pytest.mark.parametrize("metric", [None, "balanced_accuracy", "balanced_error", "neg_balanced_accuracy"])
def test_what_the_journal_names_needs_not_be_said(by_accuracy, metric):
    (batch,) = read_optimization(by_accuracy, metric=metric)
    (row,) = rows([batch], "evaluations")
    assert (row["task_id"], row["metric"], row["value"]) == ("data-0123456789abcdef", "balanced_accuracy", 0.75)
    assert rows([batch], "tasks")[0]["dataset_id"] == "data-0123456789abcdef"


def test_another_task_or_dataset_may_be_named(by_accuracy):
    for about, ids in (
        ({"task": "59"}, ("openml-task-59", "openml-task-59")),
        ({"dataset": "61"}, ("openml-dataset-61", "openml-61")),
        ({"task": "59", "dataset": "61"}, ("openml-task-59", "openml-61")),
    ):
        (batch,) = read_optimization(by_accuracy, **about)
        (task,) = rows([batch], "tasks")
        assert (task["id"], task["dataset_id"]) == ids


def test_what_contradicts_the_journal_or_is_nowhere_said(by_accuracy, finished):
    with pytest.raises(InputError, match=r"w.jsonl are of balanced_accuracy, not of error_rate; leave the metric out"):
        list(read_optimization(by_accuracy, metric="error_rate"))
    with pytest.raises(InputError, match="does not say on which dataset it was; name the task"):
        list(read_optimization(finished[0], metric="accuracy"))
    with pytest.raises(InputError, match="does not say what its losses are of; name the metric"):
        list(read_optimization(finished[0], task="59"))


class Rungs:
    """At a third, two thirds and the whole of the resource in turn."""

    takes_queue = False

    def begin(self, space):
        return self

    def propose(self, state, rng):
        from metalearn.optimizers.state import Proposal

        return Proposal(state.space.sample(1, rng)[0], (state.n_proposed % 3 + 1) / 3)

    def __repr__(self):
        return "Rungs()"


def test_fidelities_are_shares_of_the_resource(tmp_path):
    journal = tmp_path / "rungs.jsonl"
    minimize(lambda trial: 0.25, cash_space(), method=Rungs(), n_trials=3, journal=journal)
    (batch,) = read_optimization(journal, task="59", metric="accuracy", resource="trees", full=81, source="forests")
    found = [(r["fidelity"], r["resource_value"], r["resource"], r["source"]) for r in rows([batch], "evaluations")]
    assert found == [(pytest.approx(i / 3), pytest.approx(27 * i), "trees", "forests") for i in (1, 2, 3)]


def test_a_trial_that_is_running_is_skipped_and_comes_later(finished, tmp_path):
    journal, _ = finished
    text = journal.read_text().splitlines(keepends=True)
    running = tmp_path / "iris.jsonl"
    running.write_text("".join(text[:-1]))
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        first = kb.append_all(read_optimization(running, task="59", metric="accuracy"))
        running.write_text("".join(text))
        second = kb.append_all(read_optimization(running, task="59", metric="accuracy"))
    assert (first.seen, first.stored, first.skipped) == (8, 7, 1)
    assert (second.stored, second.already_there, second.skipped) == (1, 7, 0)


def test_a_loss_that_the_metric_cannot_have_is_quarantined(tmp_path):
    journal = tmp_path / "far.jsonl"
    minimize(lambda trial: 25.0, cash_space(), method="random", n_trials=2, journal=journal)
    (batch,) = read_optimization(journal, task="59", metric="accuracy")
    assert rows([batch], "evaluations") == []
    assert all("outside" in row["reason"] for row in rows([batch], "quarantine"))
    assert len(rows([batch], "quarantine")) == 2


def test_what_cannot_be_read(finished, tmp_path):
    journal, _ = finished
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        list(read_optimization(journal, task="59", metric="acuracy"))
    with pytest.raises(InputError, match="no metric of regression"):
        list(read_optimization(journal, task="59", metric="accuracy", task_type="regression"))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_optimization(tmp_path / "none.jsonl", task="59", metric="accuracy"))
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(InputError, match="no line of a journal"):
        list(read_optimization(tmp_path / "notes.txt", task="59", metric="accuracy"))
