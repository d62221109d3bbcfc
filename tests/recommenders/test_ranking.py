"""What all orderings share beyond the conformance checks: evidence, and numbers that make no sense."""

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
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
