"""The best trial, the incumbents, and the history as a data frame."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from metalearn.core.journal import Asked, FinishedTrial, Header, to_line
from metalearn.core.records import Configuration, Trial
from metalearn.optimizers.result import Result

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


def trial(loss, fidelity=1.0, status="ok", /, **values):
    seconds = None if loss is None else 0.5
    return Trial(Configuration("s-1", "svc", values or {"C": 1}), fidelity, 0, loss, seconds, status)


def result(*trials, observed=()):
    times = [BEGAN + timedelta(seconds=10 * i) for i in range(len(trials) + 1)]
    finished = (FinishedTrial(i, t, times[i], times[i + 1], 10.0 * (i + 1), "") for i, t in enumerate(trials))
    return Result(tuple(finished), tuple(observed))


def test_incumbents_are_those_that_were_best_when_they_ended():
    failed, pruned = trial(None, 1.0, "crashed"), trial(0.0, 1.0, "pruned")
    found = result(failed, trial(0.5), trial(0.7), pruned, trial(0.5), trial(0.25), trial(0.3))
    assert [(i.n_trials, i.elapsed_seconds, i.trial.loss) for i in found.incumbents] == [
        (2, 20.0, 0.5),
        (6, 60.0, 0.25),
    ]
    assert found.best.loss == 0.25


def test_a_larger_fidelity_counts_for_more_than_a_smaller_loss():
    found = result(trial(0.1, 1 / 9), trial(0.4, 1 / 3), trial(0.0, 1 / 9), trial(0.3, 1 / 3), trial(0.6, 1.0))
    assert [i.trial.loss for i in found.incumbents] == [0.1, 0.4, 0.3, 0.6]
    assert found.best.loss == 0.6


def test_what_was_known_beforehand_can_be_the_best():
    known = trial(0.1)
    found = result(trial(0.2), observed=[known])
    assert found.best is known
    assert [i.trial.loss for i in found.incumbents] == [0.2]
    assert len(found.trials) == 1


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_never_the_best(loss):
    found = result(trial(0.2, 1 / 3), observed=[trial(loss)])
    assert found.best.loss == 0.2
    assert result(observed=[trial(loss)]).best is None


def test_nothing_has_no_best():
    for found in (result(), result(trial(None, 1.0, "timeout"))):
        assert (found.best, found.incumbents) == (None, ())


def test_the_frame_has_a_row_for_each_trial_and_a_column_for_each_hyperparameter():
    frame = result(
        trial(0.5, kernel="rbf", gamma=0.1), trial(None, 1 / 3, "timeout", kernel="linear", loss="hinge")
    ).to_frame()
    assert list(frame.columns) == [
        "number",
        "algorithm",
        "hyperparameters.gamma",
        "hyperparameters.kernel",
        "hyperparameters.loss",
        "fidelity",
        "seed",
        "loss",
        "cost_seconds",
        "status",
        "started",
        "finished",
        "elapsed_seconds",
        "message",
    ]
    assert frame["hyperparameters.kernel"].tolist() == ["rbf", "linear"]
    assert frame["hyperparameters.gamma"].isna().tolist() == [False, True]
    assert frame["hyperparameters.loss"].isna().tolist() == [True, False]
    np.testing.assert_array_equal(frame["loss"], [0.5, np.nan])
    assert frame["status"].tolist() == ["ok", "timeout"]
    assert (frame["finished"] - frame["started"]).dt.total_seconds().tolist() == [10, 10]
    assert isinstance(frame["started"].dtype, pd.DatetimeTZDtype)


def test_the_frame_of_nothing_is_empty():
    frame = result().to_frame()
    assert len(frame) == 0
    assert frame["loss"].dtype == float


def test_a_journal_gives_the_same_result(tmp_path):
    found = result(trial(0.5), trial(None, 1.0, "memout", C=2), observed=[trial(0.75, C=3)])
    lines = [Header("s-1", "", "RandomSearch()", 0), *found.observed]
    for done in found.finished:
        asked = Trial(done.trial.configuration, done.trial.fidelity, done.trial.seed)
        lines += [Asked(done.number, asked), done]
    path = tmp_path / "s.jsonl"
    path.write_text("".join(map(to_line, lines)))
    assert Result.of_journal(path) == found
    pd.testing.assert_frame_equal(Result.of_journal(path).to_frame(), found.to_frame())


@pytest.mark.parametrize("stopped", ["", "patience"])
def test_a_result_pickles(stopped):
    import pickle

    found = Result(result(trial(0.5)).finished, (), stopped)
    assert pickle.loads(pickle.dumps(found)) == found
