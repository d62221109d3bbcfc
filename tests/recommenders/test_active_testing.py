"""Active testing beyond what the conformance checks say of every recommender."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.checks import recommender_checks
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task, Trial
from metalearn.errors import InputError
from metalearn.recommenders.active_testing import ActiveTesting, FittedActiveTesting, tournament
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.tried import NOTHING_TRIED, Tried
from metalearn.sources.matrix import read_matrix
from metalearn.store import KnowledgeBase

VARIANTS = ("AT0", "AT1", "ATW")
NEW = Task("new", "new", "classification")
# On the first two tasks b and d are better than a, on the third c is.
LOSSES = [[0.3, 0.1, 0.9, 0.2], [0.3, 0.1, 0.9, 0.2], [0.2, 0.8, 0.1, 0.9]]


def past_of(losses, **options):
    losses = np.asarray(losses, dtype=float)
    pool = [Configuration("s", "svc", {"i": i}) for i in range(losses.shape[1])]
    pool.sort(key=lambda c: c.id)  # so that column i stays column i
    return MetaDataset.from_matrix(losses, [f"openml-{i:03}" for i in range(len(losses))], pool, **options)


def fit(past, variant="ATW"):
    return ActiveTesting(variant).meta_fit(past, rng=np.random.default_rng(0))


def tell(past, results):
    """Return a history of (column, loss); a loss of infinity is a crash, one of NaN is pending."""
    statuses = [
        ("crashed", None) if x == np.inf else ("pending", None) if np.isnan(x) else ("ok", x) for _, x in results
    ]
    return [
        Trial(past.configurations[i], loss=loss, status=status)
        for (i, _), (status, loss) in zip(results, statuses, strict=True)
    ]


def columns(fitted, past, k=1, results=(), **options):
    answer = fitted.recommend(NEW, k, history=tell(past, results), **options)
    return [past.position[r.configuration.id] for r in answer]


def replayed(fitted, past, losses, k):
    """Return the columns chosen one at a time, each told its loss."""
    results = []
    while len(results) < k:
        (i,) = columns(fitted, past, 1, results)
        results.append((i, losses[i]))
    return [i for i, _ in results]


def by_hand(past, losses, variant, k):
    """Return the columns that the paper's tournament tries, written out task by task; no failures."""
    table, regrets = past.performance_matrix(), PastTasks(past).regrets
    means = average_rank(PastTasks(past).ranks)
    tried = [int(np.argmin(means))]
    best, verdicts = tried[0], [[] for _ in table]
    while len(tried) < k:
        score = {}
        for c in set(range(table.shape[1])) - set(tried):
            score[c] = 0.0
            for t, row in enumerate(table):
                if not np.isnan(row[best] + row[c]):
                    said = verdicts[t]
                    alike = {
                        "AT0": 1.0,
                        "AT1": float(said[-1]) if said else 1.0,
                        "ATW": ((1 + sum(said)) / (1 + len(said))) ** 2,
                    }[variant]
                    score[c] += alike * max(0.0, regrets[t, best] - regrets[t, c])
            score[c] = round(score[c], 10)
        challenger = min(score, key=lambda c: (-score[c], means[c], c))
        won = losses[challenger] < losses[best]
        for t, row in enumerate(table):
            if not np.isnan(row[best] + row[challenger]):
                verdicts[t].append((row[challenger] < row[best]) == won)
        tried.append(challenger)
        best = challenger if won else best
    return tried


@pytest.mark.parametrize("check", list(recommender_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_conforms(check, variant):
    check(ActiveTesting(variant))


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_tournament_is_the_papers(variant, missing):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        losses = np.round(rng.random((9, 12)), 1)  # with ties
        losses[rng.random(losses.shape) < missing] = np.nan
        past, new = past_of(losses), np.round(rng.random(12), 1)
        assert replayed(fit(past, variant), past, new, 12) == by_hand(past, new, variant, 12)


def test_the_variants_differ_in_which_tasks_count():
    """A win of b over a, then a loss of c: hand-calculated weights of the three tasks."""
    past = past_of(LOSSES)
    a_b_c = Tried(np.array([0, 1, 2]), np.array([0.4, 0.3, 0.5]))
    expected = {"AT0": [1, 1, 1], "AT1": [1, 1, 0], "ATW": [1, 1, (1 / 3) ** 2]}
    for variant, alike in expected.items():
        weights, distances = fit(past, variant).weights(NEW, a_b_c)
        np.testing.assert_allclose(weights, np.array(alike) / sum(alike))
        assert np.isnan(distances).all()


def test_the_next_is_the_one_of_the_largest_relative_landmark():
    """Regrets of a, c, d on the tasks: 1/4, 1, 1/8 twice, then 1/8, 0, 1; b lost, as on the third task only."""
    past, b_lost = past_of(LOSSES), [(0, 0.4), (1, 0.5)]
    assert columns(fit(past, "AT0"), past, 1, b_lost) == [3]  # d gains 1/8 twice, c 1/8 once
    assert columns(fit(past, "ATW"), past, 1, b_lost) == [2]  # the first two weigh 1/4 each
    assert columns(fit(past, "AT1"), past, 1, b_lost) == [2]  # and here nothing


def test_without_an_incumbent_the_best_average_rank_is_next():
    rng = np.random.default_rng(2)
    past = past_of(rng.random((8, 6)))
    order = np.argsort(average_rank(PastTasks(past).ranks), kind="stable").tolist()
    fitted = fit(past)
    assert columns(fitted, past) == order[:1]
    crashed = [(i, np.inf) for i in order[:2]]
    assert columns(fitted, past, 1, crashed) == [order[2]]
    assert columns(fitted, past, 2, crashed) == [order[2], *columns(fitted, past, 1, [*crashed, (order[2], 0.5)])]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_list_goes_on_as_if_each_had_lost(variant):
    past = past_of(np.random.default_rng(5).random((10, 8)))
    fitted = fit(past, variant)
    lost = np.full(8, 0.9)
    first = columns(fitted, past)[0]
    lost[first] = 0.1
    assert columns(fitted, past, 8) == replayed(fitted, past, lost, 8)
    pending = [(i, np.nan) for i in columns(fitted, past, 3)]
    assert columns(fitted, past, 5, pending) == columns(fitted, past, 8)[3:]


@pytest.mark.parametrize(
    ("losses", "incumbent", "duels"),
    [
        ([], None, []),
        ([np.inf, np.inf], None, []),
        ([0.5], 0, []),
        ([0.5, 0.5, 0.5 - 1e-12], 0, [(1, 0, False), (2, 0, False)]),
        ([0.5, np.inf, 0.4, 0.3], 3, [(1, 0, False), (2, 0, True), (3, 2, True)]),
        ([np.inf, 0.5, 0.6], 1, [(0, 1, False), (2, 1, False)]),
        ([np.nan, 0.5, 0.4], 2, [(2, 1, True), (0, 2, False)]),
        ([np.inf, np.nan, np.nan], 1, [(0, 1, False), (2, 1, False)]),
    ],
)
def test_who_challenged_whom_and_won(losses, incumbent, duels):
    winner, told = tournament(Tried(np.arange(len(losses)), np.array(losses, dtype=float)))
    assert winner == incumbent
    assert [(int(c), int(i), bool(w)) for c, i, w in zip(*told, strict=True)] == duels


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=15)
@given(scale=st.floats(0.1, 10), power=st.floats(0.3, 3))
def test_only_the_order_of_the_new_losses_and_only_regrets_of_the_past_count(variant, scale, power):
    rng = np.random.default_rng(1)
    table, new = rng.random((8, 9)), rng.random(9)
    past = past_of(table)
    shifted = replace(past, loss=past.loss * (1 + scale * past.task_index) + past.task_index)
    expected = replayed(fit(past, variant), past, new, 6)
    assert replayed(fit(shifted, variant), shifted, scale * new**power, 6) == expected


def test_a_past_failure_is_lost_there_and_counts_as_the_largest_regret():
    losses = np.array([[0.5, np.nan, 0.4, 0.1]] * 3 + [[0.1, 0.5, 0.5, 0.5]])
    failed = np.isnan(losses)
    past = past_of(losses, failed=failed)
    as_lost = past_of(np.where(failed, 0.5, losses))
    for told in ([(0, 0.3)], [(0, 0.3), (1, 0.2)], [(0, 0.3), (3, 0.2)]):
        assert columns(fit(past, "ATW"), past, 4, told) == columns(fit(as_lost, "ATW"), as_lost, 4, told)


def test_tasks_that_have_not_evaluated_both_say_nothing():
    table = np.array(LOSSES)
    silent = np.array([[np.nan, 0.1, np.nan, np.nan], [np.nan] * 4, [0.2, np.nan, np.nan, np.nan]])
    past, more = past_of(table), past_of(np.concatenate([table, silent]))
    for variant in VARIANTS:
        told = [(0, 0.4), (1, 0.5)]
        assert columns(fit(more, variant), more, 2, told) == columns(fit(past, variant), past, 2, told)
    weights, _ = fit(more, "AT1").weights(NEW, Tried(np.array([0, 1]), np.array([0.4, 0.5])))
    np.testing.assert_allclose(weights, [0, 0, 0.25, 0.25, 0.25, 0.25])


def test_many_wins_are_more_than_one_clear_win():
    """Column 1 gains 0.2 on each of nine tasks, column 2 gains 0.9 on the only task that evaluated it."""
    past = past_of([[0.2, 0.0, np.nan, 1.0]] * 9 + [[0.9, np.nan, 0.0, 1.0]])
    assert columns(fit(past), past, 2, [(0, 0.5)]) == [1, 2]


def test_a_duel_tells_the_kinds_of_task_apart():
    """Where column 1 beats column 0, columns 3 and 4 are the specialists, elsewhere 5 and 6."""
    rng = np.random.default_rng(0)
    losses, kind = rng.uniform(0.6, 0.9, size=(40, 12)), np.arange(40) % 4
    losses[:, 0] = 0.3
    losses[kind < 2, 1] = losses[kind >= 2, 2] = 0.25
    losses[np.arange(40), 3 + kind] = 0.1
    past = past_of(losses)
    won, lost = [(0, 0.3), (1, 0.25)], [(0, 0.3), (1, 0.7)]
    assert set(columns(fit(past, "AT0"), past, 2, lost)) != {5, 6}
    assert set(columns(fit(past, "ATW"), past, 2, lost)) == {5, 6}
    assert columns(fit(past, "AT1"), past, 1, lost)[0] in (5, 6)
    assert columns(fit(past, "AT1"), past, 1, won)[0] in (3, 4)


def test_predictions_and_evidence_come_from_the_tasks_that_agree():
    past = past_of(LOSSES)
    answer = fit(past, "AT1").recommend(NEW, 1, history=tell(past, [(0, 0.4), (1, 0.5)]))[0]
    assert answer.loss == pytest.approx(0.1)
    assert [e.task_id for e in answer.evidence] == [past.tasks[2].id]
    nobody = Tried(np.array([0, 1, 2]), np.array([0.4, 0.3, 0.2]))
    past = past_of(LOSSES[:1] * 2)
    np.testing.assert_allclose(fit(past, "AT1").weights(NEW, nobody)[0], [0.5, 0.5])
    assert columns(fit(past, "AT1"), past, 1, [(0, 0.4), (1, 0.3), (2, 0.2)]) == [3]


@pytest.mark.parametrize("variant", VARIANTS)
def test_constant_tasks_and_strangers_in_the_history_change_nothing(variant):
    rng = np.random.default_rng(4)
    table, new = rng.random((8, 6)), rng.random(6)
    past, padded = past_of(table), past_of(np.concatenate([table, np.full((5, 6), 0.5)]))
    first = columns(fit(past, variant), past)[0]
    told = [(first, new[first])]
    assert columns(fit(padded, variant), padded, 6, told)[:1] == columns(fit(past, variant), past, 6, told)[:1]
    stranger = Trial(Configuration("s", "stranger"), loss=0.0, status="ok")
    answer = fit(past, variant).recommend(NEW, 5, history=[stranger, *tell(past, told)])
    assert [past.position[r.configuration.id] for r in answer] == columns(fit(past, variant), past, 5, told)
    flat = past_of(np.full((3, 4), 0.5))
    assert columns(fit(flat, variant), flat, 4) == [0, 1, 2, 3]


def test_nothing_eligible_gives_nothing():
    past = past_of(LOSSES)
    nothing = np.zeros(4, dtype=bool)
    for tried in (NOTHING_TRIED, Tried(np.array([1]), np.array([0.2]))):
        assert fit(past).order(NEW, nothing, tried, 3).tolist() == []


def test_a_fitted_one_keeps_its_variant(tmp_path):
    fitted = fit(past_of(LOSSES), "AT1")
    fitted.save(tmp_path)
    assert FittedActiveTesting.load(tmp_path).variant == "AT1"
    assert ActiveTesting() == ActiveTesting(variant="ATW")


def test_an_unknown_variant_is_refused():
    with pytest.raises(InputError, match="AT0, AT1, ATW"):
        ActiveTesting("ATX")


@pytest.fixture(scope="module")
def oboe(shared, tmp_path_factory):
    with KnowledgeBase.open(tmp_path_factory.mktemp("kb") / "oboe.duckdb", read_only=False) as kb:
        kb.append_all(read_matrix(shared / "data" / "oboe" / "error_matrix.csv"))
        return PastTasks(kb.meta_dataset())


@pytest.mark.parametrize(
    ("variant", "name"), [(v, f"active testing {v}{'^2' if v == 'ATW' else ''}") for v in VARIANTS]
)
def test_figures_agree_with_independent_code_on_313_datasets(oboe, shared, variant, name):
    """One dataset left out; equal average ranks and twins among the configurations leave differences of 0.05 %."""
    with (shared / "yardsticks" / "results" / "recommend.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["method"] == name and r["subset"] == "all" and int(r["K"]) <= 5]
    regrets = np.ones((len(oboe.losses), 5))
    for left_out, (task, losses) in enumerate(zip(oboe.meta_dataset.tasks, oboe.losses, strict=True)):
        fitted = FittedActiveTesting(without(oboe, left_out), variant)
        tried = NOTHING_TRIED
        for _ in range(5):
            eligible = ~np.isin(np.arange(len(losses)), tried.indices)
            indices = np.append(tried.indices, fitted.order(task, eligible, tried, 1))
            tried = Tried(indices, losses[indices])
        regrets[left_out] = np.minimum.accumulate(oboe.regrets[left_out, tried.indices])
    assert len(rows) == 4
    for row in rows:
        assert regrets[:, int(row["K"]) - 1].mean() == pytest.approx(float(row["mean"]), abs=0.0007)


def without(past, left_out):
    """Return past tasks less one; ranks and regrets are those within a task, so they are not computed anew."""
    keep = np.arange(len(past.losses)) != left_out
    rest = PastTasks(past.meta_dataset)
    vars(rest).update(ranks=past.ranks[keep], regrets=past.regrets[keep])
    return rest
