"""Random search: each seed another order."""

import numpy as np

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.registry import create


def test_random_search_draws_anew_for_each_seed():
    past = planted_meta_dataset()
    orders = set()
    for seed in range(20):
        fitted = create("recommender", "random").meta_fit(past, rng=np.random.default_rng(seed))
        orders.add(tuple(r.configuration.id for r in fitted.recommend(planted_task(0), 10)))
    assert len(orders) == 20
