"""Families: what is joined, and what is not."""

import numpy as np

from metalearn.core.families import correlated_pairs, families


def test_links_of_each_kind_join_transitively():
    ids = ["openml-1", "openml-2", "openml-3", "openml-4", "openml-5"]
    names = ["monks-problems-1", "monks-problems-2", None, "iris", "wine"]
    fingerprints = [None, "f", "f", None, None]
    found = families(ids, names, fingerprints, [("openml-3", "openml-4")])
    assert [found[i] for i in ids] == ["openml-1"] * 4 + ["openml-5"]


def test_a_collection_prefix_joins_nothing():
    names = ["analcatdata_lawsuit", "analcatdata_authorship", "openml_11", "openml_61"]
    assert len(set(families([str(i) for i in range(4)], names, [None] * 4).values())) == 4


def test_correlation_is_over_shared_configurations_and_needs_a_hundred():
    rng = np.random.default_rng(0)
    base = rng.random(220)
    twin, stranger = base + 1e-4 * rng.random(220), rng.random(220)
    gaps = np.where(np.arange(220) < 110, base, np.nan)
    assert correlated_pairs(np.stack([base, twin, stranger, gaps])) == [(0, 1), (0, 3), (1, 3)]
    few, enough = (np.where(np.arange(220) < n, base, np.nan) for n in (99, 100))
    assert correlated_pairs(np.stack([base, few])) == []
    assert correlated_pairs(np.stack([base, enough])) == [(0, 1)]


def test_means_are_those_of_the_shared_configurations():
    base = np.sort(np.random.default_rng(0).random(220))
    lower = np.where(np.arange(220) < 110, base, np.nan)
    assert correlated_pairs(np.stack([base, lower])) == [(0, 1)]


def test_constant_rows_correlate_with_nothing():
    assert correlated_pairs(np.stack([np.full(150, 0.3), np.random.default_rng(0).random(150)])) == []
    for seed in range(5):  # constant where the other is known, up to the rounding of a variance
        rng = np.random.default_rng(seed)
        part, other = rng.random(300), np.where(np.arange(300) < 150, rng.random(300), np.nan)
        part[:150] = rng.random()
        assert correlated_pairs(np.stack([part, other])) == []


def test_twenty_rows_of_a_published_matrix_have_a_twin(shared):
    losses = np.genfromtxt(shared / "data" / "oboe" / "error_matrix.csv", delimiter=",", skip_header=1)[:, 1:]
    losses = losses[:, ~np.isnan(losses).all(axis=0)]
    assert len({i for pair in correlated_pairs(losses) for i in pair}) == 20
