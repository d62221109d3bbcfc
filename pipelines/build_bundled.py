"""Build the bundled knowledge base: one design of configurations on every dataset of a folder.

    python -m pipelines.build_bundled --datasets ../shared/datasets --kb bundled.duckdb --out metadata/knowledge_base

The folder holds the files and an ``index.csv`` with the columns name, file, openml_id, task_type, target_column. The
knowledge base is the journal: what it holds is skipped, so a run that was stopped goes on where it was. All datasets
see a configuration before the next one has its turn, so that what is there is a complete block at any time.
"""

import argparse
import csv
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from metalearn.core.records import Batch, Configuration, Dataset
from metalearn.learners.design import design
from metalearn.learners.evaluate import evaluate
from metalearn.learners.rows import SOURCE, configuration_tables, evaluation_table, task_tables
from metalearn.learners.space import search_space
from metalearn.learners.splits import sample_dataset
from metalearn.store import KnowledgeBase, store_families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metalearn.learners.folds import FoldResult

# Shown to recommenders as new datasets, in tests and examples.
UNSEEN = ("wine", "wdbc", "breast-w")
TASK_TYPE: Final = "classification"
N_FOLDS = 3
SECONDS_PER_FOLD = 30.0
MEMORY_BYTES = 4 << 30
# Boosting grows a tree a class over all rows and columns: this bounds their product, and so what the slowest take.
MAX_CELLS = 640_000
# A dataset so wide, or of so many classes, that fewer rows would be left is left out.
MIN_SAMPLE = 300


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset, sampled where it is large, with its ids."""

    task_id: str
    dataset_id: str
    dataset: Dataset
    procedure: str


def main(arguments: list[str] | None = None) -> int:
    """Run the pipeline and return the exit status."""
    options = _parser().parse_args(arguments)
    sources = [source for row in _index(options.datasets) if (source := _load(row, options))]
    chosen = design(TASK_TYPE, options.configurations, rng=np.random.default_rng(options.seed))
    with KnowledgeBase.open(options.kb, read_only=False) as kb:
        kb.append(Batch(SOURCE, configuration_tables(search_space(TASK_TYPE), chosen), partition="design"))
        for source in sources:
            kb.append(_describe(source))
        for configuration, _ in chosen:
            _evaluate_everywhere(kb, configuration, sources, options)
        for source in sources:
            kb.append(_measure(source, options.seed))
        _log(f"{len(set(store_families(kb).values()))} families of {len(sources)} datasets")
        if options.out:
            _log(f"published as {kb.publish(options.out).snapshot_id}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.build_bundled", description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=Path, required=True, help="folder with index.csv and the files it names")
    parser.add_argument("--kb", type=Path, required=True, help="knowledge base to write into; made where absent")
    parser.add_argument("--out", type=Path, help="folder to publish the snapshot into")
    parser.add_argument("--max-rows", type=int, default=2000, help="larger datasets are sampled, stratified")
    parser.add_argument("--configurations", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1, help="evaluations at a time")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _index(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [row for row in rows if row["task_type"] == TASK_TYPE and row["name"] not in UNSEEN]


def _load(row: dict[str, str], options: argparse.Namespace) -> Source | None:
    from metalearn.sources.files import load_dataset

    whole = load_dataset(options.datasets / row["file"], row["target_column"], name=row["name"], task_type=TASK_TYPE)
    affordable = MAX_CELLS // (whole.X.shape[1] * (whole.n_classes or 1))
    if affordable < MIN_SAMPLE:
        _log(f"{whole.name} is left out: {whole.X.shape[1]} columns, {whole.n_classes} classes")
        return None
    dataset = sample_dataset(whole, min(options.max_rows, affordable), options.seed)
    rows = f"a stratified sample of {len(dataset.y)} of {len(whole.y)} rows" if dataset is not whole else "all rows"
    procedure = f"{N_FOLDS}-fold stratified cross-validation on {rows}"
    return Source(f"openml-dataset-{row['openml_id']}", f"openml-{row['openml_id']}", dataset, procedure)


def _describe(source: Source) -> Batch:
    tables = task_tables(source.task_id, source.dataset_id, source.dataset, procedure=source.procedure)
    return Batch(SOURCE, tables, partition=source.task_id)


def _measure(source: Source, seed: int) -> Batch:
    """Return the meta-features of what was evaluated; they do not depend on the order of the datasets."""
    import pyarrow as pa

    from metalearn.metafeatures.extract import Extractor, rows

    extractor = Extractor()
    found = rows(source.task_id, extractor, extractor.extract(source.dataset, rng=np.random.default_rng(seed)))
    table = pa.Table.from_pylist(found)
    return Batch(SOURCE, {"meta_features": table}, partition=source.task_id, seen=len(table))


def _evaluate_everywhere(
    kb: KnowledgeBase, configuration: Configuration, sources: list[Source], options: argparse.Namespace
) -> None:
    done = kb.evaluated(SOURCE)
    missing = [source for source in sources if (source.task_id, configuration.id) not in done]
    statuses: Counter[str] = Counter()
    for source, results in _run(configuration, missing, options):
        table = evaluation_table(source.task_id, configuration, results, seed=options.seed)
        kb.append(Batch(SOURCE, {"evaluations": table}, partition=source.task_id, seen=len(table)))
        statuses.update(result.status for result in results)
        for message in {result.message for result in results if result.message}:
            _log(f"  {source.dataset.name}: {message}")
    if missing:
        _log(f"{configuration}: {dict(statuses)}")


def _run(
    configuration: Configuration, sources: list[Source], options: argparse.Namespace
) -> "Iterator[tuple[Source, tuple[FoldResult, ...]]]":
    """Yield each source with its results; threads only wait for the child processes that do the work."""

    def results(source: Source) -> "tuple[FoldResult, ...]":
        return evaluate(
            configuration,
            source.dataset,
            n_folds=N_FOLDS,
            seed=options.seed,
            seconds_per_fold=SECONDS_PER_FOLD,
            memory_bytes=MEMORY_BYTES,
        )

    with ThreadPoolExecutor(options.workers) as pool:
        yield from zip(sources, pool.map(results, sources), strict=True)


def _log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
