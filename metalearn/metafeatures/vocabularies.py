"""Describing a dataset in the words of a knowledge base: our meta-features, auto-sklearn's, or OpenML's qualities."""

from collections.abc import Collection

import numpy as np

from metalearn.core.records import Dataset
from metalearn.metafeatures.extract import DEFAULT_GROUPS, Extractor, meta_features

# The groups that speak a vocabulary, and what our names of its meta-features begin with. Whatever the vocabulary, the
# simple ones are ours too: they tell which learners can be fitted.
_VOCABULARIES = (
    (DEFAULT_GROUPS, ""),
    (("simple", "autosklearn"), ""),
    (("simple", "openml"), "openml_"),
)


def meta_features_like(
    known: Collection[str], dataset: Dataset, *, budget: float | None = None, rng: np.random.Generator
) -> dict[str, float]:
    """Return the meta-features by name, NaN where there is none, in the vocabulary with most of the ``known`` names.

    It is ours where none has more of them, as when nothing is known.

    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 4.0, 8.0]})
    >>> dataset = Dataset(X, pd.Series([1.5, 2.5, 3.5, 4.5]), "tiny", ("numeric",), "")
    >>> found = meta_features_like(["NumberOfInstances", "Dimensionality"], dataset, rng=np.random.default_rng(0))
    >>> found["NumberOfInstances"], found["Dimensionality"], found["n_rows"]
    (4.0, 0.5, 4.0)
    """
    names = set(known)

    def n_known(groups: Collection[str], prefix: str) -> int:
        return len(names & {name.removeprefix(prefix) for name in Extractor(groups).names})

    groups, prefix = max(_VOCABULARIES, key=lambda vocabulary: n_known(*vocabulary))
    found = meta_features(dataset, groups=groups, budget=budget, rng=rng)
    return {name.removeprefix(prefix): value for name, value in found.items()}
