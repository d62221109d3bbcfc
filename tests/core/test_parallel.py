"""Calls run on threads or on a Dask cluster, a bounded number ahead of what is taken in."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from metalearn.core.execution import run_limited
from metalearn.core.parallel import completed, executor, interleaved
from metalearn.core.records import Configuration
from metalearn.errors import InputError
from metalearn.learners.evaluate import evaluate
from metalearn.learners.splits import outer_splits
from metalearn.sources.files import load_dataset

TREE = Configuration("sklearn", "decision_tree", {"min_samples_split": 8})


@pytest.mark.parametrize("workers", ["x", "", 0, "0", -1, "-2", "1.5", "²", None])
def test_anything_but_a_number_or_an_address_is_refused(workers: Any) -> None:
    with pytest.raises(InputError, match=r"a number from 1 on, or a scheduler's address .*; got "), executor(workers):
        pass


@pytest.mark.parametrize("workers", [3, "3"])
def test_a_number_is_that_many_threads(workers: int | str) -> None:
    all_there = threading.Barrier(3)
    with executor(workers) as (pool, n_workers):
        assert n_workers == 3
        futures = [pool.submit(all_there.wait, 60) for _ in range(3)]  # each waits for the two others
        assert sorted(future.result() for future in futures) == [0, 1, 2]


def test_processes_are_processes() -> None:
    with executor(1, processes=True) as (pool, n_workers):
        assert n_workers == 1
        assert dict(completed(pool, 1, _double_limited, [(7, (7,))])) == {7: (3, 1)}
        assert pool.submit(os.getpid).result() != os.getpid()


def test_every_call_gives_its_result_under_its_key() -> None:
    with executor(4) as (pool, n_workers):
        found = dict(completed(pool, n_workers, pow, ((i, (i, 2)) for i in range(100))))
    assert found == {i: i**2 for i in range(100)}


def test_no_calls_give_nothing() -> None:
    with executor(2) as (pool, n_workers):
        assert list(completed(pool, n_workers, pow, ())) == []


def test_calls_begin_in_the_order_in_which_they_come() -> None:
    begun: list[int] = []
    with executor(1) as (pool, n_workers):
        ended = [key for key, _ in completed(pool, n_workers, begun.append, ((i, (i,)) for i in range(20)))]
    assert begun == list(range(20))
    assert sorted(ended) == begun


def test_a_short_call_need_not_wait_for_a_long_one() -> None:
    release = threading.Event()
    with executor(2) as (pool, n_workers):
        calls = [("long", (release.wait, 60)), *((i, (int, i)) for i in range(5))]
        results = completed(pool, n_workers, lambda function, x: function(x), calls)
        first = [next(results)[0] for _ in range(5)]
        release.set()
        assert [*first, *(key for key, _ in results)][-1] == "long"


class _Counting(ThreadPoolExecutor):
    """Notes how many submitted calls have no result yet."""

    def __init__(self, n_workers: int) -> None:
        super().__init__(n_workers)
        self.unfinished = self.most = 0
        self.lock = threading.Lock()

    def submit(self, *call: Any, **options: Any) -> Future[Any]:  # type: ignore[override]
        with self.lock:
            self.unfinished += 1
            self.most = max(self.most, self.unfinished)
        return super().submit(*call, **options)


def test_calls_are_taken_only_as_workers_need_them() -> None:
    taken = 0

    def calls() -> Iterator[tuple[int, tuple[int, int]]]:
        nonlocal taken
        for i in range(1000):
            taken += 1
            yield i, (i, 2)

    with _Counting(2) as pool:
        for n_given, _ in enumerate(completed(pool, 2, pow, calls())):
            assert taken - n_given <= 6  # two at work and four that wait
            pool.unfinished -= 1
    assert n_given == 999
    assert 2 < pool.most <= 7


def _only_small(x: int) -> int:
    if x == 3:
        raise ValueError("3 is too large")
    return x


def test_an_error_propagates_and_what_waits_never_begins() -> None:
    begun: list[int] = []
    release = threading.Event()

    def call(x: int) -> None:
        begun.append(x)
        if x == 0:
            raise ValueError("0 is too small")
        release.wait(60)

    with executor(1) as (pool, n_workers):
        with pytest.raises(ValueError, match="0 is too small"):
            list(completed(pool, n_workers, call, ((i, (i,)) for i in range(100))))
        release.set()
    assert begun in ([0], [0, 1])  # the thread may have begun the next one


def test_who_stops_listening_stops_what_waits() -> None:
    begun: list[int] = []
    release = threading.Event()

    def call(x: int) -> None:
        begun.append(x)
        if x > 0:
            release.wait(60)

    with executor(1) as (pool, n_workers):
        results = completed(pool, n_workers, call, ((i, (i,)) for i in range(100)))
        assert next(results) == (0, None)
        results.close()  # type: ignore[attr-defined]
        release.set()
    assert begun in ([0], [0, 1])


@pytest.fixture
def distributed() -> Iterator[Any]:
    """Dask, whose workers may have children."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    import dask

    with dask.config.set({"distributed.worker.daemon": False}):
        yield distributed


def _cluster(distributed: Any, *, processes: bool, **options: Any) -> Any:
    sizes = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None}
    return distributed.LocalCluster(processes=processes, **sizes, **options)


@pytest.mark.parametrize("processes", [True, False])
def test_a_dask_cluster_evaluates_like_this_process(distributed: Any, processes: bool, shared: Path) -> None:
    iris = load_dataset(shared / "datasets" / "iris.arff", "class")
    splits = outer_splits(iris)
    with _cluster(distributed, processes=processes) as cluster, executor(cluster.scheduler_address) as (pool, n):
        assert n == 2
        calls = [(seed, (TREE, iris, {seed: splits[seed]})) for seed in splits]
        found = dict(completed(pool, n, evaluate, calls))
        where = pool.submit(os.getpid).result()
    assert (where != os.getpid()) == processes
    for seed, results in found.items():
        for result, expected in zip(results, evaluate(TREE, iris, {seed: splits[seed]}), strict=True):
            assert result.status == expected.status == "ok"
            assert [result.scores[m] for m in _METRICS] == [expected.scores[m] for m in _METRICS]


_METRICS = ("balanced_accuracy", "accuracy", "log_loss", "roc_auc")


def test_an_error_on_a_dask_cluster_propagates(distributed: Any) -> None:
    with (
        _cluster(distributed, processes=False) as cluster,
        executor(cluster.scheduler_address) as (pool, n),
        pytest.raises(ValueError, match="3 is too large"),
    ):
        list(completed(pool, n, _only_small, ((i, (i,)) for i in range(10))))


def _double_limited(x: int) -> Any:
    return run_limited(divmod, x, 2, seconds=60).value


def test_a_daemonic_dask_worker_is_told_what_to_do(distributed: Any) -> None:
    import dask

    with (
        dask.config.set({"distributed.worker.daemon": True}),
        _cluster(distributed, processes=True) as cluster,
        executor(cluster.scheduler_address) as (pool, n),
        pytest.raises(InputError, match="DASK_DISTRIBUTED__WORKER__DAEMON=False"),
    ):
        list(completed(pool, n, _double_limited, [(7, (7,))]))


def test_an_address_where_no_scheduler_answers_is_named(distributed: Any) -> None:
    import dask

    impatient = dask.config.set({"distributed.comm.timeouts.connect": "0.2s"})
    for address in ("tcp://127.0.0.1:9", "carrier-pigeon://127.0.0.1:9"):
        with impatient, pytest.raises(InputError, match=f"No Dask scheduler answers at {address}"), executor(address):
            pass


def test_interleaved_iterators_keep_their_own_order_and_are_one_item_ahead():
    begun = []

    def numbers(name):
        for i in range(5):
            begun.append((name, i))
            yield name, i

    with ThreadPoolExecutor(2) as pool:
        taken = []
        for name, i in interleaved(pool, 2, [numbers("a"), numbers("b"), numbers("c")]):
            taken.append((name, i))
            ahead = [sum(n == name for n, _ in begun) - sum(n == name for n, _ in taken) for name in "abc"]
            assert max(ahead) <= 2  # one that waits, one that is being made
            assert ("c", 0) not in begun or {("a", 4), ("b", 4)} & set(taken)
    assert sorted(taken) == [(name, i) for name in "abc" for i in range(5)]
    assert [i for name, i in taken if name == "b"] == list(range(5))


def test_the_first_interleaved_iterator_that_fails_ends_all():
    def failing():
        yield 1
        raise ZeroDivisionError

    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(interleaved(pool, 2, [failing(), iter(range(3))]))
