"""Comparisons against SciPy's tests, published critical values, and an independent Bayesian signed-rank test."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, wilcoxon

from metalearn.errors import InputError
from metalearn.evaluation.comparison import by_family, duel, rank_test, signed_rank_posterior

FAMILIES = [str(i) for i in range(20)]


def values(*shifts, n=20, seed=0):
    base = np.random.default_rng(seed).random((len(shifts), n))
    return {f"m{i}": 0.3 * row + shift for i, (row, shift) in enumerate(zip(base, shifts, strict=True))}


def test_friedman_and_wilcoxon_are_those_of_scipy():
    data = values(0.0, 0.1, 0.3)
    found = rank_test(data, FAMILIES)
    columns = list(data.values())
    assert found.friedman_p == pytest.approx(friedmanchisquare(*columns).pvalue)
    raw = {(i, j): wilcoxon(columns[i], columns[j], zero_method="zsplit").pvalue for i, j in ((0, 1), (0, 2), (1, 2))}
    holm, largest = {}, 0.0
    for rank, pair in enumerate(sorted(raw, key=raw.get)):
        largest = max(largest, min(1.0, raw[pair] * (3 - rank)))
        holm[pair] = largest
    for (i, j), p in holm.items():
        assert found.wilcoxon_p[i, j] == found.wilcoxon_p[j, i] == pytest.approx(p)


@pytest.mark.parametrize(("count", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_demsars_critical_values(count, q):
    found = rank_test(values(*np.zeros(count)), FAMILIES)
    assert found.critical_difference == pytest.approx(q * np.sqrt(count * (count + 1) / (6 * 20)), rel=1e-3)
    apart = np.abs(found.average_ranks[:, None] - found.average_ranks) > found.critical_difference
    np.testing.assert_array_equal(found.nemenyi_p < 0.05, apart)


def test_average_ranks_by_hand_with_ties_in_the_last_digits():
    data = {"a": np.array([0.1, 0.2]), "b": np.array([0.1 + 1e-13, 0.1]), "c": np.array([0.3, 0.3])}
    np.testing.assert_array_equal(rank_test(data, ["x", "y"]).average_ranks, [1.75, 1.25, 3])


def test_a_family_counts_once():
    data = {"a": np.array([0.0, 0.2, 0.5]), "b": np.array([0.2, 0.2, 0.4]), "c": np.array([1.0, 1.0, 1.0])}
    found = rank_test(data, ["x", "x", "y"])
    assert found.n_families == 2
    np.testing.assert_array_equal(found.average_ranks, [1.5, 1.5, 3])
    np.testing.assert_allclose(
        by_family(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), ["b", "a", "b"]), [[3, 4], [3, 4]]
    )


def test_equal_recommenders_are_equal():
    same = np.random.default_rng(0).random(20)
    found = rank_test({"a": same, "b": same.copy(), "c": same.copy()}, FAMILIES)
    assert found.friedman_p == 1
    np.testing.assert_array_equal(found.wilcoxon_p, np.ones((3, 3)))
    np.testing.assert_array_equal(found.nemenyi_p, np.ones((3, 3)))


def test_two_recommenders_are_compared_by_pairs_alone():
    two = rank_test(values(0.0, 0.5), FAMILIES)
    assert np.isnan(two.friedman_p)
    assert two.wilcoxon_p[0, 1] < 0.001


@pytest.mark.parametrize("n", [2, 3])
def test_few_families_tell_nothing_for_certain(n):
    few = {"a": np.zeros(n), "b": np.arange(n) / n, "c": np.ones(n)}
    assert (rank_test(few, FAMILIES[:n]).wilcoxon_p > 0.05).all()


def test_one_of_anything_is_not_compared():
    with pytest.raises(InputError, match="two recommenders"):
        rank_test(values(0.0), FAMILIES)
    with pytest.raises(InputError, match="two families"):
        rank_test(values(0.0, 0.5, n=3), ["x"] * 3)


def test_the_posterior_agrees_with_an_independent_implementation():
    """Golden values: baycomp 1.0.3, SignedRankTest with 50,000 samples and rope 0.01."""
    x = [0.637, 0.27, 0.041, 0.017, 0.813, 0.913, 0.607, 0.729, 0.544, 0.935, 0.816, 0.003]
    y = [0.531, 0.269, -0.011, -0.01, 0.796, 0.907, 0.638, 0.791, 0.548, 1.013, 0.793, 0.031]
    found = signed_rank_posterior(np.array(y) - np.array(x), np.random.default_rng(1))
    np.testing.assert_allclose(found, [0.5426, 0.0448, 0.4126], atol=0.01)


def test_posteriors_mirror():
    differences = np.random.default_rng(0).normal(0.01, 0.03, 15)
    one, other = (signed_rank_posterior(s * differences, np.random.default_rng(0)) for s in (1, -1))
    np.testing.assert_allclose(one, other[::-1])
    assert one.sum() == pytest.approx(1)
    assert one[2] > one[0]


def test_a_duel_by_hand():
    ours = np.array([0.1, 0.5, 0.2, 0.9, 0.1])
    theirs = np.array([0.3, 0.5, 0.3, 0.2, 0.1 + 1e-13])
    found = duel(ours, theirs, list("abcde"), np.random.default_rng(0))
    assert (found.wins, found.ties, found.losses) == (2, 2, 1)
    joined = duel(ours, theirs, list("abcdd"), np.random.default_rng(0))
    assert (joined.wins, joined.ties, joined.losses) == (2, 1, 1)


def test_far_better_is_believed_and_hardly_different_is_equivalent():
    ours = np.random.default_rng(0).random(20)
    assert duel(ours, ours + 0.1, FAMILIES, np.random.default_rng(0)).better > 0.99
    assert duel(ours, ours + 0.002, FAMILIES, np.random.default_rng(0)).equivalent > 0.99
    assert duel(ours + 0.1, ours, FAMILIES, np.random.default_rng(0)).worse > 0.99
