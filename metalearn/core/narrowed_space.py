"""A search space in JSON from which choices were taken away: what can no longer be active goes with them."""

from collections.abc import Mapping
from typing import Any

Serialized = dict[str, Any]


def without_unreachable(space: Mapping[str, Any]) -> Serialized:
    """Return ConfigSpace's serialized form without hyperparameters whose conditions no choice fulfils any more.

    Those that depend on them go too, and so do forbidden clauses about what is gone. A default that is no choice any
    more is the first choice, one outside of its range the nearest end.

    >>> kind = {"name": "kind", "type": "categorical", "choices": ["a"], "default_value": "b"}
    >>> x = {"name": "x", "type": "uniform_float", "lower": 0, "upper": 1, "default_value": 0.5}
    >>> of_b = {"type": "EQ", "child": "x", "parent": "kind", "value": "b"}
    >>> narrowed = without_unreachable({"hyperparameters": [kind, x], "conditions": [of_b], "forbiddens": []})
    >>> [(h["name"], h["default_value"]) for h in narrowed["hyperparameters"]], narrowed["conditions"]
    ([('kind', 'a')], [])
    """
    kept = [_with_legal_default(h) for h in space["hyperparameters"]]
    conditions = list(space.get("conditions", ()))
    while True:
        legal = {h["name"]: _values(h) for h in kept}
        possible = [(condition, _possible(condition, legal)) for condition in conditions]
        gone = {_child(condition) for condition, left in possible if left is None}
        if not gone:
            break
        kept = [h for h in kept if h["name"] not in gone]
        conditions = [left for condition, left in possible if left is not None and _child(condition) not in gone]
    forbidden = [left for clause in space.get("forbiddens", ()) if (left := _forbidden(clause, legal)) is not None]
    conditions = [left for _, left in possible]
    return {**space, "hyperparameters": kept, "conditions": conditions, "forbiddens": forbidden}


def _values(hyperparameter: Mapping[str, Any]) -> list[Any] | None:
    """Return the values that a hyperparameter can have, None for a number of a range."""
    if "value" in hyperparameter:
        return [hyperparameter["value"]]
    values: list[Any] | None = hyperparameter.get("choices", hyperparameter.get("sequence"))
    return values


def _with_legal_default(hyperparameter: Mapping[str, Any]) -> Serialized:
    values, default = _values(hyperparameter), hyperparameter.get("default_value")
    if default is None and "default_value" not in hyperparameter:
        return dict(hyperparameter)
    if values and "value" not in hyperparameter and default not in values:
        return {**hyperparameter, "default_value": values[0]}
    if values is None and "lower" in hyperparameter:
        return {**hyperparameter, "default_value": min(max(default, hyperparameter["lower"]), hyperparameter["upper"])}
    return dict(hyperparameter)


def _child(condition: Mapping[str, Any]) -> str:
    return str(condition["child"]) if "child" in condition else _child(condition["conditions"][0])


def _possible(condition: Serialized, legal: Mapping[str, list[Any] | None]) -> Serialized | None:
    """Return what is left of a condition, None where nothing can fulfil it."""
    if "conditions" in condition:
        parts = [_possible(part, legal) for part in condition["conditions"]]
        left = [part for part in parts if part is not None]
        if not left or (condition["type"] == "AND" and len(left) < len(parts)):
            return None
        return left[0] if len(left) == 1 else {**condition, "conditions": left}
    if condition["parent"] not in legal:
        return None
    values = legal[condition["parent"]]
    if values is None:
        return condition
    if "values" in condition:
        among = [value for value in condition["values"] if value in values]
        return {**condition, "values": among} if among else None
    if condition["type"] == "NEQ":
        return _unequal(condition, values)
    return condition if condition["type"] != "EQ" or condition["value"] in values else None


def _unequal(condition: Serialized, values: list[Any]) -> Serialized | None:
    if condition["value"] in values:
        return condition if len(values) > 1 else None
    # It holds whenever its parent is active; ConfigSpace knows no condition on a value that is gone.
    parts = {key: part for key, part in condition.items() if key != "value"}
    return {**parts, "type": "IN", "values": values}


def _forbidden(clause: Serialized, legal: Mapping[str, list[Any] | None]) -> Serialized | None:
    """Return what is left of a forbidden clause, None where it can no longer occur."""
    if "clauses" in clause:
        parts = [_forbidden(part, legal) for part in clause["clauses"]]
        return None if None in parts else {**clause, "clauses": parts}
    if any(clause[key] not in legal for key in ("name", "left", "right") if key in clause):
        return None
    values = legal[clause["name"]] if "name" in clause else None
    if values is None:
        return clause
    among = [value for value in clause.get("values", [clause.get("value")]) if value in values]
    return None if not among else {**clause, "values": among} if "values" in clause else clause
