"""Performance regression beyond what the conformance checks say of every recommender: configurations never seen."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Constraints, Task, Trial
from metalearn.errors import InputError
from metalearn.evaluation.replay import replay, tables
from metalearn.evaluation.splits import folds
from metalearn.recommenders import performance_regression
from metalearn.recommenders.performance_regression import FittedPerformanceRegression, PerformanceRegression
from metalearn.sources.metafeatures import read_meta_features
from metalearn.sources.runs import read_runs
from metalearn.store import KnowledgeBase

NEW = Task("new", "new", "classification")


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def svc(x, **others):
    return Configuration("s", "svc", {"x": float(x), **others})


def off_grid(loss, wanted, n=12, seed=0, *, described=True, **options):
    """Tasks that share no configuration: n values of x each, with loss(x, what the task wants)."""
    rng = np.random.default_rng(seed)
    pool = [svc(x) for x in rng.uniform(size=len(wanted) * n)]
    losses = np.full((len(wanted), len(pool)), np.nan)
    for t, w in enumerate(wanted):
        mine = slice(t * n, (t + 1) * n)
        losses[t, mine] = [loss(c.hyperparameters["x"], w) for c in pool[mine]]
    tasks = [
        Task(str(t), f"openml-{t}", "classification", meta_features={"w": w} if described else {})
        for t, w in enumerate(wanted)
    ]
    return MetaDataset.from_matrix(losses, tasks, pool, feature_names=["w"], **options)


def valley(x, w):
    return 0.1 + 0.8 * abs(x - w)


def fitted_to(past):
    return PerformanceRegression().meta_fit(past, rng=np.random.default_rng(0))


CANDIDATES = [svc(x) for x in np.linspace(0.013, 0.987, 23)]
WANTED = np.random.default_rng(1).uniform(size=60)
# Of two kinds, and nothing tells them apart but what is measured.
KINDS = np.array([0.1, 0.9] * 15)


@pytest.fixture(scope="module")
def valleys():
    return fitted_to(off_grid(valley, WANTED))


@pytest.fixture(scope="module")
def two_kinds():
    return fitted_to(off_grid(valley, KINDS, described=False))


def xs(fitted, task, k, **options):
    options.setdefault("candidates", CANDIDATES)
    return [r.configuration.hyperparameters["x"] for r in fitted.recommend(task, k, **options)]


@pytest.mark.parametrize("w", [0.1, 0.5, 0.9])
def test_meta_features_find_configurations_that_no_task_has_evaluated(valleys, w):
    assert xs(valleys, replace(NEW, meta_features={"w": w}), 1)[0] == pytest.approx(w, abs=0.12)


def test_without_meta_features_a_list_covers_both_kinds_of_task(two_kinds):
    assert {round(x) for x in xs(two_kinds, NEW, 2)} == {0, 1}


@pytest.mark.parametrize("kind", [0.1, 0.9])
def test_what_was_measured_tells_the_kind_of_the_task(two_kinds, kind):
    history = [
        Trial(svc(0.3), loss=valley(0.3, kind), status="ok"),
        Trial(svc(0.6), loss=valley(0.6, kind), status="ok"),
    ]
    assert xs(two_kinds, NEW, 1, history=history)[0] == pytest.approx(kind, abs=0.12)


def test_one_after_the_other_comes_close_to_the_best(two_kinds):
    history = []
    for _ in range(5):
        (x,) = xs(two_kinds, NEW, 1, history=history)
        history.append(Trial(svc(x), loss=valley(x, 0.9), status="ok"))
    assert min(t.loss for t in history) < 0.13
    assert len({t.configuration for t in history}) == 5


def test_what_crashed_on_past_tasks_is_avoided():
    past = off_grid(valley, KINDS, described=False)
    crashes = np.array([c.hyperparameters["x"] > 0.5 for c in past.configurations])[past.configuration_index]
    past = replace(past, loss=np.where(crashes, np.nan, past.loss), status_code=np.where(crashes, 3, past.status_code))
    assert max(xs(fitted_to(past), NEW, 8)) < 0.51


def test_what_crashed_on_the_new_task_is_left_behind(two_kinds):
    history = [Trial(svc(0.5), loss=0.42, status="ok"), *(Trial(svc(x), status="crashed") for x in (0.05, 0.1, 0.15))]
    assert xs(two_kinds, NEW, 1, history=history)[0] > 0.5


def test_a_crash_alone_and_a_pending_trial_are_no_obstacle(two_kinds):
    for status in ("crashed", "pending"):
        history = [Trial(svc(0.1), status=status)]
        assert len(set(xs(two_kinds, NEW, 99, history=history))) == len(CANDIDATES)


@pytest.mark.parametrize(
    "stranger",
    [svc(0.5, kernel="poly"), svc(7.0), Configuration("s", "unheard_of"), Configuration("s", "svc", {"x": "auto"})],
    ids=str,
)
def test_strangers_are_recommended_too(valleys, stranger):
    history = [Trial(stranger, loss=0.3, status="ok")]
    assert len(valleys.recommend(NEW, 99, candidates=[*CANDIDATES, stranger])) == len(CANDIDATES) + 1
    assert len(valleys.recommend(NEW, 99, candidates=[*CANDIDATES, stranger], history=history)) == len(CANDIDATES)


def test_candidates_given_twice_come_once_and_their_order_does_not_matter(valleys):
    expected = valleys.recommend(NEW, 5, candidates=CANDIDATES)
    assert valleys.recommend(NEW, 5, candidates=[*CANDIDATES[::-1], *CANDIDATES]) == expected


def test_an_answer_does_not_depend_on_what_was_asked_before(valleys):
    first = xs(valleys, NEW, 5)
    xs(valleys, NEW, 5, candidates=CANDIDATES[:7])
    valleys.recommend(NEW, 5)
    assert xs(valleys, NEW, 5) == first


def test_a_copy_made_after_an_answer_answers_the_same(valleys):
    expected = valleys.recommend(NEW, 5, candidates=CANDIDATES)
    assert pickle.loads(pickle.dumps(valleys)).recommend(NEW, 5, candidates=CANDIDATES) == expected


def test_constraints_hold_for_what_no_task_has_evaluated(valleys):
    other = Configuration("s", "tree")
    kept = Constraints(algorithms=("tree",))
    assert [r.configuration for r in valleys.recommend(NEW, 9, candidates=[*CANDIDATES, other], constraints=kept)] == [
        other
    ]


@pytest.mark.parametrize("limit", ["MAX_POOL", "MAX_LIST"])
def test_beyond_the_limits_the_rest_follows_by_predicted_loss(valleys, monkeypatch, limit):
    monkeypatch.setattr(performance_regression, limit, 5)
    found = xs(valleys, replace(NEW, meta_features={"w": 0.5}), 99)
    assert sorted(found) == sorted(c.hyperparameters["x"] for c in CANDIDATES)
    assert max(abs(x - 0.5) for x in found[:5]) < 0.2


def test_losses_without_bounds_may_have_any_unit():
    past = off_grid(lambda x, w: 1 + abs(x - w), KINDS, metric=METRICS["rmse"])
    unit = 10.0 ** (np.arange(len(KINDS)) % 5)
    scaled = replace(past, loss=past.loss * unit[past.task_index])
    task = replace(NEW, meta_features={"w": 0.9})
    one, other = fitted_to(past), fitted_to(scaled)
    for factor in (1.0, 1000.0):
        history = [Trial(svc(0.2), loss=1.7 * factor, status="ok"), Trial(svc(0.5), loss=1.4 * factor, status="ok")]
        assert xs(other, task, 3, history=history) == xs(one, task, 3, history=history)
    assert xs(other, task, 5) == xs(one, task, 5)


def test_losses_are_predicted_with_an_error_that_shrinks(valleys):
    task = replace(NEW, meta_features={"w": 0.5})
    before = valleys.recommend(task, 1, candidates=[svc(0.5)])[0]
    history = [Trial(svc(x), loss=valley(x, 0.5), status="ok") for x in (0.4, 0.45, 0.55, 0.6)]
    after = valleys.recommend(task, 1, candidates=[svc(0.5)], history=history)[0]
    assert before.loss == pytest.approx(valley(0.5, 0.5), abs=0.07)
    assert after.loss == pytest.approx(valley(0.5, 0.5), abs=0.03)
    assert 0 < after.std < before.std


def test_evidence_says_whether_a_past_task_knows_it(valleys):
    known = valleys.past.configurations[0]
    kinds = {r.configuration: r.evidence[0].kind for r in valleys.recommend(NEW, 9, candidates=[known, svc(0.5)])}
    assert kinds == {known: "past task", svc(0.5): "no past task"}


def test_trees_are_lightgbms_text_and_what_is_loaded_answers_the_same(valleys, tmp_path):
    valleys.save(tmp_path)
    loaded = FittedPerformanceRegression.load(tmp_path)
    assert (tmp_path / "performance_regression_2.txt").read_text(encoding="utf-8").startswith("tree\n")
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".txt", ".json", ".parquet")]
    history = [Trial(svc(0.3), loss=0.2, status="ok")]
    for told in ([], history):
        expected = valleys.recommend(NEW, 5, candidates=CANDIDATES, history=told)
        assert loaded.recommend(NEW, 5, candidates=CANDIDATES, history=told) == expected


@pytest.mark.parametrize(
    "losses",
    [np.zeros((0, 3)), np.full((2, 3), np.nan), np.full((2, 3), 0.5), [[0.1, np.nan, np.nan], [np.nan, 0.2, np.nan]]],
    ids=["no tasks", "nothing known", "constant", "one each"],
)
def test_where_there_is_nothing_to_learn_the_ids_decide(losses, tmp_path):
    pool = [svc(x) for x in (0.1, 0.5, 0.9)]
    past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(len(losses))], pool)
    fitted = fitted_to(past)
    fitted.save(tmp_path)
    for method in (fitted, FittedPerformanceRegression.load(tmp_path)):
        for history in ([], [Trial(svc(0.3), loss=0.2, status="ok")]):
            answer = method.recommend(NEW, 99, candidates=CANDIDATES, history=history)
            assert [r.configuration.id for r in answer] == sorted(c.id for c in CANDIDATES)


def test_one_family_is_enough_to_learn_from():
    past = off_grid(valley, [0.2, 0.2, 0.2])
    past = past.with_families({t.dataset_id: "the one" for t in past.tasks})
    assert xs(fitted_to(past), NEW, 1)[0] < 0.5


@pytest.mark.parametrize("options", [{"n_trees": 0}, {"n_leaves": 1}, {"learning_rate": 0.0}])
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match="at least 1"):
        PerformanceRegression(**options)


def test_published_runs_without_a_shared_configuration(shared, tmp_path):
    """Learned from four fifths of the datasets, a list is far better than chance on the others."""
    runs = shared / "data" / "openml_hyperparameters"
    with KnowledgeBase.open(tmp_path / "kb", read_only=False) as kb:
        kb.append_all(read_runs(runs / "svm.arff", algorithm="svc", metric="accuracy", tasks=runs / "tasks.csv"))
        features = shared / "data" / "pmf" / "metafeatures.csv"
        kb.append_all(read_meta_features(features, "pmf", kb.tasks_of_openml_datasets()))
        past = quarter(kb.meta_dataset())
    fold = folds(past, "dataset", 5)[0]
    fitted = fitted_to(past.select(fold.learned))
    tested = [table for t, table in enumerate(tables(past)) if t in fold.test_tasks and not table.is_constant]
    found = np.mean([replay(fitted, table, 5, "zero_shot") for table in tested], axis=0)
    chance = np.mean([[np.mean(t.regrets), expected_best(t.regrets, 5)] for t in tested], axis=0)
    assert found[0] < chance[0] / 2
    assert found[4] < chance[1]


def quarter(past):
    """Every fourth configuration, which is as if drawn at random, and its evaluations."""
    index = past.configuration_index
    kept = index % 4 == 0
    return past.filtered(kept, configurations=past.configurations[::4], configuration_index=index[kept] // 4)


def expected_best(regrets, k):
    """The expected smallest of k regrets drawn with replacement."""
    survival = (np.arange(len(regrets), 0, -1) / len(regrets)) ** k
    return float(np.sum(np.sort(regrets) * (survival - np.append(survival[1:], 0.0))))
