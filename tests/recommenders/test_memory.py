"""Memory is predicted from the size of the table."""

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.recommenders.memory import predicted_memory

ROWS, COLUMNS = np.array([100, 1000, 5000, 200, 10_000, 3000]), np.array([10, 5, 20, 100, 8, 40])
FLAT, LINEAR, KERNEL, NEVER = (Configuration("s", name) for name in ("flat", "linear", "kernel", "never"))


def task(n=None, p=None, name="new"):
    sizes = {key: float(value) for key, value in (("n_rows", n), ("n_columns", p)) if value is not None}
    return Task(name, name, "classification", meta_features=sizes)


def measured(tasks):
    """Megabytes: a constant, 5 + 3 per thousand rows, and 10 + 2 per thousand cells; one configuration never ended."""
    n, cells = ROWS / 1e3, ROWS * COLUMNS / 1e3
    losses = np.stack([np.full(6, 7.0), 5 + 3 * n, 10 + 2 * cells, np.full(6, np.nan)], axis=1)
    pool = [FLAT, LINEAR, KERNEL, NEVER]
    return MetaDataset.from_matrix(losses, tasks, pool, failed=np.isnan(losses), feature_names=["n_rows", "n_columns"])


def sized():
    return [task(n, p, f"t{i}") for i, (n, p) in enumerate(zip(ROWS, COLUMNS, strict=True))]


def test_planted_laws_are_found_and_hold_far_beyond_what_was_seen():
    found = predicted_memory(measured(sized()), task(1_000_000, 50))
    assert found[FLAT.id] == pytest.approx(0.007)
    assert found[LINEAR.id] == pytest.approx(3.005)
    assert found[KERNEL.id] == pytest.approx(100.01)
    assert NEVER.id not in found


def test_larger_tables_never_need_less():
    rng = np.random.default_rng(0)
    past = measured(sized())
    noisy = MetaDataset.from_matrix(
        rng.uniform(1, 100, (6, 3)), past.tasks, [FLAT, LINEAR, KERNEL], feature_names=["n_rows", "n_columns"]
    )
    small, large = (predicted_memory(noisy, task(n, 10)) for n in (100, 100_000))
    assert all(small[id_] <= large[id_] + 1e-12 for id_ in small)


@pytest.mark.parametrize("new", [task(), task(1000), task(1000, float("nan"))])
def test_of_a_table_of_unknown_size_the_most_that_was_seen_is_expected(new):
    found = predicted_memory(measured(sized()), new)
    assert found[LINEAR.id] == pytest.approx(0.035)


def test_past_tasks_of_unknown_size_count_where_nothing_else_does():
    bare = [task(name=f"t{i}") for i in range(6)]
    assert predicted_memory(measured(bare), task(1_000_000, 50))[LINEAR.id] == pytest.approx(0.035)
    assert predicted_memory(MetaDataset.from_matrix([], [], []), task(10, 10)) == {}


def test_the_bundled_measurements_are_predicted_within_a_factor_of_two():
    from metalearn.store import KnowledgeBase

    with KnowledgeBase.open() as kb:
        past = kb.meta_dataset(metric="peak_memory", task_type="classification")
    errors = []
    for held_out in past.tasks[::8]:
        found = predicted_memory(past.without_family(held_out.family), held_out)
        true = past.performance_matrix()[past.tasks.index(held_out)] / 1000
        errors += [
            abs(np.log((found[c.id] + 0.002) / (m + 0.002))) for c, m in zip(past.configurations, true, strict=True)
        ]
    assert np.nanmean(np.array(errors) < np.log(2)) > 0.8
