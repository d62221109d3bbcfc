"""Answers: the same whoever works, and an error that names the recommender and the task."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset
from metalearn.core.registry import create
from metalearn.errors import MetalearnError
from metalearn.evaluation.answers import N_BLOCKS, collect, jobs
from metalearn.evaluation.splits import folds
from tests.evaluation.methods import Shortest, Stranger

PAST = planted_meta_dataset(24)
METHODS = {name: create("recommender", name) for name in ("average_rank", "portfolio", "random")}


def work(methods=METHODS, past=PAST, *, k=4, protocol="zero_shot", n_folds=None):
    return jobs(methods, past, folds(past, "family", n_folds), protocol=protocol, k=k, seed=3)


@pytest.mark.parametrize("protocol", ["zero_shot", "sequential"])
def test_workers_change_nothing(protocol):
    alone = collect(work(protocol=protocol, n_folds=4))
    with ThreadPoolExecutor(3) as pool:
        together = collect(work(protocol=protocol, n_folds=4), executor=pool, n_workers=3)
    assert list(alone) == list(together) == list(METHODS)
    for name, chosen in alone.items():
        np.testing.assert_array_equal(chosen, together[name])


def test_shapes_and_seeds():
    found = collect(work(n_folds=3))
    assert found["average_rank"].shape == (1, 24, 4)
    assert found["random"].shape == (5, 24, 4)
    assert len(np.unique(found["random"][:, 0], axis=0)) > 1
    assert all((np.sort(c, axis=-1)[..., 1:] != np.sort(c, axis=-1)[..., :-1]).all() for c in found.values())


def test_blocks_do_not_depend_on_the_number_of_recommenders_and_are_limited():
    assert len(work()) == 3 * 12  # 24 folds in twos
    assert len(work(n_folds=5)) == 3 * 5
    assert (
        max(len(work({"average_rank": METHODS["average_rank"]}, planted_meta_dataset(n))) for n in (50, 90)) <= N_BLOCKS
    )


def test_folds_are_counted():
    told = []
    collect(work(n_folds=6), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 18) for i in range(1, 19)]


def test_k_larger_than_the_pool_asks_for_the_pool():
    assert collect(work(k=10**9, n_folds=2))["portfolio"].shape == (1, 24, 10)


@pytest.mark.parametrize("protocol", ["zero_shot", "sequential"])
def test_a_list_that_ends_early_is_filled_up(protocol):
    (chosen,) = collect(work({"short": Shortest(2)}, n_folds=2, protocol=protocol)).values()
    np.testing.assert_array_equal(chosen[0], np.tile([0, 1, -1, -1], (24, 1)))


def test_constant_tasks_are_not_asked_for():
    losses = PAST.performance_matrix()
    constant = PAST.task_index == 5
    past = planted_meta_dataset(24)
    past.loss[constant] = 0.5
    assert losses.shape == (24, 10)
    (chosen,) = collect(work({"fails": Shortest(fails_on=past.tasks[5].id)}, past)).values()
    assert (chosen[0, 5] == -1).all()
    assert (np.delete(chosen[0], 5, axis=0)[:, :2] >= 0).all()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Shortest(fails_on=PAST.tasks[7].id), f"The recommender mine failed on {PAST.tasks[7].id}: KeyError"),
        (
            Shortest(fails_to_learn=True),
            "The recommender mine failed learning .*: ZeroDivisionError: nothing to divide",
        ),
        (Stranger(), "The recommender mine failed on .*: it recommended"),
    ],
)
def test_an_error_names_the_recommender_and_the_task(method, message):
    with pytest.raises(MetalearnError, match=message):
        collect(work({"mine": method}))


def test_a_job_travels():
    job = work({"average_rank": METHODS["average_rank"]}, n_folds=2)[1]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(job)).run(), job.run())
