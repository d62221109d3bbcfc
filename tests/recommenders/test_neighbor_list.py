"""Neighbours by unlearned distance: hand calculations, edge cases, and the published figures of both methods."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task, recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Constraints, Task, Trial
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import AverageRank
from metalearn.recommenders.neighbor_list import (
    FittedNeighborList,
    FittedNeighborRank,
    NeighborList,
    NeighborRank,
    scaled_distances,
)
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.tried import NOTHING_TRIED

BOTH = [NeighborList(), NeighborRank()]


def described(x, number=0):
    return Task(f"t{number}", f"d{number}", "classification", meta_features={"x": x})


def line(losses, xs=None, **options):
    """Past tasks on a line, at x = 0, 1, 2, ... unless told otherwise, and the configurations a, b, c, ..."""
    tasks = [described(x, i) for i, x in enumerate(range(len(losses)) if xs is None else xs)]
    pool = [Configuration("s", name) for name in "abcdef"[: len(losses[0])]]
    return MetaDataset.from_matrix(losses, tasks, pool, feature_names=["x"], **options)


def recommended(recommender, past, task, k=9, **options):
    fitted = recommender.meta_fit(past, rng=np.random.default_rng(0))
    return [r.configuration.algorithm for r in fitted.recommend(task, k, **options)]


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("recommender", [*BOTH, NeighborRank(n_neighbors=2)], ids=repr)
def test_it_conforms(recommender, check):
    check(recommender)


@pytest.mark.parametrize("recommender", [NeighborList(), NeighborRank(n_neighbors=3)], ids=repr)
@pytest.mark.parametrize("cluster", [0, 1])
def test_meta_features_find_the_cluster(recommender, cluster):
    assert recommended(recommender, planted_meta_dataset(), planted_task(cluster))[0] == f"best_{cluster}"


def test_the_range_and_the_median_are_those_of_all_tasks_the_new_one_included():
    np.testing.assert_allclose(scaled_distances(np.array([0.0]), np.array([[1.0], [4.0]])), [0.25, 1.0])
    np.testing.assert_allclose(scaled_distances(np.array([np.inf]), np.array([[1.0], [2.0], [9.0]])), [1 / 8, 0, 7 / 8])
    np.testing.assert_allclose(scaled_distances(np.array([8.0]), np.array([[0.0], [np.nan]])), [1.0, 0.5])
    gaps = np.array([[1.0, np.nan, 7.0], [2.0, np.nan, 7.0]])  # one that nobody knows, one that is constant
    np.testing.assert_allclose(scaled_distances(np.array([2.0, np.nan, 7.0]), gaps), [1.0, 0.0])


def test_the_best_of_the_nearest_come_first_and_the_rest_by_average_rank():
    losses = [
        [0.1, 0.2, 0.3, 0.4, 0.5],
        [0.3, 0.1, 0.2, 0.4, 0.5],
        [0.3, 0.1, 0.2, 0.4, 0.5],
        [0.5, 0.4, 0.3, 0.2, 0.1],
    ]
    past = line(losses)
    assert recommended(NeighborList(), past, described(2.1, 9)) == ["b", "e", "a", "c", "d"]
    assert recommended(NeighborList(), past, described(0.0, 9)) == ["a", "b", "e", "c", "d"]
    assert recommended(AverageRank(), past, described(0.0, 9)) == ["b", "c", "a", "d", "e"]


def test_the_best_is_the_best_of_what_may_be_recommended():
    past = line([[0.1, 0.2, 0.3], [0.1, 0.3, 0.2]])
    without = Constraints(exclude=("a",))
    assert recommended(NeighborList(), past, described(1.0, 9), constraints=without) == ["c", "b"]


@pytest.mark.parametrize("recommender", BOTH, ids=repr)
def test_one_at_a_time_gives_the_same_list(recommender):
    past = planted_meta_dataset(missing=0.2)
    fitted = recommender.meta_fit(past, rng=np.random.default_rng(0))
    history = []
    while answer := fitted.recommend(planted_task(1), 1, history=history):
        history.append(Trial(answer[0].configuration, status="crashed"))
    assert [t.configuration.algorithm for t in history] == recommended(recommender, past, planted_task(1), 99)


@pytest.mark.parametrize("recommender", BOTH, ids=repr)
def test_without_meta_features_it_is_the_average_rank(recommender):
    bare, past = Task("bare", "bare", "classification"), planted_meta_dataset(missing=0.3)
    assert recommended(recommender, past, bare) == recommended(AverageRank(), past, bare)
    undescribed = replace(past, meta_features=np.full_like(past.meta_features, np.nan))
    assert recommended(recommender, undescribed, planted_task(0)) == recommended(AverageRank(), past, bare)


def test_what_failed_or_was_never_evaluated_is_nobodys_best():
    nan = np.nan
    losses = [[nan, nan, nan], [nan, nan, 0.2], [0.1, nan, nan], [nan, nan, nan]]
    failed = np.array([[True] * 3, [False, True, False], [False] * 3, [False] * 3])
    past = line(losses, failed=failed)
    assert recommended(NeighborList(), past, described(0.0, 9))[:2] == ["c", "a"]


def test_a_task_that_evaluated_nothing_is_no_neighbour():
    past = line([*[[0.3, 0.2, 0.1]] * 3, [0.1, 0.2, 0.3], [np.nan] * 3])
    assert recommended(AverageRank(), past, described(4.0, 9)) == ["c", "b", "a"]
    assert recommended(NeighborRank(n_neighbors=1), past, described(4.0, 9)) == ["a", "b", "c"]


def test_ranks_are_averaged_with_weights_that_fall_with_distance():
    """At x = 1 of 0, 1, 4 the distances are 1/4, 0, 3/4, so the weights 4/5, 1, 4/7."""
    past = line([[0.1, 0.2, 0.3], [0.2, 0.1, 0.3], [0.3, 0.2, 0.1]], xs=[0, 1, 4])
    fitted = NeighborRank(n_neighbors=3).meta_fit(past, rng=np.random.default_rng(0))
    weights, distances = fitted.weights(described(1.0, 9), NOTHING_TRIED)
    np.testing.assert_allclose(distances, [0.25, 0.0, 0.75])
    np.testing.assert_allclose(weights, np.array([4 / 5, 1, 4 / 7]) / (4 / 5 + 1 + 4 / 7))
    # Rank sums: a 4/5 + 2 + 12/7 = 4.51, b 8/5 + 1 + 8/7 = 3.74, c 12/5 + 3 + 4/7 = 5.97.
    assert recommended(NeighborRank(n_neighbors=3), past, described(1.0, 9)) == ["b", "a", "c"]
    # Without the third: a 4/5 + 2 = 2.8, b 8/5 + 1 = 2.6.
    assert recommended(NeighborRank(n_neighbors=2), past, described(1.0, 9)) == ["b", "a", "c"]
    assert recommended(NeighborRank(n_neighbors=2), past, described(0.0, 9)) == ["a", "b", "c"]


def test_where_a_neighbour_knows_nothing_the_average_over_all_tasks_stands_in():
    losses = [[np.nan, 0.2, 0.3], *[[0.1, 0.2, 0.3]] * 5]
    past = line(losses, xs=[0, 5, 6, 7, 8, 9])
    assert recommended(NeighborRank(n_neighbors=1), past, described(0.0, 9)) == ["a", "b", "c"]


@pytest.mark.parametrize("recommender", BOTH, ids=repr)
def test_a_monotone_map_of_each_tasks_losses_changes_nothing(recommender):
    past = planted_meta_dataset(missing=0.2)
    mapped = replace(past, loss=(1 + past.task_index) * past.loss**1.7)
    assert recommended(recommender, mapped, planted_task(1)) == recommended(recommender, past, planted_task(1))


@pytest.mark.parametrize("recommender", BOTH, ids=repr)
def test_the_evidence_is_what_happened_on_the_nearest(recommender):
    past = line([[0.1, 0.2]] * 5)
    evidence = recommender.meta_fit(past, rng=np.random.default_rng(0)).recommend(described(3.0, 9), 1)[0].evidence
    assert [e.task_id for e in evidence] == ["t3", "t2", "t4"]
    assert [e.distance for e in evidence] == [0.0, 0.25, 0.25]


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        NeighborRank(n_neighbors=0)


@pytest.fixture(scope="module")
def oboe(shared):
    """OBOE's errors, with the meta-features of 238 of its 313 datasets; configurations in the file's order."""
    data = shared / "data"
    with (data / "oboe" / "error_matrix.csv").open() as file:
        header, *rows = csv.reader(file)
    with (data / "pmf" / "metafeatures.csv").open() as file:
        names, *described_rows = csv.reader(file)
    features = {int(r[0]): [float(v or "nan") for v in r[1:]] for r in described_rows}
    unknown = [np.nan] * (len(names) - 1)
    tasks = []
    for row in rows:
        values = dict(zip(names[1:], features.get(int(row[0]), unknown), strict=True))
        tasks.append(Task(f"t{row[0]}", f"openml-{int(row[0])}", "classification", meta_features=values))
    pool = [Configuration("oboe", name) for name in header[1:]]
    errors = np.array([[float(v) for v in row[1:]] for row in rows])
    return errors, tasks, pool, names[1:]


def without(past, i):
    """All tasks but one, with their losses and ranks taken over instead of computed anew."""
    others = np.arange(len(past.ranks)) != i
    left = PastTasks(past.meta_dataset.select(others))
    left.__dict__.update({name: getattr(past, name)[others] for name in ("failed", "losses", "ranks")})
    return left


def test_both_score_what_is_published_on_the_datasets_with_meta_features(oboe, shared):
    """Published code gives ties to the first column, so here a column adds 1e-9 times its number to the errors."""
    errors, tasks, pool, names = oboe
    column_of = {c: i for i, c in enumerate(pool)}
    distinct = errors.round(10) + 1e-9 * np.arange(len(pool))
    unequal, exact = (
        PastTasks(MetaDataset.from_matrix(losses, tasks, pool, feature_names=names)) for losses in (distinct, errors)
    )
    kept = np.isfinite(exact.meta_dataset.meta_features).any(axis=1)
    errors_of = {t.id: row for t, row in zip(tasks, errors.round(10), strict=True)}
    curves = {"kNN best-of-neighbour (auto-sklearn)": [], "kNN-10 weighted rank": []}
    for i, task in enumerate(exact.meta_dataset.tasks):
        row = errors_of[task.id]
        if not kept[i] or row.max() == row.min():
            continue
        fitted = [FittedNeighborList(without(unequal, i)), FittedNeighborRank(without(exact, i), 10)]
        for curve, one in zip(curves.values(), fitted, strict=True):
            order = one.order(task, np.ones(len(pool), dtype=bool), NOTHING_TRIED, 20)[:20]
            found = row[[column_of[exact.configurations[j]] for j in order]]
            curve.append((np.minimum.accumulate(found) - row.min()) / (row.max() - row.min()))
    with (shared / "yardsticks" / "results" / "recommend.csv").open() as file:
        published = [r for r in csv.DictReader(file) if r["method"] in curves and r["subset"] == "with-metafeatures"]
    assert len(published) == 12
    for r in published:
        mean = np.mean(curves[r["method"]], axis=0)[int(r["K"]) - 1]
        assert len(curves[r["method"]]) == int(r["n"])
        assert mean == pytest.approx(float(r["mean"]), abs=2e-4), (r["method"], r["K"])
