"""Recommendation on the other matrices: the bundled knowledge base, LCDB's last anchors, and TaskSet.

    python -m benchmarks.recommend_matrices [--quick] [--out FILE] [--workers 2] [--only NAME]

Ten folds of families, in both protocols; where there are meta-features, they are our own (bundled) or published ones
(LCDB). ``auto`` against the methods of its peers as they are implemented here, which reproduce the peers' figures on
OBOE's matrix (``benchmarks.recommend``). All tasks of TaskSet are relatives, so one dataset is left out there. Mean
normalized regret in % with 95 % bootstrap intervals over families, and its area over log k. No constant was chosen on
LCDB and TaskSet; those of ``auto`` were looked at on the bundled knowledge base, too.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.common import arguments, keep, percent
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.parallel import processes
from metalearn.core.records import Batch
from metalearn.evaluation.benchmark import Settings, run_bench
from metalearn.evaluation.replay import Protocol
from metalearn.evaluation.report import table
from metalearn.evaluation.results import Results
from metalearn.evaluation.scores import Floats, log_k_weights
from metalearn.evaluation.splits import LeaveOut
from metalearn.sources.curves import read_curves
from metalearn.sources.metafeatures import read_meta_features
from metalearn.sources.taskset import read_taskset
from metalearn.store import KnowledgeBase, store_families

METHODS: Mapping[Protocol, tuple[str, ...]] = {
    "zero_shot": ("auto", "neighbor_list", "neighbor_rank", "knn", "portfolio", "average_rank", "random"),
    "sequential": ("auto", "gaussian", "matrix_factorization", "active_testing", "latent_gaussian"),
}
# All tasks of TaskSet are relatives.
SPLITS: Mapping[str, tuple[LeaveOut, int | None]] = {"TaskSet": ("dataset", None)}
SCORE = "normalized_regret"
# The one of the quick form, in two folds.
QUICK = "bundled, classification"


def main() -> None:
    """Run both protocols on each of the matrices and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--workers", default="2")
    parser.add_argument("--only", help="one of the matrices")
    options = parser.parse_args()
    sections = []
    with processes(options.workers) as (jobs, n_workers):
        only = options.only or (QUICK if options.quick else None)
        for name, past in matrices(options.shared).items():
            if only in (None, name):
                for protocol, methods in METHODS.items():
                    leave_out, n_folds = SPLITS.get(name, ("family", 2 if options.quick else 10))
                    settings = Settings(protocol=protocol, leave_out=leave_out, n_folds=n_folds)
                    results = run_bench(past, methods, settings, executor=jobs, n_workers=n_workers)
                    sections.append(section(name, results))
                    print(sections[-1], flush=True)
    keep(options, "\n\n".join(sections))


def matrices(shared: Path) -> dict[str, MetaDataset]:
    """Load the matrices by name."""
    with KnowledgeBase.open() as bundled:
        found = {
            f"bundled, {task_type}": bundled.meta_dataset(task_type=task_type)
            for task_type in ("classification", "regression")
        }
    features = shared / "data" / "pmf" / "metafeatures.csv"
    found["LCDB"] = ingested(read_curves(shared / "data" / "lcdb"), features)
    found["TaskSet"] = ingested(read_taskset(shared / "data" / "taskset"))
    return found


def ingested(batches: Iterable[Batch], meta_features: Path | None = None) -> MetaDataset:
    """Return what a knowledge base makes of a source, and of published meta-features."""
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase.open(Path(folder) / "kb", read_only=False) as kb:
        kb.append_all(iter(batches))
        if meta_features is not None:
            kb.append_all(read_meta_features(meta_features, "pmf", kb.tasks_of_openml_datasets()))
        store_families(kb)
        return kb.meta_dataset()


def section(name: str, results: Results) -> str:
    """Return the Markdown of a matrix in one protocol."""
    about = results.about
    title = f"## {name}, {about['name']}, {about['n_folds']} folds by {about['leave_out']}"
    size = f"{about['n_tasks']} tasks of {about['n_families']} families, {about['n_configurations']} configurations"
    regrets = {method: scores[SCORE] for method, scores in results.scores.items()}
    areas = {method: float((values @ log_k_weights(results.ks)).mean()) for method, values in regrets.items()}
    nearest = sorted(set(regrets) - {"auto"}, key=lambda method: areas[method])[:2]
    differences = {f"auto - {method}": regrets["auto"] - regrets[method] for method in nearest}
    return f"{title}\n\n{size}, {about['metric']}\n\n{regret_table(results, differences)}"


def regret_table(results: Results, differences: Mapping[str, Floats] = MappingProxyType({})) -> str:
    """Return regrets (T, n) at each k and their area as a Markdown table, a line for each method and difference."""
    ks = results.ks
    rows = []
    for name, values in {**{m: scores[SCORE] for m, scores in results.scores.items()}, **differences}.items():
        columns = [*values.T, values @ log_k_weights(ks)]
        rows.append((name, *(percent(*results.interval(column)) for column in columns)))
    return table(("", *(f"k = {k}" for k in ks), "area"), rows)


if __name__ == "__main__":
    main()
