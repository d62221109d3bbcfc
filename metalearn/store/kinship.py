"""Families across knowledge bases: which of their datasets must not be on both sides of a split."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metalearn.core.families import correlated_pairs, families
from metalearn.core.meta_dataset import MetaDataset
from metalearn.store.knowledge_base import KnowledgeBase


def related_datasets(*knowledge_bases: KnowledgeBase) -> dict[str, str]:
    """Return the family of every dataset in one or more knowledge bases (``core.families`` says what links them).

    Families that are stored already are kept together.

    >>> with KnowledgeBase.open() as bundled:
    ...     found = related_datasets(bundled)
    >>> found["openml-16"] == found["openml-18"] != found["openml-61"]  # mfeat-karhunen, mfeat-morphological, iris
    True
    """
    rows = [row for knowledge_base in knowledge_bases for row in knowledge_base.dataset_rows()]
    pairs = _correlated_datasets([knowledge_base.meta_dataset() for knowledge_base in knowledge_bases])
    # A dataset may stand in several of them: its rows are told apart, and linked as one.
    ids = [f"{i} {row[0]}" for i, row in enumerate(rows)]
    first: dict[str, str] = {}
    of_family: dict[str, str] = {}
    links = []
    for id_, (dataset, _, _, family) in zip(ids, rows, strict=True):
        links += [(first.setdefault(dataset, id_), id_), (of_family.setdefault(family, id_), id_)]
    links += [(first[a], first[b]) for a, b in pairs]
    component = families(ids, [row[1] for row in rows], [row[2] for row in rows], links)
    representative: dict[str, str] = {}
    for dataset, id_ in sorted(first.items()):
        representative.setdefault(component[id_], dataset)
    return {dataset: representative[component[id_]] for dataset, id_ in first.items()}


def store_families(knowledge_base: KnowledgeBase) -> dict[str, str]:
    """Find the families of a knowledge base that is open for writing, store them, and return them by dataset id."""
    found = related_datasets(knowledge_base)
    knowledge_base.set_families(found)
    return found


def _correlated_datasets(meta_datasets: Sequence[MetaDataset]) -> list[tuple[str, str]]:
    """Return pairs of datasets, of one or two meta-datasets, whose losses over shared configurations correlate."""
    datasets = [task.dataset_id for past in meta_datasets for task in past.tasks]
    return [(datasets[i], datasets[j]) for i, j in correlated_pairs(_stacked_losses(meta_datasets))]


def _stacked_losses(meta_datasets: Sequence[MetaDataset]) -> NDArray[np.float64]:
    """Return all tasks' losses under one numbering of the configurations, NaN where not evaluated."""
    ids = sorted({c.id for past in meta_datasets for c in past.configurations})
    column = {id_: i for i, id_ in enumerate(ids)}
    blocks = []
    for past in meta_datasets:
        block = np.full((len(past.tasks), len(ids)), np.nan)
        block[:, [column[c.id] for c in past.configurations]] = past.performance_matrix()
        blocks.append(block)
    return np.concatenate(blocks)
