"""Whatever an objective does is a report, and a worker that dies costs nothing but time."""

import time
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from metalearn.core.records import Configuration, Trial
from metalearn.errors import InputError, MetalearnError
from metalearn.optimizers.workers import evaluate, hired
from tests.optimizers import objectives
from tests.optimizers.objectives import Deadly, Returns, bowl

GENEROUS = 60.0


def trial(x=0.5):
    return Trial(Configuration("bowl-1", "bowl-1", {"x": x, "kind": "a"}))


@pytest.mark.parametrize("value", [0.25, 1, np.float32(0.5), np.int64(3), np.array(0.5), True])
def test_a_number_is_the_loss(value):
    before = datetime.now(UTC)
    report = evaluate(Returns(value), trial())
    assert (report.status, report.loss, report.message) == ("ok", float(value), "")
    assert type(report.loss) is float
    assert before <= report.started <= report.finished <= datetime.now(UTC)
    assert 0 <= report.cost_seconds < GENEROUS


def test_a_record_says_more():
    report = evaluate(objectives.as_trial, trial())
    assert (report.status, report.loss, report.cost_seconds) == ("pruned", 0.0625, 7.5)
    report = evaluate(objectives.as_outcome, trial())
    assert (report.status, report.loss) == ("ok", 0.0625)
    report = evaluate(objectives.as_failure, trial())
    assert (report.status, report.loss, report.message) == ("memout", None, "no room")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -np.inf])
def test_a_loss_that_is_not_finite_is_a_crash(value):
    report = evaluate(Returns(value), trial())
    assert (report.status, report.loss, report.message) == ("crashed", None, f"the loss is {value}")


@pytest.mark.parametrize("value", [None, "0.5 of", [1, 2], {"loss": 1}, trial()])
def test_what_is_no_number_is_a_crash_that_says_so(value):
    report = evaluate(Returns(value), trial())
    assert (report.status, report.loss) == ("crashed", None)
    assert "the objective returned" in report.message


def _exhausts(trial):
    raise MemoryError("too large")


@pytest.mark.parametrize(
    ("objective", "status", "message"),
    [
        (objectives.fails, "crashed", "ValueError: no such column"),
        (objectives.exits, "crashed", "SystemExit: usage: ..."),
        (_exhausts, "memout", "MemoryError: too large"),
    ],
)
def test_an_exception_is_a_status(objective, status, message):
    report = evaluate(objective, trial())
    assert (report.status, report.loss, report.message) == (status, None, message)


def test_ctrl_c_is_none():
    def interrupted(trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(interrupted, trial())


def test_limits_are_kept_in_a_child_process():
    report = evaluate(objectives.hangs, trial(0.25), seconds=0.5)
    assert (report.status, report.loss, report.message) == ("timeout", None, "stopped after 0.5 s")
    assert 0.5 <= report.cost_seconds < GENEROUS
    report = evaluate(objectives.fills_memory, trial(), memory_bytes=8 * 2**30)
    assert (report.status, report.loss) == ("memout", None)
    report = evaluate(objectives.fails, trial(), seconds=GENEROUS)
    assert (report.status, report.message) == ("crashed", "ValueError: no such column")
    report = evaluate(bowl, trial(), seconds=GENEROUS)
    assert (report.status, report.loss) == ("ok", 0.0625)


def drained(workers, trials):
    """Run trials on workers and return their reports by number."""
    waiting, found = list(enumerate(trials)), {}
    while waiting or workers.busy:
        while waiting and workers.free:
            workers.submit(*waiting.pop(0))
        for number, report in workers.finished():
            assert number not in found
            found[number] = report
    return found


def test_one_worker_is_this_thread():
    seen = []
    with hired(lambda trial: seen.append(trial) or 1.0, 1) as workers:
        found = drained(workers, [trial(0.1), trial(0.2)])
    assert [found[i].loss for i in (0, 1)] == [1.0, 1.0]
    assert seen == [trial(0.1), trial(0.2)]


def test_an_executor_runs_so_many_at_a_time():
    with ThreadPoolExecutor(4) as pool, hired(bowl, 3, pool) as workers:
        for number in range(3):
            assert workers.free
            workers.submit(number, trial(number / 10))
        assert not workers.free
        losses = {}
        while workers.busy:
            losses |= {number: report.loss for number, report in workers.finished()}
    assert losses == {n: bowl(trial(n / 10)) for n in range(3)}


def test_a_process_that_dies_takes_only_its_own_trial_along(tmp_path):
    xs = [0.05, 0.15, 0.25, 0.35, 0.45, 0.95]
    with hired(Deadly(tmp_path, once=(0.1, 0.2), always=0.9), 2) as workers:
        found = drained(workers, map(trial, xs))
    assert [found[i].loss for i in range(5)] == [bowl(trial(x)) for x in xs[:5]]
    assert (found[5].status, found[5].message) == ("crashed", "the worker died, and so did a second one")
    begun = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    assert [begun.count(trial(x).configuration.id) for x in xs] == [1, 2, 1, 1, 1, 2]


class KilledWorker(Exception):  # noqa: N818  Dask's name
    """What Dask raises for a task whose workers died again and again."""


class Flaky(Executor):
    """Its calls fail in turn as it is told, and work where that is None."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def submit(self, function, /, *arguments, **options):
        future = Future()
        error = self.errors.pop(0) if self.errors else None
        if error is None:
            future.set_result(function(*arguments, **options))
        else:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("error", [KilledWorker("task", 3), BrokenExecutor("terminated abruptly")])
def test_the_trial_of_a_dead_worker_runs_once_more(error):
    with hired(bowl, 1, Flaky(error)) as workers:
        assert drained(workers, [trial()])[0].loss == 0.0625
    with hired(bowl, 1, Flaky(error, error)) as workers:
        found = drained(workers, [trial(), trial(0.25)])
    assert (found[0].status, found[1].loss) == ("crashed", 0.0)


class Broken(Executor):
    def submit(self, function, /, *arguments, **options):
        raise BrokenExecutor("not usable anymore")


def test_an_executor_that_is_broken_is_an_error_that_says_how_to_go_on():
    with (
        hired(bowl, 1, Broken()) as workers,
        pytest.raises(MetalearnError, match=r"runs no more trials \(not usable anymore\); go on from the journal"),
    ):
        workers.submit(0, trial())


def test_what_cannot_come_back_is_a_crash():
    with hired(bowl, 1, Flaky(TypeError("cannot pickle 'module' object"))) as workers:
        found = drained(workers, [trial(), trial(0.25)])
    assert (found[0].status, found[0].message) == ("crashed", "TypeError: cannot pickle 'module' object")
    assert found[1].loss == 0.0


def test_ctrl_c_in_a_worker_is_no_report():
    with hired(bowl, 1, Flaky(KeyboardInterrupt())) as workers:
        assert drained(workers, [trial()]) == {0: None}


def test_workers_that_may_not_run_trials_at_all_are_an_error():
    with hired(bowl, 1, Flaky(InputError("A daemonic process may have no child"))) as workers:
        workers.submit(0, trial())
        with pytest.raises(InputError, match="daemonic"):
            workers.finished()


def test_an_objective_that_cannot_travel_is_refused_at_once():
    for options in ({"workers": 2}, {"workers": 1, "seconds": 1.0}):
        with (
            pytest.raises(InputError, match=r"cannot be sent to another process \(.*; define it at the top level"),
            hired(lambda trial: 1.0, **options),
        ):
            pass


@pytest.mark.parametrize("workers", [0, -1, "x", 1.5])
def test_workers_that_are_none(workers):
    with pytest.raises(InputError, match="Workers are a number from 1 on"), hired(bowl, workers):
        pass


def test_an_executor_and_an_address_are_one_too_many():
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(InputError, match="not both"),
        hired(bowl, "tcp://localhost:8786", pool),
    ):
        pass


def test_a_dask_cluster_runs_what_cannot_be_pickled_and_each_call_anew():
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    sizes = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None, "processes": False}
    with (
        distributed.LocalCluster(**sizes) as cluster,
        hired(lambda trial: time.time_ns(), cluster.scheduler_address) as workers,
    ):
        found = drained(workers, [trial()] * 4)
    assert len({report.loss for report in found.values()}) == 4
