"""A MetaDataset as files gives itself back."""

from dataclasses import fields, replace

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.metrics import METRICS
from metalearn.core.persistence import load_meta_dataset, save_meta_dataset
from metalearn.core.records import Configuration, Task

POOL = [Configuration("s", "svc", {"C": 0.5, "layers": [50, None], "kernel": "größer"}), Configuration("s", "tree")]


def past(n_tasks, names):
    tasks = [
        Task(f"t{i}", f"d{i}", "regression", "10 folds", "kin", dict(zip(names, (i, np.nan), strict=False)))
        for i in range(n_tasks)
    ]
    losses = np.array([[0.1, np.nan], [0.3, 0.4]])[:n_tasks]
    failed = np.array([[False, True], [False, False]])[:n_tasks]
    options = {"feature_names": names, "metric": METRICS["rmse"], "snapshot_id": "abc", "extractor": "mine"}
    return MetaDataset.from_matrix(losses, tasks, POOL, failed=failed, **options)


@pytest.mark.parametrize("n_tasks", [0, 1, 2])
@pytest.mark.parametrize("names", [(), ("n_rows", "über")])
def test_it_survives_files(tmp_path, n_tasks, names):
    given = past(n_tasks, names)
    save_meta_dataset(given, tmp_path / "new")
    copy = load_meta_dataset(tmp_path / "new")
    for field in fields(MetaDataset):
        if field.name == "tasks":  # whose unknown meta-features are NaN
            assert [replace(t, meta_features={}) for t in copy.tasks] == [
                replace(t, meta_features={}) for t in given.tasks
            ]
            assert [list(t.meta_features) for t in copy.tasks] == [list(names)] * n_tasks
        else:
            np.testing.assert_array_equal(getattr(copy, field.name), getattr(given, field.name))
