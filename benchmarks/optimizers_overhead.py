"""What an optimizer's own work costs: milliseconds for an ask and a tell, after n trials in 8 mixed dimensions."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.optimizers_functions import mixed8
from benchmarks.optimizers_peers import PEERS
from metalearn.core.records import Trial
from metalearn.core.registry import create
from metalearn.optimizers.ask_tell import AskTell

SIZES = (50, 200, 500, 1000)
# So many times an ask and a tell, after one that is not counted; fewer where they take longer than this together.
N_REPEATED, LONGEST_SECONDS = 10, 60.0
BASELINES = ("optuna_tpe", "optuna_gp", "botorch_logei")


def overhead(optimizers: Sequence[str], *, quick: bool = False) -> str:
    """Return a Markdown table of medians, and of their ratios to some peers'; who is too slow is not asked for more."""
    medians: dict[str, list[float]] = {}
    for name in optimizers:
        medians[name] = []
        for n in SIZES[:1] if quick else SIZES:
            try:
                times = _measured(name, n)
            except Exception as error:
                print(f"{name}, overhead at {n}: {type(error).__name__}: {error}", file=sys.stderr)
                break
            medians[name].append(1e3 * float(np.median(times)))
            if sum(times) > LONGEST_SECONDS:
                break
    baselines = [name for name in BASELINES if medians.get(name)]
    heads = [
        "optimizer",
        *(f"n = {n}" for n in SIZES),
        *(f"to `{b}` at n = {SIZES[len(medians[b]) - 1]}" for b in baselines),
    ]
    rows = [
        [f"`{name}`", *(_shown(found, i) for i in range(len(SIZES))), *(_ratio(found, medians[b]) for b in baselines)]
        for name, found in medians.items()
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## Overhead\n\nMedian milliseconds per ask and tell after n trials in 8 mixed dimensions.\n\n{table}"


def _measured(name: str, n: int) -> list[float]:
    """Return the seconds of some asks and tells after n trials."""
    step = _peer(name, n) if name in PEERS else _ours(name, n)
    step()
    times: list[float] = []
    while len(times) < N_REPEATED and sum(times) < LONGEST_SECONDS:
        times.append(step())
    return times


def _ours(name: str, n: int) -> Callable[[], float]:
    space, objective = mixed8()
    random = space.sample(n, np.random.default_rng(0))
    trials = [Trial(c).ended(objective(c)) for c in random]
    optimizer = AskTell(space, create("optimizer", name), observed=trials, rng=np.random.default_rng(0))

    def step() -> float:
        start = time.perf_counter()
        (trial,) = optimizer.ask()
        asked = time.perf_counter() - start
        finished = trial.ended(objective(trial.configuration))
        start = time.perf_counter()
        optimizer.tell([finished])
        return asked + time.perf_counter() - start

    return step


def _peer(name: str, n: int) -> Callable[[], float]:
    space, objective = mixed8()
    random = space.sample(n, np.random.default_rng(0))
    kind: Any = PEERS[name][0]
    X = space.encode(random)
    peer = kind(space.cube, 0, n + N_REPEATED + 1, X[:10])
    for x, configuration in zip(X, random, strict=True):
        peer.tell(x, objective(configuration))

    def step() -> float:
        start = time.perf_counter()
        x = peer.ask()
        asked = time.perf_counter() - start
        loss = objective(space.decode(x[None])[0])
        start = time.perf_counter()
        peer.tell(x, loss)
        return float(asked + time.perf_counter() - start)

    return step


def _shown(found: Sequence[float], i: int) -> str:
    return f"{found[i]:.1f}" if i < len(found) else "-"


def _ratio(found: Sequence[float], baseline: Sequence[float]) -> str:
    last = len(baseline) - 1
    return f"{found[last] / baseline[last]:.3g}" if last < len(found) else "-"
