"""Random search draws from the space's own distributions, or from the candidates."""

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float
from scipy.stats import binomtest, kstest

from metalearn.core.spaces import SearchSpace
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.random_search import RandomSearch

SPACE = SearchSpace(
    "s-1", ConfigurationSpace(space=[Float("x", (1e-4, 1), log=True), Categorical("c", ["a", "b"], weights=[0.9, 0.1])])
)


def test_it_draws_from_the_spaces_own_distributions():
    trials = AskTell(SPACE, RandomSearch(), rng=np.random.default_rng(0)).ask(300)
    values = [dict(trial.configuration.hyperparameters) for trial in trials]
    assert kstest([np.log10(v["x"]) / 4 + 1 for v in values], "uniform").pvalue > 1e-3
    assert binomtest(sum(v["c"] == "a" for v in values), 300, 0.9).pvalue > 1e-3


def test_every_candidate_has_the_same_chance():
    candidates = SPACE.sample(4, np.random.default_rng(1))
    first = [
        AskTell(SPACE, RandomSearch(), candidates=candidates, rng=np.random.default_rng(seed)).ask()[0].configuration
        for seed in range(200)
    ]
    counts = [first.count(c) for c in candidates]
    assert min(counts) > 25  # 50 expected, with a standard deviation of 6
