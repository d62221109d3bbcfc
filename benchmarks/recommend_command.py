"""How long the command takes: `metalearn recommend` on a file of 10,000 rows and 50 columns.

    python -m benchmarks.recommend_command [--quick] [--out FILE] [--runs 5]

From the start of the process to its end, on scikit-learn's `make_classification` as CSV, with the bundled knowledge
base. "Shipped": the default recommender is read, as it is shipped; "fitted": it is fitted anew (another seed, an empty
cache). CPU seconds are those of the process and all its threads; the stages are the command's own, by the clock, and
the rest is starting Python, the command line's imports and printing. Each figure is the median of the runs. The last
line is one call of `recommend` after `meta_fit`, in a process that is warm.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import arguments, keep
from metalearn.evaluation.report import table
from metalearn.recommenders.auto import Auto
from metalearn.store import KnowledgeBase

N_ROWS, N_COLUMNS = 10_000, 50
CASES = {"shipped": 0, "fitted": 1}
Seconds = dict[str, float]


def main() -> None:
    """Run the command and write the table."""
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = write_table(Path(folder))
        runs = {
            case: [command(path, seed) for _ in range(1 if options.quick else options.runs)]
            for case, seed in CASES.items()
        }
    found = {case: {stage: statistics.median(run[stage] for run in of) for stage in of[0]} for case, of in runs.items()}
    stages = found["shipped"]
    seconds = table(("seconds", *found), [(stage, *(f"{of[stage]:.2f}" for of in found.values())) for stage in stages])
    warm = f"One call of `recommend` after `meta_fit`: {1000 * one_call():.1f} ms."
    about = __doc__.split("\n\n", 2)[2] if __doc__ else ""
    text = f"{about.strip()}\n\n{seconds}\n\n{warm}"
    keep(options, text)
    print(text)


def write_table(folder: Path) -> Path:
    """Write the table as CSV and return where."""
    from sklearn.datasets import make_classification

    X, y = make_classification(N_ROWS, N_COLUMNS, n_informative=20, n_classes=3, random_state=0)
    path = folder / "table.csv"
    names = [*(f"x{i}" for i in range(N_COLUMNS)), "y"]
    np.savetxt(path, np.column_stack([X, y]), delimiter=",", header=",".join(names), comments="", fmt="%.10g")
    return path


def command(path: Path, seed: int) -> Seconds:
    """Run the command with an empty cache and return its seconds: by the clock, of the CPU, and of each stage."""
    with tempfile.TemporaryDirectory() as cache:
        call = [sys.executable, "-m", "metalearn", "recommend", str(path), "--target", "y", "--task-type"]
        call += ["classification", "--seed", str(seed), "--explain", "--json"]
        before, begin = _cpu(), time.perf_counter()
        done = subprocess.run(call, capture_output=True, check=True, env=os.environ | {"METALEARN_CACHE": cache})
        wall, cpu = time.perf_counter() - begin, _cpu() - before
    stages: Seconds = json.loads(done.stdout)["seconds"]
    return {"in all, by the clock": wall, "in all, CPU": cpu, **stages, "the rest": wall - sum(stages.values())}


def one_call() -> float:
    """Return the median seconds of a recommendation for a task, its evaluations held out, by a fitted recommender."""
    with KnowledgeBase.open() as kb:
        past = kb.meta_dataset(task_type="classification")
    task = past.tasks[0]
    fitted = Auto().meta_fit(past.without_family(task.family), rng=np.random.default_rng(0))
    fitted.recommend(task, 10)  # what is computed once for all tasks
    seconds = []
    for _ in range(20):
        begin = time.perf_counter()
        fitted.recommend(task, 10)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
