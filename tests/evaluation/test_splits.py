"""Splits: every task is tested once, and never beside its kin."""

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from metalearn.errors import InputError
from metalearn.evaluation.splits import folds, leave_out

CONFIGURATION = Configuration("s", "svc")


def past(families):
    tasks = [Task(f"t{i:02}", f"d{i}", "classification", family=f) for i, f in enumerate(families)]
    return MetaDataset.from_matrix([[0.1]] * len(tasks), tasks, [CONFIGURATION])


FAMILIES = [f"f{i % 7 if i < 20 else i}" for i in range(30)]


@pytest.mark.parametrize("n_folds", [None, 2, 5, 17])
def test_every_task_is_tested_once_and_no_family_is_on_both_sides(n_folds):
    planned = folds(past(FAMILIES), "family", n_folds)
    assert len(planned) == (n_folds or 17)
    assert sorted(t for fold in planned for t in fold.test_tasks) == list(range(30))
    for fold in planned:
        assert fold.test_tasks
        assert not set(fold.test_tasks) & set(np.flatnonzero(fold.learned).tolist())
        assert len(fold.test_tasks) + fold.learned.sum() == 30
        learned = {FAMILIES[i] for i in np.flatnonzero(fold.learned)}
        assert not learned & {FAMILIES[t] for t in fold.test_tasks}


def test_folds_are_of_like_size():
    sizes = [len(fold.test_tasks) for fold in folds(past(FAMILIES), "family", 5)]
    assert max(sizes) - min(sizes) <= 1


def test_the_seed_decides_who_falls_into_which_fold():
    same, again, other = ([f.test_tasks for f in folds(past(FAMILIES), "family", 5, seed=s)] for s in (0, 0, 1))
    assert same == again
    assert same != other


def test_datasets_of_one_family_may_be_parted_on_request():
    data = past(["f"] * 4)
    assert len(folds(data, "dataset", 2)) == 2
    with pytest.raises(InputError, match="of which there are 1; got 2"):
        folds(data, "family", 2)


@pytest.mark.parametrize("n_folds", [0, 1, 5])
def test_impossible_numbers_of_folds(n_folds):
    with pytest.raises(InputError, match="at least 2"):
        folds(past(["a", "b", "c"]), "family", n_folds)


def test_leaving_one_out_is_what_the_folds_say():
    data = past(FAMILIES)
    for split, fold in zip(leave_out(data, "family"), folds(data, "family"), strict=True):
        assert split.test_tasks == fold.test_tasks
        learned = [t.id for t, kept in zip(data.tasks, fold.learned, strict=True) if kept]
        assert [t.id for t in split.training.tasks] == learned
