"""Optimizers side by side with the peers': same problems, budgets, initial points and seeds, in one run.

    python -m benchmarks.optimizers [--quick] [--out FILE] [--parts tables,oboe,yahpo,functions,overhead] [--seeds N]
        [--optimizers A,B] [--every N] [--slow-every N] [--cache DIR] [--workers 1]

Ours are all registered optimizers that leave fidelities alone, the peers all that are installed. The first 10 trials on
a task are the same for all: random candidates of a table, else scrambled Sobol points; each optimizer is told them and
goes on. ``pool``: who can score a list of candidates chooses from it; ``snap``: everyone asks in the whole space and
gets the nearest candidate not yet tried. Normalized regret: 0 is the best candidate of a table, or the known minimum,
or the best that anyone found (at most the best of 2,000 random configurations); 1 is the worst candidate, or the median
of random configurations. Means over tasks with 95 % bootstrap intervals over families (of a function: over seeds).

Of each group of problems every n-th takes part, in the order of their names (``--every``); of those every m-th is for
the slow peers too, and of functions the first m-th part of the seeds (``--slow-every``). Runs are kept in ``--cache``
and taken from there, until the code of ours or the version of a peer changes. ``--quick``: one seed on one problem of
each group, 20 trials.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Memory

from benchmarks.common import arguments, keep
from benchmarks.optimizers_overhead import overhead
from benchmarks.optimizers_peers import LISTED, PEERS, SLOW, peer_version
from benchmarks.optimizers_problems import names
from benchmarks.optimizers_report import Regrets, sections
from benchmarks.optimizers_runs import Floats, Run, cached_problem, execute, version_of
from metalearn.core.parallel import completed, processes
from metalearn.errors import InputError
from metalearn.evaluation.optimizers import full_fidelity_optimizers

PARTS = ("functions", "tables", "oboe", "yahpo", "overhead")
# After so many trials a run is looked at, and at its end: a fifth of a pool, or 100.
TRIALS = (10, 25, 50)
# Every so many-th problem: of 75, 69 and 75 tables, 313 rows, 34 and 119 surrogates.
EVERY = {"functions": 1, "tables": 3, "oboe": 10, "yahpo": 6}
# By default: the functions are cheap, and with fewer seeds tell nobody apart.
N_SEEDS = {"functions": 30, "tables": 3, "oboe": 3, "yahpo": 3}
QUICK_TRIALS = 20


@dataclass(frozen=True)
class Plan:
    """What is run: the runs in their order, and which problems the slow peers have in common with the others."""

    runs: tuple[Run, ...]
    common: frozenset[str]


def plan(options: argparse.Namespace) -> Plan:
    """Return all runs of the parts asked for."""
    runs, common = [], set[str]()
    for part in (p for p in options.parts if p != "overhead"):
        protocols = ("pool", "snap") if part in ("tables", "oboe") else ("",)
        n_seeds = 1 if options.quick else options.seeds or N_SEEDS[part]
        n_slow = -(-n_seeds // options.slow_every) if part == "functions" else n_seeds
        for name, slow_too in chosen(part, options):
            common |= {name} if slow_too else set()
            runs += [
                Run(part, name, optimizer, protocol, seed)
                for protocol in protocols
                for optimizer in options.optimizers
                if (slow_too or optimizer not in SLOW)
                and (protocol != "pool" or optimizer not in PEERS or optimizer in LISTED)
                for seed in range(n_slow if optimizer in SLOW else n_seeds)
            ]
    return Plan(tuple(runs), frozenset(common))


def chosen(part: str, options: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    """Yield the problems of a part that take part, and whether the slow peers run on each."""
    try:
        known = names(part, options.shared)
    except (InputError, OSError) as error:
        options.skipped[part] = str(error)
        return
    every = options.every or EVERY[part]
    slow_every = 1 if part == "functions" else options.slow_every
    for group in dict.fromkeys(name.partition("/")[0] for name in known):
        taken = [name for name in known if name.partition("/")[0] == group][::every]
        for i, name in enumerate(taken[:1] if options.quick else taken):
            yield name, i % slow_every == 0


def run_all(planned: Plan, options: argparse.Namespace) -> dict[Run, tuple[Floats, float]]:
    """Return losses and seconds of all runs that did not fail; the others are named on stderr."""
    call = Memory(options.cache, verbose=0).cache(execute)
    limit = QUICK_TRIALS if options.quick else None
    calls = [(run, (call, run, version_of(run.optimizer), options.shared, limit)) for run in planned.runs]
    found: dict[Run, tuple[Floats, float]] = {}
    with processes(options.workers) as (jobs, n_workers):
        done = completed(jobs, n_workers, _safely, calls) if jobs else ((run, _safely(*given)) for run, given in calls)
        for number, (run, answer) in enumerate(done, start=1):
            if isinstance(answer, str):
                options.failed.setdefault((run.group, run.protocol, run.optimizer), answer)
                print(f"{run}: {answer}", file=sys.stderr)
            else:
                found[run] = answer
            print(f"\r{number} of {len(calls)}", end="", file=sys.stderr, flush=True)
    return found


def _safely(call: Any, run: Run, *rest: Any) -> Any:
    """Return what a call gives, or the error as a text: one optimizer that fails must not stop the others."""
    try:
        return call(run, *rest)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def regrets(found: Mapping[Run, tuple[Floats, float]], options: argparse.Namespace) -> list[Regrets]:
    """Return the normalized regrets of each group of problems and protocol, the mean over seeds on each problem."""
    lowest: dict[str, float] = {}
    for run, (losses, _) in found.items():
        lowest[run.problem] = min(lowest.get(run.problem, np.inf), float(np.nanmin(losses)))
    groups: dict[tuple[str, str, str], dict[str, dict[str, list[Floats]]]] = {}
    seconds: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    family, trials = {}, {}
    for run, (losses, spent) in sorted(found.items()):
        on = cached_problem(run.part, run.problem, options.shared)
        best = on.best if on.table is not None else min(on.best, lowest[run.problem])
        curve = np.clip((np.fmin.accumulate(losses) - best) / (on.reference - best), 0.0, 1.0)
        unit = run.problem if run.part != "functions" else f"seed {run.seed}"
        family[unit] = on.family if run.part != "functions" else unit
        key = run.part, run.group, run.protocol
        last = min(on.n_trials, QUICK_TRIALS) if options.quick else on.n_trials
        trials[key] = (*(n for n in TRIALS if n < last), last)
        at = np.minimum(trials[key], len(curve)) - 1
        groups.setdefault(key, {}).setdefault(run.optimizer, {}).setdefault(unit, []).append(curve[at])
        seconds.setdefault(key, {}).setdefault(run.optimizer, []).append(spent)
    means = {key: {o: {u: np.mean(v, axis=0) for u, v in c.items()} for o, c in g.items()} for key, g in groups.items()}
    return [Regrets(key, trials[key], curves, family, seconds[key]) for key, curves in means.items()]


def installed(optimizers: Sequence[str] | None, skipped: dict[str, str]) -> list[str]:
    """Return the optimizers asked for, or all of ours and the peers, less what is not installed."""
    wanted = list(optimizers or (*full_fidelity_optimizers(), *PEERS))
    for name in [name for name in wanted if name in PEERS]:
        try:
            peer_version(name)
        except PackageNotFoundError as error:
            skipped[name] = f"{error} is not installed"
            wanted.remove(name)
    return wanted


def main() -> None:
    """Run all that was asked for, or take it from the cache, and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--optimizers", type=lambda text: text.split(","))
    parser.add_argument("--every", type=int)
    parser.add_argument("--slow-every", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/metalearn-benchmarks").expanduser())
    parser.add_argument("--workers", default="1")
    options = parser.parse_args()
    options.shared, options.skipped, options.failed = options.shared.resolve(), {}, {}
    options.optimizers = installed(options.optimizers, options.skipped)
    planned = plan(options)
    text = sections(regrets(run_all(planned, options), options), planned.common, SLOW, set(PEERS))
    if "overhead" in options.parts:
        text.append(overhead(options.optimizers, quick=options.quick))
    left_out = [f"- {name}: {reason}" for name, reason in options.skipped.items()]
    left_out += [f"- {' '.join(key)}: {reason}" for key, reason in options.failed.items()]
    parts = [*text, *(["## Left out\n\n" + "\n".join(left_out)] if left_out else [])]
    keep(options, "\n\n".join(parts))
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
