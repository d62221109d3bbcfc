"""One run of the optimizers' bench: an optimizer, ours or a peer's, on a problem."""

import hashlib
import time
import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

import metalearn
from benchmarks.optimizers_peers import PEERS, peer_version
from benchmarks.optimizers_problems import Problem, problem
from metalearn.core.records import Trial
from metalearn.core.registry import create
from metalearn.evaluation.optimizers import replay_optimizer
from metalearn.optimizers.ask_tell import AskTell

Floats = NDArray[np.float64]

# What all optimizers are told before their first own trial: as many as most draw at random by default.
N_INITIAL = 10


class Run(NamedTuple):
    """One run: of an optimizer on a problem by a protocol ("" where there is no list of candidates)."""

    part: str
    problem: str
    optimizer: str
    protocol: str
    seed: int

    @property
    def group(self) -> str:
        """The table or surrogate that the problem belongs to; a function is a group of its own."""
        return self.problem.partition("/")[0]

    @property
    def own_seed(self) -> int:
        """A seed of the task's own, lest the same draws decide on all tasks; of a function ``seed`` itself."""
        return zlib.crc32(self.problem.partition("/")[2].encode(), self.seed)


@lru_cache(maxsize=4)
def cached_problem(part: str, name: str, shared: Path) -> Problem:
    """Return a problem, the same as long as it is run on."""
    return problem(part, name, shared)


def execute(run: Run, version: str, shared: Path, limit: int | None) -> tuple[Floats, float]:  # noqa: ARG001
    """Return the losses (n,) of a run in their order, and the seconds that its optimizer took for each of its own.

    ``version`` is of the optimizer's code; a run is kept under it.
    """
    on = cached_problem(run.part, run.problem, shared)
    n = min(limit or on.n_trials, on.n_trials)
    initial = [Trial(c).ended(on.objective(c)) for c in on.initial(min(N_INITIAL, n), run.own_seed)]
    if run.optimizer in PEERS:
        return _run_peer(run, on, initial, n)
    return _run_ours(run, on, initial, n)


def _run_ours(run: Run, on: Problem, initial: Sequence[Trial], n: int) -> tuple[Floats, float]:
    method, rng = create("optimizer", run.optimizer), np.random.default_rng([run.own_seed, n])
    first, left = [t.loss for t in initial], n - len(initial)
    start = time.perf_counter()
    if on.table is not None:
        protocol: Literal["pool", "snap"] = "pool" if run.protocol == "pool" else "snap"
        places = replay_optimizer(on.space, method, on.table, left, protocol=protocol, observed=initial, rng=rng)
        seconds = (time.perf_counter() - start) / max(left, 1)
        return np.array([*first, *on.table.losses[places]], dtype=np.float64), seconds
    optimizer, spent = AskTell(on.space, method, observed=initial, rng=rng), 0.0
    while len(optimizer.trials) < n:
        start = time.perf_counter()
        asked = optimizer.ask()
        spent += time.perf_counter() - start
        if not asked:
            break
        optimizer.tell([asked[0].ended(on.objective(asked[0].configuration))])
    return np.array([t.loss for t in optimizer.trials], dtype=np.float64), spent / max(left, 1)


def _run_peer(run: Run, on: Problem, initial: Sequence[Trial], n: int) -> tuple[Floats, float]:
    kind, _ = PEERS[run.optimizer]
    losses, spent = [float(t.loss or 0.0) for t in initial], 0.0
    X = on.space.encode([t.configuration for t in initial])
    peer = kind(on.space.cube, run.own_seed, n, X)
    for x, loss in zip(X, losses, strict=True):
        peer.tell(x, loss)
    pool = on.table.candidates if on.table is not None else ()
    rows, known = on.space.encode(pool), {t.configuration.id for t in initial}
    left = np.array([c.id not in known for c in pool], dtype=bool)
    while len(losses) < n:
        start = time.perf_counter()
        open_ = np.flatnonzero(left)
        x = rows[open_[peer.choose(rows[open_])]] if run.protocol == "pool" else peer.ask()
        spent += time.perf_counter() - start
        if on.table is not None:
            i = open_[on.space.cube.distances(x[None], rows[open_])[0].argmin()]
            left[i], x = False, rows[i]
        losses.append(float(on.table.losses[i]) if on.table is not None else on.objective(on.space.decode(x[None])[0]))
        start = time.perf_counter()
        peer.tell(x, losses[-1])
        spent += time.perf_counter() - start
    return np.array(losses), spent / max(n - len(initial), 1)


@cache
def our_version() -> str:
    """Return a hash of the code that our optimizers are made of."""
    package = Path(metalearn.__file__).parent
    modules = [path for folder in ("optimizers", "surrogates") for path in (package / folder).rglob("*.py")]
    return _hash([*sorted(modules), package / "core" / "encoded_space.py"])


def version_of(optimizer: str) -> str:
    """Return what a run of an optimizer is kept under: the code that it depends on.

    Raises:
        PackageNotFoundError: when it is a peer that is not installed.
    """
    own = Path(__file__).parent
    bench = _hash([own / f"optimizers_{name}.py" for name in ("runs", "problems", "functions", "peer", "peers")])
    if optimizer in PEERS:
        return f"{peer_version(optimizer)} {bench}"
    return f"{our_version()} {create('optimizer', optimizer)!r} {bench}"


def _hash(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
