"""An optimization ends when it should, survives what its objective does, and goes on after kill -9 undisturbed."""

import json
import logging
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial

import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

from metalearn.core.execution import Outcome
from metalearn.core.inferred_space import infer_space
from metalearn.core.journal import read_journal
from metalearn.core.records import Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import ConfigurationError, InputError, UnknownNameError
from metalearn.optimizers.minimize import minimize
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.result import Result
from tests.optimizers import objectives
from tests.optimizers.objectives import Deadly, NearBest, Returns, bowl, slow_bowl


def bowl_space():
    kind, y = Categorical("kind", ["a", "b"]), Float("y", (-5, 5))
    space = ConfigurationSpace(space=[Float("x", (0, 1)), kind, y])
    space.add(EqualsCondition(y, kind, "b"))
    return SearchSpace("bowl-1", space)


SPACE = bowl_space()


def at(x):
    return Configuration("bowl-1", "bowl-1", {"x": x, "kind": "a"})


def run(objective=bowl, *, method="random", **options):
    return minimize(objective, SPACE, method=method, **options)


def asked(result):
    """The configurations by number, which is the order in which they were asked for."""
    return [f.trial.configuration.id for f in sorted(result.finished, key=lambda f: f.number)]


def told(result):
    return [(f.number, f.trial.configuration.id, f.trial.status, f.trial.loss) for f in result.finished]


def test_it_finds_the_bottom_of_a_bowl():
    result = run(method=NearBest(0.05), n_trials=150)
    assert result.best.loss < 0.002
    assert result.best.loss == min(trial.loss for trial in result.trials)
    assert (len(result.trials), result.stopped) == (150, "trials")
    assert {trial.configuration.space for trial in result.trials} == {"bowl-1"}


def test_a_seed_tells_what_is_asked_for():
    first, same, other = (run(method=NearBest(), n_trials=15, seed=seed) for seed in (1, 1, 2))
    assert told(first) == told(same)
    assert asked(first) != asked(other)


class InOrder(Executor):
    """Lets trials end singly in the order in which they began: the first when ``n`` run, the last after ``total``."""

    def __init__(self, n, total, pool=None):
        self.n, self.left, self.pool, self.calls = n, total, pool, []

    def submit(self, function, /, *arguments, **options):
        self.calls.append((future := Future(), partial(function, *arguments, **options)))
        self.left -= 1
        while self.calls and (len(self.calls) == self.n or not self.left):
            ended, call = self.calls.pop(0)
            ended.set_result(self.pool.submit(call).result() if self.pool else call())
        return future


def test_who_runs_trials_does_not_matter_when_they_end_in_the_same_order():
    with ThreadPoolExecutor(3) as pool:
        here = run(method=NearBest(), n_trials=12, workers=3, executor=InOrder(3, 12))
        there = run(slow_bowl, method=NearBest(), n_trials=12, workers=3, executor=InOrder(3, 12, pool))
        random_on_three = run(n_trials=12, workers=3, executor=pool)
    assert told(here) == told(there)
    assert asked(here) != asked(run(method=NearBest(), n_trials=12))  # it does matter what is pending
    assert asked(random_on_three) == asked(run(n_trials=12))


def test_all_workers_are_kept_busy():
    all_there = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:  # each trial waits for two others
        result = run(lambda trial: all_there.wait(60), n_trials=9, workers=3, executor=pool)
    assert len(result.trials) == 9
    assert {trial.status for trial in result.trials} == {"ok"}


def test_processes_find_what_one_finds(tmp_path):
    journal = tmp_path / "bowl.jsonl"
    objective = Deadly(tmp_path, once=(0.4, 1.0))  # more than half of the trials lose their worker
    result = run(objective, n_trials=6, workers=2, journal=journal)
    alone = run(n_trials=6)
    assert asked(result) == asked(alone)
    assert {f.number: f.trial.loss for f in result.finished} == {f.number: f.trial.loss for f in alone.finished}
    assert {trial.status for trial in result.trials} == {"ok"}
    assert any(c.hyperparameters["x"] > 0.4 for c in (t.configuration for t in alone.trials))
    assert read_journal(journal).pending == ()


def test_the_queue_comes_first_and_observed_trials_count_but_do_not_run():
    known = Trial(at(0.25), loss=-1.0, status="ok")
    result = run(queue=[at(0.75), at(0.5)], observed=[known], n_trials=4)
    assert [trial.configuration for trial in result.trials][:2] == [at(0.75), at(0.5)]
    assert result.best == known
    assert len(result.trials) == 4


def test_candidates_run_out():
    candidates = [at(x / 10) for x in range(5)]
    with ThreadPoolExecutor(3) as pool:
        result = run(candidates=candidates, workers=3, executor=pool)
    assert {trial.configuration for trial in result.trials} == set(candidates)
    assert result.stopped == "exhausted"


def test_seconds_end_it_and_what_runs_is_waited_for():
    result = run(lambda trial: time.sleep(0.3) or 1.0, seconds=0.2, n_trials=50)
    assert result.stopped == "seconds"
    assert 1 <= len(result.trials) < 50
    assert result.trials[-1].status == "ok"


def test_patience_ends_it_on_a_plateau():
    losses = iter([5.0, 4.0, 4.5, 3.0, 3.5, 3.25, 3.125, 0.0])
    result = run(lambda trial: next(losses), patience=3)
    assert [trial.loss for trial in result.trials] == [5.0, 4.0, 4.5, 3.0, 3.5, 3.25, 3.125]
    assert result.stopped == "patience"


def test_a_gain_within_the_tolerance_is_none_until_gains_add_up():
    losses = iter([1.0, 0.9375, 0.875, 0.8125, 0.75, 0.75, 0.75, 0.75, 0.75])
    result = run(lambda trial: next(losses), patience=4, tolerance=0.1875)
    assert len(result.trials) == 9  # 0.75 is the first that is below 1 by more; then four more without a gain
    losses = iter([1.0, 0.9375, 0.875, 0.8125, 0.75])
    assert len(run(lambda trial: next(losses), patience=3, tolerance=0.1875).trials) == 4


def test_failures_and_known_trials_on_a_plateau():
    result = run(objectives.as_failure, patience=5)
    assert (len(result.trials), result.stopped) == (5, "patience")
    known = [Trial(at(x / 100), loss=0.0, status="ok") for x in range(20)]
    result = run(Returns(1.0), observed=known, patience=5)
    assert (len(result.trials), result.stopped) == (5, "patience")


class Rungs:
    """Every third trial at full fidelity."""

    takes_queue = False

    def begin(self, space):
        return self

    def propose(self, state, rng):
        fidelity = 1.0 if state.n_proposed % 3 == 2 else 1 / 3
        return RandomSearch().propose(state, rng)._replace(fidelity=fidelity)

    def __repr__(self):
        return "Rungs()"


def test_trials_below_the_best_ones_fidelity_do_not_try_patience():
    seen = []
    result = run(lambda trial: seen.append(trial.fidelity) or 1.0, method=Rungs(), patience=2)
    assert len(result.trials) == 9
    assert seen == [t.fidelity for t in result.trials] == [1 / 3, 1 / 3, 1.0] * 3
    assert result.best == result.trials[2]


def test_a_callback_sees_the_result_so_far_and_can_end_it():
    seen = []

    def third(result, trial):
        assert result.trials[-1] == trial
        assert result.stopped == ""
        seen.append(len(result.trials))
        return len(seen) == 3

    result = run(callbacks=[lambda result, trial: None, third], n_trials=50)
    assert (seen, len(result.trials), result.stopped) == ([1, 2, 3], 3, "callback")


def test_what_runs_when_a_callback_ends_it_is_told_too():
    all_there = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        result = run(lambda t: all_there.wait(60), workers=3, executor=pool, callbacks=[lambda *_: True])
    assert (len(result.trials), result.stopped) == (3, "callback")


def test_an_exception_is_a_crashed_trial_that_is_logged(caplog):
    def half(trial):
        if trial.configuration.hyperparameters["x"] < 0.5:
            raise ValueError("x is too small")
        return bowl(trial)

    with caplog.at_level(logging.WARNING):
        result = run(half, n_trials=20)
    crashed = [f for f in result.finished if f.trial.status == "crashed"]
    assert 0 < len(crashed) < 20
    assert {f.message for f in crashed} == {"ValueError: x is too small"}
    assert caplog.text.count("crashed: ValueError: x is too small") == len(crashed)
    assert result.best.loss == min(t.loss for t in result.trials if t.status == "ok")


@pytest.mark.parametrize(("n_trials", "n_called"), [(100, 10), (4, 4), (None, 10)])
def test_when_all_of_the_first_trials_crash_the_first_message_is_the_error(n_trials, n_called):
    called = []

    def fails(trial):
        called.append(trial)
        raise ValueError(f"no column number {len(called)}")

    with pytest.raises(
        InputError, match=rf"All of the first {n_called} trials crashed.*'ValueError: no column number 1'"
    ):
        run(fails, n_trials=n_trials)
    assert len(called) == n_called


def test_one_that_worked_or_ran_out_of_time_is_enough_to_go_on():
    outcomes = [Outcome(status="timeout"), *[Outcome(status="crashed")] * 29]
    result = run(lambda trial: outcomes.pop(0), n_trials=30)
    assert len(result.trials) == 30
    assert result.best is None


def test_limits_for_each_trial():
    result = run(objectives.hangs, queue=[at(0.75), at(0.25), at(0.875)], n_trials=3, seconds_each=1.0, workers=2)
    found = {f.trial.configuration: (f.trial.status, f.trial.loss, f.message) for f in result.finished}
    assert found[at(0.25)] == ("timeout", None, "stopped after 1 s")
    assert found[at(0.75)] == ("ok", 0.25, "")
    assert found[at(0.875)] == ("ok", 0.625**2, "")


def test_ctrl_c_returns_what_there_is_and_the_trial_runs_again_on_resume(tmp_path):
    journal = tmp_path / "bowl.jsonl"
    interrupt = iter([False] * 4 + [True])

    def objective(trial):
        if next(interrupt, False):
            signal.raise_signal(signal.SIGINT)
        return bowl(trial)

    result = run(objective, n_trials=8, journal=journal)
    assert (len(result.trials), result.stopped) == (4, "interrupted")
    assert [pending.number for pending in read_journal(journal).pending] == [4]
    resumed = run(objective, n_trials=8, journal=journal)
    assert (resumed.stopped, told(resumed)) == ("trials", told(run(n_trials=8)))


def _calls(thread):
    """The names of the functions that a thread is in."""
    frame, names = sys._current_frames()[thread.ident], []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def test_ctrl_c_while_workers_run_waits_for_them_and_a_second_one_does_not(caplog):
    for n_interrupts in (1, 2):
        release, begun, noticed = threading.Event(), threading.Barrier(3), caplog.text.count("Interrupted")

        def objective(trial, release=release, begun=begun):
            begun.wait(60)
            release.wait(60)
            return 1.0

        def press(n=n_interrupts, release=release, begun=begun, noticed=noticed):
            begun.wait(60)
            for _ in range(n):
                while not {"finished", "wait"} <= set(_calls(threading.main_thread())):
                    time.sleep(0.01)
                time.sleep(0.2)  # a signal that comes while a thread is about to wait is noticed only afterwards
                os.kill(os.getpid(), signal.SIGINT)
                while caplog.text.count("Interrupted") == noticed:
                    time.sleep(0.01)
            if n == 1:
                release.set()

        thread = threading.Thread(target=press)
        thread.start()
        with ThreadPoolExecutor(2) as pool:
            if n_interrupts == 2:
                with pytest.raises(KeyboardInterrupt):
                    run(objective, workers=2, executor=pool)
                release.set()
            else:
                result = run(objective, workers=2, executor=pool)
                assert (len(result.trials), result.stopped) == (2, "interrupted")
        thread.join()


def _optimize(journal, n_trials=None):
    run(slow_bowl, method=NearBest(), queue=[at(0.75), at(0.5)], n_trials=n_trials, journal=journal)


def test_after_kill_9_at_random_points_the_trials_are_those_of_an_undisturbed_run(tmp_path):
    """The process is killed six times, wherever it then is, between two events of its journal or within one."""
    undisturbed, killed = tmp_path / "undisturbed.jsonl", tmp_path / "killed.jsonl"
    fork, chance, size = multiprocessing.get_context("fork"), random.Random(0), 0
    for _ in range(6):
        process = fork.Process(target=_optimize, args=(killed,))
        process.start()
        goal = size + chance.randrange(2_500)
        while not killed.exists() or killed.stat().st_size < goal:
            assert process.is_alive()
            time.sleep(0.0005)
        process.kill()
        process.join()
        size = killed.stat().st_size
    n_trials = len(read_journal(killed).finished) + 10
    for journal in (killed, undisturbed):
        _optimize(journal, n_trials)
    assert len(told(Result.of_journal(killed))) == n_trials > 10
    assert told(Result.of_journal(killed)) == told(Result.of_journal(undisturbed))
    events = [[(type(event), event.number) for event in read_journal(p).events] for p in (undisturbed, killed)]
    assert events[0] == events[1]


def test_going_on_with_several_workers_runs_what_was_running_first(tmp_path):
    journal = tmp_path / "bowl.jsonl"
    whole = run(method=NearBest(), n_trials=10, workers=3, executor=InOrder(3, 10), journal=journal)
    lines = journal.read_text().splitlines(keepends=True)
    fifth_end = [i for i, line in enumerate(lines) if json.loads(line).get("event") == "tell"][4]
    journal.write_text("".join(lines[:fifth_end]))
    pending = read_journal(journal).pending
    assert [asked.number for asked in pending] == [4, 5, 6]
    seen = []

    def objective(trial):
        seen.append(trial)
        return bowl(trial)

    result = run(objective, method=NearBest(), n_trials=10, workers=3, executor=InOrder(3, 6), journal=journal)
    assert seen[:3] == [asked.trial for asked in pending]
    assert told(result) == told(whole)


def test_trials_of_the_journal_count_and_its_time_goes_on(tmp_path):
    journal = tmp_path / "bowl.jsonl"
    first = run(slow_bowl, n_trials=5, journal=journal)
    assert told(run(n_trials=5, journal=journal)) == told(first)
    more = run(slow_bowl, n_trials=9, journal=journal)
    assert told(more)[:5] == told(first)
    assert len(more.trials) == 9
    elapsed = [f.elapsed_seconds for f in more.finished]
    assert elapsed == sorted(elapsed)
    assert elapsed[:5] == [f.elapsed_seconds for f in first.finished]
    assert Result.of_journal(journal).finished == more.finished


def test_a_journal_of_another_seed_is_refused(tmp_path):
    journal = tmp_path / "bowl.jsonl"
    run(n_trials=2, journal=journal)
    with pytest.raises(InputError, match=r"another seed \(0, not 1\)"):
        run(n_trials=4, journal=journal, seed=1)


def test_a_plateau_is_still_one_after_resuming(tmp_path):
    journal = tmp_path / "bowl.jsonl"
    run(Returns(1.0), n_trials=4, journal=journal)
    result = run(Returns(1.0), patience=5, journal=journal)
    assert (len(result.trials), result.stopped) == (6, "patience")


@pytest.mark.parametrize(
    "options",
    [
        {"n_trials": 0},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"patience": 0},
        {"seconds_each": 0.0},
        {"memory_bytes": 0},
        {"tolerance": -0.5},
        {"seed": -1},
    ],
)
def test_limits_out_of_range(options, tmp_path):
    (name,) = options
    with pytest.raises(InputError, match=f"^{name} is "):
        run(**options, journal=tmp_path / "bowl.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_names_and_configurations_that_are_wrong():
    with pytest.raises(UnknownNameError, match="no optimizer 'randon'; did you mean 'random'"):
        run(method="randon")
    with pytest.raises(ConfigurationError, match="not valid in the space bowl-1"):
        run(queue=[at(7)])
    incomplete = Configuration("bowl-1", "bowl-1", {"x": 0.5})
    with pytest.raises(ConfigurationError, match="has no value set"):
        run(candidates=[incomplete])


def test_candidates_may_have_what_the_space_leaves_out_since_all_share_it():
    pool = [Configuration("s", "svc", {"C": c, "tol": 0.5}) for c in (1, 2, 3)]
    result = minimize(lambda trial: trial.configuration.hyperparameters["C"], infer_space(pool), candidates=pool)
    assert {trial.configuration for trial in result.trials} == set(pool)
    assert result.best.configuration == pool[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observed": [{"x": 1}]}, r"\{'x': 1\} is no metalearn.Trial; give Trial\(configuration, loss="),
        ({"queue": [{"x": 1}]}, r"\{'x': 1\} is no metalearn.Configuration; give Configuration\(space.name"),
        ({"candidates": ["x"]}, r"'x' is no metalearn.Configuration"),
    ],
)
def test_what_is_no_configuration_or_trial_is_refused_before_a_journal_begins(options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        run(**options, journal=tmp_path / "bowl.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_progress_goes_to_a_terminal_only(capsys):
    run(n_trials=3, progress=True)
    assert capsys.readouterr() == ("", "")
