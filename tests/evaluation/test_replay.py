"""Replay: the regret after k choices, asked for at once or one at a time."""

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Recommendation
from metalearn.errors import InputError
from metalearn.evaluation.replay import choices, replay, tables

A, B, C = sorted((Configuration("s", name) for name in "abc"), key=lambda c: c.id)


class Scripted:
    """Recommends in a given order, and remembers the histories it was told."""

    def __init__(self, *order):
        self.order, self.histories = order, []

    def recommend(self, task, k, *, history=(), candidates=None, constraints=None):
        self.histories.append([(t.configuration, t.loss, t.status) for t in history])
        tried = {t.configuration for t in history}
        return tuple(Recommendation(c) for c in self.order if c not in tried and c in candidates)[:k]


def one_table(losses, failed=None, **options):
    return tables(MetaDataset.from_matrix([losses], ["openml-1"], [A, B, C], failed=failed, **options))[0]


def test_regret_after_k_is_that_of_the_best_so_far():
    np.testing.assert_allclose(replay(Scripted(C, B, A), one_table([0.1, 0.2, 0.5]), 3, "zero_shot"), [1, 0.25, 0])


def test_a_failure_takes_its_place_and_counts_as_the_reference():
    table = one_table([0.1, np.nan, 0.5], failed=np.array([[False, True, False]]))
    np.testing.assert_allclose(replay(Scripted(B, A, C), table, 3, "zero_shot"), [1, 0, 0])


def test_a_list_that_ends_early_keeps_its_best():
    np.testing.assert_allclose(replay(Scripted(B), one_table([0.1, 0.2, 0.5]), 3, "zero_shot"), [0.25] * 3)
    np.testing.assert_allclose(replay(Scripted(), one_table([0.1, 0.2, 0.5]), 2, "sequential"), [1, 1])


def test_unbounded_losses_are_measured_against_the_median():
    table = one_table([0.1, 0.3, 90.0], metric=METRICS["log_loss"])
    np.testing.assert_allclose(replay(Scripted(C, B, A), table, 3, "zero_shot"), [1, 1, 0])


def test_candidates_are_what_was_evaluated_on_the_task():
    assert one_table([0.1, np.nan, 0.5]).candidates == (A, C)


def test_sequential_tells_each_loss_and_asks_again():
    fitted = Scripted(C, B, A)
    table = one_table([0.1, np.nan, 0.5], failed=np.array([[False, True, False]]))
    np.testing.assert_allclose(replay(fitted, table, 3, "sequential"), [1, 1, 0])
    assert fitted.histories == [[], [(C, 0.5, "ok")], [(C, 0.5, "ok"), (B, None, "crashed")]]


def test_choices_are_places_among_the_tasks_own_candidates():
    table = one_table([0.1, np.nan, 0.5])
    assert table.columns.tolist() == [0, 2]
    for protocol in ("zero_shot", "sequential"):
        assert choices(Scripted(C, A), table, 3, protocol).tolist() == [1, 0]


@pytest.mark.parametrize("protocol", ["zero_shot", "sequential"])
def test_what_is_no_candidate_is_refused(protocol):
    class Foreign:
        def recommend(self, task, k, *, history=(), candidates=None, constraints=None):
            return (Recommendation(Configuration("s", "other")),)

    with pytest.raises(InputError, match="no candidate there"):
        choices(Foreign(), one_table([0.1, 0.2, 0.5]), 1, protocol)


def test_only_where_all_losses_are_the_same_a_table_is_constant():
    assert one_table([0.2, 0.2 + 1e-13, 0.2]).is_constant
    assert not one_table([0.2, 0.2 + 1e-3, 0.2]).is_constant
