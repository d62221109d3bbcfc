"""Build the bundled knowledge base: a design of configurations on every dataset of a folder.

    python -m pipelines.build_bundled --datasets ../shared/datasets --kb bundled.duckdb --out metadata

The folder holds the files and an ``index.csv`` with the columns name, file, openml_id, task_type, target_column. Under
``--out`` it publishes the snapshot ``knowledge_base/`` and the splits ``splits.parquet``.

The knowledge base is the journal: what it holds is skipped, so a run that was stopped goes on where it was; where it
holds nothing, the published snapshot is read first. All tasks see a configuration before the next one has its turn, so
that what is there is a complete block at any time. ``--configurations 0`` only computes meta-features anew.
"""

import argparse
import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
from joblib import cpu_count
from threadpoolctl import threadpool_limits

from metalearn.core.families import name_stem
from metalearn.core.ids import task_of_dataset
from metalearn.core.parallel import completed, executor
from metalearn.core.records import Batch, Configuration, Dataset, TaskType
from metalearn.learners.design import design
from metalearn.learners.evaluate import FoldResult, evaluate
from metalearn.learners.generated import numeric_targets
from metalearn.learners.rows import GENERATED, SOURCE, configuration_tables, library_table, result_tables, task_tables
from metalearn.learners.space import search_space
from metalearn.learners.stored_splits import StoredSplits, make_splits, read_splits, write_splits
from metalearn.metafeatures.extract import Extractor, rows
from metalearn.sources.files import load_dataset
from metalearn.sources.fingerprints import fingerprint
from metalearn.store import KnowledgeBase, store_families

# Shown to recommenders as new datasets, in tests and examples.
UNSEEN = ("wine", "wdbc", "breast-w")
SECONDS = 30.0
# Of address space, of which torch alone takes 3 GiB.
MEMORY_BYTES = 8 << 30


@dataclass(frozen=True, eq=False)
class Source:
    """A task: its dataset, sampled where it is large, and how it is split."""

    task_id: str
    dataset_id: str
    dataset: Dataset
    splits: StoredSplits
    n_rows: int
    family: str
    parent: str | None = None

    @property
    def procedure(self) -> str:
        """The estimation procedure in words; a generated task says so first."""
        used = len(self.dataset.y)
        rows = "all rows" if used == self.n_rows else f"a stratified sample of {used} of {self.n_rows} rows"
        test = f"{len(self.splits.parts)} outer test part{'s' if len(self.splits.parts) > 1 else ''} of 20 %"
        origin = f"generated from a column of {self.parent}; " if self.parent else ""
        return f"{origin}{test}, 3-fold cross-validation on the rest, stratified, on {rows}"


def main(arguments: list[str] | None = None) -> int:
    """Run the pipeline and return the exit status."""
    options = _parser().parse_args(arguments)
    ends = time.monotonic() + options.hours * 3600
    sources = list(_sources(options))
    with _open(options) as kb:
        kb.append(Batch(SOURCE, {"libraries": library_table()}, partition="libraries"))
        for source in sources:
            kb.append(_describe(source))
        for task_type in get_args(TaskType):
            chosen = design(task_type, rng=np.random.default_rng(options.seed))
            kb.append(Batch(SOURCE, configuration_tables(search_space(task_type), chosen), partition="design"))
            of_type = [source for source in sources if source.dataset.task_type == task_type]
            configurations = [configuration for configuration, _ in chosen[: options.configurations]]
            _evaluate_all(kb, configurations, of_type, options.workers, ends)
        for batch in _measure(kb, sources, options.seed):
            kb.append(batch)
        _log(f"{len(set(store_families(kb).values()))} families of {len(sources)} datasets")
        if options.out:
            _log(f"published as {kb.publish(options.out / 'knowledge_base').snapshot_id}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.build_bundled", description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=Path, required=True, help="folder with index.csv and the files it names")
    parser.add_argument("--kb", type=Path, required=True, help="knowledge base to write into; made where absent")
    parser.add_argument("--out", type=Path, help="folder to publish the snapshot and the splits into")
    parser.add_argument("--max-rows", type=int, default=10_000, help="larger datasets are sampled, stratified")
    parser.add_argument("--configurations", type=int, default=200, help="how many of the design, the first ones")
    parser.add_argument("--generated", type=int, default=30, help="regression tasks to generate from other tables")
    parser.add_argument("--hours", type=float, default=1e6, help="begin no configuration after this time")
    parser.add_argument("--workers", default=str(cpu_count()), help="as many evaluations at a time; or Dask's address")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _open(options: argparse.Namespace) -> KnowledgeBase:
    """Open the journal; an empty one starts from what is published."""
    kb = KnowledgeBase.open(options.kb, read_only=False)
    published = options.out / "knowledge_base" if options.out else None
    if published and published.exists() and not kb.dataset_rows():
        with KnowledgeBase.open(published) as snapshot:
            kb.append(Batch(SOURCE, snapshot.tables(), partition="published"))
    return kb


def _sources(options: argparse.Namespace) -> Iterator[Source]:
    """Yield the tasks of the folder, then the generated ones; their splits are stored, or made and stored."""
    path = options.out / "splits.parquet" if options.out else Path()
    stored = read_splits(path) if options.out else {}
    tables = dict(_tables(options.datasets))
    families = _families(tables)
    tasks = [(task_of_dataset(id_), id_, table, None) for id_, table in tables.items()]
    generated = _generated(tables, families)[: options.generated]
    for task_id, dataset_id, whole, parent in [*tasks, *((d.id, d.id, d, parent) for parent, d in generated)]:
        if task_id not in stored:
            stored[task_id] = make_splits(whole, max_rows=options.max_rows, seed=options.seed)
        splits = stored[task_id]
        family = families[parent or dataset_id]
        yield Source(task_id, dataset_id, splits.dataset(whole), splits, len(whole.y), family, parent)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        write_splits(stored, path)


def _tables(folder: Path) -> Iterator[tuple[str, Dataset]]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        index = [row for row in csv.DictReader(file) if row["name"] not in UNSEEN]
    for row in index:
        task_type: TaskType = "regression" if row["task_type"] == "regression" else "classification"
        path, target = folder / row["file"], row["target_column"]
        yield f"openml-{row['openml_id']}", load_dataset(path, target, name=row["name"], task_type=task_type)


def _families(tables: Mapping[str, Dataset]) -> dict[str, str]:
    """Return for each dataset the first one with the same features; names and losses link others later."""
    first: dict[str, str] = {}
    return {id_: first.setdefault(fingerprint(t.X.iloc[:, 1:], t.X.iloc[:, 0]), id_) for id_, t in tables.items()}


def _generated(tables: Mapping[str, Dataset], families: Mapping[str, str]) -> list[tuple[str, Dataset]]:
    """Return regression tasks from the columns of distinct tables: one of each series of tables first."""
    with threadpool_limits(1):  # on small matrices more threads are slower
        found = [(id_, numeric_targets(tables[id_])) for id_ in tables if families[id_] == id_]
    pairs = [(id_, target) for id_, targets in found for target in targets]
    series: Counter[str | None] = Counter()
    turns = []
    for id_, _ in pairs:
        stem = name_stem(tables[id_].name) or id_
        turns.append(series[stem])
        series[stem] += 1
    return [pairs[i] for i in np.argsort(turns, kind="stable")]


def _describe(source: Source) -> Batch:
    ids = (source.task_id, source.dataset_id)
    origin = GENERATED if source.parent else SOURCE
    tables = task_tables(*ids, source.dataset, procedure=source.procedure, family=source.family, source=origin)
    return Batch(SOURCE, tables, partition=source.task_id)


def _measure(kb: KnowledgeBase, sources: list[Source], seed: int) -> Iterator[Batch]:
    """Yield the meta-features of the rows that are evaluated, where this version of the extractor has not been yet."""
    extractor = Extractor()
    done = kb.described(extractor.name, extractor.version)
    for source in sources:
        if source.task_id not in done:
            found = rows(source.task_id, extractor, extractor.extract(source.dataset, rng=np.random.default_rng(seed)))
            table = pa.Table.from_pylist(found)
            yield Batch(SOURCE, {"meta_features": table}, partition=source.task_id, seen=len(table))


def _evaluate_all(
    kb: KnowledgeBase, configurations: list[Configuration], sources: list[Source], workers: str, ends: float
) -> None:
    done = kb.evaluated(SOURCE)

    def calls() -> Iterator[tuple[tuple[Source, Configuration], tuple[object, ...]]]:
        for configuration in configurations:
            if time.monotonic() > ends:
                return
            for source in sources:
                if (source.task_id, configuration.id) not in done:
                    yield (source, configuration), (configuration, source.dataset, source.splits.parts)

    limited = partial(evaluate, seconds=SECONDS, memory_bytes=MEMORY_BYTES)
    with executor(workers) as (pool, n_workers):
        for (source, configuration), results in completed(pool, n_workers, limited, calls()):
            kb.append(_results(source, configuration, results))
            _log(f"{source.dataset.name}: {configuration.algorithm} {dict(Counter(r.status for r in results))}")


def _results(source: Source, configuration: Configuration, results: tuple[FoldResult, ...]) -> Batch:
    tables = result_tables(source.task_id, source.dataset.task_type, configuration, results)
    return Batch(SOURCE, tables, partition=source.task_id, seen=len(tables["evaluations"]))


def _log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
