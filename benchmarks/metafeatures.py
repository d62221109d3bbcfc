"""Meta-features side by side with pymfe: seconds by group, and values measure by measure.

    python -m benchmarks.metafeatures [--shared ../shared] [--limit 20] [--quick] [--cache DIR] [--out FILE]

pymfe comes with ``pip install 'metalearn[peers]'``. Both get the same arrays, each job in a process of its own with one
thread; seconds are the median of up to 25 runs, or of as many as 3 seconds hold. Each group is timed alone, then all in
one call. A group that pymfe does not finish within ``--limit`` seconds, or within 12 GB, counts with the limit, and the
sum of its groups for all: the ratio is then a lower bound. Values are compared on classification datasets of numbers
without gaps, by the mean over columns (classes, folds, ...). ``--quick`` takes one dataset in eight. Scaling is ours
alone: all default groups, on up to 1 million rows x 100 columns and 10 million x 10.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from pebble import concurrent

from benchmarks.metafeatures_pairs import GROUPS, PAIRS
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
RUNS, ENOUGH_SECONDS = 25, 3.0
TOLERANCE = 1e-6
Result = dict[str, Any]


def main() -> None:
    """Run both sides on every case and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/metafeatures.md"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cache", type=Path, help="keep what is measured here, and go on with what is there")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(JOBS[options.job](options.case, options)))
        return
    index = pd.read_csv(options.shared / "datasets" / "index.csv").set_index("name")
    classification = index.index[index["task_type"] == "classification"]
    names = [*classification[:: 8 if options.quick else 1], *SYNTHETIC]
    measure = Memory(options.cache, verbose=0).cache(run)
    both = {name: {job: measure(job, name, options) for job in ("pymfe", "ours")} for name in progress(names)}
    sizes = SCALING[:3] if options.quick else SCALING
    scaling = {f"{n} x {p}": measure("scaling", f"{n} x {p}", options) for n, p in progress(sizes)}
    text = "\n\n".join([speed_table(both), group_table(both), agreement_table(both), scaling_table(scaling)])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    command = "python -m benchmarks.metafeatures" + (" --quick" if options.quick else "")
    options.out.write_text(f"`{command}`\n\n{text}\n", encoding="utf-8")
    print(text)


def progress(cases: Sequence[Any]) -> Iterator[Any]:
    """Yield the cases, and say on stderr which one is at work."""
    for i, case in enumerate(cases):
        print(f"{i + 1} of {len(cases)}: {case}", file=sys.stderr, flush=True)
        yield case


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


def run_ours(case: str, options: argparse.Namespace) -> Result:
    """Return seconds of each group and its values."""
    dataset = case_dataset(case, options)

    def extract(*groups: str) -> Mapping[str, float]:
        extractor = Extractor([own for group in groups for own in GROUPS[group][1]], summaries=("mean",))
        values, _, _ = extractor.extract(dataset, rng=np.random.default_rng(0))
        return dict(zip(extractor.names, values.tolist(), strict=True))

    groups = {group: timed(partial(extract, group)) for group in GROUPS}
    return described(dataset, groups, timed(partial(extract, *GROUPS))["seconds"])


def run_pymfe(case: str, options: argparse.Namespace) -> Result:
    """Return seconds of each group and its values, or why there are none."""
    from pymfe.mfe import MFE

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    dataset = case_dataset(case, options)
    X, nominal = pymfe_arrays(dataset)

    def extract(*groups: str) -> Mapping[str, float]:
        names = [name for group in groups for name in GROUPS[group][0]]
        mfe = MFE(groups=names, summary=["nanmean"], suppress_warnings=True, random_state=0)
        mfe.fit(X, dataset.y.cat.codes.to_numpy(), cat_cols=nominal or None, suppress_warnings=True)
        found, values = mfe.extract(suppress_warnings=True, verbose=0)[:2]
        return dict(zip(found, np.array(values, dtype=float).tolist(), strict=True))

    groups = {group: within(options.limit, partial(extract, group)) for group in GROUPS}
    seconds = float(sum(result["seconds"] for result in groups.values()))
    if not any(result["failed"] for result in groups.values()):
        seconds = timed(partial(extract, *GROUPS))["seconds"]
    return described(dataset, groups, seconds)


def pymfe_arrays(dataset: Dataset) -> tuple[Any, list[int]]:
    """Return the columns as one array, as pymfe wants them, and which of them are nominal."""
    nominal = [i for i, kind in enumerate(dataset.kinds) if kind != "numeric"]
    if not nominal:
        return dataset.X.to_numpy(dtype=np.float64), []
    columns = [dataset.X.iloc[:, i] for i in range(dataset.X.shape[1])]
    texts = {i: columns[i].astype(object).where(columns[i].notna(), "missing").astype(str) for i in nominal}
    return np.column_stack([texts.get(i, column).to_numpy(dtype=object) for i, column in enumerate(columns)]), nominal


def described(dataset: Dataset, groups: Mapping[str, Result], seconds: float) -> Result:
    """Add what the dataset is like, and the seconds of all groups in one call, to the groups' results."""
    complete = set(dataset.kinds) == {"numeric"} and not dataset.X.isna().any(axis=None)
    size = {"rows": len(dataset.X), "columns": dataset.X.shape[1], "complete": bool(complete)}
    return {**size, "groups": dict(groups), "seconds": seconds}


def timed(extract: Callable[[], Mapping[str, float]]) -> Result:
    """Return the median seconds of a few runs, and the values."""
    seconds: list[float] = []
    values: Mapping[str, float] = {}
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        while not seconds or (len(seconds) < RUNS and sum(seconds) < ENOUGH_SECONDS):
            start = time.perf_counter()
            values = extract()
            seconds.append(time.perf_counter() - start)
    return {"seconds": float(np.median(seconds)), "values": dict(values), "failed": False}


def within(seconds: int, extract: Callable[[], Mapping[str, float]]) -> Result:
    """Return what ``timed`` gives, from a fork that is killed when the time is over; else the limit, as failed."""
    run_it = concurrent.process(timeout=seconds, mp_context=multiprocessing.get_context("fork"))(timed)
    try:
        result: Result = run_it(extract).result()
    except Exception as error:
        print(f"pymfe: {type(error).__name__} {error}", file=sys.stderr)
        return {"seconds": float(seconds), "values": {}, "failed": True}
    return result


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
    "ours": run_ours,
    "pymfe": run_pymfe,
    "scaling": run_scaling,
}


def heading(title: str, columns: Sequence[str]) -> list[str]:
    """Return the first lines of a table."""
    return [f"## {title}", "", f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]


def speed_table(both: Mapping[str, Mapping[str, Result]]) -> str:
    """Return seconds in all on each dataset."""
    lines = heading("Seconds, all shared groups", ("dataset", "rows x columns", "pymfe", "ours", "ratio"))
    ratios = []
    for name, results in both.items():
        theirs, ours = results["pymfe"]["seconds"], results["ours"]["seconds"]
        unfinished = [group for group, found in results["pymfe"]["groups"].items() if found["failed"]]
        mark = f" (at least: {', '.join(unfinished)})" if unfinished else ""
        size = f"{results['ours']['rows']} x {results['ours']['columns']}"
        ratios.append(theirs / ours)
        lines.append(f"| {name} | {size} | {theirs:.3f}{mark} | {ours:.3f} | {ratios[-1]:.1f} |")
    spread = f"smallest {min(ratios):.1f}, median {np.median(ratios):.1f}, largest {max(ratios):.1f}"
    return "\n".join([*lines, "", f"Ratios over {len(ratios)} datasets: {spread}."])


def group_table(both: Mapping[str, Mapping[str, Result]]) -> str:
    """Return by group the ratio of seconds over the datasets."""
    lines = heading("Ratio of seconds, by group", ("group", "smallest", "median", "largest", "pymfe unfinished"))
    for group in GROUPS:
        pairs = [(r["pymfe"]["groups"][group], r["ours"]["groups"][group]) for r in both.values()]
        ratios = [theirs["seconds"] / ours["seconds"] for theirs, ours in pairs]
        unfinished = sum(theirs["failed"] for theirs, _ in pairs)
        lines.append(f"| {group} | {min(ratios):.1f} | {np.median(ratios):.1f} | {max(ratios):.1f} | {unfinished} |")
    return "\n".join(lines)


def agreement_table(both: Mapping[str, Mapping[str, Result]]) -> str:
    """Return by measure on how many datasets the values agree, and why the others differ."""
    columns = ("group", "pymfe", "ours", "datasets", "agree", "median difference", "why")
    lines = heading("Values, by measure", columns)
    for group, theirs, ours, why in PAIRS:
        gaps = [
            gap
            for results in both.values()
            if results["ours"]["complete"]
            for gap in difference(results, group, theirs, ours)
        ]
        agree = sum(gap <= TOLERANCE for gap in gaps)
        middle = f"{np.median(gaps):.1e}" if gaps else ""
        lines.append(f"| {group} | {theirs} | {ours} | {len(gaps)} | {agree} | {middle} | {why} |")
    return "\n".join(lines)


def difference(results: Mapping[str, Result], group: str, theirs: str, ours: str) -> list[float]:
    """Return the relative difference of two values, if both are there."""
    values = [results[side]["groups"][group]["values"] for side in ("pymfe", "ours")]
    found = [
        next((side[n] for n in names if n in side and side[n] is not None and np.isfinite(side[n])), None)
        for side, names in zip(values, ((theirs, f"{theirs}.nanmean"), (ours, f"{ours}_mean")), strict=True)
    ]
    if found[0] is None or found[1] is None:
        return []
    return [abs(found[0] - found[1]) / max(abs(found[0]), abs(found[1]), 1e-12)]


def scaling_table(scaling: Mapping[str, Result]) -> str:
    """Return seconds and memory against rows and columns, with the slopes on logarithmic scales."""
    groups = list(next(iter(scaling.values()))["groups"])
    columns = ("rows x columns", "seconds", "peak GB (table: GB)", *groups)
    lines = heading("Time and memory against size, ours", columns)
    for name, r in scaling.items():
        parts = " | ".join(f"{r['groups'][group]:.2f}" for group in groups)
        size = r["n"] * r["p"] * 8 / 1e9
        lines.append(f"| {name} | {r['seconds']:.2f} | {r['peak']:.2f} ({size:.2f}) | {parts} |")
    rows = [(r["n"], r["seconds"]) for r in scaling.values() if r["p"] == 100]
    wide = [(r["p"], r["seconds"]) for r in scaling.values() if r["n"] == 100_000]
    slopes = [f"against {of}: {slope(points):.2f}" for of, points in (("rows", rows), ("columns", wide)) if points[1:]]
    return "\n".join([*lines, "", f"Slope of log(seconds) {'; '.join(slopes)}."])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of a line through points on logarithmic scales."""
    x, y = np.log(np.array(points, dtype=np.float64)).T
    return float(np.polyfit(x, y, 1)[0])


if __name__ == "__main__":
    main()
