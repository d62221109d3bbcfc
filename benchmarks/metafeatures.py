"""Meta-features side by side with pymfe: seconds by group, and values measure by measure.

    python -m benchmarks.metafeatures [--quick] [--out FILE] [--limit 20] [--cache DIR]

pymfe comes with ``pip install -e '.[peers]'``. Both get the same arrays, each dataset in a process of its own with
one thread. Each group is timed alone, then all in one call. These machines are up to twice as fast in one minute as in
the next, so both sides take turns, pymfe between two runs of ours, for 2 seconds or 15 rounds; the ratio is the median
over the rounds. A group that pymfe does not finish within ``--limit`` seconds, or within 12 GB, counts with the limit,
and the sum of its groups for all: the ratio is then a lower bound. Values are compared on classification datasets of
numbers without gaps, by the mean over columns (classes, folds, ...). Scaling is ours alone: all default groups, on up
to 1 million rows x 100 columns and 10 million x 10. ``--quick``: one dataset in twelve, 3 seconds a group at most.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from pebble import concurrent

from benchmarks.common import arguments, keep, progress
from benchmarks.metafeatures_pairs import GROUPS
from benchmarks.metafeatures_report import report
from metalearn.core.records import Dataset
from metalearn.metafeatures.extract import Extractor
from metalearn.sources.files import load_dataset
from metalearn.sources.frames import make_dataset

SYNTHETIC = {"synthetic 20,000 x 50": (20_000, 50, 5), "synthetic 100,000 x 20": (100_000, 20, 2)}
# Rows and columns; the slopes are of those with 100 columns, and of those with 100,000 rows.
SCALING = (
    *((n, 100) for n in (1_000, 10_000, 100_000, 1_000_000)),
    *((100_000, p) for p in (10, 30)),
    (1_000, 1_000),
    (10_000_000, 10),
)
MEMORY = 12 * 2**30
ROUNDS, ENOUGH_SECONDS = 15, 2.0
FORK = multiprocessing.get_context("fork")
Result = dict[str, Any]
Extract = Callable[[], Mapping[str, float]]


def main() -> None:
    """Run both sides on every case and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--cache", type=Path, help="keep what is measured here, and go on with what is there")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(JOBS[options.job](options.case, options)))
        return
    if options.quick:
        options.limit = min(options.limit, 3)
    index = pd.read_csv(options.shared / "datasets" / "index.csv").set_index("name")
    classification = index.index[index["task_type"] == "classification"]
    names = [*classification[::12]] if options.quick else [*classification, *SYNTHETIC]
    measure = Memory(options.cache, verbose=0).cache(run)
    both = {name: measure("both", name, options) for name in progress(names)}
    sizes = SCALING[:3] if options.quick else SCALING
    scaling = {f"{n} x {p}": measure("scaling", f"{n} x {p}", options) for n, p in progress(sizes)}
    text = report(both, scaling)
    keep(options, text)
    print(text)


def run(job: str, case: str, options: argparse.Namespace) -> Result:
    """Run a job in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.metafeatures", "--job", job, "--case", case]
    command += ["--shared", str(options.shared), "--limit", str(options.limit)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{job} on {case} failed:\n{done.stderr[-2000:]}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def case_dataset(case: str, options: argparse.Namespace) -> Dataset:
    """Return one of the shared datasets, or a synthetic one."""
    if case in SYNTHETIC:
        from sklearn.datasets import make_classification

        n, p, n_classes = SYNTHETIC[case]
        X, y = make_classification(n, p, n_informative=10, n_classes=n_classes, random_state=0)
        return make_dataset(pd.DataFrame(X).add_prefix("x").assign(target=y), "target", task_type="classification")
    index = pd.read_csv(options.shared / "datasets" / "index.csv").set_index("name")
    file, target = (str(index.at[case, column]) for column in ("file", "target_column"))
    return load_dataset(options.shared / "datasets" / file, target, task_type="classification")


def run_both(case: str, options: argparse.Namespace) -> Result:
    """Return what a dataset is like, and of each group and of all of them the seconds and values of both sides."""
    from pymfe.mfe import MFE

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    dataset = case_dataset(case, options)
    X, nominal = pymfe_arrays(dataset)
    y = dataset.y.cat.codes.to_numpy()

    def pymfe(*groups: str) -> Mapping[str, float]:
        names = [name for group in groups for name in GROUPS[group][0]]
        mfe = MFE(groups=names, summary=["nanmean"], suppress_warnings=True, random_state=0)
        mfe.fit(X, y, cat_cols=nominal or None, suppress_warnings=True)
        found, values = mfe.extract(suppress_warnings=True, verbose=0)[:2]
        return dict(zip(found, np.array(values, dtype=float).tolist(), strict=True))

    def ours(*groups: str) -> Mapping[str, float]:
        extractor = Extractor([own for group in groups for own in GROUPS[group][1]], summaries=("mean",))
        values, _, _ = extractor.extract(dataset, rng=np.random.default_rng(0))
        return dict(zip(extractor.names, values.tolist(), strict=True))

    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        groups = {group: in_turns(partial(pymfe, group), partial(ours, group), options.limit) for group in GROUPS}
        if any(result["failed"] for result in groups.values()):
            theirs = float(sum(result["pymfe"] for result in groups.values()))
            together = against(theirs, partial(ours, *GROUPS), failed=True)
        else:
            limit = 2 * options.limit * len(GROUPS)
            together = in_turns(partial(pymfe, *GROUPS), partial(ours, *GROUPS), limit)
    complete = set(dataset.kinds) == {"numeric"} and not dataset.X.isna().any(axis=None)
    size = {"rows": len(dataset.X), "columns": dataset.X.shape[1], "complete": bool(complete)}
    return {**size, "groups": groups, "all": together}


def pymfe_arrays(dataset: Dataset) -> tuple[Any, list[int]]:
    """Return the columns as one array, as pymfe wants them, and which of them are nominal."""
    nominal = [i for i, kind in enumerate(dataset.kinds) if kind != "numeric"]
    if not nominal:
        return dataset.X.to_numpy(dtype=np.float64), []
    columns = [dataset.X.iloc[:, i] for i in range(dataset.X.shape[1])]
    texts = {i: columns[i].astype(object).where(columns[i].notna(), "missing").astype(str) for i in nominal}
    return np.column_stack([texts.get(i, column).to_numpy(dtype=object) for i, column in enumerate(columns)]), nominal


def in_turns(pymfe: Extract, ours: Extract, limit: int) -> Result:
    """Return the median seconds of both sides and of their ratio, and the values.

    The first run of pymfe's is in a fork that is killed when the ``limit`` of seconds is reached.
    """
    try:
        seconds, values = concurrent.process(timeout=limit, mp_context=FORK)(timed)(pymfe).result()
    except Exception as error:
        print(f"pymfe: {type(error).__name__} {error}", file=sys.stderr)
        return against(limit, ours, failed=True)
    if seconds > ENOUGH_SECONDS:
        return {**against(seconds, ours, failed=False), "pymfe_values": values}
    own_values = timed(ours)[1]
    rounds: list[tuple[float, float]] = []
    while not rounds or (len(rounds) < ROUNDS and np.sum(rounds) < ENOUGH_SECONDS):
        before, theirs, after = timed(ours)[0], timed(pymfe)[0], timed(ours)[0]
        rounds.append((theirs, (before + after) / 2))
    theirs, own = np.median(rounds, axis=0).tolist()
    ratio = float(np.median([t / o for t, o in rounds]))
    values = {"pymfe_values": values, "our_values": own_values}
    return {"pymfe": theirs, "ours": own, "ratio": ratio, "failed": False, **values}


def against(seconds: float, ours: Extract, *, failed: bool) -> Result:
    """Return what ``in_turns`` gives, where one run of pymfe's took these seconds, or was given up after them."""
    runs = [timed(ours) for _ in range(3)]
    own = float(np.median([spent for spent, _ in runs]))
    result = {"pymfe": seconds, "ours": own, "ratio": seconds / own, "failed": failed}
    return {**result, "pymfe_values": {}, "our_values": runs[0][1]}


def timed(extract: Extract) -> tuple[float, Mapping[str, float]]:
    """Return the seconds of a run, and its values."""
    start = time.perf_counter()
    values = extract()
    return time.perf_counter() - start, values


def run_scaling(case: str, options: argparse.Namespace) -> Result:  # noqa: ARG001
    """Return seconds and peak memory of the default groups on random numbers and a class."""
    n, p = map(int, case.split(" x "))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    y = pd.Series(pd.Categorical((X[:, 0] + rng.normal(size=n) > 0).astype(str)))
    dataset = Dataset(pd.DataFrame(X, copy=False), y, case, tuple(["numeric"] * p), "")
    extractor = Extractor()
    few = replace(dataset, X=dataset.X.iloc[:50], y=dataset.y.iloc[:50])
    extractor.extract(few, rng=np.random.default_rng(0))  # so that no import counts
    start = time.perf_counter()
    _, spent, _ = extractor.extract(dataset, rng=np.random.default_rng(0))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    by_group = {}
    for group in extractor.groups:
        mine = [name in set(group.names(extractor.summaries)) for name in extractor.names]
        by_group[group.name] = float(spent[mine].sum())
    return {"n": n, "p": p, "seconds": seconds, "peak": peak / 1e6, "groups": by_group}


JOBS: dict[str, Callable[[str, argparse.Namespace], Result]] = {
    "both": run_both,
    "scaling": run_scaling,
}


if __name__ == "__main__":
    main()
