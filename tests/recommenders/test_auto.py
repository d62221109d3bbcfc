"""Auto takes the best method that the past tasks allow, says which, and is the same once saved and read."""

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Constraints, Task, Trial
from metalearn.recommenders.auto import MIN_FAMILIES, Auto, FittedAuto
from tests.recommenders.by_name import recommended


def fit(past):
    return Auto().meta_fit(past, rng=np.random.default_rng(0))


def off_grid(n_tasks=20, n_each=15, seed=0):
    """Tasks that share no configuration; the loss is smallest where log10(C) is 1."""
    rng = np.random.default_rng(seed)
    pool, losses = [], np.full((n_tasks, n_tasks * n_each), np.nan)
    for t in range(n_tasks):
        for _ in range(n_each):
            power = float(rng.uniform(-3, 3))
            losses[t, len(pool)] = 0.1 + 0.05 * abs(power - 1) + 0.2 * rng.random(1)[0] * 0.01
            pool.append(Configuration("s", "svc", {"C": 10**power}))
    return MetaDataset.from_matrix(losses, [f"openml-{t}" for t in range(n_tasks)], pool)


@pytest.mark.parametrize(
    ("past", "method"),
    [
        (MetaDataset.from_matrix([], [], []), "defaults"),
        (planted_meta_dataset(MIN_FAMILIES - 1), "portfolio"),
        (planted_meta_dataset(MIN_FAMILIES), "task_mixture"),
        (planted_meta_dataset(MIN_FAMILIES + 1), "task_mixture"),
        (off_grid(), "performance_regression"),
        (off_grid(n_tasks=MIN_FAMILIES - 1), "portfolio"),
    ],
)
def test_the_method_is_what_the_past_allows_and_saving_keeps_it(past, method, tmp_path):
    fitted = fit(past)
    fitted.save(tmp_path)
    again = FittedAuto.load(tmp_path)
    for new in (planted_task(0), Task("bare", "bare", "classification")):
        chosen, reason = fitted.explain(new)
        assert chosen == method
        assert len(reason.split()) > 5
        assert again.explain(new) == (chosen, reason)
        assert len(fitted.recommend(new, 3)) == 3
        assert again.recommend(new, 3) == fitted.recommend(new, 3)


def test_off_grid_the_hyperparameters_of_configurations_never_seen_tell():
    fitted, new = fit(off_grid()), Task("new", "new", "classification")
    candidates = [Configuration("s", "svc", {"C": 10.0**power}) for power in (-2.5, -1.0, 1.05, 2.9)]
    best = fitted.recommend(new, 4, candidates=candidates)
    assert best[0].configuration == candidates[2]
    tried = [Trial(best[0].configuration, loss=0.1, status="ok")]
    assert best[0].configuration not in [r.configuration for r in fitted.recommend(new, 4, history=tried)]


def test_a_task_without_anything_in_common_is_told_so():
    fitted = fit(planted_meta_dataset(MIN_FAMILIES + 1))
    assert "no meta-features in common" in fitted.explain(Task("new", "new", "classification"))[1]


def test_auto_recommends_the_learners_defaults_from_nothing():
    names = recommended("auto", MetaDataset.from_matrix([], [], []), planted_task(0), 5)
    assert names[0] == "random_forest"
    assert len(set(names)) == 5
    without = Constraints(exclude=("random_forest",))
    assert "random_forest" not in recommended(
        "auto", MetaDataset.from_matrix([], [], []), planted_task(0), 99, constraints=without
    )
