"""Conformance checks of recommenders: what every one of them must do.

    for check in recommender_checks():
        check(MyRecommender())

Each check takes an unfitted recommender and raises AssertionError where it fails, with what was expected and came.
"""

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import FittedRecommender, Recommender
from metalearn.core.records import Configuration, Constraints, Task, Trial

Check = Callable[[Recommender], None]


def recommender_checks() -> Iterator[Check]:
    """Yield the checks that every recommender has to pass.

    >>> from metalearn.recommenders.portfolio import GreedyPortfolio
    >>> for check in recommender_checks():
    ...     check(GreedyPortfolio())
    """
    yield check_satisfies_the_protocols
    yield check_is_deterministic_per_seed
    yield check_returns_k_distinct_configurations
    yield check_zero_shot_list_is_prefix_consistent
    yield check_never_repeats_the_history
    yield check_keeps_to_the_candidates
    yield check_keeps_to_the_constraints
    yield check_order_of_tasks_and_configurations_is_irrelevant
    yield check_leaves_its_inputs_unchanged
    yield check_survives_pickling_and_saving
    yield check_takes_missing_and_failed_evaluations
    yield check_takes_an_empty_meta_dataset


def planted_meta_dataset(n_tasks: int = 12, *, missing: float = 0.0, seed: int = 0) -> MetaDataset:
    """Return two clusters of tasks, told apart by the meta-feature ``cluster``, and their planted best configurations.

    On tasks of cluster 0 the configuration ``best_0`` is the best, on those of cluster 1 ``best_1``; ``decent`` is
    second on all of them, and so the best on average. ``missing`` is the share of evaluations left out.
    """
    rng = np.random.default_rng(seed)
    names = ["best_0", "best_1", "decent", *(f"noise_{i}" for i in range(7))]
    configurations = [Configuration("planted", name, {"x": i}) for i, name in enumerate(names)]
    losses = rng.uniform(0.5, 0.9, size=(n_tasks, len(names)))
    cluster = np.arange(n_tasks) % 2
    losses[np.arange(n_tasks), cluster] = 0.1
    losses[:, 2] = 0.2
    losses[rng.random(losses.shape) < missing] = np.nan
    tasks = [planted_task(int(c), i) for i, c in enumerate(cluster)]
    return MetaDataset.from_matrix(losses, tasks, configurations, feature_names=["cluster", "noise"])


def planted_task(cluster: int, number: int = 1000) -> Task:
    """Return a task of one of the two clusters."""
    features = {"cluster": 10.0 * cluster, "noise": float(number % 3)}
    return Task(f"openml-task-{number}", f"openml-{number}", "classification", meta_features=features)


def _fit(recommender: Recommender, meta_dataset: MetaDataset, seed: int = 0) -> FittedRecommender:
    return recommender.meta_fit(meta_dataset, rng=np.random.default_rng(seed))


def _ids(fitted: FittedRecommender, k: int = 10, task: Task | None = None) -> list[str]:
    return [r.configuration.id for r in fitted.recommend(task or planted_task(0), k)]


def _listed(configurations: Iterable[Configuration]) -> list[str]:
    return sorted(configuration.algorithm for configuration in configurations)


def check_satisfies_the_protocols(recommender: Recommender) -> None:
    """Specification and fitted object offer what the protocols name."""
    name = type(recommender).__name__
    assert isinstance(recommender, Recommender), f"{name} lacks meta_fit or stochastic"
    assert not hasattr(recommender, "recommend"), f"{name} has recommend, which only what meta_fit returns has"
    fitted = _fit(recommender, planted_meta_dataset())
    what = f"what meta_fit returns, {type(fitted).__name__}, lacks recommend, save or load"
    assert isinstance(fitted, FittedRecommender), what


def check_is_deterministic_per_seed(recommender: Recommender) -> None:
    """Two fits with the same seed recommend the same, and so do two calls of one fit."""
    first, second = (_fit(recommender, planted_meta_dataset(), seed=1) for _ in range(2))
    same = first.recommend(planted_task(0), 10) == second.recommend(planted_task(0), 10)
    assert same, "two fits with the same seed recommend different things"
    assert _ids(first) == _ids(first), "one fit, asked twice, recommends different things"


def check_returns_k_distinct_configurations(recommender: Recommender) -> None:
    """min(k, eligible) configurations, none twice."""
    fitted = _fit(recommender, planted_meta_dataset())
    for k, expected in [(1, 1), (4, 4), (10, 10), (50, 10)]:
        ids = _ids(fitted, k)
        found = f"{len(ids)} configurations, {len(set(ids))} of them distinct"
        assert len(ids) == len(set(ids)) == expected, f"k={k} gave {found}; expected {expected} distinct ones"


def check_zero_shot_list_is_prefix_consistent(recommender: Recommender) -> None:
    """The first 3 of 10 are the 3."""
    fitted = _fit(recommender, planted_meta_dataset())
    assert _ids(fitted, 10)[:3] == _ids(fitted, 3), "the first 3 of 10 recommendations are not the 3 of k=3"


def check_never_repeats_the_history(recommender: Recommender) -> None:
    """One at a time, with what was measured told, gives every configuration once; crashed trials count as tried."""
    past = planted_meta_dataset()
    fitted = _fit(recommender, past)
    history: list[Trial] = []
    while answer := fitted.recommend(planted_task(1), 1, history=history):
        assert len(history) < len(past.configurations), "it repeats what was tried"
        crashed = len(history) % 3 == 1
        loss = None if crashed else 0.1 * len(history)
        history.append(Trial(answer[0].configuration, loss=loss, status="crashed" if crashed else "ok"))
    ids = [trial.configuration.id for trial in history]
    n = len(past.configurations)
    assert len(set(ids)) == len(ids) == n, f"one at a time it gave {len(set(ids))} of {n} configurations"


def check_keeps_to_the_candidates(recommender: Recommender) -> None:
    """Only candidates come back, unknown ones too."""
    past = planted_meta_dataset()
    unknown = Configuration("planted", "unheard_of")
    candidates = [past.configurations[4], unknown, past.configurations[1]]
    answer = _fit(recommender, past).recommend(planted_task(0), 10, candidates=candidates)
    found = {r.configuration for r in answer}
    assert found == set(candidates), f"of the candidates {_listed(candidates)} it recommended {_listed(found)}"


def check_keeps_to_the_constraints(recommender: Recommender) -> None:
    """Algorithms in and out, and predicted seconds."""
    past = planted_meta_dataset()
    costs = np.where([c.algorithm == "decent" for c in past.configurations], 100.0, 1.0)
    fitted = _fit(recommender, replace(past, cost_seconds=costs[past.configuration_index]))
    kept = Constraints(algorithms=("decent", "best_0"), exclude=("best_0",))
    found = [r.configuration.algorithm for r in fitted.recommend(planted_task(0), 9, constraints=kept)]
    assert found == ["decent"], f"where constraints allow the algorithm decent alone, it recommended {found}"
    cheap = fitted.recommend(planted_task(0), 99, constraints=Constraints(seconds=10.0))
    assert all(r.configuration.algorithm != "decent" for r in cheap), "what takes 100 s came within 10 s"
    n = len(past.configurations) - 1
    assert len(cheap) == n, f"of {n} configurations that take 1 s it recommended {len(cheap)} within 10 s"


def check_order_of_tasks_and_configurations_is_irrelevant(recommender: Recommender) -> None:
    """Reversing tasks, configurations and rows changes nothing."""
    past = planted_meta_dataset(missing=0.2)
    n, m = len(past.tasks) - 1, len(past.configurations) - 1
    reversed_past = replace(
        past,
        tasks=past.tasks[::-1],
        configurations=past.configurations[::-1],
        meta_features=past.meta_features[::-1],
        task_index=(n - past.task_index)[::-1],
        configuration_index=(m - past.configuration_index)[::-1],
        loss=past.loss[::-1],
        cost_seconds=past.cost_seconds[::-1],
        status_code=past.status_code[::-1],
    )
    same = _ids(_fit(recommender, past)) == _ids(_fit(recommender, reversed_past))
    assert same, "the order in which past tasks and configurations come changes what it recommends"


def check_leaves_its_inputs_unchanged(recommender: Recommender) -> None:
    """meta_fit and recommend write into nothing that they are given."""
    past = planted_meta_dataset()
    before = pickle.dumps(past)
    history = [Trial(past.configurations[0], loss=0.3, status="ok")]
    _fit(recommender, past).recommend(planted_task(0), 3, history=history)
    assert pickle.dumps(past) == before, "meta_fit or recommend changed the past tasks"
    assert len(history) == 1, "recommend changed the history"


def check_survives_pickling_and_saving(recommender: Recommender) -> None:
    """A copy through pickle, or through files, recommends the same."""
    fitted = _fit(recommender, planted_meta_dataset(missing=0.1))
    expected = fitted.recommend(planted_task(1), 10)
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301  (our own)
    assert copy.recommend(planted_task(1), 10) == expected, "a copy through pickle recommends something else"
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder))
        loaded = type(fitted).load(Path(folder))
    assert loaded.recommend(planted_task(1), 10) == expected, "what save wrote and load read recommends something else"


def check_takes_missing_and_failed_evaluations(recommender: Recommender) -> None:
    """Gaps, failures, a task where all failed, and a task without meta-features are normal."""
    past = planted_meta_dataset(missing=0.5, seed=3)
    failed = np.random.default_rng(0).random((len(past.tasks), len(past.configurations))) < 0.2
    failed[3] = True
    tasks = [replace(t, meta_features={}) if i == 5 else t for i, t in enumerate(past.tasks)]
    names = past.feature_names
    gappy = MetaDataset.from_matrix(
        past.performance_matrix(), tasks, past.configurations, failed=failed, feature_names=names
    )
    fitted = _fit(recommender, gappy)
    for task, what in ((planted_task(0), "a task"), (Task("bare", "bare", "classification"), "one without features")):
        found, n = len(_ids(fitted, task=task)), len(past.configurations)
        assert found == n, f"with gaps and failures in the past, {what} got {found} of {n} configurations"


def check_takes_an_empty_meta_dataset(recommender: Recommender) -> None:
    """Without any past, candidates come back in some order."""
    fitted = _fit(recommender, MetaDataset.from_matrix([], [], []))
    candidates = planted_meta_dataset().configurations
    found = {r.configuration for r in fitted.recommend(planted_task(0), 99, candidates=candidates)}
    assert found == set(candidates), f"without any past, {len(found)} of {len(candidates)} candidates came back"
