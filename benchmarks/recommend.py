"""Recommendation side by side with the peers' methods: leave one dataset out of OBOE's matrix, in both protocols.

    python -m benchmarks.recommend [--quick] [--out FILE] [--workers 2] [--cache DIR]

Ours go through ``metalearn ingest`` and the bench, the peers' through the yardsticks' own code, on the same 313
datasets in one run. Mean normalized regret in % with 95 % bootstrap intervals over families, its area over log k, and
the paired differences of ``auto`` to the best peer at each k and in area; medians, wins and losses. Constants of
``knn`` and of ``task_mixture`` (which is ``auto``'s method) were chosen on these datasets: development figures. Those
of ours that learn for seconds leave out a thirtieth of the datasets at once (marked by *), which is to their
disadvantage.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
from joblib import Memory
from numpy.typing import NDArray

from benchmarks.common import arguments, cell, keep, kept_at
from benchmarks.recommend_figure import draw
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.evaluation.benchmark import Settings, run_recommender
from metalearn.evaluation.comparison import by_family
from metalearn.evaluation.replay import Protocol
from metalearn.evaluation.report import table
from metalearn.evaluation.scores import log_k_weights
from metalearn.sources.matrix import read_matrix
from metalearn.sources.metafeatures import read_meta_features
from metalearn.store import KnowledgeBase, store_families

# The slowest first.
OURS: Mapping[Protocol, tuple[str, ...]] = {
    "sequential": ("auto", "latent_gaussian", "matrix_factorization", "gaussian", "active_testing"),
    "zero_shot": (
        *("auto", "pairwise", "lambdamart", "performance_regression", "multi_output_forest", "multi_output_boosting"),
        *("knn", "portfolio", "neighbor_list", "neighbor_rank", "average_rank", "random"),
    ),
}
# These learn for seconds, so that they leave out a thirtieth of the datasets at once.
IN_FOLDS = (
    *("latent_gaussian", "pairwise", "lambdamart", "performance_regression"),
    *("multi_output_forest", "multi_output_boosting"),
)
N_FOLDS = 30
# In the quick form every eighth dataset is tested on, and all of them are left out at once.
QUICK_EVERY = 8
KS = np.array(Settings().ks)
# A curve times these weights is its area over log k.
AREA = log_k_weights(KS)
ABOUT = "One dataset left out; * a thirtieth of them. Mean normalized regret in % [95 % bootstrap over families]."
MEDIANS = "Medians over the datasets, and on how many families `auto` has the smaller area, the same, or a larger one."
_HEADS = (*(f"k = {k}" for k in KS), "area")
Regrets = NDArray[np.float64]


def main() -> None:
    """Run both sides and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="keep what each method gives here, and go on with what is there")
    options = parser.parse_args()
    past = load(options.shared)
    tested = past.select(every(QUICK_EVERY if options.quick else 1, past))
    ours_kept = Memory(options.cache, verbose=0).cache(our_regrets, ignore=["past"])
    with ProcessPoolExecutor(options.workers) as executor:
        jobs = {
            (p, name): executor.submit(ours_kept, p, name, past, options.quick)
            for p, names in OURS.items()
            for name in names
        }
        theirs = executor.submit(peers_regrets, options.shared, tested.tasks)
        for job in jobs.values():
            job.add_done_callback(lambda _: print(".", end="", file=sys.stderr, flush=True))
        ours = {key: job.result() for key, job in jobs.items()}
        peers = theirs.result()
    described = tested.described
    subsets = {f"the {described.sum()} with meta-features": described, f"all {len(described)}": np.ones_like(described)}
    text = "\n\n".join(
        report(
            f"{protocol}, {subset}",
            {name: regrets[tasks] for (p, name), regrets in ours.items() if p == protocol},
            {
                name: regrets[tasks]
                for (p, name), regrets in peers.items()
                if p in (protocol, "zero_shot") and np.isfinite(regrets[tasks]).all()
            },
            [task.family for task, kept in zip(tested.tasks, tasks, strict=True) if kept],
        )
        for protocol in OURS
        for subset, tasks in subsets.items()
    )
    text = f"{ABOUT}\n\n{text}"
    keep(options, text)
    draw(text, kept_at(options).with_suffix(".svg"))
    print(text)


def load(shared: Path, *, runtimes: bool = False) -> MetaDataset:
    """Ingest OBOE's matrix, with its runtimes if they are asked for, and the published meta-features."""
    matrices = shared / "data" / "oboe"
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase.open(Path(folder) / "kb", read_only=False) as kb:
        seconds = matrices / "runtime_matrix.csv" if runtimes else None
        kb.append_all(read_matrix(matrices / "error_matrix.csv", runtimes=seconds))
        features = shared / "data" / "pmf" / "metafeatures.csv"
        kb.append_all(read_meta_features(features, "pmf", kb.tasks_of_openml_datasets()))
        store_families(kb)
        return kb.meta_dataset()


def every(n: int, past: MetaDataset) -> NDArray[np.bool_]:
    """Return a mark (T,) on every n-th of the tasks."""
    return np.asarray(np.arange(len(past.tasks)) % n == 0)


def our_regrets(protocol: Protocol, name: str, past: MetaDataset, quick: bool) -> Regrets:
    """Return the regrets (T, len(KS)) of one of ours."""
    test = past.select(every(QUICK_EVERY, past)) if quick else None
    n_folds = N_FOLDS if name in IN_FOLDS and not quick else None
    settings = Settings(protocol=protocol, leave_out="dataset", n_folds=n_folds)
    return run_recommender(name, meta_dataset=past, test=test, settings=settings).regrets[:, KS - 1]


def peers_regrets(shared: Path, tasks: Sequence[Task]) -> dict[tuple[Protocol, str], Regrets]:
    """Return the regrets (T, len(KS)) of the yardsticks' methods, NaN on datasets that a method cannot use."""
    yardstick = _module(shared / "yardsticks" / "recommend.py")
    row_of = {f"openml-{number}": i for i, number in enumerate(yardstick.ids)}
    rows = [row_of[task.dataset_id] for task in tasks]
    found: dict[tuple[Protocol, str], Regrets] = {}
    for name, (method, needs_features, is_sequential) in yardstick.METHODS.items():
        usable = [bool(yardstick.both[row]) or not needs_features for row in rows]
        regrets = [
            _peer_regrets(yardstick, method(row), row) if use else np.full(len(KS), np.nan)
            for row, use in zip(rows, usable, strict=True)
        ]
        found["sequential" if is_sequential else "zero_shot", name] = np.array(regrets)
    return found


def _peer_regrets(yardstick: ModuleType, order: Sequence[int] | Mapping[int, Sequence[int]], row: int) -> Regrets:
    """Return the regrets (len(KS),) of one order, or of one for each k."""
    orders = [order[k] if isinstance(order, Mapping) else order for k in KS.tolist()]
    return np.array([yardstick.NR[row, np.asarray(o[:k])].min() for o, k in zip(orders, KS, strict=True)])


def report(title: str, ours: Mapping[str, Regrets], peers: Mapping[str, Regrets], families: Sequence[str]) -> str:
    """Return a Markdown table of means with intervals, and of ``auto`` against the best peer at each k and in area."""

    def row(name: str, regrets: Regrets, *, signed: bool = False) -> list[str]:
        return [name, *(cell(values, families, signed=signed) for values in [*regrets.T, regrets @ AREA])]

    best = [min(peers.values(), key=lambda r, k=k: float(r[:, k].mean())) for k in range(len(KS))]  # type: ignore[misc]
    at_each = np.stack([regrets[:, k] for k, regrets in enumerate(best)], axis=1)
    by_area = min(peers, key=lambda name: float((peers[name] @ AREA).mean()))
    marks = {name: "*" if name in IN_FOLDS else "" for name in ours}
    rows = [row(f"metalearn {name}{marks[name]}", regrets) for name, regrets in ours.items()]
    rows += [row(name, regrets) for name, regrets in peers.items()]
    rows.append(row("auto - the best peer at each k", ours["auto"] - at_each, signed=True))
    rows.append(row(f"auto - the best peer by area ({by_area})", ours["auto"] - peers[by_area], signed=True))
    means = table(("method", *_HEADS), rows)
    return f"## {title}\n\n{means}\n\n{MEDIANS}\n\n{medians(ours, peers, families)}"


def medians(ours: Mapping[str, Regrets], peers: Mapping[str, Regrets], families: Sequence[str]) -> str:
    """Return a Markdown table of medians in %, and of how often ``auto`` has the smaller area, the same, a larger."""
    methods = {f"metalearn {name}": regrets for name, regrets in ours.items()} | dict(peers)
    rows = []
    for name, regrets in methods.items():
        signs = np.sign(by_family(ours["auto"] @ AREA - regrets @ AREA, families))
        cells = [f"{100 * value:.2f}" for value in np.median(np.column_stack([regrets, regrets @ AREA]), axis=0)]
        rows.append([name, *cells, " / ".join(str((signs == sign).sum()) for sign in (-1, 0, 1))])
    return table(("median", *_HEADS, "auto wins / ties / losses"), rows)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("yardstick", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"There is no {path}; give --shared.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
