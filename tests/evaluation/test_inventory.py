"""What a knowledge base holds: counts that add up, and planted agreements between fidelities."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import STATUSES, Configuration, Task
from metalearn.evaluation.inventory import ALL, counts, failure_shares, rank_agreement, spearman

SVC = [Configuration("s", "svc", {"C": i}) for i in range(6)]
TREE = [Configuration("s", "tree", {"depth": i}) for i in range(6)]
FEW = [Configuration("s", "few", {"x": i}) for i in range(4)]


def long(rows, pool, n_tasks):
    """A MetaDataset from rows (task, configuration, fidelity, fold, seed, loss); a loss of None is a crash."""
    place = {c: i for i, c in enumerate(pool)}
    tasks = tuple(Task(f"t{i}", f"d{i}", "classification") for i in range(n_tasks))
    columns = list(zip(*rows, strict=True))
    loss = np.array([np.nan if v is None else v for v in columns[5]])
    return MetaDataset(
        tasks,
        tuple(pool),
        task_index=np.array(columns[0]),
        configuration_index=np.array([place[c] for c in columns[1]]),
        fidelity=np.array(columns[2]),
        fold=np.array(columns[3]),
        seed=np.array(columns[4]),
        loss=loss,
        cost_seconds=np.ones(len(rows)),
        status_code=np.where(np.isnan(loss), STATUSES.index("crashed"), STATUSES.index("ok")),
        meta_features=np.empty((n_tasks, 0)),
    )


def planted(n_tasks=3):
    """SVCs agree perfectly between 1/9 and 1, trees are inverted; only fold 0, seed 0 was run at 1/9.

    The other folds at full fidelity turn the order of both around, and more strongly: they must not count.
    """
    rows = []
    for t in range(n_tasks):
        for i, (svc, tree) in enumerate(zip(SVC, TREE, strict=True)):
            rows += [(t, svc, 1 / 9, 0, 0, 0.5 + i / 100), (t, svc, 1.0, 0, 0, 0.1 + i / 100)]
            rows += [(t, tree, 1 / 9, 0, 0, 0.8 + i / 100), (t, tree, 1.0, 0, 0, 0.4 - i / 100)]
            for c in (svc, tree):
                sign = 1 if c is tree else -1
                rows += [(t, c, 1.0, 1, 0, 0.5 + sign * i / 10), (t, c, 1.0, 0, 1, 0.5 + sign * i / 10)]
        rows += [(t, c, f, 0, 0, 0.3) for c in FEW for f in (1 / 9, 1.0)]
    return long(rows, [*SVC, *TREE, *FEW], n_tasks)


def test_perfect_and_inverted_agreement():
    found = rank_agreement(planted(), 1 / 9)
    assert (found["svc"].median, found["svc"].cells) == (pytest.approx(1.0), 3)
    assert (found["tree"].median, found["tree"].cells) == (pytest.approx(-1.0), 3)
    assert found["few"].cells == 0
    assert np.isnan(found["few"].median)
    assert found[ALL].cells == 3
    assert 0 < found[ALL].median < 1


def test_a_failure_at_either_fidelity_leaves_its_pair_out():
    """Four good SVCs are too few for a cell; six with one failure are enough."""
    rows = [(t, c, f, 0, 0, 0.1 * i) for t in range(2) for i, c in enumerate(SVC) for f in (1 / 3, 1.0)]
    bad = {(0, SVC[0], 1 / 3), (0, SVC[1], 1.0), (1, SVC[5], 1.0)}
    rows = [(*r[:5], None) if r[:3] in bad else r for r in rows]
    assert rank_agreement(long(rows, SVC, 2), 1 / 3)["svc"].cells == 1


def test_constant_losses_have_no_ranks():
    rows = [(0, c, f, 0, 0, 0.2 if f < 1 else 0.1 * i) for i, c in enumerate(SVC) for f in (1 / 3, 1.0)]
    found = rank_agreement(long(rows, SVC, 1), 1 / 3)
    assert (found["svc"].cells, found[ALL].cells) == (0, 0)


def test_low_fidelities_are_compared_too():
    rows = [(0, c, f, 0, 0, s * i) for i, c in enumerate(SVC) for f, s in ((1 / 9, 1), (1 / 3, -1), (1.0, 1))]
    past = long(rows, SVC, 1)
    assert rank_agreement(past, 1 / 9, 1 / 3)["svc"].median == pytest.approx(-1.0)
    assert rank_agreement(past, 1 / 9, 1.0)["svc"].median == pytest.approx(1.0)


def test_spearman_is_that_of_scipy_with_ties():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.integers(0, 5, (2, 12)).astype(float)
        assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)


def test_counts_add_up_by_algorithm_fidelity_and_status():
    rows = [(0, SVC[0], 1.0, f, 0, 0.1) for f in range(3)]
    rows += [(0, SVC[1], 1 / 9, 0, 0, None), (1, TREE[0], 1.0, 0, 0, None), (1, TREE[1], 1.0, 0, 0, 0.2)]
    past = long(rows, [*SVC, *TREE], 2)
    found = counts(past)
    assert found == {
        ("svc", 1.0, "ok"): 3,
        ("svc", 1 / 9, "crashed"): 1,
        ("tree", 1.0, "crashed"): 1,
        ("tree", 1.0, "ok"): 1,
    }
    assert sum(found.values()) == len(past)
    assert failure_shares(found) == {"svc": 0.25, "tree": 0.5}
