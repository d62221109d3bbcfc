"""Fit the default recommender to the bundled knowledge base, so that no first recommendation has to.

    python -m pipelines.train_bundled [--kb metadata/knowledge_base] [--out metadata/recommenders]

For each task type it writes what was learned under the default metric with seed 0; the past tasks stay in the knowledge
base. What was there of another snapshot, metric or version is deleted. To be rerun after ``build_bundled``: until then
the command line fits anew, and caches that.
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np

from metalearn.core.records import TaskType
from metalearn.core.resources import metadata_path
from metalearn.recommenders.auto import Auto
from metalearn.recommenders.cache import clear, digest, key_of, write
from metalearn.store import KnowledgeBase


def main(arguments: list[str] | None = None) -> None:
    """Fit, and write into the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kb", type=Path, help="a snapshot; by default the bundled one")
    parser.add_argument("--out", type=Path, help="by default beside the bundled one")
    options = parser.parse_args(arguments)
    out = options.out or metadata_path("knowledge_base").parent / "recommenders"
    clear(out)
    with KnowledgeBase.open(options.kb) as kb:
        task_types = [type_ for type_ in get_args(TaskType) if type_ in kb.info()["tasks"]]
        for past in (kb.meta_dataset(task_type=type_) for type_ in task_types):
            key = key_of(Auto(), past, seed=0)
            write(Auto().meta_fit(past, rng=np.random.default_rng(0)), key, out / digest(key))
            print(f"{past.tasks[0].type}: {past.metric.name}, snapshot {past.snapshot_id}, entry {digest(key)}")


if __name__ == "__main__":
    main()
