"""The search spaces that metalearn recommends from, as they ship."""

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

from metalearn.core.narrowed_space import without_unreachable
from metalearn.core.records import NO_CONSTRAINTS, Constraints, Dataset, TaskType
from metalearn.core.resources import metadata_path
from metalearn.core.spaces import ALGORITHM, SearchSpace
from metalearn.errors import InputError, UnknownNameError, how_to_install
from metalearn.learners.catalog import exceeded_limit, missing_extra
from metalearn.learners.definition import SPACE_NAMES


@cache
def search_space(task_type: TaskType) -> SearchSpace:
    """Return the current search space for tasks of this type.

    >>> space = search_space("classification")
    >>> space.name, len(space.algorithms)
    ('metalearn-classification-2', 16)
    """
    name = SPACE_NAMES[task_type]
    return SearchSpace.from_json(metadata_path("search_spaces", f"{name}.json").read_text(encoding="utf-8"))


def restricted(space: SearchSpace, algorithms: Collection[str]) -> SearchSpace:
    """Return the part of a CASH space that has some of its algorithms only, in its own order.

    Its name stays, and so do the ids of configurations. Hyperparameters that none of these algorithms has are gone.

    Raises:
        UnknownNameError: for an algorithm that the space does not have.
        InputError: when there is none left, or the default of what is left is forbidden.

    >>> narrow = restricted(search_space("classification"), {"svc", "lda"})
    >>> narrow.algorithms, narrow.name
    (('lda', 'svc'), 'metalearn-classification-2')
    """
    from ConfigSpace import ConfigurationSpace

    for name in algorithms:
        if name not in space.algorithms:
            raise UnknownNameError("algorithm", name, space.algorithms, where=f"in the space {space.name}")
    kept = [name for name in space.algorithms if name in algorithms]
    if not kept:
        raise InputError(f"No algorithm of the space {space.name} is left; allow at least one.")
    if len(kept) == len(space.algorithms):
        return space
    definition = space.config_space.to_serialized_dict()
    hyperparameters = [_restricted(h, kept) for h in definition["hyperparameters"]]
    narrowed = without_unreachable(definition | {"hyperparameters": hyperparameters})
    try:
        return SearchSpace(space.name, ConfigurationSpace.from_serialized_dict(narrowed))
    except ValueError as error:
        raise InputError(f"The space {space.name} cannot be restricted to {', '.join(kept)}: {error}") from error


def unusable(algorithms: Iterable[str], n_rows: float, n_classes: float | None) -> dict[str, str]:
    """Return why algorithms cannot be fitted to so many rows and classes here, by algorithm; none that can.

    >>> unusable(["svc", "lda"], 50_000, 2)
    {'svc': 'it is limited to 20000 rows; there are 50000'}
    """
    reasons = {}
    for algorithm in algorithms:
        extra = missing_extra(algorithm)
        install = f"it needs {how_to_install(extra)}" if extra else None
        limit = exceeded_limit(algorithm, n_rows, n_classes)
        reasons[algorithm] = install or (limit and limit.replace(algorithm, "it", 1))
    return {algorithm: why for algorithm, why in reasons.items() if why}


def space_of(dataset: Dataset, constraints: Constraints = NO_CONSTRAINTS) -> tuple[SearchSpace, tuple[str, ...]]:
    """Return the space of what can be fitted to a dataset here, and why algorithms are left out of it.

    The ids of configurations are those of the whole space, that of the library unless ``constraints`` brings one.

    Raises:
        UnknownNameError: for an algorithm that the space does not have, or another space by name.
        InputError: for an algorithm asked for by name that cannot be fitted here, or when none is left.
    """
    whole = search_space(dataset.task_type)
    if isinstance(constraints.space, SearchSpace):
        whole = constraints.space
    elif constraints.space not in (None, whole.name):
        raise UnknownNameError("search space", str(constraints.space), [whole.name], where="to optimize in")
    wanted = whole.algorithms if constraints.algorithms is None else constraints.algorithms
    reasons = unusable(wanted, len(dataset.y), dataset.n_classes)
    if constraints.algorithms is not None and reasons:
        algorithm, why = next(iter(reasons.items()))
        raise InputError(f"{algorithm} cannot be optimized here: {why}.")
    left = set(wanted) - set(reasons) - set(constraints.exclude)
    return restricted(whole, left), tuple(f"{algorithm} is left out: {why}" for algorithm, why in reasons.items())


def _restricted(hyperparameter: dict[str, Any], kept: list[str]) -> dict[str, Any]:
    if hyperparameter["name"] != ALGORITHM:
        return hyperparameter
    weights = hyperparameter["weights"] and dict(zip(hyperparameter["choices"], hyperparameter["weights"], strict=True))
    return hyperparameter | {"choices": kept, "weights": weights and [weights[name] for name in kept]}
