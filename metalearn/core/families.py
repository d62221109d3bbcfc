"""Families: datasets that must not be on both sides of a split, because one gives the other away.

Two datasets are linked when they have the same fingerprint, the same name stem (a version chain, a series such as
``mfeat-*`` or ``kc1``, ``kc2``), or losses that correlate above 0.99 over at least 100 shared configurations. A
family is a connected component of these links, named by its smallest dataset id.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Above this correlation two rows of OBOE's matrix are copies or relabelled versions of one dataset.
MIN_CORRELATION = 0.99
# With fewer shared configurations such a correlation happens by chance.
MIN_SHARED = 100
# Prefixes that name a collection of unrelated datasets, or no dataset at all.
_COLLECTIONS = frozenset({"analcatdata", "data", "dataset", "openml", "prnn", "test", "train", "uci"})


def name_stem(name: str) -> str | None:
    """Return the letters at the beginning of a dataset's name, which the datasets of a series share; None without any.

    Where these name a collection, the stem is the whole name, or None if nothing but digits and signs follows.

    >>> [name_stem(n) for n in ("mfeat-pixel", "kc2", "jEdit_4.0_4.2", "analcatdata_lawsuit", "iris")]
    ['mfeat', 'kc', 'jedit', 'analcatdata_lawsuit', 'iris']
    """
    word = re.match(r"[a-z]+", name.lower())
    if word is None:
        return None
    if word[0] in _COLLECTIONS:
        return name.lower() if re.search(r"[a-z]", name.lower()[word.end() :]) else None
    return word[0]


def correlated_pairs(losses: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return pairs of rows of losses (T, C), NaN = not evaluated, that correlate as copies of one dataset do.

    >>> base = np.random.default_rng(0).random(150)
    >>> correlated_pairs(np.stack([base, 2 * base + 1, base**9]))
    [(0, 1)]
    """
    known = np.isfinite(losses).astype(np.float64)
    values = np.where(known > 0, losses, 0.0)
    values = values - values.sum(1, keepdims=True) / np.maximum(known.sum(1, keepdims=True), 1)  # for precision only
    values *= known
    shared = known @ known.T
    n = np.maximum(shared, 1)
    sums, squares = values @ known.T, values**2 @ known.T
    covariance = values @ values.T / n - sums * sums.T / n**2
    variance = squares / n - (sums / n) ** 2
    scale = np.sqrt(np.maximum(variance * variance.T, 0))
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 1e-15)
    rows, columns = np.nonzero(np.triu((correlation > MIN_CORRELATION) & (shared >= MIN_SHARED), k=1))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]


def families(
    dataset_ids: Sequence[str],
    names: Sequence[str | None],
    fingerprints: Sequence[str | None],
    pairs: Iterable[tuple[str, str]] = (),
) -> dict[str, str]:
    """Return the family of each dataset; ``pairs`` are further links between dataset ids.

    >>> families(["openml-14", "openml-16", "openml-61"], ["mfeat-fourier", "mfeat-karhunen", "iris"], [None] * 3)
    {'openml-14': 'openml-14', 'openml-16': 'openml-14', 'openml-61': 'openml-61'}
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    position = {id_: i for i, id_ in enumerate(dataset_ids)}
    links = [(position[a], position[b]) for a, b in pairs]
    links += _same(name_stem(n) if n else None for n in names)
    links += _same(fingerprints)
    ends = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(links)), (ends[0], ends[1])), shape=(len(dataset_ids), len(dataset_ids)))
    component = connected_components(graph, directed=False)[1]
    representative: dict[int, str] = {}
    for id_, c in sorted(zip(dataset_ids, component, strict=True)):
        representative.setdefault(int(c), id_)
    return {id_: representative[int(c)] for id_, c in zip(dataset_ids, component, strict=True)}


def _same(keys: Iterable[str | None]) -> list[tuple[int, int]]:
    """Link the positions that share a key, in a chain."""
    groups: dict[str, list[int]] = {}
    for i, key in enumerate(keys):
        if key is not None:
            groups.setdefault(key, []).append(i)
    return [link for members in groups.values() for link in pairwise(members)]
