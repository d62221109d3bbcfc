"""Options chosen by nested cross-validation: the planted better one, by the past tasks alone."""

from dataclasses import replace

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.registry import create
from metalearn.errors import InputError, UnknownNameError
from metalearn.evaluation.benchmark import Settings, evaluate_recommenders
from metalearn.evaluation.tuning import Tuned, recommender_from_text

AVERAGE, NEAREST = create("recommender", "average_rank"), create("recommender", "knn")


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("order", [(AVERAGE, NEAREST), (NEAREST, AVERAGE)])
def test_the_better_candidate_is_chosen_whatever_their_order(order):
    assert Tuned(order, ks=(1, 2)).choose(planted_meta_dataset(), rng=rng()) == NEAREST


def test_ties_go_to_the_first():
    past = planted_meta_dataset(4)
    same = replace(
        past, tasks=tuple(replace(t, meta_features={}) for t in past.tasks), meta_features=np.full((4, 2), np.nan)
    )
    alike = (create("recommender", "knn", n_neighbors=2), create("recommender", "knn", n_neighbors=3))
    assert Tuned(alike).choose(same, rng=rng()) == alike[0]
    assert Tuned(alike[::-1]).choose(same, rng=rng()) == alike[1]


@pytest.mark.parametrize("past", [MetaDataset.from_matrix([], [], []), planted_meta_dataset(1)], ids=["none", "one"])
def test_with_too_little_past_it_is_the_first(past):
    assert Tuned((AVERAGE, NEAREST)).choose(past, rng=rng()) == AVERAGE


def test_constant_tasks_decide_nothing():
    past = planted_meta_dataset(6)
    assert Tuned((AVERAGE, NEAREST)).choose(replace(past, loss=np.full(len(past), 0.5)), rng=rng()) == AVERAGE


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
def test_a_tuned_recommender_conforms(check):
    check(Tuned((AVERAGE, NEAREST), ks=(1, 2), n_folds=2))


def test_in_a_bench_it_is_as_good_as_the_better_candidate():
    found = evaluate_recommenders(
        planted_meta_dataset(),
        {"tuned": Tuned((AVERAGE, NEAREST), ks=(1,)), "knn": NEAREST, "average": AVERAGE},
        Settings(ks=(1,), n_folds=3),
    )
    tuned, nearest, average = (row["mean_normalized_regret"] for row in found["results"])
    assert tuned == nearest < average


def test_texts():
    def made(text):
        return recommender_from_text(text, ks=(1, 5), protocol="sequential")

    assert made("knn") == NEAREST
    assert made("knn:n_neighbors=7").n_neighbors == 7
    grid = made("knn:n_neighbors=1/2")
    assert [c.n_neighbors for c in grid.candidates] == [1, 2]
    assert (grid.ks, grid.protocol) == ((1, 5), "sequential")
    assert not grid.stochastic
    assert made("task_mixture:n_trees=10/20").stochastic


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("knnn", UnknownNameError, "did you mean 'knn'"),
        ("knn:n_neighbours=3", UnknownNameError, "did you mean 'n_neighbors'"),
        ("knn:3", InputError, "knn:n_neighbors=5"),
        ("knn:n_neighbors=0", InputError, "at least 1"),
        ("knn:n_neighbors=many", InputError, "options in 'knn:n_neighbors=many' are not of the kinds that knn takes"),
    ],
)
def test_wrong_texts(text, error, message):
    with pytest.raises(error, match=message):
        recommender_from_text(text, ks=(1,), protocol="zero_shot")
