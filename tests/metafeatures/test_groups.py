"""Summaries over columns."""

import numpy as np

from metalearn.metafeatures.groups import summarised, summary_names


def test_names_and_values_go_together_and_what_is_not_finite_is_left_out():
    values = summarised("x", np.array([1.0, np.inf, 2.0, np.nan, 6.0]), "constant")
    assert tuple(values) == summary_names(["x"])
    np.testing.assert_allclose(list(values.values()), [3.0, np.sqrt(14 / 3), 1.0, 6.0])


def test_without_a_finite_value_there_is_a_reason():
    assert set(summarised("x", np.array([]), "not_applicable").values()) == {"not_applicable"}
