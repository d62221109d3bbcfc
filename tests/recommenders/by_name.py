"""Recommenders by name, and the algorithms that they recommend."""

import numpy as np

from metalearn.core.registry import create


def recommended(name, past, task, k=3, **options):
    """Return the algorithms that a recommender, fitted to the past, puts first on a task."""
    fitted = create("recommender", name).meta_fit(past, rng=np.random.default_rng(0))
    return [r.configuration.algorithm for r in fitted.recommend(task, k, **options)]
