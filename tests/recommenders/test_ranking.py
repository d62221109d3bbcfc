"""What all orderings share beyond the conformance checks: evidence, and numbers that make no sense."""

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Constraints, Task, Trial
from metalearn.core.registry import create, names
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import FittedAverageRank
from metalearn.recommenders.past_tasks import PastTasks

A, B = sorted((Configuration("s", name) for name in "ab"), key=lambda c: c.id)
NEW = Task("new", "new", "classification")


class Weighing(FittedAverageRank):
    """Average ranks, and given weights."""

    def weights(self, task, tried):
        given = np.array(WEIGHTS)
        return given, np.full(len(given), np.nan)


WEIGHTS: list[float] = []


def shown(weights, losses):
    """Return the tasks that are evidence for A."""
    WEIGHTS[:] = weights
    past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(len(losses))], [A, B])
    fitted = Weighing(PastTasks(past))
    (answer,) = fitted.recommend(NEW, 1, candidates=[A])
    return [int(e.task_id.removeprefix("openml-dataset-")) for e in answer.evidence]


WINS, LOSES, UNKNOWN = [0.1, 0.2], [0.2, 0.1], [np.nan, 0.1]


@pytest.mark.parametrize(
    ("weights", "losses", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], [WINS] * 4, [3, 2, 1]),
        ([0.1, 0.2, 0.3, 0.4], [WINS, WINS, WINS, UNKNOWN], [2, 1, 0]),
        ([0.25, 0.25, 0.25, 0.25], [LOSES, WINS, WINS, WINS], [1, 2, 3]),
        ([0.25 + 1e-15, 0.25, 0.25, 0.25 - 1e-15], [LOSES, WINS, WINS, WINS], [1, 2, 3]),
        ([0.0, 0.5, 0.5, 0.0], [WINS, LOSES, WINS, WINS], [2, 1]),
        ([1.0], [UNKNOWN], []),
    ],
)
def test_evidence_is_of_most_weight_then_where_it_did_best(weights, losses, expected):
    assert shown(weights, losses) == expected


@pytest.mark.parametrize("name", names("recommender"))
def test_a_negative_k_is_refused_and_none_is_none(name):
    fitted = create("recommender", name).meta_fit(planted_meta_dataset(), rng=np.random.default_rng(0))
    assert fitted.recommend(planted_task(0), 0) == ()
    with pytest.raises(InputError, match="k must be 0 or more; got -1"):
        fitted.recommend(planted_task(0), -1)


def test_what_takes_just_the_seconds_there_are_is_not_left_out():
    costs, tasks = np.array([[3.0, 5.0]] * 3), ["openml-0", "openml-1", "openml-2"]
    fitted = FittedAverageRank(PastTasks(MetaDataset.from_matrix([WINS] * 3, tasks, [A, B], cost_seconds=costs)))
    (answer,) = fitted.recommend(NEW, 1)
    assert answer.configuration == A
    for limit in ("total_seconds", "seconds"):
        allowed = {within: Constraints(**{limit: answer.cost_seconds * within}) for within in (1.0, 0.99)}
        assert fitted.recommend(NEW, 1, constraints=allowed[1.0]) == (answer,)
        assert A not in [r.configuration for r in fitted.recommend(NEW, 1, constraints=allowed[0.99])]
    tried = [Trial(A, loss=0.1, status="ok")]
    again = fitted.recommend(NEW, 2, history=tried, constraints=Constraints(total_seconds=100.0))
    assert [r.configuration for r in again] == [B]


def test_within_seconds_in_all_the_list_goes_on_to_what_fits():
    pool = sorted((Configuration("s", name) for name in "abcdef"), key=lambda c: c.id)
    costs, tasks = np.array([[5.0, 5, 5, 5, 5, 0.1]] * 9), [f"openml-{i}" for i in range(9)]
    past = MetaDataset.from_matrix([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]] * 9, tasks, pool, cost_seconds=costs)
    fitted = FittedAverageRank(PastTasks(past))
    for k, expected in ((1, [0]), (2, [0, 5]), (6, [0, 5])):
        answer = fitted.recommend(NEW, k, constraints=Constraints(total_seconds=6.0))
        assert [past.position[r.configuration.id] for r in answer] == expected


def test_predictions_are_those_of_the_past_tasks_that_know():
    past = MetaDataset.from_matrix([[0.1, 0.5], [0.2, 0.5], UNKNOWN], [f"openml-{i}" for i in range(3)], [A, B])
    (answer,) = FittedAverageRank(PastTasks(past)).recommend(NEW, 1, candidates=[A])
    assert (answer.loss, answer.std) == pytest.approx((0.15, 0.05))


def test_of_candidates_that_no_past_task_knows_those_come_that_are_new_and_allowed():
    past = MetaDataset.from_matrix([WINS] * 3, [f"openml-{i}" for i in range(3)], [A, B])
    new, tried, unwanted = (Configuration("s", name) for name in ("c", "d", "e"))
    answer = FittedAverageRank(PastTasks(past)).recommend(
        NEW,
        9,
        candidates=[unwanted, new, tried, B, A],
        history=[Trial(tried, loss=0.1, status="ok")],
        constraints=Constraints(exclude=("e",)),
    )
    assert [r.configuration for r in answer] == [A, B, new]
