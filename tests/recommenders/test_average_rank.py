"""Average rank: good everywhere beats best somewhere, and one lucky evaluation is not enough."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.checks import planted_meta_dataset, planted_task
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task
from tests.recommenders.by_name import recommended


def test_average_rank_prefers_what_is_good_everywhere():
    past = planted_meta_dataset()
    assert recommended("average_rank", past, planted_task(0))[0] in ("decent", "best_0", "best_1")
    shifted = replace(past, loss=np.where(past.loss == 0.2, 0.05, past.loss))
    assert recommended("average_rank", shifted, planted_task(0))[0] == "decent"


def test_one_evaluation_is_not_enough_to_be_the_best_on_average():
    lucky, solid, rest = (Configuration("s", name) for name in ("lucky", "solid", "rest"))
    losses = [[np.nan, 0.1, 0.5]] * 9 + [[0.05, 0.1, 0.5]]
    past = MetaDataset.from_matrix(losses, [f"openml-{i}" for i in range(10)], [lucky, solid, rest])
    assert recommended("average_rank", past, Task("t", "d", "classification"))[0] == "solid"


@pytest.mark.parametrize("name", ["average_rank", "knn"])
@settings(max_examples=15)
@given(scale=st.floats(0.1, 10), power=st.floats(0.3, 3))
def test_rank_methods_ignore_a_monotone_map_of_each_tasks_losses(name, scale, power):
    past = planted_meta_dataset()
    factor = 1 + scale * past.task_index
    mapped = replace(past, loss=factor * past.loss**power)
    assert recommended(name, mapped, planted_task(1), 10) == recommended(name, past, planted_task(1), 10)
