"""The search spaces: a CASH space for each task type, algorithms with their preprocessing.

``python -m metalearn.learners.definition`` writes them to ``metadata/search_spaces/``, which is what everyone reads: a
published space never changes, so a change here takes a new name.

An algorithm's own hyperparameters are active with it alone (``learners.ranges``). Those of preprocessing are shared,
and active where they make a difference: ``imputation`` for algorithms that take no gaps, ``scaling`` for those that
follow distances, margins or gradients.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from metalearn.core.records import TaskType
from metalearn.core.resources import metadata_path
from metalearn.core.spaces import ALGORITHM, SearchSpace
from metalearn.learners.catalog import find_learner
from metalearn.learners.ranges import algorithm_spaces, choice, real

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

SPACE_NAMES: Final[Mapping[TaskType, str]] = {
    "classification": "metalearn-classification-2",
    "regression": "metalearn-regression-1",
}
# The library that set the standard has the algorithm that is hardest to get wrong.
_DEFAULT_ALGORITHM = "random_forest"
# Most tables have few and telling columns: half of all random configurations without them would be wasted.
_REDUCTION_WEIGHTS = (0.7, 0.15, 0.15)


def define_space(task_type: TaskType) -> SearchSpace:
    """Return the space of a task type.

    >>> define_space("classification").default("k_nearest_neighbors").hyperparameters["n_neighbors"]
    5
    """
    from ConfigSpace import Categorical, ConfigurationSpace

    algorithms = algorithm_spaces(task_type)
    space = ConfigurationSpace()
    space.add(Categorical(ALGORITHM, list(algorithms), default=_DEFAULT_ALGORITHM))
    _add_preprocessing(space, list(algorithms))
    for algorithm, part in algorithms.items():
        condition = {"parent": space[ALGORITHM], "value": algorithm}
        space.add_configuration_space(algorithm, part, delimiter=":", parent_hyperparameter=condition)
    return SearchSpace(SPACE_NAMES[task_type], space)


def _add_preprocessing(space: "ConfigurationSpace", algorithms: list[str]) -> None:
    from ConfigSpace import EqualsCondition, InCondition

    reduction = choice("reduction", ["none", "pca", "univariate"], _REDUCTION_WEIGHTS)
    imputation = choice("imputation", ["mean", "median", "most_frequent"])  # auto-sklearn's
    scaling = choice("scaling", ["standard", "robust", "quantile"])  # auto-sklearn's, and min-max, which outliers ruin
    variance = real("pca_variance", 0.5, 0.9999, 0.9999, log=False)  # auto-sklearn's keep_variance
    percentile = real("percentile", 10, 90, 10, log=False)  # auto-sklearn's select_percentile, 1 to 99
    space.add(
        choice("encoding", ["one_hot", "ordinal", "target"]), reduction, imputation, scaling, variance, percentile
    )
    parent: Any = space[ALGORITHM]
    space.add(
        InCondition(imputation, parent, [name for name in algorithms if not find_learner(name).takes_gaps]),
        InCondition(scaling, parent, [name for name in algorithms if find_learner(name).scaled]),
        EqualsCondition(variance, reduction, "pca"),
        EqualsCondition(percentile, reduction, "univariate"),
    )


if __name__ == "__main__":
    for task_type, name in SPACE_NAMES.items():
        path = metadata_path("search_spaces") / f"{name}.json"
        path.write_text(define_space(task_type).to_json(), encoding="utf-8")
