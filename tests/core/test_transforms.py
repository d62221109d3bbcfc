"""Transforms: hand-made values and the properties that recommenders rely on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metalearn.core.transforms import (
    WINSOR_LIMIT,
    RobustScaler,
    log_losses,
    manhattan,
    normalized_regret,
    ranks,
    reference_loss,
)

LOSSES = arrays(np.float64, (3, 6), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]))
NONE_FAILED = np.zeros((3, 6), dtype=bool)


def test_unbounded_losses_are_scaled_by_the_median_and_clipped():
    losses = np.array([[0.1, 0.3, 0.5, 900.0, 0.2]])
    expected = [[0.0, 1.0, 1.0, 1.0, 0.5]]
    np.testing.assert_allclose(normalized_regret(losses, losses > 1e3, bounded=False), expected)


def test_scores_that_differ_in_their_last_bits_are_ties():
    losses = np.array([[0.1 + 0.2, 0.3, 0.7]])
    failed = np.zeros((1, 3), dtype=bool)
    np.testing.assert_allclose(ranks(losses, failed), [[1 / 3, 1 / 3, 5 / 6]])
    assert normalized_regret(losses, failed)[0, 0] == normalized_regret(losses, failed)[0, 1] == 0.0


def test_a_failure_counts_as_the_reference():
    losses, failed = np.array([[0.1, 0.2, 0.6, np.nan]]), np.array([[False, False, False, True]])
    assert reference_loss(losses) == [0.6]
    assert reference_loss(losses, bounded=False) == [0.2]
    assert normalized_regret(losses, failed)[0, 3] == 1.0


def test_where_all_failed_there_is_no_reference():
    losses, failed = np.full((1, 2), np.nan), np.ones((1, 2), dtype=bool)
    assert np.isnan(reference_loss(losses)).all()
    np.testing.assert_array_equal(ranks(losses, failed), [[0.5, 0.5]])


def test_unbounded_losses_are_measured_by_the_median_before_their_logarithm():
    nan = np.nan
    losses = np.array([[2.0, 4.0, 4000.0], [0.0, 0.0, 3.0], [nan, nan, nan]])
    expected = [np.log([4 * 0.51, 4 * 1.01, 4 * 10.01]), np.log([0.01, 0.01, 3.01]), [nan] * 3]
    np.testing.assert_allclose(log_losses(losses, bounded=False), expected)


@given(LOSSES)
def test_ranks_and_regrets_lie_in_their_range_and_keep_gaps(losses):
    for values in (ranks(losses, NONE_FAILED), normalized_regret(losses, NONE_FAILED)):
        np.testing.assert_array_equal(np.isnan(values), np.isnan(losses))
        assert np.nanmin(values, initial=0.0) >= 0.0
        assert np.nanmax(values, initial=0.0) <= 1.0


@given(LOSSES)
def test_ranks_ignore_a_monotone_map_of_each_task(losses):
    np.testing.assert_array_equal(ranks(losses, NONE_FAILED), ranks(np.exp(losses) * 7 + 1, NONE_FAILED))


def test_the_scaler_ignores_what_is_constant_and_winsorises_outliers():
    past = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [3.0, 5.0, np.nan], [1e9, 5.0, np.inf]])
    scaled = RobustScaler.fit(past).transform(past)
    assert np.abs(scaled[:, 0]).max() == WINSOR_LIMIT
    np.testing.assert_array_equal(scaled[:, 1], 0.0)
    assert np.isnan(scaled[:, 2]).all()


def test_the_scaler_separates_values_of_which_most_are_equal():
    scaler = RobustScaler.fit(np.array([[0.0]] * 9 + [[1.0]]))
    assert scaler.transform(np.array([[1.0]]))[0, 0] == np.log(2)


def test_the_scaler_tells_powers_of_ten_apart_on_both_sides_of_zero():
    sizes = np.array([[-1e300], [-1e4], [0.0], [1e4], [1e8], [1e300]])
    scaled = RobustScaler.fit(sizes).transform(sizes)[:, 0]
    assert (np.diff(scaled) > 0).all()
    np.testing.assert_allclose(RobustScaler.fit(-sizes).transform(-sizes)[:, 0], -scaled)


@given(arrays(np.float64, (5, 3), elements=st.sampled_from([0.0, 1.0, 3.0, np.nan])))
def test_a_distance_takes_only_what_both_know(rows):
    weights = np.array([1.0, 2.0, 0.5])
    distances = manhattan(rows[0], rows, weights)
    for row, distance in zip(rows, distances, strict=True):
        known = np.isfinite(rows[0]) & np.isfinite(row)
        expected = np.average(np.abs(row - rows[0])[known], weights=weights[known]) if known.any() else np.inf
        np.testing.assert_allclose(distance, expected)
