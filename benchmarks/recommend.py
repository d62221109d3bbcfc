"""Recommendation side by side with the peers' methods: leave one dataset out of OBOE's matrix.

    python -m benchmarks.recommend [--shared ../shared] [--out benchmarks/results/recommend.md]

Ours go through ``metalearn ingest`` and the bench, the peers' through the yardsticks' own code, on the same 313
datasets in one run. Mean normalized regret in %, 95 % bootstrap intervals over families, and the paired difference
to the best peer at each k. The neighbour merge of ``knn`` was chosen on these datasets: development figures.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.evaluation.benchmark import Settings, run_recommender
from metalearn.evaluation.scores import bootstrap_interval
from metalearn.sources.matrix import read_matrix
from metalearn.sources.metafeatures import read_meta_features
from metalearn.store import KnowledgeBase, store_families

OURS = ("random", "average_rank", "portfolio", "knn", "auto")
# The yardsticks that need no minutes: name there -> whether it needs meta-features.
PEERS = {
    "avg rank": False,
    "greedy portfolio (regret)": False,
    "kNN best-of-neighbour (auto-sklearn)": True,
    "kNN-10 weighted rank": True,
    "kNN-50 greedy portfolio": True,
}
SETTINGS = Settings(leave_out="dataset")
Regrets = NDArray[np.float64]


def main() -> None:
    """Run both sides and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/recommend.md"))
    options = parser.parse_args()
    past = load(options.shared)
    described: NDArray[np.bool_] = np.asarray(np.isfinite(past.meta_features).any(axis=1))
    ours = {
        f"metalearn {name}": run_recommender(name, meta_dataset=past, test=None, settings=SETTINGS).regrets
        for name in OURS
    }
    peers = run_peers(options.shared, past)
    text = "\n\n".join(
        report(title, tasks, ours, {n: r for n, r in peers.items() if usable(n)}, past)
        for title, tasks, usable in sections(described)
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(f"`python -m benchmarks.recommend`\n\n{text}\n", encoding="utf-8")
    print(text)


def load(shared: Path) -> MetaDataset:
    """Ingest OBOE's matrix and the published meta-features."""
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase.open(Path(folder) / "kb", read_only=False) as kb:
        kb.append_all(read_matrix(shared / "data" / "oboe" / "error_matrix.csv"))
        features = shared / "data" / "pmf" / "metafeatures.csv"
        kb.append_all(read_meta_features(features, "pmf", kb.tasks_of_openml_datasets()))
        store_families(kb)
        return kb.meta_dataset()


def run_peers(shared: Path, past: MetaDataset) -> dict[str, Regrets]:
    """Return the regrets (T, max k) of the yardsticks' methods, NaN on datasets that a method cannot use."""
    yardstick = _module(shared / "yardsticks" / "recommend.py")
    row_of = {f"openml-{number}": i for i, number in enumerate(yardstick.ids)}
    rows = [row_of[task.dataset_id] for task in past.tasks]
    return {name: np.array([_peer(yardstick, name, row) for row in rows]) for name in PEERS}


def _peer(yardstick: ModuleType, name: str, row: int) -> Regrets:
    if PEERS[name] and not yardstick.both[row]:
        return np.full(yardstick.KMAX, np.nan)
    order: Sequence[int] = yardstick.METHODS[name][0](row)
    regrets: Regrets = np.minimum.accumulate(yardstick.NR[row, np.asarray(order[: yardstick.KMAX])])
    return regrets


def sections(described: NDArray[np.bool_]) -> list[tuple[str, NDArray[np.bool_], Callable[[str], bool]]]:
    """Return title, tasks and which peers can be used, for all datasets and for those with meta-features."""
    everything = np.ones_like(described)
    return [
        (f"All {len(described)} datasets", everything, lambda name: not PEERS[name]),
        (f"The {described.sum()} datasets with meta-features", described, lambda name: True),  # noqa: ARG005
    ]


def report(
    title: str, tasks: NDArray[np.bool_], ours: dict[str, Regrets], peers: dict[str, Regrets], past: MetaDataset
) -> str:
    """Return a Markdown table of means with intervals, and ours against the best peer at each k."""
    families = [task.family for task, keep in zip(past.tasks, tasks, strict=True) if keep]
    columns = [k - 1 for k in SETTINGS.ks]
    lines = [
        f"## {title}, zero-shot, leave one dataset out",
        "",
        markdown_row("method", [f"k = {k}" for k in SETTINGS.ks]),
    ]
    lines.append(markdown_row("---", ["---"] * len(columns)))
    for name, regrets in (ours | peers).items():
        lines.append(markdown_row(name, [cell(regrets[tasks, k], families) for k in columns]))
    best = {k: min(peers.values(), key=lambda r, k=k: float(r[tasks, k].mean())) for k in columns}  # type: ignore[misc]
    auto = ours["metalearn auto"]
    lines.append(
        markdown_row(
            "auto - best peer", [cell(auto[tasks, k] - best[k][tasks, k], families, signed=True) for k in columns]
        )
    )
    return "\n".join(lines)


def cell(values: NDArray[np.float64], families: Sequence[str], *, signed: bool = False) -> str:
    """Return the mean of values (T,) in % with its 95 % bootstrap interval over families."""
    low, high = bootstrap_interval(values, families, np.random.default_rng(0))
    sign = "+" if signed else ""
    return f"{100 * values.mean():{sign}.2f} [{100 * low:{sign}.2f}, {100 * high:{sign}.2f}]"


def markdown_row(name: str, cells: Sequence[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join([name, *cells])} |"


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("yardstick", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"There is no {path}; give --shared.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
