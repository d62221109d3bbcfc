"""How many trials a second workers get through, and what the death of one costs.

    python -m benchmarks.optimizers_scaling [--quick] [--out FILE] [--trials 200]

An objective of 50 ms (it sleeps, so that cores do not matter) over 8 mixed hyperparameters, by our methods and Optuna's
samplers, in one run. "Trials/s" counts from the begin of the first trial to the end of the last, "with the start"
starting the workers too; ideal are 20 a worker. The Dask cluster stands and has run trials before. Optuna's `n_jobs`
are threads, ours processes. The deaths: a worker is
killed (SIGKILL) a third of the way through, on a pool of processes and on a Dask cluster, and every trial has to end
well, once, as it would have undisturbed. The last table: the whole run is killed (SIGKILL) five times while it writes
its journal, and is resumed each time; its trials have to be those of an undisturbed run.
"""

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, keep
from metalearn.core.records import Trial
from metalearn.core.registry import names
from metalearn.core.spaces import SearchSpace
from metalearn.evaluation.report import table
from metalearn.optimizers.minimize import minimize
from metalearn.optimizers.result import Result

SECONDS = 0.05
METHODS = ("random", "tpe")
N_KILLS = 5
Row = tuple[object, ...]


def main() -> None:
    """Run all and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--trials", type=int, default=200)
    options = parser.parse_args()
    options.trials = min(options.trials, 50) if options.quick else options.trials
    methods = [method for method in METHODS if method in names("optimizer")]
    speeds = [*ours(methods, options.trials), *optunas(options.trials)]
    tables = [
        table(("", "method", "workers", "trials/s", "with the start"), speeds),
        table(("a worker dies", "method", "trials", "ended well", "as undisturbed"), deaths(methods, options.trials)),
        table(("the run dies", "method", "trials", "kills", "as undisturbed"), resumptions(methods, options.trials)),
    ]
    about = __doc__.split("\n\n", 2)[2] if __doc__ else ""
    text = "\n\n".join([about.strip(), *tables])
    keep(options, text)
    print(text)


def space() -> SearchSpace:
    """Return a space of 8 mixed hyperparameters."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    numbers = [Float(f"x{i}", (0, 1)) for i in range(4)]
    whole = [Integer(f"n{i}", (1, 1000), log=True) for i in range(2)]
    return SearchSpace("mixed-1", ConfigurationSpace(space=[*numbers, *whole, *(Categorical(k, "abc") for k in "pq")]))


def loss(values: Any) -> float:
    """Return a bowl's height after 50 ms."""
    time.sleep(SECONDS)
    return float(sum((values[f"x{i}"] - 0.3) ** 2 for i in range(4)) + (values["p"] != "a") + values["n0"] / 1000)


def objective(trial: Trial) -> float:
    """Return the loss of a trial."""
    return loss(trial.configuration.hyperparameters)


def ours(methods: list[str], n_trials: int) -> Iterator[Row]:
    """Yield the speeds of our methods: on this thread, on processes, and on a Dask cluster."""
    for method in methods:
        for workers in (1, 2):
            yield "processes", method, workers, *timed(partial(minimized, method, n_trials, workers))
        with cluster() as (address, _):
            minimized(method, 4, address)  # imports
            yield "Dask cluster", method, 2, *timed(partial(minimized, method, n_trials, address))


def minimized(method: str, n_trials: int, workers: int | str = 1, **options: Any) -> Result:
    """Return the result of an optimization."""
    return minimize(objective, space(), method=method, n_trials=n_trials, workers=workers, **options)


def timed(run: Callable[[], Result]) -> tuple[str, str]:
    """Return the trials a second, from the first one's begin and from the call."""
    began = time.perf_counter()
    finished = run().finished
    whole = time.perf_counter() - began
    span = (max(f.finished for f in finished) - min(f.started for f in finished)).total_seconds()
    return f"{len(finished) / span:.1f}", f"{len(finished) / whole:.1f}"


@contextmanager
def cluster() -> Iterator[tuple[str, Any]]:
    """Give a Dask cluster of two processes: its address, and itself."""
    from distributed import LocalCluster

    sizes = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**sizes) as local:  # type: ignore[no-untyped-call]
        yield local.scheduler_address, local


def optunas(n_trials: int) -> Iterator[Row]:
    """Yield the speeds of Optuna's samplers, on one thread and on two."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
    for name, sampler in samplers.items():
        for n_jobs in (1, 2):
            began = time.perf_counter()
            study = optuna.create_study(sampler=sampler(seed=0))
            study.optimize(suggested, n_trials=n_trials, n_jobs=n_jobs)
            whole = time.perf_counter() - began
            starts, ends = zip(*((t.datetime_start, t.datetime_complete) for t in study.trials), strict=True)
            span = (max(filter(None, ends)) - min(filter(None, starts))).total_seconds()
            yield "Optuna's n_jobs", name, n_jobs, f"{n_trials / span:.1f}", f"{n_trials / whole:.1f}"


def suggested(trial: Any) -> float:
    """Return the loss of a trial of Optuna's."""
    values = {f"x{i}": trial.suggest_float(f"x{i}", 0, 1) for i in range(4)}
    values |= {f"n{i}": trial.suggest_int(f"n{i}", 1, 1000, log=True) for i in range(2)}
    return loss(values | {k: trial.suggest_categorical(k, list("abc")) for k in "pq"})


def deaths(methods: list[str], n_trials: int) -> Iterator[Row]:
    """Yield what became of the trials where a worker was killed."""
    for method in methods:
        result = minimized(method, n_trials, 2, callbacks=[killer(n_trials // 3, a_process)])
        yield "of a pool of 2", method, *counts(method, result)
        with cluster() as (address, local):
            kill = killer(n_trials // 3, lambda: next(iter(local.workers.values())).pid)
            result = minimized(method, n_trials, address, callbacks=[kill])
        yield "of a Dask cluster of 2", method, *counts(method, result)


def killer(after: int, pid: Callable[[], int]) -> Callable[[Result, Trial], None]:
    """Return a callback that kills a process once so many trials have ended."""

    def kill(result: Result, _: Trial) -> None:
        if len(result.finished) == after:
            os.kill(pid(), signal.SIGKILL)

    return kill


def a_process() -> int:
    """Return the id of a process of the pool."""
    return next(child.pid for child in multiprocessing.active_children() if child.pid is not None)


def counts(method: str, result: Result) -> Row:
    """Return how many trials ended, and ended well, and whether a method that learns nothing tried what it would."""
    same = "depends on the order of ends"
    if method == "random":
        undisturbed = {trial.configuration for trial in minimized(method, len(result.trials)).trials}
        same = str({trial.configuration for trial in result.trials} == undisturbed)
    return len({f.number for f in result.finished}), sum(trial.status == "ok" for trial in result.trials), same


def resumptions(methods: list[str], n_trials: int) -> Iterator[Row]:
    """Yield whether a run that was killed and resumed again and again is like one that was not."""
    chance, fork = random.Random(0), multiprocessing.get_context("fork")
    for method in methods:
        with tempfile.TemporaryDirectory() as folder:
            journal = Path(folder, "killed.jsonl")
            for _ in range(N_KILLS):
                process = fork.Process(target=minimized, args=(method, n_trials), kwargs={"journal": journal})
                process.start()
                time.sleep(chance.uniform(0.5, 1) * n_trials * SECONDS / (N_KILLS + 1))
                process.kill()
                process.join()
            resumed = minimized(method, n_trials, journal=journal)
        found, expected = (
            [(t.configuration, t.loss) for t in r.trials] for r in (resumed, minimized(method, n_trials))
        )
        yield "and is resumed", method, len(found), N_KILLS, found == expected


if __name__ == "__main__":
    main()
