"""Load test of the knowledge base: append, load, publish and read back, at growing numbers of evaluations.

    python -m benchmarks.store [--quick] [--out FILE] [--millions 1 2 5] [--bulk 100] [--folder /tmp]

The rows are synthetic: 500 runs on each task, drawn from a pool of configurations that grows by 10 a task, with 5 folds
and 2 metrics, in pages of 10,000 rows; 10 algorithms share the pool. One knowledge base grows from size to size. Each
step runs in a process of its own; its time is the median of 3, its memory the most that the process held less what it
held after its imports. "Line" extends a straight line through the sizes to 100 million rows; "bulk" is a knowledge base
of that size, filled without looking for doubles and measured once. What DuckDB takes to append, publish and verify ends
at its memory_limit, beyond which it works on disk, and so has no line.
"""

import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import arguments, keep
from benchmarks.store_rows import ALGORITHMS, METRICS, ROWS_A_TASK, batches, pool_size
from metalearn.evaluation.report import table
from metalearn.store import KnowledgeBase, verify
from metalearn.store.loading import load_meta_dataset

GOAL = 100_000_000
Figures = dict[str, float]
Step = Callable[..., Figures]


def main() -> None:
    """Grow the knowledge base, measure at each size and write the table."""
    parser = arguments(__doc__)
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 2, 5])
    parser.add_argument("--bulk", type=int, help="millions of rows to go on to in bulk; 100 take half an hour")
    parser.add_argument("--folder", type=Path, help="where the knowledge base may take its space")
    options = parser.parse_args()
    sizes = [million * 1_000_000 for million in sorted([1] if options.quick else options.millions)]
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        folder = Path(scratch)
        figures = [measured(folder, append, STEPS, *ends) for ends in zip([0, *sizes], sizes, strict=False)]
        ends = (sizes[-1], (options.bulk or 0) * 1_000_000)
        bulk = measured(folder, fill, BULK_STEPS, *ends, repeats=1) if options.bulk else {}
    text = report(sizes, figures, bulk)
    keep(options, text)
    print(text)


def measured(folder: Path, grow: Step, steps: tuple[Step, ...], low: int, high: int, repeats: int = 3) -> Figures:
    """Grow from ``low`` up to ``high`` rows and return the figures of every step at this size."""
    figures = alone(grow, folder, low // ROWS_A_TASK, high // ROWS_A_TASK)
    for step in steps:
        runs = [alone(step, folder) for _ in range(repeats)]
        figures |= {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    print(f"{high:,} rows: {figures}", flush=True)
    return figures


def alone(step: Step, folder: Path, *arguments: int) -> Figures:
    """Run a step in a fresh process and add its peak memory to its figures."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_watched, step, folder, *arguments).result()


def _watched(step: Step, folder: Path, *arguments: int) -> Figures:
    KnowledgeBase.open().close()  # what a process holds before it does anything
    before = _peak()
    figures = step(folder, *arguments)
    return figures | {f"{step.__name__}: MB": _peak() - before}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _timed(step: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    value = step()
    return time.perf_counter() - start, value


def append(folder: Path, first: int, last: int) -> Figures:
    """Append pages; only the time inside the knowledge base counts."""
    with KnowledgeBase.open(folder / "kb.duckdb", read_only=False) as kb:
        seconds = [_timed(lambda batch=batch: kb.append(batch))[0] for batch in batches(first, last)]  # type: ignore[misc]
    size = (folder / "kb.duckdb").stat().st_size
    return {"append: rows/s": (last - first) * ROWS_A_TASK / sum(seconds), "DuckDB: MB": size / 1e6}


def fill(folder: Path, first: int, last: int) -> Figures:
    """Put the same pages in without looking for doubles: appending them would take an hour."""
    with KnowledgeBase.open(folder / "kb.duckdb", read_only=False) as kb:
        for batch in batches(first, last):
            for name, rows in batch.tables.items():
                kb._connection.register("batch", rows)
                kb._connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM batch")
    return {"DuckDB: MB": (folder / "kb.duckdb").stat().st_size / 1e6}


def publish(folder: Path) -> Figures:
    """Write the snapshot anew."""
    shutil.rmtree(folder / "snapshot", ignore_errors=True)
    with KnowledgeBase.open(folder / "kb.duckdb") as kb:
        seconds, _ = _timed(lambda: kb.publish(folder / "snapshot"))
    size = sum(path.stat().st_size for path in (folder / "snapshot").rglob("*.*") if path.is_file())
    return {"publish: s": seconds, "Parquet: MB": size / 1e6}


def load(folder: Path, where: str = "kb.duckdb") -> Figures:
    """Load all evaluations of one metric."""
    with KnowledgeBase.open(folder / where) as kb:
        return {"load: s": _timed(lambda: kb.meta_dataset(metric=METRICS[0]))[0]}


def load_snapshot(folder: Path) -> Figures:
    """Load the same from the snapshot."""
    return {"load_snapshot: s": load(folder, "snapshot")["load: s"]}


def matrix(folder: Path) -> Figures:
    """Make the matrix of what was loaded."""
    with KnowledgeBase.open(folder / "kb.duckdb") as kb:
        return {"matrix: s": _timed(kb.meta_dataset(metric=METRICS[0]).performance_matrix)[0]}


def pivot(folder: Path, where: str = "kb.duckdb") -> Figures:
    """Filter one algorithm under one metric and pivot it to tasks x configurations."""
    with KnowledgeBase.open(folder / where) as kb:
        seconds, _ = _timed(lambda: _of_one_algorithm(kb).performance_matrix())
    return {"pivot: s": seconds}


def _of_one_algorithm(kb: KnowledgeBase) -> Any:
    options: Any = {"task_type": None, "split": "validation", "extractor": None, "snapshot_id": ""}
    return load_meta_dataset(kb._connection, metric=METRICS[0], algorithms=ALGORITHMS[:1], **options)


def pivot_snapshot(folder: Path) -> Figures:
    """Do the same from the snapshot."""
    return {"pivot_snapshot: s": pivot(folder, "snapshot")["pivot: s"]}


def question(folder: Path, where: str | None = None) -> Figures:
    """Open the snapshot and ask for the best configuration on one task."""
    location = where or str(folder / "snapshot")
    text = "SELECT configuration_id, avg(value) FROM evaluations WHERE metric = ? AND task_id = ? GROUP BY ALL"

    def ask() -> None:
        with KnowledgeBase.open(location) as kb:
            kb._connection.execute(f"{text} ORDER BY 2 DESC LIMIT 1", [METRICS[0], "openml-task-7"]).fetchall()

    return {"question: s": _timed(ask)[0]}


def question_by_url(folder: Path) -> Figures:
    """Ask the same through fsspec, of an object store that has no latency."""
    import fsspec

    fsspec.filesystem("memory").put(f"{folder / 'snapshot'}/", "/kb", recursive=True)
    return {"question_by_url: s": question(folder, "memory://kb")["question: s"]}


def dask(folder: Path) -> Figures:
    """Let Dask read the files in place: the mean of each task under one metric."""
    import dask.dataframe as dd

    def means() -> int:
        rows = dd.read_parquet(
            folder / "snapshot" / "evaluations",
            columns=["task_id", "value"],
            filters=[("metric", "==", METRICS[0])],
        )
        return len(rows.groupby("task_id").value.mean().compute())

    return {"dask: s": _timed(means)[0]}


def check(folder: Path) -> Figures:
    """Verify the snapshot: its files, then its rows."""
    seconds, problems = _timed(lambda: verify(folder / "snapshot"))
    if problems:
        raise SystemExit(f"The snapshot is not sound: {problems}")
    return {"check: s": seconds}


STEPS: tuple[Step, ...] = (
    publish, load, load_snapshot, matrix, pivot, pivot_snapshot, question, question_by_url, dask, check,
)  # fmt: skip
BULK_STEPS: tuple[Step, ...] = (publish, load, load_snapshot, question, dask)
TITLES = {
    "append: rows/s": "append in pages of 10,000, rows/s",
    "append: MB": "append, memory in MB",
    "DuckDB: MB": "size of the DuckDB file, MB",
    "Parquet: MB": "size of the snapshot, MB",
    "publish: s": "publish, s",
    "publish: MB": "publish, memory in MB",
    "pivot: s": "filter one algorithm and pivot to T x C, s",
    "pivot: MB": "the same, memory in MB",
    "pivot_snapshot: s": "the same from the snapshot, s",
    "pivot_snapshot: MB": "the same from the snapshot, memory in MB",
    "load: s": "MetaDataset of one metric (half the rows), s",
    "load: MB": "the same, memory in MB",
    "load_snapshot: s": "the same from the snapshot, s",
    "load_snapshot: MB": "the same from the snapshot, memory in MB",
    "matrix: s": "its T x C matrix of all algorithms, s",
    "matrix: MB": "MetaDataset and matrix, memory in MB",
    "question: s": "open the snapshot, best configuration on one task, s",
    "question_by_url: s": "the same through fsspec, s",
    "dask: s": "Dask in place: mean of each task under one metric, s",
    "dask: MB": "the same, memory in MB",
    "check: s": "verify the snapshot, s",
    "check: MB": "the same, memory in MB",
}


def report(sizes: list[int], figures: list[Figures], bulk: Figures) -> str:
    """Return the Markdown table: the sizes, the line's value at 100 million rows, and what was filled in bulk."""
    heads = ["", *(f"{size // 1_000_000} M rows" for size in sizes), "line: 100 M"]
    rows = []
    for name, title in TITLES.items():
        values = [figure[name] for figure in figures]
        row = [title, *map(_number, values), _extended(name, sizes, values)]
        rows.append(row + ([_number(bulk[name]) if name in bulk else ""] if bulk else []))
    tasks = GOAL // ROWS_A_TASK
    configurations = pool_size(tasks)
    dense = (
        f"A T x C matrix grows with both sides and so has no line: 100 M such rows are {tasks:,} tasks and "
        f"{configurations:,} configurations, {8e-9 * tasks * configurations:.0f} GB for each copy of the whole matrix "
        f"and {8e-9 * tasks * configurations / len(ALGORITHMS):.1f} GB for that of one algorithm. What works on the "
        "matrix, as recommenders do, needs a selection at that size; what works on the columns does not."
    )
    about = (__doc__ or "").split("\n\n")[2].strip()
    return "\n\n".join([about, table(heads + (["bulk"] if bulk else []), rows), dense])


def _extended(name: str, sizes: list[int], values: list[float]) -> str:
    step, _, unit = name.partition(": ")
    spilled = unit == "MB" and step in ("append", "publish", "check")
    if spilled or unit == "rows/s" or step in ("matrix", "pivot", "pivot_snapshot") or len(sizes) < 2:
        return ""
    slope, start = np.polyfit(sizes, values, 1)
    extended = float(start + slope * GOAL)
    return _number(extended) if extended > max(values) else "flat"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
