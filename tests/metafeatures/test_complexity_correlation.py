"""C1, C2, C3 and C4 of a numeric target: by hand, and against SciPy."""

import numpy as np
import pytest
from scipy import stats

from metalearn.metafeatures.complexity_correlation import CORRELATION
from metalearn.metafeatures.measures import Group

GROUPS = [Group("correlation", CORRELATION)]


def test_correlations_against_scipy(regression, curve):
    X, y = curve
    tied = np.column_stack([X, np.round(X[:, 0]), np.ones(80)])
    values = regression(tied, y)
    rho = [abs(stats.spearmanr(tied[:, i], y).statistic) for i in range(4)]
    assert (values["c1"], values["c2"]) == pytest.approx((max(rho), np.mean(rho)))


def removals(x, y):
    """Return how many rows go until the ranks correlate highly, ranked anew each time."""
    y = -y if stats.spearmanr(x, y).statistic < 0 else y
    n = len(x)
    while len(x) > 1:
        first, second = stats.rankdata(x), stats.rankdata(y)
        if np.ptp(x) > 0 and np.ptp(y) > 0 and np.corrcoef(first, second)[0, 1] > 0.9:
            break
        worst = np.abs(first - second).argmax()
        x, y = np.delete(x, worst), np.delete(y, worst)
    return n - len(x)


def test_rows_to_remove_against_ranking_anew(regression, curve):
    X, y = np.round(curve[0], 1), np.round(curve[1], 1)
    X[:, 1] = -X[:, 0] + 0.5 * X[:, 1]
    expected = [removals(X[:, i], y) for i in range(3)]
    assert regression(X, y)["c3"] == min(expected) / 80
    assert regression(X[:, 1:], y)["c3"] == min(expected[1:]) / 80
    assert 0 < min(expected) < expected[1] < 80


def test_one_wrong_row_has_to_go(regression):
    x = np.arange(12.0)
    values = regression({"a": [*x[:-1], -5.0]}, x)
    assert values["c3"] == 1 / 12
    assert regression({"a": -x}, x)["c3"] == 0.0


def test_rows_that_no_feature_explains_by_hand(regression):
    # a explains all but the last two rows' target to within a tenth of its range; b explains those.
    a = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 4, 6])
    y = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 0])
    left = np.array([11, 12])
    assert regression({"a": a}, y)["c4"] == len(left) / 13
    b = np.zeros(13)
    b[left] = [1.0, 0.0]
    assert regression({"a": a, "b": b}, y)["c4"] == 0.0
    assert regression({"a": y}, y)["c4"] == 0.0
