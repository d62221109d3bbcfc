"""Each fold stands for itself."""

import numpy as np

from metalearn.core.records import Configuration, Dataset
from metalearn.learners.folds import evaluate_folds


def test_one_failed_fold_leaves_the_others_alone(dataset: Dataset) -> None:
    # 40 neighbours: only the larger training sets have them.
    folds = np.repeat([0, 1, 2], [10, 10, 40])
    neighbours = Configuration("sklearn", "k_nearest_neighbors", {"n_neighbors": 40})
    results = evaluate_folds(neighbours, dataset.X, np.arange(60) % 2, folds, 0)
    assert [r.status for r in results] == ["ok", "ok", "crashed"]


def test_rows_marked_minus_one_are_trained_on_only(dataset: Dataset) -> None:
    folds = np.repeat([0, 1, -1], [10, 20, 30])
    results = evaluate_folds(Configuration("sklearn", "decision_tree"), dataset.X, np.arange(60) % 2, folds, 0)
    assert [r.train_rows for r in results] == [50, 40]
