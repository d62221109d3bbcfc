"""What is built and what is printed are the same thing."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.learners.expressions import Name, build, call, imports, render

_constants = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_values = st.recursive(
    _constants,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.lists(inner, max_size=3).map(lambda values: call("builtins", "list", values))
    ),
    max_leaves=10,
)


@given(_values)
def test_the_source_evaluates_to_what_is_built(expression: Any) -> None:
    assert eval(render(expression)) == build(expression)


def test_the_imports_make_the_source_run() -> None:
    expression = call("pathlib", "PurePosixPath", Name("os.path", "sep"), "tmp")
    scope: dict[str, Any] = {}
    exec("\n".join(imports(expression)), scope)
    assert eval(render(expression), scope) == build(expression)


def test_imports_of_one_module_share_a_line() -> None:
    expression = [Name("math", "pi"), {"key": (Name("math", "inf"), call("math", "sqrt", 2))}]
    assert imports(expression) == ("from math import inf, pi, sqrt",)
    assert build(expression) == [math.pi, {"key": (math.inf, math.sqrt(2))}]


def test_a_name_may_be_dotted() -> None:
    name = Name("pandas", "DataFrame.astype")
    assert imports(name) == ("from pandas import DataFrame",)
    assert render(name) == "DataFrame.astype"


@pytest.mark.parametrize("value", ["plain", 'with "quotes"', "it's", "new\nline", "back\\slash", "both \"'"])
def test_strings_survive(value: str) -> None:
    assert eval(render(value)) == value


def test_long_calls_are_broken_over_lines() -> None:
    source = render(call("m", "f", *["word" * 5] * 8))
    assert max(map(len, source.splitlines())) <= 100
    assert source.splitlines()[0] == "f("
