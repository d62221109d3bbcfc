"""Default configurations: what to try where nothing is known."""

from metalearn.core.records import Configuration, TaskType
from metalearn.learners.space import search_space

# By published strength, families taking turns. Forests came first of 179 classifiers on 121 datasets, then Gaussian
# SVMs, then neural networks and boosting (Fernandez-Delgado et al., JMLR 2014); boosted trees and forests lead on 45
# larger tables (Grinsztajn et al., NeurIPS 2022). The last are simple models, which end in the middle or below.
_STRONGEST_FIRST = (
    "random_forest",
    "lightgbm",
    "svc",
    "svr",
    "extra_trees",
    "hist_gradient_boosting",
    "torch_mlp",
    "logistic_regression",
    "k_nearest_neighbors",
    "ridge",
    "lda",
    "adaboost",
    "elastic_net",
    "linear_svc",
    "linear_svr",
    "qda",
    "decision_tree",
    "gaussian_nb",
)


def default_configurations(task_type: TaskType) -> tuple[Configuration, ...]:
    """Return each algorithm's default configuration, the strongest in the literature first.

    >>> [c.algorithm for c in default_configurations("classification")][:3]
    ['random_forest', 'lightgbm', 'svc']
    """
    space = search_space(task_type)
    return tuple(space.default(algorithm) for algorithm in _STRONGEST_FIRST if algorithm in space.algorithms)
