"""What a list of recommendations is made of: the default, budgets, diversity, limits, history, and why."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metalearn.api import recommend
from metalearn.core.records import Batch, Configuration, Constraints, Task, Trial
from metalearn.core.rows import meta_feature_table
from metalearn.core.spaces import SearchSpace
from metalearn.core.transforms import ranks
from metalearn.errors import InputError, UnknownNameError
from metalearn.learners.defaults import default_configurations
from metalearn.learners.space import search_space
from metalearn.recommendations import Recommendations
from metalearn.recommenders.diversity import profile_similarity
from metalearn.store import KnowledgeBase

Answered = Callable[..., Recommendations]
SIZES = {"n_rows": 150.0, "n_columns": 10.0, "n_classes": 3.0}
SMALL_BEST, LARGE_BEST = (search_space("classification").sample(1, np.random.default_rng(i))[0] for i in (1, 2))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "recommenders"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty tasks, half of them small, with seconds and memory: on each half another configuration is the best."""
    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    pool = [SMALL_BEST, LARGE_BEST, *default_configurations("classification")]
    pool += search_space("classification").sample(12, rng)
    n_rows = np.tile([100.0, 10_000.0], 10) * rng.uniform(1, 2, 20)
    scores = rng.uniform(0.3, 0.7, (20, 1)) + rng.uniform(0, 0.1, (20, len(pool)))
    scores[::2, 0] = scores[1::2, 1] = 0.95
    rows = [
        {"task_id": f"t{i}", "algorithm": c.algorithm, "hyperparameters": dict(c.hyperparameters), **measured}
        for i in range(20)
        for j, c in enumerate(pool)
        for measured in (
            {"metric": "balanced_accuracy", "value": scores[i, j], "cost_seconds": 0.1 * (j % 5) + 0.05},
            {"metric": "peak_memory", "value": 1 + j * n_rows[i] / 1e3},
        )
    ]
    sizes = np.stack([n_rows, np.full(20, 10.0), np.full(20, 3.0)], axis=1)
    ids = [f"t{i}" for i in range(20)]
    table = meta_feature_table(ids, list(SIZES), sizes, extractor="metalearn", version="3")
    with KnowledgeBase.open(folder / "small.duckdb", read_only=False) as kb:
        options = {"source": "test", "space": pool[0].space, "task_type": "classification"}
        kb.add_evaluations(pd.DataFrame(rows), **options)  # type: ignore[arg-type]
        kb.append(Batch("test", {"meta_features": table}))
    return folder / "small.duckdb"


@pytest.fixture
def task() -> Task:
    return Task("new", "new", "classification", meta_features=SIZES)


@pytest.fixture
def matrix_like(tmp_path: Path) -> Path:
    """A knowledge base of a foreign space: three configurations on twenty tasks, with seconds."""
    rows = [
        {"task_id": f"t{i}", "algorithm": name, "metric": "accuracy", "value": value, "cost_seconds": seconds}
        for i in range(20)
        for name, value, seconds in (("svc", 0.9, 5.0), ("lda", 0.8, 1.0), ("qda", 0.7, 1.0))
    ]
    with KnowledgeBase.open(tmp_path / "matrix.duckdb", read_only=False) as kb:
        kb.add_evaluations(pd.DataFrame(rows), source="test")
    return tmp_path / "matrix.duckdb"


def _algorithms(*arguments: object, **options: object) -> list[str]:
    return [item.configuration.algorithm for item in recommend(*arguments, **options)]  # type: ignore[arg-type]


def _ids(answer: Recommendations) -> list[str]:
    return [item.configuration.id for item in answer]


def _kinds(answer: Recommendations) -> list[str]:
    return [item.evidence[0].kind for item in answer]


@pytest.fixture
def answered(small: Path) -> Answered:
    """Recommend from the small knowledge base."""
    return partial(recommend, kb=small)


def test_the_library_default_is_second_and_marked_unless_told_otherwise(answered: Answered, task: Task) -> None:
    answer, without = answered(task, k=6), answered(task, k=6, include_default=False)
    defaults = {configuration.id for configuration in default_configurations("classification")}
    assert not defaults & set(_ids(without)[:2])
    assert _ids(answer)[1] in defaults
    assert _kinds(answer)[:3] == ["past task", "default", "past task"]
    assert answer[1].loss is not None
    assert [_ids(answer)[0], *_ids(answer)[2:]] == [id_ for id_ in _ids(without) if id_ != _ids(answer)[1]][:5]
    for k in (1, 2, 3):
        assert _ids(answered(task, k=k)) == _ids(answer)[:k]


def test_of_the_defaults_the_recommender_takes_the_one_that_it_would_try_first(answered: Answered, task: Task) -> None:
    defaults = default_configurations("classification")
    ranked = answered(task, k=1, candidates=defaults)
    assert _ids(answered(task, k=2))[1] == _ids(ranked)[0]
    assert "default" not in _kinds(ranked)


def test_constraints_apply_to_the_default_too(answered: Answered, task: Task) -> None:
    default = answered(task, k=2)[1].configuration
    without = answered(task, k=2, constraints=Constraints(exclude=(default.algorithm,)))
    assert _kinds(without)[1] == "default"
    assert without[1].configuration.algorithm != default.algorithm
    quick = answered(task, k=10, constraints=Constraints(seconds=0.1))
    assert all(item.cost_seconds is not None and item.cost_seconds <= 0.1 for item in quick)


def test_what_was_tried_and_what_is_given_is_not_mixed_with_a_default(answered: Answered, task: Task) -> None:
    first = answered(task, k=1)[0].configuration
    assert "default" not in _kinds(answered(task, k=20, history=[Trial(first, loss=0.1, status="ok")]))
    assert "default" not in _kinds(answered(task, k=20, candidates=[first]))


def test_where_no_default_is_known_the_forests_is_added(matrix_like: Path) -> None:
    answer = recommend(Task("new", "new", "classification"), k=10, kb=matrix_like)
    assert [item.configuration.algorithm for item in answer] == ["svc", "random_forest", "lda", "qda"]
    assert answer[1].configuration == default_configurations("classification")[0]
    assert (answer[1].loss, _kinds(answer)[1]) == (None, "default")
    assert "4 of 10" in answer.reason


@pytest.mark.parametrize("diverse", [False, True])
def test_the_seconds_in_all_are_kept_to_and_change_nothing_where_they_do_not_bind(
    answered: Answered, task: Task, diverse: bool
) -> None:
    limits = Constraints(total_seconds=1.0)
    answer = answered(task, k=40, constraints=limits, diverse=diverse)
    assert 0.9 < sum(item.cost_seconds or 0.0 for item in answer) <= 1.0
    assert len(answer) > 3
    assert "of 1 seconds, what does not fit being passed over" in answer.reason
    for k in (3, 40):
        plain = answered(task, k=k, diverse=diverse)
        spent = sum(item.cost_seconds or 0.0 for item in plain)
        for total, same in ((1.001 * spent, True), (0.9 * spent, False)):
            limited = answered(task, k=k, constraints=Constraints(total_seconds=total), diverse=diverse)
            assert (_ids(limited) == _ids(plain)) is same


def test_a_budget_that_what_comes_first_would_spend_is_left_to_what_fits(matrix_like: Path) -> None:
    bare, limits = Task("new", "new", "classification"), Constraints(total_seconds=3.0)
    assert _algorithms(bare, kb=matrix_like, constraints=limits, include_default=False) == ["lda", "qda"]
    more = Constraints(total_seconds=6.5)
    assert _algorithms(bare, kb=matrix_like, constraints=more, include_default=False) == ["lda", "svc"]


def test_a_diverse_list_begins_with_the_best_and_its_items_are_less_alike(
    answered: Answered, task: Task, small: Path
) -> None:
    plain, diverse = (answered(task, k=15, diverse=d, include_default=False) for d in (False, True))
    assert _ids(plain)[0] == _ids(diverse)[0]
    assert _ids(answered(task, k=4, diverse=True)) == _ids(answered(task, k=9, diverse=True))[:4]
    with KnowledgeBase.open(small) as kb:
        past = kb.meta_dataset(metric="balanced_accuracy")
    alike = profile_similarity(ranks(past.performance_matrix(), past.failure_matrix()))
    columns = [[past.position[id_] for id_ in _ids(answer)[:5]] for answer in (plain, diverse)]
    assert alike[np.ix_(columns[1], columns[1])].mean() < alike[np.ix_(columns[0], columns[0])].mean()


def test_memory_leaves_out_what_a_large_table_would_need(answered: Answered, task: Task) -> None:
    listed = partial(answered, recommender="portfolio")

    def left(n_rows: float, memory: float) -> set[str]:
        large = Task("new", "new", "classification", meta_features={**task.meta_features, "n_rows": n_rows})
        answer = listed(large, k=1000, memory=memory)
        assert ("predicted to need more than" in answer.reason) == (len(answer) < len(listed(large, k=1000)))
        return set(_ids(answer))

    assert left(150, 1.0) == set(_ids(listed(task, k=1000)))
    assert left(15_000, 0.02) < left(15_000, 0.1) < left(150, 0.1)


def test_memory_that_nobody_measured_is_said_to_be_unknown(matrix_like: Path) -> None:
    answer = recommend(Task("new", "new", "classification"), kb=matrix_like, memory=0.001)
    assert len(answer) == 4
    assert "knows nothing" in answer.reason


def test_a_search_space_keeps_what_is_valid_in_it(answered: Answered, task: Task) -> None:
    listed = partial(answered, recommender="portfolio")
    from ConfigSpace import Categorical, ConfigurationSpace, Float

    whole = search_space("classification")
    assert len(listed(task, k=1000, constraints=Constraints(space=whole))) == len(listed(task, k=1000))
    assert len(listed(task, k=1000, constraints=Constraints(space=whole.name))) == len(listed(task, k=1000))
    serialized = json.loads(whole.to_json())
    for hyperparameter in serialized["space"]["hyperparameters"]:
        if hyperparameter["name"] == "encoding":
            hyperparameter |= {"choices": ["ordinal"], "default_value": "ordinal", "weights": None}
    narrow = SearchSpace.from_json(json.dumps(serialized))
    kept = listed(task, k=1000, constraints=Constraints(space=narrow))
    assert 0 < len(kept) < len(listed(task, k=1000))
    assert {item.configuration.hyperparameters["encoding"] for item in kept} == {"ordinal"}
    other = SearchSpace("svm-1", ConfigurationSpace(space=[Float("C", (0.1, 1)), Categorical("kernel", ["rbf"])]))
    with pytest.raises(InputError, match=r"^Nothing can be recommended: --space svm-1: none of the \d+ known"):
        listed(task, k=5, constraints=Constraints(space=other))
    with pytest.raises(UnknownNameError, match="did you mean 'metalearn-classification-"):
        listed(task, constraints=Constraints(space="metalearn-clasification"))


def test_a_history_file_counts_as_the_trials_that_it_holds(answered: Answered, task: Task, tmp_path: Path) -> None:
    tried = [item.configuration for item in answered(task, k=3)]
    trials = [Trial(c, loss=0.3 + i / 10, status="ok") for i, c in enumerate(tried)]
    path = tmp_path / "tried.json"
    names = ("algorithm", "hyperparameters", "balanced_accuracy")
    entries = [(c.algorithm, dict(c.hyperparameters), 0.7 - i / 10) for i, c in enumerate(tried)]
    path.write_text(json.dumps([dict(zip(names, entry, strict=True)) for entry in entries]))
    expected = answered(task, k=8, history=trials)
    assert _ids(answered(task, k=8, history=path)) == _ids(expected)
    assert not {c.id for c in tried} & set(_ids(expected))
    frame = pd.DataFrame(
        {"task_id": "new", "algorithm": a, "hyperparameters": [h], "metric": "balanced_accuracy", "value": v}
        for a, h, v in entries
    ).explode("hyperparameters")
    with KnowledgeBase.open(tmp_path / "tried.duckdb", read_only=False) as kb:
        kb.add_evaluations(frame, source="me", space=tried[0].space)
    assert _ids(answered(task, k=8, history=tmp_path / "tried.duckdb")) == _ids(expected)


def test_dicts_are_a_history_too(answered: Answered, task: Task) -> None:
    tried = [item.configuration for item in answered(task, k=2)]
    trials = [Trial(c, loss=0.3, status="ok") for c in tried]
    dicts = [{"algorithm": c.algorithm, **c.hyperparameters, "loss": 0.3} for c in tried]
    for history in (dicts, [trials[0], dicts[1]]):
        assert _ids(answered(task, k=8, history=history)) == _ids(answered(task, k=8, history=trials))
    assert _ids(answered(task, k=8, history=pd.DataFrame(dicts))) == _ids(answered(task, k=8, history=trials))
    assert _ids(answered(task, k=8, history=pd.DataFrame())) == _ids(answered(task, k=8))
    with pytest.raises(InputError, match="Entry 2 of the history is neither a trial nor a dict"):
        answered(task, history=[trials[0], "svc"])


def test_what_was_tried_but_is_unknown_is_counted(answered: Answered, task: Task) -> None:
    strange = Configuration("mine", "svc", {"C": 3})
    answer = answered(task, k=2, history=[Trial(strange, loss=0.2, status="ok")])
    assert "1 of the configurations tried are unknown to the knowledge base" in answer.reason
    with pytest.raises(InputError, match=r"A loss under balanced_accuracy is 1 - balanced_accuracy"):
        answered(task, history=[Trial(strange, loss=80.0, status="ok")])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"algorithm": "svc", "C": -1}, "svc:C = -1 lies outside the space metalearn-classification-"),
        ({"algorithm": "svc", "C": "6.3"}, "svc:C = '6.3' lies outside the space"),
        ({"algorithm": "svr"}, "algorithm = 'svr' lies outside the space"),
    ],
)
def test_what_may_be_wrong_in_a_history_is_said(
    answered: Answered, task: Task, entry: dict[str, object], reason: str
) -> None:
    fine = {"algorithm": "lda", "loss": 0.3}
    answer = answered(task, k=2, history=[fine, entry | {"loss": 0.3}, entry | {"loss": 0.3, "space": "mine"}])
    assert f"entry 2 of the history may be wrong: {reason}" in answer.reason
    assert "2 of the configurations tried are unknown" in answer.reason
    answer = answered(task, k=2, history=[fine, entry | {"loss": 0.3, "space": "mine"}])
    assert "may be wrong" not in answer.reason


def test_what_failed_in_a_history_is_counted(answered: Answered, task: Task) -> None:
    entries = [{"algorithm": "svc", "loss": float("nan")}, {"algorithm": "lda", "status": "timeout"}]
    assert "2 of the 2 trials in the history count as failed" in answered(task, k=2, history=entries).reason
    entries = [{"algorithm": "svc", "loss": 0.1}, {"algorithm": "lda", "status": "pending"}]
    assert "count as failed" not in answered(task, k=2, history=entries).reason


def test_a_metric_of_other_tasks_is_refused_and_one_without_evaluations_named(
    answered: Answered, task: Task, matrix_like: Path
) -> None:
    with pytest.raises(InputError, match="rmse does not measure classification"):
        answered(task, metric="rmse")
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        answered(task, metric="acuracy")
    answer = recommend(task, metric="log_loss", kb=matrix_like, k=2)
    assert "no classification evaluations of log_loss, so these are the learners' defaults" in answer.reason


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"constraints": Constraints(algorithms=("svr",))}, "--algorithms svr: none is known here; known are ada"),
        ({"constraints": Constraints(("lda",), ("lda",))}, "--exclude lda leaves none of"),
        (
            {"constraints": Constraints(seconds=0.0)},
            "--seconds-each leaves nothing: the quickest is predicted to take 0.0505 seconds a fit",
        ),
        (
            {"constraints": Constraints(total_seconds=0.001)},
            "--seconds-total leaves nothing: the quickest is predicted to take 0.0505",
        ),
        ({"memory": 1e-9}, "--memory is less than the 0.001 GB that the smallest"),
        ({"candidates": []}, "--algorithms lda: none is known here; nothing is"),
    ],
)
def test_the_option_that_leaves_nothing_is_named(
    answered: Answered, task: Task, options: dict[str, object], why: str
) -> None:
    if "candidates" in options:
        options = {**options, "constraints": Constraints(("lda",))}
    with pytest.raises(InputError) as caught:
        answered(task, recommender="portfolio", **options)
    assert f"Nothing can be recommended: {why}" in str(caught.value)


def test_what_was_all_tried_is_not_recommended_again(matrix_like: Path) -> None:
    bare = Task("new", "new", "classification")
    everything = [item.configuration for item in recommend(bare, kb=matrix_like, include_default=False)]
    history = [Trial(c, loss=0.3, status="ok") for c in everything]
    with pytest.raises(InputError, match="--history has all of the 3 known configurations"):
        recommend(bare, kb=matrix_like, history=history)


def test_a_metric_without_scale_foretells_nothing_until_something_was_tried(tmp_path: Path) -> None:
    pool = [Configuration("s", name) for name in ("ridge", "svr")]
    rows = [
        {"task_id": f"t{i}", "algorithm": c.algorithm, "metric": metric, "value": (1.0 + j) * 10.0**power}
        for i in range(20)
        for j, c in enumerate(pool)
        for metric, power in (("rmse", i), ("r2", -1))
    ]
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb.add_evaluations(pd.DataFrame(rows), source="test", space="s", task_type="regression")
    ask = partial(recommend, Task("new", "new", "regression"), kb=tmp_path / "kb.duckdb", include_default=False)
    unscaled, scaled = ask(metric="rmse"), ask(metric="r2")
    assert [(item.loss, item.std) for item in unscaled] == [(None, None)] * 2
    assert all(item.loss is not None for item in scaled)
    assert unscaled.question == "regression by rmse; loss = rmse"
    tried = ask(metric="rmse", history=[Trial(pool[0], loss=3.0, status="ok")])
    assert tried[0].loss is not None


@pytest.mark.parametrize("options", [{"k": 0}, {"memory": 0.0}, {"memory": float("nan")}])
def test_numbers_that_make_no_sense_are_refused(answered: Answered, task: Task, options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        answered(task, **options)  # type: ignore[arg-type]


def test_drivers_and_seconds_explain_an_answer(answered: Answered, task: Task) -> None:
    answer = answered(task, k=1)
    assert 0 < len(answer.drivers) <= 5
    shares = [share for _, share in answer.drivers]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1
    assert all(name in task.meta_features for name, _ in answer.drivers)
    assert list(answer.seconds) == ["describe", "load", "fit", "recommend"]
    plain, explained = answer.asdict(), answer.asdict(explain=True)
    assert set(explained) - set(plain) == {"drivers", "novelty", "seconds"}
    assert 0 <= explained["novelty"] <= 1
    assert recommend(Task("bare", "bare", "classification"), k=1).drivers == ()
    assert answered(task, k=1, recommender="portfolio").drivers == ()


def test_a_frame_has_a_row_for_each_and_its_columns_without_any(answered: Answered, task: Task) -> None:
    answer = answered(task, k=3)
    frame = answer.to_frame()
    assert frame.index.tolist() == [1, 2, 3]
    assert frame["predicted_loss"].tolist() == [item.loss for item in answer]
    assert frame["hyperparameters"][1] == dict(answer[0].configuration.hyperparameters)
    nothing = replace(answer, items=()).to_frame()
    assert (len(nothing), nothing.columns.tolist()) == (0, frame.columns.tolist())


def test_nothing_is_fitted_to_a_snapshot_twice(
    task: Task, matrix_like: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KnowledgeBase.open(matrix_like) as kb:
        kb.publish(tmp_path / "frozen")
    answers = [recommend(task, k=3, kb=tmp_path / "frozen") for _ in range(2)]
    monkeypatch.setattr("metalearn.recommenders.auto.Auto.meta_fit", None)
    answers.append(recommend(task, k=3, kb=tmp_path / "frozen"))
    assert [_ids(answer) for answer in answers] == [_ids(answers[0])] * 3
    with pytest.raises(TypeError):
        recommend(task, k=3, kb=tmp_path / "frozen", seed=1)
