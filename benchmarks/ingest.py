"""Ingestion from OpenML side by side with the ``openml`` client, against a server on this machine.

    python -m benchmarks.ingest [--quick] [--out FILE] [--scale 1] [--peer-tasks 20]

The server is the emulator, with OBOE's runs repeated to about ``--scale`` million runs, each with a value and a
runtime: two million evaluations at scale 1. The job is to join values, runtimes and hyperparameters of tasks. Ours also
describes tasks and datasets and stores everything. The client's way is ``list_evaluations_setups`` for the values and
``list_evaluations`` for the runtimes, task by task, joined in pandas. It gets fewer tasks, for time's sake; ours gets
the same ones in the same run, then all. The emulator answers in one thread of Python and so bounds both: ``server`` is
the seconds that it computed, ``net`` leaves them out, ``own CPU`` are those of the job. Each job
has a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, keep
from metalearn.evaluation.report import table
from metalearn.sources.openml import OpenMLPull
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_selection import Selection
from metalearn.store import KnowledgeBase

MEASURE, RUNTIME = "unweighted_recall", "usercpu_time_millis"
HEADS = (
    *("job", "rows", "seconds", "rows/s", "server", "net rows/s", "own CPU"),
    *("peak MB (of it imports)", "requests"),
)
BAD_ROWS = "eval_nan=0.01;eval_missing=0.01;eval_range=0.01;setup_json=0.01;flow_unknown=#8003"


def ours(url: str, tasks: list[int], folder: Path) -> dict[str, Any]:
    """Pull tasks into a new knowledge base."""
    with OpenMLServer(url) as server, KnowledgeBase.open(folder / "kb.duckdb", read_only=False) as kb:
        pull = OpenMLPull(Selection(tasks=tuple(tasks)), server, kb.ingested("openml"), exact=False)
        counts = kb.append_all(pull)
        rows = kb.info()["rows"]["evaluations"]
        return {"rows": rows, "requests": server.requests, **vars(counts), "refused": kb.ingested("openml").refusals()}


def ours_again(url: str, tasks: list[int], folder: Path) -> dict[str, Any]:
    """Pull what is there already."""
    return ours(url, tasks, folder)


def client(url: str, tasks: list[int], folder: Path) -> dict[str, Any]:
    """Join values, setups and runtimes of tasks with the ``openml`` client."""
    import openml
    import pandas as pd

    openml.config.server = url + "/"
    openml.config.set_root_cache_directory(str(folder / "cache"))
    parts = []
    for task in tasks:
        values = pd.DataFrame(openml.evaluations.list_evaluations_setups(MEASURE, size=None, tasks=[task]))
        runtimes = openml.evaluations.list_evaluations(RUNTIME, size=None, tasks=[task], output_format="dataframe")
        parts.append(values.merge(runtimes[["run_id", "value"]], on="run_id", how="left", suffixes=("", "_runtime")))
    return {"rows": len(pd.concat(parts))}


JOBS: dict[str, Callable[[str, list[int], Path], dict[str, Any]]] = {
    job.__name__: job for job in (ours, ours_again, client)
}


@contextmanager
def emulator(shared: Path, world: Path, scale: float, faults: str = "") -> Iterator[tuple[str, int]]:
    """Start the emulator in a process of its own; give its address and its process id."""
    script = shared / "openml_emulator" / "openml_emulator.py"
    command = [sys.executable, str(script), "--data", str(world), "--scale", str(scale), "--faults", faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1] if process.stdout else "", process.pid
        finally:
            process.kill()


def measured(job: str, url: str, server: int, tasks: list[int], folder: Path) -> dict[str, Any]:
    """Run a job in a process of its own and return what it says, with its seconds, the server's, and its memory."""
    before = _seconds_computed(server)
    command = [sys.executable, "-m", "benchmarks.ingest", "--job", job, "--url", url, "--folder", str(folder)]
    answer = subprocess.run([*command, "--tasks", *map(str, tasks)], capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    figures["server"] = _seconds_computed(server) - before
    return figures


def run_job(job: str, url: str, tasks: list[int], folder: Path) -> None:
    """Run a job here and print its figures: seconds, CPU seconds, and the peak memory in MB before and after."""
    import openml  # noqa: F401
    import pandas as pd  # noqa: F401

    os.environ["no_proxy"] = "*"
    base, start, computed = _peak(), time.perf_counter(), time.process_time()
    figures = JOBS[job](url, tasks, folder)
    figures |= {"seconds": time.perf_counter() - start, "computed": time.process_time() - computed}
    print(json.dumps({"base": base, "peak": _peak(), **figures}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _seconds_computed(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def build_world(shared: Path, folder: Path) -> tuple[Path, list[int]]:
    """Make the emulator's tables from OBOE's, and return them with the tasks that have runs."""
    world = folder / "world"
    script = shared / "openml_emulator" / "build_world.py"
    subprocess.run([sys.executable, str(script), str(world)], check=True, capture_output=True)
    lines = (world / "studies.csv").read_text().splitlines()
    return world, [int(task) for task in lines[2].rsplit(",", 1)[1].strip('"').split()]


def report(shared: Path, scale: float, n_peer: int, folder: Path, n_tasks: int | None) -> str:
    """Run everything and return the results as Markdown."""
    world, tasks = build_world(shared, folder)
    tasks = tasks[:n_tasks]
    jobs = [
        ("client", tasks[:n_peer], "a"),
        ("ours", tasks[:n_peer], "b"),
        ("ours", tasks, "c"),
        ("ours_again", tasks, "c"),
    ]
    results = {}
    with emulator(shared, world, scale) as (url, server):
        for job, of_tasks, name in jobs:
            (folder / name).mkdir(exist_ok=True)
            results[job, len(of_tasks)] = measured(job, url, server, of_tasks, folder / name)
    with emulator(shared, world, 0, BAD_ROWS) as (url, server):
        (folder / "d").mkdir()
        bad = measured("ours", url, server, tasks, folder / "d")
    rows = [line(job, len(of_tasks), results[job, len(of_tasks)]) for job, of_tasks, _ in jobs]
    peer, same, whole = (results[key] for key in (("client", n_peer), ("ours", n_peer), ("ours", len(tasks))))
    faster = f"{peer['seconds'] / same['seconds']:.1f} times the client's speed on the same tasks"
    fewest = 2 * -(-whole["rows"] // 10_000) + len(tasks) + 12 + 1 + 2 * -(-len(tasks) // 1000) + 2
    requests = f"{whole['requests']} requests for all tasks, where {fewest} would be the fewest possible"
    counts = [f"{bad[name]:,} {name.replace('_', ' ')}" for name in ("stored", "already_there", "quarantined")]
    refused = table(("refused because", "rows"), [(reason, f"{count:,}") for reason, count in bad["refused"]])
    title = f"OpenML's emulator, {whole['rows']:,} runs with a value and a runtime each, {len(tasks)} tasks."
    broken = f"With bad rows ({BAD_ROWS}): {bad['seen']:,} seen = {' + '.join(counts)}."
    return "\n\n".join([title, table(HEADS, rows), f"Ours: {faster}; {requests}.", broken, refused])


def line(job: str, n_tasks: int, found: dict[str, Any]) -> list[str]:
    """Return what was measured of a job as the cells of a line under ``HEADS``."""
    seconds, computed = found["seconds"], found["server"]
    net = f"{found['rows'] / (seconds - computed):,.0f}" if seconds > 1.02 * computed else "-"
    speeds = [f"{found['rows'] / seconds:,.0f}", f"{computed:.1f}", net, f"{found['computed']:.1f}"]
    memory = f"{found['peak']:.0f} ({found['base']:.0f})"
    cells = [f"{job}, {n_tasks} tasks", f"{found['rows']:,}", f"{seconds:.1f}", *speeds, memory]
    return [*cells, str(found.get("requests", "-"))]


def main() -> None:
    """Run a job, or all of them."""
    parser = arguments(__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--peer-tasks", type=int, default=20)
    for hidden, options in {
        "--job": {},
        "--url": {},
        "--folder": {"type": Path},
        "--tasks": {"type": int, "nargs": "*"},
    }.items():
        parser.add_argument(hidden, help=argparse.SUPPRESS, **options)  # type: ignore[arg-type]
    given = parser.parse_args()
    if given.job:
        run_job(given.job, given.url, given.tasks, given.folder)
        return
    os.environ["no_proxy"] = "*"
    with tempfile.TemporaryDirectory() as folder:
        n_peer, n_tasks = (3, 20) if given.quick else (given.peer_tasks, None)
        text = report(given.shared, given.scale, n_peer, Path(folder), n_tasks)
    keep(given, text)
    print(text)


if __name__ == "__main__":
    main()
