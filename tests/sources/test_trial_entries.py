"""A history comes from every kind of file that we write ourselves, or says what to give instead."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from metalearn.core.journal import Asked, FinishedTrial, Header, objective_on, to_line
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Task, Trial
from metalearn.errors import InputError
from metalearn.recommendations import Recommendation, Recommendations
from metalearn.sources.trial_entries import EMPTY, entries_of, read_entries
from metalearn.sources.trials import as_trials, read_trials

METRIC = METRICS["balanced_accuracy"]
NOTHING = MetaDataset.from_matrix([], [], [])
SVC = Configuration("here", "svc", {"C": 6.30180086, "class_weight": None, "kernel": "rbf"})


@pytest.fixture
def tried():
    """What was recommended as a data frame, with what was measured."""
    items = (Recommendation(SVC, 0.1), Recommendation(Configuration("here", "lda"), 0.2))
    frame = Recommendations(Task("t", "d", "classification"), "knn", "so", items).to_frame()
    return frame.assign(loss=[0.25, 0.5])


def test_a_data_frame_is_a_history(tried):
    trials = as_trials(tried, NOTHING, space="s")
    assert [(trial.configuration, trial.loss) for trial in trials] == [(SVC, 0.25), (Configuration("here", "lda"), 0.5)]
    flat = pd.DataFrame([{"algorithm": "svc", "C": 0.5, "loss": 0.25}, {"algorithm": "lda", "loss": 0.5}])
    assert [str(trial.configuration) for trial in as_trials(flat, NOTHING, space="s")] == ["svc(C=0.5)", "lda()"]


@pytest.mark.parametrize("name", ["tried.csv", "tried.json", "tried.parquet"])
def test_so_is_a_data_frame_that_pandas_wrote(tried, tmp_path, name):
    path = tmp_path / name
    if name.endswith("csv"):
        tried.to_csv(path)
    elif name.endswith("json"):
        tried.to_json(path, orient="records")
    else:
        tried.drop(columns="evidence").to_parquet(path)
    first, second = read_trials(path, NOTHING, space="s")
    assert {"C": 6.30180086, "kernel": "rbf"}.items() <= dict(first.configuration.hyperparameters).items()
    assert (first.loss, second.loss) == (0.25, 0.5)


def test_empty_cells_are_named_whatever_stands_in_the_others():
    frame = pd.DataFrame({"a": [np.nan, [1, 2]], "b": [pd.NA, np.ones(2)], "c": [pd.NaT, {"d": None}], "e": [None, 1]})
    empty, full = entries_of(frame)
    assert empty == {EMPTY: ["a", "b", "c", "e"]}
    assert (full["a"], full["c"], full[EMPTY]) == ([1, 2], {"d": None}, [])


def test_semicolons_and_decimal_commas(tmp_path):
    path = tmp_path / "tried.csv"
    path.write_text("algorithm;C;balanced_accuracy\nsvc;6,5;0,75\nlda;;0,5\n")
    found = read_trials(path, NOTHING, space="s")
    assert [(str(trial.configuration), trial.loss) for trial in found] == [("svc(C=6.5)", 0.25), ("lda()", 0.5)]


def journal(path, objective):
    """Write a journal of two trials, of which one has ended."""
    now, trial = datetime(2026, 11, 21, tzinfo=UTC), Trial(SVC)
    ended = FinishedTrial(0, Trial(SVC, loss=0.25, cost_seconds=2.0, status="ok"), now, now, 1.0)
    header = Header("here", "", "RandomSearch()", 0, objective=objective)
    path.write_text("".join(map(to_line, (header, Asked(0, trial), ended, Asked(1, Trial(SVC, seed=1))))))
    return path


@pytest.mark.parametrize("objective", ["", "my own", objective_on("balanced_accuracy", "data-0123456789abcdef")])
def test_a_journal_holds_the_trials_that_have_ended(tmp_path, objective):
    (trial,) = read_trials(journal(tmp_path / "w.jsonl", objective), NOTHING, space="s")
    assert trial == Trial(SVC, loss=0.25, cost_seconds=2.0, status="ok")


def test_a_journal_of_another_metric_or_a_broken_one_is_refused(tmp_path):
    path = journal(tmp_path / "w.jsonl", objective_on("log_loss", "data-0123456789abcdef"))
    with pytest.raises(InputError, match="are of log_loss, not of balanced_accuracy; ask for the metric log_loss"):
        read_entries(path, METRIC)
    path.write_text(path.read_text() + "hello\n{}\n")
    with pytest.raises(InputError, match=r"Line 5 of .* is no line of a journal"):
        read_entries(path, METRICS["log_loss"])


def test_what_recommend_printed_names_the_metric_of_its_losses(tmp_path, tried):
    path = tmp_path / "tried.json"
    entries = [{"algorithm": "lda", "hyperparameters": {}}]
    document = {"metric": "log_loss", "recommendations": [entries[0] | {"loss": 0.5}]}
    path.write_text(json.dumps(document))
    assert read_entries(path, METRICS["log_loss"]) == document["recommendations"]
    with pytest.raises(InputError, match="are of log_loss, not of balanced_accuracy"):
        read_entries(path, METRIC)
    document["recommendations"] = [entries[0] | {"balanced_accuracy": 0.5}]
    path.write_text(json.dumps(document))
    assert read_entries(path, METRIC) == document["recommendations"]


def test_what_optimize_printed_names_the_journal_to_give(tmp_path):
    path = tmp_path / "found.json"
    path.write_text(json.dumps({"metric": "balanced_accuracy", "incumbents": [], "warm_starts": []}, indent=2))
    with pytest.raises(InputError, match="leaves out most trials; give the journal of that optimization"):
        read_entries(path, METRIC)
