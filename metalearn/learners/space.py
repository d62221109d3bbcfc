"""The search spaces that metalearn recommends from, as they ship."""

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

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
        InputError: when there is none left, or the space's conditions or clauses do not let others be taken out.

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
    try:
        conditions, gone = _conditions(definition["conditions"], kept)
        hyperparameters = [_restricted(h, kept) for h in definition["hyperparameters"] if h["name"] not in gone]
        parts = {"hyperparameters": hyperparameters, "conditions": conditions}
        return SearchSpace(space.name, ConfigurationSpace.from_serialized_dict(definition | parts))
    except (KeyError, ValueError) as error:  # KeyError: a clause on a hyperparameter that is gone
        said = f"The space {space.name} has a condition or a forbidden clause that ties algorithms together"
        raise InputError(f"{said}, so none can be left out of it; write the space without the others.") from error


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


def _conditions(conditions: list[dict[str, Any]], kept: list[str]) -> tuple[list[dict[str, Any]], set[str]]:
    """Return the conditions that may still hold, and the hyperparameters that never become active.

    Raises:
        ValueError: for a condition that is none of equality, or of several conditions.
    """
    left, gone = [], set()
    for condition in conditions:
        if condition["type"] in ("AND", "OR") or (condition["parent"] == ALGORITHM and condition["type"] == "NEQ"):
            raise ValueError(condition["type"])
        values = condition["values"] if condition["type"] == "IN" else [condition["value"]]
        if condition["parent"] == ALGORITHM:
            values = [value for value in values if value in kept]
        if not values or condition["parent"] in gone:  # parents come before their children
            gone.add(condition["child"])
        else:
            left.append(condition | ({"values": values} if condition["type"] == "IN" else {}))
    return left, gone


def _restricted(hyperparameter: dict[str, Any], kept: list[str]) -> dict[str, Any]:
    if hyperparameter["name"] != ALGORITHM:
        return hyperparameter
    weights = hyperparameter["weights"] and dict(zip(hyperparameter["choices"], hyperparameter["weights"], strict=True))
    default = hyperparameter["default_value"]
    return hyperparameter | {
        "choices": kept,
        "weights": weights and [weights[name] for name in kept],
        "default_value": default if default in kept else kept[0],
    }
