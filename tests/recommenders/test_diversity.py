"""Similarity of loss profiles, and lists whose items are unlike each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.recommenders.diversity import RELEVANCE_SHARE, maximal_marginal_relevance, profile_similarity


def test_similarity_is_the_correlation_over_the_tasks_that_both_know():
    rng = np.random.default_rng(0)
    ranks = rng.random((30, 5))
    assert np.allclose(profile_similarity(ranks), np.corrcoef(ranks.T))
    gappy = np.where(rng.random(ranks.shape) < 0.3, np.nan, ranks)
    found = profile_similarity(gappy)
    centred = gappy - np.nanmean(gappy, axis=0)
    both = ~np.isnan(gappy[:, 0]) & ~np.isnan(gappy[:, 1])
    a, b = centred[both, 0], centred[both, 1]
    assert found[0, 1] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
    assert np.abs(found).max() <= 1 + 1e-9


@pytest.mark.parametrize("ranks", [np.empty((0, 3)), np.full((4, 3), np.nan), np.full((4, 3), 0.5)])
def test_profiles_that_tell_nothing_are_not_alike(ranks):
    assert not profile_similarity(ranks).any()


@given(seed=st.integers(0, 1000), n=st.integers(0, 9), k=st.integers(0, 12))
def test_each_choice_has_the_largest_marginal_relevance(seed, n, k):
    rng = np.random.default_rng(seed)
    similarity = profile_similarity(rng.random((6, n)))
    chosen = maximal_marginal_relevance(similarity, k)
    assert len(set(chosen)) == len(chosen) == min(k, n)
    for step in range(len(chosen)):
        before = chosen[:step]

        def value(i, before=before):
            nearest = max((similarity[i, j] for j in before), default=-1.0)
            return RELEVANCE_SHARE * (1 - i / n) - (1 - RELEVANCE_SHARE) * nearest

        best = max(value(i) for i in range(n) if i not in before)
        assert value(chosen[step]) == pytest.approx(best, abs=1e-9)
    assert chosen[:3] == maximal_marginal_relevance(similarity, 3)[: len(chosen)]


def test_twins_are_kept_apart_and_the_first_stays_the_first():
    twins = np.kron(np.eye(3), np.ones((2, 2)))  # 0 and 1 alike, 2 and 3, 4 and 5
    assert maximal_marginal_relevance(twins, 6) == [0, 2, 1, 4, 3, 5]
    assert maximal_marginal_relevance(np.zeros((4, 4)), 4) == [0, 1, 2, 3]
