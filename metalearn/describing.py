"""A dataset as a task, described by the meta-features that a knowledge base has of its own tasks."""

import numpy as np

from metalearn.core.records import Dataset, Task
from metalearn.store import KnowledgeBase


def described(dataset: Dataset, kb: KnowledgeBase, *, timeout: float | None = None, seed: int = 0) -> Task:
    """Return the task of predicting the dataset's target, with its meta-features, found within ``timeout`` seconds.

    They are named as those of the knowledge base's default extractor, as far as we compute them: ours,
    auto-sklearn's or OpenML's (``metafeatures.vocabularies``).

    >>> from sklearn.datasets import load_iris
    >>> from metalearn.sources.frames import make_dataset
    >>> dataset = make_dataset(load_iris(as_frame=True).frame, "target", name="iris")
    >>> with KnowledgeBase.open() as bundled:
    ...     described(dataset, bundled).meta_features["n_rows"]
    150.0
    """
    from metalearn.metafeatures.vocabularies import meta_features_like

    known = next(iter(kb.extractors().values()), frozenset())
    features = meta_features_like(known, dataset, budget=timeout, rng=np.random.default_rng(seed))
    return Task(dataset.id, dataset.id, dataset.task_type, meta_features=features)


def extractor_of(task: Task, kb: KnowledgeBase) -> str | None:
    """Return the extractor whose meta-features a task brings most of, None where it brings none."""
    brought = {extractor: len(names & task.meta_features.keys()) for extractor, names in kb.extractors().items()}
    best = max(brought, key=lambda extractor: brought[extractor], default=None)
    return best if best is not None and brought[best] else None
