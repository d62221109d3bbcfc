"""What fits into a budget in order, and where the default stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Constraints, Evidence, Recommendation, Task
from metalearn.core.registry import create, names
from metalearn.errors import InputError
from metalearn.recommenders.lists import affordable, with_default

A, B, C, D = (Recommendation(Configuration("s", name), cost_seconds=1.0) for name in "abcd")
COSTS = st.lists(st.one_of(st.none(), st.floats(0, 10)), max_size=12)


def letters(items):
    return "".join(item.configuration.algorithm for item in items)


@given(costs=COSTS, limit=st.floats(0, 30))
def test_what_is_kept_fits_and_what_is_passed_over_would_not_have(costs, limit):
    kept = affordable(costs, limit)
    spent = 0.0
    for place, cost in enumerate(costs):
        if place in kept:
            spent += cost or 0.0
            assert spent <= limit
        else:
            assert spent + cost > limit


@given(costs=COSTS, limit=st.floats(0, 30), n=st.integers(0, 12))
def test_a_shorter_list_keeps_the_same(costs, limit, n):
    assert affordable(costs[:n], limit) == [place for place in affordable(costs, limit) if place < n]


def test_without_a_limit_all_fit():
    assert affordable([1e9, None, 2.0], None) == [0, 1, 2]


@pytest.mark.parametrize(
    ("items", "default", "expected"),
    [
        ([A, B, C], D, "adbc"),
        ([A, B, C], C, "acb"),
        ([A, B, C], B, "abc"),
        ([A, B, C], A, "abc"),
        ([A], D, "ad"),
        ([A, B], None, "ab"),
        ([], D, ""),
    ],
)
def test_the_default_stands_second_unless_it_is_there_by_then(items, default, expected):
    assert letters(with_default(items, default)) == expected


def test_a_default_that_is_put_there_says_so_and_keeps_its_other_evidence():
    past, unknown = Evidence("past task", "t"), Evidence("no past task")
    default = Recommendation(D.configuration, loss=0.2, evidence=(past,))
    placed = with_default([A, B], default)[1]
    assert (placed.loss, placed.evidence) == (0.2, (Evidence("default"), past))
    assert with_default([A], Recommendation(D.configuration, evidence=(unknown,)))[1].evidence == (Evidence("default"),)
    assert with_default([A, B], B)[1] is B


@pytest.fixture
def costly():
    """Ten configurations on twelve tasks; the planted best ones take 6 seconds, the others 2."""
    past = planted_meta_dataset()
    seconds = [6.0 if c.algorithm.startswith("best") else 2.0 for c in past.configurations]
    matrix = np.tile(seconds, (len(past.tasks), 1))
    options = {"cost_seconds": matrix, "feature_names": past.feature_names}
    return MetaDataset.from_matrix(past.performance_matrix(), past.tasks, past.configurations, **options)


@pytest.mark.parametrize("name", names("recommender"))
def test_a_fitted_recommender_keeps_to_the_seconds_in_all(name, costly):
    fitted = create("recommender", name).meta_fit(costly, rng=np.random.default_rng(0))
    for total in (1.0, 5.0, 9.0, 15.0):
        limit = Constraints(total_seconds=total)
        items = fitted.recommend(planted_task(0), 10, constraints=limit)
        spent = sum(item.cost_seconds for item in items)
        assert spent <= total < spent + 2.0  # another of the cheap ones would not have fitted
        assert fitted.recommend(planted_task(0), 2, constraints=limit) == items[:2]


def test_what_does_not_fit_is_passed_over_for_what_does(costly):
    fitted = create("recommender", "knn").meta_fit(costly, rng=np.random.default_rng(0))
    items = fitted.recommend(planted_task(0), 10, constraints=Constraints(total_seconds=9.0))
    chosen = [item.configuration.algorithm for item in items]
    assert chosen[0] == "best_0"
    assert "best_1" not in chosen
    assert len(chosen) == 2


def test_configurations_are_excluded_by_id_and_kept_by_the_name_of_their_space():
    past = planted_meta_dataset()
    fitted = create("recommender", "portfolio").meta_fit(past, rng=np.random.default_rng(0))
    task = Task("new", "new", "classification")
    first = fitted.recommend(task, 1)[0].configuration
    without = fitted.recommend(task, 10, constraints=Constraints(exclude=(first.id,)))
    assert {c.configuration for c in without} == set(past.configurations) - {first}
    assert len(fitted.recommend(task, 10, constraints=Constraints(space="planted"))) == 10
    assert fitted.recommend(task, 10, constraints=Constraints(space="another")) == ()


@pytest.mark.parametrize("limits", [{"seconds": -1.0}, {"total_seconds": float("nan")}])
def test_a_limit_that_is_none_is_refused(limits):
    with pytest.raises(InputError, match="0 or more"):
        Constraints(**limits)
