"""What was tried already, read from JSON, tables and knowledge bases; what is wrong with it, in one sentence."""

import json

import numpy as np
import pandas as pd
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Trial
from metalearn.errors import InputError, UnknownNameError
from metalearn.learners.space import search_space
from metalearn.sources.trials import as_trials, check_losses, read_trials, trials_of

SVC = {"algorithm": "svc", "hyperparameters": {"C": 1.0}}


def read(tmp_path, entries, metric="balanced_accuracy", pool=()):
    path = tmp_path / "tried.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    tasks = ["openml-1"] if pool else []
    past = MetaDataset.from_matrix(np.ones((len(tasks), len(pool))), tasks, pool, metric=METRICS[metric])
    return read_trials(path, past, space="here")


def test_an_entry_becomes_a_trial(tmp_path):
    given = SVC | {"loss": 0.25, "fidelity": 0.5, "seed": 3, "cost_seconds": 1.5, "rank": 7}
    (trial,) = read(tmp_path, [given])
    assert trial == Trial(Configuration("here", "svc", {"C": 1}), 0.5, 3, 0.25, 1.5, "ok")
    assert isinstance(trial.seed, int)
    assert read(tmp_path, [SVC | {"space": "there", "loss": 0}])[0].configuration.space == "there"
    assert read(tmp_path, [{"algorithm": "kSVM", "loss": 0.1}])[0].configuration == Configuration("here", "svc")
    assert read(tmp_path, [SVC | {"loss": "0.25", "seed": "3", "cost_seconds": "1.5", "fidelity": "0.5"}]) == (trial,)
    assert read(tmp_path, "\ufeff[]") == ()


@pytest.mark.parametrize(
    ("metric", "measured", "loss"),
    [
        ("balanced_accuracy", {"balanced_accuracy": 0.75}, 0.25),
        ("balanced_accuracy", {"balanced_accuracy": 0.7534, "loss": 0.25}, 0.2466),
        ("balanced_accuracy", {"balanced_error": 0.25, "accuracy": 0.9}, 0.25),
        ("accuracy", {"predictive_accuracy": 0.9}, 0.1),
        ("accuracy", {"error_rate": 0.1}, 0.1),
        ("r2", {"r2": -1.0, "loss": None}, 2.0),
        ("rmse", {"rmse": 12.5}, 12.5),
    ],
)
def test_a_metric_under_any_of_its_names_becomes_its_loss(tmp_path, metric, measured, loss):
    assert read(tmp_path, [SVC | measured], metric)[0].loss == pytest.approx(loss)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": "timeout"}, "timeout"),
        ({"status": "crashed", "loss": None}, "crashed"),
        ({"status": "pending"}, "pending"),
        ({"loss": float("nan")}, "crashed"),
        ({"balanced_accuracy": float("-inf")}, "crashed"),
    ],
)
def test_what_gave_no_number_failed(tmp_path, said, status):
    (trial,) = read(tmp_path, [SVC | said])
    assert (trial.loss, trial.status) == (None, status)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("", "cannot be read as JSON"),
        ("{}", "needs a JSON list"),
        ("[1]", "needs a JSON list"),
        ([{"loss": 1}], "Entry 1 of .* names no algorithm"),
        ([SVC | {"loss": 0.1}, SVC], "Entry 2 .* has no loss and no balanced_accuracy"),
        ([SVC | {"loss": None}], "has no loss"),
        ([SVC | {"rmse": 0.3}], "has no loss and no balanced_accuracy"),
        ([SVC | {"loss": "small"}], "a loss that is no number: 'small'"),
        ([SVC | {"balanced_accuracy": 93}], r"balanced_accuracy lies in \[0, 1\]; got 93"),
        ([SVC | {"loss": 0.1, "status": "fine"}], "Entry 1 .* status is one of"),
        ([SVC | {"loss": 0.1, "status": "crashed"}], "exactly when it is ok or pruned"),
        ([SVC | {"loss": 0.1, "fidelity": 2}], "fidelity lies in"),
        ([SVC | {"loss": 0.1, "fidelity": "all"}], "Entry 1 .* a fidelity that is no number: 'all'"),
        ([SVC | {"loss": 0.1, "cost_seconds": "1.5 s"}], "a cost_seconds that is no number: '1.5 s'"),
        ([SVC | {"loss": 0.1, "cost_seconds": -5}], "Entry 1 of .* has cost_seconds below 0: -5"),
        ([SVC | {"loss": True}], "Entry 1 of .* a loss that is no number: True"),
        ([SVC | {"balanced_accuracy": False}], "a balanced_accuracy that is no number: False"),
        ([SVC | {"loss": 0.1, "balanced_accuracy": 0.5}], "a loss and a balanced_accuracy that disagree; give one"),
        ([SVC | {"balanced_error": 0.4, "balanced_accuracy": 0.4}], "disagree"),
        ([SVC | {"loss": float("nan"), "balanced_accuracy": 0.5}], "disagree"),
        ([SVC | {"loss": 0.1, "seed": "a"}], "a seed that is no number: 'a'"),
        ([SVC | {"loss": 0.1, "seed": float("inf")}], "Entry 1 .* is no trial"),
        ([SVC | {"loss": 0.1, "seed": 1.5}], "a seed is a whole number; got 1.5"),
        ([{"algorithm": "svc", "hyperparameters": [1], "loss": 0.1}], "no JSON object"),
        ([{"algorithm": "svc", "hyperparameters": {"C": {"a": 1}}, "loss": 0.1}], "cannot be of type dict"),
    ],
)
def test_what_is_wrong_is_said_of_the_entry(tmp_path, entries, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, entries)
    assert "\n" not in str(caught.value)


def test_hyperparameters_may_stand_beside_the_other_fields(tmp_path):
    flat = {"algorithm": "svc", "C": 1.0, "kernel": None, "loss": 0.25, "accuracy": 0.5}
    (trial,) = read(tmp_path, [flat])
    assert trial.configuration == Configuration("here", "svc", {"C": 1, "kernel": None})
    both = SVC | {"gamma": 0.5, "loss": 0.25}
    pool = [Configuration("here", "svc", {"C": 1, "gamma": 1})]
    assert read(tmp_path, [both], pool=pool)[0].configuration.hyperparameters == {"C": 1, "gamma": 0.5}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"algorithm": "svc", "Gamma": 1, "loss": 0.1}, "svc has no hyperparameter 'Gamma'; did you mean 'gamma'?"),
        (SVC | {"hyperparameters": {"c": 1}, "loss": 0.1}, "svc has no hyperparameter 'c'; did you mean 'C'?"),
        (SVC | {"cost_second": 1, "loss": 0.1}, "'cost_second'; did you mean 'cost_seconds'?"),
        (SVC | {"xyzzy": 1, "loss": 0.1}, "svc has no hyperparameter 'xyzzy'; it has C, gamma."),
    ],
)
def test_a_name_that_a_known_algorithm_does_not_have_is_refused(tmp_path, entry, message):
    pool = [Configuration("here", "svc", {"C": 1, "gamma": 1})]
    with pytest.raises(InputError) as caught:
        read(tmp_path, [entry], pool=pool)
    assert "Entry 1 of " in str(caught.value)
    assert message in str(caught.value)


def test_a_recommendation_with_its_loss_is_an_entry(tmp_path):
    printed = {"rank": 1, "id": "x", "space": "here", "predicted_loss": 0.1, "std": 0.1, "predicted_seconds": 1}
    document = {"task": {}, "recommendations": [SVC | printed | {"evidence": [], "loss": 0.25}]}
    (trial,) = read(tmp_path, document, pool=[Configuration("here", "svc", {"C": 1})])
    assert trial == Trial(Configuration("here", "svc", {"C": 1}), loss=0.25, status="ok")


def test_what_is_lacking_of_the_librarys_space_is_filled_in(tmp_path):
    space = search_space("classification")
    past = MetaDataset.from_matrix([], [], [])
    entries = [{"algorithm": "random_forest", "max_features": "log2", "loss": 0.25}]
    (trial,) = as_trials(entries, past, space=space.name, library=space)
    expected = {**space.default("random_forest").hyperparameters, "max_features": "log2"}
    assert trial.configuration.hyperparameters == expected
    with pytest.raises(InputError, match="Entry 1 of the history is no trial: pca_variance is not active"):
        as_trials([{"algorithm": "lda", "pca_variance": 0.9, "loss": 0.25}], past, space=space.name, library=space)
    frame = pd.DataFrame([dict(expected, max_features=None) | {"algorithm": "random_forest", "loss": 0.25}])
    for name in ("tried.csv", "tried.parquet"):
        path = tmp_path / name
        frame.to_csv(path, index=False) if name.endswith("csv") else frame.to_parquet(path)
        (trial,) = read_trials(path, past, space=space.name, library=space)
        assert trial.configuration.hyperparameters == {**expected, "max_features": None}


def test_an_unknown_algorithm_suggests_the_nearest_unless_the_past_knows_it(tmp_path):
    entry = [{"algorithm": "random_forst", "loss": 0.1}]
    with pytest.raises(UnknownNameError, match="did you mean 'random_forest'"):
        read(tmp_path, entry)
    assert read(tmp_path, entry, pool=[Configuration("x", "random_forst")])[0].loss == 0.1


def test_a_file_that_is_not_there(tmp_path):
    for name in ("none.json", "none.csv", "none.parquet"):
        with pytest.raises(InputError, match=rf"There is no file .*{name}; check the path"):
            read_trials(tmp_path / name, MetaDataset.from_matrix([], [], []), space="s")


@pytest.mark.parametrize("name", ["tried.csv", "tried.CSV", "tried.parquet"])
def test_a_table_has_a_trial_in_each_row(tmp_path, name):
    frame = pd.DataFrame(
        {
            "algorithm": ["svc", "svc", "lda"],
            "kernel": ["rbf", "linear", None],
            "gamma": [0.5, None, None],
            "accuracy": [0.75, 0.5, None],
            "status": [None, None, "timeout"],
        }
    )
    frame.to_csv(tmp_path / name, index=False) if name.lower().endswith("csv") else frame.to_parquet(tmp_path / name)
    past = MetaDataset.from_matrix([], [], [], metric=METRICS["accuracy"])
    found = read_trials(tmp_path / name, past, space="s")
    hyperparameters = [{"gamma": 0.5, "kernel": "rbf"}, {"kernel": "linear"}, {}]
    assert [dict(t.configuration.hyperparameters) for t in found] == hyperparameters
    assert [(t.loss, t.status) for t in found] == [(0.25, "ok"), (0.5, "ok"), (None, "timeout")]


def test_a_table_may_have_its_hyperparameters_as_json(tmp_path):
    path = tmp_path / "tried.csv"
    path.write_text('algorithm,hyperparameters,loss,note\nsvc,"{""C"": 2.5}",0.5,hello\n')
    (trial,) = read_trials(path, MetaDataset.from_matrix([], [], []), space="s")
    assert dict(trial.configuration.hyperparameters) == {"C": 2.5}


def test_evaluations_on_one_task_are_trials():
    a, b = Configuration("s", "a"), Configuration("s", "b")
    failed = np.array([[False, True]])
    tried = MetaDataset.from_matrix(
        [[0.25, np.nan]], ["openml-1"], [a, b], failed=failed, cost_seconds=np.array([[2.0, np.nan]])
    )
    found = {trial.configuration: (trial.loss, trial.cost_seconds, trial.status) for trial in trials_of(tried, "x")}
    assert found == {a: (0.25, 2.0, "ok"), b: (None, None, "crashed")}


@pytest.mark.parametrize("tasks", [[], ["openml-1", "openml-2"]])
def test_evaluations_on_other_than_one_task_are_no_history(tasks):
    tried = MetaDataset.from_matrix(np.ones((len(tasks), 1)), tasks, [Configuration("s", "a")])
    with pytest.raises(InputError, match=rf"mine.duckdb holds evaluations of .* on {len(tasks)} tasks"):
        trials_of(tried, "mine.duckdb")


@pytest.mark.parametrize(
    ("metric", "good", "bad", "called"),
    [
        ("balanced_accuracy", 0.3, 75.0, "is 1 - balanced_accuracy, in [0, 1]"),
        ("balanced_accuracy", 1.0, -0.2, "is 1 - balanced_accuracy, in [0, 1]"),
        ("r2", 12.0, -0.9, "is 1 - r2, in [0, inf]"),
        ("rmse", 12.0, -12.0, "is rmse, in [0, inf]"),
    ],
)
def test_a_loss_that_cannot_be_one_is_refused_with_what_it_is(metric, good, bad, called):
    configuration = Configuration("s", "lda")
    check_losses([Trial(configuration, loss=good, status="ok"), Trial(configuration)], METRICS[metric])
    with pytest.raises(InputError) as caught:
        check_losses([Trial(configuration, loss=bad, status="ok")], METRICS[metric])
    assert called in str(caught.value)
    assert f"has {bad:g}" in str(caught.value)
