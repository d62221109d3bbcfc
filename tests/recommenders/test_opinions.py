"""Opinions are pooled, whatever their units."""

import numpy as np
import pytest

from metalearn.recommenders.opinions import pooled

ALL = np.ones(3, dtype=bool)


class Fixed:
    """The same gains for ever, and a record of what was chosen."""

    def __init__(self, *gains):
        self.values, self.chosen = np.array(gains, dtype=float), []

    def gains(self):
        return self.values

    def choose(self, index):
        self.chosen.append(index)


@pytest.mark.parametrize(("share", "first"), [(0.0, 1), (0.4, 1), (0.6, 2), (1.0, 2)])
def test_each_has_its_share_of_the_say_whatever_its_unit(share, first):
    one, other = Fixed(0, 1e6, 5e5), Fixed(0, 1e-6, 2e-6)
    assert pooled([(one, 1 - share), (other, share)], ALL, 2).tolist() == [first, 3 - first]


def test_all_are_told_what_was_chosen():
    one, other = Fixed(3, 2, 1), Fixed(1, 1, 1)
    pooled([(one, 0.9), (other, 0.1)], ALL, 3)
    assert one.chosen == other.chosen == [0, 1, 2]


def test_gains_are_shares_of_the_largest_that_is_left():
    """What was chosen or is not eligible does not count: of the others the first opinion is for 1, and heavily so."""
    one, other = Fixed(1e9, 2, 1), Fixed(0, 1, 1.2)
    assert pooled([(one, 0.5), (other, 0.5)], np.array([False, True, True]), 1).tolist() == [1]


def test_equal_gains_go_to_the_smaller_tie_then_to_the_smaller_index():
    assert pooled([(Fixed(1, 1, 1), 1.0)], ALL, 3).tolist() == [0, 1, 2]
    assert pooled([(Fixed(1, 1, 1), 1.0)], ALL, 3, ties=np.array([0.3, 0.1, 0.1])).tolist() == [1, 2, 0]
    assert pooled([(Fixed(0, 0, 0), 1.0)], ALL, 9).tolist() == [0, 1, 2]


def test_a_price_divides_the_gain():
    assert pooled([(Fixed(3, 2, 1), 1.0)], ALL, 3, price=np.array([4.0, 1.0, 1.0])).tolist() == [1, 2, 0]
