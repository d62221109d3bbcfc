"""A small expression tree that describes an estimator once, to be built or to be printed as Python."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from importlib import import_module
from typing import Any

_WIDTH = 100
_INDENT = "    "


@dataclass(frozen=True)
class Name:
    """Something importable: ``path`` is a module's own name, or a dotted one below it (``DataFrame.astype``).

    >>> build(Name("math", "pi"))
    3.141592653589793
    """

    module: str
    path: str


@dataclass(frozen=True)
class Call:
    """A call of something importable; arguments are constants, names, calls, and lists, tuples or dicts of them.

    >>> build(Call(Name("builtins", "complex"), (1,), {"imag": 2}))
    (1+2j)
    """

    function: Name
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def call(module: str, path: str, /, *arguments: Any, **keywords: Any) -> Call:
    """Return the call of ``module.path`` with these arguments.

    >>> render(call("sklearn.svm", "SVC", C=2))
    'SVC(C=2)'
    """
    return Call(Name(module, path), arguments, keywords)


def build(expression: Any) -> Any:
    """Import what the expression names and evaluate it."""
    match expression:
        case Name():
            return reduce(getattr, expression.path.split("."), import_module(expression.module))
        case Call():
            keywords = {key: build(value) for key, value in expression.keywords.items()}
            return build(expression.function)(*map(build, expression.arguments), **keywords)
        case list() | tuple():
            return type(expression)(map(build, expression))
        case dict():
            return {key: build(value) for key, value in expression.items()}
    return expression


def render(expression: Any, depth: int = 0) -> str:
    """Return the expression as Python source, broken over lines where it is long.

    >>> print(render(call("m", "f", [1, 2], name="a" * 90)))
    f(
        [1, 2],
        name="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    )
    """
    opening, parts, closing = _pieces(expression, depth + 1)
    line = opening + ", ".join(parts) + closing
    if not parts or (len(line) + len(_INDENT) * depth <= _WIDTH and "\n" not in line):
        return line if len(parts) != 1 or opening != "(" else f"({parts[0]},)"
    inner = "".join(f"{_INDENT * (depth + 1)}{part},\n" for part in parts)
    return f"{opening}\n{inner}{_INDENT * depth}{closing}"


def imports(expression: Any) -> tuple[str, ...]:
    """Return the import lines that the rendered source needs, sorted, one a module.

    >>> imports([call("sklearn.svm", "SVC"), Name("pandas", "DataFrame.astype")])
    ('from pandas import DataFrame', 'from sklearn.svm import SVC')
    """
    names: dict[str, set[str]] = {}
    for name in _names(expression):
        names.setdefault(name.module, set()).add(name.path.partition(".")[0])
    return tuple(f"from {module} import {', '.join(sorted(found))}" for module, found in sorted(names.items()))


def _pieces(expression: Any, depth: int) -> tuple[str, list[str], str]:
    """Split an expression's source into what opens it, its comma-separated parts, and what closes it."""
    match expression:
        case Name():
            return expression.path, [], ""
        case Call():
            parts = [render(value, depth) for value in expression.arguments]
            parts += [f"{key}={render(value, depth)}" for key, value in expression.keywords.items()]
            return f"{expression.function.path}(", parts, ")"
        case list() | tuple():
            brackets = "[]" if isinstance(expression, list) else "()"
            return brackets[0], [render(value, depth) for value in expression], brackets[1]
        case dict():
            return "{", [f"{render(key)}: {render(value, depth)}" for key, value in expression.items()], "}"
        case str() if '"' not in expression:
            return f'"{repr(expression)[1:-1]}"', [], ""  # as most formatters have it
    return repr(expression), [], ""


def _names(expression: Any) -> Iterator[Name]:
    match expression:
        case Name():
            yield expression
        case Call():
            yield expression.function
            yield from _names([*expression.arguments, *expression.keywords.values()])
        case list() | tuple():
            for value in expression:
                yield from _names(value)
        case dict():
            yield from _names(list(expression.values()))
